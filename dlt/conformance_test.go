package dlt

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// told is what the captured dead letters are compared in. Everything else in the expectations is the truth behind the
// record, which a reader of the record cannot know.
var told = []string{
	"class", "dialect", "dialects", "origin", "origin_timestamp_type", "consumer_group", "group_in_topic_name", "failure",
	"failing_class", "task", "handler", "description", "attempts", "attempts_header", "count_header", "next_due_ms", "hops",
	"deaths_in_headers", "earlier_death", "timestamp_is", "headers_after_replay", "payload_value_b64",
}

var toldOfException = []string{"class", "cause_class", "message", "cause_message", "key_class", "key_message", "stacktrace_chain"}

// TestConformance reads dead letters that real frameworks wrote. It has cases where WEIR_TEST_CONFORMANCE names the
// folder of the captured records.
func TestConformance(t *testing.T) {
	dir := os.Getenv("WEIR_TEST_CONFORMANCE")
	if dir == "" {
		return
	}
	raw, err := os.ReadFile(filepath.Join(dir, "dlt", "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	var want map[string][]map[string]any
	if err := json.Unmarshal(raw, &want); err != nil {
		t.Fatal(err)
	}
	total := 0
	for file, records := range want {
		f, err := os.Open(filepath.Join(dir, "dlt", file))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		dec, err := NewDecoder(nil)
		if err != nil {
			t.Fatal(err)
		}
		rd, i := NewReader(dec), 0
		for rec, err := range ReadArchive(f, file) {
			if err != nil {
				t.Fatal(err)
			}
			w := records[i]
			i++
			total++
			t.Run(file+"/"+w["case"].(string), func(t *testing.T) {
				compare(t, rd.Show(rec), w)
			})
		}
		if i != len(records) {
			t.Errorf("%s: read %d records of %d", file, i, len(records))
		}
	}
	t.Logf("%d records compared", total)
}

func compare(t *testing.T, shown *Shown, want map[string]any) {
	t.Helper()
	b, err := json.Marshal(shown)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	for _, k := range told {
		g, w := got[k], want[k]
		if k == "headers_after_replay" && want["headers_order"] == "any" {
			g, w = sorted(g), sorted(w)
		}
		if d := cmp.Diff(w, g); d != "" {
			t.Errorf("%s (-want +got):\n%s", k, d)
		}
	}
	if wx, ok := want["exception"].(map[string]any); ok {
		gx, ok := got["exception"].(map[string]any)
		if !ok {
			t.Fatalf("exception: want one, have %v", got["exception"])
		}
		for _, k := range toldOfException {
			if d := cmp.Diff(wx[k], gx[k]); d != "" {
				t.Errorf("exception.%s (-want +got):\n%s", k, d)
			}
		}
		for _, k := range []string{"thrown", "root"} {
			if wx[k+"_found_in"] == nil {
				continue
			}
			if d := cmp.Diff(wx[k+"_class"], gx[k+"_class"]); d != "" {
				t.Errorf("exception.%s_class (-want +got):\n%s", k, d)
			}
		}
	} else if got["exception"] != nil {
		t.Errorf("exception: want none, have %v", got["exception"])
	}
	if we, ok := want["embedded_headers"].(map[string]any); ok {
		ge, _ := got["embedded_headers"].(map[string]any)
		var wn, gn []string
		for n := range we {
			wn = append(wn, n)
		}
		for n := range ge {
			gn = append(gn, n)
		}
		slices.Sort(wn)
		slices.Sort(gn)
		if d := cmp.Diff(wn, gn); d != "" {
			t.Errorf("embedded_headers (-want +got):\n%s", d)
		}
	}
	compareFirstOrigin(t, got["first_origin"], want)
}

// compareFirstOrigin compares what can be told: some frameworks replace the first origin (bakdata, Watermill), others
// do not write its time (Connect), and the expectations hold the truth.
func compareFirstOrigin(t *testing.T, got any, want map[string]any) {
	t.Helper()
	w, dead := want["first_origin"].(map[string]any)
	g, ok := got.(map[string]any)
	if !ok {
		if dead && (want["deaths_in_headers"].(float64) > 1 || want["earlier_death"] != nil || want["case"] == "noappend-second") {
			t.Errorf("first_origin: want %v, have none", w)
		}
		return
	}
	if !dead {
		t.Errorf("first_origin: want none, have %v", g)
		return
	}
	for _, k := range []string{"topic", "partition", "offset", "timestamp_ms"} {
		if k == "timestamp_ms" && g[k] == nil {
			continue
		}
		if d := cmp.Diff(w[k], g[k]); d != "" {
			t.Errorf("first_origin.%s (-want +got):\n%s", k, d)
		}
	}
}

func sorted(v any) any {
	l, _ := v.([]any)
	out := slices.Clone(l)
	slices.SortFunc(out, func(a, b any) int {
		x, _ := json.Marshal(a)
		y, _ := json.Marshal(b)
		return slices.Compare(x, y)
	})
	return out
}
