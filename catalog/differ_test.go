package catalog

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// library compiles one of the vendored bundles with the JSON Schema library.
func library(t *testing.T, version string) *jsonschema.Schema {
	t.Helper()
	ids, text, err := unpackSpec(version)
	if err != nil {
		t.Fatal(err)
	}
	definitions := map[string]any{}
	for _, id := range ids {
		if definitions[id], err = jsonschema.UnmarshalJSON(bytes.NewReader(text[id])); err != nil {
			t.Fatal(err)
		}
	}
	doc, _ := definitions[""].(map[string]any)
	delete(definitions, "")
	doc["definitions"] = definitions
	c := jsonschema.NewCompiler()
	c.UseLoader(noLoader{})
	if err := c.AddResource("http://asyncapi.com/definitions/"+version+"/asyncapi.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("http://asyncapi.com/definitions/" + version + "/asyncapi.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The walk of this package and the JSON Schema library say the same of every official
// 3.x example and of thousands of damaged ones, as long as the damage does not touch a
// reference: what a $ref means is where the two differ on purpose.
func TestWalkAgreesWithTheLibrary(t *testing.T) {
	var docs []string
	if dir := conformance(t); dir != "" {
		for _, v := range []string{"3.0.0", "3.1.0"} {
			_ = filepath.WalkDir(filepath.Join(dir, "spec-examples", v), func(p string, d fs.DirEntry, err error) error {
				if err == nil && !d.IsDir() && strings.HasSuffix(p, "asyncapi.yml") {
					docs = append(docs, p)
				}
				return err
			})
		}
	}
	docs = append(docs, "../examples/orders/orders/asyncapi.yaml", "../examples/orders/billing/asyncapi.yaml")
	libs := map[string]*jsonschema.Schema{}
	sp := &specs{}
	rnd := rand.New(rand.NewPCG(1, 2))
	compared, refused := 0, 0
	for _, name := range docs {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 60 {
			f := &file{name: filepath.Base(name)}
			if err := parse(f, data, Limits{}.withDefaults()); err != nil {
				t.Fatal(err)
			}
			what := "as it is"
			if i > 0 {
				what = damage(rnd, f.root)
			}
			v := f.root.Get("asyncapi").Text()
			if v != "3.0.0" && v != "3.1.0" {
				continue
			}
			f.spec, f.major = v, 3
			if libs[v] == nil {
				libs[v] = library(t, v)
			}
			s, err := sp.version(v)
			if err != nil {
				t.Fatal(err)
			}
			inst, err := jsonschema.UnmarshalJSON(bytes.NewReader(f.root.JSON()))
			if err != nil {
				t.Fatal(err)
			}
			want := libs[v].Validate(inst)
			c := &checker{st: &store{fsys: os.DirFS("."), files: map[string]*entry{}, limits: Limits{}.withDefaults()}, spec: true, seen: map[walked]bool{}, file: f.name, ver: v, def: "asyncapi.json"}
			c.noFollow = true
			got := c.check(s.env.at(s.definition("")), f.root)
			if (want == nil) != (len(got) == 0) {
				msg := ""
				if want != nil {
					msg = want.Error()
				}
				t.Errorf("%s, %s:\nwalk    %v\nlibrary %s", name, what, messages(got), msg)
			}
			compared++
			if want != nil {
				refused++
			}
		}
	}
	if compared < 100 || refused < compared/4 {
		t.Errorf("%d compared, %d refused: the damage is too small", compared, refused)
	}
	t.Logf("%d documents compared, %d of them refused by both", compared, refused)
}

func messages(is []issue) string {
	var s []string
	for _, i := range is {
		s = append(s, i.n.Pointer()+": "+i.msg)
	}
	return strings.Join(s, "; ")
}

// damage changes one node anywhere in a document.
func damage(rnd *rand.Rand, root *Node) string {
	var all []*Node
	var walk func(n *Node)
	walk = func(n *Node) {
		if n.parent != nil && n.Key != "$ref" && n.Key != "asyncapi" {
			all = append(all, n)
		}
		for _, k := range n.kids {
			walk(k)
		}
	}
	walk(root)
	n := all[rnd.IntN(len(all))]
	at := n.Pointer()
	switch rnd.IntN(6) {
	case 0:
		n.Key += "x"
		return at + ": key renamed"
	case 1:
		for i, k := range n.parent.kids {
			if k == n {
				n.parent.kids = append(n.parent.kids[:i:i], n.parent.kids[i+1:]...)
			}
		}
		return at + ": removed"
	case 2:
		n.Kind, n.Value, n.kids = Number, "-7", nil
		return at + ": became -7"
	case 3:
		n.Kind, n.Value, n.kids = List, "", []*Node{{Kind: Bool, Value: "true", parent: n}}
		return at + ": became [true]"
	case 4:
		n.Kind, n.Value, n.kids = String, "surprise", nil
		return at + ": became a string"
	default:
		n.Kind, n.Value, n.kids = Map, "", []*Node{{Kind: Null, Key: "zz", parent: n}}
		return at + ": became {zz: null}"
	}
}

// Every definition can be read: at run time only those that a document meets are.
func TestVendoredSchemasAreReadable(t *testing.T) {
	sp := &specs{}
	read := func(name string) *spec {
		f, err := sp.open(name, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range f.ids {
			if n := f.definition(id); n == nil || n.Kind != Map {
				t.Errorf("%s: cannot read %q", name, id)
			}
		}
		return f
	}
	for _, v := range supported {
		got := read(v + ".0").definition("").Get("properties").Get("asyncapi")
		if got.Get("const").Text() != v+".0" && (got.Get("enum") == nil || got.Get("enum").kids[0].Text() != v+".0") {
			t.Errorf("%s: %s", v, got.JSON())
		}
	}
	if n := len(read("bindings").ids); n < 60 {
		t.Errorf("%d bindings", n)
	}
	text := read("3.0.0").definition("http://asyncapi.com/bindings/kafka/0.5.0/message.json").Get("properties").Get("key").JSON()
	if !strings.Contains(string(text), "anyOf") {
		t.Errorf("the deviation of the 0.5.0 key is not applied: %s", text)
	}
}

// The walk finds what examples violate; the library only confirms. So the walk must
// refuse whatever the library refuses, and may only be unsure beyond that.
func TestPayloadWalkMissesNothing(t *testing.T) {
	dir := conformance(t)
	if dir == "" {
		return
	}
	data, err := os.ReadFile(filepath.Join(dir, "..", "compat", "containment-draft7.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	instances := []string{
		`null`, `true`, `0`, `-1`, `1.5`, `100`, `1e3`, `""`, `"a"`, `"abc"`, `"2020-01-01"`, `[]`, `[1]`, `[1,1]`, `["a",2,null]`, `[[],{}]`, `{}`,
		`{"a":1}`, `{"foo":"bar"}`, `{"foo":1,"bar":2}`, `{"foo":{"bar":null}}`, `{"":0}`, `{"foo":[],"baz":true}`,
	}
	compared, missed, wrong, unsure := 0, 0, 0, 0
	for line := range bytes.Lines(data) {
		var v struct {
			ID      string
			History []json.RawMessage
			New     json.RawMessage
		}
		if err := json.Unmarshal(line, &v); err != nil {
			t.Fatal(err)
		}
		for _, text := range append(v.History, v.New) {
			f := &file{name: "s.json"}
			if parse(f, text, Limits{}.withDefaults()) != nil {
				continue
			}
			st := &store{fsys: os.DirFS("testdata"), limits: Limits{}.withDefaults(), files: map[string]*entry{"s.json": {f: f}}}
			st.files["s.json"].once.Do(func() {})
			d := &documentCheck{l: &loader{st: st}, d: &document{file: f}}
			doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
			if err != nil {
				continue
			}
			c := jsonschema.NewCompiler()
			c.DefaultDraft(jsonschema.Draft7)
			c.UseLoader(noLoader{})
			registerFormats(c, false)
			if c.AddResource("s.json", doc) != nil {
				continue
			}
			lib, err := c.Compile("s.json")
			if err != nil {
				continue
			}
			for _, in := range instances {
				inst := &file{name: "i.json"}
				if err := parse(inst, []byte(in), Limits{}.withDefaults()); err != nil {
					t.Fatal(err)
				}
				walk := &checker{st: st, seen: map[walked]bool{}}
				mine := walk.check(d.payloadEnv().at(f.root), inst.root)
				value, _ := jsonschema.UnmarshalJSON(strings.NewReader(in))
				refuses := lib.Validate(value) != nil
				compared++
				switch {
				case walk.unsure:
					unsure++
				case refuses && len(mine) == 0:
					if missed++; missed < 10 {
						t.Errorf("%s: %s is refused by %s, the walk says nothing", v.ID, in, text)
					}
				case !refuses && len(mine) > 0:
					wrong++
					if wrong < 10 {
						t.Logf("%s: %s is taken by %s, the walk says %s", v.ID, in, text, messages(mine))
					}
				}
			}
		}
	}
	t.Logf("%d compared, %d missed, %d that only the walk refuses (the library has the last word), %d unsure", compared, missed, wrong, unsure)
	if compared < 1000 {
		t.Errorf("only %d compared", compared)
	}
}
