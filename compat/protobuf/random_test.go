package protobuf

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/weirhq/weir/compat"
)

// decl is one field of a random schema.
type decl struct {
	number       int
	name, typ    string
	label, oneof string
	reserved     bool // removed, number and name reserved
}

func (d decl) String() string { return fmt.Sprintf("%s %s %s = %d;", d.label, d.typ, d.name, d.number) }

type randomSchema struct {
	outer, inner []decl
	values       []string // of the enum; empty means reserved
}

var randomTypes = []string{
	"int32", "int64", "uint32", "uint64", "sint32", "sint64", "fixed32", "sfixed32", "fixed64", "sfixed64",
	"bool", "string", "bytes", "float", "double", "E", "N", "map<string, int32>", "map<int64, N>",
}

func randomDecls(r *rand.Rand, n int) []decl {
	var out []decl
	for i := range n {
		d := decl{number: i + 1, name: fmt.Sprintf("f%d", i+1), typ: randomTypes[r.IntN(len(randomTypes))]}
		switch {
		case strings.HasPrefix(d.typ, "map"):
		case r.IntN(4) == 0:
			d.oneof = "o"
		default:
			d.label = []string{"", "", "optional", "repeated"}[r.IntN(4)]
		}
		out = append(out, d)
	}
	return out
}

func (s randomSchema) String() string {
	body := func(ds []decl) string {
		var plain, one, reserved strings.Builder
		for _, d := range ds {
			switch {
			case d.reserved:
				fmt.Fprintf(&reserved, "reserved %d; reserved %q;\n", d.number, d.name)
			case d.oneof != "":
				one.WriteString(d.String() + "\n")
			default:
				plain.WriteString(d.String() + "\n")
			}
		}
		if one.Len() > 0 {
			return plain.String() + reserved.String() + "oneof o {\n" + one.String() + "}\n"
		}
		return plain.String() + reserved.String()
	}
	var enum strings.Builder
	for i, v := range s.values {
		if v == "" {
			fmt.Fprintf(&enum, "reserved %d; reserved \"V%d\";", i, i)
		} else {
			fmt.Fprintf(&enum, "%s = %d;", v, i)
		}
	}
	return "syntax = \"proto3\";\nmessage M {\n" + body(s.outer) + "}\nmessage N {\n" + body(s.inner) + "}\nenum E {" + enum.String() + "}\n"
}

// mutate changes a few things, some of them harmless.
func (s randomSchema) mutate(r *rand.Rand) randomSchema {
	s.outer, s.inner, s.values = slices.Clone(s.outer), slices.Clone(s.inner), slices.Clone(s.values)
	for range 1 + r.IntN(2) {
		ds := &s.outer
		if r.IntN(3) == 0 {
			ds = &s.inner
		}
		d := &(*ds)[r.IntN(len(*ds))]
		switch r.IntN(9) {
		case 0:
			if !strings.HasPrefix(d.typ, "map") {
				d.typ = randomTypes[r.IntN(len(randomTypes)-2)]
			}
		case 1:
			d.reserved = true
		case 2, 3:
			*ds = append(*ds, decl{number: 20 + r.IntN(9), name: fmt.Sprintf("g%d", len(*ds)), typ: "string"})
		case 4:
			if d.label == "" && d.oneof == "" && !strings.HasPrefix(d.typ, "map") {
				d.label = []string{"optional", "repeated"}[r.IntN(2)]
			}
		case 5:
			d.name += "x"
		case 6:
			if d.label == "" && !strings.HasPrefix(d.typ, "map") {
				d.oneof = map[bool]string{true: "o", false: ""}[d.oneof == ""]
			}
		case 7:
			s.values = append(s.values, fmt.Sprintf("V%d", len(s.values)))
		case 8:
			d.typ = strings.Replace(d.typ, "int32", "int64", 1)
		}
	}
	return s
}

func randomMessage(r *rand.Rand, md protoreflect.MessageDescriptor, depth int) *dynamicpb.Message {
	m := dynamicpb.NewMessage(md)
	for _, f := range fields(md) {
		if r.IntN(3) == 0 {
			continue
		}
		if vs := samples(f, min(depth, 1)); len(vs) > 0 {
			m.Set(f, vs[r.IntN(len(vs))])
		}
	}
	return m
}

// sharedDiff compares the fields that both sides declare; what one side does not know
// is no break: it was added, or removed and reserved.
func sharedDiff(w, r protoreflect.Message) string {
	wf := w.Descriptor().Fields()
	for i := range wf.Len() {
		f := wf.Get(i)
		g := r.Descriptor().Fields().ByNumber(f.Number())
		if g == nil {
			continue
		}
		if f.Message() != nil && !f.IsList() && !f.IsMap() && g.Message() != nil && !g.IsList() && !g.IsMap() {
			if w.Has(f) != r.Has(g) {
				return fmt.Sprintf("%s: set %v, read %v", f.Name(), w.Has(f), r.Has(g))
			}
			if !w.Has(f) {
				continue
			}
			if d := sharedDiff(w.Get(f).Message(), r.Get(g).Message()); d != "" {
				return string(f.Name()) + "." + d
			}
			continue
		}
		if f.Message() != nil && !f.IsMap() || f.IsMap() && f.MapValue().Message() != nil {
			continue // lists of messages: their elements are compared as fields of M
		}
		if f.Enum() != nil && g.Enum() != nil && !f.IsMap() && hasAddedValue(f, g, w.Get(f)) {
			continue // a value the reader does not know was added, which readers ignore
		}
		// Presence counts only where both sides have it: optional may come and go.
		implied := hasDefault(f) && hasDefault(g) && (!f.HasPresence() || !g.HasPresence())
		if a, b := canon(f, w.Get(f), implied || w.Has(f)), canon(g, r.Get(g), implied || r.Has(g)); a != b {
			return fmt.Sprintf("%s: wrote %s, read %s", f.Name(), a, b)
		}
	}
	return ""
}

func hasAddedValue(f, g protoreflect.FieldDescriptor, v protoreflect.Value) bool {
	unknown := func(n protoreflect.EnumNumber) bool {
		return f.Enum().Values().ByNumber(n) != nil && g.Enum().Values().ByNumber(n) == nil
	}
	if !f.IsList() {
		return unknown(v.Enum())
	}
	for i := range v.List().Len() {
		if unknown(v.List().Get(i).Enum()) {
			return true
		}
	}
	return false
}

// TestRandomPairs holds verdicts against random messages: none may contradict
// proven-compatible, in binary or in JSON. WEIR_FUZZ_COMPAT is the number of messages
// to try, 20,000 without it.
func TestRandomPairs(t *testing.T) {
	want := 20_000
	if s := os.Getenv("WEIR_FUZZ_COMPAT"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatalf("WEIR_FUZZ_COMPAT: %v", err)
		}
		want = n
	}
	c := New(Config{})
	messages, verdicts := 0, map[compat.Verdict]int{}
	for seed := uint64(0); messages < want; seed++ {
		rnd := rand.New(rand.NewPCG(seed, 1))
		old := randomSchema{outer: randomDecls(rnd, 5), inner: randomDecls(rnd, 3), values: []string{"V0", "V1", "V2"}}
		cur := old.mutate(rnd)
		a, err := c.Parse(t.Context(), compat.Schema{Text: []byte(old.String()), Name: "m.proto"})
		if err != nil {
			t.Fatalf("%v\n%s", err, old)
		}
		b, err := c.Parse(t.Context(), compat.Schema{Text: []byte(cur.String()), Name: "m.proto"})
		if err != nil {
			continue // two new fields of one number
		}
		for _, dir := range []compat.Direction{compat.Backward, compat.Forward} {
			res, err := c.Check(t.Context(), a, b, dir, compat.Options{})
			if err != nil {
				t.Fatal(err)
			}
			verdicts[res.Verdict]++
			w, r := a.(*schema), b.(*schema)
			if dir == compat.Forward {
				w, r = r, w
			}
			from, to := w.roots[0].Messages().ByName("M"), r.roots[0].Messages().ByName("M")
			for range 20 {
				m := randomMessage(rnd, from, 2)
				messages++
				if res.Verdict != compat.ProvenCompatible {
					break
				}
				if why := misread(m, to); why != "" {
					t.Fatalf("seed %d: proven compatible %s, but %s\nold:\n%s\nnew:\n%s\nfindings %v", seed, dir, why, old, cur, brief(res))
				}
			}
		}
	}
	t.Logf("%d messages, verdicts %v", messages, verdicts)
	if verdicts[compat.ProvenBreak] == 0 || verdicts[compat.ProvenCompatible] == 0 {
		t.Errorf("verdicts %v: the pairs are not worth the test", verdicts)
	}
}

// misread says how a reader misunderstands a message, in binary or in JSON.
func misread(m *dynamicpb.Message, to protoreflect.MessageDescriptor) string {
	raw, err := proto.Marshal(m)
	if err != nil {
		return ""
	}
	got := dynamicpb.NewMessage(to)
	if err := proto.Unmarshal(raw, got); err != nil {
		return fmt.Sprintf("%x is refused: %v", raw, err)
	}
	if d := sharedDiff(m, got); d != "" {
		return fmt.Sprintf("%x: %s", raw, d)
	}
	text, err := protojson.Marshal(m)
	if err != nil {
		return ""
	}
	got = dynamicpb.NewMessage(to)
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(text, got); err != nil {
		return fmt.Sprintf("%s is refused: %v", text, err)
	}
	if d := sharedDiff(m, got); d != "" {
		return fmt.Sprintf("%s: %s", text, d)
	}
	return ""
}
