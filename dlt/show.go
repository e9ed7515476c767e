package dlt

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Shown is one record with all that it tells: the JSON of `dlt show`. Its names are a contract.
type Shown struct {
	Kind          string `json:"kind"`
	SchemaVersion int    `json:"schema_version"`
	Topic         string `json:"topic"`
	Partition     int32  `json:"partition"`
	Offset        int64  `json:"offset"`
	TimestampMS   *int64 `json:"timestamp_ms"`
	TimestampType string `json:"timestamp_type"`
	*DeadLetter
	Key     *[]byte       `json:"key_b64"`
	Value   *[]byte       `json:"value_b64"`
	Headers []ShownHeader `json:"headers"`

	PayloadNow     *Verdict `json:"payload_now"` // what the catalog says of the payload today
	PayloadProblem *string  `json:"payload_problem"`
	Payload        any      `json:"payload"`    // the decoded payload, where the catalog or a registry has its Avro or Protobuf schema
	PayloadAs      *string  `json:"payload_as"` // avro or protobuf; null where it was not decoded
	Masked         []string `json:"masked"`     // paths of personal data that are hidden in value_b64
}

// ShownHeader is one raw header with what its dialect reads in it.
type ShownHeader struct {
	Name    string  `json:"name"`
	Value   *[]byte `json:"value_b64"`
	Decoded any     `json:"decoded"` // text or number, null where the dialect has no reading
	As      string  `json:"as"`      // how it was read: text, int32, int64, ...; bytes where it is not text
}

// Reader shows records in the order they lie in. It remembers how often a record had been delivered when it first
// came to its dead letter topic: where a failing listener of that topic sends it round again, the headers of the
// later copies no longer tell.
type Reader struct {
	d     *Decoder
	first map[Position]*int64
}

// maxRemembered bounds what a Reader keeps; past it, later copies tell "unknown".
const maxRemembered = 100_000

// NewReader returns a reader that decodes with d.
func NewReader(d *Decoder) *Reader { return &Reader{d: d, first: map[Position]*int64{}} }

// Show reads one record.
func (rd *Reader) Show(r *Record) *Shown {
	dl := rd.d.Decode(r)
	if dl.Dialect != nil && dl.Class == Dead && dl.Origin.Known() && dl.AttemptsHeader != nil {
		at := Position{*dl.Origin.Topic, *dl.Origin.Partition, *dl.Origin.Offset}
		if n, ok := rd.first[at]; ok && dl.Attempts == nil {
			dl.Attempts = n
		} else if !ok && len(rd.first) < maxRemembered {
			rd.first[at] = dl.Attempts
		}
	}
	s := &Shown{
		Kind: "dead_letter", SchemaVersion: 1, Topic: r.Topic, Partition: r.Partition, Offset: r.Offset,
		TimestampType: r.TimestampType, DeadLetter: dl, Key: optional(r.Key), Value: optional(r.Value),
		Headers: make([]ShownHeader, 0, len(r.Headers)), Masked: []string{},
	}
	if r.TimestampMS >= 0 {
		s.TimestampMS = &r.TimestampMS
	}
	for _, h := range r.Headers {
		s.Headers = append(s.Headers, rd.d.showHeader(h, dl.found))
	}
	return s
}

func (d *Decoder) showHeader(h Header, found []int) ShownHeader {
	out := ShownHeader{Name: h.Name, Value: optional(h.Value), As: "bytes"}
	if h.Value == nil {
		out.As = "null"
		return out
	}
	for _, sl := range d.names[h.Name] {
		for _, f := range found {
			if int(sl.dialect) != f {
				continue
			}
			for _, fd := range d.table[f].fields {
				if fd.name != h.Name || fd.enc == "" || fd.enc == URI {
					continue
				}
				if n, err := number(h.Value, fd.enc); err == nil {
					out.Decoded, out.As = n, string(fd.enc)
					return out
				}
			}
		}
	}
	if isText(h.Value) {
		out.Decoded, out.As = string(h.Value), "text"
	}
	return out
}

// NoRecordError says why there is no record at a position, and what a reader may do about it.
type NoRecordError struct {
	At     Position
	Reason string
	Hint   string
}

func (e *NoRecordError) Error() string {
	return fmt.Sprintf("%s %d@%d %s", e.At.Topic, e.At.Partition, e.At.Offset, e.Reason)
}

// At reads one record.
func (c *Conn) At(ctx context.Context, topic string, partition int32, offset int64) (*Record, error) {
	spans, err := c.spans(ctx, topic, offlineFor)
	if err != nil {
		return nil, err
	}
	none := func(hint, format string, args ...any) error {
		return &NoRecordError{Position{topic, partition, offset}, fmt.Sprintf(format, args...), hint}
	}
	for _, s := range spans {
		if s.Partition != partition {
			continue
		}
		switch {
		case offset < s.Start:
			return nil, none("retention or a purge removed it", "is gone: partition %d begins at offset %d", partition, s.Start)
		case offset >= s.HighWatermark:
			return nil, none("", "is not there (yet): partition %d ends at offset %d", partition, s.HighWatermark)
		case offset >= s.Stable:
			return nil, none("it shows once the transaction has ended", "lies behind an open transaction, which begins at offset %d", s.Stable)
		}
		var found *Record
		err := c.ReadRanges(ctx, topic, []Range{{Partition: partition, Start: offset, End: offset + 1}}, func(k *kgo.Record) error {
			found = FromKafka(k)
			return nil
		})
		if err == nil && found == nil {
			err = none("", "holds no record: it is a transaction's marker, aborted, or compacted away")
		}
		return found, err
	}
	return nil, none("", "is not there: the topic has %d partitions, and no partition %d", len(spans), partition)
}
