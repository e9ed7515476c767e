package commands

import (
	"bytes"
	"context"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/internal/term"
	"github.com/weirhq/weir/lag"
)

type groupExportOptions struct {
	group  string
	topics []string
	format term.Format
}

func newGroupExport(d *Deps) *cobra.Command {
	o := &groupExportOptions{}
	c := &cobra.Command{
		Use:   "export GROUP",
		Short: "Write the committed offsets of a group as CSV",
		Long: doc(`
			Write topic,partition,offset of everything a group has committed, in the form that
			kafka-consumer-groups.sh exports and imports. Live groups may be exported. A partition that
			cannot be read is an error: the file would be incomplete. So is a topic that the broker may
			hide from this user, unless --topic names what is wanted. Nothing is written to the cluster.`),
		Example: doc(`
			# Save before a reset
			$ weir group export billing > billing.csv`),
		Args:              exactly("GROUP"),
		Annotations:       map[string]string{Next: "weir group reset GROUP --from-file FILE"},
		ValidArgsFunction: d.completeGroups(false),
		RunE: func(c *cobra.Command, args []string) error {
			o.group = args[0]
			return runGroupExport(c.Context(), d, o)
		},
	}
	flagFormat(c, &o.format, term.TextFormat, term.JSON, term.YAML)
	lines(c.Flags(), &o.topics, "topic", "a topic, or some of its partitions: TOPIC:0,2,5-7; repeatable")
	return c
}

func runGroupExport(ctx context.Context, d *Deps, o *groupExportOptions) error {
	sc, err := scopes(o.topics)
	if err != nil {
		return err
	}
	conn, err := d.Cluster(ctx)
	if err != nil {
		return err
	}
	offsets, err := (&lag.Reader{Client: conn.Client, Now: d.Now}).Offsets(ctx, o.group, sc)
	if err != nil {
		return lagFailure("export group", o.group, err)
	}
	if o.format != term.TextFormat {
		return d.Out.Emit(o.format, "group_export", map[string]any{"group": o.group, "offsets": offsets}, term.View{})
	}
	var b bytes.Buffer
	if err := lag.WriteOffsets(&b, offsets); err != nil {
		return failed(o.group, "", "export group %s: %w", o.group, err)
	}
	_, err = d.Out.Out().Write(b.Bytes())
	return err
}

func scopes(topics []string) ([]lag.Scope, error) {
	var out []lag.Scope
	for _, t := range topics {
		s, err := lag.ParseScope(t)
		if err != nil {
			return nil, usage("", "--topic: %w", err)
		}
		out = append(out, s)
	}
	return out, nil
}
