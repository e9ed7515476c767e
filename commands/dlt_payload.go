package commands

import (
	"context"
	"encoding/json"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/weirhq/weir/catalog"
	"github.com/weirhq/weir/dlt"
)

// payloads judges, decodes and masks the payloads of dead letters by what the catalog says of the topics they came
// from.
type payloads struct {
	cat    *catalog.Catalog
	unmask bool
	// open finds the schemas to decode a topic's Avro or Protobuf with.
	open   func(topic string) *decoder
	topics map[string]*topicPayload
}

// topicPayload is what the catalog knows of one topic.
type topicPayload struct {
	json    []*jsonschema.Schema
	decoder *decoder
	reader  *recordReader
}

// newPayloads asks the catalog alone, which may be nil.
func newPayloads(ctx context.Context, cat *catalog.Catalog, unmask bool) *payloads {
	return &payloads{
		cat: cat, unmask: unmask, topics: map[string]*topicPayload{},
		open: func(topic string) *decoder { return catalogDecoder(ctx, cat, topic) },
	}
}

// of returns what is known of a topic; nothing of one that no record tells.
func (p *payloads) of(topic string) *topicPayload {
	if t, ok := p.topics[topic]; ok {
		return t
	}
	t := &topicPayload{reader: newRecordReader(p.cat, topic, p.unmask)}
	if p.cat != nil && topic != "" {
		t.decoder = p.open(topic)
		for _, ch := range p.cat.TopicChannels(topic) {
			for _, m := range ch.Messages {
				if m.Payload == nil || m.Payload.Format != catalog.FormatJSON {
					continue
				}
				if s, err := compileSchema(m.Payload); err == nil {
					t.json = append(t.json, s)
				}
			}
		}
	}
	p.topics[topic] = t
	return t
}

// verdict is judge as triage wants it.
func (p *payloads) verdict(origin string, r *dlt.Record) (dlt.Verdict, error) {
	t := p.of(origin)
	v, _ := t.judge(r.Value, t.decoder.decode(r.Value))
	return v, nil
}

// apply judges and decodes the payload of one record and hides its personal data.
func (p *payloads) apply(s *dlt.Shown) {
	value := s.Value
	if s.PayloadValue != nil {
		value = s.PayloadValue
	}
	if p.cat == nil || value == nil {
		return
	}
	t := p.of(p.source(s))
	dec := t.decoder.decode(*value)
	v, why := t.judge(*value, dec)
	s.PayloadNow = &v
	if why != "" {
		s.PayloadProblem = &why
	}
	as := asJSON
	one := &shownRecord{Value: shownField{json.RawMessage(*value), &as}, Masked: []string{}}
	if dec.json != nil {
		one.Value = shownField{json.RawMessage(dec.json), &dec.as}
		t.reader.hideDecoded(one, dec)
		s.PayloadAs, s.Payload = &dec.as, one.Value.Value
	} else {
		t.reader.hide(one, *value)
	}
	if len(one.Masked) == 0 {
		return
	}
	hidden := []byte(fieldText(one.Value))
	s.Masked = one.Masked
	if s.PayloadValue != nil {
		s.PayloadValue, s.Value = &hidden, nil
		return
	}
	s.Value = &hidden
}

// source is the topic whose payloads this one is: of those the record has come through, the first that the catalog
// knows; where the record tells none, the topic that the catalog gives this dead letter topic.
func (p *payloads) source(s *dlt.Shown) string {
	through := []*dlt.Origin{s.Origin}
	for i := range s.Deaths {
		through = append(through, s.Deaths[i].Origin)
	}
	for _, o := range through {
		if o != nil && o.Topic != nil && len(p.cat.TopicChannels(*o.Topic)) > 0 {
			return *o.Topic
		}
	}
	for _, op := range p.cat.DeadLetterOf(s.Topic) {
		if op.Channel != nil {
			return op.Channel.Topic
		}
	}
	return ""
}
