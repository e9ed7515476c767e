package dlt

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// givenLine is one line of an archive as it is read. Names it does not know are passed over, so that archives of other
// tools, which note more, can be read.
type givenLine struct {
	Kind          given[json.RawMessage] `json:"kind"` // no archive has it, what else weir prints does
	Topic         given[string]          `json:"topic"`
	Partition     given[int64]           `json:"partition"`
	Offset        given[int64]           `json:"offset"`
	TimestampMS   given[int64]           `json:"timestamp_ms"`
	TimestampType given[string]          `json:"timestamp_type"`
	Key           given[exact]           `json:"key_b64"`
	Value         given[exact]           `json:"value_b64"`
	Headers       given[[]givenHeader]   `json:"headers"`
}

type givenHeader struct {
	Name  given[string] `json:"name"`
	Value given[exact]  `json:"value_b64"`
}

// given is a value, and how often the object has it. What is missing must not be taken for null or zero: a record
// without a value is a tombstone, and a compacted topic that it is imported into forgets the key.
type given[T any] struct {
	v     T
	null  bool
	times int
	err   error // what the value is instead
}

func (g *given[T]) UnmarshalJSON(b []byte) error {
	g.times++
	g.null = string(b) == "null"
	if u, ok := any(&g.v).(json.Unmarshaler); ok {
		g.err = u.UnmarshalJSON(b)
	} else {
		g.err = json.Unmarshal(b, &g.v)
	}
	return nil // told by fieldOf, which knows the name
}

// exact is base64, or null. Bits behind the last byte are refused: an archive is exact, so something has changed it.
type exact []byte

func (e *exact) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	if len(b) < 2 || b[0] != '"' {
		return errors.New("not a text")
	}
	text := b[1 : len(b)-1]
	if bytes.IndexByte(text, '\\') >= 0 { // some write \/ for a slash
		var s string
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
		text = []byte(s)
	}
	out := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Strict().Decode(out, text)
	*e = out[:n]
	return err
}

// judged is one name of a line, and what is wrong with its value.
type judged struct {
	name  string
	times int
	wrong string
}

// fieldOf judges a value: want says what it must be, and ok whether it is.
func fieldOf[T any](name string, g *given[T], want string, ok bool) judged {
	f := judged{name: name, times: g.times}
	switch {
	case g.err != nil || !ok:
		f.wrong = "want " + want
	case g.times > 1:
		f.wrong = "it is there twice"
	}
	if bad, is := errors.AsType[base64.CorruptInputError](g.err); is {
		f.wrong = "not base64: " + bad.Error()
	}
	return f
}

// judge returns what is missing of fields, and the first that is wrong.
func judge(fields ...judged) (missing []string, wrong *judged) {
	for i, f := range fields {
		switch {
		case f.times == 0:
			missing = append(missing, f.name)
		case f.wrong != "" && wrong == nil:
			wrong = &fields[i]
		}
	}
	return missing, wrong
}

var timestampTypes = []string{"CreateTime", "LogAppendTime", "NoTimestampType"}

func parseLine(b []byte) (*Record, *ArchiveError) {
	var l givenLine
	if err := json.Unmarshal(b, &l); err != nil {
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			return nil, &ArchiveError{Column: int(max(1, syntax.Offset)), Reason: "not JSON: " + err.Error()}
		}
		return nil, &ArchiveError{Column: 1, Reason: "not a JSON object"}
	}
	missing, wrong := judge(
		fieldOf("topic", &l.Topic, "the name of a topic", l.Topic.v != ""),
		fieldOf("partition", &l.Partition, "a number from 0 to 2147483647", !l.Partition.null && l.Partition.v >= 0 && l.Partition.v <= math.MaxInt32),
		fieldOf("offset", &l.Offset, "0 or more", !l.Offset.null && l.Offset.v >= 0 && l.Offset.v <= maxOffset),
		fieldOf("timestamp_ms", &l.TimestampMS, "milliseconds since 1970, or -1 for none", !l.TimestampMS.null && l.TimestampMS.v >= -1),
		fieldOf("timestamp_type", &l.TimestampType, "CreateTime, LogAppendTime or NoTimestampType", slices.Contains(timestampTypes, l.TimestampType.v)),
		fieldOf("key_b64", &l.Key, "base64 or null", true),
		fieldOf("value_b64", &l.Value, "base64 or null", true),
		fieldOf("headers", &l.Headers, "a list of headers", !l.Headers.null),
	)
	switch {
	case missing != nil:
		return nil, l.refuse(0, "the line has no "+strings.Join(missing, ", "))
	case wrong != nil:
		return nil, l.refuse(column(b, wrong.name, wrong.times), wrong.name+": "+wrong.wrong)
	}
	if l.shownBy() != "" { // masked, it may be, and whole for all that
		return nil, l.refuse(column(b, "kind", 1), "no archive")
	}
	rec := &Record{
		Topic: l.Topic.v, Partition: int32(l.Partition.v), Offset: l.Offset.v, TimestampMS: l.TimestampMS.v, TimestampType: l.TimestampType.v, // #nosec G115 -- judged
		Key: l.Key.v, Value: l.Value.v,
	}
	for i := range l.Headers.v {
		h := &l.Headers.v[i]
		missing, wrong := judge(fieldOf("name", &h.Name, "a text", !h.Name.null), fieldOf("value_b64", &h.Value, "base64 or null", true))
		switch {
		case missing != nil:
			return nil, l.refuse(column(b, "headers", 1), fmt.Sprintf("header %d has no %s", i+1, strings.Join(missing, ", ")))
		case wrong != nil:
			return nil, l.refuse(column(b, "headers", 1), fmt.Sprintf("header %d: %s: %s", i+1, wrong.name, wrong.wrong))
		}
		rec.Headers = append(rec.Headers, Header{h.Name.v, h.Value.v})
	}
	return rec, nil
}

// shownBy is the command that shows records like this, empty for an archive.
func (l *givenLine) shownBy() string {
	switch string(l.Kind.v) {
	case `"record"`:
		return "topic read"
	case `"dead_letter"`:
		return "dlt show"
	}
	return ""
}

// refuse names what else weir prints of records, for it is easily taken for an archive.
func (l *givenLine) refuse(column int, reason string) *ArchiveError {
	e := &ArchiveError{Column: column, Reason: reason}
	if command := l.shownBy(); command != "" {
		e.Reason += ": weir " + command + " -o json writes this, which shows a record and need not hold its bytes"
		e.hint = "take the records with weir dlt export TOPIC --out FILE, and use that"
	}
	return e
}

// column finds the given appearance of a name in a line, 0 where it is not there.
func column(b []byte, name string, times int) int {
	dec := json.NewDecoder(bytes.NewReader(b))
	_, err := dec.Token()
	for err == nil && dec.More() {
		at := int(dec.InputOffset())
		for at < len(b) && strings.IndexByte(" \t\r\n,", b[at]) >= 0 {
			at++
		}
		t, _ := dec.Token()
		if s, ok := t.(string); ok && strings.EqualFold(s, name) {
			if times--; times == 0 {
				return at + 1
			}
		}
		err = dec.Decode(new(json.RawMessage))
	}
	return 0
}
