package commands

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/weirhq/weir/compat"
	"github.com/weirhq/weir/compat/avro"
	"github.com/weirhq/weir/compat/jsonschema"
	"github.com/weirhq/weir/compat/protobuf"
	"github.com/weirhq/weir/finding"
	"github.com/weirhq/weir/internal/config"
	"github.com/weirhq/weir/internal/suggest"
)

func newCompat(d *Deps) *cobra.Command {
	return noun(d, "compat", "Prove that a schema change breaks nobody, or show the message that breaks", Govern, nil,
		newCompatCheck, newCompatWitness, newCompatRules)
}

// checkers are the formats that can be compared. A registry takes a schema whose
// references it cannot see, so a prediction does too. nameless takes Avro records
// without a name, which only programs make.
func checkers(as string, nameless bool) []compat.Checker {
	return []compat.Checker{&avro.Checker{Nameless: nameless}, jsonschema.New(), protobuf.New(protobuf.Config{Unresolved: as != ""})}
}

// compatFlags are the policies of the gate. Empty means: not on the command line.
type compatFlags struct {
	against      string
	mode         string
	failOn       string
	unproven     string
	contentModel string
	formats      string
	defaults     string
	protobuf     string
	as           string
	history      int
}

func (f *compatFlags) bind(c *cobra.Command) {
	fs := c.Flags()
	fs.StringVar(&f.against, "against", "", "what to compare with: git:REF, git:REF... (merge base), a folder, registry:URL, or none")
	f.bindMode(fs)
	word(fs, &f.failOn, "fail-on", "lowest severity that closes the gate (default error)", "error", "warning", "info", "never")
	word(fs, &f.unproven, "unproven", "what an unproven change counts as (default error)", "error", "warn")
	word(fs, &f.as, "as", "let the answer of this registry decide", "confluent", "confluent-lenient")
	fs.IntVar(&f.history, "history", 0, fmt.Sprintf("earlier versions that a transitive mode looks at (default %d)", compat.DefaultHistory))
}

// bindMode adds what decides a single comparison.
func (f *compatFlags) bindMode(fs *pflag.FlagSet) {
	var modes []string
	for _, m := range compat.Modes() {
		modes = append(modes, string(m))
	}
	word(fs, &f.mode, "mode", "mode where the contract declares none (default FULL)", modes...)
	word(fs, &f.contentModel, "content-model", "breaks on names a schema does not declare are warnings or errors (default lenient)", "lenient", "strict")
	word(fs, &f.formats, "json-format-keyword", "what JSON Schema's format is (default annotation)", "annotation", "assert")
	word(fs, &f.protobuf, "protobuf-profile", "the forms of Protobuf that have to stay readable (default wire-json)", "wire", "wire-json")
	word(fs, &f.defaults, "defaults", "whether readers fill in JSON Schema defaults (default ignore)", "ignore", "apply")
}

// word adds a flag of a few words that is empty until it is set.
func word(fs *pflag.FlagSet, p *string, name, help string, words ...string) {
	fs.Var(&optionalWord{p, words}, name, help+": "+suggest.Or(words))
}

type optionalWord struct {
	p     *string
	words []string
}

func (w *optionalWord) String() string { return *w.p }
func (w *optionalWord) Type() string   { return "word" }
func (w *optionalWord) Set(s string) error {
	for _, x := range w.words {
		if strings.EqualFold(s, x) {
			*w.p = x
			return nil
		}
	}
	return fmt.Errorf("use %s%s", suggest.Or(w.words), suggest.DidYouMean(s, w.words))
}

// policy joins flags, weir.yaml and defaults.
func (f *compatFlags) policy(d *Deps, cfg *config.Config) (compat.Policy, error) {
	c := cfg.Project.Compat.WithDefaults()
	p := compat.Policy{
		As: f.as, History: cmp.Or(f.history, c.History), Now: d.Now(),
		Strict: cmp.Or(f.contentModel, c.ContentModel) == "strict",
		Options: compat.Options{
			AssertFormat:  cmp.Or(f.formats, c.JSONFormatKeyword) == "assert",
			ApplyDefaults: cmp.Or(f.defaults, c.Defaults) == "apply",
			WireOnly:      cmp.Or(f.protobuf, c.ProtobufProfile) == "wire",
		},
	}
	if p.History < 0 {
		return p, usage("", "--history %d: it counts versions, use 1 or more", p.History)
	}
	for name, v := range map[string]struct{ value, allowed string }{
		"content_model": {c.ContentModel, "lenient strict"}, "json_format_keyword": {c.JSONFormatKeyword, "annotation assert"},
		"defaults": {c.Defaults, "ignore apply"}, "protobuf_profile": {c.ProtobufProfile, "wire wire-json"}, "unproven": {c.Unproven, "error warn warning"},
	} {
		if v.value != "" && !slices.Contains(strings.Fields(v.allowed), v.value) {
			return p, usage("in weir.yaml", "compat.%s: %q: use %s", name, v.value, suggest.Or(strings.Fields(v.allowed)))
		}
	}
	var err error
	if p.Mode, err = compat.ParseMode(cmp.Or(f.mode, c.Mode)); err != nil {
		return p, usage("--mode, or compat.mode in weir.yaml", "%v", err)
	}
	if p.FailOn, err = finding.ParseGate(cmp.Or(f.failOn, c.FailOn)); err != nil {
		return p, usage("--fail-on, or compat.fail_on in weir.yaml", "%v", err)
	}
	if p.Unproven, err = finding.ParseSeverity(cmp.Or(f.unproven, c.Unproven)); err != nil {
		return p, usage("--unproven, or compat.unproven in weir.yaml", "%v", err)
	}
	for _, w := range cfg.Project.Waivers {
		p.Waivers = append(p.Waivers, compat.Waiver{
			Rule: w.Rule, Target: w.Target, Fingerprint: w.Fingerprint, Reason: w.Reason, Until: w.Until, Owner: w.Owner,
			At: finding.Position{File: "weir.yaml", Line: w.Line, Column: w.Column},
		})
	}
	return p, nil
}
