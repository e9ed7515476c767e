package commands

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/weirhq/weir/dlt"
	"github.com/weirhq/weir/internal/term"
)

// viewDeadLetter draws one record whole.
func viewDeadLetter(p *term.Page, s *dlt.Shown) {
	dialect := "unknown dialect"
	if s.Dialect != nil {
		dialect = *s.Dialect
	}
	if len(s.Dialects) > 1 {
		dialect = strings.Join(s.Dialects, " over ")
	}
	p.Line("%s %d@%d  %s, %s", term.In(term.Bold, s.Topic), s.Partition, s.Offset, string(s.Class), dialect)
	row := func(name string, v *string) {
		if v != nil {
			p.Line("  %s  %s", term.In(term.Faint, fmt.Sprintf("%-11s", name)), *v)
		}
	}
	row("origin", cmp.Or(originText(s.Origin), new("unknown")))
	row("first", originText(s.FirstOrigin))
	row(s.TimestampIs, instant(s.TimestampMS))
	row("group", s.ConsumerGroup)
	row("group", withNote(s.GroupInTopicName, "from the topic's name"))
	row("failure", s.Failure)
	row("in", s.FailingClass)
	row("handler", s.Handler)
	row("what", s.Description)
	if e := s.Exception; e != nil {
		row("thrown", e.ThrownClass)
		row("root cause", e.RootClass)
		row("class", e.Class)
		row("message", e.Message)
		row("cause", e.CauseMessage)
		row("key class", e.KeyClass)
		row("key failure", e.KeyMessage)
	}
	if s.Attempts != nil {
		row("deliveries", new(strconv.FormatInt(*s.Attempts, 10)))
	}
	row("due", instant(s.NextDueMS))
	if s.PayloadNow != nil {
		row("payload", new(string(*s.PayloadNow)+" by the catalog of today"))
		row("problem", s.PayloadProblem)
	}
	row("note", s.Note)
	row("stuck", s.Unrecoverable)
	for _, problem := range s.Problems {
		row("unreadable", &problem)
	}
	if len(s.Deaths) > 1 {
		p.Line("  %s", term.In(term.Bold, "deaths, newest first"))
		for _, c := range compressDeaths(s.Deaths) {
			p.Line("    %s", c)
		}
	}
	p.Line("  %s", term.In(term.Bold, "headers"))
	for _, h := range s.Headers {
		p.Line("    %s = %s", h.Name, headerText(h))
	}
	p.Line("  %s  %s", term.In(term.Bold, "key"), bytesText(s.Key))
	value := s.Value
	if s.PayloadValue != nil {
		value = s.PayloadValue
	}
	note := ""
	if s.PayloadAs != nil {
		note = ", decoded from " + *s.PayloadAs
		if b, err := json.Marshal(s.Payload); err == nil {
			value = &b
		}
	}
	if len(s.Masked) > 0 {
		note += fmt.Sprintf(", masked: %s (--unmask shows it)", joinComma(s.Masked))
	}
	p.Line("  %s%s", term.In(term.Bold, "value"), note)
	p.Block("    ", bytesText(value))
}

func withNote(v *string, note string) *string {
	if v == nil {
		return nil
	}
	return new(*v + " (" + note + ")")
}
