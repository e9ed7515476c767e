package term

import (
	"fmt"
	"strings"

	"github.com/weirhq/weir/internal/safetext"
)

// Column is one column of a table. Flexible columns (names, texts) share what is
// left of a terminal's width; fixed ones (numbers, states) are never cut.
type Column struct {
	Name     string
	Right    bool
	Flexible bool
}

// Table is a header and rows of cells. A cell is a string, a number, a [Text] or
// nil; nil prints as "-", which always means "not known or not there".
type Table struct {
	Columns []Column
	Rows    [][]any
}

// NewTable builds columns from a short form: "NAME*" is flexible, ">LAG" is
// right-aligned.
func NewTable(cols ...string) *Table {
	t := &Table{Columns: make([]Column, len(cols))}
	for i, c := range cols {
		name, flexible := strings.CutSuffix(c, "*")
		name, right := strings.CutPrefix(name, ">")
		t.Columns[i] = Column{Name: name, Right: right, Flexible: flexible}
	}
	return t
}

// Row adds a row; missing cells are nil.
func (t *Table) Row(cells ...any) {
	row := make([]any, len(t.Columns))
	copy(row, cells)
	t.Rows = append(t.Rows, row)
}

const gutter = 2

// minFlexible is the width below which a flexible column is not cut further.
const minFlexible = 8

// Table writes t, cut to the page's width if it has one.
func (p *Page) Table(t *Table) {
	if len(t.Rows) == 0 {
		return
	}
	texts := make([][]Text, 0, len(t.Rows)+1)
	head := make([]Text, len(t.Columns))
	for i, c := range t.Columns {
		head[i] = Text{Bold, c.Name}
	}
	texts = append(texts, head)
	for _, row := range t.Rows {
		line := make([]Text, len(row))
		for i, c := range row {
			line[i] = p.cell(c)
		}
		texts = append(texts, line)
	}
	widths := p.widths(t.Columns, texts)
	tail := "…"
	if !p.Unicode {
		tail = "~"
	}
	for _, line := range texts {
		var b strings.Builder
		for i, c := range line {
			s := c.S
			if width(s) > widths[i] {
				s = cut(s, widths[i], tail)
			}
			pad := strings.Repeat(" ", widths[i]-width(s))
			styled := c.Style.apply(s)
			switch {
			case t.Columns[i].Right:
				b.WriteString(pad + styled)
			default:
				b.WriteString(styled + pad)
			}
			if i < len(line)-1 {
				b.WriteString(strings.Repeat(" ", gutter))
			}
		}
		p.buf.WriteString(strings.TrimRight(b.String(), " "))
		p.buf.WriteByte('\n')
	}
}

// widths gives every column what it needs. If that is too much for the page, the
// flexible columns are lowered to a common level, the widest first, so that a
// short name is not cut because a long one stands beside it.
func (p *Page) widths(cols []Column, lines [][]Text) []int {
	w := make([]int, len(cols))
	for _, line := range lines {
		for i, c := range line {
			w[i] = max(w[i], width(c.S))
		}
	}
	if p.Width == 0 {
		return w
	}
	total := gutter * (len(cols) - 1)
	for _, n := range w {
		total += n
	}
	for over := total - p.Width; over > 0; over-- {
		widest := -1
		for i, c := range cols {
			if c.Flexible && w[i] > max(minFlexible, width(c.Name)) && (widest < 0 || w[i] > w[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			break
		}
		w[widest]--
	}
	return w
}

// cell turns a value into text: neutralised, numbers grouped for people. What is not
// known, nil or a pointer to nothing, is a dash.
func (p *Page) cell(v any) Text {
	switch c := v.(type) {
	case nil:
		return Text{Faint, "-"}
	case Text:
		return Text{c.Style, safetext.Neutralise(c.S)}
	case string:
		if c == "" {
			return Text{Faint, "-"}
		}
		return Text{Plain, safetext.Neutralise(c)}
	case int:
		return Text{Plain, p.Int(int64(c))}
	case int32:
		return Text{Plain, p.Int(int64(c))}
	case int64:
		return Text{Plain, p.Int(c)}
	case *int64:
		return pointed(p, c)
	case *int32:
		return pointed(p, c)
	case *int:
		return pointed(p, c)
	case *string:
		return pointed(p, c)
	}
	return Text{Plain, safetext.Neutralise(fmt.Sprint(v))}
}

func pointed[T any](p *Page, v *T) Text {
	if v == nil {
		return p.cell(nil)
	}
	return p.cell(*v)
}

// tsv writes t for programs: exact numbers, no padding, escapes for tabs.
func (t *Table) tsv(p *Page) {
	names := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		names[i] = c.Name
	}
	p.buf.WriteString(strings.Join(names, "\t") + "\n")
	plain := &Page{}
	for _, row := range t.Rows {
		cells := make([]string, len(row))
		for i, c := range row {
			cells[i] = plain.cell(c).S
		}
		p.buf.WriteString(strings.Join(cells, "\t") + "\n")
	}
}
