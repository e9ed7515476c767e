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

// Rest ends a line that Printf began. Its parts follow as long as they fit the page,
// three columns apart; one that does not fit starts a line of its own behind indent
// columns and is broken between words. Words are never cut, so that names can be
// copied, and a page without a width has no line breaks at all.
func (p *Page) Rest(indent int, parts ...any) { p.rest(indent, 3, parts) }

// Words is Rest with parts one column apart, as in a sentence.
func (p *Page) Words(indent int, parts ...any) { p.rest(indent, 1, parts) }

func (p *Page) rest(indent, gap int, parts []any) {
	for _, part := range parts {
		t, ok := part.(Text)
		if !ok {
			t = In(Plain, fmt.Sprint(part))
		}
		t.S = strings.TrimSpace(t.String())
		if t.S != "" {
			p.part(indent, gap, t)
		}
	}
	p.buf.WriteByte('\n')
}

func (p *Page) part(indent, gap int, t Text) {
	at, before := p.column(), strings.Repeat(" ", gap)
	fresh := "\n" + strings.Repeat(" ", indent)
	switch {
	case at == 0:
		at, before = indent, fresh[1:]
	case p.Width > 0 && gap > 1 && at > indent && at+gap+width(t.S) > p.Width:
		at, before = indent, fresh
	default:
		at += gap
	}
	for {
		line, rest := p.fill(t.S, at, indent)
		if line != "" {
			p.buf.WriteString(before + t.Style.apply(line))
		}
		if rest == "" {
			return
		}
		at, before, t.S = indent, fresh, rest
	}
}

// fill takes the words of s that fit a line that begins at a column. On a line of its
// own there is always one.
func (p *Page) fill(s string, at, indent int) (line, rest string) {
	words := strings.Fields(s)
	if p.Width == 0 {
		return strings.Join(words, " "), ""
	}
	n := 0
	for i := range words {
		next := strings.Join(words[:i+1], " ")
		if at+width(next) > p.Width && (n > 0 || at > indent) {
			break
		}
		line, n = next, i+1
	}
	return line, strings.Join(words[n:], " ")
}

// column is where the current line ends.
func (p *Page) column() int {
	b := p.buf.Bytes()
	return width(string(b[bytes.LastIndexByte(b, '\n')+1:]))
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
