package commands

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/weirhq/weir/catalog"
	"github.com/weirhq/weir/finding"
)

// catalogEntry is what catalog show prints: one of the parts is set.
type catalogEntry struct {
	Name        string              `json:"name"`
	Channels    []channelReport     `json:"channels,omitempty"`
	Application *applicationReport  `json:"application,omitempty"`
	Messages    []messageReport     `json:"messages,omitempty"`
	DeadLetter  []operationReport   `json:"dead_letter_of,omitempty"`
	Owner       []catalogChannelRow `json:"owned_channels,omitempty"`
}

// valueReport is a value and where it comes from.
type valueReport struct {
	Value  any              `json:"value"`
	Origin string           `json:"origin"`
	Key    string           `json:"key,omitempty"`
	At     finding.Position `json:"at,omitzero"`
}

func valueOf[T any](v catalog.Value[T]) *valueReport {
	if !v.Known() {
		return nil
	}
	return &valueReport{Value: v.V, Origin: string(v.Origin), Key: v.Key, At: v.At}
}

// text is the value for people, or "" for none.
func (v *valueReport) text() string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v.Value)
}

type channelReport struct {
	Name           string                 `json:"name"`
	Title          string                 `json:"title,omitempty"`
	Description    string                 `json:"description,omitempty"`
	Protocol       string                 `json:"protocol"`
	Live           string                 `json:"live"` // "yes", or why live commands do not apply
	Family         string                 `json:"family,omitempty"`
	Owner          *valueReport           `json:"owner"`
	Lifecycle      *valueReport           `json:"lifecycle"`
	Classification *valueReport           `json:"classification"`
	Compatibility  *valueReport           `json:"compatibility"`
	Managed        *valueReport           `json:"managed"`
	Partitions     *valueReport           `json:"partitions"`
	Replicas       *valueReport           `json:"replicas"`
	TopicConfig    map[string]valueReport `json:"topic_config"`
	SLOAge         *string                `json:"slo_lag_age"`
	SLORecords     *int64                 `json:"slo_lag_records"`
	Producers      []operationReport      `json:"producers"`
	Consumers      []operationReport      `json:"consumers"`
	ClaimedBy      []string               `json:"claimed_by"`
	Messages       []messageReport        `json:"messages"`
	Definition     finding.Position       `json:"definition,omitzero"`
	References     []finding.Position     `json:"references"`
	Blocked        []finding.Finding      `json:"blocked"`
}

type operationReport struct {
	Application string           `json:"application"`
	Owner       string           `json:"owner,omitempty"`
	Operation   string           `json:"operation"`
	Channel     string           `json:"channel,omitempty"`
	Role        string           `json:"role"`
	Direction   string           `json:"direction_origin"`
	Group       *valueReport     `json:"group"`
	Principal   *valueReport     `json:"principal"`
	DLT         string           `json:"dead_letter_topic,omitempty"`
	Retry       []string         `json:"retry_topics"`
	At          finding.Position `json:"at"`
}

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

func channelOf(cat *catalog.Catalog, s *catalog.Stream) channelReport {
	ch := s.Channels[0]
	r := channelReport{
		Name: s.Name, Title: ch.Title, Description: ch.Description, Protocol: protocolOf(s), Live: "yes",
		Lifecycle: valueOf(ch.Lifecycle), Classification: valueOf(ch.Classification),
		Compatibility: valueOf(ch.Compatibility), Managed: valueOf(ch.Managed), Partitions: valueOf(ch.Partitions),
		Replicas: valueOf(ch.Replicas), TopicConfig: map[string]valueReport{}, Producers: []operationReport{},
		Consumers: []operationReport{}, ClaimedBy: []string{}, Messages: []messageReport{}, References: []finding.Position{},
		Blocked: []finding.Finding{},
	}
	if s.Family && ch.Kafka() {
		r.Family = ch.Family.Regex
	}
	if why := ch.NotLive(); why != "" {
		r.Live = why
	} else {
		r.Owner = valueOf(cat.Owner(ch.Topic))
		r.Blocked = append(r.Blocked, cat.Blocked(ch.Topic)...)
	}
	if r.Owner == nil {
		r.Owner = valueOf(ch.Owner)
	}
	for k, v := range ch.TopicConfig {
		r.TopicConfig[k] = *valueOf(v)
	}
	if ch.SLO.LagAge.Known() {
		age := ch.SLO.LagAge.V.Round(time.Second).String()
		r.SLOAge = &age
	}
	if ch.SLO.LagRecords.Known() {
		r.SLORecords = &ch.SLO.LagRecords.V
	}
	for _, op := range s.Producers {
		r.Producers = append(r.Producers, operationOf(op))
	}
	for _, op := range s.Consumers {
		r.Consumers = append(r.Consumers, operationOf(op))
	}
	for _, c := range s.Channels {
		for _, claim := range c.ClaimedBy {
			r.ClaimedBy = append(r.ClaimedBy, claim.Direction.Role()+" "+claim.Name)
		}
		if c.Foreign {
			r.References = append(r.References, c.At)
		} else if r.Definition.IsZero() {
			r.Definition = c.At
		}
	}
	for _, m := range ch.Messages {
		r.Messages = append(r.Messages, messageOf(s, m))
	}
	return r
}

func operationOf(op *catalog.Operation) operationReport {
	r := operationReport{
		Application: op.App.Name(), Owner: op.App.Owner.V.Team, Operation: op.ID, Role: op.Direction.Role(),
		Direction: op.DirectionOrigin, Principal: valueOf(op.Principal), Retry: []string{}, At: op.At,
	}
	if op.Channel != nil {
		r.Channel = op.Channel.Name()
	}
	if op.Group.Known() {
		r.Group = &valueReport{Value: op.Group.V.String(), Origin: string(op.Group.Origin), Key: op.Group.Key, At: op.Group.At}
	}
	if dlt := op.DLT(); dlt != nil {
		r.DLT = dlt.Topic
	}
	if op.ErrorTopics != nil {
		for _, t := range op.ErrorTopics.Retry {
			r.Retry = append(r.Retry, t.Topic)
		}
	}
	return r
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

type applicationReport struct {
	Name        string            `json:"name"`
	ID          string            `json:"id,omitempty"`
	Version     string            `json:"version,omitempty"`
	AsyncAPI    string            `json:"asyncapi"`
	Description string            `json:"description,omitempty"`
	File        string            `json:"file"`
	Owner       *valueReport      `json:"owner"`
	System      *valueReport      `json:"system"`
	Servers     []serverReport    `json:"servers"`
	Operations  []operationReport `json:"operations"`
	At          finding.Position  `json:"at"`
}

type serverReport struct {
	Key          string           `json:"key"`
	Address      string           `json:"address"`
	Protocol     string           `json:"protocol"`
	Environments []string         `json:"environments"`
	At           finding.Position `json:"at"`
}

func applicationOf(a *catalog.Application) *applicationReport {
	r := &applicationReport{
		Name: a.Name(), ID: a.ID, Version: a.Version, AsyncAPI: a.Spec, Description: a.Description, File: a.File,
		Owner: valueOf(a.Owner), System: valueOf(a.System), Servers: []serverReport{}, Operations: []operationReport{}, At: a.At,
	}
	for _, s := range a.Servers {
		r.Servers = append(r.Servers, serverReport{Key: s.Key, Address: s.URL, Protocol: s.Protocol, Environments: s.Environments(), At: s.At})
	}
	for _, op := range a.Operations {
		r.Operations = append(r.Operations, operationOf(op))
	}
	return r
}

func sortedConfig(m map[string]valueReport) []string { return slices.Sorted(maps.Keys(m)) }
