package finding

import (
	"fmt"
	"io"
	"strings"

	"github.com/weirhq/weir/internal/safetext"
)

// maxComment bounds a Markdown summary, in bytes: GitHub refuses a comment of more
// than 65,536 characters.
const maxComment = 60_000

// WriteMarkdown writes a comment for a pull request: the verdict, each error, each
// unproven change and each warning with what it takes to judge it, and the rest folded
// away.
func (r *Run) WriteMarkdown(w io.Writer) error {
	b := &comment{}
	state := "passed"
	if !r.Gate.Passes(r.Findings) {
		state = "**failed**"
	}
	fmt.Fprintf(b, "### weir %s\n\n%s", r.Name, state)
	if r.Verdict != "" {
		b.WriteString(": " + EscapeMarkdown(r.Verdict))
	}
	b.WriteString("\n\n")
	groups := map[string][]Finding{}
	for _, f := range r.Findings {
		groups[f.Word()] = append(groups[f.Word()], f)
	}
	b.section("Errors", groups["error"])
	b.section("Unproven: neither a message that breaks nor a proof that there is none", groups["unproven"])
	b.section("Warnings", groups["warning"])
	b.folded("Waived", groups["waived"])
	b.folded("Notes", groups["info"])
	if len(r.Skipped) > 0 {
		b.fold(fmt.Sprintf("Skipped checks (%d)", len(r.Skipped)), func() {
			for _, s := range r.Skipped {
				b.item(fmt.Sprintf("- `%s` %s: %s\n", tick(s.Rule), EscapeMarkdown(s.Subject.Name), EscapeMarkdown(s.Reason)))
			}
		})
	}
	s := r.Summary
	fmt.Fprintf(b, "%s, %s, %d unproven, %s, %d waived, %d skipped\n",
		plural(s.Errors, "error"), plural(s.Warnings, "warning"), s.Unproven, plural(s.Infos, "note"), s.Waived, s.Skipped)
	_, err := io.WriteString(w, b.String())
	return err
}

// comment grows up to a bound and counts what it left out.
type comment struct {
	strings.Builder
	left int
}

// item adds a text as long as there is room for it.
func (b *comment) item(text string) {
	if b.left > 0 || b.Len()+len(text) > maxComment {
		b.left++
		return
	}
	b.WriteString(text)
}

// rest says how many items had no room.
func (b *comment) rest() {
	if b.left > 0 {
		fmt.Fprintf(b, "- and %d more, which have no room here\n", b.left)
	}
	b.left = 0
}

func (b *comment) section(title string, fs []Finding) {
	if len(fs) == 0 {
		return
	}
	fmt.Fprintf(b, "#### %s\n\n", title)
	for _, f := range fs {
		b.item(f.markdown())
	}
	b.rest()
	b.WriteString("\n")
}

func (b *comment) folded(title string, fs []Finding) {
	if len(fs) == 0 {
		return
	}
	b.fold(fmt.Sprintf("%s (%d)", title, len(fs)), func() {
		for _, f := range fs {
			b.item(f.markdown())
		}
	})
}

func (b *comment) fold(title string, body func()) {
	fmt.Fprintf(b, "<details><summary>%s</summary>\n\n", title)
	body()
	b.rest()
	b.WriteString("\n</details>\n\n")
}

// markdown is one finding as an item of a list, with its details below it.
func (f Finding) markdown() string {
	var b strings.Builder
	where := f.Position.String()
	if where == "" {
		where = strings.TrimSpace(f.Subject.Kind + " " + f.Subject.Name)
	}
	fmt.Fprintf(&b, "- %s<br>`%s` `%s`\n", EscapeMarkdown(f.Message), tick(where), tick(f.Rule))
	line := func(label, text string) { fmt.Fprintf(&b, "  - **%s** %s\n", EscapeMarkdown(label), text) }
	for _, d := range f.Details {
		line(d.Label, code(d))
	}
	for _, r := range f.Related {
		line("see", fmt.Sprintf("`%s` %s", tick(r.Position.String()), EscapeMarkdown(r.Message)))
	}
	if f.Hint != "" {
		line("fix", EscapeMarkdown(f.Hint))
	}
	if f.Waived != nil {
		line("waived", "until "+EscapeMarkdown(f.Waived.Until)+": "+EscapeMarkdown(f.Waived.Reason))
	}
	return b.String()
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// code sets a witness in code style, because it is a message and not prose.
func code(d Detail) string {
	if d.Label == "witness" {
		return "`" + tick(d.Text) + "`"
	}
	return EscapeMarkdown(d.Text)
}

// tick makes a text fit for a code span.
func tick(s string) string { return strings.ReplaceAll(safetext.Neutralise(s), "`", "'") }

// EscapeMarkdown makes text from outside plain text in a comment: what Markdown and HTML
// would act on is escaped, a mention of somebody too.
func EscapeMarkdown(s string) string {
	return strings.NewReplacer("\\", "\\\\", "|", "\\|", "<", "&lt;", ">", "&gt;", "*", "\\*", "_", "\\_", "[", "\\[", "`", "\\`", "@", "&#64;").
		Replace(safetext.Neutralise(s))
}
