package commands

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/catalog"
	"github.com/weirhq/weir/finding"
	"github.com/weirhq/weir/internal/term"
)

type catalogValidateOptions struct {
	catalogFlags
	failOn string
	format term.Format
}

func newCatalogValidate(d *Deps) *cobra.Command {
	o := &catalogValidateOptions{}
	c := &cobra.Command{
		Use:   "validate [PATH...]",
		Short: "Check AsyncAPI documents, references, examples and topic names",
		Long: doc(`
			Check AsyncAPI 2.0 to 2.6, 3.0 and 3.1 documents: syntax, references, the official
			schemas and rules, bindings, examples, topic names and ownership. PATH is a file or
			a folder; without one, catalog.paths of weir.yaml, else the current folder.
			Everything is offline and nothing is written. Files are named from the root of the
			catalog: --ref-root, else the folder of weir.yaml, else the top of the git tree.

			A file that cannot be loaded is reported and left out, and the others are still
			checked: exit 2. Any other finding at or above --fail-on: exit 3.`),
		Example: doc(`
			# Everything below this folder
			$ weir catalog validate

			# In CI, with annotations on the pull request
			$ weir catalog validate catalog/ -o github`),
		Annotations: map[string]string{
			Offline: "yes", Next: "weir explain RULE",
			ExitCodes: "2  a file cannot be loaded\n3  a finding at or above --fail-on",
		},
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				o.paths = args
			}
			return runCatalogValidate(c.Context(), d, o)
		},
	}
	flagFormat(c, &o.format, gateFormats...)
	o.bind(c.Flags())
	OneOf(c.Flags(), &o.failOn, "fail-on", "lowest severity that closes the gate", "error", "warning", "info", "never")
	return c
}

// catalogReport is what catalog validate prints as JSON. Load errors are among the
// findings, with rules load/...
type catalogReport struct {
	Documents int    `json:"documents"`
	Channels  int    `json:"channels"`
	Messages  int    `json:"messages"`
	Unloaded  int    `json:"unloaded_files"`
	Env       string `json:"env,omitempty"`
	*finding.Report
}

func runCatalogValidate(ctx context.Context, d *Deps, o *catalogValidateOptions) error {
	gate, err := finding.ParseGate(o.failOn)
	if err != nil {
		return usage("", "--fail-on: %w", err)
	}
	cat, loadErr := d.Catalog(ctx, &o.catalogFlags, true)
	var le *catalog.LoadErrors
	if cat == nil {
		return loadErr
	}
	if loadErr != nil && !errors.As(loadErr, &le) {
		return loadErr
	}
	fs := cat.Findings
	r := &catalogReport{Documents: len(cat.Applications), Env: cat.Env}
	if le != nil {
		fs = append(le.Findings(), fs...)
		files := map[string]bool{}
		for _, e := range le.Errors {
			files[e.At.File] = true
		}
		r.Unloaded = len(files)
	}
	r.Report = finding.NewReport(fs, nil)
	for _, s := range cat.Streams() {
		r.Channels++
		r.Messages += len(s.Channels[0].Messages)
	}
	if r.Documents == 0 && le == nil {
		return usage("name a file or folder, or set catalog.paths in weir.yaml", "no AsyncAPI document found in %s", cmp.Or(strings.Join(o.paths, ", "), "the catalog's paths"))
	}
	run := &finding.Run{Report: r.Report, Name: "catalog validate", Rules: catalog.Rules(), Gate: gate, Verdict: r.verdict(), Prefix: o.prefix}
	if err := emitFindings(d, o.format, "catalog_report", r, run); err != nil {
		return err
	}
	switch {
	case le != nil:
		return &Error{
			code: CatalogCode, hint: "the report says which and where",
			err: fmt.Errorf("load catalog: %s cannot be loaded", plural(r.Unloaded, "file")),
		}
	case !gate.Passes(r.Findings):
		return errGate
	}
	return nil
}

func (r *catalogReport) verdict() string {
	what := plural(r.Documents, "document") + ", " + plural(r.Channels, "channel") + ", " + plural(r.Messages, "message")
	s := r.Summary
	var parts []string
	for _, p := range []struct {
		n    int
		noun string
	}{{s.Errors, "error"}, {s.Warnings, "warning"}, {s.Infos, "remark"}} {
		if p.n > 0 {
			parts = append(parts, plural(p.n, p.noun))
		}
	}
	if len(parts) == 0 {
		return what + ": valid."
	}
	v := what + ": " + strings.Join(parts, ", ")
	if r.Unloaded > 0 {
		v += "; " + plural(r.Unloaded, "file") + " not loaded"
	}
	return v + "."
}
