package catalog

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Docs renders the catalog as Markdown: index.md and one page for each stream, by
// file name. Every link in it leads to another of its pages.
func (c *Catalog) Docs() map[string][]byte {
	w := &docWriter{c: c, pages: map[string]string{}}
	streams := c.Streams()
	for _, s := range streams {
		w.pages[streamKey(s)] = w.slug(s)
	}
	out := map[string][]byte{"index.md": w.index(streams)}
	for _, s := range streams {
		out[w.pages[streamKey(s)]] = w.page(s)
	}
	return out
}

type docWriter struct {
	c     *Catalog
	pages map[string]string // stream key -> file
}

// slug is a file name that is unique and safe on every file system.
func (w *docWriter) slug(s *Stream) string {
	var b strings.Builder
	for _, r := range s.Name {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '-', r == '_':
			b.WriteRune(r)
		default:
			b.WriteByte('-')
		}
	}
	base := strings.Trim(b.String(), ".-")
	if base == "" || strings.EqualFold(base, "index") {
		base = "channel-" + base
	}
	if len(base) > 120 {
		base = base[:120]
	}
	taken := func(name string) bool {
		for _, p := range w.pages {
			if strings.EqualFold(p, name) {
				return true
			}
		}
		return false
	}
	name := base + ".md"
	for i := 2; taken(name); i++ {
		name = base + "-" + strconv.Itoa(i) + ".md"
	}
	return name
}

// md escapes a text of the catalog for one line of Markdown: nothing in a document
// may add markup, a table cell or a tag of HTML.
func md(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	return strings.NewReplacer(`\`, `\\`, "|", `\|`, "<", "&lt;", ">", "&gt;", "*", `\*`, "_", `\_`, "`", "\\`", "[", `\[`, "]", `\]`, "#", `\#`).Replace(s)
}

func code(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if s == "" {
		return ""
	}
	return "`" + strings.ReplaceAll(strings.ReplaceAll(s, "`", "'"), "|", `\|`) + "`"
}

func (w *docWriter) link(s *Stream) string {
	return "[" + md(s.Name) + "](" + w.pages[streamKey(s)] + ")"
}

func (w *docWriter) index(streams []*Stream) []byte {
	var b bytes.Buffer
	b.WriteString("# Channels\n\n")
	if len(streams) == 0 {
		b.WriteString("The catalog has no channels.\n")
		return b.Bytes()
	}
	b.WriteString("| channel | protocol | owner | producers | consumers |\n|---|---|---|---|---|\n")
	for _, s := range streams {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", w.link(s), md(s.Protocol), md(ownerOf(s)), md(appNames(s.Producers)), md(appNames(s.Consumers)))
	}
	b.WriteString("\n# Applications\n\n| application | owner | version | sends | receives |\n|---|---|---|---|---|\n")
	for _, a := range w.c.Applications {
		var sends, receives []string
		for _, s := range streams {
			in := func(op *Operation) bool { return op.App == a }
			if slices.ContainsFunc(s.Producers, in) {
				sends = append(sends, w.link(s))
			}
			if slices.ContainsFunc(s.Consumers, in) {
				receives = append(receives, w.link(s))
			}
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", md(a.Name()), md(a.Owner.V.Team), md(a.Version), strings.Join(sends, ", "), strings.Join(receives, ", "))
	}
	return b.Bytes()
}

func ownerOf(s *Stream) string {
	if d := s.Definition(); d != nil {
		return d.Owner.V.Team
	}
	for _, ch := range s.Channels {
		if ch.Owner.Known() {
			return ch.Owner.V.Team
		}
	}
	return ""
}

func appNames(ops []*Operation) string {
	var names []string
	for _, op := range ops {
		names = append(names, op.App.Name())
	}
	slices.Sort(names)
	return join(slices.Compact(names))
}

func (w *docWriter) page(s *Stream) []byte {
	var b bytes.Buffer
	ch := s.Channels[0]
	fmt.Fprintf(&b, "[All channels](index.md)\n\n# %s\n\n", md(s.Name))
	for _, t := range [...]string{ch.Title, ch.Summary, ch.Description} {
		if t != "" {
			b.WriteString(md(t) + "\n\n")
		}
	}
	b.WriteString("| | |\n|---|---|\n")
	row := func(k, v string) {
		if v != "" {
			fmt.Fprintf(&b, "| %s | %s |\n", k, v)
		}
	}
	row("protocol", md(s.Protocol))
	row("owner", md(ownerOf(s)))
	row("lifecycle", md(lifecycleText(ch.Lifecycle.V)))
	row("classification", md(ch.Classification.V))
	row("compatibility", md(ch.Compatibility.V))
	if s.Family {
		row("family", "every topic that matches "+code(ch.Family.Regex))
	}
	if ch.Partitions.Known() {
		row("partitions", strconv.Itoa(ch.Partitions.V))
	}
	if ch.Replicas.Known() {
		row("replicas", strconv.Itoa(ch.Replicas.V))
	}
	for _, k := range slices.Sorted(maps.Keys(ch.TopicConfig)) {
		row(md(k), md(ch.TopicConfig[k].V))
	}
	row("defined in", code(ch.At.String()))
	w.operations(&b, "Producers", s.Producers)
	w.operations(&b, "Consumers", s.Consumers)
	for _, m := range ch.Messages {
		w.message(&b, ch, m)
	}
	return b.Bytes()
}

func (w *docWriter) operations(b *bytes.Buffer, title string, ops []*Operation) {
	fmt.Fprintf(b, "\n## %s\n\n", title)
	if len(ops) == 0 {
		b.WriteString("None in this catalog.\n")
		return
	}
	ops = slices.Clone(ops)
	slices.SortStableFunc(ops, func(a, b *Operation) int { return cmp.Compare(a.App.Name(), b.App.Name()) })
	b.WriteString("| application | owner | operation | group | principal | dead-letter topic |\n|---|---|---|---|---|---|\n")
	for _, op := range ops {
		group, dlt := "", ""
		if op.Group.Known() {
			group = op.Group.V.String()
		}
		if d := op.DLT(); d != nil {
			dlt = d.Topic
			for _, s := range w.c.topics[d.Topic] {
				dlt = "[" + md(d.Topic) + "](" + w.pages["kafka "+s.Topic] + ")"
			}
		}
		if !strings.HasPrefix(dlt, "[") {
			dlt = code(dlt)
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s |\n", md(op.App.Name()), md(op.App.Owner.V.Team), md(op.ID), code(group), code(op.Principal.V), dlt)
	}
}

func (w *docWriter) message(b *bytes.Buffer, ch *Channel, m *Message) {
	fmt.Fprintf(b, "\n## Message %s\n\n", md(cmpOr(m.Name, m.ID)))
	for _, t := range [...]string{m.Title, m.Summary, m.Description} {
		if t != "" {
			b.WriteString(md(t) + "\n\n")
		}
	}
	fmt.Fprintf(b, "Compatibility %s", md(ch.CompatibilityOf(m).V))
	if m.ContentType.Known() {
		fmt.Fprintf(b, ", content type %s", code(m.ContentType.V))
	}
	if m.Payload != nil && m.Payload.Remote != "" {
		fmt.Fprintf(b, ", schema at %s (not fetched)", code(m.Payload.Remote))
	} else if m.Payload != nil {
		fmt.Fprintf(b, ", schema %s at %s", md(string(m.Payload.Format)), code(m.Payload.At.String()))
	}
	b.WriteString(".\n")
	if fs := m.Payload.Fields(); len(fs) > 0 {
		b.WriteString("\n| field | type | required | description |\n|---|---|---|---|\n")
		for _, f := range fs {
			req, text := "", md(f.Description)
			if f.Required {
				req = "yes"
			}
			if f.PII != "" {
				text = strings.TrimSpace("personal data (" + md(f.PII) + "). " + text)
			}
			fmt.Fprintf(b, "| %s | %s | %s | %s |\n", code(f.Path), md(f.Type), req, text)
		}
	}
	for _, e := range m.Examples {
		if e.Payload == nil {
			continue
		}
		var pretty bytes.Buffer
		if json.Indent(&pretty, e.Payload, "", "  ") != nil {
			continue
		}
		fence := "```"
		for strings.Contains(pretty.String(), fence) {
			fence += "`"
		}
		fmt.Fprintf(b, "\nExample %s:\n\n%sjson\n%s\n%s\n", md(e.Name), fence, pretty.String(), fence)
	}
}
