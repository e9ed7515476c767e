package dlt

import (
	"bytes"
	"math"
)

// kstreamplify writes an Avro record about the failure where the value was.
func kstreamplify() dialect {
	return dialect{
		name: "kstreamplify", timestamp: "origin", value: decodeKstreamplify,
		note: "the value is a record about the failure; only byteValue holds original bytes",
	}
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
