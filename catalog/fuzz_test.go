package catalog

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"
)

// FuzzReadJSON compares the reader with encoding/json: what one takes the other
// takes, and the text that comes out means the same.
func FuzzReadJSON(f *testing.F) {
	for _, s := range []string{`{"a":[1,-2.5e+3,true,false,null,"x\u00e9\n"],"b":{}}`, `[`, `{"a":1,"a":2}`, `"\ud800"`, "\"\xff\"", `01`, `1e`, `{"a" : 1 , }`, `[]]`, "\"\t\"", ` `} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		fl := &file{name: "f.json"}
		err := parse(fl, data, Limits{Depth: 50}.withDefaults())
		if le, ok := errors.AsType[*LoadError](err); ok && (le.Rule == RuleDuplicate || le.Rule == RuleLimit) {
			return
		}
		if strings.HasPrefix(string(data), "\xef\xbb\xbf") {
			return
		}
		if (err == nil) != json.Valid(data) {
			t.Fatalf("%q: %v, encoding/json says %v", data, err, json.Valid(data))
		}
		if err != nil {
			return
		}
		var want, got any
		if json.Unmarshal(data, &want) != nil {
			return // a number beyond float64
		}
		if err := json.Unmarshal(fl.root.JSON(), &got); err != nil {
			t.Fatalf("%q became %q: %v", data, fl.root.JSON(), err)
		}
		a, _ := json.Marshal(want)
		b, _ := json.Marshal(got)
		if string(a) != string(b) {
			t.Fatalf("%q: %s became %s", data, a, b)
		}
	})
}

// FuzzNodes reads YAML: no input may panic, hang or give a tree whose pointers do
// not lead to its nodes.
func FuzzNodes(f *testing.F) {
	for _, s := range []string{
		"a: 1\nb: [x, {c: ~}]\n", "a: &x {b: 1}\nc: {<<: *x, d: 0x1F}\n", "a: &a [*a]\n", "x: |\n   foo\n  bar\n", "? {a: b}\n: c\n",
		"\ufeffa: 1\r\n", "a: 1\na: 2\n", "a: 1\n---\nb: 2\n", "- !!binary aGk=\n- .inf\n- 1_000\n- 2020-01-01\n", "%YAML 1.2\n---\na: b\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		fl := &file{name: "f.yaml"}
		if parse(fl, data, Limits{Depth: 60, Nodes: 2000}.withDefaults()) != nil {
			return
		}
		if !json.Valid(fl.root.JSON()) {
			t.Fatalf("%q became %q", data, fl.root.JSON())
		}
		st := &store{files: map[string]*entry{}}
		var walk func(n *Node)
		walk = func(n *Node) {
			if _, ok := refOf(n); ok {
				return // a pointer runs through a reference
			}
			if r := st.pointer(fl.root, "/"+strings.TrimPrefix(n.Pointer(), "/"), 0); n.parent != nil && n.Pointer() != "" && r.node == nil && !throughRef(n) {
				t.Fatalf("%q: nothing at %q", data, n.Pointer())
			}
			for _, k := range n.kids {
				walk(k)
			}
		}
		walk(fl.root)
	})
}

func throughRef(n *Node) bool {
	for ; n != nil; n = n.parent {
		if _, ok := refOf(n); ok {
			return true
		}
	}
	return false
}

// FuzzResolve follows references of two files that refer to each other any way.
func FuzzResolve(f *testing.F) {
	f.Add("#/a", "b.yaml#/x", "../c.yaml")
	f.Add("#/b", "#/a", "a.yaml#/b/c")
	f.Add("http://h/x#/y", "file:///etc/passwd", "#")
	f.Add("%2e%2e/x", "b.yaml#/a~1b", "#/a/$ref")
	f.Fuzz(func(t *testing.T, x, y, z string) {
		enc := func(s string) string {
			b, _ := json.Marshal(s)
			return string(b)
		}
		files := fstest.MapFS{
			"d/a.json": {Data: []byte(`{"a":{"$ref":` + enc(x) + `},"b":{"$ref":` + enc(y) + `},"c":[{"$ref":` + enc(z) + `}]}`)},
			"b.yaml":   {Data: []byte(`{"x":{"$ref":"d/a.json#/a"},"a":{"$ref":` + enc(z) + `}}`)},
			"c.yaml":   {Data: []byte("x: 1\n")},
		}
		st := &store{ctx: t.Context(), fsys: files, limits: Limits{}.withDefaults(), files: map[string]*entry{}}
		fl, err := st.read("d/a.json")
		if err != nil {
			return
		}
		for _, n := range []*Node{fl.root.Get("a"), fl.root.Get("b"), fl.root.Get("c").kids[0]} {
			r := st.follow(n)
			if r.node == nil && r.kind == refOK {
				t.Fatalf("%q %q %q: no node and no reason", x, y, z)
			}
			if r.node != nil {
				if _, ok := files[r.node.fileName()]; !ok {
					t.Fatalf("%q leads out of the root, to %s", x, r.node.fileName())
				}
			} else if e := r.loadError(n); e.Rule == "" && r.kind != refAnchor && r.kind != refRemote {
				t.Fatalf("no rule for %+v", r)
			}
		}
	})
}

// FuzzLoad loads and checks a whole document.
func FuzzLoad(f *testing.F) {
	if ar, err := txtar.ParseFile("testdata/planted.txtar"); err == nil {
		for _, x := range ar.Files {
			f.Add(x.Data)
		}
	}
	for _, name := range []string{"orders/asyncapi.yaml", "shipping/asyncapi.yaml"} {
		if data, err := os.ReadFile("../examples/orders/" + name); err == nil {
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		files := fstest.MapFS{
			"a.yaml": {Data: data},
			"b.yaml": {Data: []byte("M: {payload: {type: object, properties: {m: {$ref: '#/M/payload'}}}}\n")},
		}
		c, err := Load(t.Context(), Options{FS: files, Validate: true, Limits: Limits{Depth: 60, Nodes: 2000}})
		if c == nil || err != nil && strings.Contains(err.Error(), "a defect of weir") {
			t.Fatal(err)
		}
		_ = c.Docs()
		_ = c.Graph().Mermaid()
		_ = c.Search("a")
		if d := Diff(c, c); len(d) != 0 {
			t.Fatalf("a catalog differs from itself: %+v", d[0])
		}
		for ch := range c.Channels() {
			for _, m := range ch.Messages {
				if m.Payload == nil {
					continue
				}
				text, err := m.Payload.Text()
				if err == nil && (m.Payload.Format == FormatJSON || m.Payload.Format == FormatAvro) && m.Payload.node.Kind == Map && !json.Valid(text) {
					t.Fatalf("schema text %q", text)
				}
				m.Payload.Locate("/properties/a/items/0")
			}
		}
	})
}
