package dlt

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// wrapped is what a dialect that lives in the value or in the key tells, and the bytes it was wrapped around.
type wrapped struct {
	origin        *Origin
	timestampType *string
	exception     *Exception
	trace         traceFacts
	description   *string
	attempts      *int64
	embedded      embedded

	value    []byte
	hasValue bool // value is the original one, byte for byte
	key      []byte
	hasKey   bool
	lossy    string // why the original cannot be restored
}

type (
	valueFunc func(*Record) (wrapped, bool)
	keyFunc   func(*Record) (wrapped, bool)
)

// wrapped takes what a value or key dialect tells; newest says that no header tells of a later death.
func (d *Decoder) wrapped(out *DeadLetter, r *Record, i int, w wrapped, newest bool) {
	row := &d.table[i]
	out.restored = w
	out.EmbeddedHeaders = w.embedded
	if w.embedded != nil {
		out.PayloadValue = &w.value
	}
	if w.lossy != "" {
		out.Unrecoverable = new(w.lossy)
	}
	if !newest {
		out.EarlierDeath = &EarlierDeath{Dialect: row.name, DeathsInHeaders: 1, Origin: w.origin}
		return
	}
	out.Origin, out.OriginTimestampType, out.Exception = w.origin, w.timestampType, w.exception
	out.Description, out.Attempts = w.description, w.attempts
	out.DeathsInHeaders = 1
	if row.failure != "" {
		out.Failure = new(row.failure)
	}
	death := Death{Dialect: row.name, Origin: w.origin}
	if e := w.exception; e != nil {
		e.StacktraceChain = w.trace.chain
		death.Class, death.CauseClass, death.Message = e.Class, e.CauseClass, e.Message
		classify(out, row, w.trace, &reader{d: d, row: row, r: r}, &d.scratch, i)
	}
	out.Deaths = []Death{death}
}

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

// decodeUberKey reads the key of Uber's kafka-client and uForwarder: a Protobuf message
// {1 retry_count, 2 topic, 3 partition, 4 offset, 5 timestamp_ns, 6 original key, 7 timeout_count}.
// Any short byte string may parse as Protobuf, so the origin must be whole and plausible.
func decodeUberKey(r *Record) (w wrapped, ok bool) {
	b := r.Key
	if len(b) < 8 {
		return w, false
	}
	var (
		topic             string
		partition, offset uint64
		ns, retries       uint64
		key               []byte
		seen              uint8
	)
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 || num > 7 || num < 1 {
			return w, false
		}
		b = b[n:]
		switch {
		case (num == 2 || num == 6) && typ == protowire.BytesType:
			v, n := protowire.ConsumeBytes(b)
			if n < 0 {
				return w, false
			}
			b = b[n:]
			if num == 2 {
				topic = string(v)
			} else {
				key = bytes.Clone(v)
			}
		case num != 2 && num != 6 && typ == protowire.VarintType:
			v, n := protowire.ConsumeVarint(b)
			if n < 0 {
				return w, false
			}
			b = b[n:]
			switch num {
			case 1:
				retries = v
			case 3:
				partition = v
			case 4:
				offset = v
			case 5:
				ns = v
			}
		default:
			return w, false
		}
		seen |= 1 << num
	}
	// A zero is not written, so partition and offset may be missing; topic and time may not.
	if !topicName(topic) || seen&(1<<5) == 0 || partition > math.MaxInt32 || offset > math.MaxInt64 || ns > math.MaxInt64 {
		return w, false
	}
	ms := time.Unix(0, int64(ns)).UnixMilli() // #nosec G115 -- bounded above
	if ms < year2000 {
		return w, false
	}
	p, off := int32(partition), int64(offset) // #nosec G115 -- bounded above
	w = wrapped{
		origin: &Origin{Topic: &topic, Partition: &p, Offset: &off, TimestampMS: &ms},
		key:    key, hasKey: true,
	}
	if retries > 0 && retries < 1<<20 {
		w.attempts = new(int64(retries))
	}
	return w, true
}

// topicName reports whether s may be the name of a topic.
func topicName(s string) bool {
	if s == "" || len(s) > 249 || s == "." || s == ".." {
		return false
	}
	for _, c := range []byte(s) {
		if kindOf(c) == other && c != '.' && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

// avro reads the few Avro types that the two value dialects use. Both have a fixed schema, so the bytes decide: a
// value that does not fit to its last byte is not one of them.
type avro struct {
	b   []byte
	bad bool
}

func (a *avro) long() int64 {
	n, size := binary.Varint(a.b)
	if size <= 0 {
		a.bad = true
		return 0
	}
	a.b = a.b[size:]
	return n
}

func (a *avro) bytes() []byte {
	n := a.long()
	if a.bad || n < 0 || n > int64(len(a.b)) {
		a.bad = true
		return nil
	}
	v := a.b[:n:n]
	a.b = a.b[n:]
	return v
}

// optional reads the branch of a union [null, T] and reports whether T follows.
func (a *avro) optional() bool {
	switch n := a.long(); {
	case a.bad:
	case n == 1:
		return true
	case n != 0:
		a.bad = true
	}
	return false
}

func (a *avro) text() *string {
	if !a.optional() {
		return nil
	}
	return new(string(a.bytes()))
}

// confluentBody strips the five bytes (zero and the schema's id) that a registry's serializer writes.
func confluentBody(b []byte) ([]byte, bool) {
	if len(b) < 6 || b[0] != 0 {
		return nil, false
	}
	return b[5:], true
}

// decodeBakdataAvro reads com.bakdata.kafka.DeadLetter.
func decodeBakdataAvro(r *Record) (w wrapped, ok bool) {
	body, ok := confluentBody(r.Value)
	if !ok {
		return w, false
	}
	a := &avro{b: body}
	input := a.text()
	topic := a.text()
	o := &Origin{Topic: topic}
	if a.optional() {
		if n := a.long(); n >= 0 && n <= math.MaxInt32 {
			o.Partition = new(int32(n))
		} else {
			a.bad = true
		}
	}
	if a.optional() {
		if n := a.long(); n >= 0 {
			o.Offset = &n
		} else {
			a.bad = true
		}
	}
	description := string(a.bytes())
	class, msg, trace := a.text(), a.text(), a.text()
	if len(a.b) > 0 && a.optional() { // input_timestamp came later than the rest
		o.TimestampMS = new(a.long())
	}
	if a.bad || len(a.b) > 0 || class == nil || !isClassName(*class) || topic != nil && !topicName(*topic) {
		return w, false
	}
	w = wrapped{
		origin: o, description: &description, exception: &Exception{Class: class, Message: msg},
		lossy: "the dead letter holds its input as text, not as the original bytes: it has to be fetched from the origin",
	}
	if input == nil {
		w.lossy = "the dead letter does not hold its input: it has to be fetched from the origin"
	}
	if trace != nil {
		w.trace = parseTrace([]byte(*trace))
	}
	return w, true
}

// decodeKstreamplify reads com.michelin.kstreamplify.avro.KafkaError.
func decodeKstreamplify(r *Record) (w wrapped, ok bool) {
	body, ok := confluentBody(r.Value)
	if !ok {
		return w, false
	}
	a := &avro{b: body}
	cause, context, stack := a.text(), a.text(), a.text()
	a.text() // the value as JSON text: lossy, never replayed
	var value []byte
	has := a.optional()
	if has {
		value = bytes.Clone(a.bytes())
	}
	offset, partition := a.long(), a.long()
	topic := string(a.bytes())
	if !a.bad && len(a.b) > 0 {
		a.text() // application id, since 1.1
	}
	if a.bad || len(a.b) > 0 || offset < 0 || partition < 0 || partition > math.MaxInt32 || !topicName(topic) {
		return w, false
	}
	w = wrapped{
		origin:    &Origin{Topic: &topic, Partition: new(int32(partition)), Offset: &offset},
		exception: &Exception{Message: cause}, description: context, value: value, hasValue: has,
	}
	if !has {
		w.lossy = "the dead letter holds its value as text only: it has to be fetched from the origin"
	}
	if stack != nil {
		w.trace = parseTrace([]byte(*stack))
		if len(w.trace.chain) > 0 {
			w.exception.Class = &w.trace.chain[0]
		}
	}
	return w, true
}
