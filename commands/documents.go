package commands

import (
	"github.com/weirhq/weir/catalog"
	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/compat"
	"github.com/weirhq/weir/demo"
	"github.com/weirhq/weir/dlt"
	"github.com/weirhq/weir/finding"
	"github.com/weirhq/weir/lag"
	"github.com/weirhq/weir/plan"
)

// Document is one kind of JSON document that -o json prints.
type Document struct {
	Kind  string
	About string
	// Types are values of the structs that are printed: one, or what the document
	// can be.
	Types []any
	// Bare documents stand without kind and schema_version: the records of a stream,
	// one a line, and rows that other programs feed on as they are.
	Bare bool
}

// Documents lists every JSON document of every command. The schemas in schemas/ are
// made from it, and tests hold each document that a script prints to its schema, so
// a new one is a line here and `make docs`.
func Documents() []Document {
	return []Document{
		{Kind: "acl_audit", About: "weir acl audit", Types: []any{aclAuditReport{}}},
		{Kind: "acl_can", About: "weir acl can", Types: []any{aclAnswer{}}},
		{Kind: "acl_grant", About: "weir acl grant", Types: []any{aclChangeReport{}}},
		{Kind: "acl_list", About: "weir acl list: the rows", Types: []any{[]cluster.ACLRow{}}, Bare: true},
		{Kind: "acl_revoke", About: "weir acl revoke", Types: []any{aclChangeReport{}}},
		{Kind: "acl_what_can", About: "weir acl what-can", Types: []any{aclWhat{}}},
		{Kind: "acl_who_can", About: "weir acl who-can", Types: []any{aclWho{}}},
		{Kind: "apply_result", About: "weir apply", Types: []any{plan.Result{}, struct {
			Stale []string `json:"stale"` // what moved since the plan was made
			Done  int      `json:"done"`
		}{}}},
		{Kind: "catalog_applications", About: "weir catalog list applications", Types: []any{struct {
			Applications []catalogApplicationRow `json:"applications"`
		}{}}},
		{Kind: "catalog_channels", About: "weir catalog list", Types: []any{struct {
			Channels []catalogChannelRow `json:"channels"`
		}{}}},
		{Kind: "catalog_diff", About: "weir catalog diff", Types: []any{catalogDiff{}}},
		{Kind: "catalog_docs", About: "weir catalog docs", Types: []any{struct {
			Out   string   `json:"out"`
			Pages []string `json:"pages"`
		}{}}},
		{Kind: "catalog_entry", About: "weir catalog show", Types: []any{catalogEntry{}}},
		{Kind: "catalog_graph", About: "weir catalog graph", Types: []any{catalog.Graph{}}},
		{Kind: "catalog_init", About: "weir catalog init", Types: []any{struct {
			File   string `json:"file"`
			Text   string `json:"text,omitempty"`
			DryRun bool   `json:"dry_run"`
		}{}}},
		{Kind: "catalog_messages", About: "weir catalog list messages", Types: []any{struct {
			Messages []catalogMessageRow `json:"messages"`
		}{}}},
		{Kind: "catalog_owners", About: "weir catalog list owners", Types: []any{struct {
			Owners []catalogOwnerRow `json:"owners"`
		}{}}},
		{Kind: "catalog_report", About: "weir catalog validate", Types: []any{catalogReport{}}},
		{Kind: "catalog_search", About: "weir catalog search", Types: []any{struct {
			Query string        `json:"query"`
			Total int           `json:"total"`
			Hits  []catalog.Hit `json:"hits"`
		}{}}},
		{Kind: "ci_report", About: "weir ci", Types: []any{ciReport{}}},
		{Kind: "compat_report", About: "weir compat check", Types: []any{compat.Report{}}},
		{Kind: "compat_rules", About: "weir compat rules", Types: []any{rulesReport{}}},
		{Kind: "config", About: "weir config show", Types: []any{configReport{}}},
		{Kind: "dead_letter", About: "weir dlt show; with --from one a line", Types: []any{dlt.Shown{}}},
		{Kind: "demo_consume", About: "weir demo consume", Types: []any{demo.ConsumeReport{}}},
		{Kind: "demo_produce", About: "weir demo produce", Types: []any{demo.ProduceReport{}}},
		{Kind: "demo_up", About: "weir demo up", Types: []any{demoUp{}}},
		{Kind: "dlt_abort", About: "weir dlt abort", Types: []any{dlt.Aborted{}}},
		{Kind: "dlt_arrival", About: "weir dlt watch: one dead letter a line", Types: []any{dlt.Arrival{}}},
		{Kind: "dlt_discard", About: "weir dlt discard", Types: []any{dlt.DiscardResult{}}},
		{Kind: "dlt_import", About: "weir dlt import", Types: []any{dlt.Imported{}}},
		{Kind: "dlt_inspection", About: "weir dlt inspect", Types: []any{dlt.Inspection{}}},
		{Kind: "dlt_list", About: "weir dlt list", Types: []any{dlt.Listing{}}},
		{Kind: "dlt_plan", About: "weir dlt plan, and the file of weir dlt plan --out", Types: []any{dlt.Plan{}}},
		{Kind: "dlt_purge", About: "weir dlt purge", Types: []any{dlt.PurgePlan{}}},
		{Kind: "dlt_refusal", About: "a replay that is refused with nothing done", Types: []any{struct {
			Reason string `json:"reason"`
		}{}}},
		{Kind: "dlt_replay", About: "weir dlt replay, weir dlt resume", Types: []any{dlt.Report{}, struct {
			DryRun bool      `json:"dry_run,omitempty"`
			Plan   *dlt.Plan `json:"plan"`
		}{}}},
		{Kind: "doctor", About: "weir doctor", Types: []any{doctorReport{}}},
		{Kind: "drift", About: "weir drift", Types: []any{plan.DriftReport{}}},
		{Kind: "export", About: "weir export", Types: []any{struct {
			Dir   string   `json:"dir"`
			Files []string `json:"files"`
			*plan.Export
		}{}}},
		{Kind: "group_delete", About: "weir group delete", Types: []any{deleteReport{}}},
		{Kind: "group_describe", About: "weir group describe", Types: []any{groupDescription{}}},
		{Kind: "group_export", About: "weir group export", Types: []any{struct {
			Group   string       `json:"group"`
			Offsets []lag.Offset `json:"offsets"`
		}{}}},
		{Kind: "group_list", About: "weir group list", Types: []any{groupListing{}}},
		{Kind: "group_remove_member", About: "weir group remove-member", Types: []any{removeReport{}}},
		{Kind: "group_reset", About: "weir group reset", Types: []any{resetReport{}}},
		{Kind: "lag", About: "weir lag; with --watch one a line", Types: []any{lag.Report{}}},
		{Kind: plan.FileKind, About: "weir plan, and the file of weir plan --out", Types: []any{plan.Plan{}}},
		{Kind: "profile", About: "weir profile show", Types: []any{cluster.Profile{}}},
		{Kind: "profile_check", About: "weir profile check", Types: []any{profileCheck{}}},
		{Kind: "profile_list", About: "weir profile list", Types: []any{profileReport{}}},
		{Kind: "record", About: "weir topic read: one record a line", Types: []any{shownRecord{}}},
		{Kind: "rule", About: "weir explain RULE", Types: []any{finding.Rule{}}},
		{Kind: "rules", About: "weir explain", Types: []any{rulesReport{}}},
		{Kind: "topic_alter", About: "weir topic alter", Types: []any{plan.Alterations{}}},
		{Kind: "topic_create", About: "weir topic create", Types: []any{cluster.Creation{}}},
		{Kind: "topic_delete", About: "weir topic delete", Types: []any{topicDeleteReport{}}},
		{Kind: "topic_describe", About: "weir topic describe", Types: []any{topicDescription{}}},
		{Kind: "topic_list", About: "weir topic list", Types: []any{topicList{}}},
		{Kind: "topic_purge", About: "weir topic purge", Types: []any{cluster.Purge{}}},
		{Kind: "version", About: "weir version", Types: []any{Version{}}},
	}
}
