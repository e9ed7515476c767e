package commands

import (
	"context"

	"github.com/spf13/cobra"

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
			Nothing is written.
			` + aclUnseen),
		Example: doc(`
			# What would a leaked password of this user reach?
			$ weir acl what-can User:billing

			# Everything it may do with one topic
			$ weir acl what-can User:billing topic:orders.placed.v1`),
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
