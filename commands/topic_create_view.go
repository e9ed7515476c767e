package commands

import (
	"fmt"
	"maps"
	"slices"

	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/internal/term"
)

func viewTopicCreate(r *cluster.Creation) term.View {
	return term.View{Text: func(p *term.Page) {
		for _, t := range r.Topics {
			marks := map[string]string{"created": "add", "would_create": "add", "exists": "keep", "failed": "fail"}
			words := map[string]string{"created": "created", "would_create": "would be created", "exists": "exists already", "failed": "failed"}
			p.Line("%s topic  %s  %s", p.Mark(marks[t.Result]), t.Name, joinWords(shape(t), words[t.Result]+dryRun(r.DryRun)))
			if t.Error != nil {
				p.Line("    %s", *t.Error)
			}
			for _, k := range slices.Sorted(maps.Keys(t.Configs)) {
				p.Line("    %-24s %s", k, t.Configs[k])
			}
		}
	}}
}

func shape(t cluster.CreatedTopic) string {
	if t.Partitions == nil || t.ReplicationFactor == nil {
		return ""
	}
	return fmt.Sprintf("%d partitions, rf %d,", *t.Partitions, *t.ReplicationFactor)
}

func dryRun(on bool) string {
	if on {
		return " (dry run, judged by the broker)"
	}
	return ""
}
