//go:build unix

package cmd

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/demo/broker"
)

// terminal is the real binary on a pseudo-terminal of 100 by 30.
type terminal struct {
	t    *testing.T
	cmd  *exec.Cmd
	f    *os.File
	done chan struct{}

	mu  sync.Mutex
	out bytes.Buffer
}

func onTerminal(t *testing.T, b *broker.Broker, env []string, args ...string) *terminal {
	t.Helper()
	c := exec.Command(os.Args[0], args...)
	c.Args[0] = "weir" // TestMain makes the test binary weir by this name
	c.Dir = t.TempDir()
	c.Env = append([]string{
		"HOME=" + c.Dir, "XDG_STATE_HOME=" + c.Dir, "LANG=C.UTF-8", "TERM=xterm-256color", "PATH=" + os.Getenv("PATH"),
		"WEIR_BROKERS=" + strings.Join(b.Addrs(), ","),
	}, env...)
	f, err := pty.StartWithSize(c, &pty.Winsize{Cols: 100, Rows: 30})
	if err != nil {
		t.Fatal(err)
	}
	x := &terminal{t: t, cmd: c, f: f, done: make(chan struct{})}
	t.Cleanup(func() { _ = c.Process.Kill(); _ = f.Close() })
	go func() {
		defer close(x.done)
		buf := make([]byte, 4096)
		for {
			n, err := f.Read(buf) // ends with EIO when the program closes its side
			x.mu.Lock()
			x.out.Write(buf[:n])
			x.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return x
}

func (x *terminal) screen() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.out.String()
}

// shows waits until text has been written.
func (x *terminal) shows(text string) {
	x.t.Helper()
	for deadline := time.Now().Add(time.Minute); !strings.Contains(x.screen(), text); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			x.t.Fatalf("the terminal does not show %q:\n%q", text, x.screen())
		}
	}
}

func (x *terminal) types(keys string) {
	x.t.Helper()
	if _, err := io.WriteString(x.f, keys); err != nil {
		x.t.Fatal(err)
	}
}

// ends waits for the program and wants this exit code.
func (x *terminal) ends(code int) string {
	x.t.Helper()
	err := x.cmd.Wait()
	if e, ok := errors.AsType[*exec.ExitError](err); !ok && err != nil {
		x.t.Fatal(err)
	} else if got := x.cmd.ProcessState.ExitCode(); got != code {
		x.t.Fatalf("exit code %d (%v), want %d:\n%s", got, e, code, x.screen())
	}
	<-x.done
	return x.screen()
}

// shop is an embedded broker with one topic, and what reads it.
func shop(t *testing.T) (*broker.Broker, *kadm.Client) {
	t.Helper()
	b, err := broker.Start(broker.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	cl, err := kgo.NewClient(kgo.SeedBrokers(b.Addrs()...), kgo.MetadataMinAge(10*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	adm := kadm.NewClient(cl)
	if _, err := adm.CreateTopic(t.Context(), 1, 1, nil, "orders"); err != nil {
		t.Fatal(err)
	}
	return b, adm
}

func exists(t *testing.T, adm *kadm.Client, topic string) bool {
	t.Helper()
	ts, err := adm.ListTopics(kadm.WithAuthorizedOps(context.Background()), topic)
	if err != nil {
		t.Fatal(err)
	}
	return ts.Has(topic)
}

func retention(t *testing.T, adm *kadm.Client) string {
	t.Helper()
	cs, err := adm.DescribeTopicConfigs(t.Context(), "orders")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cs[0].Configs {
		if c.Key == "retention.ms" {
			return c.MaybeValue()
		}
	}
	return ""
}

// A severe act wants the name, letter by letter.
func TestTerminalTypedName(t *testing.T) {
	t.Parallel()
	b, adm := shop(t)
	for _, answer := range []string{"", "y", "yes", "Orders", "orders."} {
		x := onTerminal(t, b, nil, "topic", "delete", "orders")
		x.shows("Type orders to go on:")
		x.types(answer + "\r")
		if out := x.ends(2); !strings.Contains(out, "nothing was changed") || !exists(t, adm, "orders") {
			t.Fatalf("the answer %q deleted the topic or did not say that it did not:\n%s", answer, out)
		}
	}
	x := onTerminal(t, b, nil, "topic", "delete", "orders")
	x.shows("Type orders to go on:")
	x.types("orders\r")
	if x.ends(0); exists(t, adm, "orders") {
		t.Error("the topic was confirmed and is still there")
	}
}

// A plain act wants the word yes; everything else is no.
func TestTerminalDefaultIsNo(t *testing.T) {
	t.Parallel()
	b, adm := shop(t)
	before := retention(t, adm)
	for _, answer := range []string{"\r", "y\r", "no\r", "\x04"} {
		x := onTerminal(t, b, nil, "topic", "alter", "orders", "--set", "retention.ms=1209600000")
		x.shows("Type yes to go on:")
		x.types(answer)
		if out := x.ends(2); !strings.Contains(out, "nothing was changed") || retention(t, adm) != before {
			t.Fatalf("the answer %q changed something:\n%s", answer, out)
		}
	}
	x := onTerminal(t, b, nil, "topic", "alter", "orders", "--set", "retention.ms=1209600000")
	x.shows("Type yes to go on:")
	x.types("yes\r")
	if x.ends(0); retention(t, adm) != "1209600000" {
		t.Error("yes did not change the topic")
	}
}

// What was empty when the question was asked, and is not when it is answered, stays.
func TestTerminalLooksAgain(t *testing.T) {
	t.Parallel()
	b, adm := shop(t)
	doc := filepath.Join(t.TempDir(), "orders.yaml")
	if err := os.WriteFile(doc, []byte(`{asyncapi: 3.0.0, info: {title: Orders, version: 1.0.0}, channels: {orders: {address: orders, x-lifecycle: retired}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	x := onTerminal(t, b, nil, "apply", "--prune", "topic", doc)
	x.shows("Type orders to go on:")
	cl, err := kgo.NewClient(kgo.SeedBrokers(b.Addrs()...))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: "orders", Value: []byte("v")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	x.types("orders\r")
	if out := x.ends(2); !strings.Contains(out, "1 step destroys data, nothing was changed") || !exists(t, adm, "orders") {
		t.Errorf("%s", out)
	}
	x = onTerminal(t, b, nil, "apply", "--prune", "topic", "--allow-data-loss", doc)
	x.shows("Type orders to go on:")
	if _, err := adm.DeleteTopic(t.Context(), "orders"); err != nil {
		t.Fatal(err)
	}
	if _, err := adm.CreateTopic(t.Context(), 1, 1, nil, "orders"); err != nil {
		t.Fatal(err)
	}
	x.types("orders\r")
	if out := x.ends(3); !strings.Contains(out, "The plan is stale, nothing was changed") || !exists(t, adm, "orders") {
		t.Errorf("%s", out)
	}
}

// ^C at a question is an interruption, and changes nothing.
func TestTerminalInterruptedQuestion(t *testing.T) {
	t.Parallel()
	b, adm := shop(t)
	x := onTerminal(t, b, nil, "topic", "delete", "orders")
	x.shows("Type orders to go on:")
	x.types("\x03")
	if out := x.ends(exitInterrupted); !strings.Contains(out, "interrupted") || !exists(t, adm, "orders") {
		t.Errorf("%s", out)
	}
}

// A terminal would act on a message's bytes: they go to a file, or the witness is shown as text.
func TestTerminalKeepsBinaryOut(t *testing.T) {
	t.Parallel()
	b, _ := shop(t)
	x := onTerminal(t, b, nil, "compat", "witness", "v1.proto", "v2.proto", "--binary")
	if out := x.ends(2); !strings.Contains(out, "--binary does not print to a terminal") {
		t.Errorf("%s", out)
	}
}

// --no-input asks nothing on a terminal either.
func TestTerminalNoInput(t *testing.T) {
	t.Parallel()
	b, adm := shop(t)
	out := onTerminal(t, b, nil, "topic", "delete", "orders", "--no-input").ends(2)
	if strings.Contains(out, "Type orders") || !strings.Contains(out, "--confirm orders") || !exists(t, adm, "orders") {
		t.Errorf("%s", out)
	}
}

// Colours follow the flag, then NO_COLOR, CLICOLOR_FORCE, CLICOLOR and TERM; sixteen
// of them at most, and none in a pipe.
func TestTerminalColours(t *testing.T) {
	t.Parallel()
	b, _ := shop(t)
	for _, c := range []struct {
		name     string
		env      []string
		args     []string
		coloured bool
	}{
		{"by default", nil, nil, true},
		{"NO_COLOR", []string{"NO_COLOR=1"}, nil, false},
		{"an empty NO_COLOR counts for nothing", []string{"NO_COLOR="}, nil, true},
		{"CLICOLOR=0", []string{"CLICOLOR=0"}, nil, false},
		{"CLICOLOR_FORCE wins over CLICOLOR", []string{"CLICOLOR=0", "CLICOLOR_FORCE=1"}, nil, true},
		{"NO_COLOR wins over CLICOLOR_FORCE", []string{"NO_COLOR=1", "CLICOLOR_FORCE=1"}, nil, false},
		{"TERM=dumb", []string{"TERM=dumb"}, nil, false},
		{"the flag wins", []string{"NO_COLOR=1"}, []string{"--color", "always"}, true},
		{"the flag wins the other way", []string{"CLICOLOR_FORCE=1"}, []string{"--color=never"}, false},
	} {
		for _, args := range [][]string{{"--help"}, {"topic", "list"}} {
			out := onTerminal(t, b, c.env, append(args, c.args...)...).ends(0)
			if got := strings.Contains(out, "\x1b["); got != c.coloured {
				t.Errorf("%s: weir %s: escape sequences %v, want %v:\n%q", c.name, strings.Join(args, " "), got, c.coloured, out)
			}
			if strings.Contains(out, "\x1b[38;") || strings.Contains(out, "\x1b[48;") {
				t.Errorf("%s: more than sixteen colours:\n%q", c.name, out)
			}
		}
	}
}

// The progress line is repainted in place and gone at the end.
func TestTerminalProgress(t *testing.T) {
	t.Parallel()
	b, _ := shop(t)
	args := []string{"demo", "produce", "--create-topics", "--count", "150", "--rate", "150"}
	const erase = "\r\x1b[2K"
	out := onTerminal(t, b, nil, args...).ends(0)
	if n := strings.Count(out, erase+"orders "); n < 2 {
		t.Errorf("%d progress lines were painted:\n%q", n, out)
	}
	if _, last, _ := cutLast(out, erase); strings.Contains(last, "/s") || !strings.Contains(last, "150 orders acknowledged") {
		t.Errorf("the line is not erased before the result:\n%q", out)
	}
	for _, quiet := range []struct{ env, args []string }{
		{[]string{"WEIR_NO_ANIMATION=1"}, nil}, {[]string{"TERM=dumb"}, nil}, {nil, []string{"--quiet"}},
	} {
		if out := onTerminal(t, b, quiet.env, append(args, quiet.args...)...).ends(0); strings.Contains(out, erase) {
			t.Errorf("%v: something moves:\n%q", quiet, out)
		}
	}
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// A watch takes the alternate screen and gives it back however it ends.
func TestTerminalWatch(t *testing.T) {
	t.Parallel()
	b, _ := shop(t)
	const enter, leave = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
	for _, c := range []struct {
		name string
		end  func(x *terminal)
		code int
	}{
		{"q", func(x *terminal) { x.types("q") }, 0},
		{"^C", func(x *terminal) { x.types("\x03") }, 0},
		{"SIGTERM", func(x *terminal) { _ = x.cmd.Process.Signal(syscall.SIGTERM) }, 0},
		{"SIGINT", func(x *terminal) { _ = x.cmd.Process.Signal(os.Interrupt) }, 0},
	} {
		x := onTerminal(t, b, nil, "lag", "--watch=50ms")
		x.shows(enter)
		x.shows("\x1b[?2026l") // a whole frame
		before, err := pty.GetsizeFull(x.f)
		if err != nil || before.Cols != 100 {
			t.Fatal(before, err)
		}
		c.end(x)
		out := x.ends(c.code)
		if n := strings.Count(out, enter); n != 1 || !strings.HasSuffix(strings.TrimRight(out, "\r\n"), leave) {
			t.Errorf("%s: the screen is not left as it was:\n%q", c.name, out)
		}
		for line := range strings.SplitSeq(out, "\n") {
			if len(line) > 600 {
				t.Errorf("%s: a line is wider than the terminal: %q", c.name, line)
			}
		}
	}
	// Where no screen can be painted the frames follow each other.
	x := onTerminal(t, b, []string{"TERM=dumb"}, "lag", "--watch=50ms")
	x.shows("\r\n\r\n")
	x.types("\x03")
	if out := x.ends(0); strings.Contains(out, "\x1b") {
		t.Errorf("TERM=dumb gets %q", out)
	}
}

// The second signal ends the program at once, and the terminal is whole again.
func TestTerminalSecondSignal(t *testing.T) {
	t.Parallel()
	b, _ := shop(t)
	x := onTerminal(t, b, nil, "lag", "--watch=50ms")
	x.shows("\x1b[?2026l")
	b.Close() // the next reading waits, so that the first signal has something to cut short
	_ = x.cmd.Process.Signal(os.Interrupt)
	_ = x.cmd.Process.Signal(os.Interrupt)
	begun := time.Now()
	err := x.cmd.Wait()
	<-x.done
	if code := x.cmd.ProcessState.ExitCode(); code != 0 && code != exitInterrupted {
		t.Errorf("exit code %d: %v", code, err)
	}
	if d := time.Since(begun); d > 10*time.Second {
		t.Errorf("two signals took %s", d)
	}
	if out := x.screen(); !strings.Contains(out, "\x1b[?1049l") {
		t.Errorf("the alternate screen stays:\n%q", out)
	}
}

// Metrics on a terminal are for eyes: what their format cannot escape is neutralised.
func TestTerminalMetrics(t *testing.T) {
	t.Parallel()
	b, adm := shop(t)
	var offsets kadm.Offsets
	offsets.AddOffset("orders", 0, 0, -1)
	if err := adm.CommitAllOffsets(t.Context(), evil, offsets); err != nil {
		t.Fatal(err)
	}
	if out := onTerminal(t, b, nil, "lag", "export").ends(0); strings.Contains(out, "\x1b") || !strings.Contains(out, `\x1b]0;owned`) {
		t.Errorf("%q", out)
	}
}
