package dlt

import (
	"context"
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
