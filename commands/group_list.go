package commands

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/internal/term"
	"github.com/weirhq/weir/lag"
)

type groupListOptions struct {
	names         []string
	states, types []string
	regex         bool
	format        term.Format
}

func newGroupList(d *Deps) *cobra.Command {
	o := &groupListOptions{}
	c := &cobra.Command{
		Use:     "list [NAME...]",
		Aliases: []string{"ls"},
		Short:   "List groups of every type with their state",
		Long: doc(`
			List groups: classic and new consumer groups, share and streams groups. Names are literal
			unless --regex is given; a name that does not exist is an error. Nothing is written.`),
		Example: doc(`
			# Everything that may be seen
			$ weir group list

			# Who is not consuming?
			$ weir group list --state Empty`),
		Annotations:       map[string]string{Next: "weir lag NAME"},
		ValidArgsFunction: d.completeGroups(true),
		RunE: func(c *cobra.Command, args []string) error {
			o.names = args
			return runGroupList(c.Context(), d, o)
		},
	}
	flagFormat(c, &o.format, term.TextFormat, term.Wide, term.JSON, term.YAML, term.TSV, term.Name)
	c.Flags().BoolVar(&o.regex, "regex", false, "names are patterns that match whole names")
	words(c.Flags(), &o.states, "state", "only groups in these states, such as Stable or Empty")
	words(c.Flags(), &o.types, "type", "only groups of these types: classic, consumer, share, streams")
	return c
}

func runGroupList(ctx context.Context, d *Deps, o *groupListOptions) error {
	filter, err := cluster.NewNameFilter(o.names, o.regex)
	if err != nil {
		return err
	}
	conn, err := d.Cluster(ctx)
	if err != nil {
		return err
	}
	list, err := conn.Groups(ctx, o.states, o.types)
	if err != nil {
		return err
	}
	if len(o.states)+len(o.types) == 0 {
		if err := list.Err(); err != nil {
			return err
		}
	}
	list.Groups = slices.DeleteFunc(list.Groups, func(g cluster.Group) bool { return !filter.Match(g.Name) })
	if !o.regex && len(o.states)+len(o.types) == 0 {
		for _, name := range o.names {
			if !slices.ContainsFunc(list.Groups, func(g cluster.Group) bool { return g.Name == name }) {
				return groupMissing(name, list)
			}
		}
	}
	if list.Scope.Complete != nil && !*list.Scope.Complete {
		d.Log.Warn("the list may be incomplete: " + list.Scope.Reason)
	}
	listing := &groupListing{Groups: []groupRow{}, Scope: list.Scope, SilentBrokers: list.SilentBrokers}
	for _, g := range list.Groups {
		listing.Groups = append(listing.Groups, groupRow{Group: g})
	}
	if o.format == term.Wide || o.format == term.JSON || o.format == term.YAML {
		if err := addMembers(ctx, d, conn, listing); err != nil {
			return err
		}
	}
	return d.Out.Emit(o.format, "group_list", listing, viewGroupList(listing, o.format == term.Wide))
}

// groupRow is a group in a listing; what was not asked for or not told is null.
type groupRow struct {
	cluster.Group
	Members *int `json:"members"`
	// Static are the instance ids of its static members.
	Static []string `json:"static_members"`
}

type groupListing struct {
	Groups        []groupRow    `json:"groups"`
	Scope         cluster.Scope `json:"scope"`
	SilentBrokers []int32       `json:"silent_brokers"`
}

// addMembers describes the groups of a listing. A group that cannot be described keeps
// its members unknown.
func addMembers(ctx context.Context, d *Deps, conn *cluster.Conn, l *groupListing) error {
	at := make(map[string]int, len(l.Groups))
	for i := range l.Groups {
		at[l.Groups[i].Name] = i
	}
	if len(at) == 0 {
		return nil
	}
	r := &lag.Reader{Client: conn.Client, Now: d.Now}
	_, err := r.Each(ctx, lag.Query{MembersOnly: true, Match: func(g string) bool { _, ok := at[g]; return ok }}, func(s *lag.Snapshot) error {
		for i := range s.Groups {
			g := &s.Groups[i]
			row := &l.Groups[at[g.Name]]
			if g.DescribeErr != nil || g.State == "" && len(g.Members) == 0 {
				continue
			}
			n := len(g.Members)
			row.Members, row.Static = &n, []string{}
			for _, m := range g.Members {
				if m.InstanceID != "" {
					row.Static = append(row.Static, m.InstanceID)
				}
			}
		}
		return nil
	})
	return lagFailure("describe groups", "", err)
}

// groupMissing tells a group that does not exist from one that may not be seen.
func groupMissing(name string, list *cluster.GroupList) error {
	if err := list.Silent("list group", name); err != nil {
		return err
	}
	if c := list.Scope.Complete; c == nil || !*c {
		return cluster.Denied("list group", name, "DESCRIBE", "Group", nil)
	}
	return &Error{code: NotFound, subject: name, err: fmt.Errorf("list group %s: no such group", name), hint: "weir group list shows what exists"}
}
