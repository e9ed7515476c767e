package audit

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestRecordAppendsWholeLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state", "audit.jsonl")
	l := &Log{Path: path, Now: func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }, Base: Entry{Who: "ops", ClusterID: "abc"}}
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			l.Record(t.Context(), "create topic", "orders", nil, map[string]int{"partitions": 3}, errors.New("refused"))
		})
	}
	wg.Wait()
	if err := l.Lost(); err != nil {
		t.Error(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(b)) {
		var e Entry
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.Who != "ops" || e.Result != "refused" || e.Time.IsZero() {
			t.Fatalf("%v: %s", err, line)
		}
		n++
	}
	if n != 50 {
		t.Errorf("%d lines, want 50", n)
	}
	if fi, _ := os.Stat(path); fi.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", fi.Mode())
	}
}
