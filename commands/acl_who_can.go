package commands

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/catalog"
	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/internal/term"
	"github.com/weirhq/weir/plan"
)

type aclWhoOptions struct {
	aclSource
	format term.Format
}

func newACLWhoCan(d *Deps) *cobra.Command {
	o := &aclWhoOptions{}
	c := &cobra.Command{
		Use:   "who-can OPERATION RESOURCE",
		Short: "List who may do something, and through which rows",
		Long: doc(`
			List the principals that may do OPERATION on RESOURCE, with the rows that decide:
			literal, prefixed, wildcard and implied ones, less what a DENY takes away. User:*
			stands for every user without rows of its own. With a catalog here, each principal
			has the roles that it declares for the resource. Nothing is written. As JSON, principals
			that some row names and that may not are listed too: for one user and address the
			line that names both holds, then the one that names the user, then User:*.
			` + aclUnseen),
		Example: doc(`
			# Who writes to this topic?
			$ weir acl who-can write topic:orders.placed.v1

			# Who may create topics?
			$ weir acl who-can create cluster`),
		Args:              exactly("OPERATION", "RESOURCE"),
		Annotations:       map[string]string{Next: "weir acl audit"},
		ValidArgsFunction: d.completeQuestion("operation", "resource"),
		RunE:              func(c *cobra.Command, args []string) error { return runACLWhoCan(c.Context(), d, o, args) },
	}
	o.bind(c)
	flagFormat(c, &o.format, term.TextFormat, term.JSON, term.YAML, term.TSV, term.Name)
	return c
}

type aclWho struct {
	Operation string `json:"operation"`
	cluster.ACLResource
	Principals []aclWhoLine `json:"principals"`
	Unknown    []string     `json:"unknown"`
}

type aclWhoLine struct {
	cluster.ACLPrincipal
	// Roles are what the catalog declares for the principal on the resource, such as
	// "receive charge (team-payments)"; null without a catalog.
	Roles []string `json:"roles"`
}

func runACLWhoCan(ctx context.Context, d *Deps, o *aclWhoOptions, args []string) error {
	op, r, err := aclQuestion(args[0], args[1])
	if err != nil {
		return err
	}
	set, err := o.set(ctx, d)
	if err != nil {
		return err
	}
	w := aclWho{Operation: op.String(), ACLResource: r, Principals: []aclWhoLine{}, Unknown: set.Unknown()}
	roles := declaredRoles(d.quietCatalog(ctx), r)
	for _, p := range set.WhoCan(op, r) {
		w.Principals = append(w.Principals, aclWhoLine{p, roles(p.Principal)})
	}
	return d.Out.Emit(o.format, "acl_who_can", w, viewACLWho(&w, set))
}

// declaredRoles returns the roles that a catalog declares on a resource, by principal.
func declaredRoles(cat *catalog.Catalog, r cluster.ACLResource) func(principal string) []string {
	if cat == nil {
		return func(string) []string { return nil }
	}
	declared := plan.Want(cat, plan.Scope{}).ACLs
	return func(principal string) []string {
		roles := []string{}
		for i := range declared {
			a := &declared[i]
			if a.Row.Principal != principal || a.Row.ResourceType != r.Type || !a.Row.Reaches(r.Name) {
				continue
			}
			role := a.Why
			if a.Owner != "" {
				role += " (" + a.Owner + ")"
			}
			if !slices.Contains(roles, role) {
				roles = append(roles, role)
			}
		}
		return roles
	}
}
