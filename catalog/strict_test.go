package catalog_test

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/weirhq/weir/catalog"
)

// findings validates one document and lists what is reported, "rule severity".
func findings(t *testing.T, doc string) []string {
	t.Helper()
	files := fstest.MapFS{"a.yaml": {Data: []byte(doc)}}
	c, err := catalog.Load(t.Context(), catalog.Options{FS: files, Validate: true})
	les, _ := errors.AsType[*catalog.LoadErrors](err)
	if err != nil && les == nil {
		t.Fatal(err)
	}
	all := c.Findings
	if les != nil {
		all = append(les.Findings(), all...)
	}
	got := []string{}
	for _, f := range all {
		got = append(got, f.Rule+" "+f.Severity.String())
		t.Logf("%s: %s", f.Position, f.Message)
	}
	return got
}

// What the text or the official rules demand is an error; what is merely odd is a
// warning, so that a document which other tools accept fails no build here.
func TestStrictness(t *testing.T) {
	const (
		head2 = "asyncapi: 2.6.0\ninfo: {title: A, version: 1.0.0}\n"
		head3 = "asyncapi: 3.0.0\ninfo: {title: A, version: 1.0.0}\n"
		none2 = head2 + "channels: {}\n"
	)
	for _, c := range []struct {
		name, doc string
		want      []string
	}{
		{"2.x server variable left out beside others", none2 + "servers: {a: {url: '{x}.{y}', protocol: ws, variables: {x: {default: a}}}}", []string{"spec/server-variables error"}},
		{"2.x server without variables object", none2 + "servers: {a: {url: '{x}', protocol: ws}}", []string{"spec/server-variables warning"}},
		{"2.x server variables of a plain url", none2 + "servers: {a: {url: x, protocol: ws, variables: {x: {default: a}}}}", []string{"spec/server-variables warning"}},
		{"2.x server of the components", none2 + "components: {servers: {a: {url: '{x}', protocol: ws, variables: {y: {default: a}}}}}", []string{"spec/server-variables error", "spec/server-variables error"}},
		{"3.x server variable not used", head3 + "servers: {a: {host: '{x}', protocol: ws, variables: {x: {default: a}, y: {default: a}}}}", []string{"spec/server-variables warning"}},

		{"2.x parameter left out beside others", head2 + "channels: {'a/{x}/{y}': {parameters: {x: {schema: {type: string}}}}}", []string{"spec/parameters error"}},
		{"2.x channel without parameters object", head2 + "channels: {'a/{x}': {}}", []string{"spec/parameters warning"}},
		{"2.x parameters of a plain channel", head2 + "channels: {a: {parameters: {x: {schema: {type: string}}}}}", []string{"spec/parameters warning"}},
		{"3.x parameters of a plain address", head3 + "channels: {a: {address: a, parameters: {x: {}}}}", []string{"spec/parameters error"}},
		{"3.x channel of the components", head3 + "components: {channels: {a: {address: 'a/{x}', parameters: {y: {}}}}}", []string{"spec/parameters error", "spec/parameters error"}},
		{"parameters of the wrong type", head3 + "channels: {a: {address: 'a/{x}', parameters: x}}", []string{"spec/type error"}},
		{"3.x key with a fragment", head3 + "channels: {'a#b': {address: a}}", []string{"spec/address error"}},

		{"2.x operation tags", head2 + "channels: {a: {publish: {tags: [{name: x}, {name: x, description: y}]}}}", []string{"spec/tags error"}},
		{"2.x trait tags", none2 + "components: {messageTraits: {a: {tags: [{name: x}, {name: x, description: y}]}}}", []string{"spec/tags error"}},
		{"2.x server tags", none2 + "servers: {a: {url: x, protocol: ws, tags: [{name: x}, {name: x, description: y}]}}", []string{"spec/tags warning"}},
		{"3.x tags", head3 + "channels: {a: {tags: [{name: x}, {name: x, description: y}]}}", []string{"spec/tags warning"}},

		{"scopes of a scheme without scopes", none2 + "servers: {a: {url: x, protocol: ws, security: [{k: [read]}]}}\ncomponents: {securitySchemes: {k: {type: userPassword}}}", []string{"spec/security warning"}},
		{"scope that does not exist", none2 + "servers: {a: {url: x, protocol: ws, security: [{k: [read]}]}}\ncomponents: {securitySchemes: {k: {type: oauth2, flows: {implicit: {authorizationUrl: 'https://x', scopes: {write: w}}}}}}", []string{"spec/security error"}},

		{"message id of a trait", head2 + "channels: {a: {publish: {message: {traits: [{messageId: m}]}}, subscribe: {message: {messageId: m}}}}", []string{"spec/message-id error"}},
		{"message used twice", head2 + "channels: {a: {publish: {message: {$ref: '#/components/messages/m'}}, subscribe: {message: {$ref: '#/components/messages/m'}}}}\ncomponents: {messages: {m: {messageId: m}}}", []string{}},

		{"2.x example with a date that is none", head2 + "channels: {a: {publish: {message: {payload: {type: string, format: date-time}, examples: [{payload: yesterday}]}}}}", []string{"schema/example-invalid error"}},
		{"2.x date with a space", head2 + "channels: {a: {publish: {message: {payload: {type: string, format: date-time}, examples: [{payload: '2026-01-31 08:00:00Z'}]}}}}", []string{}},
		{"3.x example with a date that is none", head3 + "channels: {a: {messages: {m: {payload: {type: string, format: date-time}, examples: [{payload: yesterday}]}}}}", []string{}},
		{"2.x headers of a trait", head2 + "channels: {a: {publish: {message: {traits: [{headers: {type: object, properties: {n: {type: integer}}}}], examples: [{headers: {n: x}}]}}}}", []string{"schema/example-invalid warning"}},

		{"misspelt required field is one cause", strings.Replace(head3, "title", "titel", 1), []string{"spec/unknown-field error"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if d := cmp.Diff(c.want, findings(t, c.doc)); d != "" {
				t.Error(d)
			}
		})
	}
}

// A remote reference is not followed and hides nothing else: what lies behind it is
// unknown, and told as such.
func TestRemoteReferences(t *testing.T) {
	files := fstest.MapFS{
		"a.yaml": {Data: []byte(`asyncapi: 3.0.0
info: {title: A, version: 1.0.0}
servers: {far: {$ref: "https://example.com/s.yaml"}, near: {host: x, protocol: kafka}}
channels:
  far: {$ref: "https://example.com/c.yaml#/channels/far"}
  near:
    address: near.v1
    messages:
      Far: {$ref: "https://example.com/m.yaml#/Far"}
      Through: {payload: {$ref: "#/components/messages/Far/payload"}}
operations:
  far: {$ref: "https://example.com/o.yaml"}
  near: {action: send, channel: {$ref: "#/channels/near"}}
  nearFar: {action: send, channel: {$ref: "#/channels/far"}}
components: {messages: {Far: {$ref: "https://example.com/m.yaml#/Far"}}}
`)},
		"b.yaml": {Data: []byte(`asyncapi: 2.6.0
info: {title: B, version: 1.0.0}
channels:
  near.v1: {$ref: "a.yaml#/channels/near"}
  far.v2: {publish: {message: {oneOf: [{$ref: "https://example.com/m.yaml#/Far"}, {name: Near}]}}}
`)},
	}
	c, err := catalog.Load(t.Context(), catalog.Options{FS: files, Validate: true})
	if err != nil {
		t.Fatal(err)
	}
	lines := map[string]string{}
	for _, f := range c.Findings {
		if f.Rule == "ref/remote" {
			lines[f.Position.String()] = f.Severity.String()
			continue
		}
		t.Errorf("%s: %s (%s)", f.Position, f.Message, f.Rule)
	}
	want := map[string]string{
		"a.yaml:3:23": "warning", "a.yaml:5:15": "warning", "a.yaml:9:19": "warning", "a.yaml:10:33": "info",
		"a.yaml:12:15": "warning", "a.yaml:15:37": "warning", "b.yaml:5:47": "warning",
	}
	if d := cmp.Diff(want, lines); d != "" {
		t.Error(d)
	}
	near := c.Definition("near.v1")
	for _, id := range []string{"Far", "Through"} {
		if p := near.Message(id).Payload; p == nil || !strings.HasPrefix(p.Remote, "https://example.com/m.yaml") {
			t.Errorf("payload of %s: %+v", id, p)
		}
	}
	if ms := c.Applications[1].Channels[1].Messages; len(ms) != 2 || ms[0].Payload.Remote == "" || ms[1].Name != "Near" {
		t.Errorf("messages of far.v2: %+v", ms)
	}
	if far := c.Applications[0].Channels[0]; !far.Foreign || far.Topic != "" || far.Identity.String() != "https://example.com/c.yaml#/channels/far" {
		t.Errorf("remote channel: %+v", far)
	}
	_, _, _ = c.Docs(), c.Graph().Mermaid(), c.Search("far")
	if d := catalog.Diff(c, c); len(d) > 0 {
		t.Errorf("a catalog differs from itself: %+v", d)
	}
}

// Signs that a direction is written the wrong way round are told once an operation.
func TestPerspectiveSuspect(t *testing.T) {
	const (
		head2 = "asyncapi: 2.6.0\ninfo: {title: A, version: 1.0.0}\n"
		head3 = "asyncapi: 3.0.0\ninfo: {title: A, version: 1.0.0}\nchannels: {a: {}}\n"
		on    = "channel: {$ref: '#/channels/a'}"
	)
	suspect := []string{"cat/perspective-suspect warning"}
	for _, c := range []struct {
		name, doc string
		want      []string
	}{
		{"2.x id of the other side", head2 + "channels: {a: {publish: {operationId: publishOrder}}}", suspect},
		{"2.x id that fits", head2 + "channels: {a: {publish: {operationId: onOrder}}}", []string{}},
		{"2.x id that only begins alike", head2 + "channels: {a: {publish: {operationId: sendersRegistered}, subscribe: {operationId: once}}}", []string{}},
		{"2.x summary of the other side", head2 + "channels: {a: {subscribe: {summary: Receives orders.}}}", suspect},
		{"2.x id speaks before the summary", head2 + "channels: {a: {publish: {operationId: handle_order, summary: Send an order.}}}", []string{}},
		{"2.x from the client's side", head2 + "x-perspective: client\nchannels: {a: {publish: {operationId: publishOrder}}}", []string{}},
		{"3.x", head3 + "operations: {sendOrder: {action: receive, " + on + "}, onOrder: {action: receive, " + on + "}}", suspect},
	} {
		t.Run(c.name, func(t *testing.T) {
			if d := cmp.Diff(c.want, findings(t, c.doc)); d != "" {
				t.Error(d)
			}
		})
	}
	consumer := func(title string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte("asyncapi: 2.6.0\ninfo: {title: " + title + ", version: 1.0.0}\nchannels: {" + title + ": {publish: {}}}")}
	}
	files := fstest.MapFS{"a.yaml": consumer("a"), "b.yaml": consumer("b")}
	c, err := catalog.Load(t.Context(), catalog.Options{FS: files, Validate: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Findings) != 1 || c.Findings[0].Rule != "cat/perspective-suspect" || c.Findings[0].Position.String() != "a.yaml:3:16" {
		t.Errorf("a catalog in which nobody produces: %+v", c.Findings)
	}
}
