package commands

import (
	"slices"
	"strings"

	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/internal/term"
)

func viewTopicPurge(r *cluster.Purge) term.View {
	return term.View{Text: func(p *term.Page) {
		if r.RecordsMax == 0 {
			p.Line("%s has no records before %s.", r.Topic, r.To)
			return
		}
		done := slices.ContainsFunc(r.Partitions, func(x cluster.PurgedPartition) bool { return x.Result == "purged" || x.Result == "failed" })
		if !done {
			word := ""
			if r.DryRun {
				word = "  (dry run, judged by weir)"
			}
			p.Line("%s topic  %s  at most %s records before %s%s", p.Mark("delete"), r.Topic, p.Int(r.RecordsMax), r.To, word)
		}
		t := term.NewTable(">PARTITION", ">LOG-START-OFFSET", ">TO", ">LOG-END-OFFSET", ">RECORDS", "RESULT")
		for _, x := range r.Partitions {
			t.Row(x.Partition, x.Start, x.To, x.End, x.RecordsMax, strings.ReplaceAll(x.Result, "_", " "))
		}
		p.Table(t)
		for _, x := range r.Partitions {
			if x.Error != nil {
				p.Line("%s %s", p.Mark("fail"), *x.Error)
			}
		}
	}}
}
