package commands

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/catalog"
	"github.com/weirhq/weir/compat"
	"github.com/weirhq/weir/finding"
	"github.com/weirhq/weir/internal/term"
)

type ciOptions struct {
	catalogFlags
	compatFlags
	format term.Format
}

func newCI(d *Deps) *cobra.Command {
	o := &ciOptions{}
	c := &cobra.Command{
		Use:     "ci [PATH...]",
		Short:   "Check a pull request: validate the catalog and compare it with its base",
		GroupID: Govern,
		Long: doc(`
			Validate the catalog and compare it with the base of the pull request, in one run and
			one report. It works offline and writes nothing.

			The base is --against, else compat.against of weir.yaml, else what GitHub or GitLab
			say about the pull request. It has to be in the clone: fetch the whole history.`),
		Example: doc(`
			# In a pull request, as a comment for its reviewers
			$ weir ci -o markdown

			# The same before pushing
			$ weir ci --against git:origin/main...`),
		Annotations: map[string]string{
			Offline: "yes", Next: "weir explain RULE",
			ExitCodes: "2  a document, a schema or the baseline cannot be read\n3  the gate did not pass",
			Environ:   "GITHUB_BASE_REF, CI_MERGE_REQUEST_DIFF_BASE_SHA  the base of a pull request, when no baseline is named",
		},
		RunE: func(c *cobra.Command, args []string) error {
			o.paths = append(o.paths, args...)
			return runCI(c.Context(), d, o)
		},
	}
	flagFormat(c, &o.format, gateFormats...)
	o.catalogFlags.bind(c.Flags())
	o.compatFlags.bind(c)
	return c
}

// ciReport is one report of all checks of a pull request.
type ciReport struct {
	Gate   string         `json:"gate"`
	Checks []ciCheck      `json:"checks"`
	Compat *compat.Report `json:"compat"`
	*finding.Report
}

// ciCheck is one check of the run.
type ciCheck struct {
	Name     string `json:"name"`
	Gate     string `json:"gate"`
	Findings int    `json:"findings"`
}

func runCI(ctx context.Context, d *Deps, o *ciOptions) error {
	cfg, err := d.Config()
	if err != nil {
		return err
	}
	policy, err := o.policy(d, cfg)
	if err != nil {
		return err
	}
	c := &comparison{d: d, cfg: cfg, policy: policy, flags: &o.catalogFlags, validate: true}
	run, err := c.tree(ctx, o.against)
	if err != nil {
		return compatFailure(err)
	}
	r := run.report
	valid := []finding.Finding{}
	if run.catalog != nil {
		valid = run.catalog.Findings
	}
	word := func(open bool) string {
		if open {
			return "passed"
		}
		return "failed"
	}
	out := &ciReport{
		Checks: []ciCheck{
			{Name: "catalog validate", Gate: word(policy.FailOn.Passes(valid) && run.loadErr == nil), Findings: len(valid)},
			{Name: "compat check", Gate: r.Gate, Findings: len(r.Findings)},
		},
		Compat: r,
		Report: finding.NewReport(slices.Concat(valid, r.Findings), r.Skipped),
	}
	out.Gate = word(policy.FailOn.Passes(out.Findings) && run.loadErr == nil)
	var words []string
	for _, c := range out.Checks {
		words = append(words, c.Name+" "+c.Gate)
	}
	verdict := strings.Join(words, "; ") + ": " + r.Closing()
	fr := &finding.Run{Report: out.Report, Name: "ci", Rules: slices.Concat(catalog.Rules(), run.rules), Gate: policy.FailOn, Verdict: verdict, Prefix: o.prefix}
	if err := emitFindings(d, o.format, "ci_report", out, fr); err != nil {
		return err
	}
	if err := run.end(); err != nil {
		return err
	}
	if out.Gate != "passed" {
		return errGate
	}
	return nil
}
