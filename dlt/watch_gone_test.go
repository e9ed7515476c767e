package dlt

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// TestWatchGone: a watch whose topic is deleted, or deleted and made anew, ends: silence would be taken for success.
func TestWatchGone(t *testing.T) {
	for want, anew := range map[string]bool{"does not exist any more": false, "was made anew": true} {
		c := springCluster(t, 3)
		conn := *c.Conn
		conn.Events = func(Event) {
			if _, err := c.Admin.DeleteTopics(context.Background(), "orders-dlt"); err != nil {
				t.Error(err)
			}
			if anew {
				c.topic(t, "orders-dlt", 3, nil)
			}
		}
		conn.Now = fast(conn.Now)
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		err := conn.Watch(ctx, newTestDecoder(t), []string{"orders-dlt"}, func(*Arrival) error { return nil })
		cancel()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// fast is a clock that goes twenty times as fast.
func fast(now func() time.Time) func() time.Time {
	start := now()
	return func() time.Time { t := now(); return t.Add(19 * t.Sub(start)) }
}

// TestWatchGrows: letters in partitions that the topic was given during the watch are noticed.
func TestWatchGrows(t *testing.T) {
	c := springCluster(t, 3)
	conn := *c.Conn
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn.Events = func(Event) {
		if _, err := c.Admin.UpdatePartitions(ctx, 5, "orders-dlt"); err != nil {
			t.Error(err)
		}
		c.produce(t, springLetter("orders-dlt", 4, []byte("k"), []byte("v"), "orders", 0, 7, "x.Y", "no", ""))
	}
	conn.Now = fast(conn.Now)
	err := conn.Watch(ctx, newTestDecoder(t), []string{"orders-dlt"}, func(a *Arrival) error {
		if a.Partition != 4 || a.Offset != 0 {
			t.Errorf("%+v", a)
		}
		cancel()
		return nil
	})
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		t.Errorf("not noticed: %v", err)
	}
}
