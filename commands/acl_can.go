package commands

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/internal/term"
)

type aclCanOptions struct {
	aclSource
	host   string
	format term.Format
}

const aclUnseen = `No client can see super.users and allow.everyone.if.no.acl.found; the --assume
flags answer for them.`

func newACLCan(d *Deps) *cobra.Command {
	o := &aclCanOptions{}
	c := &cobra.Command{
		Use:   "can PRINCIPAL OPERATION RESOURCE",
		Short: "Tell whether a principal may do something, and why",
		Long: doc(`
			Answer as the authorizer of a broker would, with the rows that decide. RESOURCE is
			topic:NAME, group:NAME, transactional-id:NAME, delegation-token:NAME,
			user:User:NAME or cluster. All rows are read (DESCRIBE on the cluster); nothing is written.
			` + aclUnseen),
		Example: doc(`
			# May this user write, and through which row?
			$ weir acl can User:orders write topic:orders.placed.v1

			# In a script: 0 is yes, 3 is no
			$ weir acl can billing read group:billing --from acls.json -o json`),
		Args:              exactly("PRINCIPAL", "OPERATION", "RESOURCE"),
		Annotations:       map[string]string{ExitCodes: "0  yes\n3  no", Next: "weir acl what-can PRINCIPAL"},
		ValidArgsFunction: d.completeQuestion("principal", "operation", "resource"),
		RunE:              func(c *cobra.Command, args []string) error { return runACLCan(c.Context(), d, o, args) },
	}
	o.bind(c)
	c.Flags().StringVar(&o.host, "host", "127.0.0.1", "`address` the client connects from")
	flagFormat(c, &o.format, term.TextFormat, term.JSON, term.YAML)
	return c
}

type aclAnswer struct {
	Principal string `json:"principal"`
	Host      string `json:"host"`
	Operation string `json:"operation"`
	cluster.ACLResource
	cluster.ACLDecision
	Unknown []string `json:"unknown"`
}

func runACLCan(ctx context.Context, d *Deps, o *aclCanOptions, args []string) error {
	op, r, err := aclQuestion(args[1], args[2])
	if err != nil {
		return err
	}
	set, err := o.set(ctx, d)
	if err != nil {
		return err
	}
	a := aclAnswer{Principal: aclPrincipal(args[0]), Host: o.host, Operation: op.String(), ACLResource: r, Unknown: set.Unknown()}
	a.ACLDecision = set.Can(a.Principal, o.host, op, r)
	err = d.Out.Emit(o.format, "acl_can", a, term.View{Text: func(p *term.Page) {
		answer, word := p.Mark("ok"), "may"
		if !a.Allowed {
			answer, word = p.Mark("fail"), "may not"
		}
		p.Line("%s %s %s %s on %s from %s", answer, a.Principal, word, strings.ReplaceAll(a.Operation, "_", " "), r.String(), a.Host)
		for _, step := range a.Chain {
			p.Line("    %s", step)
		}
		sayUnknown(p, set)
	}})
	if err == nil && !a.Allowed {
		err = errGate
	}
	return err
}
