package compat

import "github.com/weirhq/weir/finding"

// engineRules are the rules that no format has.
func engineRules() []finding.Rule {
	return []finding.Rule{
		{
			ID: "compat/format-changed", Severity: finding.Error,
			Purpose: "A message keeps its schema language, and its content type the encoding.",
			Why:     "A reader of JSON cannot read Avro, whatever the schemas say.",
			Fails:   "payload of orders.order.v1: JSON Schema -> Avro; contentType: application/json -> avro/binary",
			Passes:  "orders.order.v2 in Avro beside orders.order.v1 in JSON",
			Fix:     "Publish the new format as a new message on a new topic version.",
		}, {
			ID: "compat/message-removed", Severity: finding.Error,
			Purpose: "A message stays on its channel while somebody receives it.",
			Why:     "Its receivers wait for it, and records of it may still be in the topic. It is an info where nobody declares to receive it, where it was retired, and under mode NONE.",
			Fails:   "messages: {OrderPlaced: ..., OrderCancelled: ...} -> messages: {OrderPlaced: ...}",
			Passes:  "OrderCancelled: {x-lifecycle: retired} in one release, gone in the next",
			Fix:     "Set x-lifecycle to deprecated, then retired once its receivers are gone, and remove it after that.",
		}, {
			ID: "compat/channel-removed", Severity: finding.Error,
			Purpose: "A channel stays while somebody receives from it.",
			Why:     "Its receivers wait for records that no longer come. It is an info where nobody declares to receive from it, where it was retired, and under mode NONE.",
			Fails:   "channels: {orders: ..., refunds: ...} -> channels: {orders: ...}",
			Passes:  "refunds: {x-lifecycle: retired} in one release, gone in the next",
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
			Why:     "There is no earlier version of it, and nobody can be surprised by its records yet.",
		}, {
			ID: "compat/schema-added", Severity: finding.Info,
			Purpose: "A newly declared key, header or payload schema is listed.",
			Why:     "There is no earlier version to compare it with.",
		}, {
			ID: "compat/subject-added", Severity: finding.Info,
			Purpose: "A new schema file is listed.",
			Why:     "There is no earlier version to compare it with. A file that came from outside of the named paths is compared with what it was there; it is a warning where that cannot be told. One that was moved within them looks like one that was removed and one that is new.",
		}, {
			ID: "compat/subject-removed", Severity: finding.Error,
			Purpose: "A schema file stays.",
			Why:     "Whoever reads or writes it has no schema left.",
			Fix:     "Keep it until nobody uses it, or waive its removal.",
		}, {
			ID: "compat/producer-consumer-mismatch", Severity: finding.Error,
			Purpose: "A receiver accepts what a sender of the same topic declares.",
			Why:     "Two documents describe one topic; what one sends the other refuses. It needs no baseline: the break is there today.",
			Fails:   "Billing sends total: {type: integer}, Ledger receives total: {type: string}",
			Passes:  "Ledger refers to Billing's message: $ref: ../billing/asyncapi.yaml#/channels/invoice",
			Fix:     "Refer to the sender's message with $ref, or bring the two schemas together.",
		}, {
			ID: "compat/invalid-schema", Severity: finding.Error,
			Purpose: "A schema can be read.",
			Why:     "Nothing can be said about a schema that does not parse, refers to what is not there, or is of an unknown draft or edition. The command exits 2.",
			Fix:     "Repair the schema at the place that is named.",
		}, {
			ID: "compat/invalid-baseline", Severity: finding.Error,
			Purpose: "The earlier version of a schema can be read.",
			Why:     "What cannot be read cannot be compared; the change is unproven.",
			Fix:     "Compare with a version that can be read, or set --unproven warn for this one change.",
		}, {
			ID: "compat/unreadable-schema", Severity: finding.Error,
			Purpose: "The text of a schema can be had.",
			Why:     "A reference leads nowhere, or to a file that cannot be read, on one of the two sides; the change is unproven.",
			Fix:     "Repair the reference.",
		}, {
			ID: "compat/remote-schema", Severity: finding.Error,
			Purpose: "A schema lies in the catalog.",
			Why:     "weir works offline: what lies behind a URL is not compared.",
			Fix:     "Bring it into the catalog, or name its host with --allow-remote.",
		}, {
			ID: "compat/not-compared", Severity: finding.Error,
			Purpose: "A changed schema is in a language that can be compared.",
			Why:     "OpenAPI, RAML and unknown formats are hashed only: the change is unproven.",
			Fix:     "Review it and waive it, or describe the message in JSON Schema, Avro or Protobuf.",
		}, {
			ID: "compat/mode-loosened", Severity: finding.Warning,
			Purpose: "A contract does not promise less than it did.",
			Why:     "A mode that is loosened together with a break hides the break. What counts is the mode that holds for a channel or a message, declared there or not.",
			Fails:   "x-compatibility: FULL -> x-compatibility: BACKWARD",
			Fix:     "Loosen the mode in a change of its own.",
		}, {
			ID: "compat/settings-changed", Severity: finding.Warning,
			Purpose: "A change does not set the rules that it is judged by.",
			Why:     "What weir.yaml says in the change counts: a mode, a severity or a baseline that is set there hides the break beside it.",
			Fails:   "compat: {mode: NONE}, where weir.yaml of the baseline says nothing",
			Fix:     "Change weir.yaml in a change of its own.",
		}, {
			ID: "compat/mode", Severity: finding.Info,
			Purpose: "A schema that changed under mode NONE is listed.",
			Why:     "Nothing was compared, as the contract asks for.",
			Fix:     "Declare another mode if somebody relies on the schema.",
		}, {
			ID: "compat/history", Severity: finding.Warning,
			Purpose: "A transitive mode sees every earlier version.",
			Why:     "Compatibility is not transitive: each pair may pass and the first and the last may not. A folder is one version, a shallow clone lacks the older ones, and --history bounds what git is asked for.",
			Fix:     "Compare with git:REF or registry:URL, fetch the whole history, or raise --history.",
		}, {
			ID: "compat/registry-refuses", Severity: finding.Error,
			Purpose: "The registry will accept the new version (--as).",
			Why:     "The vendor's own rules refuse the pair; its differences are listed in its words. Whether a message breaks is another question, and answered beside it.",
			Fix:     "Change what it lists, or loosen the level of the subject in the registry.",
		}, {
			ID: "compat/registry-accepts", Severity: finding.Warning,
			Purpose: "The registry and the truth agree (--as).",
			Why:     "A registry may accept a version that breaks messages: its rules do not look at every keyword.",
			Fix:     "Do not rely on the registry for this change.",
		}, {
			ID: "waiver/expired", Severity: finding.Error,
			Purpose: "A waiver is renewed or removed before its day.",
			Why:     "A waiver that outlives its day hides a break that nobody stands for any more. Its finding closes the gate again.",
			Fails:   "until: 2020-01-01",
			Fix:     "Repair the break, or extend the waiver with its owner's word.",
		}, {
			ID: "waiver/unused", Severity: finding.Warning,
			Purpose: "A waiver covers something.",
			Why:     "It may be misspelt. It is an info once the baseline holds the change that it was written for.",
			Fix:     "Delete it, or correct its rule, target or fingerprint.",
		}, {
			ID: "waiver/invalid", Severity: finding.Error,
			Purpose: "A waiver names a rule that there is, a target, a reason and a day until when.",
			Why:     "Without the last two nobody can say later whether it may go, and without the others it means nothing. Such a waiver covers nothing.",
			Fails:   "{rule: avro/*, target: orders.order.v1}",
			Passes:  "{rule: avro/*, target: orders.order.v1, reason: agreed with billing, until: 2026-12-31}",
			Fix:     "Write what is missing; weir compat rules lists the rules, and json/* or * means several.",
		},
	}
}
