package commands

import (
	"cmp"
	"reflect"
	"slices"
	"strings"

	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/internal/term"
)

// notable are the lines worth reading: who may, and where one address makes it
// different.
func (w *aclWho) notable() []aclWhoLine {
	anywhere := map[string]aclWhoLine{}
	for _, p := range w.Principals {
		if p.Host == cluster.AnyHost {
			anywhere[p.Principal] = p
		}
	}
	var out []aclWhoLine
	for _, p := range w.Principals {
		general := anywhere[p.Principal]
		same := p.Host != cluster.AnyHost && p.Allowed == general.Allowed && reflect.DeepEqual(p.Via, general.Via)
		if !same && (p.Allowed || p.Host != cluster.AnyHost && general.Allowed) {
			out = append(out, p)
		}
	}
	return out
}

func viewACLWho(w *aclWho, set *cluster.ACLSet) term.View {
	lines := w.notable()
	table := func() *term.Table {
		known := slices.ContainsFunc(lines, func(l aclWhoLine) bool { return l.Roles != nil })
		columns := []string{"PRINCIPAL*", "HOST", "MAY", "VIA*", "PATTERN"}
		if known {
			columns = append(columns, "CATALOG*")
		}
		t := term.NewTable(columns...)
		row := func(l aclWhoLine, cells ...any) {
			if known {
				cells = append(cells, cmp.Or(strings.Join(l.Roles, ", "), "not declared"))
			}
			t.Row(cells...)
		}
		for _, l := range lines {
			may := term.In(term.Good, "yes")
			if !l.Allowed {
				may = term.In(term.Bad, "no")
			}
			if len(l.Via) == 0 {
				row(l, l.Principal, l.Host, may, string(l.Reason), nil)
			}
			for _, r := range l.Via {
				via := joinWords(r.Resource(), r.Operation.String())
				if !l.Allowed {
					via = "DENY " + via
				}
				row(l, l.Principal, l.Host, may, strings.Replace(via, " (prefixed)", "", 1), aclPatternWord(r.ResourceName, r.PatternType))
			}
		}
		return t
	}
	names := func() []string {
		var out []string
		for _, l := range lines {
			if l.Allowed && (len(out) == 0 || out[len(out)-1] != l.Principal) {
				out = append(out, l.Principal)
			}
		}
		return out
	}
	return term.View{
		Table: table,
		Names: names,
		Text: func(p *term.Page) {
			if len(lines) > 0 {
				p.Table(table())
				p.Line("")
			}
			verb := strings.ToLower(strings.ReplaceAll(w.Operation, "_", " "))
			switch who := names(); len(who) {
			case 0:
				p.Line("No row lets anybody %s on %s.", verb, w.ACLResource)
			case 1:
				p.Line("1 principal can %s on %s.", verb, w.ACLResource)
			default:
				p.Line("%d principals can %s on %s.", len(who), verb, w.ACLResource)
			}
			sayUnknown(p, set)
		},
	}
}
