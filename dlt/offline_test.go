package dlt

import (
	"context"
	"errors"
	"net"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestOffline: who looks waits for an election, and not for long where nobody is left to elect.
func TestOffline(t *testing.T) {
	for name, tc := range map[string]struct {
		isr, offline []int32
		elected      bool // after a few seconds
	}{
		"nobody to elect":            {isr: []int32{1}, offline: []int32{1}},
		"none in sync, all offline":  {offline: []int32{0, 1}},
		"election":                   {isr: []int32{0, 1}, offline: []int32{1}, elected: true},
		"started again in good time": {isr: []int32{1}, offline: []int32{1}, elected: true},
	} {
		t.Run(name, func(t *testing.T) {
			c := springCluster(t, 3)
			start := time.Now()
			var skipped atomic.Int64
			conn := connTo(t, c.addrs) // it knows no leaders from before
			conn.Now = func() time.Time { return start.Add(time.Duration(skipped.Load())) }
			conn.Sleep = func(_ context.Context, d time.Duration) error {
				if skipped.Add(int64(d)); conn.Now().Sub(start) > 20*time.Second {
					return errors.New("waited for too long")
				}
				time.Sleep(20 * time.Millisecond) // the client looks for leaders by its own clock
				return nil
			}
			id := c.topicID(t, "orders-dlt")
			c.fake.ControlKey(int16(kmsg.Metadata), func(req kmsg.Request) (kmsg.Response, error, bool) {
				c.fake.KeepControl()
				if tc.elected && conn.Now().Sub(start) > 4*time.Second {
					return nil, nil, false
				}
				return c.leaderless(req, "orders-dlt", id, tc.isr, tc.offline), nil, true
			})
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			defer cancel()
			_, err := conn.Inspect(ctx, "orders-dlt", NewTriage(newTestDecoder(t), nil))
			if _, offline := errors.AsType[*OfflineError](err); offline == tc.elected || tc.elected && err != nil {
				t.Errorf("%v", err)
			}
		})
	}
}

func (c *testCluster) topicID(t *testing.T, topic string) [16]byte {
	t.Helper()
	td, err := c.topicDetail(context.Background(), topic)
	if err != nil {
		t.Fatal(err)
	}
	return td.ID
}

// leaderless is what a real cluster answers when no broker that is in sync is left: an embedded one always elects.
func (c *testCluster) leaderless(req kmsg.Request, topic string, id [16]byte, isr, offline []int32) *kmsg.MetadataResponse {
	resp := req.ResponseKind().(*kmsg.MetadataResponse)
	for i, addr := range c.addrs {
		host, port, _ := net.SplitHostPort(addr)
		n, _ := strconv.ParseInt(port, 10, 32)
		b := kmsg.NewMetadataResponseBroker()
		b.NodeID, b.Host, b.Port = int32(i), host, int32(n)
		resp.Brokers = append(resp.Brokers, b)
	}
	mt := kmsg.NewMetadataResponseTopic()
	mt.Topic, mt.TopicID = &topic, id
	mp := kmsg.NewMetadataResponseTopicPartition()
	mp.ErrorCode, mp.Leader, mp.Replicas, mp.ISR, mp.OfflineReplicas = kerr.LeaderNotAvailable.Code, -1, []int32{0, 1}, isr, offline
	mt.Partitions = append(mt.Partitions, mp)
	resp.Topics = append(resp.Topics, mt)
	return resp
}
