package jsonschema

import (
	"testing"

	"github.com/weirhq/weir/compat"
)

// FuzzCheck feeds arbitrary text to everything a schema passes through: it may be
// refused, but nothing panics or hangs, and a witness convinces the validator.
func FuzzCheck(f *testing.F) {
	for _, s := range [][2]string{
		{`{"type":"object","properties":{"a":{"type":"string"}}}`, `{"type":"object","required":["a"]}`},
		{`{"$ref":"#"}`, `{"allOf":[{"$ref":"#"}]}`},
		{`{"not":{"$ref":"#"}}`, `{"anyOf":[{"$ref":"#"},{"type":"null"}]}`},
		{`{"$ref":"#/definitions/a","definitions":{"a":{"$ref":"#/definitions/b"},"b":{"$ref":"#/definitions/a"}}}`, `true`},
		{`{"items":[{"type":"string"},false],"additionalItems":{"$ref":"#"},"uniqueItems":true,"minItems":3}`, `{"contains":{"enum":[1,[2]]}}`},
		{`{"pattern":"^(?=a)[b-c]{2,}$","multipleOf":0.01,"patternProperties":{"^x":{"const":{}}}}`, `{"if":{"minLength":1},"then":false,"propertyNames":{"pattern":"\\p{L}"}}`},
		{`{"$schema":"https://json-schema.org/draft/2020-12/schema","$dynamicRef":"#a","$dynamicAnchor":"a","unevaluatedItems":false}`, `{"$schema":"https://json-schema.org/draft/2019-09/schema","$recursiveRef":"#","$recursiveAnchor":true}`},
		{`{"$id":"a","$schema":"http://json-schema.org/draft-04/schema#","id":"b","maximum":1e300,"exclusiveMaximum":true}`, `{"$id":"#x","$ref":"#x"}`},
	} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, old, new string) {
		if len(old)+len(new) > 2000 {
			return
		}
		c := New()
		a, err := c.Parse(t.Context(), compat.Schema{Name: "old.json", Text: []byte(old)})
		if err != nil {
			return
		}
		b, err := c.Parse(t.Context(), compat.Schema{Name: "new.json", Text: []byte(new)})
		if err != nil {
			return
		}
		for _, dir := range []compat.Direction{compat.Backward, compat.Forward} {
			if _, err := c.Check(t.Context(), a, b, dir, compat.Options{Additive: true, ApplyDefaults: dir == compat.Forward}); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Predict(t.Context(), a, b, dir); err != nil {
				t.Log(err)
			}
		}
	})
}
