package commands

import (
	"fmt"
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
