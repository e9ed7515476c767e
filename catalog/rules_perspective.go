package catalog

import (
	"strings"
	"unicode"

	"github.com/weirhq/weir/finding"
)

// suspectPerspective looks for signs that a direction is written the wrong way round.
func (v *documentCheck) suspectPerspective(op *Operation) {
	if !v.sameFile(op.node) {
		return
	}
	report := func(at *Node, why string) {
		hint := "if the document is written from the client's side, set x-perspective: client"
		if v.d.file.major == 3 {
			hint = "send means that this application produces, receive that it consumes"
		}
		v.report("cat/perspective-suspect", at, "operation "+op.ID+" is read as "+op.Direction.Role()+" ("+op.DirectionOrigin+"), but "+why, hint)
		if at == op.node {
			v.d.fs[len(v.d.fs)-1].Position = at.KeyPos()
		}
	}
	k := v.l.st.deref(v.l.st.deref(op.node.Get("bindings")).Get("kafka"))
	if g := k.Get("groupId"); g != nil && op.Direction == Send {
		report(g, "it has a consumer group")
		return
	}
	if v.d.file.major == 2 {
		if wrong := op.node.Get(map[Direction]string{Send: "x-consumers", Receive: "x-producers"}[op.Direction]); wrong != nil {
			report(wrong, "it lists "+wrong.Key)
			return
		}
	}
	id, summary := op.node.Get("operationId"), op.node.Get("summary")
	if v.d.file.major == 3 {
		// The direction is plain there, and a consumer's summary may well say that it
		// sends something on.
		id, summary = op.node, nil
	}
	for _, said := range [...]struct {
		what string
		at   *Node
		text string
	}{{"id", id, op.ID}, {"summary", summary, summary.Text()}} {
		if said.at == nil {
			continue
		}
		word, d := verb(said.text)
		if d == op.Direction {
			return
		}
		if d != "" {
			report(said.at, "its "+said.what+" begins with "+quote(word))
			return
		}
	}
}

// verb is the first word of an operation's id or summary and the direction that it
// speaks of, "" when it is no verb of either.
func verb(text string) (string, Direction) {
	word := text
	for i, r := range text {
		if i > 0 && (unicode.IsUpper(r) || !unicode.IsLetter(r)) {
			word = text[:i]
			break
		}
	}
	switch w := strings.ToLower(word); strings.TrimSuffix(w, "s") {
	case "publish", "publishe", "send", "emit", "produce":
		return w, Send
	case "consume", "receive", "handle":
		return w, Receive
	case "on":
		if w == "on" && word != text {
			return w, Receive
		}
	}
	return "", ""
}

// everybodyReceives finds a catalog of 2.x documents in which several applications
// consume and none produces: it is then written from the client's side, most likely.
func (l *loader) everybodyReceives(c *Catalog) {
	var first *Operation
	apps := map[*Application]bool{}
	for op := range c.Operations() {
		if op.Direction == Send || op.App.doc.file.major != 2 {
			return
		}
		if first == nil {
			first = op
		}
		apps[op.App] = true
	}
	if len(apps) < 2 {
		return
	}
	l.report(finding.Finding{
		Rule: "cat/perspective-suspect", Severity: finding.Warning, Subject: subjectOf("document", first.App.File), Position: first.At,
		Message: "all " + countOf(len(apps), "document") + " of the catalog consume and none produces",
		Hint:    "if they are written from the client's side, set perspective under catalog in weir.yaml",
	})
}
