package avro

import "github.com/weirhq/weir/finding"

func (p problem) rule() string {
	switch p {
	case nameMismatch:
		return "avro/name-mismatch"
	case fixedSizeMismatch:
		return "avro/fixed-size-mismatch"
	case missingEnumSymbols:
		return "avro/missing-enum-symbols"
	case missingDefault:
		return "avro/reader-field-missing-default-value"
	case missingBranch:
		return "avro/missing-union-branch"
	case ambiguousField:
		return "avro/field-ambiguous"
	case invalidDefault:
		return "avro/invalid-default"
	default:
		return "avro/type-mismatch"
	}
}

const spec = "Avro specification, Schema Resolution"

// Rules lists every rule of the checker, and compat/removed and compat/renamed,
// which it reports under mode ADDITIVE.
func (*Checker) Rules() []finding.Rule {
	return []finding.Rule{
		{
			ID: "avro/name-mismatch", Severity: finding.Error, Source: spec,
			Purpose: "A record, enum or fixed keeps its unqualified name, or the reader names the other in its aliases.",
			Why:     "A reader takes a named type only under the name it knows. The namespace may differ; the writer's aliases never count.",
			Fails:   `{"type":"enum","name":"Color",…} -> {"type":"enum","name":"Colour",…}`,
			Passes:  `{"type":"enum","name":"Colour","aliases":["Color"],…} reading what Color wrote`,
			Fix:     "Keep the name, or add the alias to the reader. With an alias only that reader understands both names.",
		}, {
			ID: "avro/fixed-size-mismatch", Severity: finding.Error, Source: spec,
			Purpose: "A fixed keeps its size.",
			Why:     "The size is not on the wire: a reader of another size would read into the next field.",
			Fails:   `{"type":"fixed","name":"Id","size":8} -> {"type":"fixed","name":"Id","size":16}`,
			Fix:     "Add a field of a new fixed type and keep the old one.",
		}, {
			ID: "avro/missing-enum-symbols", Severity: finding.Error, Source: spec,
			Purpose: "The reader knows every symbol of the writer, or its enum has a default.",
			Why:     "Removing a symbol breaks new readers of old messages, adding one breaks old readers of new messages.",
			Fails:   `symbols ["A","B"] written, ["A"] read: the message "B" is refused`,
			Passes:  `the reader has ["A","UNKNOWN"] and "default": "UNKNOWN"`,
			Fix:     "Give the enum (not only the field) a default before its symbols change.",
		}, {
			ID: "avro/reader-field-missing-default-value", Severity: finding.Error, Source: spec,
			Purpose: "A field that the writer does not have has a default in the reader.",
			Why:     "Added without a default it breaks new readers of old messages; removed without one it breaks old readers of new messages. A union with null has no default unless it is written down.",
			Fails:   `{"name":"note","type":["null","string"]} added`,
			Passes:  `{"name":"note","type":["null","string"],"default":null} added`,
			Fix:     "Give the field a default.",
		}, {
			ID: "avro/type-mismatch", Severity: finding.Error, Source: spec,
			Purpose: "The reader's type is the writer's, or one that it promotes to.",
			Why:     "int is read as long, float, double; long as float, double; float as double; string and bytes as each other. Nothing else is.",
			Fails:   `"long" -> "int": the message 0 written as a long is refused by a reader of int`,
			Passes:  `"int" -> "long" in the backward direction`,
			Fix:     "Add a new field with a default and keep the old one.",
		}, {
			ID: "avro/missing-union-branch", Severity: finding.Error, Source: spec,
			Purpose: "Every branch that the writer may choose is read by some branch of the reader.",
			Why:     "A message of the missing branch is refused, all others are read.",
			Fails:   `["null","string"] -> ["null"]: the message {"string":""} is refused`,
			Fix:     "Keep the branch; let readers take a new branch before writers use it.",
		}, {
			ID: "avro/field-ambiguous", Severity: finding.Error, Source: "Apache Avro, Java: SchemaCompatibility.lookupWriterField",
			Purpose: "A reader's field reads one field of the writer.",
			Why:     "With its name and an alias both present in the writer's record the Java library throws instead of choosing.",
			Fails:   `{"name":"a","aliases":["b"]} reads a record with the fields a and b`,
			Fix:     "Remove the alias as long as both fields exist.",
		}, {
			ID: "avro/invalid-default", Severity: finding.Error, Source: "Avro specification, Complex Types",
			Purpose: "A default that is needed is a value of its field's type.",
			Why:     "Compatibility checks only look whether a default exists; the reader fails when it fills it in.",
			Fails:   `{"name":"n","type":"int","default":"0"}`,
			Fix:     "Correct the default.",
		}, {
			ID: "avro/budget-exceeded", Severity: finding.Error,
			Purpose: "Two schemas are small enough to be compared completely.",
			Why:     "The comparison looks at pairs of types and stops at a bound; what it did not see is not proven.",
			Fix:     "Split the schema.",
		}, {
			ID: "avro/decimal-changed", Severity: finding.Warning, Source: "Avro specification, Logical Types",
			Purpose: "A decimal keeps precision and scale.",
			Why:     "The bytes are read without an error, but with another scale they are another number.",
			Fails:   `decimal(9,2) -> decimal(9,3)`,
			Fix:     "Add a new field.",
		}, {
			ID: "avro/logical-type-changed", Severity: finding.Warning, Source: "Avro specification, Logical Types",
			Purpose: "A logical type stays what it is.",
			Why:     "Milliseconds read as microseconds are no error to Avro and a wrong date to everybody else.",
			Fails:   `timestamp-millis -> timestamp-micros`,
			Fix:     "Add a new field.",
		}, {
			ID: "avro/default-changed", Severity: finding.Warning, Source: spec,
			Purpose: "A default stays what it is.",
			Why:     "Each reader fills in the default of its own schema: two readers see two values in one message. A default that is gone also breaks readers of messages older than the field.",
			Fix:     "Keep the default.",
		}, {
			ID: "avro/namespace-changed", Severity: finding.Warning, Source: spec,
			Purpose: "A named type keeps its namespace.",
			Why:     "The Java library compares unqualified names, so data stays readable; generated classes move, and registries that compare full names refuse it.",
			Fix:     "Keep the namespace.",
		}, {
			ID: "avro/alias-one-way", Severity: finding.Warning, Source: spec,
			Purpose: "A rename by alias is known to work in one direction only.",
			Why:     "Aliases are read in the reader's schema only: a reader that does not know the new name cannot be helped by the writer.",
			Fix:     "Let all readers upgrade before writers use the new name, or keep the name.",
		}, {
			ID: "compat/removed", Severity: finding.Error,
			Purpose: "Under mode ADDITIVE nothing that was declared goes away.",
			Why:     "Whoever relies on a field, symbol or branch is not asked whether the data is still readable.",
			Fix:     "Keep it, or publish a new version beside this one.",
		}, {
			ID: "compat/renamed", Severity: finding.Error,
			Purpose: "Under mode ADDITIVE nothing that was declared changes its name.",
			Why:     "A rename is a removal and an addition to everybody who does not know the alias.",
			Fix:     "Keep the name.",
		},
	}
}
