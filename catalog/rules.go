package catalog

import (
	"cmp"
	"slices"
	"sync"

	"github.com/weirhq/weir/finding"
)

// blocking are the rules whose topics plan and apply refuse to touch.
var blocking = [...]string{"topic/name", "topic/collision", "topic/defined-twice"}

var ruleTable = sync.OnceValue(func() map[string]finding.Rule {
	m := map[string]finding.Rule{}
	for _, r := range Rules() {
		m[r.ID] = r
	}
	return m
})

func ruleByID(id string) (finding.Rule, bool) {
	r, ok := ruleTable()[id]
	return r, ok
}

// Rules lists every rule the package can report, sorted by id. Those of the category
// load are load errors: the file is left out of the model, and they cannot be waived.
func Rules() []finding.Rule {
	rs := []finding.Rule{
		{
			ID: RuleUnreadable, Severity: finding.Error, Purpose: "A file of the catalog can be read.",
			Fails: "a path that does not exist, a file without read permission", Fix: "Check the path and the permissions.",
		},
		{
			ID: RuleSyntax, Severity: finding.Error, Purpose: "A file is one well-formed YAML or JSON document.",
			Why:   "What does not parse has no meaning, and guessing one would hide a channel.",
			Fails: "key:\n\t- indented with a tab", Passes: "key:\n  - indented with spaces",
			Fix: "Correct the text at the position. One file holds one document.",
		},
		{
			ID: RuleDuplicate, Severity: finding.Error, Purpose: "A mapping has each key once.",
			Why:   "Readers disagree on which of two equal keys counts.",
			Fails: "partitions: 3\npartitions: 6", Passes: "partitions: 6", Fix: "Keep one of the two.",
		},
		{
			ID: RuleLimit, Severity: finding.Error, Purpose: "A file stays below the limits of size, nesting and alias expansion.",
			Why: "A catalog is read in pull requests of strangers; no file may exhaust the machine.",
			Fix: "Split the file, or raise catalog.limits in weir.yaml.",
		},
		{
			ID: RuleVersion, Severity: finding.Error, Purpose: "A document declares an AsyncAPI version that weir reads: 2.0 to 2.6, 3.0 or 3.1.",
			Fails: "asyncapi: 1.2.0", Passes: "asyncapi: 3.0.0", Fix: "Convert 1.x documents with the AsyncAPI converter.",
		},
		{
			ID: RuleRefMissing, Severity: finding.Error, Purpose: "Every reference leads to something.",
			Why:   "A reference is relative to the file that holds it, at every depth.",
			Fails: "$ref: ./schemas.yaml#/Ordr", Passes: "$ref: ./schemas.yaml#/Order", Fix: "Correct the path or the pointer.",
		},
		{
			ID: RuleRefEscape, Severity: finding.Error, Purpose: "No reference leaves the root of the catalog.",
			Why: "A catalog must mean the same on every machine, and must not read other people's files.",
			Fix: "Name the folder that holds both files with --ref-root.",
		},
		{
			ID: RuleRefRemote, Severity: finding.Error, Purpose: "A remote reference to an allowed host can be fetched.",
			Why: "--allow-remote says that the catalog needs what is there.", Fix: "Repair the URL, try again, or keep a copy in the catalog.",
		},
		{
			ID: RuleRefCycle, Severity: finding.Error, Purpose: "References form no cycle outside of schemas.",
			Fix: "Break the cycle. Only schemas may refer to themselves.",
		},
		{
			ID: "ref/place", Severity: finding.Error, Purpose: "A reference stands only where the version of the document allows one.",
			Fails: "a server by $ref in AsyncAPI 2.2", Fix: "Copy the target, or move the document to a version that allows the reference.",
		},
		{
			ID: "ref/remote", Severity: finding.Info, Purpose: "Nothing that the catalog means lies behind a URL.",
			Why: "weir works offline. The document loads without it: the compatibility of a remote schema is unproven, and a remote server, channel, operation or message is unknown (a warning).",
			Fix: "Keep a copy in the catalog, or allow the host with --allow-remote.",
		},
		{
			ID: "ref/siblings", Severity: finding.Warning, Purpose: "Nothing stands beside $ref.",
			Why:   "AsyncAPI and JSON Schema up to draft-07 ignore the siblings of a reference, so what they say is lost. From 2019-09 on they count, and nothing is reported.",
			Fails: "$ref: '#/components/messages/Order'\ndescription: only for us", Fix: "Move the sibling into the target.",
		},
		{
			ID: "spec/version", Severity: finding.Warning, Purpose: "The version has patch number 0 and no suffix.",
			Why: "The official parser refuses 3.0.1.", Fix: "Write 3.0.0.",
		},
		{
			ID: "spec/unknown-field", Severity: finding.Error, Purpose: "Only fields of the specification and x- extensions are used.",
			Fails: "chanels: {}", Passes: "channels: {}", Fix: "Correct the name, or make it an extension.", Source: "AsyncAPI JSON Schemas",
		},
		{ID: "spec/missing-field", Severity: finding.Error, Purpose: "Required fields are there.", Fix: "Add the field.", Source: "AsyncAPI JSON Schemas"},
		{ID: "spec/type", Severity: finding.Error, Purpose: "A value has the type that the specification asks for.", Fix: "Correct the value.", Source: "AsyncAPI JSON Schemas"},
		{ID: "spec/value", Severity: finding.Error, Purpose: "A value is one that the specification allows.", Fix: "Correct the value.", Source: "AsyncAPI JSON Schemas"},
		{
			ID: "spec/binding", Severity: finding.Error, Purpose: "A binding is as its version of the protocol's binding says.",
			Why:   "An error in 3.x, where the official schemas check it; a warning in 2.x, where they do not look.",
			Fails: "partitions: \"12\"", Passes: "partitions: 12", Fix: "Correct the value or bindingVersion.", Source: "AsyncAPI bindings",
		},
		{
			ID: "spec/binding-0.6", Severity: finding.Info, Purpose: "A field of the coming Kafka binding 0.6.0 is used.",
			Fix: "Use the x- spelling until 0.6.0 is released.",
		},
		{
			ID: "spec/operation-channel", Severity: finding.Error, Purpose: "The channel of an operation is one of the document's channels.",
			Passes: "channel: {$ref: '#/channels/orders'}", Fix: "Refer to #/channels/<key>.", Source: "AsyncAPI 3.0",
		},
		{
			ID: "spec/operation-messages", Severity: finding.Error, Purpose: "The messages of an operation come from its own channel.",
			Fails: "messages: [{$ref: '#/components/messages/Order'}]", Passes: "messages: [{$ref: '#/channels/orders/messages/Order'}]",
			Fix: "Refer to #/channels/<key>/messages/<key>.", Source: "AsyncAPI 3.0",
		},
		{ID: "spec/channel-servers", Severity: finding.Error, Purpose: "The servers of a channel are servers of the document.", Fix: "Name a declared server.", Source: "AsyncAPI"},
		{ID: "spec/address", Severity: finding.Error, Purpose: "An address has no query and no fragment.", Fix: "Describe the query in the ws binding.", Source: "AsyncAPI"},
		{
			ID: "spec/parameters", Severity: finding.Error, Purpose: "The parameters of an address are declared, and those declared are used.",
			Why: "A warning where the parameters object is left out altogether, and in 2.x where the address has no parameters.",
			Fix: "Make the two agree.", Source: "AsyncAPI",
		},
		{
			ID: "spec/reply-address", Severity: finding.Error, Purpose: "A reply with an address of its own has a channel without one.",
			Why: "With both, nobody can tell where the answer goes.", Fix: "Set the channel's address to null.", Source: "AsyncAPI 3.0, Operation Reply Object",
		},
		{
			ID: "spec/security", Severity: finding.Error, Purpose: "Security requirements name declared schemes and scopes.",
			Why: "A warning for scopes of a scheme that has none.",
			Fix: "Declare the scheme under components.securitySchemes.", Source: "AsyncAPI 2.x",
		},
		{
			ID: "spec/server-variables", Severity: finding.Error, Purpose: "The variables of a server's address are declared, and those declared are used.",
			Why: "An error in 2.x where both sides are there and disagree, as in the official parser; a warning elsewhere.",
			Fix: "Make the two agree.", Source: "AsyncAPI",
		},
		{ID: "spec/operation-id", Severity: finding.Error, Purpose: "An operationId is unique in its document.", Fix: "Rename one.", Source: "AsyncAPI 2.x"},
		{ID: "spec/message-id", Severity: finding.Error, Purpose: "A messageId is unique in its document.", Fix: "Rename one.", Source: "AsyncAPI 2.x"},
		{
			ID: "spec/tags", Severity: finding.Error, Purpose: "The tags of an object have different names.",
			Why: "An error in 2.x on the document, its operations and its messages; a warning elsewhere.", Fix: "Keep one.", Source: "AsyncAPI 2.x",
		},
		{
			ID: "schema/invalid", Severity: finding.Error, Purpose: "An Avro or Protobuf schema can be read by its own language.",
			Why: "A schema that no serializer reads describes nothing, and compatibility cannot be judged.",
			Fix: "Repair the schema, or add the file that declares the type it names.", Source: "Apache Avro specification; Protocol Buffers language specification",
		},
		{
			ID: "schema/example-invalid", Severity: finding.Warning, Purpose: "Examples and defaults match their schema.",
			Why: "Examples feed documentation, tests and replays. An error for message examples and at the top level of a schema in 2.x, as in the official parser; a warning elsewhere. Under Avro each value may be plain JSON or Avro's JSON encoding, and a field with a default or a null branch may be left out; under Protobuf it is the JSON form of Protobuf.",
			Fix: "Correct the example or the schema.", Source: "AsyncAPI",
		},
		{
			ID: "msg/correlation-id", Severity: finding.Info, Purpose: "A correlation id points at a declared header or field.",
			Fails: "location: $message.header#/correlationId, without a headers schema", Fix: "Declare the header.",
		},
		{ID: "msg/headers-type", Severity: finding.Warning, Purpose: "Headers are of type object.", Fix: "Write type: object.", Source: "AsyncAPI"},
		{
			ID: "kafka/loose-value", Severity: finding.Warning, Purpose: "Values of a Kafka binding have their proper type.",
			Why: "weir reads numbers in strings, lists written as text and plain group ids; other tools do not.", Fix: "Write the value as the binding says.",
		},
		{
			ID: "topic/name", Severity: finding.Error, Purpose: "A topic has a name that Kafka takes.",
			Why:   "The name is at most 249 letters, digits, dots, underscores and hyphens. Plan and apply do not touch the topic. Cannot be waived.",
			Fails: "address: bad topic/name", Passes: "address: orders.order.v1", Fix: "Rename the topic, or give its name under bindings.kafka.topic.",
		},
		{
			ID: "topic/collision", Severity: finding.Error, Purpose: "No two topics differ by dots and underscores only.",
			Why:   "The broker keeps the metrics of both under one name and refuses the second (KAFKA-14337). Plan and apply touch neither. Cannot be waived.",
			Fails: "orders.order_v1 beside orders.order.v1", Fix: "Rename one.",
		},
		{
			ID: "topic/defined-twice", Severity: finding.Error, Purpose: "One document defines a topic.",
			Why: "Two definitions drift apart, and plan could not know which one to apply. Plan and apply do not touch the topic. Cannot be waived.",
			Fix: "Define it in one document and refer to it from the others: $ref: other.yaml#/channels/<key>. An inline description with the x-owner of the other team counts as a reference.",
		},
		{ID: "own/conflict", Severity: finding.Warning, Purpose: "Two sources of an owner agree.", Fix: "Say it once."},
		{
			ID: "cat/perspective-suspect", Severity: finding.Warning, Purpose: "The direction of an operation fits the rest of what it says.",
			Why: "In 2.x publish means that the application consumes; about half of all documents mean it the other way round. Signs are a consumer group on a producer, an id or summary that begins with a verb of the other side, x-producers or x-consumers of the other side, and a catalog in which nobody produces.",
			Fix: "Set x-perspective: client on the document or the operation, or turn the operation round.",
		},
		{ID: "env/override-server", Severity: finding.Warning, Purpose: "An environment override names a server that the channel is on.", Fix: "Correct the key."},
		{ID: "env/overlay-unused", Severity: finding.Warning, Purpose: "Every entry of an overlay selects something.", Fix: "Correct the selector, or drop the entry."},
		{ID: "ext/unknown", Severity: finding.Info, Purpose: "An extension is not one letter off one of weir's own.", Fix: "Correct the name."},
	}
	slices.SortFunc(rs, func(a, b finding.Rule) int { return cmp.Compare(a.ID, b.ID) })
	return rs
}
