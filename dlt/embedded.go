package dlt

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math"
)

// embedded holds the headers that Spring Cloud Stream wrote into the value, in their order.
type embedded []embeddedHeader

type embeddedHeader struct {
	name  string
	value json.RawMessage
}

// MarshalJSON writes one object, in the order of the wire; a name that comes twice is written once, with the last value.
func (e embedded) MarshalJSON() ([]byte, error) {
	if e == nil {
		return []byte("null"), nil
	}
	var b bytes.Buffer
	b.WriteByte('{')
	written := 0
	for i, h := range e {
		if e[i+1:].has(h.name) {
			continue
		}
		if written++; written > 1 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(h.name)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(h.value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

func (e embedded) has(name string) bool {
	for _, h := range e {
		if h.name == name {
			return true
		}
	}
	return false
}

func (e embedded) get(name string) json.RawMessage {
	var v json.RawMessage
	for _, h := range e {
		if h.name == name {
			v = h.value
		}
	}
	return v
}

func (e embedded) text(name string) *string {
	var s *string
	if json.Unmarshal(e.get(name), &s) != nil {
		return nil
	}
	return s
}

func (e embedded) num(name string) *int64 {
	var n *int64
	if json.Unmarshal(e.get(name), &n) != nil {
		return nil
	}
	return n
}

// decodeEmbedded reads the layout of headerMode=embeddedHeaders: 0xff, a count, then per header the length of the
// name (1 byte), the name, the length of the value (4 bytes, big-endian), the value as JSON; then the payload.
func decodeEmbedded(r *Record) (w wrapped, ok bool) {
	b := r.Value
	if len(b) < 2 || b[0] != 0xff {
		return w, false
	}
	n := int(b[1])
	b = b[2:]
	var e embedded
	for range n {
		if len(b) < 1 || len(b) < 1+int(b[0])+4 {
			return w, false
		}
		l := int(b[0])
		name := string(b[1 : 1+l])
		size := binary.BigEndian.Uint32(b[1+l:])
		b = b[1+l+4:]
		if uint64(size) > uint64(len(b)) || !json.Valid(b[:size]) {
			return w, false
		}
		e = append(e, embeddedHeader{name, json.RawMessage(b[:size:size])})
		b = b[size:]
	}
	if !e.has("x-original-topic") || !e.has("x-original-offset") && !e.has("x-exception-fqcn") {
		return w, false
	}
	o := &Origin{Topic: e.text("x-original-topic"), Offset: e.num("x-original-offset"), TimestampMS: e.num("x-original-timestamp")}
	if p := e.num("x-original-partition"); p != nil && *p >= 0 && *p <= math.MaxInt32 {
		o.Partition = new(int32(*p))
	}
	w = wrapped{
		origin: o, timestampType: e.text("x-original-timestamp-type"), embedded: e, value: bytes.Clone(b), hasValue: true,
		exception: &Exception{Class: e.text("x-exception-fqcn"), Message: e.text("x-exception-message")},
	}
	if w.value == nil {
		w.value = []byte{}
	}
	if t := e.text("x-exception-stacktrace"); t != nil {
		w.trace = parseTrace([]byte(*t))
	}
	return w, true
}
