package commands

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/finding"
	"github.com/weirhq/weir/internal/term"
)

type aclAuditOptions struct {
	aclSource
	catalogFlags
	admins []string
	failOn string
	format term.Format
}

func newACLAudit(d *Deps) *cobra.Command {
	o := &aclAuditOptions{}
	c := &cobra.Command{
		Use:   "audit",
		Short: "Find rights that are wider than they look",
		Long: doc(`
			Judge the rows: two writers on a topic, rights for everybody, rights on everything,
			prefixes that reach further than meant, rows about what does not exist, rows that
			match nothing. Existing topics and groups are read from the cluster, owners from the
			catalog where one is named by --catalog or weir.yaml. Nothing is written. With --from,
			rules that need the cluster are skipped and say so.`),
		Example: doc(`
			# What should a review look at?
			$ weir acl audit --admin User:ops

			# In CI, from a dump
			$ weir acl audit --from acls.json --fail-on error -o sarif`),
		Args:        none,
		Annotations: map[string]string{ExitCodes: "3  findings at or above --fail-on", Next: "weir acl revoke --principal PRINCIPAL --dry-run"},
		RunE:        func(c *cobra.Command, _ []string) error { return runACLAudit(c.Context(), d, o) },
	}
	o.bindFile(c)
	c.Flags().StringSliceVar(&o.paths, "catalog", nil, "documents that tell the owners of topics")
	c.Flags().StringArrayVar(&o.admins, "admin", nil, "`principal` that may have wide rights, repeatable")
	OneOf(c.Flags(), &o.failOn, "fail-on", "lowest severity that closes the gate", "error", "warning", "info", "never")
	flagFormat(c, &o.format, gateFormats...)
	return c
}

type aclAuditReport struct {
	Rows int `json:"rows"`
	*finding.Report
	Passed  bool     `json:"passed"`
	Unknown []string `json:"unknown"`
}

func runACLAudit(ctx context.Context, d *Deps, o *aclAuditOptions) error {
	gate, err := finding.ParseGate(o.failOn)
	if err != nil {
		return usage("", "--fail-on: %w", err)
	}
	set, err := o.set(ctx, d)
	if err != nil {
		return err
	}
	in := cluster.ACLAudit{Admins: aclPrincipals(o.admins), SkipTopics: "rows came from a file", SkipGroups: "rows came from a file"}
	if o.from == "" {
		if err := readNames(ctx, d, &in); err != nil {
			return err
		}
	}
	if in.Owner, err = o.owners(ctx, d); err != nil {
		return err
	}
	found, skipped := set.Audit(in)
	r := &aclAuditReport{Rows: len(set.Rows()), Report: finding.NewReport(found, skipped), Unknown: set.Unknown()}
	r.Passed = gate.Passes(r.Findings)
	run := &finding.Run{Report: r.Report, Name: "acl audit", Rules: cluster.ACLRules(), Gate: gate}
	run.Verdict = fmt.Sprintf("%s, %s in %s. Not visible to any client: super.users, allow.everyone.if.no.acl.found.",
		plural(r.Summary.Errors, "error"), plural(r.Summary.Warnings, "warning"), plural(r.Rows, "row"))
	if err := emitFindings(d, o.format, "acl_audit", r, run); err != nil {
		return err
	}
	if !r.Passed {
		return errGate
	}
	return nil
}

// readNames lists what exists. A list that may not be whole is no list: what is hidden
// would look as if it did not exist.
func readNames(ctx context.Context, d *Deps, in *cluster.ACLAudit) error {
	conn, err := d.Cluster(ctx)
	if err != nil {
		return err
	}
	topics, err := conn.Topics(ctx, cluster.TopicsQuery{Internal: true})
	if err != nil {
		return err
	}
	if whole(topics.Scope) {
		in.Topics = []string{}
		for i := range topics.Topics {
			in.Topics = append(in.Topics, topics.Topics[i].Name)
		}
	} else {
		in.SkipTopics = "not all topics may be seen: " + topics.Scope.Reason
	}
	groups, err := conn.Groups(ctx, nil, nil)
	if err != nil {
		return err
	}
	switch {
	case !whole(groups.Scope):
		in.SkipGroups = "not all groups may be seen: " + groups.Scope.Reason
	case len(groups.SilentBrokers) > 0:
		in.SkipGroups = "a broker did not tell its groups"
	default:
		in.Groups = []string{}
		for _, g := range groups.Groups {
			in.Groups = append(in.Groups, g.Name)
		}
	}
	return nil
}

func whole(s cluster.Scope) bool { return s.Complete != nil && *s.Complete }

// owners are the catalog's, where one was named.
func (o *aclAuditOptions) owners(ctx context.Context, d *Deps) (func(string) string, error) {
	cfg, err := d.Config()
	if err != nil {
		return nil, err
	}
	if len(o.paths) == 0 && len(cfg.Project.Catalog.Paths) == 0 {
		return nil, nil
	}
	cat, err := d.Catalog(ctx, &o.catalogFlags, false)
	if err != nil {
		return nil, err
	}
	return func(topic string) string { return cat.Owner(topic).V.Team }, nil
}
