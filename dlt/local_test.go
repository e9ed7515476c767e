package dlt

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestLocalJournal: without a journal topic the progress is a group's offsets in the same transaction, so a session
// that is cut off at any point, or a file that is lost, doubles nothing.
func TestLocalJournal(t *testing.T) {
	for _, lose := range []bool{false, true} {
		c := springCluster(t, 600)
		p := c.plan(t, PlanOptions{Topic: "orders-dlt", Journal: "local"})
		dir := t.TempDir()
		ctx, cancel := context.WithCancel(context.Background())
		first := *c.Conn
		n := 0
		first.Events = func(e Event) {
			if e.Stage == "replay" {
				if n++; n == 4 {
					cancel()
				}
			}
		}
		rep, err := first.Replay(ctx, newTestDecoder(t), p, ReplayOptions{Session: "s1", Batch: 50, LocalDir: dir, PlanFile: "p.json"})
		if !errors.Is(err, context.Canceled) || rep.Produced != 200 || rep.Resume != "weir dlt resume job --plan p.json" {
			t.Fatalf("%v %+v", err, rep)
		}
		if lose {
			if err := os.Remove(dir + "/job.jsonl"); err != nil {
				t.Fatal(err)
			}
		}
		rep = c.replay(t, p, ReplayOptions{Session: "s2", Resume: true, LocalDir: dir})
		if rep.ProducedNow != 400 || rep.Produced != 600 || rep.State != "done" {
			t.Errorf("resumed: %+v", rep)
		}
		c.exactlyOnce(t, "orders", 600)
		if c.fake.TopicInfo(JournalTopic) != nil {
			t.Error("the journal topic was made")
		}
		if again := c.replay(t, p, ReplayOptions{Session: "s3", LocalDir: dir}); again.ProducedNow != 0 {
			t.Errorf("again: %+v", again)
		}
	}
}

// TestAtLeastOnce: without transactions a session that dies between the outputs and the note repeats nothing either,
// as long as the tail of the target can be read.
func TestAtLeastOnce(t *testing.T) {
	c := springCluster(t, 600)
	p := c.plan(t, PlanOptions{Topic: "orders-dlt", AtLeastOnce: true})
	if !strings.HasPrefix(p.Guarantee, "at-least-once") {
		t.Errorf("guarantee: %s", p.Guarantee)
	}
	first := *c.Conn
	n := 0
	first.Events = func(e Event) {
		if e.Stage == "replay" {
			if n++; n == 4 { // from now on the journal takes nothing
				c.fake.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: JournalTopic, Err: kerr.TopicAuthorizationFailed, Count: 1})
			}
		}
	}
	rep, err := first.Replay(context.Background(), newTestDecoder(t), p, ReplayOptions{Session: "s1", Batch: 50})
	if err == nil || rep.Produced != 200 {
		t.Fatalf("%v %+v", err, rep)
	}
	rep = c.replay(t, p, ReplayOptions{Session: "s2", Resume: true})
	if rep.Produced != 600 || rep.State != "done" {
		t.Errorf("resumed: %+v", rep)
	}
	c.exactlyOnce(t, "orders", 600)
}
