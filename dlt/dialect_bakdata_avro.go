package dlt

import "math"

// bakdataAvro is the library's other mode: a record about the failure stands where the value was.
func bakdataAvro() dialect {
	return dialect{
		name: "bakdata-avro", timestamp: "origin", failure: "processing", value: decodeBakdataAvro,
		note: "the value is a record about the failure; the input value in it is text, not the original bytes",
	}
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
