package cmd

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/weirhq/weir/commands"
	"github.com/weirhq/weir/internal/term"
)

// timeoutError is what a run ends with when --timeout passes.
type timeoutError struct{ after time.Duration }

func (e timeoutError) Error() string { return "timed out after " + term.Duration(e.after) }

// during says what was waited for as well: the error that the end of the time has made,
// without its own words for that end.
func (e timeoutError) during(err error) string {
	waited := strings.TrimPrefix(err.Error(), e.Error()) // the command may have said it
	for _, end := range []string{context.DeadlineExceeded.Error(), "no answer in time"} {
		waited = strings.TrimSuffix(strings.TrimSuffix(waited, end), ": ")
	}
	if waited == "" {
		return e.Error()
	}
	return e.Error() + ": " + waited
}

func (timeoutError) Code() string { return commands.Timeout }
func (timeoutError) Hint() string { return "give it more time with --timeout" }

// errInterrupted is the cause of a context that ^C has ended.
var errInterrupted = errors.New("interrupted")

// together is how long signals count as one: timeout(1) sends its own to the process and
// to its group, and what runs weir under a terminal may pass on a ^C that weir got as well.
const together = 250 * time.Millisecond

// signals ends the context on the first ^C or SIGTERM, so that the command can
// finish cleanly, and the process on the second. A terminal that is gone (SIGHUP) is no
// reason to leave a transaction open, unless nohup has asked to go on without one.
func signals(screen *term.Screen) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	ch := make(chan os.Signal, 2)
	signal.Notify(ch, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(ch, syscall.SIGHUP)
	}
	done := make(chan struct{})
	go func() {
		select {
		case <-done:
			return
		case <-ch:
			cancel(errInterrupted)
		}
		for first := time.Now(); ; {
			select {
			case <-done:
				return
			case <-ch:
				if time.Since(first) < together {
					continue
				}
				screen.Restore()
				os.Exit(exitInterrupted)
			}
		}
	}()
	return ctx, func() { signal.Stop(ch); close(done); cancel(nil) }
}
