package term

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/charmbracelet/colorprofile"
	xterm "golang.org/x/term"
)

// errWidth is the width of the terminal on standard error, 80 when unknown.
func (s *Screen) errWidth() int {
	if f, ok := s.err.(fder); ok {
		if w, _, err := xterm.GetSize(int(f.Fd())); err == nil && w > 0 {
			return w
		}
	}
	return 80
}

const (
	enterScreen = "\x1b[?1049h\x1b[?25l"
	leaveScreen = "\x1b[?25h\x1b[?1049l"
	beginFrame  = "\x1b[?2026h\x1b[H"
	endFrame    = "\x1b[J\x1b[?2026l"
	clearToEOL  = "\x1b[K"
)

// Watch calls frame every interval until ctx ends or, on a terminal, until q is
// pressed. On a terminal each frame replaces the last one on the alternate screen,
// which is left again however Watch ends; in a pipe the frames follow each other,
// a blank line between them. frame is a pure drawing of the newest report.
func (s *Screen) Watch(ctx context.Context, every time.Duration, frame func(ctx context.Context, p *Page) error) error {
	if !s.OutTTY || s.env("TERM") == "dumb" {
		return s.watchPlain(ctx, every, frame)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	cooked := func() {}
	if s.Interactive() {
		if f, ok := s.in.(fder); ok {
			if old, err := xterm.MakeRaw(int(f.Fd())); err == nil {
				cooked = func() { _ = xterm.Restore(int(f.Fd()), old) }
				go s.quitKey(stop)
			}
		}
	}
	restore := sync.OnceFunc(func() {
		_ = writeAll(s.out, []byte(leaveScreen))
		cooked()
	})
	s.restore.Store(&restore)
	defer restore()
	if err := writeAll(s.out, []byte(enterScreen)); err != nil {
		return ignorePipe(err)
	}
	return ticks(ctx, every, func() error {
		p := s.page(s.Width())
		if err := frame(ctx, p); err != nil {
			return err
		}
		var body bytes.Buffer // colours are settled first: the painter's own sequences must stay
		if err := p.writeTo(&colorprofile.Writer{Forward: &body, Profile: s.outProfile}); err != nil {
			return err
		}
		return ignorePipe(writeAll(s.out, paint(body.Bytes(), s.height())))
	})
}

// Restore gives the terminal back as it was, for a program that ends at once while a
// watch is on. It may be called from any goroutine.
func (s *Screen) Restore() {
	if f := s.restore.Load(); f != nil {
		(*f)()
	}
}

// paint fits a frame to the screen and clears what the last one left behind. Of a frame
// that is too long the last line stays, which sums up, and one says how much is not there.
func paint(b []byte, rows int) []byte {
	lines := bytes.Split(bytes.TrimRight(b, "\n"), []byte("\n"))
	if over := len(lines) - rows; over > 0 && rows > 2 {
		note := fmt.Appendf(nil, "... %d more lines ...", over+1)
		lines = append(lines[:rows-2:rows-2], note, lines[len(lines)-1])
	} else if over > 0 {
		lines = lines[:rows]
	}
	var out bytes.Buffer
	out.WriteString(beginFrame)
	for i, l := range lines {
		out.Write(l)
		out.WriteString(clearToEOL)
		if i < len(lines)-1 {
			out.WriteString("\r\n")
		}
	}
	out.WriteString(endFrame)
	return out.Bytes()
}

func (s *Screen) watchPlain(ctx context.Context, every time.Duration, frame func(ctx context.Context, p *Page) error) error {
	first := true
	return ticks(ctx, every, func() error {
		p := s.page(s.Width())
		if !first {
			p.Line("")
		}
		first = false
		if err := frame(ctx, p); err != nil {
			return err
		}
		return s.flush(p)
	})
}

// ticks runs f now and every interval. The end of ctx is no error: it is how a
// watch is ended.
func ticks(ctx context.Context, every time.Duration, f func() error) error {
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		if err := f(); err != nil {
			if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
				return nil
			}
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}

// quitKey ends the watch on q, Q or ^C, which a raw terminal delivers as a byte.
func (s *Screen) quitKey(stop func()) {
	r := bufio.NewReader(s.in)
	for {
		b, err := r.ReadByte()
		if err != nil {
			return
		}
		if b == 'q' || b == 'Q' || b == 3 {
			stop()
			return
		}
	}
}
