package jsonschema

import (
	"encoding/binary"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// wordProblem asks for a string: what it has to match and must not match, its length
// in runes, and strings that are taken. max is -1 without a limit.
type wordProblem struct {
	match, avoid []*pattern
	taken        map[string]struct{}
	min, max     int
	// accept is asked last; it knows what no automaton does (formats). nil accepts.
	accept func(string) bool
	// hints are strings worth trying where a pattern is opaque.
	hints []string
}

// answer of a sub-solver. Unsatisfiable is claimed only where it is proved.
type answer int

const (
	unsatisfiable answer = iota
	satisfiable
	unknown
)

// Limits of the product automaton, in states and in steps.
const (
	maxProduct  = 4000
	maxWordWork = 3_000_000
)

// words solves wordProblems; it keeps the automata of the patterns it has met.
type words struct {
	dfas  map[string]*dfa // by pattern text; nil: opaque
	found map[string]found
}

func (w *words) dfa(p *pattern) *dfa {
	if d, ok := w.dfas[p.src]; ok {
		return d
	}
	var d *dfa
	if p.ast != nil {
		d, _ = newDFA(p.ast)
	}
	if w.dfas == nil {
		w.dfas = map[string]*dfa{}
	}
	w.dfas[p.src] = d
	return d
}

// solve returns a string, or why there is none.
func (w *words) solve(p *wordProblem) (string, answer, string) {
	if p.max >= 0 && p.min > p.max {
		return "", unsatisfiable, ""
	}
	p.match, p.avoid = distinctPatterns(p.match), distinctPatterns(p.avoid)
	opaque := ""
	var pos, neg []*dfa
	var regular []*pattern
	for _, re := range p.match {
		if slices.ContainsFunc(p.avoid, func(o *pattern) bool { return o.src == re.src }) {
			return "", unsatisfiable, ""
		}
		if d := w.dfa(re); d != nil {
			pos, regular = append(pos, d), append(regular, re)
		} else {
			opaque = "pattern " + re.src + ": " + re.reason
		}
	}
	for _, re := range p.avoid {
		if d := w.dfa(re); d != nil {
			neg, regular = append(neg, d), append(regular, re)
		} else {
			opaque = "pattern " + re.src + ": " + re.reason
		}
	}
	if opaque == "" && len(pos) == 0 && len(neg) == 0 && p.accept == nil {
		return w.free(p)
	}
	for _, h := range p.hints {
		if p.fits(h) {
			return h, satisfiable, ""
		}
	}
	word, a, reason := w.cached(p, pos, neg, regular)
	switch a {
	case unsatisfiable: // even without the opaque patterns
		return "", unsatisfiable, ""
	case satisfiable:
		if p.fits(word) {
			return word, satisfiable, ""
		}
		if opaque == "" && p.accept == nil {
			opaque = "the automaton and the engine disagree about a pattern"
		}
	case unknown:
		if opaque == "" {
			opaque = reason
		}
	}
	for _, h := range genericWords(p) {
		if p.fits(h) {
			return h, satisfiable, ""
		}
	}
	if opaque == "" {
		opaque = "no string found for the formats"
	}
	return "", unknown, opaque
}

// found is a result of product.
type found struct {
	word   string
	a      answer
	reason string
}

// cached is product, remembered: the same names and patterns come up at every turn.
func (w *words) cached(p *wordProblem, pos, neg []*dfa, regular []*pattern) (string, answer, string) {
	var b []byte
	str := func(s string) {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	b = binary.AppendVarint(binary.AppendVarint(b, int64(p.min)), int64(p.max))
	b = binary.AppendUvarint(b, uint64(len(pos)))
	for _, re := range regular {
		str(re.src)
	}
	for _, s := range slices.Sorted(maps.Keys(p.taken)) {
		str(s)
	}
	f, ok := w.found[string(b)]
	if !ok {
		f.word, f.a, f.reason = w.product(p, pos, neg, regular)
		if w.found == nil {
			w.found = map[string]found{}
		}
		w.found[string(b)] = f
	}
	return f.word, f.a, f.reason
}

// fits asks the engines themselves.
func (p *wordProblem) fits(s string) bool {
	n := utf8.RuneCountInString(s)
	if n < p.min || (p.max >= 0 && n > p.max) {
		return false
	}
	if _, ok := p.taken[s]; ok {
		return false
	}
	for _, re := range p.match {
		if ok, known := re.match(s); !ok || !known {
			return false
		}
	}
	for _, re := range p.avoid {
		if ok, known := re.match(s); ok || !known {
			return false
		}
	}
	return p.accept == nil || p.accept(s)
}

func distinctPatterns(in []*pattern) []*pattern {
	var out []*pattern
	for _, p := range in {
		if !slices.ContainsFunc(out, func(o *pattern) bool { return o.src == p.src }) {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b *pattern) int { return strings.Compare(a.src, b.src) })
	return out
}

// free finds a string by length alone.
func (w *words) free(p *wordProblem) (string, answer, string) {
	// One more candidate than strings are taken is always enough, if there are that many.
	if p.min > 1<<20 {
		return "", unknown, "strings of more than a million characters"
	}
	try := func(s string) bool {
		_, ok := p.taken[s]
		n := utf8.RuneCountInString(s)
		return !ok && n >= p.min && (p.max < 0 || n <= p.max)
	}
	base := strings.Repeat("a", p.min)
	if try(base) {
		return base, satisfiable, ""
	}
	if p.max == 0 {
		return "", unsatisfiable, ""
	}
	for i := range len(p.taken) + 1 {
		s := counter(i)
		if len(s) < p.min {
			s = base[:p.min-len(s)] + s
		}
		if try(s) {
			return s, satisfiable, ""
		}
	}
	for r := rune(0x20); r <= maxRune && (p.min <= 1); r++ {
		if r < 0xd800 || r > 0xdfff {
			if s := string(r); try(s) {
				return s, satisfiable, ""
			}
		}
		if int(r) > 0x20+len(p.taken)+0x900 {
			break
		}
	}
	return "", unknown, "too many strings are excluded"
}

// counter enumerates short words: a, b, … z, aa, ab, …
func counter(i int) string {
	var b []byte
	for {
		b = append(b, byte('a'+i%26))
		if i = i/26 - 1; i < 0 {
			break
		}
	}
	slices.Reverse(b)
	return string(b)
}

// genericWords are tried against patterns no automaton understands, and formats.
func genericWords(p *wordProblem) []string {
	out := []string{
		"", "a", "A", "0", "1", "-", " ", "aA1!", "Aa1!Aa1!Aa1!", "foo", "bar", "foobar", "x1", "12345", "a-b", "a.b", "a b", "\n", "é", "日本", "🐲",
		"2020-02-29T12:00:00Z", "2020-02-29", "12:00:00Z", "P1D", "a@example.com", "example.com", "192.0.2.1", "2001:db8::1",
		"https://example.com/a", "/a", "a/b", "/a/0", "1/a", "{a}", "123e4567-e89b-12d3-a456-426614174000", "%", "\\", "[", "^a$",
	}
	for _, h := range p.hints {
		out = append(out, h+"a", h+"0", h+" ", "a"+h, "0"+h, h+h, strings.ToUpper(h), strings.ToLower(h))
		if _, size := utf8.DecodeLastRuneInString(h); size > 0 {
			out = append(out, h[:len(h)-size])
		}
		if _, size := utf8.DecodeRuneInString(h); size > 0 {
			out = append(out, h[size:])
		}
	}
	for i, s := range out {
		if n := utf8.RuneCountInString(s); n < p.min && p.min < 70_000 && s != "" {
			out[i] = s + strings.Repeat(s[len(s)-1:], p.min-n)
		}
	}
	return out
}

// alphabet is one rune for every class of runes that no pattern tells apart.
func alphabet(regular []*pattern, taken map[string]struct{}) []rune {
	cut := map[rune]bool{0: true, 0xd800: true, 0xe000: true}
	for _, p := range regular {
		boundaries(p.ast, cut)
	}
	if len(taken) <= 1000 {
		for s := range taken {
			for _, r := range s {
				cut[r], cut[r+1] = true, true
			}
		}
	}
	edges := make([]rune, 0, len(cut))
	for r := range cut {
		if r <= maxRune {
			edges = append(edges, r)
		}
	}
	slices.Sort(edges)
	var out []rune
	for i, lo := range edges {
		hi := rune(maxRune)
		if i+1 < len(edges) {
			hi = edges[i+1] - 1
		}
		if lo >= 0xd800 && lo < 0xe000 {
			continue
		}
		out = append(out, nicest(lo, hi))
	}
	// Plain letters first: they end up in what people read.
	slices.SortStableFunc(out, func(a, b rune) int { return plainness(a) - plainness(b) })
	return out
}

func nicest(lo, hi rune) rune {
	for _, r := range []rune{'a', 'b', 'x', '0', '1', 'A', '-', '_', '.', ' ', '!'} {
		if lo <= r && r <= hi {
			return r
		}
	}
	if lo <= 0x20 && hi >= 0x20 {
		return 0x21
	}
	return lo
}

func plainness(r rune) int {
	switch {
	case r >= 'a' && r <= 'z':
		return 0
	case r >= '0' && r <= '9':
		return 1
	case r >= 'A' && r <= 'Z':
		return 2
	case r > 0x20 && r < 0x7f:
		return 3
	case r == 0x20:
		return 4
	case r < 0x20 || r == 0x7f:
		return 6
	}
	return 5
}

// product explores all patterns in step. Unsatisfiable is exact; a word is the
// shortest one, plain letters preferred.
func (w *words) product(p *wordProblem, pos, neg []*dfa, regular []*pattern) (string, answer, string) {
	sigma := alphabet(regular, p.taken)
	trie := len(p.taken) > 0 && len(p.taken) <= 1000
	if len(p.taken) > 1000 {
		// A word that happens to be taken makes the answer unknown, not wrong.
		trie = false
	}
	all := slices.Concat(pos, neg)
	type pstate struct {
		at     []int
		prefix string // what has been read while it is a prefix of a taken string
		live   bool   // prefix still is one
		final  bool
		dead   bool
	}
	prefixes := map[string]bool{}
	if trie {
		for s := range p.taken {
			for i := range s {
				prefixes[s[:i]] = true
			}
			prefixes[s] = true
		}
	}
	var states []pstate
	index := map[string]int{}
	intern := func(s pstate) int {
		var b []byte
		for _, x := range s.at {
			b = binary.AppendUvarint(b, uint64(x))
		}
		if s.live {
			b = append(b, 0xff)
			b = append(b, s.prefix...)
		}
		if i, ok := index[string(b)]; ok {
			return i
		}
		s.final = true
		for i, d := range all {
			if d.states[s.at[i]].final != (i < len(pos)) {
				s.final = false
			}
			// A pattern to avoid that has already matched will match for ever.
			if i >= len(pos) && d.states[s.at[i]].matched {
				s.dead = true
			}
		}
		if s.live {
			if _, ok := p.taken[s.prefix]; ok {
				s.final = false
			}
		}
		states = append(states, s)
		index[string(b)] = len(states) - 1
		return len(states) - 1
	}
	intern(pstate{at: make([]int, len(all)), live: trie && prefixes[""]})
	var next [][]int32
	work := 0
	for i := 0; i < len(states); i++ {
		row := make([]int32, 0, len(sigma))
		if !states[i].dead {
			for _, r := range sigma {
				if work++; work > maxWordWork || len(states) > maxProduct {
					return "", unknown, "patterns too large to compare"
				}
				s := pstate{at: make([]int, len(all))}
				for k, d := range all {
					s.at[k] = d.step(states[i].at[k], r)
					if len(d.states) > maxProduct || d.work > maxWordWork {
						return "", unknown, "patterns too large to compare"
					}
				}
				if states[i].live {
					q := states[i].prefix + string(r)
					if prefixes[q] {
						s.prefix, s.live = q, true
					}
				}
				row = append(row, int32(intern(s)))
			}
		}
		next = append(next, row)
	}
	// Which states can still reach a final one.
	useful := make([]bool, len(states))
	back := make([][]int32, len(states))
	for i, row := range next {
		for _, j := range row {
			back[j] = append(back[j], int32(i))
		}
	}
	var stack []int
	for i, s := range states {
		if s.final {
			useful[i] = true
			stack = append(stack, i)
		}
	}
	for len(stack) > 0 {
		i := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		for _, j := range back[i] {
			if !useful[j] {
				useful[j] = true
				stack = append(stack, int(j))
			}
		}
	}
	if !useful[0] {
		return "", unsatisfiable, ""
	}
	// Layer n is the set of useful states reachable with exactly n runes.
	layer := []int32{0}
	layers := [][]int32{layer}
	seen := map[string]bool{}
	for n := 0; ; n++ {
		if p.max >= 0 && n > p.max {
			return "", unsatisfiable, ""
		}
		if n >= p.min {
			for _, i := range layer {
				if states[i].final {
					word := pathBack(next, layers, int(i), sigma)
					return word, satisfiable, ""
				}
			}
			k := layerKey(layer)
			if seen[k] {
				return "", unsatisfiable, "" // the lengths repeat from here on
			}
			seen[k] = true
		}
		mark := make([]bool, len(states))
		var out []int32
		for _, i := range layer {
			for _, j := range next[i] {
				if work++; useful[j] && !mark[j] {
					mark[j] = true
					out = append(out, j)
				}
			}
		}
		if len(out) == 0 {
			return "", unsatisfiable, ""
		}
		if work > 10*maxWordWork {
			return "", unknown, "strings too long to search"
		}
		slices.Sort(out)
		layer = out
		layers = append(layers, layer)
	}
}

func layerKey(layer []int32) string {
	var b []byte
	for _, i := range layer {
		b = binary.AppendUvarint(b, uint64(i))
	}
	return string(b)
}

// pathBack rebuilds a word of len(layers)-1 runes that ends in state end.
func pathBack(next [][]int32, layers [][]int32, end int, sigma []rune) string {
	out := make([]rune, len(layers)-1)
	for n := len(layers) - 2; n >= 0; n-- {
		best := -1
		for _, i := range layers[n] {
			for k, j := range next[i] {
				if int(j) == end && (best < 0 || k < best) {
					best = k
					out[n] = sigma[k]
					break
				}
			}
			if best == 0 {
				break
			}
		}
		for _, i := range layers[n] {
			if best < len(next[i]) && int(next[i][best]) == end {
				end = int(i)
				break
			}
		}
	}
	return string(out)
}
