package commands

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/internal/term"
	"github.com/weirhq/weir/lag"
)

type groupDescribeOptions struct {
	names  []string
	topics []string
	format term.Format
}

func newGroupDescribe(d *Deps) *cobra.Command {
	o := &groupDescribeOptions{}
	c := &cobra.Command{
		Use:   "describe GROUP...",
		Short: "Show members, assignments and lag of groups",
		Long: doc(`
			Show a group's type, state, members with their instance ids and assignments, idle members, and
			the lag of every partition. Partitions that nobody owns are listed too. Nothing is written.`),
		Example: doc(`
			# Who reads what, and how far is it?
			$ weir group describe billing

			# Everything known, as JSON
			$ weir group describe billing -o json`),
		Args:              atLeastOne("GROUP"),
		Annotations:       map[string]string{Next: "weir lag GROUP --sample 10s"},
		ValidArgsFunction: d.completeGroups(true),
		RunE: func(c *cobra.Command, args []string) error {
			o.names = args
			return runGroupDescribe(c.Context(), d, o)
		},
	}
	flagFormat(c, &o.format, term.TextFormat, term.Wide, term.JSON, term.YAML, term.TSV)
	words(c.Flags(), &o.topics, "topic", "only these topics")
	return c
}

// groupDescription is the report of a group beside its members.
type groupDescription struct {
	Groups []groupDetail `json:"groups"`
	Report *lag.Report   `json:"lag"`
}

type groupDetail struct {
	Group       string         `json:"group"`
	Kind        lag.Kind       `json:"type"`
	State       *string        `json:"state"`
	Protocol    string         `json:"protocol_type"`
	Assignor    string         `json:"assignor"`
	Coordinator int32          `json:"coordinator_id"`
	Members     []memberDetail `json:"members"` // null when unknown
	Error       *string        `json:"error"`
}

type memberDetail struct {
	MemberID   string          `json:"member_id"`
	InstanceID *string         `json:"instance_id"`
	ClientID   string          `json:"client_id"`
	Host       string          `json:"host"`
	Subscribed []string        `json:"subscribed_topics"`
	Assigned   []lag.Partition `json:"assigned"`
}

func runGroupDescribe(ctx context.Context, d *Deps, o *groupDescribeOptions) error {
	lo := &lagOptions{names: o.names, topics: o.topics, by: string(lag.ByPartition)}
	r, err := d.newLagRun(ctx, lo)
	if err != nil {
		return err
	}
	s, err := r.reader.Read(ctx, r.query)
	if err != nil {
		return lagFailure("describe group", strings.Join(o.names, ", "), err)
	}
	rep := lag.Compute(s, r.opts)
	if err := denied(rep); err != nil {
		return err
	}
	out := &groupDescription{Groups: []groupDetail{}, Report: rep}
	for i := range s.Groups {
		out.Groups = append(out.Groups, groupDetailOf(&s.Groups[i]))
	}
	if err := d.Out.Emit(o.format, "group_describe", out, viewGroupDescribe(out, o.format == term.Wide)); err != nil {
		return err
	}
	return lagOutcome(rep)
}

func groupDetailOf(g *lag.Group) groupDetail {
	out := groupDetail{Group: g.Name, Kind: g.Kind, Protocol: g.ProtocolType, Assignor: g.Assignor, Coordinator: g.Coordinator}
	if g.State != "" {
		out.State = &g.State
	}
	if g.DescribeErr != nil {
		text := g.DescribeErr.Error()
		out.Error = &text
		return out
	}
	out.Members = []memberDetail{}
	for i := range g.Members {
		m := &g.Members[i]
		md := memberDetail{MemberID: m.ID, ClientID: m.ClientID, Host: strings.TrimPrefix(m.Host, "/"), Subscribed: []string{}, Assigned: []lag.Partition{}}
		if m.InstanceID != "" {
			md.InstanceID = &m.InstanceID
		}
		md.Subscribed = append(md.Subscribed, m.Subscribed...)
		md.Assigned = append(md.Assigned, m.Assigned...)
		out.Members = append(out.Members, md)
	}
	return out
}
