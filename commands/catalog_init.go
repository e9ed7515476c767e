package commands

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/catalog"
	"github.com/weirhq/weir/internal/term"
)

type catalogInitOptions struct {
	file   string
	domain string
	owner  string
	dryRun bool
	format term.Format
}

func newCatalogInit(d *Deps) *cobra.Command {
	o := &catalogInitOptions{}
	c := &cobra.Command{
		Use:   "init [FILE]",
		Short: "Write a commented first document",
		Long: doc(`
			Write an AsyncAPI 3.0 document with one channel, its producer, a consumer with its
			dead-letter topic, an owner and ADDITIVE compatibility. It passes validate as it is.
			FILE is asyncapi.yaml by default; a file that exists is not overwritten.`),
		Example: doc(`
			# A first catalog
			$ weir catalog init

			# With your names
			$ weir catalog init billing/asyncapi.yaml --domain billing --owner team-payments`),
		Args:        atMostOne,
		Annotations: map[string]string{Offline: "yes", Next: "weir catalog validate"},
		RunE: func(_ *cobra.Command, args []string) error {
			o.file = "asyncapi.yaml"
			if len(args) > 0 {
				o.file = args[0]
			}
			return runCatalogInit(d, o)
		},
	}
	flagFormat(c, &o.format, term.TextFormat, term.JSON, term.Name)
	c.Flags().StringVar(&o.domain, "domain", "shop", "first part of the topic names, and the application's name")
	c.Flags().StringVar(&o.owner, "owner", "team-shop", "team that owns it")
	c.Flags().BoolVar(&o.dryRun, "dry-run", false, "print the document, and write nothing")
	return c
}

// plainName reports whether a word can stand in the document as it is.
func plainName(s string) bool {
	return s != "" && len(s) < 60 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") == ""
}

func runCatalogInit(d *Deps, o *catalogInitOptions) error {
	for flag, v := range map[string]string{"--domain": o.domain, "--owner": o.owner} {
		if !plainName(v) {
			return usage("use letters, digits and hyphens", "%s %q is no plain name", flag, v)
		}
	}
	text := catalog.Scaffold(o.domain, o.owner)
	if o.dryRun {
		return d.Out.Emit(o.format, "catalog_init", map[string]any{"file": o.file, "text": string(text), "dry_run": true}, term.View{
			Text:  func(p *term.Page) { p.Block("", string(text)) },
			Names: func() []string { return []string{o.file} },
		})
	}
	cfg, err := d.Config()
	if err != nil {
		return err
	}
	path := o.file
	if !filepath.IsAbs(path) {
		path = filepath.Join(cfg.Env().Dir, path)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return failed(o.file, "", "write document: %w", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) //nolint:gosec // the user names the file, and others read it
	if errors.Is(err, fs.ErrExist) {
		return usage("name another FILE, or --dry-run to see the text", "write document: %s is there already", o.file)
	}
	if err != nil {
		return failed(o.file, "", "write document: %w", err)
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err != nil {
		return failed(o.file, "", "write document: %w", err)
	}
	return d.Out.Emit(o.format, "catalog_init", map[string]any{"file": o.file, "dry_run": false}, term.View{
		Text: func(p *term.Page) {
			p.Line("Wrote %s.", o.file)
			p.Line("Next: weir catalog validate %s", o.file)
		},
		Names: func() []string { return []string{o.file} },
	})
}
