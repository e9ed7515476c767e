package avro

import (
	"math/rand/v2"
	"strings"
	"testing"

	codec "github.com/twmb/avro"

	"github.com/google/go-cmp/cmp"

	"github.com/weirhq/weir/catalog"
	"github.com/weirhq/weir/compat"
)

// TestMisfits has one row for each way in which an example may be written or be wrong.
func TestMisfits(t *testing.T) {
	const (
		status = `{"type":"enum","name":"Status","symbols":["OPEN","PAID"]}`
		line   = `{"type":"record","name":"Line","fields":[{"name":"sku","type":"string"},{"name":"quantity","type":"int"}]}`
		fixed  = `{"type":"fixed","name":"Hash","size":4}`
	)
	logical := func(typ, name string) string {
		return `{"type":"` + typ + `","logicalType":"` + name + `","scale":2,"precision":9}`
	}
	fits := []struct{ typ, example string }{
		{`"long"`, `9007199254740993`},
		{`"int"`, `1e3`},
		{`"double"`, `"NaN"`},
		{`"bytes"`, `"\u00ff"`},
		{`["null","string"]`, `null`},
		{`["null","string"]`, `"x"`},
		{`["null","string"]`, `{"string":"x"}`},
		{`["null",` + status + `]`, `{"shop.Status":"PAID"}`},
		{`["null",` + status + `]`, `{"Status":"PAID"}`},
		{`["null",` + logical("long", "timestamp-millis") + `]`, `{"long.timestamp-millis":1}`},
		{`["null",{"type":"map","values":"int"}]`, `{"map":{"a":1}}`},
		{`[` + line + `,{"type":"map","values":"int"}]`, `{"sku":1}`},
		{logical("long", "timestamp-micros"), `"2026-01-31T08:00:00.123456+01:00"`},
		{logical("long", "local-timestamp-millis"), `"2026-01-31T08:00:00"`},
		{logical("int", "date"), `"2026-01-31"`},
		{logical("int", "time-millis"), `"08:00:00.5"`},
		{logical("bytes", "decimal"), `12.50`},
		{logical("bytes", "decimal"), `"\u0004\u00e2"`},
		{fixed, `"\u0000\u0001\u0002\u00ff"`},
		{fixed, `"AAEC/w=="`},
		{fixed, `"000102ff"`},
	}
	for _, c := range fits {
		if ms := misfitsOf(t, c.typ, c.example); len(ms) > 0 {
			t.Errorf("%s under %s: %v", c.example, c.typ, ms)
		}
	}
	refused := []struct {
		typ, example string
		pointer      string
		message      string
	}{
		{`"int"`, `3000000000`, "/v", "v must be a whole number of 32 bits, it is the number 3000000000"},
		{`"long"`, `1.5`, "/v", "v must be a whole number of 64 bits, it is the number 1.5"},
		{`"long"`, `"12"`, "/v", `v must be a whole number of 64 bits, it is the string "12"`},
		{`"string"`, `12`, "/v", "v must be a string, it is the number 12"},
		{`"string"`, `null`, "/v", "v must be a string, it is null"},
		{`"boolean"`, `"true"`, "/v", `v must be true or false, it is the string "true"`},
		{`"float"`, `"1.0"`, "/v", `v must be a number, it is the string "1.0"`},
		{logical("int", "date"), `"31.1.2026"`, "/v", `v must be a whole number of 32 bits or the text of a date, it is the string "31.1.2026"`},
		{status, `"open"`, "/v", `v must be one of OPEN, PAID (enum shop.Status), it is the string "open"`},
		{fixed, `"abc"`, "/v", `v must be a string of 4 bytes (fixed shop.Hash), it is the string "abc"`},
		{`{"type":"array","items":"int"}`, `[1,"x"]`, "/v/1", `entry 2 of v must be a whole number of 32 bits, it is the string "x"`},
		{`{"type":"array","items":"int"}`, `{"array":[1]}`, "/v", "v must be a list, it is a mapping"},
		{`{"type":"map","values":"int"}`, `{"a/b":"x"}`, "/v/a~1b", `a/b must be a whole number of 32 bits, it is the string "x"`},
		{line, `{"sku":"a"}`, "/v", `v has no "quantity", and record shop.Line has no default for it`},
		{line, `{"sku":"a","quantity":1,"prise":2}`, "/v/prise", `"prise" is no field of record shop.Line`},
		{line, `{"sku":"a","quantity":1,"Sku":2}`, "/v/Sku", `"Sku" is no field of record shop.Line; did you mean "sku"?`},
		{`["null","string"]`, `3`, "/v", "v must be null, or a string, it is the number 3"},
		{`["null","string"]`, `{"string":3}`, "/v/string", "string must be a string, it is the number 3"},
		{`["null",` + line + `]`, `{"sku":"a","quantity":"x"}`, "/v/quantity", `quantity must be a whole number of 32 bits, it is the string "x"`},
		{`["null",` + line + `]`, `{"shop.Line":{"sku":"a","quantity":"x"}}`, "/v/shop.Line/quantity", `quantity must be a whole number of 32 bits, it is the string "x"`},
		{`["null","int"]`, `{"null":null}`, "/v", "v must be null, or a whole number of 32 bits, it is a mapping"},
	}
	for _, c := range refused {
		want := []catalog.Misfit{{Pointer: c.pointer, OnKey: strings.Contains(c.message, "is no field"), Message: c.message}}
		if diff := cmp.Diff(want, misfitsOf(t, c.typ, c.example)); diff != "" {
			t.Errorf("%s under %s: %s", c.example, c.typ, diff)
		}
	}
}

func misfitsOf(t *testing.T, typ, example string) []catalog.Misfit {
	t.Helper()
	p := parse(t, &Checker{}, order(`{"name":"v","type":`+typ+`}`))
	return p.(catalog.Judge).Misfits([]byte(`{"v":` + example + `}`))
}

func TestMisfitsMayLeaveOut(t *testing.T) {
	p := parse(t, &Checker{}, order(`{"name":"a","type":"int","default":1}`, `{"name":"b","type":["null","int"]}`)).(catalog.Judge)
	if ms := p.Misfits([]byte(`{}`)); len(ms) > 0 {
		t.Errorf("a field with a default and a null branch were missed: %v", ms)
	}
}

// TestMisfitsAreBounded has a union whose branches look alike to the very end.
func TestMisfitsAreBounded(t *testing.T) {
	var branches []string
	for _, name := range []string{"A", "B", "C", "D"} {
		branches = append(branches, `{"type":"record","name":"`+name+`","fields":[{"name":"n","type":["A","B","C","D","null"]}]}`)
	}
	p := parse(t, &Checker{}, "["+strings.Join(branches, ",")+"]").(catalog.Judge)
	deep := strings.Repeat(`{"n":`, 60) + `3` + strings.Repeat(`}`, 60)
	if ms := p.Misfits([]byte(deep)); len(ms) > 0 {
		t.Errorf("4^60 readings cannot have been tried, and still: %v", ms)
	}
}

// TestMisfitsOfMessages: whatever is written for a message fits, in plain JSON and in
// Avro's JSON encoding, with and without the names of branches.
func TestMisfitsOfMessages(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	texts := 0
	for seed := uint64(0); texts < 5000; seed++ {
		schema := generate(seed, false)
		p, err := (&Checker{}).parse(t.Context(), compat.Schema{Text: []byte(schema)})
		if err != nil {
			continue // a name used in two places: no matter
		}
		s, err := codec.Parse(schema)
		if err != nil {
			continue
		}
		d, err := NewDecoder(t.Context(), compat.Schema{Text: []byte(schema)})
		if err != nil {
			t.Fatal(err)
		}
		for range 10 {
			msg, ok := instance(rnd, nil, p.root, 0)
			if !ok {
				break
			}
			plain, err := d.JSON(msg)
			if err != nil {
				t.Fatal(err)
			}
			for _, text := range [][]byte{plain, encoded(t, s, msg), encoded(t, s, msg, codec.TaggedUnions())} {
				if ms := p.Misfits(text); len(ms) > 0 {
					t.Fatalf("%s under %s: %v", text, schema, ms)
				}
				texts++
			}
		}
	}
}

func encoded(t *testing.T, s *codec.Schema, msg []byte, opts ...codec.Opt) []byte {
	t.Helper()
	var v any
	if _, err := s.Decode(msg, &v, opts...); err != nil {
		t.Fatal(err)
	}
	text, err := s.EncodeJSON(v, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
