package jsonschema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/weirhq/weir/compat"
)

// messages is how many random messages a property test tries: a few in the ordinary
// run, WEIR_FUZZ_COMPAT of them in `make fuzz-compat`.
func messages(t *testing.T, small int) int {
	t.Helper()
	s := os.Getenv("WEIR_FUZZ_COMPAT")
	if s == "" {
		return small
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatalf("WEIR_FUZZ_COMPAT: %v", err)
	}
	return n
}

// maker makes random schemas and instances from a small vocabulary, so that they
// meet each other, in the dialect of one draft.
type maker struct {
	r     *rand.Rand
	draft int
}

var drafts = map[int]string{
	4: "http://json-schema.org/draft-04/schema#", 6: "http://json-schema.org/draft-06/schema#", 7: "http://json-schema.org/draft-07/schema#",
	2019: "https://json-schema.org/draft/2019-09/schema", 2020: "https://json-schema.org/draft/2020-12/schema",
}

func newMaker(seed uint64) maker {
	m := maker{r: rand.New(rand.NewPCG(seed, 7))}
	m.draft = []int{7, 7, 4, 6, 2019, 2019, 2020, 2020, 2020}[m.r.IntN(9)]
	return m
}

func (m maker) pick(vs ...any) any { return vs[m.r.IntN(len(vs))] }

func (m maker) instance(depth int) any {
	switch n := m.r.IntN(9); {
	case n == 0:
		return nil
	case n == 1:
		return m.r.IntN(2) == 0
	case n <= 3:
		return json.Number([]string{"0", "1", "2", "3", "4", "5", "6", "-1", "0.5", "1.5", "2.5", "10", "1.0"}[m.r.IntN(13)])
	case n <= 5:
		return []string{"", "a", "b", "ab", "aa", "abc", "1", "a1", "aaaa", "é"}[m.r.IntN(10)]
	case n == 6 && depth > 0:
		a := []any{}
		for range m.r.IntN(4) {
			a = append(a, m.instance(depth-1))
		}
		return a
	case depth > 0:
		o := map[string]any{}
		for range m.r.IntN(4) {
			o[[]string{"a", "b", "c", "ab", "zz"}[m.r.IntN(5)]] = m.instance(depth - 1)
		}
		return o
	}
	return json.Number("0")
}

func (m maker) number() json.Number {
	return json.Number([]string{"0", "1", "2", "3", "5", "0.5", "1.5", "-1", "10"}[m.r.IntN(9)])
}

func (m maker) count() json.Number { return json.Number(strconv.Itoa(m.r.IntN(4))) }

func (m maker) list(depth int) []any {
	out := []any{}
	for range 1 + m.r.IntN(3) {
		out = append(out, m.schema(depth))
	}
	return out
}

func (m maker) schema(depth int) any {
	if depth <= 0 {
		switch m.r.IntN(8) {
		case 0:
			return m.boolean(true)
		case 1:
			return m.boolean(false)
		case 2:
			return map[string]any{"$ref": "#/definitions/r"}
		case 3:
			switch m.draft {
			case 2019:
				return m.pick(map[string]any{"$recursiveRef": "#"}, map[string]any{"$ref": "q"})
			case 2020:
				return m.pick(map[string]any{"$dynamicRef": "#d"}, map[string]any{"$ref": "q"})
			}
		}
	}
	s := map[string]any{}
	for range 1 + m.r.IntN(3) {
		m.keyword(s, depth)
	}
	return s
}

// boolean is the schema that accepts everything, or nothing.
func (m maker) boolean(b bool) any {
	switch {
	case m.draft > 4:
		return b
	case b:
		return map[string]any{}
	}
	return map[string]any{"not": map[string]any{}}
}

func (m maker) name() string { return []string{"a", "b", "c", "ab"}[m.r.IntN(4)] }

func (m maker) keyword(s map[string]any, depth int) {
	if depth <= 0 {
		s["type"] = m.pick("string", "number", "integer", "boolean", "null", "array", "object", []any{"string", "null"}, []any{"integer", "object"})
		return
	}
	n := m.r.IntN(34)
	if m.draft >= 2019 {
		n = m.r.IntN(40)
	}
	switch n {
	case 0, 1, 2, 3:
		s["type"] = m.pick("string", "number", "integer", "array", "object", "object", []any{"string", "null"}, []any{"number", "object"})
	case 4:
		s["enum"] = []any{m.instance(1), m.instance(1), m.instance(2)}
	case 5:
		s["const"] = m.instance(2)
	case 6:
		s["minimum"] = m.number()
	case 7:
		s["maximum"] = m.number()
	case 8, 9:
		k, other := "exclusiveMinimum", "minimum"
		if n == 9 {
			k, other = "exclusiveMaximum", "maximum"
		}
		s[k] = m.number()
		if m.draft == 4 {
			s[k], s[other] = m.r.IntN(3) > 0, m.number()
		}
	case 10:
		s["multipleOf"] = json.Number([]string{"1", "2", "3", "0.5", "1.5"}[m.r.IntN(5)])
	case 11:
		s["minLength"] = m.count()
	case 12:
		s["maxLength"] = m.count()
	case 13:
		s["pattern"] = m.pick("^a", "b$", "^a*$", "^[a-c]{2,3}$", "1", `^\w+$`, "a|b", "^$", `\d`, "^(ab)+$", ".")
	case 14, 15, 16:
		p := map[string]any{}
		for range 1 + m.r.IntN(3) {
			p[m.name()] = m.schema(depth - 1)
		}
		s["properties"] = p
	case 17:
		s["patternProperties"] = map[string]any{m.pick("^a", "b", "^[ab]$").(string): m.schema(depth - 1)}
	case 18, 19:
		s["additionalProperties"] = m.schema(depth - 1)
	case 20, 21:
		s["required"] = []any{m.name()}
	case 22:
		// Without dynamic references: the validator forgets the dynamic scope for names.
		s["propertyNames"] = maker{m.r, 7}.schema(depth - 1)
		if m.draft == 4 {
			delete(s, "propertyNames")
		}
	case 23:
		s[m.pick("minProperties", "maxProperties").(string)] = m.count()
	case 24:
		k := "dependencies"
		v := m.pick([]any{m.name()}, m.schema(depth-1))
		if _, list := v.([]any); m.draft >= 2019 && list {
			k = "dependentRequired"
		} else if m.draft >= 2019 {
			k = "dependentSchemas"
		}
		s[k] = map[string]any{m.name(): v}
	case 25:
		s["items"] = m.pick(m.schema(depth-1), m.list(depth-1))
		if m.draft == 2020 {
			s["items"] = m.schema(depth - 1)
		}
	case 26:
		if m.draft == 2020 {
			s["prefixItems"] = m.list(depth - 1)
		} else {
			s["additionalItems"] = m.schema(depth - 1)
		}
	case 27:
		s[m.pick("minItems", "maxItems").(string)] = m.count()
	case 28:
		s[m.pick("uniqueItems", "contains").(string)] = true
		if _, ok := s["contains"]; ok {
			s["contains"] = m.schema(depth - 1)
		}
	case 29:
		s["allOf"] = m.list(depth - 1)
	case 30:
		s["anyOf"] = m.list(depth - 1)
	case 31:
		s["oneOf"] = m.list(depth - 1)
	case 32:
		s["not"] = m.schema(depth - 1)
	case 33:
		s["if"] = m.schema(depth - 1)
		s["then"] = m.schema(depth - 1)
		s["else"] = m.schema(depth - 1)
	case 34, 35, 36:
		s["unevaluatedProperties"] = m.pick(false, m.schema(depth-1))
	case 37, 38:
		s["unevaluatedItems"] = m.pick(false, m.schema(depth-1))
	case 39:
		s["contains"] = m.schema(depth - 1)
		s[m.pick("minContains", "maxContains").(string)] = m.count()
	}
}

// mutate changes one place of a schema, so that the pair is close.
func (m maker) mutate(v any, depth int) any {
	switch v := v.(type) {
	case map[string]any:
		out := clone(v).(map[string]any)
		if m.r.IntN(3) == 0 || len(out) == 0 {
			m.keyword(out, depth)
			return out
		}
		i := m.r.IntN(len(out))
		for k := range out {
			if i--; i >= 0 {
				continue
			}
			if m.r.IntN(4) == 0 {
				delete(out, k)
				break
			}
			switch k {
			case "type", "enum", "const", "required", "pattern", "definitions":
			case "$id", "$anchor", "$dynamicAnchor", "$recursiveAnchor", "$ref", "$dynamicRef", "$recursiveRef":
			case "exclusiveMinimum", "exclusiveMaximum", "dependentRequired":
			case "properties", "patternProperties", "dependencies", "dependentSchemas":
				sub := out[k].(map[string]any)
				for name := range sub {
					if _, array := sub[name].([]any); !array {
						sub[name] = m.mutate(sub[name], depth-1)
					}
					break
				}
			default:
				out[k] = m.mutate(out[k], depth-1)
			}
			break
		}
		return out
	case []any:
		if len(v) > 0 {
			out := clone(v).([]any)
			i := m.r.IntN(len(out))
			out[i] = m.mutate(out[i], depth)
			return out
		}
	case json.Number:
		return m.count()
	case bool:
		return !v
	}
	return v
}

func (m maker) root(v any, ref any) []byte {
	s, ok := v.(map[string]any)
	if !ok {
		s = map[string]any{"allOf": []any{v}}
	}
	s = clone(s).(map[string]any)
	defs := map[string]any{"r": ref}
	// A resource of its own, whose references lead out of it again.
	switch m.draft {
	case 2019:
		s["$recursiveAnchor"] = m.r.IntN(2) == 0
		defs["q"] = map[string]any{"$id": "q", "$recursiveAnchor": true, "properties": map[string]any{"b": map[string]any{"$recursiveRef": "#"}}}
	case 2020:
		if m.r.IntN(2) == 0 {
			s["$dynamicAnchor"] = "d"
		} else {
			defs["p"] = map[string]any{"$dynamicAnchor": "d", "type": "array"}
		}
		defs["q"] = map[string]any{"$id": "q", "$dynamicAnchor": "d", "type": m.pick("object", "string"), "properties": map[string]any{"b": map[string]any{"$dynamicRef": "#d"}}}
	}
	s["definitions"] = defs
	s["$schema"] = drafts[m.draft]
	return encode(s)
}

// shuffled is the same document with the members of its objects in another order.
func (m maker) shuffled(text []byte) []byte {
	var v any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if d.Decode(&v) != nil {
		return text
	}
	var b bytes.Buffer
	var write func(v any)
	write = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			b.WriteByte('{')
			names := slices.Sorted(maps.Keys(v))
			m.r.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
			for i, k := range names {
				if i > 0 {
					b.WriteByte(',')
				}
				b.Write(encode(k))
				b.WriteByte(':')
				write(v[k])
			}
			b.WriteByte('}')
		case []any:
			b.WriteByte('[')
			for i, x := range v {
				if i > 0 {
					b.WriteByte(',')
				}
				write(x)
			}
			b.WriteByte(']')
		default:
			b.Write(encode(v))
		}
	}
	write(v)
	return b.Bytes()
}

func TestRandomPairs(t *testing.T) {
	counts := map[compat.Verdict]int{}
	reasons := map[string]int{}
	instances := 0
	want := messages(t, 13_000)
	for seed := 0; instances < want; seed++ {
		m := newMaker(uint64(seed))
		oldTree := m.schema(3)
		newTree := m.mutate(oldTree, 3)
		if m.r.IntN(4) == 0 {
			newTree = m.schema(3)
		}
		ref := map[string]any{"type": m.pick("object", "array", "string"), "properties": map[string]any{"a": map[string]any{"$ref": "#/definitions/r"}}, "items": map[string]any{"$ref": "#/definitions/r"}}
		oldText := m.root(oldTree, ref)
		if m.r.IntN(8) == 0 {
			m.draft = newMaker(uint64(seed) + 1<<40).draft
			newTree = m.schema(3)
		}
		newText := m.root(newTree, ref)
		c := New()
		old, err := c.Parse(t.Context(), compat.Schema{Name: "old", Text: oldText})
		if err != nil {
			continue
		}
		new, err := c.Parse(t.Context(), compat.Schema{Name: "new", Text: newText})
		if err != nil {
			continue
		}
		res, err := c.Check(t.Context(), old, new, compat.Backward, compat.Options{})
		if err != nil {
			t.Fatal(err)
		}
		counts[res.Verdict]++
		pair := fmt.Sprintf("seed %d: %s -> %s", seed, oldText, newText)
		w, r := old.(*schema).annotation.v6, new.(*schema).annotation.v6
		switch res.Verdict {
		case compat.ProvenBreak:
			for _, f := range res.Findings {
				if f.Witness == nil {
					continue
				}
				var v any
				d := json.NewDecoder(bytes.NewReader(f.Witness.JSON))
				d.UseNumber()
				if err := d.Decode(&v); err != nil {
					t.Fatal(err)
				}
				if w.Validate(v) != nil || r.Validate(v) == nil {
					t.Errorf("%s: %s is no witness", pair, f.Witness.JSON)
				}
			}
		case compat.ProvenCompatible, compat.Unproven:
			if res.Verdict == compat.Unproven {
				reasons[res.Findings[0].Reason]++
			}
			for range 60 {
				v := m.instance(3)
				instances++
				if w.Validate(v) == nil && r.Validate(v) != nil {
					if res.Verdict == compat.ProvenCompatible {
						t.Errorf("%s: called compatible, but %s breaks", pair, encode(v))
						break
					}
					reasons["(a random instance breaks) "+res.Findings[0].Reason]++
					break
				}
			}
		}
		if self, _ := c.Check(t.Context(), old, mustParse(t, c, oldText), compat.Backward, compat.Options{}); self.Verdict != compat.ProvenCompatible {
			t.Errorf("%s: not compatible with itself: %+v", oldText, self)
		}
	}
	t.Logf("%v, %d instances; unproven: %v", counts, instances, reasons)
}

func mustParse(t *testing.T, c *Checker, text []byte) compat.Parsed {
	t.Helper()
	p, err := c.Parse(t.Context(), compat.Schema{Name: "again", Text: text})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// The evaluator that guides the search and settles finite sets agrees with the
// validator.
func TestPropertyEvaluatorAgreesWithValidator(t *testing.T) {
	unknown := 0
	for seed := range messages(t, 12_000) / 30 {
		m := newMaker(uint64(seed) + 1_000_000)
		text := m.root(m.schema(3), m.schema(1))
		p, err := New().Parse(t.Context(), compat.Schema{Name: "s", Text: text})
		if err != nil {
			continue
		}
		c := p.(*schema).annotation
		for range 30 {
			v := m.instance(3)
			e := evaluator{}
			got := e.holds(c.root, v)
			if got == dunno {
				unknown++
				continue
			}
			if want := c.v6.Validate(v) == nil; (got == yes) != want {
				t.Errorf("%s under %s: evaluator %v, validator %v", encode(v), text, got == yes, want)
			}
		}
	}
	t.Logf("%d unknown", unknown)
}

// The automaton of a pattern agrees with the engine, and the words it makes match.
func TestPropertyAutomataAgreeWithEngine(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 5))
	atoms := []string{"a", "b", "[ab]", "[^a]", ".", `\d`, `\w`, `\s`, `\S`, "(a|b)", "(?:ab|c)", "^", "$", "(^a|b$)", "é", "[a-c0-9]", `\-`, `\.`, `\u0041`, "🐲", "[🐲-🐴]", `\W`, "()", "[]", "[^]"}
	quantifiers := []string{"", "", "", "*", "+", "?", "{2}", "{1,3}", "{0,1}", "{2,}", "*?", "+?"}
	letters := []string{"a", "b", "c", "0", "9", " ", "A", "_", "-", ".", "é", "\n", "\u2028", "\u00a0", "\ufeff", "🐲", "\v"}
	s := &schema{}
	for range messages(t, 40_000) / 20 {
		var src string
		for range 1 + r.IntN(4) {
			q := quantifiers[r.IntN(len(quantifiers))]
			a := atoms[r.IntN(len(atoms))]
			if a == "^" || a == "$" {
				q = ""
			}
			src += a + q
			if r.IntN(6) == 0 {
				src += "|"
			}
		}
		re, err := s.compileRegexp(src)
		if err != nil {
			continue
		}
		p := re.(*pattern)
		if p.ast == nil {
			t.Errorf("%s: not understood: %s", src, p.reason)
			continue
		}
		d, err := newDFA(p.ast)
		if err != nil {
			continue
		}
		for range 20 {
			var text string
			for range r.IntN(6) {
				text += letters[r.IntN(len(letters))]
			}
			at := 0
			for _, c := range text {
				at = d.step(at, c)
			}
			if want, known := p.match(text); known && d.states[at].final != want {
				t.Errorf("pattern %q, text %q: automaton %v, engine %v", src, text, !want, want)
			}
		}
		w := &words{}
		for _, prob := range []wordProblem{{match: []*pattern{p}, max: -1}, {avoid: []*pattern{p}, max: -1}, {match: []*pattern{p}, min: 3, max: 5}} {
			before := s.timeouts.Load()
			word, a, reason := w.solve(&prob)
			if s.timeouts.Load() != before {
				continue // a busy machine: nothing is known then
			}
			if a == satisfiable && !prob.fits(word) || a == unknown {
				t.Errorf("pattern %q: %q %v %s", src, word, a, reason)
			}
		}
	}
}
