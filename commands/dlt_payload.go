package commands

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/weirhq/weir/catalog"
	"github.com/weirhq/weir/dlt"
)

// payloads judges and masks the payloads of dead letters by what the catalog says of the topics they came from.
type payloads struct {
	cat     *catalog.Catalog
	unmask  bool
	schemas map[string][]*jsonschema.Schema // by origin
	readers map[string]*recordReader
}

func newPayloads(cat *catalog.Catalog, unmask bool) *payloads {
	return &payloads{cat: cat, unmask: unmask, schemas: map[string][]*jsonschema.Schema{}, readers: map[string]*recordReader{}}
}

// noRemote refuses every reference that leaves the bundled schema.
type noRemote struct{}

func (noRemote) Load(url string) (any, error) {
	return nil, fmt.Errorf("load %s: %w", url, errors.ErrUnsupported)
}

// of returns the JSON Schemas that the catalog knows for a topic.
func (p *payloads) of(topic string) []*jsonschema.Schema {
	if p.cat == nil || topic == "" {
		return nil
	}
	if s, ok := p.schemas[topic]; ok {
		return s
	}
	var out []*jsonschema.Schema
	for _, ch := range p.cat.TopicChannels(topic) {
		for _, m := range ch.Messages {
			if m.Payload == nil || m.Payload.Format != catalog.FormatJSON {
				continue
			}
			if s, err := compileSchema(m.Payload); err == nil {
				out = append(out, s)
			}
		}
	}
	p.schemas[topic] = out
	return out
}

func compileSchema(s *catalog.Schema) (*jsonschema.Schema, error) {
	text, err := s.Text()
	if err != nil {
		return nil, err
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft7)
	c.UseLoader(noRemote{})
	if err := c.AddResource("weir:payload", doc); err != nil {
		return nil, err
	}
	return c.Compile("weir:payload")
}

// judge says whether a payload fits the catalog now: it does if any message of the topic takes it.
func (p *payloads) judge(origin string, value []byte) (v dlt.Verdict, why string) {
	schemas := p.of(origin)
	if len(schemas) == 0 || value == nil {
		return dlt.NotKnown, ""
	}
	inst, err := jsonschema.UnmarshalJSON(bytes.NewReader(value))
	if err != nil {
		return dlt.StillInvalid, "not JSON"
	}
	for _, s := range schemas {
		if err = s.Validate(inst); err == nil {
			return dlt.ValidNow, ""
		}
	}
	if ve, ok := errors.AsType[*jsonschema.ValidationError](err); ok {
		for len(ve.Causes) > 0 {
			ve = ve.Causes[0]
		}
		return dlt.StillInvalid, "/" + strings.Join(ve.InstanceLocation, "/") + ": " + lastLine(ve.Error())
	}
	return dlt.StillInvalid, err.Error()
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	if i := strings.LastIndex(s, ": "); i >= 0 {
		return s[i+2:]
	}
	return s
}

// verdict is judge as triage wants it.
func (p *payloads) verdict(origin string, r *dlt.Record) (dlt.Verdict, error) {
	v, _ := p.judge(origin, r.Value)
	return v, nil
}

// apply judges the payload of one record and hides its personal data.
func (p *payloads) apply(s *dlt.Shown) {
	if p.cat == nil {
		return
	}
	origin := ""
	if s.Origin != nil && s.Origin.Topic != nil {
		origin = *s.Origin.Topic
	}
	value := s.Value
	if s.PayloadValue != nil {
		value = s.PayloadValue
	}
	if value == nil {
		return
	}
	v, why := p.judge(origin, *value)
	s.PayloadNow = &v
	if why != "" {
		s.PayloadProblem = &why
	}
	rd := p.readers[origin]
	if rd == nil {
		rd = newRecordReader(p.cat, origin, p.unmask)
		p.readers[origin] = rd
	}
	as := asJSON
	one := &shownRecord{Value: shownField{json.RawMessage(*value), &as}, Masked: []string{}}
	rd.hide(one, *value)
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
