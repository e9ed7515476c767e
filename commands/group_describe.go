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
	c.Flags().StringSliceVar(&o.topics, "topic", nil, "only these topics")
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

func viewGroupDescribe(r *groupDescription, wide bool) term.View {
	return term.View{
		Text: func(p *term.Page) {
			for i := range r.Groups {
				if i > 0 {
					p.Line("")
				}
				viewGroup(p, &r.Groups[i], r.Report, wide)
			}
		},
		Table: func() *term.Table { return lagPartitions(term.NewPage(0, false), r.Report, true) },
	}
}

func viewGroup(p *term.Page, g *groupDetail, rep *lag.Report, wide bool) {
	state := "state unknown"
	if g.State != nil {
		state = *g.State
	}
	p.Line("%s", term.In(term.Bold, g.Group))
	p.Line("  %s group, %s, coordinator %d", string(g.Kind), joinKnown(state, g.Assignor), g.Coordinator)
	if g.Error != nil {
		p.Line("  %s members unknown: %s", p.Mark("warn"), *g.Error)
	}
	p.Line("")
	if len(g.Members) > 0 {
		t := term.NewTable("INSTANCE-ID*", "CONSUMER-ID*", "CLIENT-ID*", "HOST", ">PARTITIONS", "ASSIGNED*")
		for i := range g.Members {
			m := &g.Members[i]
			assigned := term.In(term.Warn, "idle")
			if len(m.Assigned) > 0 {
				assigned = term.In(term.Plain, assignment(m.Assigned))
			}
			t.Row(deref(m.InstanceID), m.MemberID, m.ClientID, m.Host, len(m.Assigned), assigned)
		}
		p.Table(t)
		p.Line("")
	}
	one := *rep
	for i := range rep.Groups {
		if rep.Groups[i].Group == g.Group {
			one.Groups = rep.Groups[i : i+1]
		}
	}
	if len(one.Groups) == 1 && len(one.Groups[0].Rows) > 0 {
		p.Table(lagPartitions(p, &one, wide))
		p.Line("")
		for _, n := range one.Groups[0].Notes {
			p.Line("%s", n)
		}
		p.Line("Lag %s, status %s.", lagCell(p, &one.Groups[0].Figures), wordOf(one.Groups[0].Status))
		return
	}
	p.Line("Nothing is committed and nothing is assigned.")
}

// assignment writes partitions as topic:0,1,2 topic:0.
func assignment(ps []lag.Partition) string {
	var b strings.Builder
	for i, part := range ps {
		switch {
		case i > 0 && ps[i-1].Topic == part.Topic:
			b.WriteByte(',')
		default:
			if i > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(part.Topic + ":")
		}
		b.WriteString(itoa(part.Partition))
	}
	return b.String()
}
