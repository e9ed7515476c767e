package term

import (
	"bufio"
	"context"
	"errors"
	"io"
	"strings"

	"github.com/weirhq/weir/internal/safetext"
)

// Interactive reports whether a question can be asked: a terminal on standard
// input and standard error, and no --no-input.
func (s *Screen) Interactive() bool { return s.InTTY && s.ErrTTY && !s.noInput }

// ErrNoAnswer says that the question was not answered: end of input.
var ErrNoAnswer = errors.New("no answer")

// Ask prints the question on standard error and reads one line. It returns when
// ctx ends, too; the caller has checked [Screen.Interactive].
func (s *Screen) Ask(ctx context.Context, question string) (string, error) {
	p := s.page(0)
	p.Printf("%s ", question)
	_, _ = s.Err().Write(p.buf.Bytes())
	type answer struct {
		line string
		err  error
	}
	ch := make(chan answer, 1)
	go func() { // a read from a terminal cannot be interrupted; it ends with the process
		line, err := bufio.NewReader(s.in).ReadString('\n')
		ch <- answer{line, err}
	}()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case a := <-ch:
		if a.err != nil && (!errors.Is(a.err, io.EOF) || a.line == "") {
			return "", ErrNoAnswer
		}
		return strings.TrimSpace(a.line), nil
	}
}

// Confirm asks a question whose default is no; only the word yes agrees.
func (s *Screen) Confirm(ctx context.Context, question string) (bool, error) {
	a, err := s.Ask(ctx, question+" Type yes to go on:")
	if errors.Is(err, ErrNoAnswer) {
		return false, nil
	}
	return a == "yes", err
}

// ConfirmName asks for a name to be typed, for acts that cannot be undone.
func (s *Screen) ConfirmName(ctx context.Context, question, name string) (bool, error) {
	a, err := s.Ask(ctx, question+" Type "+safetext.Neutralise(name)+" to go on:")
	if errors.Is(err, ErrNoAnswer) {
		return false, nil
	}
	return a == name, err
}
