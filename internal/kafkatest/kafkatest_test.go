package kafkatest_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/internal/kafkatest"
)

func TestFixtures(t *testing.T) {
	c := kafkatest.Start(t)
	topic := c.Topic("orders", 3, "retention.ms=60000")
	c.ProduceValues(topic, 1, "a", "b", "c")
	group := c.Name("billing")
	c.Commit(group, topic, 1, 2)

	ends, err := c.Admin().ListEndOffsets(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	if o, _ := ends.Lookup(topic, 1); o.Offset != 3 {
		t.Errorf("end offset of partition 1 is %d, want 3", o.Offset)
	}
	at, err := c.Admin().FetchOffsets(t.Context(), group)
	if err != nil {
		t.Fatal(err)
	}
	if o, ok := at.Lookup(topic, 1); !ok || o.At != 2 {
		t.Errorf("committed %+v, want 2", o)
	}

	live := c.Name("notifications")
	c.Join(live, topic)
	if _, err := c.Admin().DeleteGroup(t.Context(), live); !errors.Is(err, kerr.NonEmptyGroup) {
		t.Errorf("delete a group with a live member: %v, want NON_EMPTY_GROUP", err)
	}
}

func TestEveryListenerLetsTheAdminIn(t *testing.T) {
	for _, l := range []kafkatest.Listener{kafkatest.Plaintext, kafkatest.SASL, kafkatest.SSL, kafkatest.SASLSSL} {
		t.Run(string(l), func(t *testing.T) {
			c := kafkatest.Start(t, kafkatest.On(l))
			// mTLS principals do not exist on the embedded broker: there the
			// certificate opens the connection and User:ANONYMOUS is super.
			c.Topic("orders", 1)
		})
	}
}

func TestLeavesNothingBehind(t *testing.T) {
	var prefix string
	t.Run("user", func(t *testing.T) {
		c := kafkatest.Start(t)
		prefix = c.Prefix
		c.Commit(c.Name("g"), c.Topic("orders", 1), 0, 0)
	})
	c := kafkatest.Start(t)
	c.Wait("the deletion to be seen", func(ctx context.Context) (bool, error) {
		topics, err := c.Admin().ListTopics(ctx)
		if err != nil {
			return false, err
		}
		groups, err := c.Admin().ListGroups(ctx)
		return !strings.Contains(strings.Join(append(topics.Names(), groups.Groups()...), " "), prefix), err
	})
}

func TestScripts(t *testing.T) {
	var s kafkatest.Scripts
	testscript.Run(t, testscript.Params{
		Dir:       "testdata/script",
		Setup:     s.Setup,
		Condition: s.Condition,
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"kafka": s.Commands()["kafka"],
			"read":  read,
		},
	})
}

// read TOPIC COUNT prints so many records of the topic.
func read(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	cl, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(ts.Getenv("BROKERS"), ",")...), kgo.ConsumeTopics(args[0]))
	ts.Check(err)
	defer cl.Close()
	for got := 0; got < want; {
		f := cl.PollFetches(context.Background())
		ts.Check(f.Err())
		for r := range f.RecordsAll() {
			got++
			fmt.Fprintf(ts.Stdout(), "%d %s=%s %s\n", r.Partition, r.Key, r.Value, headers(r))
		}
	}
}

func headers(r *kgo.Record) string {
	var b strings.Builder
	for _, h := range r.Headers {
		fmt.Fprintf(&b, "%s:%x;", h.Key, h.Value)
	}
	return b.String()
}
