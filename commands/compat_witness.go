package commands

import (
	"context"
	"errors"
	"slices"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/compat"
	"github.com/weirhq/weir/internal/safetext"
)

type compatWitnessOptions struct {
	compatFlags
	old, new     string
	schemaFormat string
	binary       bool
	nameless     bool
}

func newCompatWitness(d *Deps) *cobra.Command {
	o := &compatWitnessOptions{}
	c := &cobra.Command{
		Use:   "witness OLD NEW",
		Short: "Print a message that one schema accepts and the other refuses",
		Long: doc(`
			Print the message that shows the first break between two schema files, and nothing
			else: it is ready as a test fixture. JSON Schema and Avro print JSON, Protobuf prints
			its JSON form, and --binary the bytes that the writer sends.`),
		Example: doc(`
			# A fixture for the test that must fail today
			$ weir compat witness v1.json v2.json > testdata/old-order.json

			# The bytes, for a Protobuf reader
			$ weir compat witness v1.proto v2.proto --binary > order.bin`),
		Args: exactly("OLD", "NEW"),
		Annotations: map[string]string{
			Offline: "yes", ExitCodes: "3  there is no such message, or none was found",
		},
		RunE: func(c *cobra.Command, args []string) error {
			if o.binary && d.Out.OutTTY {
				return usage("send it to a file with >", "--binary does not print to a terminal")
			}
			o.old, o.new = args[0], args[1]
			return runCompatWitness(c.Context(), d, o)
		},
	}
	o.bindMode(c.Flags())
	c.Flags().BoolVar(&o.nameless, "avro-nameless", false, "accept Avro records without a name")
	c.Flags().BoolVar(&o.binary, "binary", false, "print the message as the writer encodes it (Avro and Protobuf)")
	word(c.Flags(), &o.schemaFormat, "schema-format", "format of the files, where their names do not tell", "json", "avro", "protobuf")
	return c
}

func runCompatWitness(ctx context.Context, d *Deps, o *compatWitnessOptions) error {
	cfg, err := d.Config()
	if err != nil {
		return err
	}
	policy, err := o.policy(d, cfg)
	if err != nil {
		return err
	}
	cwd := cfg.Env().Dir
	old, err := compat.OpenFile(cwd, o.old, "old", compat.Format(o.schemaFormat))
	if err != nil {
		return err
	}
	cur, err := compat.OpenFile(cwd, o.new, "new", compat.Format(o.schemaFormat))
	if err != nil {
		return err
	}
	if was, is := old.Schema.Format, cur.Schema.Format; was != is {
		d.Out.Say("no witness: the format changed from %s to %s, and no single message shows that", was, is)
		return errGate
	}
	w, err := compat.NewEngine(checkers("", o.nameless), policy).Witness(ctx, compat.FilePair(old, cur, policy.Mode))
	if err != nil {
		return compatFailure(err)
	}
	if w == nil {
		d.Out.Say("no witness: no message was found that breaks %s", policy.Mode)
		return errGate
	}
	text := safetext.JSON(slices.Clone(w.JSON))
	if !o.binary {
		if text == nil {
			return failed(o.new, "use --binary", "print the witness: %w", errors.New("the message has no JSON form"))
		}
		text = append(text, '\n')
	} else if text = w.Binary; text == nil {
		return usage("leave out --binary", "the format has no binary form")
	}
	_, err = d.Out.Out().Write(text)
	return err
}
