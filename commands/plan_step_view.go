package commands

import (
	"cmp"
	"math"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/internal/term"
	"github.com/weirhq/weir/plan"
)

var stepMarks = map[plan.Op]string{plan.Create: "add", plan.Modify: "change", plan.Delete: "delete", plan.Keep: "keep", plan.Blocked: "fail"}

// behind is where the name of a step's topic begins, and what is said about it.
const behind = len("  + topic  ")

func viewStep(pg *term.Page, s *plan.Step, verbose bool) {
	mark := pg.Mark(stepMarks[s.Op])
	if s.Kind == plan.ACLKind {
		viewACLStep(pg, s, mark)
		return
	}
	pg.Printf("  %s topic  %s", mark, s.Name)
	switch s.Op {
	case plan.Create:
		pg.Rest(behind+2, newShape(s))
	case plan.Delete:
		pg.Rest(behind+2, doomed(pg, s))
	case plan.Keep, plan.Blocked:
		pg.Rest(behind+2, s.Reason)
	case plan.Modify:
		pg.Rest(behind)
	}
	if s.Op == plan.Blocked && len(s.Changes) > 0 && !verbose {
		return
	}
	viewChanges(pg, s.Changes)
	if s.Op == plan.Modify && s.Unchanged > 0 {
		pg.Rest(behind+2, term.In(term.Faint, "("+plural(s.Unchanged, "setting")+" unchanged)"))
	}
	if s.Effect != "" {
		pg.Printf("%*s%s", behind+2, "", pg.Mark("warn"))
		pg.Words(behind+4, s.Effect)
	}
	if s.NotJudged != "" {
		pg.Rest(behind+2, term.In(term.Faint, "not judged by the broker: "+s.NotJudged))
	}
}

func viewChanges(pg *term.Page, changes []plan.Change) {
	w := 0
	for _, c := range changes {
		w = max(w, len(c.Name))
	}
	for _, c := range changes {
		pg.Printf("%*s%-*s  %s -> %s", behind+2, "", w, c.Name, human(c.Name, c.Before), human(c.Name, c.After))
		effect := term.In(term.Plain, c.Effect)
		if c.DestroysData {
			effect = term.In(term.Bad, "! "+c.Effect)
		}
		pg.Rest(behind+4, effect)
	}
}

func viewACLStep(pg *term.Page, s *plan.Step, mark term.Text) {
	if s.ACL == nil {
		pg.Printf("  %s acl    %s", mark, s.Name)
		pg.Rest(behind+2, s.Reason)
		return
	}
	r, pattern := s.ACL, ""
	if r.PatternType == kmsg.ACLResourcePatternTypePrefixed {
		pattern = " (prefixed)"
	}
	pg.Printf("  %s acl    %-18s %-5s", mark, r.Principal, r.Operation.String())
	pg.Rest(behind+2, cluster.ResourceWord(r.ResourceType)+" "+r.ResourceName+pattern, term.In(term.Faint, cmp.Or(s.Reason, s.Why)))
}

func newShape(s *plan.Step) string {
	parts := []string{"broker's default partitions", "broker's default rf"}
	if s.Partitions > 0 {
		parts[0] = plural(int(s.Partitions), "partition")
	}
	if s.Replicas > 0 {
		parts[1] = "rf " + strconv.Itoa(int(s.Replicas))
	}
	if v, ok := s.Config["retention.ms"]; ok {
		parts = append(parts, "retention "+human("retention.ms", &v))
	}
	if v, ok := s.Config["cleanup.policy"]; ok && v != "delete" {
		parts = append(parts, v)
	}
	return strings.Join(parts, ", ")
}

// doomed says what a deletion hits; unknown is said, never shown as nothing.
func doomed(pg *term.Page, s *plan.Step) string {
	text := "records unknown"
	if s.Records != nil {
		text = "up to " + pg.Int(*s.Records) + " records"
	}
	if len(s.Groups) > 0 {
		text += ", read by " + strings.Join(s.Groups, ", ")
	}
	if s.GroupsUnknown != "" {
		text += "; more groups may read it: " + s.GroupsUnknown
	}
	return text
}

// human renders a value as people say it; times in milliseconds get a unit.
func human(key string, v *string) string {
	if v == nil {
		return "(not set)"
	}
	if strings.HasSuffix(key, ".ms") {
		if n, err := strconv.ParseInt(*v, 10, 64); err == nil {
			switch {
			case n == -1, n == math.MaxInt64:
				return "unlimited"
			case n >= 1000:
				return plan.Milliseconds(n)
			}
		}
	}
	return *v
}
