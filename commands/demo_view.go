package commands

import (
	"fmt"
	"strings"

	"github.com/weirhq/weir/demo"
	"github.com/weirhq/weir/internal/term"
)

func viewScene(p *term.Page, s demo.Scene) {
	p.Line("%s", term.In(term.Bold, fmt.Sprintf("%d/%d  %s", s.Number, s.Of, s.Title)))
	if s.Command != nil {
		p.Line("  $ weir %s", shellWords(s.Command))
		p.Block("  ", s.Stdout)
		if s.Stderr != "" {
			p.Block("  ", s.Stderr)
		}
	}
	for _, v := range s.Claims {
		if v.Err != nil {
			p.Line("  %s %s: %s", p.Mark("fail"), v.Says, v.Err)
			continue
		}
		p.Line("  %s %s", p.Mark("ok"), v.Says)
	}
	p.Line("")
}

// shellWords writes arguments as a shell reads them.
func shellWords(args []string) string {
	quoted := make([]string, len(args))
	for i, a := range args {
		if strings.ContainsAny(a, " *?'\"\\$&|;<>()[]{}") || a == "" {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		quoted[i] = a
	}
	return strings.Join(quoted, " ")
}

func viewDemoUp(up demoUp, o *demoUpOptions) term.View {
	return term.View{Text: func(p *term.Page) {
		p.Line("Embedded Kafka, in memory, no password: %s", strings.Join(up.Brokers, ","))
		if len(up.Topics) > 0 {
			p.Line("Topics    %s", strings.Join(up.Topics, ", "))
			p.Line("Groups    %s", strings.Join(up.Groups, ", "))
			p.Line("Traffic   %v orders a second, %v of them poison", o.rate, o.poison)
		}
		p.Line("Next      weir -b %s topic list", up.Brokers[0])
		p.Line("^C stops it, and everything is gone.")
	}}
}
