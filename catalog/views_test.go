package catalog_test

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/weirhq/weir/catalog"
	"github.com/weirhq/weir/examples"
)

// edited is the orders example with texts replaced: file, old, new, ...
func edited(t *testing.T, edits ...string) fs.FS {
	t.Helper()
	out := fstest.MapFS{}
	err := fs.WalkDir(examples.Orders(), ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(examples.Orders(), p)
		out[p] = &fstest.MapFile{Data: data}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(edits); i += 3 {
		f := out[edits[i]]
		if f == nil || !strings.Contains(string(f.Data), edits[i+1]) {
			t.Fatalf("%s does not hold %q", edits[i], edits[i+1])
		}
		f.Data = []byte(strings.Replace(string(f.Data), edits[i+1], edits[i+2], 1))
	}
	return out
}

func load(t *testing.T, fsys fs.FS) *catalog.Catalog {
	t.Helper()
	c, err := catalog.Load(t.Context(), catalog.Options{FS: fsys})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// One edit of a source is one entry, classed by who has to act.
func TestDiffHasOneEntryForEachEdit(t *testing.T) {
	base := load(t, examples.Orders())
	if got := catalog.Diff(base, load(t, edited(t))); len(got) != 0 {
		t.Errorf("no edit: %+v", got)
	}
	for _, c := range []struct {
		name  string
		edits []string
		want  []string
	}{
		{"version", []string{"orders/asyncapi.yaml", "version: 1.4.0", "version: 9.0.0"}, nil},
		{
			"partitions up",
			[]string{"orders/asyncapi.yaml", "partitions: 6", "partitions: 12"},
			[]string{"reordering channel orders.order.v1: partitions 6 -> 12 [consumer Billing, consumer Notifications, producer Orders]"},
		},
		{
			"partitions down",
			[]string{"orders/asyncapi.yaml", "partitions: 6", "partitions: 3"},
			[]string{"impossible channel orders.order.v1: partitions 6 -> 3 [consumer Billing, consumer Notifications, producer Orders]"},
		},
		{
			"retention down",
			[]string{"orders/asyncapi.yaml", "604800000", "3600000"},
			[]string{"data-loss channel orders.order.v1: retention.ms 604800000 -> 3600000 [consumer Billing, consumer Notifications, producer Orders]"},
		},
		{
			"shared payload",
			[]string{"common/schemas/order.json", `"customerId": {"type": "string"}`, `"customerId": {"type": "integer"}`},
			[]string{"payload schema common/schemas/order.json#: payload changed (see compat) [consumer Billing, consumer Notifications, producer Orders]"},
		},
		{
			"description of a field",
			[]string{"common/schemas/order.json", "Unique, and the key", "The key"},
			[]string{"documentation schema common/schemas/order.json#: description of a payload changed []"},
		},
		{
			"group",
			[]string{"billing/asyncapi.yaml", "const: billing}\n        clientId", "const: invoices}\n        clientId"},
			[]string{"consumers operation Billing/chargeOrder: group billing -> invoices [consumer Billing]"},
		},
		{
			"message key renamed",
			[]string{"billing/asyncapi.yaml", "PaymentCaptured:\n", "Captured:\n"},
			[]string{"documentation message payments.payment.v1/Captured: key PaymentCaptured -> Captured []"},
		},
		{
			"address",
			[]string{"billing/asyncapi.yaml", "address: payments.payment.v1", "address: payments.payment.v2"},
			[]string{
				"addition channel payments.payment.v2: channel added [producer Billing]",
				"consumers channel payments.payment.v1: channel removed [producer Billing]",
			},
		},
		{
			"owner",
			[]string{"orders/asyncapi.yaml", "team: team-orders", "team: team-sales"},
			[]string{"governance application Orders: owner team-orders -> team-sales []"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, x := range catalog.Diff(base, load(t, edited(t, c.edits...))) {
				var who []string
				for _, a := range x.Affected {
					who = append(who, a.Role+" "+a.Application)
				}
				got = append(got, fmt.Sprintf("%s %s %s: %s [%s]", x.Class, x.Subject.Kind, x.Subject.Name, x.Message, strings.Join(who, ", ")))
			}
			slices.Sort(got)
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestSearchRanksNamesFirst(t *testing.T) {
	c := load(t, examples.Orders())
	for query, want := range map[string]string{
		"orders.order.v1": "channel orders.order.v1",
		"email":           "field email",
		"billing":         "application Billing",
		"team-crm":        "application Notifications",
		"sku":             "field Item.sku",
		"carrier":         "field carrier",
		"cardholder":      "field cardHolder",
		"ORDERPLACED":     "message OrderPlaced",
	} {
		hits := c.Search(query)
		if len(hits) == 0 || hits[0].Kind+" "+hits[0].Name != want || hits[0].At.Line == 0 {
			t.Errorf("%s: %+v", query, hits[:min(len(hits), 2)])
		}
	}
	if hits := c.Search("no-such-thing"); hits == nil || len(hits) != 0 {
		t.Errorf("%+v", hits)
	}
}

func TestGraphAround(t *testing.T) {
	g := load(t, examples.Orders()).Graph()
	if len(g.Nodes) != 9 { // 4 applications, 3 channels, 2 dead-letter topics
		t.Errorf("%d nodes: %+v", len(g.Nodes), g.Nodes)
	}
	a := g.Around("shipping.shipment.v1", 1)
	if a == nil || len(a.Nodes) != 2 || len(a.Edges) != 1 {
		t.Errorf("%+v", a)
	}
	if g.Around("nobody", 1) != nil {
		t.Error("a name nobody has selects something")
	}
	for _, text := range []string{g.Mermaid(), g.DOT()} {
		if !strings.Contains(text, "orders.order.v1") || strings.Count(text, "\n") < 15 {
			t.Errorf("%s", text)
		}
	}
}

// Every link of the pages leads to a page, and no text of a document becomes markup.
func TestDocsLinksResolve(t *testing.T) {
	files := edited(t, "orders/asyncapi.yaml", "title: Orders\n    description: One record",
		"title: \"<script>|x|</script> [a](http://b)\"\n    description: One record")
	pages := load(t, files).Docs()
	if len(pages) != 4 {
		t.Errorf("%d pages", len(pages))
	}
	link := regexp.MustCompile(`\]\(([^)]*)\)`)
	for name, page := range pages {
		for _, m := range link.FindAllStringSubmatch(strings.ReplaceAll(string(page), `\]`, ""), -1) {
			if pages[m[1]] == nil {
				t.Errorf("%s: link %s", name, m[1])
			}
		}
		if strings.Contains(string(page), "<script") {
			t.Errorf("%s holds a tag of the document", name)
		}
	}
	if !strings.Contains(string(pages["orders.order.v1.md"]), "items[].sku") {
		t.Errorf("%s", pages["orders.order.v1.md"])
	}
}

func TestScaffoldValidates(t *testing.T) {
	fsys := fstest.MapFS{"asyncapi.yaml": {Data: catalog.Scaffold("shop", "team-shop")}}
	for _, env := range []string{"", "dev"} {
		c, err := catalog.Load(t.Context(), catalog.Options{FS: fsys, Validate: true, Env: env})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range c.Findings {
			t.Errorf("%s: %s (%s)", f.Position, f.Message, f.Rule)
		}
		want := map[string]int{"": 6, "dev": 1}[env]
		if got := c.Definition("shop.order.v1").Partitions; got.V != want {
			t.Errorf("env %q: partitions %+v", env, got)
		}
	}
	_, err := catalog.Load(t.Context(), catalog.Options{FS: fsys, Env: "prod"})
	if e, ok := errors.AsType[*catalog.EnvError](err); !ok || e.Hint() != "known: dev" {
		t.Errorf("%v", err)
	}
}
