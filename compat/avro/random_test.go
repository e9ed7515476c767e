package avro

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/weirhq/weir/compat"
)

// generator writes random schemas that have much in common, so that pairs of them
// are often, but not always, compatible.
type generator struct {
	r      *rand.Rand
	named  []string
	open   []string
	flip   bool // other key order, same schema
	serial int
}

func (g *generator) object(pairs ...string) string {
	if g.flip {
		for i, j := 0, len(pairs)-1; i < j; i, j = i+1, j-1 {
			pairs[i], pairs[j] = pairs[j], pairs[i]
		}
	}
	return "{" + strings.Join(pairs, ",") + "}"
}

func (g *generator) schema(depth int) string {
	primitives := []string{"null", "boolean", "int", "long", "float", "double", "bytes", "string"}
	n := g.r.IntN(14)
	if depth <= 0 && n > 9 {
		n = g.r.IntN(8)
	}
	switch {
	case n < 8:
		return strconv.Quote(primitives[n])
	case n == 8:
		if len(g.open) > 0 && g.r.IntN(2) == 0 {
			return strconv.Quote(g.open[g.r.IntN(len(g.open))])
		}
		return g.object(`"type":"fixed"`, g.name("F"), fmt.Sprintf(`"size":%d`, 1+g.r.IntN(2)))
	case n == 9:
		symbols := []string{`"A"`, `"B"`, `"C"`}[:1+g.r.IntN(3)]
		pairs := []string{`"type":"enum"`, g.name("E"), `"symbols":[` + strings.Join(symbols, ",") + `]`}
		if g.r.IntN(4) == 0 {
			pairs = append(pairs, `"default":"A"`)
		}
		return g.object(pairs...)
	case n == 10:
		return g.object(`"type":"array"`, `"items":`+g.schema(depth-1))
	case n == 11:
		return g.object(`"type":"map"`, `"values":`+g.schema(depth-1))
	case n == 12:
		var branches []string
		for i, k := range g.r.Perm(8)[:1+g.r.IntN(3)] {
			branches = append(branches, strconv.Quote(primitives[k]))
			if i == 1 && g.r.IntN(3) == 0 {
				branches = append(branches, g.record(depth-1))
			}
		}
		return "[" + strings.Join(branches, ",") + "]"
	}
	return g.record(depth - 1)
}

// name is unique within a schema but repeats across schemas.
func (g *generator) name(kind string) string {
	g.serial++
	name := kind + strconv.Itoa(g.serial)
	g.named = append(g.named, name)
	return `"name":` + strconv.Quote(name)
}

func (g *generator) record(depth int) string {
	name := g.name("R")
	own := strings.TrimSuffix(strings.TrimPrefix(name, `"name":"`), `"`)
	g.open = append(g.open, own)
	var fields []string
	for _, k := range g.r.Perm(4)[:g.r.IntN(4)] {
		f := []string{fmt.Sprintf(`"name":"f%d"`, k)}
		switch g.r.IntN(5) {
		case 0:
			f = append(f, `"type":"int"`, `"default":0`)
		case 1:
			f = append(f, `"type":["null","`+own+`"]`, `"default":null`)
		case 2:
			f = append(f, `"type":`+g.schema(depth), fmt.Sprintf(`"aliases":["f%d"]`, g.r.IntN(4)))
		default:
			f = append(f, `"type":`+g.schema(depth))
		}
		fields = append(fields, g.object(f...))
	}
	g.open = g.open[:len(g.open)-1]
	return g.object(`"type":"record"`, name, `"fields":[`+strings.Join(fields, ",")+`]`)
}

func generate(seed uint64, flip bool) string {
	g := &generator{r: rand.New(rand.NewPCG(seed, 1)), flip: flip}
	return g.schema(3)
}

// instance appends a random message of n, ending recursion where it may.
func instance(r *rand.Rand, b []byte, n *node, depth int) ([]byte, bool) {
	if depth > 60 {
		return nil, false
	}
	var ok bool
	switch n.kind {
	case kindNull:
	case kindBoolean:
		b = append(b, byte(r.IntN(2)))
	case kindInt, kindLong:
		b = binary.AppendVarint(b, int64(int32(r.Uint32())))
	case kindFloat:
		b = append(b, make([]byte, 4)...)
	case kindDouble:
		b = append(b, make([]byte, 8)...)
	case kindBytes, kindString:
		b = append(binary.AppendVarint(b, 2), "ab"...)
	case kindFixed:
		b = append(b, make([]byte, n.size)...)
	case kindEnum:
		b = binary.AppendVarint(b, int64(r.IntN(len(n.symbols))))
	case kindArray, kindMap:
		count := r.IntN(3)
		if depth > 10 {
			count = 0
		}
		if count > 0 {
			b = binary.AppendVarint(b, int64(count))
		}
		for range count {
			if n.kind == kindMap {
				b = append(binary.AppendVarint(b, 1), 'k')
			}
			if b, ok = instance(r, b, n.elem, depth+1); !ok {
				return nil, false
			}
		}
		b = append(b, 0)
	case kindUnion:
		i := r.IntN(len(n.branches))
		if depth > 10 {
			for j, e := range n.branches {
				if e.kind == kindNull {
					i = j
				}
			}
		}
		return instance(r, binary.AppendVarint(b, int64(i)), n.branches[i], depth+1)
	case kindRecord:
		for i := range n.fields {
			if b, ok = instance(r, b, n.fields[i].typ, depth+1); !ok {
				return nil, false
			}
		}
	}
	return b, true
}

// TestRandomPairs holds verdicts against random messages: none may contradict
// proven-compatible, every break has its witness, and the order of keys never matters.
// WEIR_FUZZ_COMPAT is the number of messages to try, 20,000 without it.
func TestRandomPairs(t *testing.T) {
	want := 20_000
	if s := os.Getenv("WEIR_FUZZ_COMPAT"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatalf("WEIR_FUZZ_COMPAT: %v", err)
		}
		want = n
	}
	c := &Checker{}
	messages, verdicts := 0, map[compat.Verdict]int{}
	for seed := uint64(0); messages < want; seed++ {
		// Neighbours often share a shape: one in two pairs is drawn alike, then changed.
		ot, nt := generate(seed, false), generate(seed/2, false)
		if seed%2 == 0 {
			nt = strings.Replace(strings.Replace(ot, `"int"`, `"long"`, 1), `"B"`, `"D"`, int(seed/2%2))
		}
		o, err := c.Parse(t.Context(), compat.Schema{Text: []byte(ot)})
		if err != nil {
			continue // a name used in two places: no matter
		}
		n, err := c.Parse(t.Context(), compat.Schema{Text: []byte(nt)})
		if err != nil {
			continue
		}
		res, err := c.Check(t.Context(), o, n, compat.Backward, compat.Options{})
		if err != nil {
			t.Fatal(err)
		}
		verdicts[res.Verdict]++
		if of, err := c.Parse(t.Context(), compat.Schema{Text: []byte(generate(seed, true))}); err == nil {
			if of.Canonical() != o.Canonical() {
				t.Fatalf("the order of keys matters:\n%s\n%s", o.Canonical(), of.Canonical())
			}
		}
		w, r := o.(*parsed), n.(*parsed)
		if w.canonical == r.canonical {
			continue // equal schemas are never compared, whatever their aliases
		}
		a := analyse(w, r)
		for _, f := range res.Findings {
			if f.Proof != compat.ProvenBreak {
				continue
			}
			if refusals, err := a.read(f.Witness.Binary, w.root, r.root); err != nil || len(refusals) == 0 {
				t.Fatalf("%s\n%s\nwitness %s: %v, refusals %v", ot, nt, f.Witness.JSON, err, refusals)
			}
		}
		rnd := rand.New(rand.NewPCG(seed, 2))
		for range 50 {
			msg, ok := instance(rnd, nil, w.root, 0)
			if !ok {
				break
			}
			messages++
			refusals, err := a.read(msg, w.root, r.root)
			if err != nil {
				t.Fatalf("%s: %x: %v", ot, msg, err)
			}
			if res.Verdict == compat.ProvenCompatible && len(refusals) > 0 {
				t.Fatalf("%s\n%s\nproven compatible, but %x is refused: %v", ot, nt, msg, refusals)
			}
		}
	}
	t.Logf("%d messages, verdicts %v", messages, verdicts)
	if verdicts[compat.ProvenBreak] == 0 || verdicts[compat.ProvenCompatible] == 0 {
		t.Errorf("verdicts %v: the pairs are not worth the test", verdicts)
	}
}

// FuzzCheck compares whatever parses, both ways: no panic, a schema is compatible
// with itself, and the registry's answer is never milder than a missing proof allows.
func FuzzCheck(f *testing.F) {
	f.Add(`"int"`, `["null","long"]`)
	f.Add(order(id), order(id, `{"name":"note","type":["null","string"]}`))
	f.Add(`{"type":"enum","name":"E","symbols":["A","B"]}`, `{"type":"enum","name":"a.E","symbols":["A"],"aliases":["E"],"default":"A"}`)
	f.Add(`{"type":"record","name":"L","fields":[{"name":"n","type":["null","L"]}]}`, `[{"type":"fixed","name":"F","size":3},{"type":"map","values":"F"}]`)
	f.Fuzz(func(t *testing.T, ot, nt string) {
		c := &Checker{Nameless: true}
		o, err := c.Parse(t.Context(), compat.Schema{Text: []byte(ot)})
		if err != nil {
			return
		}
		if res, err := c.Check(t.Context(), o, o, compat.Backward, compat.Options{}); err != nil || res.Verdict != compat.ProvenCompatible {
			t.Fatalf("against itself: %+v, %v", res, err)
		}
		n, err := c.Parse(t.Context(), compat.Schema{Text: []byte(nt)})
		if err != nil {
			return
		}
		o.(*parsed).Misfits([]byte(nt)) // a schema is JSON as well
		for _, dir := range []compat.Direction{compat.Backward, compat.Forward} {
			res, err := c.Check(t.Context(), o, n, dir, compat.Options{Additive: true})
			if err != nil {
				t.Fatal(err)
			}
			p, err := c.Predict(t.Context(), o, n, dir)
			if err != nil {
				t.Fatal(err)
			}
			if !p.Compatible && res.Verdict == compat.ProvenCompatible && o.Canonical() != n.Canonical() {
				t.Fatalf("the registry refuses what is proven compatible: %+v", p)
			}
		}
	})
}

// BenchmarkCheck compares a pair with a break far down, witness included.
func BenchmarkCheck(b *testing.B) {
	for _, fields := range []int{10, 200} {
		b.Run(fmt.Sprintf("fields=%d", fields), func(b *testing.B) {
			schema := func(last string) string {
				var fs []string
				for i := range fields {
					fs = append(fs, fmt.Sprintf(`{"name":"f%d","type":["null",{"type":"record","name":"P%d","fields":[{"name":"x","type":"int"},{"name":"y","type":"string"}]}],"default":null}`, i, i))
				}
				return order(append(fs, `{"name":"last","type":`+last+`}`)...)
			}
			c := &Checker{}
			o, n := parse(b, c, schema(`"long"`)), parse(b, c, schema(`"int"`))
			b.ResetTimer()
			for b.Loop() {
				res, err := c.Check(b.Context(), o, n, compat.Backward, compat.Options{})
				if err != nil || res.Verdict != compat.ProvenBreak {
					b.Fatal(res.Verdict, err)
				}
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	text := order(`{"name":"a","type":{"type":"array","items":["null","string","long"]}}`, id, `{"name":"e","type":{"type":"enum","name":"E","symbols":["A","B","C"]}}`)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		parse(b, &Checker{}, text)
	}
}
