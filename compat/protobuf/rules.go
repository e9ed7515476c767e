package protobuf

import "github.com/weirhq/weir/finding"

const (
	encoding = "Protocol Buffers documentation, Encoding"
	evolving = "Protocol Buffers documentation, Updating a message type"
	jsonForm = "Protocol Buffers documentation, ProtoJSON format"
	none     = "buf breaking rules, category WIRE; no bytes can show it"
)

// Rules lists every rule of the checker, and compat/removed and compat/renamed,
// which it reports under mode ADDITIVE.
func (*Checker) Rules() []finding.Rule {
	return []finding.Rule{
		{
			ID: "proto/field-type-changed", Severity: finding.Error, Source: encoding,
			Purpose: "A field keeps its type, or one that reads the same bytes and the same JSON.",
			Why:     "The bytes do not say which type wrote them: a reader of another type takes them for another value, or for an unknown field.",
			Fails:   "int32 n = 1 -> sint32 n = 1: 150 is written as 08 96 01 and read as 75",
			Passes:  "fixed32 n = 1 kept, sint32 m = 2 added",
			Fix:     "Add a new field under a new number and reserve the old one once nobody reads it.",
		}, {
			ID: "proto/int-truncated", Severity: finding.Error, Source: evolving,
			Purpose: "A number keeps its width.",
			Why:     "A narrower reader cuts off the upper bits and reports nothing; in JSON it refuses the number.",
			Fails:   "int64 n = 1 -> int32 n = 1: 5000000000 is read as 705032704",
			Fix:     "Widen only after every reader is wide; to narrow, add a new field.",
		}, {
			ID: "proto/sign-changed", Severity: finding.Warning, Source: encoding,
			Purpose: "A number stays signed or unsigned.",
			Why:     "Both sides agree on small positive numbers; -1 of one is 4294967295 of the other.",
			Fails:   "int32 n = 1 -> uint32 n = 1: -1 is read as 4294967295",
			Fix:     "Add a new field, or waive it when values can never reach the upper half.",
		}, {
			ID: "proto/string-bytes-changed", Severity: finding.Error, Source: encoding,
			Purpose: "Text stays text and bytes stay bytes.",
			Why:     "A string has to be UTF-8, bytes do not: a reader of strings refuses what a writer of bytes may send.",
			Fails:   "bytes b = 1 -> string b = 1: the byte ff is refused",
			Fix:     "Add a new field.",
		}, {
			ID: "proto/label-to-repeated", Severity: finding.Error, Source: evolving,
			Purpose: "A field of one value does not become repeated.",
			Why:     "The old reader keeps the last of several values; the JSON form turns from a value into an array.",
			Fails:   "int32 n = 1 -> repeated int32 n = 1: the old reader takes [150, -1] for -1",
			Fix:     "Add a repeated field beside it.",
		}, {
			ID: "proto/field-cardinality-changed", Severity: finding.Error, Source: evolving,
			Purpose: "A field stays singular, required, repeated or a map.",
			Why:     "A reader of one value keeps the last of many; a reader with a required field refuses messages without it.",
			Fails:   "repeated int32 n = 1 -> int32 n = 1",
			Fix:     "Add a new field.",
		}, {
			ID: "proto/required-field-added", Severity: finding.Error, Source: evolving,
			Purpose: "No field becomes required.",
			Why:     "Messages written before are refused as incomplete.",
			Fails:   "required string id = 2 is added",
			Fix:     "Make it optional and check for it in the application.",
		}, {
			ID: "proto/required-field-removed", Severity: finding.Error, Source: evolving,
			Purpose: "A required field stays.",
			Why:     "Readers of the old version refuse every message without it.",
			Fails:   "required string id = 2 is removed or made optional",
			Fix:     "Upgrade all readers to a version where it is optional, then stop writing it.",
		}, {
			ID: "proto/field-oneof-changed", Severity: finding.Error, Source: evolving,
			Purpose: "A field stays in its oneof, or outside of any.",
			Why:     "Two fields that could be set together lose one of them where they share a oneof.",
			Fails:   "int32 a = 1; int32 b = 2; -> oneof x { int32 a = 1; int32 b = 2; }",
			Fix:     "Leave the field and add a new one to the oneof.",
		}, {
			ID: "proto/default-changed", Severity: finding.Error, Source: evolving,
			Purpose: "A field keeps its default, explicit or implied.",
			Why:     "A default is never sent: writer and reader each put in their own.",
			Fails:   "[default = 10] -> [default = 20]: the empty message means 10 to one and 20 to the other",
			Fix:     "Keep the default, or add a new field.",
		}, {
			ID: "proto/field-removed-number-not-reserved", Severity: finding.Error, Source: evolving,
			Purpose: "The number of a removed field is reserved.",
			Why:     "A field that takes the number later reads old data as its own.",
			Fails:   "int32 n = 1 is removed",
			Passes:  "int32 n = 1 is removed and `reserved 1;` is added",
			Fix:     "Reserve the number.",
		}, {
			ID: "proto/field-removed-name-not-reserved", Severity: finding.Error, Source: jsonForm,
			Purpose: "The name of a removed field is reserved.",
			Why:     "In JSON the name is the field's identity: a reader refuses a name it does not know, and a later field of that name reads old data.",
			Fails:   "int32 n = 1 is removed with `reserved 1;` only",
			Passes:  "int32 n = 1 is removed and `reserved 1;` and `reserved \"n\";` are added",
			Fix:     "Reserve the name.",
		}, {
			ID: "proto/tag-changed", Severity: finding.Error, Source: evolving,
			Purpose: "A field keeps its number.",
			Why:     "The number is all the wire knows of a field: data under the old number is lost to the new reader.",
			Fails:   "int32 n = 1 -> int32 n = 2",
			Fix:     "Give it the old number back.",
		}, {
			ID: "proto/tag-reused", Severity: finding.Error, Source: evolving,
			Purpose: "A reserved number is not used again.",
			Why:     "Somebody reserved it because stored data or an old writer may still hold it.",
			Fails:   "reserved 3; -> string s = 3;",
			Fix:     "Take a number that was never used.",
		}, {
			ID: "proto/field-renamed", Severity: finding.Error, Source: jsonForm,
			Purpose: "A field keeps its name.",
			Why:     "The JSON form and generated code know the field by name.",
			Fails:   "string a = 1 -> string b = 1: {\"a\":\"x\"} is refused",
			Fix:     "Keep the name; profile wire does not mind.",
		}, {
			ID: "proto/json-name-changed", Severity: finding.Error, Source: jsonForm,
			Purpose: "A field keeps its JSON name.",
			Why:     "A reader refuses a name it does not know.",
			Fails:   "[json_name = \"a\"] -> [json_name = \"b\"]",
			Fix:     "Keep json_name; it may differ from the field's name.",
		}, {
			ID: "proto/json-format-dropped", Severity: finding.Error, Source: jsonForm,
			Purpose: "A type that promised a JSON form keeps promising it.",
			Why:     "With features.json_format = LEGACY_BEST_EFFORT names may collide in JSON.",
			Fails:   "features.json_format = ALLOW -> LEGACY_BEST_EFFORT",
			Fix:     "Keep ALLOW.",
		}, {
			ID: "proto/enum-value-removed-number-not-reserved", Severity: finding.Error, Source: evolving,
			Purpose: "The number of a removed enum value is reserved.",
			Why:     "A reader has no name for it, and a later value would take its place in old data.",
			Fails:   "A = 1 is removed",
			Passes:  "A = 1 is removed and `reserved 1;` is added",
			Fix:     "Reserve the number.",
		}, {
			ID: "proto/enum-value-removed-name-not-reserved", Severity: finding.Error, Source: jsonForm,
			Purpose: "The name of a removed enum value is reserved.",
			Why:     "JSON carries the name: a reader refuses one it does not know.",
			Fails:   "A = 1 is removed with `reserved 1;` only",
			Fix:     "Reserve the name.",
		}, {
			ID: "proto/enum-value-renamed", Severity: finding.Error, Source: jsonForm,
			Purpose: "An enum value keeps its name.",
			Why:     "JSON carries the name: a reader refuses one it does not know.",
			Fails:   "A = 1 -> B = 1",
			Passes:  "option allow_alias = true; A = 1; B = 1;",
			Fix:     "Add the new name as an alias.",
		}, {
			ID: "proto/enum-closed-value-removed", Severity: finding.Error, Source: "Protocol Buffers documentation, Enum behavior",
			Purpose: "A closed enum (proto2) keeps its values.",
			Why:     "A reader of a closed enum treats a number it does not know as an unknown field: the value is lost, reserved or not.",
			Fails:   "A = 1 is removed from a proto2 enum",
			Fix:     "Keep the value.",
		}, {
			ID: "proto/enum-closed-value-added", Severity: finding.Warning, Source: "Protocol Buffers documentation, Enum behavior",
			Purpose: "A value is added to a closed enum (proto2) only when its readers know it.",
			Why:     "An old reader treats the number as an unknown field and falls back to the default.",
			Fails:   "C = 2 is added to a proto2 enum and written at once",
			Fix:     "Let readers upgrade before writers use the value.",
		}, {
			ID: "proto/reserved-deleted", Severity: finding.Error, Source: none,
			Purpose: "What is reserved stays reserved.",
			Why:     "The reservation keeps a number or name from being used while old data may hold it.",
			Fails:   "reserved 3, 4; -> reserved 3;",
			Fix:     "Put the reservation back.",
		}, {
			ID: "proto/package-changed", Severity: finding.Error, Source: none,
			Purpose: "A file keeps its package.",
			Why:     "Full names of all its types change: registries, Any and generated code no longer find them. The bytes stay the same.",
			Fails:   "package a; -> package b;",
			Fix:     "Keep the package.",
		}, {
			ID: "proto/message-removed", Severity: finding.Error, Source: none,
			Purpose: "A message stays.",
			Why:     "Whoever writes or reads it by name no longer can. The bytes of other messages stay the same.",
			Fails:   "message Order is removed",
			Fix:     "Deprecate it and remove it once nobody uses it.",
		}, {
			ID: "proto/rpc-changed", Severity: finding.Error, Source: none,
			Purpose: "A method keeps its request, response, streaming and idempotency level.",
			Why:     "Clients call it as they were generated.",
			Fails:   "rpc Get(A) returns (B) -> rpc Get(A) returns (stream B)",
			Fix:     "Add a new method.",
		}, {
			ID: "compat/removed", Severity: finding.Error, Source: "mode ADDITIVE",
			Purpose: "Under ADDITIVE nothing is removed, reserved or not.",
			Fix:     "Deprecate it and keep it.",
		}, {
			ID: "compat/renamed", Severity: finding.Error, Source: "mode ADDITIVE",
			Purpose: "Under ADDITIVE nothing is renamed.",
			Fix:     "Add the new name beside the old one.",
		},
	}
}
