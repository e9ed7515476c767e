//go:build unix

package cmd

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"github.com/weirhq/weir/internal/term"
)

// A connection that is lost ends a run as cleanly as ^C; what is left open holds up readers.
func TestHangupInterrupts(t *testing.T) {
	if signal.Ignored(syscall.SIGHUP) {
		t.Skip("run by nohup, which weir heeds")
	}
	ctx, stop := signals(term.New(strings.NewReader(""), io.Discard, io.Discard, lookup(nil)))
	defer stop()
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	<-ctx.Done()
	if cause := context.Cause(ctx); !errors.Is(cause, errInterrupted) {
		t.Errorf("ended by %v", cause)
	}
}
