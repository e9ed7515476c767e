// Package term is the only place that writes to a terminal.
//
// Its rules:
//
//   - Standard output carries results, standard error everything else.
//   - Results never depend on the terminal; only decoration does.
//   - Colour is decided once a stream: --color, NO_COLOR, CLICOLOR_FORCE, CLICOLOR,
//     TERM=dumb, then whether the stream is a terminal. Sixteen ANSI colours, bold
//     and faint; colour never carries meaning alone.
//   - Text from outside (records, broker messages, catalogs) is neutralised before
//     it is printed: see package safetext. A [Page] does so by construction.
//   - A table is cut only on a terminal, never in a pipe.
//   - Progress is for people: on a terminal one line that goes away, else a log
//     line now and then.
//   - Questions need a terminal on both ends and default to no.
//
// It decides how a report becomes bytes; it refuses to know what a report means.
// The two types to know are [Screen] and [Page].
package term

import (
	"io"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/charmbracelet/colorprofile"
	xterm "golang.org/x/term"

	"github.com/weirhq/weir/internal/safetext"
)

// Env looks up an environment variable; an unset one is empty.
type Env func(name string) string

// Screen is the three streams of a run and what is known about them.
type Screen struct {
	in       io.Reader
	out, err io.Writer
	env      Env
	// OutTTY, ErrTTY and InTTY say whether the stream is a terminal.
	OutTTY, ErrTTY, InTTY bool
	noInput, quiet        bool
	unicode               bool
	outStyled, errStyled  io.Writer
	outProfile            colorprofile.Profile
	progress              *progressLine
	restore               atomic.Pointer[func()]
}

// New looks at the streams. Colours follow [Screen.Configure], which the program
// calls again once the flags are known.
func New(in io.Reader, out, errw io.Writer, env Env) *Screen {
	s := &Screen{in: in, out: out, err: errw, env: env, InTTY: isTTY(in), OutTTY: isTTY(out), ErrTTY: isTTY(errw)}
	s.progress = &progressLine{s: s}
	s.unicode = utf8Locale(env)
	s.Configure("auto", false, false)
	return s
}

// Configure applies --color (auto, always, never), --quiet and --no-input.
func (s *Screen) Configure(color string, quiet, noInput bool) {
	s.quiet, s.noInput = quiet, noInput
	s.outProfile = profile(color, s.env, s.OutTTY)
	s.outStyled = &colorprofile.Writer{Forward: s.out, Profile: s.outProfile}
	s.errStyled = &colorprofile.Writer{Forward: s.err, Profile: profile(color, s.env, s.ErrTTY)}
}

// profile decides the colours of one stream. The library's own detection is not
// used: it reads NO_COLOR=yes as false, ignores CLICOLOR=0, and lets
// CLICOLOR_FORCE beat NO_COLOR in a pipe.
func profile(color string, env Env, tty bool) colorprofile.Profile {
	switch {
	case color == "always":
		return colorprofile.ANSI
	case color == "never", env("NO_COLOR") != "":
		return colorprofile.NoTTY
	case env("CLICOLOR_FORCE") != "" && env("CLICOLOR_FORCE") != "0":
		return colorprofile.ANSI
	case env("CLICOLOR") == "0", env("TERM") == "dumb", !tty:
		return colorprofile.NoTTY
	}
	return colorprofile.ANSI
}

// fder is what a stream must offer to be a terminal at all.
type fder interface{ Fd() uintptr }

func isTTY(stream any) bool {
	f, ok := stream.(fder)
	return ok && xterm.IsTerminal(int(f.Fd()))
}

func utf8Locale(env Env) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := env(name); v != "" {
			v = strings.ToLower(v)
			return strings.Contains(v, "utf-8") || strings.Contains(v, "utf8")
		}
	}
	// Nothing is set in most containers and CI runners; their logs are UTF-8.
	return true
}

// Width is the number of columns results may use; 0 means no limit, which is the case
// in a pipe. A terminal that does not tell has COLUMNS, else 80.
func (s *Screen) Width() int {
	if f, ok := s.out.(fder); ok && s.OutTTY {
		if w, _, err := xterm.GetSize(int(f.Fd())); err == nil && w > 0 {
			return w
		}
	}
	if n, err := strconv.Atoi(s.env("COLUMNS")); err == nil && n > 0 && s.OutTTY {
		return n
	}
	if s.OutTTY {
		return 80
	}
	return 0
}

// height is the number of rows of the terminal, 24 when unknown.
func (s *Screen) height() int {
	if f, ok := s.out.(fder); ok && s.OutTTY {
		if _, h, err := xterm.GetSize(int(f.Fd())); err == nil && h > 0 {
			return h
		}
	}
	return 24
}

// Out is standard output for bytes that are results as they are: exports, plans.
func (s *Screen) Out() io.Writer { return s.out }

// Err is standard error, with the progress line out of the way of every write.
func (s *Screen) Err() io.Writer { return errWriter{s} }

// In is standard input.
func (s *Screen) In() io.Reader { return s.in }

type errWriter struct{ s *Screen }

func (w errWriter) Write(b []byte) (int, error) { return w.s.progress.write(b) }

// Note prints one line for people on standard error, unless --quiet.
func (s *Screen) Note(format string, args ...any) {
	if s.quiet {
		return
	}
	s.Say(format, args...)
}

// Say prints one line on standard error, also with --quiet: warnings and errors.
func (s *Screen) Say(format string, args ...any) {
	p := s.page(0)
	p.Printf(format, args...)
	if b := p.buf.Bytes(); len(b) == 0 || b[len(b)-1] != '\n' {
		p.buf.WriteByte('\n')
	}
	_, _ = s.Err().Write(p.buf.Bytes())
}

// JSONLine writes one line of JSON to standard error: an error, or a log record.
func (s *Screen) JSONLine(b []byte) { _, _ = s.Err().Write(append(safetext.JSON(b), '\n')) }
