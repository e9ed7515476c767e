package commands

import (
	"context"
	"reflect"
	"slices"
	"strings"

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
			has the roles that it declares for the resource. Writes nothing. As JSON, principals
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

// notable are the lines worth reading: who may, and where one address makes it
// different.
func (w *aclWho) notable() []aclWhoLine {
	anywhere := map[string]aclWhoLine{}
	for _, p := range w.Principals {
		if p.Host == cluster.AnyHost {
			anywhere[p.Principal] = p
		}
	}
	var out []aclWhoLine
	for _, p := range w.Principals {
		general := anywhere[p.Principal]
		same := p.Host != cluster.AnyHost && p.Allowed == general.Allowed && reflect.DeepEqual(p.Via, general.Via)
		if !same && (p.Allowed || p.Host != cluster.AnyHost && general.Allowed) {
			out = append(out, p)
		}
	}
	return out
}

func viewACLWho(w *aclWho, set *cluster.ACLSet) term.View {
	lines := w.notable()
	table := func() *term.Table {
		known := slices.ContainsFunc(lines, func(l aclWhoLine) bool { return l.Roles != nil })
		columns := []string{"PRINCIPAL*", "HOST", "MAY", "VIA*", "PATTERN"}
		if known {
			columns = append(columns, "CATALOG*")
		}
		t := term.NewTable(columns...)
		row := func(l aclWhoLine, cells ...any) {
			if known {
				cells = append(cells, firstOf(strings.Join(l.Roles, ", "), "not declared"))
			}
			t.Row(cells...)
		}
		for _, l := range lines {
			may := term.In(term.Good, "yes")
			if !l.Allowed {
				may = term.In(term.Bad, "no")
			}
			if len(l.Via) == 0 {
				row(l, l.Principal, l.Host, may, string(l.Reason), nil)
			}
			for _, r := range l.Via {
				via := joinWords(r.Resource(), r.Operation.String())
				if !l.Allowed {
					via = "DENY " + via
				}
				row(l, l.Principal, l.Host, may, strings.Replace(via, " (prefixed)", "", 1), aclPatternWord(r))
			}
		}
		return t
	}
	names := func() []string {
		var out []string
		for _, l := range lines {
			if l.Allowed && (len(out) == 0 || out[len(out)-1] != l.Principal) {
				out = append(out, l.Principal)
			}
		}
		return out
	}
	return term.View{
		Table: table,
		Names: names,
		Text: func(p *term.Page) {
			if len(lines) > 0 {
				p.Table(table())
				p.Line("")
			}
			verb := strings.ToLower(strings.ReplaceAll(w.Operation, "_", " "))
			switch who := names(); len(who) {
			case 0:
				p.Line("No row lets anybody %s on %s.", verb, w.ACLResource)
			case 1:
				p.Line("1 principal can %s on %s.", verb, w.ACLResource)
			default:
				p.Line("%d principals can %s on %s.", len(who), verb, w.ACLResource)
			}
			sayUnknown(p, set)
		},
	}
}
