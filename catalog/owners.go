package catalog

import (
	"path"
	"slices"
	"strings"

	"github.com/weirhq/weir/finding"
)

func ownerValue(n *Node) Value[Owner] {
	v := Value[Owner]{Origin: OriginExtension}
	switch {
	case n == nil:
		return Value[Owner]{}
	case n.Kind == String && n.Value != "":
		v.V.Team = n.Value
	case n.Kind == Map:
		v.V = Owner{Team: n.Get("team").Text(), Contact: n.Get("contact").Text(), OnCall: n.Get("oncall").Text()}
		if v.V.Team == "" {
			v.V.Team = n.Get("name").Text()
		}
	}
	if v.V == (Owner{}) {
		return Value[Owner]{}
	}
	v.Key, v.At = n.Key, n.Pos()
	return v
}

func ownerOfText(t Value[string]) Value[Owner] {
	if !t.Known() {
		return Value[Owner]{}
	}
	return Value[Owner]{V: Owner{Team: t.V}, Origin: t.Origin, Key: t.Key, At: t.At}
}

func (b *builder) appOwner(root, info *Node) Value[Owner] {
	contact := textValue(b.get(info, "contact").Get("name"), OriginContact)
	contact.Key = "info.contact.name"
	if !contact.Known() {
		contact = Value[string]{}
	}
	return first(
		ownerValue(root.Get("x-owner")),
		ownerValue(info.Get("x-owner")),
		ownerOfText(tagValue(b.app.Tags, "owner:")),
		ownerOfText(contact),
		b.l.codeowner(b.app.File),
	)
}

// codeowner is the owner that the last matching line of CODEOWNERS names.
func (l *loader) codeowner(name string) Value[Owner] {
	l.ownersOnce.Do(func() {
		for _, f := range [...]string{"CODEOWNERS", ".github/CODEOWNERS", ".gitlab/CODEOWNERS", "docs/CODEOWNERS"} {
			data, err := l.st.bytes(f)
			if err != nil {
				continue
			}
			for i, line := range strings.Split(string(data), "\n") {
				line, _, _ = strings.Cut(line, "#")
				if fields := strings.Fields(line); len(fields) >= 2 {
					l.owners = append(l.owners, ownerRule{fields[0], fields[1], finding.Position{File: f, Line: i + 1, Column: 1}})
				}
			}
			return
		}
	})
	for _, r := range slices.Backward(l.owners) {
		if r.matches(name) {
			return Value[Owner]{V: Owner{Team: r.owner}, Origin: OriginOwners, Key: r.pattern, At: r.at}
		}
	}
	return Value[Owner]{}
}

type ownerRule struct {
	pattern, owner string
	at             finding.Position
}

// matches follows the rules of CODEOWNERS as far as they are in use: a leading slash
// anchors, a trailing one means everything below, * does not cross a folder.
func (r ownerRule) matches(name string) bool {
	p, anchored := strings.CutPrefix(r.pattern, "/")
	if p == "*" || p == "**" {
		return true
	}
	anchored = anchored || strings.Contains(strings.TrimSuffix(p, "/"), "/")
	p = strings.TrimSuffix(strings.TrimSuffix(p, "**"), "/")
	parts := strings.Split(name, "/")
	n := strings.Count(p, "/") + 1
	for i := 0; i+n <= len(parts); i++ {
		if ok, _ := path.Match(p, strings.Join(parts[i:i+n], "/")); ok {
			return true
		}
		if anchored {
			break
		}
	}
	return false
}
