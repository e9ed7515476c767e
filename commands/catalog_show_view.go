package commands

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/weirhq/weir/internal/term"
)

func viewCatalogEntry(r *catalogEntry) term.View {
	draw := func(wide bool) func(*term.Page) {
		return func(p *term.Page) {
			for i := range r.Channels {
				if i > 0 {
					p.Line("")
				}
				viewChannel(p, &r.Channels[i], wide)
			}
			if r.Application != nil {
				viewApplication(p, r.Application)
			}
			for i := range r.Messages {
				if i > 0 {
					p.Line("")
				}
				viewMessage(p, &r.Messages[i], true, wide)
			}
			if len(r.DeadLetter) > 0 {
				p.Line("%s", term.In(term.Bold, r.Name))
				p.Line("  dead-letter topic of")
				viewOperations(p, r.DeadLetter)
			}
			if len(r.Owner) > 0 {
				p.Line("%s owns", term.In(term.Bold, r.Name))
				p.Line("")
				t := term.NewTable("CHANNEL*", "PROTOCOL", "PRODUCERS*", "CONSUMERS*", ">MESSAGES")
				for _, c := range r.Owner {
					t.Row(c.Name, c.Protocol, strings.Join(c.Producers, ", "), strings.Join(c.Consumers, ", "), c.Messages)
				}
				p.Table(t)
			}
		}
	}
	return term.View{Text: draw(false), Wide: draw(true)}
}

// viewValue prints one value with where it comes from. What is not known is left out,
// except with always.
func viewValue(p *term.Page, label string, v *valueReport, always bool) {
	if v == nil {
		if always {
			p.Line("  %-22s unknown", label)
		}
		return
	}
	text := fmt.Sprint(v.Value)
	from := v.Origin
	if v.Key != "" && v.Key != label {
		from += " " + v.Key
	}
	if at := v.At.String(); at != "" {
		from += " " + at
	}
	p.Line("  %-22s %s  %s", label, text, term.In(term.Faint, "("+from+")"))
}

func viewChannel(p *term.Page, r *channelReport, wide bool) {
	p.Line("%s", term.In(term.Bold, r.Name))
	if text := strings.TrimSpace(r.Title + ". " + r.Description); text != "." {
		p.Block("  ", strings.TrimPrefix(text, ". "))
	}
	p.Line("  %-22s %s", "protocol", r.Protocol)
	if r.Live != "yes" {
		p.Line("  %-22s %s", "live commands", r.Live)
	}
	if r.Family != "" {
		p.Line("  %-22s %s", "matches", r.Family)
	}
	viewValue(p, "owner", r.Owner, true)
	viewValue(p, "lifecycle", r.Lifecycle, false)
	viewValue(p, "classification", r.Classification, false)
	viewValue(p, "compatibility", r.Compatibility, false)
	if r.Managed != nil && r.Managed.Value == false {
		viewValue(p, "managed", r.Managed, false)
	}
	viewValue(p, "partitions", r.Partitions, false)
	viewValue(p, "replicas", r.Replicas, false)
	for _, k := range slices.Sorted(maps.Keys(r.TopicConfig)) {
		v := r.TopicConfig[k]
		viewValue(p, k, &v, false)
	}
	if r.SLOAge != nil {
		p.Line("  %-22s at most %s", "lag promised", *r.SLOAge)
	}
	if at := r.Definition.String(); at != "" {
		p.Line("  %-22s %s", "defined in", at)
	}
	for _, at := range r.References {
		p.Line("  %-22s %s", "referred to in", at.String())
	}
	for _, f := range r.Blocked {
		p.Line("  %s", term.In(term.Bad, "blocked: "+f.Message+" ("+f.Rule+")"))
	}
	p.Line("")
	p.Line("Producers")
	viewOperations(p, r.Producers)
	p.Line("Consumers")
	viewOperations(p, r.Consumers)
	for _, c := range r.ClaimedBy {
		p.Line("  %s, claimed without an operation", c)
	}
	for i := range r.Messages {
		p.Line("")
		viewMessage(p, &r.Messages[i], false, wide)
	}
}
