package lag

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
)

// Flavour says whose metric names are written.
type Flavour string

// The flavours. Native is the family of kafka-lag-exporter, with what weir knows beyond.
const (
	Native        Flavour = "native"
	KafkaExporter Flavour = "kafka_exporter"
	KMinion       Flavour = "kminion"
	Burrow        Flavour = "burrow"
)

// Flavours lists them.
func Flavours() []Flavour { return []Flavour{Native, KafkaExporter, KMinion, Burrow} }

// Exposition is what one collection exposes. The report must be by partition.
type Exposition struct {
	Flavour Flavour
	// Cluster is the value of the labels cluster_name and cluster.
	Cluster   string
	Report    *Report
	Snapshot  *Snapshot
	Inventory *Inventory // kafka_exporter and kminion only
	Depths    []Depth
	Now       time.Time
	// Took is how long the collection lasted.
	Took time.Duration
	// Errors counts what could not be read, since the process began.
	Errors int64
}

// Errors counts what a report could not read: each is a sample left out.
func (r *Report) Errors() int64 {
	n := int64(len(r.Coverage.Failures)) + int64(r.Total.Unread)
	for i := range r.Groups {
		if g := &r.Groups[i]; g.Error != nil || g.hidden != "" {
			n++
		}
	}
	return n
}

// Write writes the Prometheus text format, ordered by name and labels. A value that is not known has no sample.
func (e *Exposition) Write(w io.Writer) error {
	m := &meter{families: map[string]*dto.MetricFamily{}}
	switch e.Flavour {
	case KafkaExporter:
		e.kafkaExporter(m)
	case KMinion:
		e.kminion(m)
	case Burrow:
		e.burrow(m)
	case Native:
		e.native(m)
	}
	for _, name := range slices.Sorted(maps.Keys(m.families)) {
		f := m.families[name]
		slices.SortFunc(f.Metric, byLabels)
		for i := 1; i < len(f.Metric); i++ {
			if byLabels(f.Metric[i-1], f.Metric[i]) == 0 {
				return fmt.Errorf("write metric %s: two samples with the labels %v", name, f.Metric[i].Label)
			}
		}
		if _, err := expfmt.MetricFamilyToText(w, f); err != nil {
			return fmt.Errorf("write metric %s: %w", name, err)
		}
	}
	return nil
}

// byLabels compares the values of two samples of one family: their names are the same.
func byLabels(a, b *dto.Metric) int {
	return slices.CompareFunc(a.Label, b.Label, func(a, b *dto.LabelPair) int { return strings.Compare(a.GetValue(), b.GetValue()) })
}

// meter collects samples. It makes the families itself: the registry of client_golang, which is for programs that watch
// themselves, costs every start of weir a millisecond.
type meter struct {
	families map[string]*dto.MetricFamily
}

func (m *meter) sample(kind dto.MetricType, name, help string, labels, values []string) *dto.Metric {
	f := m.families[name]
	if f == nil {
		f = &dto.MetricFamily{Name: &name, Help: &help, Type: &kind}
		m.families[name] = f
	}
	s := &dto.Metric{}
	for i, l := range labels {
		v := strings.ToValidUTF8(values[i], "\uFFFD")
		s.Label = append(s.Label, &dto.LabelPair{Name: &l, Value: &v})
	}
	slices.SortFunc(s.Label, func(a, b *dto.LabelPair) int { return strings.Compare(a.GetName(), b.GetName()) })
	f.Metric = append(f.Metric, s)
	return s
}

func (m *meter) count(name, help string, labels []string, v float64, values ...string) {
	m.sample(dto.MetricType_COUNTER, name, help, labels, values).Counter = &dto.Counter{Value: &v}
}

func (m *meter) gauge(name, help string, labels []string, v float64, values ...string) {
	m.sample(dto.MetricType_GAUGE, name, help, labels, values).Gauge = &dto.Gauge{Value: &v}
}

// known sends a sample if there is a value.
func (m *meter) known(name, help string, labels []string, v *int64, values ...string) {
	if v != nil {
		m.gauge(name, help, labels, float64(*v), values...)
	}
}

func seconds(ms int64) float64 { return float64(ms) / 1000 }

func decimal(n int32) string { return strconv.Itoa(int(n)) }

// native writes the family of kafka-lag-exporter. Seconds are the proved lower bound of
// the age: an alert on it never fires early.
func (e *Exposition) native(m *meter) {
	per := []string{"cluster_name", "group", "topic", "partition", "member_host", "consumer_id", "client_id"}
	of := []string{"cluster_name", "group"}
	ofTopic := []string{"cluster_name", "group", "topic"}
	for i := range e.Report.Groups {
		g := &e.Report.Groups[i]
		topics := map[string]*summer{}
		var most *int64
		for j := range g.Rows {
			p := &g.Rows[j]
			values := []string{e.Cluster, g.Group, p.Topic, decimal(p.Partition), text(p.Host), text(p.MemberID), text(p.ClientID)}
			into(topics, p.Topic).add(p)
			m.known("kafka_consumergroup_group_offset", "Last committed offset of a group on a partition", per, p.Committed, values...)
			m.known("kafka_consumergroup_group_lag", "Records between the committed offset and the end of a partition", per, p.Lag, values...)
			m.known("kafka_consumergroup_group_lag_stable", "Records between the committed offset and the last stable offset", per, p.Stable, values...)
			m.known("kafka_consumergroup_group_messages_lost", "Records that were deleted before the group read them", per, p.Lost, values...)
			m.known("kafka_consumergroup_group_retention_margin", "Records between the start of a partition and the committed offset", per, p.Margin, values...)
			if p.RetentionRatio != nil {
				m.gauge("kafka_consumergroup_group_lag_retention_ratio", "Part of a partition's log that the group has not read", per, *p.RetentionRatio, values...)
			}
			if p.Age != nil {
				m.gauge("kafka_consumergroup_group_lag_seconds", "Age of the first unread record of a partition, at least", per, seconds(p.Age.MinMS), values...)
			}
			if p.Lag != nil && (most == nil || *p.Lag > *most) {
				most = p.Lag
			}
		}
		if !g.AtLeast {
			m.known("kafka_consumergroup_group_sum_lag", "Lag of a group on all its partitions", of, g.Lag, e.Cluster, g.Group)
			m.known("kafka_consumergroup_group_max_lag", "Largest lag of a group on one partition", of, most, e.Cluster, g.Group)
			if g.Age != nil {
				m.gauge("kafka_consumergroup_group_max_lag_seconds", "Age of a group's first unread record, at least", of, seconds(g.Age.MinMS), e.Cluster, g.Group)
			}
		}
		for t, sum := range topics {
			if f := sum.figures(); !f.AtLeast {
				m.known("kafka_consumergroup_group_topic_sum_lag", "Lag of a group on a topic", ofTopic, f.Lag, e.Cluster, g.Group, t)
			}
		}
		if g.State != nil {
			m.gauge("kafka_consumergroup_group_state", "State of a group as its coordinator tells it", []string{"cluster_name", "group", "state"}, 1, e.Cluster, g.Group, *g.State)
		}
		for _, s := range Statuses() {
			v := 0.0
			if g.Status == s {
				v = 1
			}
			m.gauge("kafka_consumergroup_group_status", "Status of a group, worst partition first", []string{"cluster_name", "group", "status"}, v, e.Cluster, g.Group, string(s))
		}
	}
	if e.Snapshot != nil {
		at := []string{"cluster_name", "topic", "partition"}
		for p, l := range e.Snapshot.Logs {
			if l.Err == nil {
				m.gauge("kafka_partition_latest_offset", "End of a partition", at, float64(l.HWM), e.Cluster, p.Topic, decimal(p.Partition))
				m.gauge("kafka_partition_earliest_offset", "Start of a partition", at, float64(l.Start), e.Cluster, p.Topic, decimal(p.Partition))
			}
		}
	}
	m.gauge("kafka_consumergroup_poll_time_ms", "Time that the last collection took", []string{"cluster_name"}, float64(e.Took.Milliseconds()), e.Cluster)
	m.count("weir_collect_errors_total", "Readings that failed; each left samples out", []string{"cluster_name"}, float64(e.Errors), e.Cluster)
	for _, d := range e.Depths {
		labels := []string{"cluster_name", "topic", "group"}
		m.known("weir_dlt_records", "Records in a dead-letter topic, at most", labels, d.Records, e.Cluster, d.Topic, d.Group)
		m.known("weir_dlt_pending", "Dead letters that are not resolved", labels, d.Pending, e.Cluster, d.Topic, d.Group)
		if d.Oldest != nil {
			age := 0.0
			if !d.Oldest.IsZero() {
				age = max(0, e.Now.Sub(*d.Oldest).Seconds())
			}
			m.gauge("weir_dlt_oldest_seconds", "Age of the first record in a dead-letter topic", labels, age, e.Cluster, d.Topic, d.Group)
		}
	}
}

// kafkaExporter writes the names of danielqsj/kafka_exporter. It alone tells an unknown
// lag as -1, because its users' alerts expect that.
func (e *Exposition) kafkaExporter(m *meter) {
	per, ofTopic := []string{"consumergroup", "topic", "partition"}, []string{"consumergroup", "topic"}
	for i := range e.Report.Groups {
		g := &e.Report.Groups[i]
		type sums struct{ lag, offset float64 }
		totals := map[string]*sums{}
		for j := range g.Rows {
			p := &g.Rows[j]
			t := totals[p.Topic]
			if t == nil {
				t = &sums{}
				totals[p.Topic] = t
			}
			lag := -1.0
			if p.Lag != nil {
				lag = float64(*p.Lag)
				t.lag += lag
			}
			m.gauge("kafka_consumergroup_lag", "Current approximate lag of a group at a partition", per, lag, g.Group, p.Topic, decimal(p.Partition))
			if p.Committed != nil {
				t.offset += float64(*p.Committed)
				m.gauge("kafka_consumergroup_current_offset", "Current offset of a group at a partition", per, float64(*p.Committed), g.Group, p.Topic, decimal(p.Partition))
			}
		}
		for topic, t := range totals {
			m.gauge("kafka_consumergroup_lag_sum", "Current approximate lag of a group at a topic", ofTopic, t.lag, g.Group, topic)
			m.gauge("kafka_consumergroup_current_offset_sum", "Current offset of a group at a topic", ofTopic, t.offset, g.Group, topic)
		}
		if g.Members != nil {
			m.gauge("kafka_consumergroup_members", "Members of a group", []string{"consumergroup"}, float64(*g.Members), g.Group)
		}
	}
	if e.Inventory == nil {
		return
	}
	at := []string{"topic", "partition"}
	for i := range e.Inventory.Topics {
		t := &e.Inventory.Topics[i]
		if t.Internal {
			continue
		}
		m.gauge("kafka_topic_partitions", "Partitions of a topic", []string{"topic"}, float64(len(t.Partitions)), t.Name)
		for j := range t.Partitions {
			p := &t.Partitions[j]
			id := decimal(p.ID)
			if p.Log.Err == nil {
				m.gauge("kafka_topic_partition_current_offset", "End of a partition", at, float64(p.Log.HWM), t.Name, id)
				m.gauge("kafka_topic_partition_oldest_offset", "Start of a partition", at, float64(p.Log.Start), t.Name, id)
			}
			m.gauge("kafka_topic_partition_leader", "Broker that leads a partition", at, float64(p.Leader), t.Name, id)
			m.gauge("kafka_topic_partition_replicas", "Replicas of a partition", at, float64(len(p.Replicas)), t.Name, id)
			m.gauge("kafka_topic_partition_in_sync_replica", "Replicas of a partition that are in sync", at, float64(len(p.ISR)), t.Name, id)
			m.gauge("kafka_topic_partition_leader_is_preferred", "1 if a partition is led by its preferred broker", at, truth(len(p.Replicas) > 0 && p.Replicas[0] == p.Leader), t.Name, id)
			m.gauge("kafka_topic_partition_under_replicated_partition", "1 if a partition has replicas that are not in sync", at, truth(len(p.ISR) < len(p.Replicas)), t.Name, id)
		}
	}
	m.gauge("kafka_brokers", "Brokers of the cluster", nil, float64(len(e.Inventory.Brokers)))
	for _, b := range e.Inventory.Brokers {
		m.gauge("kafka_broker_info", "A broker of the cluster", []string{"id", "address"}, 1, decimal(b.ID), b.Host+":"+decimal(b.Port))
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// kminion writes the names of redpanda-data/kminion in its adminApi mode.
func (e *Exposition) kminion(m *meter) {
	per, ofTopic, of := []string{"group_id", "topic_name", "partition_id"}, []string{"group_id", "topic_name"}, []string{"group_id"}
	for i := range e.Report.Groups {
		g := &e.Report.Groups[i]
		topics := map[string]*kminionTopic{}
		for j := range g.Rows {
			p := &g.Rows[j]
			t := topics[p.Topic]
			if t == nil {
				t = &kminionTopic{members: map[string]bool{}}
				topics[p.Topic] = t
			}
			t.sum.add(p)
			if p.Committed != nil {
				t.offsets += float64(*p.Committed)
				t.committed = true
			}
			if p.MemberID != nil {
				t.members[*p.MemberID] = true
				t.assigned++
			}
			m.known("kminion_kafka_consumer_group_topic_partition_lag", "Lag of a group on a partition", per, p.Lag, g.Group, p.Topic, decimal(p.Partition))
		}
		for name, t := range topics {
			if f := t.sum.figures(); !f.AtLeast {
				m.known("kminion_kafka_consumer_group_topic_lag", "Lag of a group on a topic", ofTopic, f.Lag, g.Group, name)
			}
			if t.committed {
				m.gauge("kminion_kafka_consumer_group_topic_offset_sum", "Sum of the committed offsets of a group on a topic", ofTopic, t.offsets, g.Group, name)
			}
			if g.Members != nil {
				m.gauge("kminion_kafka_consumer_group_topic_members", "Members of a group that own partitions of a topic", ofTopic, float64(len(t.members)), g.Group, name)
				m.gauge("kminion_kafka_consumer_group_topic_assigned_partitions", "Partitions of a topic that a group has assigned", ofTopic, float64(t.assigned), g.Group, name)
			}
		}
		if g.Members != nil {
			m.gauge("kminion_kafka_consumer_group_members", "Members of a group", of, float64(*g.Members), g.Group)
			m.gauge("kminion_kafka_consumer_group_empty_members", "Members of a group without partitions", of, float64(*g.IdleMembers), g.Group)
		}
		if g.State != nil {
			m.gauge("kminion_kafka_consumer_group_info", "A group with its state; 1 if it is stable", []string{"group_id", "protocol", "protocol_type", "state", "coordinator_id"}, truth(*g.State == "Stable"), g.Group, g.Assignor, g.Protocol, *g.State, decimal(g.Coordinator))
		}
	}
	if e.Inventory != nil {
		e.kminionInventory(m)
	}
}

type kminionTopic struct {
	sum       summer
	offsets   float64
	committed bool
	members   map[string]bool
	assigned  int
}

func (e *Exposition) kminionInventory(m *meter) {
	at := []string{"topic_name", "partition_id"}
	inv := e.Inventory
	for i := range inv.Topics {
		t := &inv.Topics[i]
		var high, low float64
		whole := true
		for j := range t.Partitions {
			p := &t.Partitions[j]
			if p.Log.Err != nil {
				whole = false
				continue
			}
			high, low = high+float64(p.Log.HWM), low+float64(p.Log.Start)
			m.gauge("kminion_kafka_topic_partition_high_water_mark", "End of a partition", at, float64(p.Log.HWM), t.Name, decimal(p.ID))
			m.gauge("kminion_kafka_topic_partition_low_water_mark", "Start of a partition", at, float64(p.Log.Start), t.Name, decimal(p.ID))
		}
		if whole {
			m.gauge("kminion_kafka_topic_high_water_mark_sum", "Sum of the ends of a topic's partitions", []string{"topic_name"}, high, t.Name)
			m.gauge("kminion_kafka_topic_low_water_mark_sum", "Sum of the starts of a topic's partitions", []string{"topic_name"}, low, t.Name)
		}
		replicas := 0
		if len(t.Partitions) > 0 {
			replicas = len(t.Partitions[0].Replicas)
		}
		m.gauge("kminion_kafka_topic_info", "A topic with its settings", []string{"topic_name", "partition_count", "replication_factor", "cleanup_policy"}, 1,
			t.Name, strconv.Itoa(len(t.Partitions)), strconv.Itoa(replicas), t.CleanupPolicy)
	}
	m.gauge("kminion_kafka_cluster_info", "The cluster", []string{"cluster_version", "broker_count", "controller_id", "cluster_id"}, 1,
		"", strconv.Itoa(len(inv.Brokers)), decimal(inv.Controller), inv.ClusterID)
	for _, b := range inv.Brokers {
		m.gauge("kminion_kafka_broker_info", "A broker", []string{"broker_id", "address", "port", "rack_id", "is_controller"}, 1,
			decimal(b.ID), b.Host, decimal(b.Port), b.Rack, strconv.FormatBool(b.ID == inv.Controller))
	}
}

// The codes of Burrow.
const (
	burrowOK     = 1
	burrowWarn   = 2
	burrowErr    = 3
	burrowStop   = 4
	burrowStall  = 5
	burrowRewind = 6
)

func burrowPartition(s Status) (float64, bool) {
	switch s {
	case Unknown, None:
		return 0, false
	case Stopped:
		return burrowStop, true
	case Stalled:
		return burrowStall, true
	case Rewind:
		return burrowRewind, true
	case Lost, Ahead:
		return burrowErr, true
	case Behind, AtRisk, Blocked:
		return burrowWarn, true
	case Never, OK, Idle, Rebalancing:
	}
	return burrowOK, true
}

// burrowGroup: a group is at most in error, whatever its partitions are.
func burrowGroup(s Status) (float64, bool) {
	v, ok := burrowPartition(s)
	return min(v, burrowErr), ok
}

// burrow writes the names of linkedin/Burrow.
func (e *Exposition) burrow(m *meter) {
	of, per := []string{"cluster", "consumer_group"}, []string{"cluster", "consumer_group", "topic", "partition"}
	for i := range e.Report.Groups {
		g := &e.Report.Groups[i]
		if !g.AtLeast {
			m.known("burrow_kafka_consumer_lag_total", "Lag of a group on all its partitions", of, g.Lag, e.Cluster, g.Group)
		}
		if v, ok := burrowGroup(g.Status); ok {
			m.gauge("burrow_kafka_consumer_status", "Status of a group: 1 OK, 2 WARN, 3 ERR", of, v, e.Cluster, g.Group)
		}
		for j := range g.Rows {
			p := &g.Rows[j]
			values := []string{e.Cluster, g.Group, p.Topic, decimal(p.Partition)}
			m.known("burrow_kafka_consumer_partition_lag", "Lag of a group on a partition", per, p.Lag, values...)
			m.known("burrow_kafka_consumer_current_offset", "Committed offset of a group on a partition", per, p.Committed, values...)
			if v, ok := burrowPartition(p.Status); ok {
				m.gauge("burrow_kafka_topic_partition_status", "Status of a group on a partition: 1 OK, 2 WARN, 4 STOP, 5 STALL, 6 REWIND", per, v, values...)
			}
		}
	}
	if e.Snapshot == nil {
		return
	}
	parts := make([]Partition, 0, len(e.Snapshot.Logs))
	for p, l := range e.Snapshot.Logs {
		if l.Err == nil {
			parts = append(parts, p)
		}
	}
	slices.SortFunc(parts, Partition.Compare)
	for _, p := range parts {
		m.gauge("burrow_kafka_topic_partition_offset", "End of a partition", []string{"cluster", "topic", "partition"}, float64(e.Snapshot.Logs[p].HWM), e.Cluster, p.Topic, decimal(p.Partition))
	}
}
