package compat_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/weirhq/weir/catalog"
	"github.com/weirhq/weir/compat"
)

// manyDocuments is a platform of n documents with ten messages each; the first
// `changed` of them have one field of another type.
func manyDocuments(n, changed int) fstest.MapFS {
	out := fstest.MapFS{}
	for d := range n {
		var s strings.Builder
		fmt.Fprintf(&s, "asyncapi: 3.0.0\ninfo: {title: App %d, version: 1.0.0}\nchannels:\n  c:\n    address: topic.%d.v1\n    messages:\n", d, d)
		for m := range 10 {
			typ := "int"
			if d < changed && m == 0 {
				typ = "string"
			}
			fmt.Fprintf(&s, "      m%d:\n        payload:\n          schemaFormat: application/vnd.apache.avro;version=1.9.0\n          schema: {type: record, name: R%d, fields: [{name: n, type: %s}", m, m, typ)
			for f := range 14 {
				fmt.Fprintf(&s, ", {name: f%d, type: string, doc: some words that describe it}", f)
			}
			s.WriteString("]}\n")
		}
		s.WriteString("operations:\n  s: {action: send, channel: {$ref: \"#/channels/c\"}}\n")
		out[fmt.Sprintf("d%03d.yaml", d)] = &fstest.MapFile{Data: []byte(s.String())}
	}
	return out
}

// BenchmarkGate is what a pull request costs: 100 documents, 1,000 messages, 20
// changed, both sides loaded.
func BenchmarkGate(b *testing.B) {
	before, after := manyDocuments(100, 0), manyDocuments(100, 20)
	e := compat.NewEngine(checkers(), compat.Policy{Now: today})
	for b.Loop() {
		both := &catalog.Parsed{}
		side := func(fsys fstest.MapFS) compat.Side {
			c, err := catalog.Load(b.Context(), catalog.Options{FS: fsys, Parsed: both})
			if err != nil {
				b.Fatal(err)
			}
			return compat.Side{Catalog: c}
		}
		subjects, loose := compat.CatalogSubjects(compat.Past{Side: side(before)}, side(after))
		results, err := e.Compare(b.Context(), subjects)
		if err != nil {
			b.Fatal(err)
		}
		if r := e.Report(results, loose, ""); r.Counts.Changed != 20 || r.Passed() {
			b.Fatalf("%d changed, gate %s", r.Counts.Changed, r.Gate)
		}
	}
}
