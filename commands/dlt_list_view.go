package commands

import (
	"slices"
	"time"

	"github.com/weirhq/weir/dlt"
	"github.com/weirhq/weir/internal/term"
)

func viewDLTList(l *dlt.Listing, now time.Time) term.View {
	num := func(n *int64) any {
		if n == nil {
			return nil
		}
		return *n
	}
	when := func(p *term.Page, ms *int64) any {
		if ms == nil {
			return nil
		}
		if p == nil {
			return time.UnixMilli(*ms).UTC().Format(time.RFC3339)
		}
		return p.Time(time.UnixMilli(*ms), now)
	}
	table := func(p *term.Page, wide bool) *term.Table {
		cols := []string{"TOPIC*", ">UNRESOLVED", ">STORED", ">SPAN", "OLDEST", "NEWEST", ">LAST HOUR", "EXPIRES", "OWNER"}
		if wide {
			cols = append(cols, "CLASS", "DIALECT", "GROUPS*", "ORIGIN*", "FOUND BY")
		}
		t := term.NewTable(cols...)
		for _, r := range l.Topics {
			owner := any(nil)
			if r.Owner != nil {
				owner = *r.Owner
			}
			row := []any{r.Topic, num(r.Unresolved), num(r.Stored), num(r.Span), when(p, r.OldestMS), when(p, r.NewestMS), num(r.LastHour), when(p, r.ExpiresMS), owner}
			if wide {
				origin := any(nil)
				if r.Origin != nil {
					origin = *r.Origin
				}
				row = append(row, string(r.Class), joinComma(r.Dialects), joinComma(r.Groups), origin, joinComma(r.FoundBy))
			}
			t.Row(row...)
		}
		return t
	}
	text := func(wide bool) func(p *term.Page) {
		return func(p *term.Page) {
			if len(l.Topics) == 0 {
				p.Line("No dead letter topics found.")
				return
			}
			p.Table(table(p, wide))
			for _, r := range l.Topics {
				if r.Error != nil {
					p.Line("%s %s: %s", p.Mark("fail"), r.Topic, *r.Error)
				}
				if r.BehindOpen != nil && *r.BehindOpen > 0 {
					p.Line("%s %s: %s offsets lie behind an open transaction", p.Mark("warn"), r.Topic, p.Int(*r.BehindOpen))
				}
			}
			i := slices.IndexFunc(l.Topics, func(r dlt.ListedTopic) bool {
				return r.Stored != nil && *r.Stored > 0 && (r.Unresolved == nil || *r.Unresolved > 0)
			})
			if i >= 0 {
				p.Line("")
				p.Line("Next:  weir dlt inspect %s", l.Topics[i].Topic)
			}
		}
	}
	return term.View{
		Text: text(false), Wide: text(true),
		Table: func() *term.Table { return table(nil, true) },
		Names: func() []string {
			var out []string
			for _, r := range l.Topics {
				out = append(out, r.Topic)
			}
			return out
		},
	}
}
