package commands

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

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
	row := func(name string, v any) {
		if v != nil {
			p.Line("  %s  %v", term.In(term.Faint, fmt.Sprintf("%-11s", name)), v)
		}
	}
	str := func(v *string) any {
		if v == nil {
			return nil
		}
		return *v
	}
	if s.Origin != nil {
		row("origin", originText(s.Origin))
	} else {
		row("origin", "unknown")
	}
	if s.FirstOrigin != nil {
		row("first", originText(s.FirstOrigin))
	}
	if s.TimestampMS != nil {
		row(s.TimestampIs, time.UnixMilli(*s.TimestampMS).UTC().Format(time.RFC3339))
	}
	row("group", str(s.ConsumerGroup))
	row("group", withNote(s.GroupInTopicName, "from the topic's name"))
	row("failure", str(s.Failure))
	row("in", str(s.FailingClass))
	row("handler", str(s.Handler))
	row("what", str(s.Description))
	if e := s.Exception; e != nil {
		row("thrown", str(e.ThrownClass))
		row("root cause", str(e.RootClass))
		row("class", str(e.Class))
		row("message", str(e.Message))
		row("cause", str(e.CauseMessage))
		row("key class", str(e.KeyClass))
		row("key failure", str(e.KeyMessage))
	}
	if s.Attempts != nil {
		row("deliveries", *s.Attempts)
	}
	if s.NextDueMS != nil {
		row("due", time.UnixMilli(*s.NextDueMS).UTC().Format(time.RFC3339))
	}
	if s.PayloadNow != nil {
		row("payload", string(*s.PayloadNow)+" by the catalog of today")
		row("problem", str(s.PayloadProblem))
	}
	row("note", str(s.Note))
	row("stuck", str(s.Unrecoverable))
	for _, problem := range s.Problems {
		row("unreadable", problem)
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

func withNote(v *string, note string) any {
	if v == nil {
		return nil
	}
	return *v + " (" + note + ")"
}

func originText(o *dlt.Origin) string {
	part, off, topic := "?", "?", "?"
	if o.Topic != nil {
		topic = *o.Topic
	}
	if o.Partition != nil {
		part = strconv.Itoa(int(*o.Partition))
	}
	if o.Offset != nil {
		off = strconv.FormatInt(*o.Offset, 10)
	}
	text := fmt.Sprintf("%s %s@%s", topic, part, off)
	if o.TimestampMS != nil {
		text += " of " + time.UnixMilli(*o.TimestampMS).UTC().Format(time.RFC3339)
	}
	return text
}

// compressDeaths joins neighbours with the same topic and cause, and never the first death, which tells where it began.
func compressDeaths(ds []dlt.Death) []string {
	var out []string
	last, n := "", 0
	flush := func() {
		if n > 1 {
			out = append(out, fmt.Sprintf("%s (%d times)", last, n))
		} else if n == 1 {
			out = append(out, last)
		}
		n = 0
	}
	for i, d := range ds {
		topic, class := "?", ""
		if d.Origin != nil && d.Origin.Topic != nil {
			topic = *d.Origin.Topic
		}
		switch {
		case d.CauseClass != nil:
			class = " " + *d.CauseClass
		case d.Class != nil:
			class = " " + *d.Class
		}
		text := fmt.Sprintf("%s in %s%s", d.Dialect, topic, class)
		if i == len(ds)-1 {
			flush()
			if d.Origin != nil {
				text = fmt.Sprintf("%s from %s%s", d.Dialect, originText(d.Origin), class)
			}
			out = append(out, text)
			break
		}
		if text != last {
			flush()
		}
		last = text
		n++
	}
	return out
}
