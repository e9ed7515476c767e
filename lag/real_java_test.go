package lag_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/internal/kafkatest"
	"github.com/weirhq/weir/lag"
)

// java is Kafka's own programs, of the version of the running broker.
type java struct {
	t         *testing.T
	classPath string
	version   string
	broker    string
}

// kafkaTools skips the test where Kafka's own programs or a real broker are missing.
func kafkaTools(t *testing.T) (*java, *kafkatest.Cluster) {
	t.Helper()
	if kafkatest.Real() == nil {
		t.Skip("WEIR_TEST_BROKERS does not name a real Kafka: run make kafka-up test-kafka")
	}
	classPath := os.Getenv("WEIR_TEST_KAFKA_TOOLS")
	if classPath == "" {
		t.Skip("WEIR_TEST_KAFKA_TOOLS does not name the class path that kafkaup tools prints: run make test-kafka")
	}
	c := kafkatest.Start(t)
	return &java{t, classPath, c.Version, c.Brokers[0]}, c
}

func (j *java) command(class string, args ...string) *exec.Cmd {
	argv := append([]string{"-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp", j.classPath, class}, args...)
	return exec.CommandContext(j.t.Context(), "java", argv...)
}

// class is a program by the name that the version has for it.
func (j *java) class(since3, before3 string) string {
	if strings.HasPrefix(j.version, "2.") {
		return before3
	}
	return since3
}

// consume reads a topic from its start with the console consumer, in a group.
func (j *java) consume(group, topic string) {
	j.t.Helper()
	class := j.class("org.apache.kafka.tools.consumer.ConsoleConsumer", "kafka.tools.ConsoleConsumer")
	out, err := j.command(class, "--bootstrap-server", j.broker, "--topic", topic, "--group", group, "--from-beginning", "--timeout-ms", "8000").CombinedOutput()
	if err != nil {
		j.t.Fatalf("console consumer: %v\n%s", err, out)
	}
}

// javaRow is one partition as a tool tells it.
type javaRow struct {
	topic          string
	partition      int32
	committed, end int64
	lag            int64
}

// describe asks the tool for consumer groups about one of them.
func (j *java) describe(group string) []javaRow {
	j.t.Helper()
	class := j.class("org.apache.kafka.tools.consumer.group.ConsumerGroupCommand", "kafka.admin.ConsumerGroupCommand")
	return j.rows(class, group, "--describe", "--group", group)
}

// rows runs a tool and reads its table by the names of its columns. A dash is -1.
func (j *java) rows(class, group string, args ...string) []javaRow {
	j.t.Helper()
	out, err := j.command(class, append([]string{"--bootstrap-server", j.broker}, args...)...).CombinedOutput()
	if err != nil {
		j.t.Fatalf("%s: %v\n%s", class, err, out)
	}
	var rows []javaRow
	var columns []string
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if slices.Contains(fields, "PARTITION") {
			columns = fields
			continue
		}
		if len(fields) == 0 || fields[0] != group || columns == nil {
			continue
		}
		cell := func(names ...string) string {
			for _, name := range names {
				if i := slices.Index(columns, name); i >= 0 && i < len(fields) {
					return fields[i]
				}
			}
			j.t.Fatalf("no column %v in\n%s", names, out)
			return ""
		}
		number := func(names ...string) int64 {
			s := cell(names...)
			if s == "-" {
				return -1
			}
			n, err := strconv.ParseInt(s, 10, 64)
			if err != nil {
				j.t.Fatalf("%s: %v", line, err)
			}
			return n
		}
		rows = append(rows, javaRow{
			cell("TOPIC"), int32(number("PARTITION")), number("CURRENT-OFFSET", "COMMITTED-OFFSET"), number("LOG-END-OFFSET"), number("LAG", "OFFSET-LAG"),
		})
	}
	if len(rows) == 0 {
		j.t.Fatalf("%s told nothing of %s:\n%s", class, group, out)
	}
	return rows
}

// TestAgainstTheJavaTool compares every figure of every sort of group with what the
// broker's own tool says. They differ where the commit lies outside of the log, and there
// both are stated: the tool counts what is gone, or goes below zero.
func TestAgainstTheJavaTool(t *testing.T) {
	j, c := kafkaTools(t)
	orders, payments := c.Topic("orders", 4), c.Topic("payments", 2)
	for p := range int32(4) {
		c.ProduceValues(orders, p, values(100)...)
	}
	for p := range int32(2) {
		c.ProduceValues(payments, p, values(50)...)
	}
	// Empty groups that lag; mailer has a commit above the end.
	billing, mailer := c.Name("billing"), c.Name("mailer")
	for p, o := range []int64{0, 42, 100, 100} {
		c.Commit(billing, orders, int32(p), o)
	}
	c.Commit(billing, payments, 1, 7)
	c.Commit(mailer, orders, 0, 10)
	c.Commit(mailer, orders, 1, 250)
	// The log of orders/0 starts at 30 now: billing and mailer lost records there.
	var del kadm.Offsets
	del.AddOffset(orders, 0, 30, -1)
	if _, err := c.Admin().DeleteRecords(context.Background(), del); err != nil {
		t.Fatal(err)
	}
	groups := map[string]int{billing: 4, mailer: 0} // partitions whose commit lies in the log
	join := func(name string, opts ...kgo.Opt) *kgo.Client {
		group := c.Name(name)
		groups[group] = 2
		cl := c.Client(append([]kgo.Opt{kgo.ConsumerGroup(group), kgo.ConsumeTopics(payments), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit()}, opts...)...)
		readAll(t, cl, 100)
		return cl
	}
	join("live")
	join("static", kgo.InstanceID("pod-1")).Close() // its member stays
	var life kafkatest.Lifeline
	join("dead", kgo.SessionTimeout(6*time.Second), kgo.Dialer(life.Dial))
	life.Cut()
	j.consume(c.Name("java"), payments)
	groups[c.Name("java")] = 2
	if newSupports(c) {
		join("next", kgo.ServerSideBalancer(), kgo.Balancers(kgo.RangeBalancer()))
	}
	for p := range int32(2) { // all of them lag now
		c.ProduceValues(payments, p, values(5)...)
	}
	c.Wait("the dead member to be missed", func(context.Context) (bool, error) {
		_, r := look(t, c, lag.Query{Groups: []string{c.Name("dead")}})
		return *r.Groups[0].State == "Empty", nil
	})
	_, r := look(t, c, lag.Query{})
	below, above := 0, 0
	for group, known := range groups {
		compared := 0
		for _, row := range j.describe(group) {
			p := rowOf(t, r, group, row.topic, row.partition)
			name := fmt.Sprintf("%s %s/%d", group, row.topic, row.partition)
			switch {
			case *p.Committed < *p.Start:
				below++
				if row.lag != *p.End-*p.Committed || *p.Lag != *p.End-*p.Start || *p.Lost != *p.Start-*p.Committed || p.Status != lag.Lost {
					t.Errorf("%s below the start: tool %d, weir %d lost %d", name, row.lag, *p.Lag, *p.Lost)
				}
			case *p.Committed > *p.End:
				above++
				if row.lag >= 0 || *p.Lag != 0 || *p.Ahead != -row.lag || p.Status != lag.Ahead {
					t.Errorf("%s above the end: tool %d, weir %d ahead %d", name, row.lag, *p.Lag, *p.Ahead)
				}
			default:
				compared++
				if row.lag != *p.Lag || row.committed != *p.Committed || row.end != *p.End {
					t.Errorf("%s: tool %+v, weir %d %d %d", name, row, *p.Committed, *p.End, *p.Lag)
				}
			}
		}
		if compared != known {
			t.Errorf("%s: %d of %d partitions compared", group, compared, known)
		}
	}
	if below != 2 || above != 1 {
		t.Errorf("%d partitions below and %d above their logs, want 2 and 1", below, above)
	}
	for _, name := range []string{"dead", "java"} {
		if p := rowOf(t, r, c.Name(name), payments, 0); p.Status != lag.Stopped || *p.Lag != 5 {
			t.Errorf("%s has left its work: %s, lag %d", name, p.Status, *p.Lag)
		}
	}
	if p := rowOf(t, r, c.Name("static"), payments, 0); p.InstanceID == nil || *p.InstanceID != "pod-1" {
		t.Errorf("the static member is not named: %+v", p)
	}
}

// TestAStreamsGroup follows a Kafka Streams application on the streams rebalance protocol
// (KIP-1071), from its first task to the deletion of its group.
func TestAStreamsGroup(t *testing.T) {
	j, c := kafkaTools(t)
	if !newSupports(c) {
		t.Skip("the broker is older than 4.2, which has no streams groups")
	}
	ctx := context.Background()
	orders, group := c.Topic("orders", 2), c.Name("app")
	produce := func(n int) {
		for p := range int32(2) {
			for range n {
				c.Produce(&kgo.Record{Topic: orders, Partition: p, Key: []byte("k"), Value: []byte("v")})
			}
		}
	}
	produce(10)
	app := j.command("testdata/streams/Orders.java", c.Brokers[0], group, orders, t.TempDir())
	var out strings.Builder
	app.Stdout, app.Stderr = &out, &out
	stdin, err := app.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := app.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- app.Wait() }()
	leave := func() {
		_ = stdin.Close()
		if err := <-ended; err != nil {
			t.Fatalf("the application: %v\n%s", err, out.String())
		}
	}
	r := &lag.Reader{Client: c.Client(), Now: time.Now}
	c.Wait("the application to have read everything", func(ctx context.Context) (bool, error) {
		s, err := r.Read(ctx, lag.Query{Groups: []string{group}})
		if _, absent := err.(*lag.NotFoundError); absent { //nolint:errorlint // the reader returns it bare
			return false, nil
		}
		if err != nil {
			return false, err
		}
		rep := lag.Compute(s, lag.Options{By: lag.ByPartition})
		g := &rep.Groups[0]
		if g.Kind != lag.Streams || g.Error != nil {
			return false, fmt.Errorf("a group of type %s: %v", g.Kind, g.Error)
		}
		done := int64(0) // every record is read twice: as it came, and passed on
		for _, p := range g.Rows {
			if p.Committed != nil {
				done += *p.Committed
			}
		}
		return done == 40, nil
	})
	_, rep := look(t, c, lag.Query{Groups: []string{group}})
	g := &rep.Groups[0]
	if *g.State != "Stable" || *g.Members != 1 || len(g.Rows) != 5 { // three are of the repartition topic
		t.Errorf("%s with %d members on %d partitions, want Stable, 1 and 5", *g.State, *g.Members, len(g.Rows))
	}
	for _, p := range g.Rows {
		if p.MemberID == nil || *p.Host == "" {
			t.Errorf("%s/%d: its task's owner is not named", p.Topic, p.Partition)
		}
	}
	known := 0
	for _, row := range j.rows("org.apache.kafka.tools.streams.StreamsGroupCommand", group, "--describe", "--group", group, "--offsets", "--verbose") {
		p := rowOf(t, rep, group, row.topic, row.partition)
		if p.Committed == nil {
			if row.committed >= 0 {
				t.Errorf("%s/%d: tool %+v, weir knows no commit", row.topic, row.partition, row)
			}
			continue
		}
		known++
		if row.committed != *p.Committed || row.end != *p.End || row.lag != *p.Lag {
			t.Errorf("%s/%d: tool %+v, weir %d %d %d", row.topic, row.partition, row, *p.Committed, *p.End, *p.Lag)
		}
	}
	if known < 2 {
		t.Errorf("%d partitions compared with the tool", known)
	}
	end := lag.Target{From: lag.FromEnd}
	if _, err := r.PlanReset(ctx, lag.ResetRequest{Group: group, Target: &end}); err == nil || !strings.Contains(err.Error(), "Stable with 1 live member") {
		t.Errorf("reset of a live streams group: %v", err)
	}
	leave()
	produce(5)
	_, rep = look(t, c, lag.Query{Groups: []string{group}})
	for part := range int32(2) {
		if p := rowOf(t, rep, group, orders, part); *p.Lag != 5 || p.Status != lag.Stopped {
			t.Errorf("after the application has left: lag %d %s", *p.Lag, p.Status)
		}
	}
	plan, err := r.PlanReset(ctx, lag.ResetRequest{Group: group, Target: &end})
	if err != nil {
		t.Fatal(err)
	}
	if failed, err := r.Reset(ctx, plan); err != nil || failed > 0 {
		t.Fatalf("reset: %d failed, %v", failed, err)
	}
	_, rep = look(t, c, lag.Query{Groups: []string{group}})
	if g := rep.Groups[0]; g.Kind != lag.Streams || *g.Lag != 0 {
		t.Errorf("after the reset a %s group with lag %d", g.Kind, *g.Lag)
	}
	gone, err := r.PlanDelete(ctx, group, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Delete(ctx, gone); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Read(ctx, lag.Query{Groups: []string{group}}); err == nil {
		t.Error("the group is still there")
	}
}
