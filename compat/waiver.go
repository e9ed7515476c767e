package compat

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/weirhq/weir/catalog"
	"github.com/weirhq/weir/finding"
)

// Waiver accepts a finding until a day. Reason and Until are required.
type Waiver struct {
	// Rule is an id, or a pattern such as json/*.
	Rule string
	// Target is a subject's name, a topic, a file or a pattern of one, with or
	// without its kind in front: topic/orders.order.v1.
	Target      string
	Fingerprint string
	Reason      string
	Until       string // RFC 3339 full-date; the waiver holds on that day
	Owner       string
	At          finding.Position

	// document bounds the waiver to what one AsyncAPI document describes.
	document string
}

// covers reports whether the waiver is for a finding.
func (w Waiver) covers(f finding.Finding, targets, documents []string) bool {
	if w.Fingerprint != "" && w.Fingerprint != f.Fingerprint {
		return false
	}
	return isCompatRule(f.Rule) && match(w.Rule, f.Rule) && w.names(targets, documents)
}

// names reports whether one of the names is the waiver's target.
func (w Waiver) names(targets, documents []string) bool {
	if w.document != "" && !slices.Contains(documents, w.document) {
		return false
	}
	if w.Target == "" {
		return w.Fingerprint != ""
	}
	for _, t := range targets {
		if match(w.Target, t) {
			return true
		}
	}
	return false
}

// match treats a pattern as path.Match does, but * also takes dots and slashes when
// the pattern is nothing else.
func match(pattern, s string) bool {
	if pattern == s || pattern == "*" {
		return true
	}
	ok, err := path.Match(pattern, s)
	return err == nil && ok
}

// targets are the names under which a waiver may mean a subject.
func (s *Subject) targets() []string {
	out := []string{s.Name, s.Kind + "/" + s.Name}
	for _, a := range s.aliases {
		out = append(out, a, s.Kind+"/"+a)
	}
	return append(out, topicTargets(s.Channel, s.Message)...)
}

func topicTargets(channel, message string) []string {
	if channel == "" {
		return nil
	}
	out := []string{channel, "topic/" + channel, "channel/" + channel}
	if message != "" {
		m := channel + "/" + message
		out = append(out, m, "message/"+m)
	}
	return out
}

// looseTargets are the same names for a finding about what has no schema of its own to
// compare: a channel or a message that is new or gone.
func looseTargets(f finding.Finding) []string {
	out := []string{f.Subject.Name, f.Subject.Kind + "/" + f.Subject.Name}
	switch f.Subject.Kind {
	case "channel":
		out = append(out, topicTargets(f.Subject.Name, "")...)
	case "message":
		channel, message, _ := strings.Cut(f.Subject.Name, " ")
		for _, part := range []string{partHeaders, partKey} {
			message = strings.TrimSuffix(message, " "+part)
		}
		out = append(out, topicTargets(channel, message)...)
	case "file":
		out = append(out, f.Position.File, "file/"+f.Position.File)
	}
	return out
}

// isCompatRule reports whether a rule is one that this gate judges a change by.
func isCompatRule(rule string) bool {
	for _, p := range []string{"json/", "avro/", "proto/", "compat/"} {
		if strings.HasPrefix(rule, p) {
			return true
		}
	}
	return false
}

// missing is the first of the fields without which a waiver means nothing.
func (w Waiver) missing() string {
	switch {
	case w.Rule == "":
		return "rule"
	case w.Target == "" && w.Fingerprint == "":
		return "target"
	}
	return ""
}

// knows reports whether a waiver's rule means one of the gate at least.
func (e *Engine) knows(rule string) bool {
	return slices.ContainsFunc(e.Rules(), func(r finding.Rule) bool { return isCompatRule(r.ID) && match(rule, r.ID) })
}

// others reports whether a waiver's rule means those of another check only, which are
// left alone.
func (e *Engine) others(rule string) bool {
	return !e.knows(rule) && slices.ContainsFunc(e.policy.Others, func(r finding.Rule) bool {
		return !strings.HasPrefix(r.ID, "waiver/") && match(rule, r.ID)
	})
}

// waive marks what waivers cover and says what is wrong with the waivers.
func (e *Engine) waive(results []SubjectResult, loose []finding.Finding) []finding.Finding {
	today := e.policy.Now.UTC().Format(time.DateOnly)
	var out []finding.Finding
	for _, w := range e.policy.Waivers {
		if e.others(w.Rule) {
			continue
		}
		say := func(rule string, sev finding.Severity, msg, hint string) {
			out = append(out, finding.Finding{
				Rule: rule, Severity: sev, Subject: finding.Subject{Kind: "waiver", Name: w.Rule + " " + w.Target}, Message: msg, Hint: hint,
				Position: w.At, Owner: w.Owner, Fingerprint: fingerprint(rule, w.Rule, w.Target, w.Fingerprint, w.Until),
			})
		}
		switch missing := w.missing(); {
		case missing != "":
			say("waiver/invalid", finding.Error, fmt.Sprintf("waiver of %s for %s names no %s", cmp.Or(w.Rule, "no rule"), cmp.Or(w.Target, "no target"), missing), "write "+missing+": * means all")
			continue
		case !e.knows(w.Rule):
			say("waiver/invalid", finding.Error, fmt.Sprintf("waiver of %s for %s: no rule of the gate has that name", w.Rule, w.Target), "weir compat rules lists them; json/* means all of a family, * means all")
			continue
		}
		if _, err := time.Parse(time.DateOnly, w.Until); err != nil || w.Reason == "" {
			say("waiver/invalid", finding.Error, fmt.Sprintf("waiver of %s for %s needs a reason and a day until when", w.Rule, w.Target), "write reason: and until: YYYY-MM-DD")
			continue
		}
		expired := w.Until < today
		used, known, changed := false, false, false
		apply := func(f *finding.Finding, targets, documents []string) {
			if f.Waived != nil || f.Severity <= finding.Info || !w.covers(*f, targets, documents) {
				return
			}
			used = true
			if !expired {
				f.Waived = &finding.Waiver{Reason: w.Reason, Until: w.Until, Owner: w.Owner}
			}
		}
		for i := range results {
			r := &results[i]
			targets := r.targets()
			if w.names(targets, r.documents) {
				known = true
				changed = changed || (r.State != StateUnchanged && r.State != StateAdded)
			}
			for j := range r.findings {
				apply(&r.findings[j], targets, r.documents)
			}
		}
		for i := range loose {
			f := &loose[i]
			apply(f, looseTargets(*f), []string{f.Position.File})
		}
		switch {
		case expired && used:
			say("waiver/expired", finding.Error, fmt.Sprintf("waiver of %s for %s ended on %s", w.Rule, w.Target, w.Until), "repair the break, or extend the waiver with its owner's word")
		case used:
		case !known && w.Target != "":
			say("waiver/unused", finding.Info, fmt.Sprintf("waiver of %s for %s covers nothing: nothing of that name was checked", w.Rule, w.Target), "delete it if the target is gone, else correct it")
		case !known || !changed:
			// The base already holds the new schema: the waiver has done its work.
			say("waiver/unused", finding.Info, fmt.Sprintf("waiver of %s for %s covers nothing any more", w.Rule, w.Target), "delete it")
		default:
			say("waiver/unused", finding.Warning, fmt.Sprintf("waiver of %s for %s covers nothing", w.Rule, w.Target), "delete it, or correct its rule, target or fingerprint")
		}
	}
	return out
}

// CatalogWaivers are the waivers that the documents of a catalog hold beside the
// thing they waive: a target left out is that thing.
func CatalogWaivers(c *catalog.Catalog) []Waiver {
	var out []Waiver
	seen := map[finding.Position]bool{}
	add := func(ws []catalog.Waiver, target, document string) {
		for _, w := range ws {
			if !w.At.IsZero() && seen[w.At] {
				continue // a shared definition is reached by many roads
			}
			seen[w.At] = true
			v := Waiver{Rule: w.Rule, Target: w.Target, Fingerprint: w.Fingerprint, Reason: w.Reason, Until: w.Until, Owner: w.Owner, At: w.At}
			if v.Target == "" {
				v.Target, v.document = target, document
			}
			out = append(out, v)
		}
	}
	for _, a := range c.Applications {
		add(a.Waivers, "*", a.File)
		for _, ch := range a.Channels {
			add(ch.Waivers, ch.Name(), "")
			for _, m := range ch.Messages {
				add(m.Waivers, ch.Name()+"/"+messageName(m), "")
			}
		}
		for _, op := range a.Operations {
			if op.Channel != nil {
				add(op.Waivers, op.Channel.Name(), "")
			}
		}
	}
	return out
}
