package jsonschema

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// reOp is the kind of a regular expression node.
type reOp int

const (
	reEmpty reOp = iota
	reClass      // one rune of a class
	reCat
	reAlt
	reRepeat
	reBegin // ^
	reEnd   // $
)

// reNode is the part of ECMA-262 regular expressions that describes regular
// languages: no look-around, no back-references, no word boundaries.
type reNode struct {
	op       reOp
	class    []rune // pairs lo, hi, sorted, disjoint
	subs     []*reNode
	min, max int // repeat; max -1 is without end
}

// maxRepeat and maxProgram bound what is turned into an automaton.
const (
	maxRepeat  = 1000
	maxProgram = 4000
	maxRune    = 0x10FFFF
)

type reParser struct {
	src []rune
	i   int
	// legacy allows identity escapes and stray braces; it makes no difference to the
	// language of a pattern that is valid without it.
	depth int
}

var errNotRegular = errors.New("not regular")

// parseRegexp reads a pattern. An error means that the pattern can still be matched
// but not reasoned about.
func parseRegexp(src string) (*reNode, error) {
	p := &reParser{src: []rune(src)}
	n, err := p.alt()
	if err != nil {
		return nil, err
	}
	if p.i < len(p.src) {
		return nil, fmt.Errorf("%q at %d", p.src[p.i], p.i)
	}
	return n, nil
}

func (p *reParser) more() bool { return p.i < len(p.src) }

func (p *reParser) peek() rune {
	if p.more() {
		return p.src[p.i]
	}
	return -1
}

func (p *reParser) has(s string) bool {
	return strings.HasPrefix(string(p.src[p.i:min(p.i+8, len(p.src))]), s)
}

func (p *reParser) alt() (*reNode, error) {
	if p.depth++; p.depth > 200 {
		return nil, fmt.Errorf("%w: nested too deep", errNotRegular)
	}
	defer func() { p.depth-- }()
	n := &reNode{op: reAlt}
	for {
		c, err := p.cat()
		if err != nil {
			return nil, err
		}
		n.subs = append(n.subs, c)
		if p.peek() != '|' {
			break
		}
		p.i++
	}
	if len(n.subs) == 1 {
		return n.subs[0], nil
	}
	return n, nil
}

func (p *reParser) cat() (*reNode, error) {
	n := &reNode{op: reCat}
	for p.more() && p.peek() != '|' && p.peek() != ')' {
		t, err := p.term()
		if err != nil {
			return nil, err
		}
		n.subs = append(n.subs, t)
	}
	return n, nil
}

func (p *reParser) term() (*reNode, error) {
	var n *reNode
	var err error
	switch c := p.peek(); c {
	case '^':
		p.i++
		return &reNode{op: reBegin}, nil
	case '$':
		p.i++
		return &reNode{op: reEnd}, nil
	case '(':
		n, err = p.group()
	case '[':
		n, err = p.class()
	case '.':
		p.i++
		n = &reNode{op: reClass, class: negate([]rune{'\n', '\n', '\r', '\r', 0x2028, 0x2029})}
	case '\\':
		n, err = p.escape()
	case '*', '+', '?':
		return nil, errors.New("nothing to repeat")
	default:
		p.i++
		n = oneRune(c)
	}
	if err != nil {
		return nil, err
	}
	return p.quantifier(n)
}

func oneRune(r rune) *reNode { return &reNode{op: reClass, class: []rune{r, r}} }

func (p *reParser) quantifier(n *reNode) (*reNode, error) {
	lo, hi := 0, -1
	switch p.peek() {
	case '*':
		p.i++
	case '+':
		p.i++
		lo = 1
	case '?':
		p.i++
		hi = 1
	case '{':
		end := slices.Index(p.src[p.i:], '}')
		if end < 0 {
			return n, nil
		}
		body := string(p.src[p.i+1 : p.i+end])
		a, b, comma := strings.Cut(body, ",")
		var err error
		if lo, err = strconv.Atoi(a); err != nil || lo < 0 {
			return n, nil //nolint:nilerr // a stray brace is a literal in the legacy syntax
		}
		switch {
		case !comma:
			hi = lo
		case b != "":
			if hi, err = strconv.Atoi(b); err != nil || hi < 0 {
				return n, nil //nolint:nilerr // as above
			}
		}
		p.i += end + 1
	default:
		return n, nil
	}
	if p.peek() == '?' {
		p.i++ // lazy: the same language
	}
	if lo > maxRepeat || hi > maxRepeat {
		return nil, fmt.Errorf("%w: repeats more than %d times", errNotRegular, maxRepeat)
	}
	return &reNode{op: reRepeat, subs: []*reNode{n}, min: lo, max: hi}, nil
}

func (p *reParser) group() (*reNode, error) {
	p.i++
	switch {
	case p.has("?:"):
		p.i += 2
	case p.has("?<=") || p.has("?<!") || p.has("?=") || p.has("?!"):
		return nil, fmt.Errorf("%w: look-around", errNotRegular)
	case p.has("?<"):
		end := slices.Index(p.src[p.i:], '>')
		if end < 0 {
			return nil, errors.New("unclosed group name")
		}
		p.i += end + 1
	case p.has("?"):
		return nil, fmt.Errorf("%w: group modifier", errNotRegular)
	}
	n, err := p.alt()
	if err != nil {
		return nil, err
	}
	if p.peek() != ')' {
		return nil, errors.New("unclosed group")
	}
	p.i++
	return n, nil
}

var (
	classDigit = []rune{'0', '9'}
	classWord  = []rune{'0', '9', 'A', 'Z', '_', '_', 'a', 'z'}
	classSpace = []rune{'\t', '\r', ' ', ' ', 0xa0, 0xa0, 0x1680, 0x1680, 0x2000, 0x200a, 0x2028, 0x2029, 0x202f, 0x202f, 0x205f, 0x205f, 0x3000, 0x3000, 0xfeff, 0xfeff}
)

// escape reads one escape, outside or inside a class.
func (p *reParser) escape() (*reNode, error) {
	set, err := p.escapeSet(false)
	if err != nil {
		return nil, err
	}
	return &reNode{op: reClass, class: set}, nil
}

func (p *reParser) escapeSet(inClass bool) ([]rune, error) {
	p.i++
	if !p.more() {
		return nil, errors.New("trailing backslash")
	}
	c := p.src[p.i]
	p.i++
	one := func(r rune) ([]rune, error) { return []rune{r, r}, nil }
	switch c {
	case 'd':
		return classDigit, nil
	case 'D':
		return negate(classDigit), nil
	case 'w':
		return classWord, nil
	case 'W':
		return negate(classWord), nil
	case 's':
		return classSpace, nil
	case 'S':
		return negate(classSpace), nil
	case 't':
		return one('\t')
	case 'n':
		return one('\n')
	case 'v':
		return one('\v')
	case 'f':
		return one('\f')
	case 'r':
		return one('\r')
	case 'b', 'B':
		if inClass && c == 'b' {
			return one('\b')
		}
		return nil, fmt.Errorf("%w: word boundary", errNotRegular)
	case 'c':
		l := p.peek() | 0x20
		if l < 'a' || l > 'z' {
			return nil, fmt.Errorf("%w: \\c", errNotRegular)
		}
		p.i++
		return one(l - 'a' + 1)
	case 'x':
		return p.hex(2)
	case 'u':
		return p.unicode()
	case 'p', 'P':
		return p.property(c == 'P')
	case '0':
		if d := p.peek(); d >= '0' && d <= '9' {
			return nil, fmt.Errorf("%w: octal escape", errNotRegular)
		}
		return one(0)
	case 'k':
		return nil, fmt.Errorf("%w: back-reference", errNotRegular)
	}
	switch {
	case c >= '1' && c <= '9':
		return nil, fmt.Errorf("%w: back-reference", errNotRegular)
	case c < 0x80 && (unicode.IsLetter(c) || c == '_'):
		return nil, fmt.Errorf("%w: escape \\%c", errNotRegular, c)
	}
	return one(c)
}

func (p *reParser) hex(n int) ([]rune, error) {
	if p.i+n > len(p.src) {
		return nil, fmt.Errorf("%w: short escape", errNotRegular)
	}
	v, err := strconv.ParseUint(string(p.src[p.i:p.i+n]), 16, 32)
	if err != nil {
		return nil, fmt.Errorf("%w: escape without hex digits", errNotRegular)
	}
	p.i += n
	return []rune{rune(v), rune(v)}, nil
}

func (p *reParser) unicode() ([]rune, error) {
	if p.peek() == '{' {
		end := slices.Index(p.src[p.i:], '}')
		if end < 0 {
			return nil, errors.New("unclosed \\u{")
		}
		v, err := strconv.ParseUint(string(p.src[p.i+1:p.i+end]), 16, 32)
		if err != nil || v > maxRune {
			return nil, fmt.Errorf("%w: \\u{", errNotRegular)
		}
		p.i += end + 1
		return []rune{rune(v), rune(v)}, nil
	}
	hi, err := p.hex(4)
	if err != nil || hi[0] < 0xd800 || hi[0] > 0xdfff {
		return hi, err
	}
	if hi[0] > 0xdbff || !p.has(`\u`) {
		return nil, fmt.Errorf("%w: lone surrogate", errNotRegular)
	}
	p.i += 2
	lo, err := p.hex(4)
	if err != nil || lo[0] < 0xdc00 || lo[0] > 0xdfff {
		return nil, fmt.Errorf("%w: lone surrogate", errNotRegular)
	}
	r := (hi[0]-0xd800)<<10 + (lo[0] - 0xdc00) + 0x10000
	return []rune{r, r}, nil
}

func (p *reParser) property(not bool) ([]rune, error) {
	end := slices.Index(p.src[p.i:], '}')
	if p.peek() != '{' || end < 0 {
		return nil, fmt.Errorf("%w: \\p", errNotRegular)
	}
	name := string(p.src[p.i+1 : p.i+end])
	p.i += end + 1
	if long, ok := map[string]string{"Letter": "L", "Uppercase_Letter": "Lu", "Lowercase_Letter": "Ll", "Number": "N", "Decimal_Number": "Nd", "digit": "Nd", "Punctuation": "P", "Mark": "M", "Symbol": "S", "Separator": "Z"}[name]; ok {
		name = long
	}
	t, ok := unicode.Categories[name]
	if !ok || len(name) > 2 {
		return nil, fmt.Errorf("%w: property %s", errNotRegular, name)
	}
	var set []rune
	for _, r := range t.R16 {
		for c := rune(r.Lo); c <= rune(r.Hi); c += rune(r.Stride) {
			set = append(set, c, c)
		}
	}
	for _, r := range t.R32 {
		for c := rune(r.Lo); c <= rune(r.Hi); c += rune(r.Stride) {
			set = append(set, c, c)
		}
	}
	set = normalize(set)
	if not {
		set = negate(set)
	}
	return set, nil
}

func (p *reParser) class() (*reNode, error) {
	p.i++
	not := p.peek() == '^'
	if not {
		p.i++
	}
	var set []rune
	for {
		if !p.more() {
			return nil, errors.New("unclosed class")
		}
		if p.peek() == ']' {
			p.i++
			break
		}
		lo, single, err := p.atom()
		if err != nil {
			return nil, err
		}
		if p.peek() == '-' && p.i+1 < len(p.src) && p.src[p.i+1] != ']' {
			p.i++
			hi, hiSingle, err := p.atom()
			if err != nil {
				return nil, err
			}
			if !single || !hiSingle {
				return nil, fmt.Errorf("%w: range of classes", errNotRegular)
			}
			if lo[0] > hi[0] {
				return nil, errors.New("range out of order")
			}
			set = append(set, lo[0], hi[0])
			continue
		}
		set = append(set, lo...)
	}
	set = normalize(set)
	if not {
		set = negate(set)
	}
	return &reNode{op: reClass, class: set}, nil
}

func (p *reParser) atom() (set []rune, single bool, err error) {
	if p.peek() == '\\' {
		set, err = p.escapeSet(true)
		return set, len(set) == 2 && set[0] == set[1], err
	}
	c := p.src[p.i]
	p.i++
	return []rune{c, c}, true, nil
}

// normalize sorts and joins ranges.
func normalize(set []rune) []rune {
	type span struct{ lo, hi rune }
	spans := make([]span, 0, len(set)/2)
	for i := 0; i+1 < len(set); i += 2 {
		spans = append(spans, span{set[i], set[i+1]})
	}
	slices.SortFunc(spans, func(a, b span) int { return int(a.lo - b.lo) })
	var out []rune
	for _, s := range spans {
		if n := len(out); n > 0 && s.lo <= out[n-1]+1 {
			out[n-1] = max(out[n-1], s.hi)
			continue
		}
		out = append(out, s.lo, s.hi)
	}
	return out
}

// negate is the complement of a normalised set.
func negate(set []rune) []rune {
	var out []rune
	next := rune(0)
	for i := 0; i+1 < len(set); i += 2 {
		if set[i] > next {
			out = append(out, next, set[i]-1)
		}
		next = set[i+1] + 1
	}
	if next <= maxRune {
		out = append(out, next, maxRune)
	}
	return out
}
