package commands

import (
	"fmt"
	"time"

	"github.com/weirhq/weir/dlt"
	"github.com/weirhq/weir/internal/term"
)

func viewInspection(res *dlt.Inspection, o *dltInspectOptions) term.View {
	table := func() *term.Table {
		t := term.NewTable("ID", ">RECORDS", ">SHARE", ">KEYS", "LAST", "NOW", "CAUSE*", "MESSAGE*")
		for _, c := range res.Causes {
			cause := "unknown"
			if c.Class != nil {
				cause = *c.Class
			} else if c.Dialect != nil {
				cause = *c.Dialect
			}
			t.Row(c.ID, c.Records, fmt.Sprintf("%.0f%%", 100*c.Share), c.Keys, time.UnixMilli(c.LastMS).UTC().Format(time.RFC3339), nowWord(c), cause, c.Message)
		}
		return t
	}
	return term.View{
		Text: func(p *term.Page) {
			if res.Stored == 0 {
				p.Line("%s stores no dead letters.", res.Topic)
				return
			}
			open := ""
			if res.Unresolved != nil && *res.Unresolved < res.Stored {
				open = p.Int(*res.Unresolved) + " of them unresolved, "
			}
			p.Line("%s stored in %s, %s%s", p.Int(res.Stored), res.Topic, open, plural(len(res.Causes), "cause"))
			p.Table(table())
			for _, c := range res.Causes {
				if c.OriginRecords != nil && *c.OriginRecords*10 < c.Records*9 {
					p.Line("%s %s: %s dead letters, but only %s different records behind them", p.Mark("warn"), c.ID, p.Int(c.Records), p.Int(*c.OriginRecords))
				}
			}
			if o.from == "" && len(res.Causes) > 0 {
				p.Line("")
				p.Line("Next:  weir dlt plan %s --cause %s --out plan.json", res.Topic, res.Causes[0].ID)
			}
		},
		Table: table,
	}
}

// nowWord says whether the records of a group would pass today, from the ones that were checked.
func nowWord(c dlt.CauseGroup) any {
	switch checked := c.ValidNow + c.InvalidNow; {
	case checked == 0:
		return nil
	case c.InvalidNow == 0:
		return "valid"
	case c.ValidNow == 0:
		return "invalid"
	default:
		return fmt.Sprintf("%d%% valid", 100*c.ValidNow/checked)
	}
}
