package lag

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.yaml.in/yaml/v4"
)

// The names and labels that dashboards of each exporter rely on.
var exposed = map[Flavour]map[string]string{
	Native: {
		"kafka_consumergroup_group_offset":              "client_id cluster_name consumer_id group member_host partition topic",
		"kafka_consumergroup_group_lag":                 "client_id cluster_name consumer_id group member_host partition topic",
		"kafka_consumergroup_group_lag_seconds":         "client_id cluster_name consumer_id group member_host partition topic",
		"kafka_consumergroup_group_lag_stable":          "client_id cluster_name consumer_id group member_host partition topic",
		"kafka_consumergroup_group_messages_lost":       "client_id cluster_name consumer_id group member_host partition topic",
		"kafka_consumergroup_group_retention_margin":    "client_id cluster_name consumer_id group member_host partition topic",
		"kafka_consumergroup_group_lag_retention_ratio": "client_id cluster_name consumer_id group member_host partition topic",
		"kafka_consumergroup_group_sum_lag":             "cluster_name group",
		"kafka_consumergroup_group_max_lag":             "cluster_name group",
		"kafka_consumergroup_group_max_lag_seconds":     "cluster_name group",
		"kafka_consumergroup_group_topic_sum_lag":       "cluster_name group topic",
		"kafka_consumergroup_group_state":               "cluster_name group state",
		"kafka_consumergroup_group_status":              "cluster_name group status",
		"kafka_consumergroup_poll_time_ms":              "cluster_name",
		"kafka_partition_latest_offset":                 "cluster_name partition topic",
		"kafka_partition_earliest_offset":               "cluster_name partition topic",
		"weir_collect_errors_total":                     "cluster_name",
		"weir_dlt_records":                              "cluster_name group topic",
		"weir_dlt_oldest_seconds":                       "cluster_name group topic",
		"weir_dlt_pending":                              "cluster_name group topic",
	},
	KafkaExporter: {
		"kafka_consumergroup_lag":                          "consumergroup partition topic",
		"kafka_consumergroup_current_offset":               "consumergroup partition topic",
		"kafka_consumergroup_lag_sum":                      "consumergroup topic",
		"kafka_consumergroup_current_offset_sum":           "consumergroup topic",
		"kafka_consumergroup_members":                      "consumergroup",
		"kafka_topic_partitions":                           "topic",
		"kafka_topic_partition_current_offset":             "partition topic",
		"kafka_topic_partition_oldest_offset":              "partition topic",
		"kafka_topic_partition_leader":                     "partition topic",
		"kafka_topic_partition_replicas":                   "partition topic",
		"kafka_topic_partition_in_sync_replica":            "partition topic",
		"kafka_topic_partition_leader_is_preferred":        "partition topic",
		"kafka_topic_partition_under_replicated_partition": "partition topic",
		"kafka_brokers":                                    "",
		"kafka_broker_info":                                "address id",
	},
	KMinion: {
		"kminion_kafka_consumer_group_topic_partition_lag":       "group_id partition_id topic_name",
		"kminion_kafka_consumer_group_topic_lag":                 "group_id topic_name",
		"kminion_kafka_consumer_group_topic_offset_sum":          "group_id topic_name",
		"kminion_kafka_consumer_group_topic_members":             "group_id topic_name",
		"kminion_kafka_consumer_group_topic_assigned_partitions": "group_id topic_name",
		"kminion_kafka_consumer_group_info":                      "coordinator_id group_id protocol protocol_type state",
		"kminion_kafka_consumer_group_members":                   "group_id",
		"kminion_kafka_consumer_group_empty_members":             "group_id",
		"kminion_kafka_topic_partition_high_water_mark":          "partition_id topic_name",
		"kminion_kafka_topic_partition_low_water_mark":           "partition_id topic_name",
		"kminion_kafka_topic_high_water_mark_sum":                "topic_name",
		"kminion_kafka_topic_low_water_mark_sum":                 "topic_name",
		"kminion_kafka_topic_info":                               "cleanup_policy partition_count replication_factor topic_name",
		"kminion_kafka_cluster_info":                             "broker_count cluster_id cluster_version controller_id",
		"kminion_kafka_broker_info":                              "address broker_id is_controller port rack_id",
	},
	Burrow: {
		"burrow_kafka_consumer_lag_total":      "cluster consumer_group",
		"burrow_kafka_consumer_status":         "cluster consumer_group",
		"burrow_kafka_consumer_partition_lag":  "cluster consumer_group partition topic",
		"burrow_kafka_consumer_current_offset": "cluster consumer_group partition topic",
		"burrow_kafka_topic_partition_status":  "cluster consumer_group partition topic",
		"burrow_kafka_topic_partition_offset":  "cluster partition topic",
	},
}

// copied names that their authors chose against Prometheus' conventions. Nothing of our
// own is here.
var lint = map[Flavour][]string{
	Native: {"kafka_consumergroup_poll_time_ms: metric names should not contain abbreviated units"},
	Burrow: {"burrow_kafka_consumer_lag_total: non-counter metrics should not have \"_total\" suffix"},
	KMinion: {
		"kminion_kafka_consumer_group_topic_offset_sum: non-histogram and non-summary metrics should not have \"_sum\" suffix",
		"kminion_kafka_topic_high_water_mark_sum: non-histogram and non-summary metrics should not have \"_sum\" suffix",
		"kminion_kafka_topic_low_water_mark_sum: non-histogram and non-summary metrics should not have \"_sum\" suffix",
	},
	KafkaExporter: {
		"kafka_consumergroup_current_offset_sum: non-histogram and non-summary metrics should not have \"_sum\" suffix",
		"kafka_consumergroup_lag_sum: non-histogram and non-summary metrics should not have \"_sum\" suffix",
	},
}

func exposition(t *testing.T, f *fixture, flavour Flavour) *Exposition {
	t.Helper()
	s := f.read(Query{Ladder: DefaultLadder(), Settings: true})
	inv, _, err := f.reader().Inventory(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	oldest := t0.Add(-time.Hour)
	return &Exposition{
		Flavour: flavour, Cluster: "prod", Snapshot: s, Report: Compute(s, Options{By: ByPartition}), Inventory: inv, Now: t0,
		Depths: []Depth{{Topic: "orders.dlt", Group: "billing", Records: new(int64(3)), Oldest: &oldest, Pending: new(int64(2))}},
	}
}

func write(t *testing.T, e *Exposition) string {
	t.Helper()
	var b bytes.Buffer
	if err := e.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestNamesAndLabels(t *testing.T) {
	f := shop(t)
	cl := f.client(kgo.ConsumerGroup("live"), kgo.ConsumeTopics("orders", "payments"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.AutoCommitInterval(100*time.Millisecond))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for read := 0; read < 40; { // how many polls that takes is up to the broker
		f := cl.PollFetches(ctx)
		if err := f.Err(); err != nil {
			t.Fatal(err)
		}
		read += f.NumRecords()
	}
	for flavour, want := range exposed {
		out := write(t, exposition(t, f, flavour))
		p := expfmt.NewTextParser(model.UTF8Validation)
		families, err := p.TextToMetricFamilies(strings.NewReader(out))
		if err != nil {
			t.Fatalf("%s: %v", flavour, err)
		}
		got := map[string]string{}
		for name, fam := range families {
			var labels []string
			for _, l := range fam.GetMetric()[0].GetLabel() {
				labels = append(labels, l.GetName())
			}
			slices.Sort(labels)
			got[name] = strings.Join(labels, " ")
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", flavour, d)
		}
		problems, err := promlint.New(strings.NewReader(out)).Lint()
		if err != nil {
			t.Fatalf("%s: %v", flavour, err)
		}
		var said []string
		for _, p := range problems {
			said = append(said, p.Metric+": "+p.Text)
		}
		slices.Sort(said)
		if d := cmp.Diff(lint[flavour], said); d != "" {
			t.Errorf("lint %s: %s", flavour, d)
		}
	}
}

// TestSamples: two samples of one name and the same labels would make a scrape fail as a whole, and a label that is not
// UTF-8 too.
func TestSamples(t *testing.T) {
	s := world(Classic, Commit{Offset: 50}, Log{HWM: 100, LSO: 100}, Topic{}, true)
	r := Compute(s, Options{By: ByPartition})
	e := &Exposition{Flavour: Burrow, Cluster: "pr\xffod", Report: r}
	if out := write(t, e); !strings.Contains(out, "cluster=\"pr\uFFFDod\"") {
		t.Errorf("not in UTF-8:\n%s", out)
	}
	r.Groups = append(r.Groups, r.Groups[0])
	if err := e.Write(io.Discard); err == nil || !strings.Contains(err.Error(), "burrow_kafka_consumer_current_offset: two samples with the labels") {
		t.Errorf("one group twice: %v", err)
	}
}

func TestUnknownHasNoSample(t *testing.T) {
	s := world(Classic, Commit{Offset: 150}, Log{Err: errNoLeader}, Topic{}, true)
	r := Compute(s, Options{By: ByPartition})
	// What of billing cannot be known: its lag on orders/0, on orders, and as a whole.
	unknown := regexp.MustCompile(`^(?:kafka_consumergroup_group_(?:lag|messages|retention)\S*group="billing"\S*partition="0",topic="orders"` +
		`|kafka_consumergroup_group_(?:sum|max)_lag\S*group="billing"|kafka_consumergroup_group_topic_sum_lag\S*group="billing",topic="orders"` +
		`|kafka_consumergroup_lag\{consumergroup="billing",partition="0",topic="orders"` +
		`|kminion_kafka_consumer_group_topic_(?:partition_)?lag\S*group_id="billing",(?:partition_id="0",)?topic_name="orders"` +
		`|burrow_kafka_consumer_lag_total\S*"billing"|burrow_kafka_consumer_status\S*"billing"` +
		`|burrow_kafka_(?:consumer_partition_lag|topic_partition_status)\S*"billing",partition="0",topic="orders")`)
	for _, flavour := range Flavours() {
		out := write(t, &Exposition{Flavour: flavour, Cluster: "prod", Snapshot: s, Report: r, Errors: r.Errors()})
		for line := range strings.Lines(out) {
			if unknown.MatchString(line) && (flavour != KafkaExporter || !strings.HasSuffix(line, " -1\n")) {
				t.Errorf("%s: a sample of what is unknown: %s", flavour, line)
			}
		}
		known := Compute(world(Classic, Commit{Offset: 150}, Log{Start: 100, LSO: 200, HWM: 200}, Topic{}, true), Options{By: ByPartition})
		if all := write(t, &Exposition{Flavour: flavour, Cluster: "prod", Snapshot: s, Report: known}); !slices.ContainsFunc(strings.Split(all, "\n"), unknown.MatchString) {
			t.Errorf("%s: the pattern matches nothing even when all is known", flavour)
		}
	}
	out := write(t, &Exposition{Flavour: Native, Cluster: "prod", Snapshot: s, Report: r, Errors: r.Errors()})
	if !strings.Contains(out, `weir_collect_errors_total{cluster_name="prod"} 2`) {
		t.Errorf("the error is not counted:\n%s", out)
	}
}

func TestCompatValuesAreNeverNegative(t *testing.T) {
	s := world(Classic, Commit{Offset: 250}, Log{Start: 100, LSO: 200, HWM: 200}, Topic{}, true)
	r := Compute(s, Options{By: ByPartition})
	for _, flavour := range Flavours() {
		for line := range strings.Lines(write(t, &Exposition{Flavour: flavour, Cluster: "prod", Snapshot: s, Report: r})) {
			if !strings.HasPrefix(line, "#") && strings.Contains(line, " -") {
				t.Errorf("%s: %s", flavour, line)
			}
		}
	}
}

// alertInput has objectives and dead-letter topics, hostile names among them.
func alertInput() AlertInput {
	age := 5 * time.Minute
	return AlertInput{
		DefaultAge: 15 * time.Minute,
		Objectives: []Promise{
			{Group: "billing", Topic: "orders.order.v1", Owner: "team-pay", Age: &age, Records: new(int64(1000))},
			{Topic: "orders.order.v1", Owner: "team-orders", Age: &age},
			{Group: `we"ird{{ .x }}`, Topic: "payments", Age: &age},
		},
		DLTs: []DeadLetterTopic{{Topic: "orders.order.v1.billing.dlt", Group: "billing", Owner: "team-pay"}},
	}
}

// TestPromtool lets Prometheus' own tool judge what is exposed and what alerts.
func TestPromtool(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not on PATH; Debian has it in the package prometheus")
	}
	run := func(stdin string, args ...string) (string, error) {
		c := exec.CommandContext(t.Context(), promtool, args...)
		c.Stdin = strings.NewReader(stdin)
		out, err := c.CombinedOutput()
		return string(out), err
	}
	f := shop(t)
	for _, flavour := range Flavours() {
		out, _ := run(write(t, exposition(t, f, flavour)), "check", "metrics") // findings end it with an error
		var said []string
		for line := range strings.Lines(out) {
			metric, text, _ := strings.Cut(strings.TrimSpace(line), " ")
			said = append(said, metric+": "+text)
		}
		slices.Sort(said)
		if d := cmp.Diff(lint[flavour], said); d != "" {
			t.Errorf("%s: %s", flavour, d)
		}
	}
	for name, in := range map[string]AlertInput{"a catalog": alertInput(), "nothing declared": {}} {
		var b bytes.Buffer
		if err := WriteRules(&b, in); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "rules.yaml")
		if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := run("", "check", "rules", path); err != nil {
			t.Errorf("%s: %v\n%s\n%s", name, err, out, b.String())
		}
	}
}

func TestRulesAndDashboard(t *testing.T) {
	in := alertInput()
	var a, b bytes.Buffer
	if err := WriteRules(&a, in); err != nil {
		t.Fatal(err)
	}
	slices.Reverse(in.Objectives)
	if err := WriteRules(&b, in); err != nil {
		t.Fatal(err)
	}
	if a.String() != b.String() {
		t.Error("the order of the catalog shows in the rules")
	}
	var f ruleFile
	if err := yaml.Unmarshal(a.Bytes(), &f); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(a.String(), `group!~\"billing\"`) && !strings.Contains(a.String(), `group!~"billing"`) {
		t.Errorf("the channel's objective also judges the group with its own:\n%s", a.String())
	}
	var d bytes.Buffer
	if err := WriteDashboard(&d, in); err != nil {
		t.Fatal(err)
	}
	if strings.Count(d.String(), `"type": "timeseries"`) != 6+3 {
		t.Errorf("panels:\n%s", d.String())
	}
}
