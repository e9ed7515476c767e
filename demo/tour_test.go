package demo_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/cmd"
	"github.com/weirhq/weir/demo"
	"github.com/weirhq/weir/dlt"
	"github.com/weirhq/weir/internal/kafkatest"
)

func tour(t *testing.T, c *kafkatest.Cluster) demo.TourConfig {
	t.Helper()
	return demo.TourConfig{
		Connect: []string{"-b", strings.Join(c.Brokers, ",")},
		Client:  dial(c),
		Prefix:  c.Prefix + "tour.",
		Journal: dlt.JournalTopic,
		Dir:     t.TempDir(),
		Run: func(_ context.Context, args ...string) (string, string, int) {
			var out, errs bytes.Buffer
			exit := cmd.Main(args, strings.NewReader(""), &out, &errs, nil, cmd.Build{Version: "0.0.0-test"})
			return out.String(), errs.String(), exit
		},
	}
}

// left returns what is on the cluster behind the tour's prefix.
func left(t *testing.T, c *kafkatest.Cluster, prefix string) []string {
	t.Helper()
	var names []string
	c.Wait("the deletions to be seen", func(ctx context.Context) (bool, error) {
		topics, err := c.Admin().ListTopics(ctx)
		if err != nil {
			return false, err
		}
		groups, err := c.Admin().ListGroups(ctx)
		names = slices.DeleteFunc(append(topics.Names(), groups.Groups()...), func(n string) bool { return !strings.HasPrefix(n, prefix) })
		return len(names) == 0, err
	})
	return names
}

func TestTourStoppedCleansUp(t *testing.T) {
	c := kafkatest.Start(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stop")
	cfg := tour(t, c)
	shown := 0
	cfg.Show = func(s demo.Scene) {
		if shown = s.Number; shown == 4 {
			cancel(stop)
		}
	}
	if err := demo.Tour(ctx, cfg); !errors.Is(err, stop) {
		t.Errorf("ended with %v", err)
	}
	if shown != 4 {
		t.Errorf("%d steps shown after the stop at 4", shown)
	}
	if names := left(t, c, cfg.Prefix); len(names) > 0 {
		t.Errorf("left behind: %v", names)
	}
}

// A consumer that is interrupted stays a member of its group, so that a restart finds
// its partitions; the tour takes it out before it deletes the group.
func TestTourCleansUpBehindAStaticMember(t *testing.T) {
	c := kafkatest.Start(t)
	cfg := tour(t, c)
	honest := cfg.Run
	cfg.Run = func(ctx context.Context, args ...string) (string, string, int) {
		if slices.Contains(args, "consume") {
			member(t, c, cfg.Prefix+demo.Billing, cfg.Prefix+demo.Orders)
			return "", "", 130
		}
		return honest(ctx, args...)
	}
	if err := demo.Tour(t.Context(), cfg); !errors.Is(err, demo.ErrClaim) {
		t.Errorf("ended with %v", err)
	}
	if names := left(t, c, cfg.Prefix); len(names) > 0 {
		t.Errorf("left behind: %v", names)
	}
}

// The journal goes with the tour that made it, unless somebody else has begun to use it.
func TestTourLeavesTheJournalOfOthers(t *testing.T) {
	c := kafkatest.Start(t, kafkatest.Embedded()) // a shared cluster's journal has users already
	for _, others := range []bool{false, true} {
		cfg := tour(t, c)
		honest := cfg.Run
		cfg.Run = func(ctx context.Context, args ...string) (string, string, int) {
			stdout, stderr, exit := honest(ctx, args...)
			if others && slices.Contains(args, "replay") {
				cl, err := cfg.Client()
				if err != nil {
					t.Fatal(err)
				}
				defer cl.Close()
				if err := cl.ProduceSync(ctx, &kgo.Record{Topic: cfg.Journal, Value: []byte(`{"topic":"somebody.else.dlt"}`)}).FirstErr(); err != nil {
					t.Fatal(err)
				}
			}
			return stdout, stderr, exit
		}
		if err := demo.Tour(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
		topics, err := c.Admin().ListTopics(t.Context(), cfg.Journal)
		if err != nil {
			t.Fatal(err)
		}
		if stays := topics[cfg.Journal].Err == nil; stays != others {
			t.Errorf("others use the journal: %t; it stays: %t", others, stays)
		}
	}
}

// member joins as the demo's consumer does, and goes without leaving.
func member(t *testing.T, c *kafkatest.Cluster, group, topic string) {
	t.Helper()
	cl, err := dial(c)(kgo.ConsumerGroup(group), kgo.InstanceID(group+"-1"), kgo.ConsumeTopics(topic))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	c.Wait("the member", func(ctx context.Context) (bool, error) {
		d, err := c.Admin().DescribeGroups(ctx, group)
		return d[group].State == "Stable", err
	})
}

// A step whose output does not show the claim, or that exits otherwise than it
// should, ends the tour.
func TestTourEndsAtAFalseClaim(t *testing.T) {
	c := kafkatest.Start(t)
	for name, lie := range map[string]func(stdout string, exit int) (string, int){
		"output": func(stdout string, exit int) (string, int) {
			return strings.ReplaceAll(stdout, "200 orders acknowledged", "199 orders acknowledged"), exit
		},
		"exit code": func(stdout string, _ int) (string, int) { return stdout, 1 },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := tour(t, c)
			honest := cfg.Run
			cfg.Run = func(ctx context.Context, args ...string) (string, string, int) {
				stdout, stderr, exit := honest(ctx, args...)
				stdout, exit = lie(stdout, exit)
				return stdout, stderr, exit
			}
			if err := demo.Tour(t.Context(), cfg); !errors.Is(err, demo.ErrClaim) {
				t.Errorf("ended with %v, want a claim that does not hold", err)
			}
			if names := left(t, c, cfg.Prefix); len(names) > 0 {
				t.Errorf("left behind: %v", names)
			}
		})
	}
}
