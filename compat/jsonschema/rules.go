package jsonschema

import (
	"slices"
	"strings"

	"github.com/weirhq/weir/compat"
	"github.com/weirhq/weir/finding"
)

// Rules implements [compat.Checker].
func (*Checker) Rules() []finding.Rule {
	out := slices.Clone(special())
	for _, l := range []struct{ slug, keyword, tight, loose string }{
		{"max-length", "maxLength", "decreased", "increased"},
		{"min-length", "minLength", "increased", "decreased"},
		{"maximum", "maximum", "decreased", "increased"},
		{"minimum", "minimum", "increased", "decreased"},
		{"exclusive-maximum", "exclusiveMaximum", "decreased", "increased"},
		{"exclusive-minimum", "exclusiveMinimum", "increased", "decreased"},
		{"max-items", "maxItems", "decreased", "increased"},
		{"min-items", "minItems", "increased", "decreased"},
		{"max-properties", "maxProperties", "decreased", "increased"},
		{"min-properties", "minProperties", "increased", "decreased"},
		{"max-contains", "maxContains", "decreased", "increased"},
		{"min-contains", "minContains", "increased", "decreased"},
	} {
		for _, verb := range []string{"added", "removed", l.tight, l.loose} {
			strict := verb == "added" || verb == l.tight
			r := finding.Rule{ID: "json/" + l.slug + "-" + verb, Severity: finding.Error, Purpose: l.keyword + " was " + verb + ", and one side refuses what the other accepts."}
			if strict {
				r.Why = "Messages that were valid are refused by readers of the new version."
			} else {
				r.Why = "Messages that are valid now are refused by readers of the old version."
			}
			out = append(out, r)
		}
	}
	for i := range out {
		out[i].Fix = cmpOr(out[i].Fix, suggestion(out[i].ID))
	}
	slices.SortFunc(out, func(a, b finding.Rule) int { return strings.Compare(a.ID, b.ID) })
	return out
}

// suggestion says how to evolve instead, by family of rules.
func suggestion(rule string) string {
	r := strings.TrimPrefix(rule, "json/")
	has := func(parts ...string) bool {
		return slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(r, p) })
	}
	switch {
	case has("more-causes"):
		return "repair what is told and check again, or make the change in parts"
	case has("format-changed"):
		return "add a format only once every producer writes it, and keep it for as long as a reader asserts it"
	case has("with-default-added"):
		return "validators do not fill in defaults: keep it optional, or check with --defaults apply if every reader fills them in"
	case has("property-added-to-open"):
		return "producers of the old version may use that name with any type: close the object first (additionalProperties: false) and add the property later, or accept the warning"
	case has("required-attribute-added", "required-property-added", "required-undeclared-added"):
		return "add it as optional, and require it only when every producer sends it"
	case has("required-attribute-removed"):
		return "keep it required for one release while readers stop relying on it, or publish a new version of the message"
	case has("property-removed-from-closed", "property-added-to-unopen"):
		return "readers with a closed object refuse unknown names: open the readers' objects first, then change the properties"
	case has("property-removed"):
		return "keep the property declared, or let no producer reuse its name with another type"
	case has("additional-properties", "unevaluated-properties", "pattern-properties", "property-names"):
		return "open the readers first; use patternProperties to reserve names for the future"
	case has("enum-array-extended", "enum-array-removed"):
		return "teach readers to accept unknown values before a producer sends the new one"
	case has("enum", "const"):
		return "keep the old values, and stop sending them before they are removed"
	case has("type-extended", "sum-type-extended"):
		return "deploy readers that accept the wider type before a producer uses it"
	case has("type-"), has("combined"), has("one-of"), has("sum-"), has("product-"):
		return "add a new property beside the old one, or publish a new version of the message"
	case has("item", "schema-added", "schema-removed", "contains"):
		return "keep the old items valid, or publish a new version of the message"
	case has("dependency", "conditional", "not-"):
		return "make the new condition optional until every producer meets it"
	case has("-removed", "-increased", "-decreased", "-added", "-changed", "-expanded", "-reduced"):
		return "widen readers first and narrow producers last; if both must change, publish a new version of the message"
	}
	return ""
}

// special are the rules that are not a limit with four verbs.
func special() []finding.Rule {
	rule := func(id, purpose string) finding.Rule {
		return finding.Rule{ID: "json/" + id, Severity: finding.Error, Purpose: purpose}
	}
	open := func(id, purpose string) finding.Rule {
		r := rule(id, purpose)
		r.Severity = finding.Warning
		return r
	}
	told := func(r finding.Rule, why, fails, passes string) finding.Rule {
		r.Why, r.Fails, r.Passes = why, fails, passes
		return r
	}
	return []finding.Rule{
		told(rule("type-changed", "The type of a value was changed to another one."),
			"A reader built for the one type refuses the other.",
			`{"type":"string"} -> {"type":"number"}: "" is refused`, `{"type":"integer"} -> {"type":"number"}, for BACKWARD`),
		told(rule("type-narrowed", "The new version accepts fewer types than the old one."),
			"Messages of a type that is no longer accepted still exist.",
			`{"type":"number"} -> {"type":"integer"}: 0.5 is refused`, `{"type":"number"} -> {"type":["number","null"]}, for BACKWARD`),
		told(rule("type-extended", "The new version accepts more types than the old one, which old readers refuse."),
			"Old readers meet messages of a type they do not know.",
			`{"type":"integer"} -> {"type":"number"}, for FORWARD: 0.5 is refused by old readers`, "the same change for BACKWARD"),
		rule("type-added", "A type was required where anything was accepted."),
		rule("type-removed", "The type was dropped; old readers still require it."),
		told(rule("required-attribute-added", "A declared property became required."),
			"Messages without the property exist, and new readers refuse them.",
			`{"properties":{"a":{}}} -> … "required":["a"]: {} is refused`, "the property stays optional"),
		told(rule("required-attribute-removed", "A property is no longer required, or is gone; old readers still require it."),
			"Producers of the new version may leave it out.",
			`"required":["a"] -> no required, for FORWARD: {} is refused by old readers`, "the property stays required"),
		rule("required-attribute-with-default-added", "A declared property with a default became required; validators do not fill in defaults."),
		told(rule("required-property-added-to-open-content-model", "A new required property was added to an object that allows undeclared names."),
			"Messages without it exist.", `{} -> {"properties":{"a":{}},"required":["a"]}: {} is refused`, "the property is added as optional"),
		rule("required-property-added-to-unopen-content-model", "A new required property was added to an object that limits undeclared names."),
		rule("required-property-with-default-added-to-open-content-model", "A new required property with a default was added to an open object; validators do not fill in defaults."),
		rule("required-property-with-default-added-to-unopen-content-model", "A new required property with a default was added to an object that limits undeclared names."),
		rule("required-undeclared-added", "A name became required that no property declares."),
		told(open("optional-property-added-to-open-content-model", "An optional property was added to an object that allowed any undeclared name."),
			"The old version let producers use that name with any type. It is a true break, only an unlikely one.",
			`{"type":"object"} -> {"type":"object","properties":{"a":{"type":"string"}}}: {"a":0} is refused`,
			`the old object has "additionalProperties": false`),
		rule("optional-property-added-to-unopen-content-model", "A property was added to an object that old readers treat as closed."),
		open("property-removed-from-open-content-model", "A property was removed from an open object: new producers may use its name with another type."),
		told(rule("property-removed-from-closed-content-model", "A property was removed from a closed object."),
			"Messages that carry it are refused as having an unknown name.",
			`{"properties":{"a":{}},"additionalProperties":false} -> {"properties":{},"additionalProperties":false}: {"a":0} is refused`, "the object is open, or the property stays"),
		rule("additional-properties-removed", "Undeclared properties are no longer allowed."),
		rule("additional-properties-added", "Undeclared properties are allowed now; old readers refuse them."),
		rule("additional-properties-narrowed", "Undeclared properties have to fit a schema they did not have to fit."),
		rule("additional-properties-extended", "Undeclared properties fit a wider schema; old readers refuse some."),
		rule("unevaluated-properties-removed", "Unevaluated properties are no longer allowed."),
		rule("unevaluated-properties-added", "Unevaluated properties are allowed now; old readers refuse them."),
		rule("unevaluated-items-removed", "Unevaluated items are no longer allowed."),
		rule("unevaluated-items-added", "Unevaluated items are allowed now; old readers refuse them."),
		rule("pattern-properties-narrowed", "Properties whose names match a pattern have to fit a narrower schema."),
		rule("pattern-properties-extended", "Properties whose names match a pattern fit a wider schema; old readers refuse some."),
		rule("property-names-added", "Property names were limited."),
		rule("property-names-narrowed", "Property names were limited further."),
		rule("property-names-removed", "The limit on property names was removed; old readers keep it."),
		rule("property-names-extended", "More property names are allowed; old readers refuse them."),
		told(rule("enum-array-narrowed", "An enum lost values."), "Messages with a lost value exist.", `["a","b"] -> ["a"]: "b" is refused`, `["a"] -> ["a","b"], for BACKWARD`),
		told(rule("enum-array-extended", "An enum gained values, which old readers refuse."), "Old readers meet a value they do not know.", `["a"] -> ["a","b"], for FORWARD: "b" is refused by old readers`, "the same change for BACKWARD"),
		rule("enum-array-changed", "The allowed values changed."),
		rule("enum-array-added", "The values were limited by an enum."),
		rule("enum-array-removed", "The enum was removed; old readers keep it."),
		rule("const-added", "The value was fixed by const."),
		rule("const-removed", "The const was removed; old readers keep it."),
		rule("format-changed", "The format changed, and formats are asserted."),
		rule("pattern-added", "A pattern was added."),
		rule("pattern-removed", "A pattern was removed; old readers keep it."),
		rule("pattern-changed", "A pattern was changed so that a string matches only one of the two."),
		rule("multiple-of-added", "A divisor was added."),
		rule("multiple-of-removed", "A divisor was removed; old readers keep it."),
		rule("multiple-of-expanded", "The divisor became a multiple of the old one."),
		rule("multiple-of-reduced", "The divisor became a part of the old one; old readers refuse some numbers."),
		rule("multiple-of-changed", "The divisor changed."),
		rule("unique-items-added", "Items have to differ from each other now."),
		rule("unique-items-removed", "Items may repeat now; old readers refuse that."),
		rule("contains-added", "An item of a kind became necessary."),
		rule("contains-narrowed", "The kind of the necessary item was narrowed."),
		rule("contains-removed", "No item of a kind is necessary any more; old readers look for it."),
		rule("contains-extended", "The kind of the necessary item was widened; old readers look for the old kind."),
		open("item-added-to-open-content-model", "A position of a tuple got a schema where anything was accepted."),
		open("item-removed-from-open-content-model", "A position of a tuple lost its schema; old readers keep it."),
		rule("additional-items-removed", "Items beyond the tuple are no longer allowed."),
		rule("additional-items-added", "Items beyond the tuple are allowed now; old readers refuse them."),
		rule("additional-items-narrowed", "Items beyond the tuple have to fit a schema."),
		rule("additional-items-extended", "Items beyond the tuple are free; old readers hold them to a schema."),
		rule("schema-added", "Items have to fit a schema they did not have to fit."),
		rule("schema-removed", "The schema of all items was removed; old readers keep it."),
		rule("dependency-array-added", "A property requires others now."),
		rule("dependency-array-extended", "A property requires more others now."),
		rule("dependency-array-removed", "A property no longer requires others; old readers insist."),
		rule("dependency-array-narrowed", "A property requires fewer others; old readers insist."),
		rule("dependency-schema-added", "A property brings a further schema with it now."),
		rule("dependency-schema-removed", "A property no longer brings a schema with it; old readers insist."),
		rule("conditional-narrowed", "A conditional schema was added."),
		rule("conditional-extended", "A conditional schema was removed; old readers keep it."),
		rule("combined-type-changed", "anyOf or oneOf was added or removed."),
		rule("combined-type-subschemas-changed", "A branch of anyOf or oneOf changed."),
		rule("sum-type-narrowed", "anyOf or oneOf lost a branch."),
		rule("sum-type-extended", "anyOf or oneOf gained a branch, which old readers refuse."),
		rule("one-of-overlap", "A value fits two branches of oneOf and is refused for that."),
		rule("not-type-extended", "not excludes more than it did."),
		rule("not-type-narrowed", "not excludes less than it did; old readers exclude the rest."),
		told(rule("more-causes", "A break has more causes than were told apart."),
			"The search for causes ends after a number of them, or of steps. What it did not tell must not pass with a waiver for what it did.",
			"30 properties changed their type: 25 are told, and that there are more", "the change is made in parts"),
		rule("unproven", "Neither a breaking message nor a proof that there is none was found."),
		rule("budget-exceeded", "The schemas are too large to compare within the budget."),
		rule("dynamic-ref-not-analysed", "A dynamic reference has more than one possible target."),
		open("unsatisfiable", "No message is valid under the writer's schema, so nothing can break."),
		{ID: "json/needs-defaults", Severity: finding.Info, Purpose: "The versions are compatible only for readers that fill in defaults."},
	}
}

var _ compat.Checker = (*Checker)(nil)
