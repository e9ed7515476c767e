package commands

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/compat"
	"github.com/weirhq/weir/finding"
	"github.com/weirhq/weir/internal/term"
)

type compatCheckOptions struct {
	catalogFlags
	compatFlags
	old, new     string
	schemaFormat string
	nameless     bool
	format       term.Format
}

func newCompatCheck(d *Deps) *cobra.Command {
	o := &compatCheckOptions{}
	c := &cobra.Command{
		Use:   "check [PATH...]",
		Short: "Compare schemas with an earlier version and say who breaks",
		Long: doc(`
			Compare every message of a catalog, every schema file of a folder, or two files with
			an earlier version. A break is shown with a message that one side writes and the
			other refuses, and with who is affected. What senders and receivers of one catalog
			declare for a topic is compared too.

			The baseline is --against, else compat.against of weir.yaml, else the base of the
			pull request that CI runs for. Nothing is written, the work tree is not touched, and
			only registry: connects.`),
		Example: doc(`
			# What does this branch break?
			$ weir compat check --against git:main...

			# Two files, as a consumer that upgrades last sees them
			$ weir compat check --old v1.avsc --new v2.avsc --mode FORWARD

			# Will the registry take it?
			$ weir compat check schemas/ --against git:HEAD~1 --as confluent`),
		Annotations: map[string]string{
			Offline: "yes", Next: "weir explain RULE",
			ExitCodes: "2  a schema or the baseline cannot be read\n3  the gate did not pass",
			Environ:   "GITHUB_BASE_REF, CI_MERGE_REQUEST_DIFF_BASE_SHA  the base of a pull request, when no baseline is named",
		},
		RunE: func(c *cobra.Command, args []string) error {
			o.paths = append(o.paths, args...)
			if err := o.validate(); err != nil {
				return err
			}
			return runCompatCheck(c.Context(), d, o)
		},
	}
	flagFormat(c, &o.format, gateFormats...)
	o.catalogFlags.bind(c.Flags())
	o.compatFlags.bind(c)
	c.Flags().StringVar(&o.old, "old", "", "the earlier schema file; with --new")
	c.Flags().StringVar(&o.new, "new", "", "the later schema file; with --old")
	c.Flags().BoolVar(&o.nameless, "avro-nameless", false, "accept Avro records without a name in --old and --new")
	word(c.Flags(), &o.schemaFormat, "schema-format", "format of --old and --new, where their names do not tell", "json", "avro", "protobuf")
	return c
}

func (o *compatCheckOptions) validate() error {
	files := o.old != "" || o.new != ""
	switch {
	case files && (o.old == "" || o.new == ""):
		return usage("weir compat check --old A --new B", "--old and --new belong together")
	case files && (len(o.paths) > 0 || o.against != ""):
		return usage("leave out --against and the paths, or --old and --new", "two files need no baseline")
	case !files && o.schemaFormat != "":
		return usage("", "--schema-format is for --old and --new")
	}
	return nil
}

func runCompatCheck(ctx context.Context, d *Deps, o *compatCheckOptions) error {
	cfg, err := d.Config()
	if err != nil {
		return err
	}
	policy, err := o.policy(d, cfg)
	if err != nil {
		return err
	}
	c := &comparison{d: d, cfg: cfg, policy: policy, flags: &o.catalogFlags, nameless: o.nameless}
	var run *compatRun
	if o.old != "" {
		run, err = c.files(ctx, o.old, o.new, compat.Format(o.schemaFormat))
	} else {
		run, err = c.tree(ctx, o.against)
	}
	if err != nil {
		return compatFailure(err)
	}
	r := run.report
	out := &finding.Run{Report: r.Report, Name: "compat check", Rules: run.rules, Gate: r.FailOn(), Verdict: r.Closing(), Prefix: o.prefix}
	if err := emitFindings(d, o.format, "compat_report", r, out); err != nil {
		return err
	}
	return run.end()
}
