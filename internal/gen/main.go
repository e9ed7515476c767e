// Gen writes what is made from the program: man pages and completions for the
// release archives, the command reference and the list of rules in docs, the JSON
// Schemas of what -o json prints and of weir.yaml, the scenes of the tour in README.md.
//
// It decides the files' names and forms and refuses to add a date, so that two runs
// give the same bytes.
package main

import (
	"bytes"
	"compress/gzip"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/weirhq/weir/cmd"
	"github.com/weirhq/weir/commands"
	"github.com/weirhq/weir/finding"
)

func main() {
	docs := flag.String("docs", "", "folder for the command reference; the list of rules is written beside it")
	published := flag.String("schemas", "schemas", "folder for the JSON Schemas of the output and of weir.yaml, written with -docs")
	out := flag.String("out", "", "folder for man pages and completions")
	tour := flag.String("tour", "", "recording of the tour, of which README.md shows some scenes")
	flag.Parse()
	log.SetFlags(0)
	if *tour != "" {
		check(excerpt(*tour, "README.md"))
	}
	if *docs != "" {
		check(reference(*docs))
		check(write(filepath.Join(filepath.Dir(*docs), "rules.md"), rules(commands.Rules())))
		check(schemas(".", *published))
	}
	if *out != "" {
		check(man(filepath.Join(*out, "man")))
		check(completions(filepath.Join(*out, "completions")))
	}
}

func check(err error) {
	if err != nil {
		log.Fatal("gen: ", err)
	}
}

// walk visits every command a person may run.
func walk(c *cobra.Command, visit func(*cobra.Command) error) error {
	if err := visit(c); err != nil {
		return err
	}
	for _, s := range c.Commands() {
		if s.IsAvailableCommand() && s.Name() != "help" {
			if err := walk(s, visit); err != nil {
				return err
			}
		}
	}
	return nil
}

// reference writes one Markdown page a command, holding its help as it is printed.
func reference(dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // documentation is public
		return err
	}
	var index strings.Builder
	index.WriteString("# Command reference\n\nMade from the program by `make docs`; do not edit.\n\n")
	err := walk(cmd.Tree(), func(c *cobra.Command) error {
		name := strings.ReplaceAll(c.CommandPath(), " ", "_") + ".md"
		fmt.Fprintf(&index, "- [%s](%s): %s\n", c.CommandPath(), name, c.Short)
		text := "# " + c.CommandPath() + "\n\n```text\n" + cmd.HelpText(c) + "```\n"
		return write(filepath.Join(dir, name), text)
	})
	if err != nil {
		return err
	}
	return write(filepath.Join(dir, "README.md"), index.String())
}

// rules draws one heading a rule: its id, which SARIF results link to.
func rules(all []finding.Rule) string {
	var b strings.Builder
	b.WriteString("# Rules\n\nMade from the program by `make docs`; do not edit. `weir explain RULE` says more: why, what\n" +
		"fails, what passes. `catalog.severities` in weir.yaml changes a severity.\n")
	family := ""
	for _, r := range all {
		if f, _, _ := strings.Cut(r.ID, "/"); f != family {
			family = f
			fmt.Fprintf(&b, "\n## %s\n", f)
		}
		fmt.Fprintf(&b, "\n### %s\n\n**%s**: %s\n", r.ID, r.Severity, markdown(r.Purpose))
		if r.Fix != "" {
			fmt.Fprintf(&b, "\nFix: %s\n", markdown(r.Fix))
		}
	}
	return b.String()
}

// markdown keeps the signs of a sentence from being taken for mark-up.
func markdown(s string) string {
	return strings.NewReplacer("*", `\*`, "_", `\_`, "<", "&lt;", "[", `\[`).Replace(strings.Join(strings.Fields(s), " "))
}

func write(path, text string) error {
	return os.WriteFile(path, []byte(text), 0o644) //nolint:gosec // documentation is public
}

func man(dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // shipped files are public
		return err
	}
	return walk(cmd.Tree(), func(c *cobra.Command) error {
		var page bytes.Buffer
		c.DisableAutoGenTag = true
		header := &doc.GenManHeader{Title: strings.ToUpper(strings.ReplaceAll(c.CommandPath(), " ", "-")), Section: "1", Source: "weir", Manual: "weir manual", Date: &time.Time{}}
		if err := doc.GenMan(c, header, &page); err != nil {
			return err
		}
		var gz bytes.Buffer
		w, err := gzip.NewWriterLevel(&gz, gzip.BestCompression) // no name and no time in the header, as gzip -n
		if err != nil {
			return err
		}
		if _, err := w.Write(page.Bytes()); err != nil {
			return err
		}
		if err := w.Close(); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, strings.ReplaceAll(c.CommandPath(), " ", "-")+".1.gz"), gz.Bytes(), 0o644) //nolint:gosec // shipped files are public
	})
}

func completions(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // shipped files are public
		return err
	}
	root := cmd.Tree()
	for _, g := range []struct {
		file string
		gen  func(*bytes.Buffer) error
	}{
		{"weir.bash", func(b *bytes.Buffer) error { return root.GenBashCompletionV2(b, true) }},
		{"weir.zsh", func(b *bytes.Buffer) error { return root.GenZshCompletion(b) }},
		{"weir.fish", func(b *bytes.Buffer) error { return root.GenFishCompletion(b, true) }},
		{"weir.ps1", func(b *bytes.Buffer) error { return root.GenPowerShellCompletionWithDesc(b) }},
	} {
		var b bytes.Buffer
		if err := g.gen(&b); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, g.file), b.Bytes(), 0o644); err != nil { //nolint:gosec // shipped files are public
			return err
		}
	}
	return nil
}
