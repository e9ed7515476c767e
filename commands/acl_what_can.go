package commands

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/internal/term"
)

type aclWhatOptions struct {
	aclSource
	host   string
	format term.Format
}

func newACLWhatCan(d *Deps) *cobra.Command {
	o := &aclWhatOptions{}
	c := &cobra.Command{
		Use:   "what-can PRINCIPAL [RESOURCE]",
		Short: "List what a principal may do, and through which rows",
		Long: doc(`
			List what a principal may do, for each name, prefix and * that some row gives it:
			DENY taken into account, implied rights included. Of several lines that reach a
			name the narrowest holds. With RESOURCE, every operation on that one is answered.
			Writes nothing.
			` + aclUnseen),
		Example: doc(`
			# What would a leaked password of this user reach?
			$ weir acl what-can User:billing

			# Everything it may do with one topic
			$ weir acl what-can User:billing topic:orders.placed.v1`),
		Args:              cobra.RangeArgs(1, 2),
		Annotations:       map[string]string{Next: "weir acl can PRINCIPAL OPERATION RESOURCE"},
		ValidArgsFunction: d.completeQuestion("principal", "resource"),
		RunE:              func(c *cobra.Command, args []string) error { return runACLWhatCan(c.Context(), d, o, args) },
	}
	c.Args = func(c *cobra.Command, args []string) error {
		if len(args) == 2 {
			return nil
		}
		return exactly("PRINCIPAL")(c, args)
	}
	o.bind(c)
	c.Flags().StringVar(&o.host, "host", "127.0.0.1", "`address` the client connects from")
	flagFormat(c, &o.format, term.TextFormat, term.JSON, term.YAML, term.TSV)
	return c
}

type aclWhat struct {
	Principal string             `json:"principal"`
	Host      string             `json:"host"`
	Grants    []cluster.ACLGrant `json:"grants"`
	// OtherHosts counts the rows of this principal for other addresses.
	OtherHosts int      `json:"rows_for_other_hosts"`
	Unknown    []string `json:"unknown"`
}

func runACLWhatCan(ctx context.Context, d *Deps, o *aclWhatOptions, args []string) error {
	var resource *cluster.ACLResource
	if len(args) == 2 {
		r, err := cluster.ParseACLResource(args[1])
		if err != nil {
			return usage("", "%w", err)
		}
		resource = &r
	}
	set, err := o.set(ctx, d)
	if err != nil {
		return err
	}
	w := aclWhat{Principal: aclPrincipal(args[0]), Host: o.host, Unknown: set.Unknown()}
	w.Grants = set.WhatCan(w.Principal, o.host, resource)
	for _, r := range set.Rows() {
		if (r.Principal == w.Principal || r.Principal == cluster.EveryUser) && r.Host != cluster.AnyHost && r.Host != o.host {
			w.OtherHosts++
		}
	}
	return d.Out.Emit(o.format, "acl_what_can", w, viewACLWhat(&w, set, resource != nil))
}

// sameBut compares two rows of a table, one column aside.
func sameBut(a, b []any, column int) bool {
	for i := range a {
		if i != column && a[i] != b[i] {
			return false
		}
	}
	return true
}

func viewACLWhat(w *aclWhat, set *cluster.ACLSet, every bool) term.View {
	lines := w.Grants
	if !every {
		lines = slices.DeleteFunc(slices.Clone(lines), func(g cluster.ACLGrant) bool {
			return g.Reason == cluster.ACLNoRow || g.Reason == cluster.ACLOwner // for programs; of no news to people
		})
	}
	table := func(group bool) *term.Table {
		t := term.NewTable("RESOURCE", "NAME*", "PATTERN", "OPERATION*", "MAY", "VIA*")
		for _, g := range lines {
			may := term.In(term.Good, "yes")
			if !g.Allowed {
				may = term.In(term.Bad, "no")
			}
			via := string(g.Reason)
			if len(g.Via) > 0 {
				r := g.Via[0]
				via = joinWords(r.Permission.String(), r.Operation.String(), "on", r.Resource())
				if r.Principal != w.Principal {
					via += " for " + r.Principal
				}
			}
			pattern := strings.ToLower(g.PatternType.String())
			if g.ResourceName == cluster.AnyName && g.PatternType == kmsg.ACLResourcePatternTypeLiteral {
				pattern = "wildcard"
			}
			cells := []any{cluster.ResourceWord(g.ResourceType), g.ResourceName, pattern, g.Operation.String(), may, via}
			if last := len(t.Rows) - 1; group && last >= 0 && sameBut(t.Rows[last], cells, 3) {
				t.Rows[last][3] = fmt.Sprintf("%s, %s", t.Rows[last][3], cells[3])
				continue
			}
			t.Row(cells...)
		}
		return t
	}
	return term.View{
		Table: func() *term.Table { return table(false) },
		Text: func(p *term.Page) {
			if len(lines) == 0 {
				p.Line("No row gives %s anything from %s.", w.Principal, w.Host)
			} else {
				p.Table(table(true))
				p.Line("")
				may := 0
				for _, g := range lines {
					if g.Allowed {
						may++
					}
				}
				what := "lines"
				if every {
					what = "operations"
				}
				p.Line("%s from %s: %d of %d %s allowed.", w.Principal, w.Host, may, len(lines), what)
			}
			if w.OtherHosts > 0 {
				p.Line("%s for other addresses: see --host.", plural(w.OtherHosts, "row"))
			}
			sayUnknown(p, set)
		},
	}
}
