package lag

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// AlertInput is what the generated rules and the dashboard are about.
type AlertInput struct {
	// Objectives are the promises of the catalog; DLTs its dead-letter topics.
	Objectives []Promise
	DLTs       []DeadLetterTopic
	// DefaultAge is the limit of groups without a promise.
	DefaultAge time.Duration
}

// Promise is one x-slo: of a group on a topic, or, with an empty group, of every consumer.
type Promise struct {
	Group, Topic, Owner string
	Age                 *time.Duration
	Records             *int64
}

// DeadLetterTopic is one dead-letter topic and who answers for it.
type DeadLetterTopic struct{ Topic, Group, Owner string }

type ruleFile struct {
	Groups []ruleGroup `yaml:"groups"`
}

type ruleGroup struct {
	Name  string      `yaml:"name"`
	Rules []alertRule `yaml:"rules"`
}

type alertRule struct {
	Alert       string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for,omitempty"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

// WriteRules writes Prometheus alert rules over weir's native metrics, in an order that
// does not depend on the order of the input.
func WriteRules(w io.Writer, in AlertInput) error {
	f := ruleFile{Groups: []ruleGroup{{Name: "weir-lag", Rules: lagAlerts(in)}, {Name: "weir-dlt", Rules: dltAlerts(in)}, {Name: "weir-collection", Rules: []alertRule{
		{
			Alert: "WeirCollectErrors", Expr: "increase(weir_collect_errors_total[15m]) > 0", For: "15m", Labels: map[string]string{"severity": "warning"},
			Annotations: map[string]string{"summary": "weir could not read everything for 15 minutes", "description": "Samples are missing; what is not there is unknown, not fine."},
		},
		{
			Alert: "WeirLagAbsent", Expr: "absent(kafka_consumergroup_poll_time_ms)", For: "10m", Labels: map[string]string{"severity": "warning"},
			Annotations: map[string]string{"summary": "no lag has been collected for 10 minutes", "description": "weir lag export does not run or cannot be scraped."},
		},
	}}}}
	var b bytes.Buffer
	b.WriteString("# Written by weir lag rules. The names are those of weir lag export without --compat.\n")
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(f); err != nil {
		return fmt.Errorf("write alert rules: %w", err)
	}
	if err := enc.Close(); err != nil {
		return fmt.Errorf("write alert rules: %w", err)
	}
	_, err := w.Write(b.Bytes())
	return err
}

func lagAlerts(in AlertInput) []alertRule {
	promises := slices.Clone(in.Objectives)
	slices.SortFunc(promises, func(a, b Promise) int { return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Group, b.Group)) })
	var rules []alertRule
	for _, p := range promises {
		sel := matchers("topic", p.Topic, "group", p.Group)
		subject := "a group of " + p.Topic
		if p.Group != "" {
			subject = "group " + p.Group + " on " + p.Topic
		} else if own := groupsWithOwn(promises, p.Topic); len(own) > 0 {
			sel = strings.TrimSuffix(sel, "}") + ",group!~" + promString(alternatives(own)) + "}"
		}
		labels := map[string]string{"severity": "critical"}
		if p.Owner != "" {
			labels["owner"] = p.Owner
		}
		if p.Age != nil {
			rules = append(rules, alertRule{
				Alert: "KafkaLagAgeOverObjective", For: "1m", Labels: labels,
				Expr: fmt.Sprintf("max by (cluster_name, group, topic) (kafka_consumergroup_group_lag_seconds%s) > %s", sel, number(p.Age.Seconds())),
				Annotations: map[string]string{
					"summary":     template(subject) + " is older than its objective of " + p.Age.String(),
					"description": "The first unread record of {{ $labels.group }} on {{ $labels.topic }} is at least {{ $value | humanizeDuration }} old. Next: weir lag {{ $labels.group }} --sample 10s",
				},
			})
		}
		if p.Records != nil {
			rules = append(rules, alertRule{
				Alert: "KafkaLagRecordsOverObjective", For: "1m", Labels: labels,
				Expr: fmt.Sprintf("max by (cluster_name, group, topic) (kafka_consumergroup_group_topic_sum_lag%s) > %d", sel, *p.Records),
				Annotations: map[string]string{
					"summary":     template(subject) + " has more unread records than its objective of " + strconv.FormatInt(*p.Records, 10),
					"description": "{{ $value }} records are unread. Next: weir lag {{ $labels.group }} --sample 10s",
				},
			})
		}
	}
	if in.DefaultAge > 0 {
		rules = append(rules, alertRule{
			Alert: "KafkaLagAge", For: "5m", Labels: map[string]string{"severity": "warning"},
			Expr: fmt.Sprintf("max by (cluster_name, group, topic) (kafka_consumergroup_group_lag_seconds) > %s", number(in.DefaultAge.Seconds())),
			Annotations: map[string]string{
				"summary":     "{{ $labels.group }} is {{ $value | humanizeDuration }} behind on {{ $labels.topic }}",
				"description": "No objective is declared; this is the limit for all groups. Next: weir lag {{ $labels.group }}",
			},
		})
	}
	stuck := func(alert, status, summary string) alertRule {
		return alertRule{
			Alert: alert, For: "5m", Labels: map[string]string{"severity": "critical"},
			Expr:        fmt.Sprintf("kafka_consumergroup_group_status{status=%s} == 1", promString(status)),
			Annotations: map[string]string{"summary": summary, "description": "Next: weir group describe {{ $labels.group }}"},
		}
	}
	return append(
		rules,
		stuck("KafkaGroupStopped", string(Stopped), "nobody reads for {{ $labels.group }}, and records wait"),
		stuck("KafkaGroupStalled", string(Stalled), "{{ $labels.group }} has members and does not move"),
		stuck("KafkaGroupBlocked", string(Blocked), "an open transaction holds the readers of {{ $labels.group }}"),
		alertRule{
			Alert: "KafkaLossRisk", For: "5m", Labels: map[string]string{"severity": "critical"},
			Expr: fmt.Sprintf("kafka_consumergroup_group_status{status=%s} == 1", promString(string(AtRisk))),
			Annotations: map[string]string{
				"summary":     "retention may delete records before {{ $labels.group }} reads them",
				"description": "Raise retention.ms first, then find out why. Next: weir lag {{ $labels.group }} --by partition -o wide",
			},
		},
		alertRule{
			Alert: "KafkaRecordsLost", Labels: map[string]string{"severity": "critical"},
			Expr: "sum by (cluster_name, group, topic) (kafka_consumergroup_group_messages_lost) > 0",
			Annotations: map[string]string{
				"summary":     "{{ $value }} records of {{ $labels.topic }} were deleted before {{ $labels.group }} read them",
				"description": "Next: weir lag {{ $labels.group }} --topic {{ $labels.topic }} --by partition",
			},
		},
	)
}

func groupsWithOwn(promises []Promise, topic string) []string {
	var own []string
	for _, p := range promises {
		if p.Topic == topic && p.Group != "" {
			own = append(own, p.Group)
		}
	}
	slices.Sort(own)
	return slices.Compact(own)
}

func dltAlerts(in AlertInput) []alertRule {
	dlts := slices.Clone(in.DLTs)
	slices.SortFunc(dlts, func(a, b DeadLetterTopic) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Group, b.Group))
	})
	var rules []alertRule
	for _, d := range dlts {
		labels := map[string]string{"severity": "critical"}
		if d.Owner != "" {
			labels["owner"] = d.Owner
		}
		rules = append(rules, alertRule{
			Alert: "DeadLetters", For: "5m", Labels: labels,
			Expr: "max by (cluster_name, topic, group) (weir_dlt_records" + matchers("topic", d.Topic, "group", d.Group) + ") > 0",
			Annotations: map[string]string{
				"summary":     "{{ $value }} dead letters in {{ $labels.topic }}",
				"description": "Next: weir dlt inspect {{ $labels.topic }}",
			},
		})
	}
	if len(rules) == 0 {
		rules = append(rules, alertRule{
			Alert: "DeadLetters", For: "5m", Labels: map[string]string{"severity": "critical"}, Expr: "max by (cluster_name, topic, group) (weir_dlt_records) > 0",
			Annotations: map[string]string{"summary": "{{ $value }} dead letters in {{ $labels.topic }}", "description": "Next: weir dlt inspect {{ $labels.topic }}"},
		})
	}
	return rules
}

// matchers writes {label="value",...}; empty values are left out.
func matchers(pairs ...string) string {
	var parts []string
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			parts = append(parts, pairs[i]+"="+promString(pairs[i+1]))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// promString quotes a string for PromQL, whose escapes are those of Go.
func promString(s string) string { return strconv.Quote(s) }

// alternatives is a regular expression that matches exactly the names.
func alternatives(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		var b strings.Builder
		for _, r := range n {
			if strings.ContainsRune(`\.+*?()|[]{}^$`, r) {
				b.WriteByte('\\')
			}
			b.WriteRune(r)
		}
		quoted[i] = b.String()
	}
	return strings.Join(quoted, "|")
}

// template makes a name safe inside a template of Prometheus: names come from documents.
func template(s string) string {
	return strings.NewReplacer("{{", `{{"{{"}}`, "}}", `{{"}}"}}`).Replace(s)
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// WriteDashboard writes a Grafana dashboard over weir's native metrics.
func WriteDashboard(w io.Writer, in AlertInput) error {
	promises := slices.Clone(in.Objectives)
	slices.SortFunc(promises, func(a, b Promise) int { return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Group, b.Group)) })
	var panels []map[string]any
	add := func(title, unit, expr, legend string, limit *float64) {
		const width, height = 12, 8
		n := len(panels)
		field := map[string]any{"unit": unit}
		if limit != nil {
			field["thresholds"] = map[string]any{"mode": "absolute", "steps": []any{
				map[string]any{"color": "green", "value": nil}, map[string]any{"color": "red", "value": *limit},
			}}
			field["custom"] = map[string]any{"thresholdsStyle": map[string]any{"mode": "line"}}
		}
		panels = append(panels, map[string]any{
			"id": n + 1, "type": "timeseries", "title": title,
			"gridPos":     map[string]any{"x": n % 2 * width, "y": n / 2 * height, "w": width, "h": height},
			"datasource":  map[string]any{"type": "prometheus", "uid": "${datasource}"},
			"fieldConfig": map[string]any{"defaults": field, "overrides": []any{}},
			"targets":     []any{map[string]any{"refId": "A", "expr": expr, "legendFormat": legend}},
		})
	}
	const picked = `{cluster_name=~"$cluster",group=~"$group"}`
	add("Age of the first unread record", "s", "max by (group) (kafka_consumergroup_group_max_lag_seconds"+picked+")", "{{group}}", nil)
	add("Unread records", "short", "sum by (group) (kafka_consumergroup_group_sum_lag"+picked+")", "{{group}}", nil)
	add("Groups by status", "short", `sum by (status) (kafka_consumergroup_group_status{cluster_name=~"$cluster"})`, "{{status}}", nil)
	add("Part of the log that is unread", "percentunit", "max by (group, topic) (kafka_consumergroup_group_lag_retention_ratio"+picked+")", "{{group}} {{topic}}", new(atRisk))
	add("Dead letters", "short", `max by (topic) (weir_dlt_records{cluster_name=~"$cluster"})`, "{{topic}}", nil)
	add("Readings that failed", "short", "increase(weir_collect_errors_total[5m])", "{{cluster_name}}", nil)
	for _, p := range promises {
		if p.Age == nil {
			continue
		}
		limit := p.Age.Seconds()
		title := "Objective: every group on " + p.Topic
		if p.Group != "" {
			title = "Objective: " + p.Group + " on " + p.Topic
		}
		add(title, "s", "max by (group) (kafka_consumergroup_group_lag_seconds"+matchers("topic", p.Topic, "group", p.Group)+")", "{{group}}", &limit)
	}
	variable := func(name, label string) map[string]any {
		return map[string]any{
			"name": name, "type": "query", "datasource": map[string]any{"type": "prometheus", "uid": "${datasource}"},
			"query": "label_values(kafka_consumergroup_group_status, " + label + ")", "includeAll": true, "multi": true, "allValue": ".*", "refresh": 2,
			"current": map[string]any{"text": "All", "value": "$__all"},
		}
	}
	b, err := json.MarshalIndent(map[string]any{
		"title": "Kafka consumer lag", "uid": "weir-lag", "schemaVersion": 39, "version": 1, "editable": true, "refresh": "30s",
		"tags": []string{"kafka", "weir"}, "time": map[string]any{"from": "now-6h", "to": "now"},
		"templating": map[string]any{"list": []any{
			map[string]any{"name": "datasource", "type": "datasource", "query": "prometheus"},
			variable("cluster", "cluster_name"), variable("group", "group"),
		}},
		"panels": panels,
	}, "", "  ")
	if err != nil {
		return fmt.Errorf("write dashboard: %w", err)
	}
	_, err = w.Write(append(b, '\n'))
	return err
}
