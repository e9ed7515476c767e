package commands

import (
	"fmt"
	"strconv"
	"time"

	"github.com/weirhq/weir/dlt"
)

// originText is nil for no origin; what of one is not known is a question mark.
func originText(o *dlt.Origin) *string {
	if o == nil {
		return nil
	}
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
	if at := instant(o.TimestampMS); at != nil {
		text += " of " + *at
	}
	return &text
}

func instant(ms *int64) *string {
	if ms == nil {
		return nil
	}
	return new(time.UnixMilli(*ms).UTC().Format(time.RFC3339))
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
			if from := originText(d.Origin); from != nil {
				text = fmt.Sprintf("%s from %s%s", d.Dialect, *from, class)
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
