package commands

import (
	"cmp"
	"encoding/json"
	"strings"

	"github.com/weirhq/weir/catalog"
	"github.com/weirhq/weir/finding"
	"github.com/weirhq/weir/internal/term"
)

type messageReport struct {
	Name          string           `json:"name"`
	ID            string           `json:"id"`
	Channel       string           `json:"channel"`
	Description   string           `json:"description,omitempty"`
	ContentType   string           `json:"content_type,omitempty"`
	Compatibility string           `json:"compatibility"`
	Correlation   string           `json:"correlation_id,omitempty"`
	Key           *schemaReport    `json:"key"`
	Headers       *schemaReport    `json:"headers"`
	Payload       *schemaReport    `json:"payload"`
	Examples      int              `json:"examples"`
	At            finding.Position `json:"at"`
}

type schemaReport struct {
	Format    string           `json:"format"`
	MediaType string           `json:"media_type,omitempty"`
	Remote    string           `json:"remote,omitempty"`
	Schema    any              `json:"schema,omitempty"` // JSON, or text
	Fields    []catalog.Field  `json:"fields"`
	At        finding.Position `json:"at"`
}

func messageOf(s *catalog.Stream, m *catalog.Message) messageReport {
	return messageReport{
		Name: cmp.Or(m.Name, m.ID), ID: m.ID, Channel: s.Name, Description: cmp.Or(m.Description, m.Summary, m.Title),
		ContentType: m.ContentType.V, Compatibility: s.Channels[0].CompatibilityOf(m).V, Correlation: m.CorrelationID,
		Key: schemaOf(m.Key), Headers: schemaOf(m.Headers), Payload: schemaOf(m.Payload), Examples: len(m.Examples), At: m.At,
	}
}

func schemaOf(s *catalog.Schema) *schemaReport {
	if s == nil {
		return nil
	}
	r := &schemaReport{Format: string(s.Format), MediaType: s.MediaType, Remote: s.Remote, Fields: s.Fields(), At: s.At}
	if r.Fields == nil {
		r.Fields = []catalog.Field{}
	}
	text, err := s.Text()
	switch {
	case err != nil:
	case json.Valid(text):
		r.Schema = json.RawMessage(text)
	default:
		r.Schema = string(text)
	}
	return r
}

func viewMessage(p *term.Page, m *messageReport, alone, wide bool) {
	p.Line("Message %s", term.In(term.Bold, m.Name))
	if m.Description != "" {
		p.Block("  ", m.Description)
	}
	if alone {
		p.Line("  %-22s %s", "channel", m.Channel)
	}
	p.Line("  %-22s %s", "compatibility", m.Compatibility)
	if m.ContentType != "" {
		p.Line("  %-22s %s", "content type", m.ContentType)
	}
	if m.Correlation != "" {
		p.Line("  %-22s %s", "correlation id", m.Correlation)
	}
	for _, part := range []struct {
		name string
		s    *schemaReport
	}{{"key", m.Key}, {"headers", m.Headers}, {"payload", m.Payload}} {
		if part.s == nil {
			continue
		}
		at := part.s.At.String()
		if part.s.Remote != "" {
			at = part.s.Remote + ", not fetched"
		}
		p.Line("  %-22s %s  %s", part.name, part.s.Format, term.In(term.Faint, "("+at+")"))
	}
	if m.Payload == nil {
		return
	}
	if fs := m.Payload.Fields; len(fs) > 0 {
		t := term.NewTable("  FIELD*", "TYPE", "REQUIRED", "PII", "DESCRIPTION*")
		for _, f := range fs {
			req := "no"
			if f.Required {
				req = "yes"
			}
			t.Row("  "+f.Path, f.Type, req, f.PII, strings.Join(strings.Fields(f.Description), " "))
		}
		p.Table(t)
	}
	if text, ok := m.Payload.Schema.(string); ok && wide {
		p.Line("")
		p.Block("  ", text)
	}
}
