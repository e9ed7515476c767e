package compat

import "github.com/weirhq/weir/finding"

// engineRules are the rules that no format has.
func engineRules() []finding.Rule {
	return []finding.Rule{
		{
			ID: "compat/format-changed", Severity: finding.Error,
			Purpose: "A message keeps its schema language.",
			Why:     "A reader of JSON cannot read Avro, whatever the schemas say.",
			Fix:     "Publish the new format as a new message on a new topic version.",
		}, {
			ID: "compat/message-removed", Severity: finding.Error,
			Purpose: "A message stays on its channel while somebody receives it.",
			Why:     "Its receivers wait for it, and records of it may still be in the topic.",
			Fix:     "Set x-lifecycle to deprecated, then retired once its receivers are gone, and remove it after that.",
		}, {
			ID: "compat/channel-removed", Severity: finding.Error,
			Purpose: "A channel stays while somebody receives from it.",
			Why:     "Its receivers wait for records that no longer come.",
			Fix:     "Set x-lifecycle to deprecated, then retired once its receivers are gone, and remove it after that.",
		}, {
			ID: "compat/schema-removed", Severity: finding.Warning,
			Purpose: "A key, header or payload schema stays declared.",
			Why:     "Without a schema nothing holds the next change back.",
			Fix:     "Declare the schema again.",
		}, {
			ID: "compat/message-added", Severity: finding.Info,
			Purpose: "A new message on a channel is told to those who receive everything.",
			Why:     "A receiver that takes all messages of a channel meets one it does not know. It is a warning where such a receiver is declared.",
			Fix:     "Let the named receivers know the message before it is sent.",
		}, {
			ID: "compat/channel-added", Severity: finding.Info,
			Purpose: "A new channel is listed.",
		}, {
			ID: "compat/schema-added", Severity: finding.Info,
			Purpose: "A newly declared key, header or payload schema is listed.",
			Why:     "There is no earlier version to compare it with.",
		}, {
			ID: "compat/subject-added", Severity: finding.Info,
			Purpose: "A new schema file is listed.",
		}, {
			ID: "compat/subject-removed", Severity: finding.Error,
			Purpose: "A schema file stays.",
			Why:     "Whoever reads or writes it has no schema left.",
			Fix:     "Keep it until nobody uses it, or waive its removal.",
		}, {
			ID: "compat/producer-consumer-mismatch", Severity: finding.Error,
			Purpose: "A receiver accepts what a sender of the same topic declares.",
			Why:     "Two documents describe one topic; what one sends the other refuses.",
			Fix:     "Refer to the sender's message with $ref, or bring the two schemas together.",
		}, {
			ID: "compat/invalid-schema", Severity: finding.Error,
			Purpose: "A schema can be read.",
			Why:     "Nothing can be said about a schema that does not parse, refers to what is not there, or is of an unknown draft or edition.",
		}, {
			ID: "compat/invalid-baseline", Severity: finding.Error,
			Purpose: "The earlier version of a schema can be read.",
			Why:     "What cannot be read cannot be compared; the change is unproven.",
		}, {
			ID: "compat/unreadable-schema", Severity: finding.Error,
			Purpose: "The text of a schema can be had.",
		}, {
			ID: "compat/remote-schema", Severity: finding.Error,
			Purpose: "A schema lies in the catalog.",
			Why:     "weir works offline: what lies behind a URL is not compared.",
			Fix:     "Bring it into the catalog, or name its host with --allow-remote.",
		}, {
			ID: "compat/not-compared", Severity: finding.Error,
			Purpose: "A changed schema is in a language that can be compared.",
			Why:     "OpenAPI, RAML and unknown formats are hashed only: the change is unproven.",
		}, {
			ID: "compat/mode-loosened", Severity: finding.Warning,
			Purpose: "A contract does not promise less than it did.",
			Why:     "A mode that is loosened together with a break hides the break.",
			Fix:     "Loosen the mode in a change of its own.",
		}, {
			ID: "compat/history", Severity: finding.Warning,
			Purpose: "A transitive mode sees every earlier version.",
			Why:     "Compatibility is not transitive: each pair may pass and the first and the last may not.",
		}, {
			ID: "compat/registry-refuses", Severity: finding.Error,
			Purpose: "The registry will accept the new version (--as).",
		}, {
			ID: "compat/registry-accepts", Severity: finding.Warning,
			Purpose: "The registry and the truth agree (--as).",
			Why:     "A registry may accept a version that breaks messages.",
		}, {
			ID: "waiver/expired", Severity: finding.Error,
			Purpose: "A waiver is renewed or removed before its day.",
		}, {
			ID: "waiver/unused", Severity: finding.Warning,
			Purpose: "A waiver covers something.",
		}, {
			ID: "waiver/invalid", Severity: finding.Error,
			Purpose: "A waiver has a reason and a day until when.",
		},
	}
}
