package catalog_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/weirhq/weir/catalog"
)

// project is everything of a model that does not depend on how it was written.
func project(t *testing.T, c *catalog.Catalog) []string {
	t.Helper()
	var out []string
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	schema := func(s *catalog.Schema) string {
		if s == nil {
			return "none"
		}
		text, err := s.Text()
		if err != nil {
			t.Fatal(err)
		}
		return string(s.Format) + " " + string(text)
	}
	for _, a := range c.Applications {
		add("app %s %s owner=%s system=%s", a.Title, a.ID, a.Owner.V.Team, a.System.V)
		for _, s := range a.Servers {
			add("server %s %s %s security=%v env=%v", s.Key, s.URL, s.Protocol, s.Security, s.Environments())
		}
	}
	for _, s := range c.Streams() {
		ch := s.Channels[0]
		add("channel %s topic=%q family=%v protocol=%s partitions=%d replicas=%d owner=%s lifecycle=%v class=%s compat=%s managed=%v",
			s.Name, ch.Topic, s.Family, s.Protocol, ch.Partitions.V, ch.Replicas.V, ch.Owner.V.Team, ch.Lifecycle.V, ch.Classification.V,
			ch.Compatibility.V, ch.Managed.V)
		if ch.Family != nil {
			add("  family %s", ch.Family.Regex)
		}
		for _, k := range slices.Sorted(maps.Keys(ch.TopicConfig)) {
			add("  %s=%s", k, ch.TopicConfig[k].V)
		}
		for _, m := range ch.Messages {
			add("  message %s %s type=%s correlation=%s compat=%s key=%s headers=%s payload=%s", m.ID, m.Name, m.ContentType.V, m.CorrelationID,
				m.Compatibility.V, schema(m.Key), schema(m.Headers), schema(m.Payload))
			for _, e := range m.Examples {
				add("    example %s %s %s", e.Name, e.Payload, e.Headers)
			}
			for _, k := range m.Marks {
				add("    mark %s %s %s", k.Path, k.PII, k.Classification)
			}
		}
	}
	for op := range c.Operations() {
		var ids []string
		for _, m := range op.Messages {
			ids = append(ids, m.ID)
		}
		dlt := "none"
		var retry []string
		if op.ErrorTopics != nil {
			if d := op.DLT(); d != nil {
				dlt = d.Topic + " " + d.TopicConfig["retention.ms"].V
			}
			for _, r := range op.ErrorTopics.Retry {
				retry = append(retry, r.Topic)
			}
		}
		add("operation %s %s %s messages=%v group=%s client=%s principal=%s dlt=%s retry=%v tx=%v", op.ID, op.Direction, op.Channel.Name(), ids,
			op.Group.V, op.ClientID.V, op.Principal.V, dlt, retry, op.Transactional.V)
	}
	return out
}

const form2 = `
asyncapi: 2.6.0
id: urn:example:forms
info: {title: Forms, version: 1.0.0}
x-owner: team-forms
x-system: shop
defaultContentType: application/json
servers:
  prod:
    url: kafka.example:9093
    protocol: kafka-secure
    tags: [{name: "env:live"}]
    security: [{scram: []}]
channels:
  forms.order.v1:
    x-lifecycle: active
    x-classification: confidential
    bindings:
      kafka:
        partitions: 6
        replicas: 3
        topicConfiguration: {cleanup.policy: [compact, delete], retention.ms: 8.64e+07}
        bindingVersion: 0.5.0
    subscribe:
      operationId: placeOrder
      bindings:
        kafka: {clientId: {type: string, const: orders}, x-principal: orders, x-transactional: true}
      message:
        oneOf:
          - $ref: '#/components/messages/Placed'
          - $ref: '#/components/messages/Cancelled'
  forms.events:
    bindings:
      kafka: {topic: forms.payment.v1}
    publish:
      operationId: takePayment
      traits: [{$ref: '#/components/operationTraits/consumer'}]
      message:
        messageId: Paid
        name: Paid
        schemaFormat: application/vnd.apache.avro;version=1.9.0
        payload: {type: record, name: Paid, fields: [{name: id, type: string}, {name: card, type: string, x-pii: card}]}
  forms.{region}.v1:
    parameters:
      region: {schema: {type: string, enum: [eu, us]}}
    publish:
      operationId: takeRegion
      message: {messageId: Region, payload: {type: string}}
components:
  securitySchemes: {scram: {type: scramSha512}}
  operationTraits:
    consumer:
      bindings:
        kafka:
          groupId: {type: string, enum: [forms]}
          x-error-topics:
            dlq: {topic: forms.payment.v1.forms.dlt, topicConfiguration: {retention.ms: 1209600000}}
            retry: {count: 2, addressTemplate: "${groupId}.retry-${n}"}
  messages:
    Placed:
      name: Placed
      headers: {type: object, properties: {id: {type: string}}}
      correlationId: {location: $message.header#/id}
      payload: {$ref: '#/components/schemas/Order'}
      bindings: {kafka: {key: {type: string}, x-compatibility: backward}}
      examples: [{name: one, payload: {email: a@b.c}, headers: {id: x}}]
    Cancelled: {name: Cancelled, payload: {type: object, properties: {order: {$ref: '#/components/schemas/Order'}}}}
  schemas:
    Order: {type: object, properties: {email: {type: string, x-pii: email}, parent: {$ref: '#/components/schemas/Order'}}}
`

const form3 = `
asyncapi: 3.0.0
id: urn:example:forms
info: {title: Forms, version: 1.0.0}
x-owner: {team: team-forms}
x-system: shop
defaultContentType: application/json
servers:
  prod:
    host: kafka.example:9093
    protocol: kafka-secure
    tags: [{name: "env:live"}]
    security: [{$ref: '#/components/securitySchemes/scram'}]
channels:
  order:
    address: forms.order.v1
    x-lifecycle: {state: active}
    x-classification: confidential
    messages:
      Placed: {$ref: '#/components/messages/Placed'}
      Cancelled: {$ref: '#/components/messages/Cancelled'}
    bindings:
      kafka:
        partitions: 6
        replicas: 3
        topicConfiguration: {cleanup.policy: [delete, compact], retention.ms: 86400000}
        bindingVersion: 0.5.0
  payment:
    address: forms.payment.v1
    messages:
      Paid:
        name: Paid
        payload:
          schemaFormat: application/vnd.apache.avro;version=1.9.0
          schema: {type: record, name: Paid, fields: [{name: id, type: string}, {name: card, type: string, x-pii: card}]}
  region:
    address: forms.{region}.v1
    parameters: {region: {enum: [eu, us]}}
    messages: {Region: {payload: {type: string}}}
operations:
  placeOrder:
    action: send
    channel: {$ref: '#/channels/order'}
    bindings:
      kafka: {clientId: {type: string, enum: [orders]}, x-principal: User:orders, x-transactional: true}
  takePayment:
    action: receive
    channel: {$ref: '#/channels/payment'}
    traits: [{$ref: '#/components/operationTraits/consumer'}]
  takeRegion:
    action: receive
    channel: {$ref: '#/channels/region'}
components:
  securitySchemes: {scram: {type: scramSha512}}
  operationTraits:
    consumer:
      bindings:
        kafka:
          groupId: {type: string, const: forms}
          x-error-topics:
            dlq: {topic: forms.payment.v1.forms.dlt, topicConfiguration: {retention.ms: 1209600000}}
            retry: {count: 2, addressTemplate: "${groupId}.retry-${n}"}
  messages:
    Placed:
      name: Placed
      headers: {type: object, properties: {id: {type: string}}}
      correlationId: {location: $message.header#/id}
      payload: {$ref: '#/components/schemas/Order'}
      bindings: {kafka: {key: {type: string}, x-compatibility: BACKWARD}}
      examples: [{name: one, payload: {email: a@b.c}, headers: {id: x}}]
    Cancelled: {name: Cancelled, payload: {type: object, properties: {order: {$ref: '#/components/schemas/Order'}}}}
  schemas:
    Order: {type: object, properties: {email: {type: string, x-pii: email}, parent: {$ref: '#/components/schemas/Order'}}}
`

// The same application in both majors is the same model.
func TestBothMajorsGiveOneModel(t *testing.T) {
	var got [2][]string
	for i, text := range []string{form2, form3} {
		c, err := catalog.Load(t.Context(), catalog.Options{FS: fstest.MapFS{"a.yaml": {Data: []byte(text)}}, Validate: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range c.Findings {
			if f.Rule != "kafka/loose-value" {
				t.Errorf("%s: %s (%s)", f.Position, f.Message, f.Rule)
			}
		}
		got[i] = project(t, c)
	}
	if d := cmp.Diff(got[0], got[1]); d != "" {
		t.Error(d)
	}
	all := strings.Join(got[1], "\n")
	for _, want := range []string{
		"cleanup.policy=compact,delete", "retention.ms=86400000", "principal=User:orders", "retry=[forms.retry-0 forms.retry-1]",
		"^forms\\.(?:eu|us)\\.v1$", "mark email email", "group=forms", "dlt=forms.payment.v1.forms.dlt 1209600000", `"#/definitions/Order"`,
	} {
		if !strings.Contains(all, want) {
			t.Errorf("no %q in\n%s", want, all)
		}
	}
}

func TestPerspectiveTurnsDirections(t *testing.T) {
	fsys := fstest.MapFS{"a.yaml": {Data: []byte(form2)}}
	c, err := catalog.Load(t.Context(), catalog.Options{FS: fsys, Perspective: func(string) catalog.Perspective { return catalog.PerspectiveClient }})
	if err != nil {
		t.Fatal(err)
	}
	op := c.Applications[0].Operations[0]
	if op.ID != "placeOrder" || op.Direction != catalog.Receive || op.DirectionOrigin != "2.x subscribe, perspective client" {
		t.Errorf("%s %s %s", op.ID, op.Direction, op.DirectionOrigin)
	}
}

const envBase = `
asyncapi: 3.0.0
info: {title: Env, version: 1.0.0}
x-owner: team-env
servers:
  prod: {host: "p:9092", protocol: kafka, tags: [{name: "env:live"}]}
  dev: {host: "d:9092", protocol: kafka}
channels:
  a:
    address: env.a.v1
    description: gone in dev
    bindings:
      kafka:
        partitions: 6
        replicas: 3
        topicConfiguration: {retention.ms: 1000, min.insync.replicas: 2}
        x-env-server-overrides: {dev: {replicas: 1}, moon: {replicas: 2}}
        bindingVersion: 0.5.0
  onlyProd:
    address: env.prod.v1
    servers: [{$ref: "#/servers/prod"}]
operations:
  send: {action: send, channel: {$ref: "#/channels/onlyProd"}}
`

// Document, then overlays in order, then the overrides of the server.
func TestEnvironments(t *testing.T) {
	fsys := fstest.MapFS{
		"a.yaml":       {Data: []byte(envBase)},
		"env/dev.yaml": {Data: []byte("topic:env.a.v1:\n  description: null\n  bindings: {kafka: {partitions: 2, replicas: 2, topicConfiguration: {min.insync.replicas: null, retention.ms: 5}}}\nnope.yaml#/x: {}\n")},
		"env/two.yaml": {Data: []byte("a.yaml#/channels/a/bindings/kafka/partitions: 3\n")},
	}
	c, err := catalog.Load(t.Context(), catalog.Options{FS: fsys, Paths: []string{"a.yaml"}, Env: "dev", Overlays: []string{"env/dev.yaml", "env/two.yaml"}, Validate: true})
	if err != nil {
		t.Fatal(err)
	}
	a := c.Definition("env.a.v1")
	if got := fmt.Sprintf("%d %s %s|%d %s|%s %s|%s|%q", a.Partitions.V, a.Partitions.Origin, a.Partitions.At, a.Replicas.V, a.Replicas.Origin,
		a.TopicConfig["retention.ms"].V, a.TopicConfig["retention.ms"].Origin, a.TopicConfig["min.insync.replicas"].V, a.Description); got !=
		`3 overlay env/two.yaml:1:47|1 override|5 overlay||""` {
		t.Error(got)
	}
	if c.Definition("env.prod.v1") != nil || len(c.Applications[0].Operations) != 0 {
		t.Error("a channel of another server is in the environment")
	}
	var got []string
	for _, f := range c.Findings {
		got = append(got, f.Position.String()+" "+f.Rule)
	}
	if d := cmp.Diff([]string{"a.yaml:17:54 env/override-server", "env/dev.yaml:4:1 env/overlay-unused"}, got); d != "" {
		t.Error(d)
	}
	live, err := catalog.Load(t.Context(), catalog.Options{FS: fsys, Paths: []string{"a.yaml"}, Env: "live"})
	if err != nil || live.Definition("env.prod.v1") == nil || live.Definition("env.a.v1").Partitions.V != 6 {
		t.Errorf("%v", err)
	}
}

// An inline channel with another team's owner describes that team's topic.
func TestExplicitOwnerMakesAChannelForeign(t *testing.T) {
	fsys := fstest.MapFS{
		"a.yaml": {Data: []byte("asyncapi: 3.0.0\ninfo: {title: A, version: '1'}\nx-owner: team-a\nchannels: {x: {address: own.x.v1, bindings: {kafka: {partitions: 4}}}}\noperations: {s: {action: send, channel: {$ref: '#/channels/x'}}}\n")},
		"b.yaml": {Data: []byte("asyncapi: 3.0.0\ninfo: {title: B, version: '1'}\nx-owner: team-b\nchannels: {x: {address: own.x.v1, x-owner: team-a}}\noperations: {r: {action: receive, channel: {$ref: '#/channels/x'}}}\n")},
	}
	c, err := catalog.Load(t.Context(), catalog.Options{FS: fsys, Validate: true})
	if err != nil || len(c.Findings) > 0 {
		t.Fatalf("%v %+v", err, c.Findings)
	}
	if d := c.Definition("own.x.v1"); d.App.Title != "A" || len(c.TopicChannels("own.x.v1")) != 2 || len(c.Consumers("own.x.v1")) != 1 {
		t.Errorf("%+v", d)
	}
}

// What is read of a schema after the load does not need the file system any more.
func TestSchemaLoad(t *testing.T) {
	fsys := fstest.MapFS{
		"p/a.yaml": {Data: []byte(`
asyncapi: 3.0.0
info: {title: A, version: '1'}
channels:
  x:
    address: load.x.v1
    messages:
      P: {payload: {schemaFormat: application/vnd.google.protobuf;version=3, schema: {$ref: a.proto}}}
      A: {payload: {schemaFormat: application/vnd.apache.avro;version=1.9.0, schema: {$ref: a.avsc}}}
      T:
        payload:
          schemaFormat: application/vnd.google.protobuf;version=3
          schema: |
            syntax = "proto3";
            message T { string id = 1; }
`)},
		"p/a.proto":      {Data: []byte("syntax = \"proto3\";\nimport \"common/b.proto\";\nmessage A { B b = 1; }\n")},
		"common/b.proto": {Data: []byte("syntax = \"proto3\";\nmessage B { string id = 1; }\n")},
		"p/a.avsc":       {Data: []byte(`{"type":"record","name":"A","namespace":"n","fields":[{"name":"b","type":"n.B"}]}`)},
		"common/b.avsc":  {Data: []byte(`{"type":"enum","name":"B","namespace":"n","symbols":["X"]}`)},
	}
	c, err := catalog.Load(t.Context(), catalog.Options{FS: fsys, Validate: true})
	if err != nil || len(c.Findings) > 0 {
		t.Fatalf("%v %+v", err, c.Findings)
	}
	clear(fsys)
	ch := c.Definition("load.x.v1")
	text, name, err := ch.Message("P").Payload.Load(t.Context(), "common/b.proto", "")
	if err != nil || name != "common/b.proto" || !strings.Contains(string(text), "message B") {
		t.Errorf("%s %s %v", text, name, err)
	}
	text, name, err = ch.Message("A").Payload.Load(t.Context(), "n.B", "")
	if err != nil || name != "common/b.avsc" || !strings.Contains(string(text), "symbols") {
		t.Errorf("%s %s %v", text, name, err)
	}
	for _, ref := range []string{"../../etc/passwd", "none.proto"} {
		if _, _, err := ch.Message("P").Payload.Load(t.Context(), ref, ""); err == nil {
			t.Errorf("%s was loaded", ref)
		}
	}
	if at := ch.Message("T").Payload.Locate("2:13").String(); at != "p/a.yaml:15:25" {
		t.Errorf("T is at %s", at)
	}
}

func TestSeverities(t *testing.T) {
	fsys := fstest.MapFS{"a.yaml": {Data: []byte("asyncapi: 3.0.0\ninfo: {title: A, version: '1'}\nchanels: {}\n")}}
	for sev, want := range map[string]int{"error": 1, "info": 1, "off": 0} {
		c, err := catalog.Load(t.Context(), catalog.Options{FS: fsys, Validate: true, Severities: map[string]string{"spec/unknown-field": sev}})
		if err != nil || len(c.Findings) != want || want == 1 && c.Findings[0].Severity.String() != sev {
			t.Errorf("%s: %v %+v", sev, err, c.Findings)
		}
	}
	for _, bad := range []map[string]string{{"spec/nope": "off"}, {"topic/name": "off"}, {"load/syntax": "info"}, {"spec/type": "loud"}} {
		if _, err := catalog.Load(t.Context(), catalog.Options{FS: fsys, Severities: bad}); err == nil {
			t.Errorf("%v was taken", bad)
		}
	}
}
