package term

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"charm.land/lipgloss/v2"

	"github.com/weirhq/weir/internal/safetext"
)

// Style is a role, not a colour; the palette is decided here, once.
type Style int

// The roles. Bad, Warn and Good always stand beside a word or a mark that says
// the same.
const (
	Plain Style = iota
	Bold
	Faint
	Good
	Warn
	Bad
	Accent
)

var reset = lipgloss.NewStyle()

func (st Style) apply(s string) string {
	if s == "" {
		return s
	}
	switch st {
	case Bold:
		return reset.Bold(true).Render(s)
	case Faint:
		return reset.Faint(true).Render(s)
	case Good:
		return reset.Foreground(lipgloss.Green).Render(s)
	case Warn:
		return reset.Foreground(lipgloss.Yellow).Render(s)
	case Bad:
		return reset.Foreground(lipgloss.Red).Render(s)
	case Accent:
		return reset.Foreground(lipgloss.Cyan).Render(s)
	case Plain:
	}
	return s
}

// Text is a piece of text with a role. As an argument of Printf or a cell of a
// table it is neutralised first and styled after.
type Text struct {
	Style Style
	S     string
}

// String is the neutralised text without its role.
func (t Text) String() string { return safetext.Neutralise(t.S) }

// In gives s the role st.
func In(st Style, s string) Text { return Text{st, s} }

// Page is a piece of output being written. Every argument of its methods is
// neutralised, so a view cannot let a terminal escape through by mistake.
type Page struct {
	buf bytes.Buffer
	// Width is the number of columns, 0 without limit.
	Width int
	// Unicode says whether marks may leave ASCII.
	Unicode bool
	// People is true on a terminal: relative times, grouped digits, binary sizes.
	People bool
}

func (s *Screen) page(width int) *Page {
	return &Page{Width: width, Unicode: s.unicode, People: s.OutTTY}
}

// NewPage returns a page that is not bound to a stream, for tests of views.
func NewPage(width int, people bool) *Page { return &Page{Width: width, Unicode: true, People: people} }

// Plain returns what was written, without colours.
func (p *Page) Plain() string {
	var b bytes.Buffer
	w := stripper(&b)
	_, _ = w.Write(p.buf.Bytes())
	return b.String()
}

// Printf writes formatted text; strings, errors and Stringers among the
// arguments are neutralised. The format itself is trusted.
func (p *Page) Printf(format string, args ...any) {
	for i, a := range args {
		args[i] = safe(a)
	}
	fmt.Fprintf(&p.buf, format, args...)
}

// Line writes formatted text and a line break.
func (p *Page) Line(format string, args ...any) {
	p.Printf(format, args...)
	p.buf.WriteByte('\n')
}

// Block writes text of several lines, each behind indent.
func (p *Page) Block(indent, text string) {
	for line := range strings.SplitSeq(safetext.NeutraliseLines(strings.TrimRight(text, "\n")), "\n") {
		p.buf.WriteString(strings.TrimRight(indent+line, " "))
		p.buf.WriteByte('\n')
	}
}

// Mark returns the sign for a state: "ok", "fail", "warn", "add", "change",
// "delete", "keep", "skip". ASCII where the locale is not UTF-8.
func (p *Page) Mark(state string) Text {
	m, ok := marks[state]
	if !ok {
		return Text{Plain, "?"}
	}
	if p.Unicode {
		return Text{m.style, m.unicode}
	}
	return Text{m.style, m.ascii}
}

var marks = map[string]struct {
	style          Style
	unicode, ascii string
}{
	"ok":     {Good, "✓", "ok"},
	"fail":   {Bad, "✗", "x"},
	"warn":   {Warn, "!", "!"},
	"add":    {Good, "+", "+"},
	"change": {Warn, "~", "~"},
	"delete": {Bad, "-", "-"},
	"keep":   {Faint, ".", "."},
	"skip":   {Faint, "-", "-"},
}

func safe(a any) any {
	switch v := a.(type) {
	case Text:
		return v.Style.apply(safetext.Neutralise(v.S))
	case string:
		return safetext.Neutralise(v)
	case []byte:
		return safetext.Neutralise(string(v))
	case error:
		return safetext.Neutralise(v.Error())
	case fmt.Stringer:
		return safetext.Neutralise(v.String())
	case []string:
		out := make([]string, len(v))
		for i, s := range v {
			out[i] = safetext.Neutralise(s)
		}
		return out
	}
	return a
}

func (p *Page) writeTo(w io.Writer) error {
	_, err := w.Write(p.buf.Bytes())
	return err
}
