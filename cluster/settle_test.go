package cluster_test

import (
	"context"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weirhq/weir/internal/kafkatest"
)

// What was written is settled when brokers show it, and not before: they may lag behind
// the controller's answer.
func TestTopicsSettled(t *testing.T) {
	k := kafkatest.Start(t, kafkatest.Embedded())
	c := dial(t, k)
	name := k.Topic("a", 2)
	settled := func(want map[string]int32) bool {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		return c.TopicsSettled(ctx, want)
	}
	for _, x := range []struct {
		want map[string]int32
		is   bool
	}{
		{nil, true},
		{map[string]int32{name: 2}, true},
		{map[string]int32{name: 3}, false},
		{map[string]int32{name: 0}, false},
		{map[string]int32{k.Name("gone"): 0}, true},
		{map[string]int32{k.Name("gone"): 1}, false},
	} {
		if got := settled(x.want); got != x.is {
			t.Errorf("%v: settled %t", x.want, got)
		}
	}
	fault := k.Fake().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Metadata}, Topic: name, Err: kerr.UnknownTopicOrPartition, Count: -1})
	if settled(map[string]int32{name: 2}) {
		t.Error("settled while no broker shows it")
	}
	time.AfterFunc(100*time.Millisecond, fault.Remove)
	if !c.TopicsSettled(t.Context(), map[string]int32{name: 2}) {
		t.Error("not settled although it shows after a while")
	}
}
