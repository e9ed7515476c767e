//go:build unix

package term

import (
	"context"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	xterm "golang.org/x/term"
)

// A program that ends in the middle of a watch can still give the terminal back.
func TestRestoreInTheMiddleOfAWatch(t *testing.T) {
	user, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer user.Close()
	before, err := xterm.GetState(int(tty.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	s := New(tty, tty, tty, func(string) string { return "" })
	hanging, release := make(chan struct{}), make(chan struct{})
	ended := make(chan error, 1)
	go func() {
		ended <- s.Watch(t.Context(), time.Hour, func(context.Context, *Page) error {
			close(hanging)
			<-release
			return context.Canceled
		})
	}()
	<-hanging
	if raw, _ := xterm.GetState(int(tty.Fd())); reflect.DeepEqual(raw, before) {
		t.Error("a watch does not take the keys raw")
	}
	s.Restore()
	if after, _ := xterm.GetState(int(tty.Fd())); !reflect.DeepEqual(after, before) {
		t.Errorf("the terminal's state is %v, it was %v", after, before)
	}
	close(release)
	<-ended
	const end = "the end"
	if _, err := io.WriteString(tty, end); err != nil {
		t.Fatal(err)
	}
	var out string
	for buf := make([]byte, 4096); !strings.HasSuffix(out, end); {
		n, err := user.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		out += string(buf[:n])
	}
	if n := strings.Count(out, leaveScreen); n != 1 || !strings.HasPrefix(out, enterScreen) {
		t.Errorf("the alternate screen was left %d times: %q", n, out)
	}
}
