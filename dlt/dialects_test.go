package dlt

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// kdlq is a team's own dialect, as weir.yaml would hold it.
var kdlq = Profile{
	Name:      "kdlq",
	Partition: ProfileField{"KDLQ_OrigPartition", Int32},
	Offset:    ProfileField{"KDLQ_OrigOffset", Int64},
	Timestamp: ProfileField{"KDLQ_OrigTs", Int64},
	Attempts:  ProfileField{"KDLQ_Kills", Int32},
	Strip:     []string{"KDLQ_PrcMarker", "KDLQ_Redelivered"},
}

type fixtureWant struct {
	Dialect       string   `json:"dialect"`
	Origin        []any    `json:"origin"`
	Group         *string  `json:"group"`
	Message       *string  `json:"message"`
	Class         *string  `json:"class"`
	Root          *string  `json:"root"`
	Failure       *string  `json:"failure"`
	Attempts      *float64 `json:"attempts"`
	Deaths        int      `json:"deaths"`
	Keep          []string `json:"keep"`
	Unrecoverable bool     `json:"unrecoverable"`
	Key           *string  `json:"key"`
	Value         *string  `json:"value"`
}

func newTestDecoder(tb testing.TB) *Decoder {
	tb.Helper()
	d, err := NewDecoder(nil, kdlq)
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

// TestDialects reads the dialects nobody has captured yet, from fixtures written after their source.
func TestDialects(t *testing.T) {
	files, err := filepath.Glob("testdata/dialects/*.ndjson")
	if err != nil || len(files) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	covered := map[string]int{}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		lines := bytes.Split(bytes.TrimSpace(raw), []byte("\n"))
		i := 0
		for rec, err := range ReadArchive(bytes.NewReader(raw), file) {
			if err != nil {
				t.Fatal(err)
			}
			var l struct {
				Case string      `json:"case"`
				Want fixtureWant `json:"want"`
			}
			if err := json.Unmarshal(lines[i], &l); err != nil {
				t.Fatal(err)
			}
			i++
			covered[l.Want.Dialect]++
			t.Run(filepath.Base(file)+"/"+l.Case, func(t *testing.T) { checkFixture(t, rec, l.Want) })
		}
	}
	for _, row := range builtin() {
		switch row.name { // these have captured records, see TestConformance
		case "spring", "spring-retry", "spring-cloud-stream", "spring-cloud-stream-embedded", "connect", "bakdata", "streams", "smallrye", "smallrye-retry", "watermill":
			continue
		}
		if covered[row.name] < 2 {
			t.Errorf("%s: want a first death and one replayed twice, have %d", row.name, covered[row.name])
		}
	}
}

func checkFixture(t *testing.T, rec *Record, want fixtureWant) {
	t.Helper()
	dl := newTestDecoder(t).Decode(rec)
	if deref(dl.Dialect) != want.Dialect {
		t.Fatalf("dialect: want %s, have %s", want.Dialect, deref(dl.Dialect))
	}
	var got []any
	if o := dl.Origin; o != nil {
		b, _ := json.Marshal([]any{o.Topic, o.Partition, o.Offset, o.TimestampMS})
		if err := json.Unmarshal(b, &got); err != nil {
			t.Fatal(err)
		}
	}
	var attempts *float64
	if dl.Attempts != nil {
		attempts = new(float64(*dl.Attempts))
	}
	var keep []string
	for _, h := range dl.HeadersAfterReplay {
		keep = append(keep, h.Name)
	}
	for _, c := range []struct {
		what      string
		want, got any
	}{
		{"origin", want.Origin, got},
		{"group", want.Group, dl.ConsumerGroup},
		{"message", want.Message, dl.Exception.safe().Message},
		{"attempts", want.Attempts, attempts},
		{"deaths", want.Deaths, dl.DeathsInHeaders},
		{"kept headers", strings.Join(want.Keep, " "), strings.Join(keep, " ")},
		{"unrecoverable", want.Unrecoverable, dl.Unrecoverable != nil},
	} {
		if d := cmp.Diff(c.want, c.got); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.what, d)
		}
	}
	if want.Class != nil && deref(dl.Exception.safe().Class) != *want.Class {
		t.Errorf("class: want %s, have %s", *want.Class, deref(dl.Exception.safe().Class))
	}
	if want.Root != nil && deref(dl.Exception.safe().RootClass) != *want.Root {
		t.Errorf("root: want %s, have %s", *want.Root, deref(dl.Exception.safe().RootClass))
	}
	if want.Failure != nil && deref(dl.Failure) != *want.Failure {
		t.Errorf("failure: want %s, have %s", *want.Failure, deref(dl.Failure))
	}
	if len(dl.Problems) > 0 {
		t.Errorf("problems: %v", dl.Problems)
	}
}

func (e *Exception) safe() *Exception {
	if e == nil {
		return &Exception{}
	}
	return e
}

// TestArchiveRoundTrip proves that an archive keeps every byte: null against empty, repeats, order.
func TestArchiveRoundTrip(t *testing.T) {
	in := []*Record{
		{Topic: "a", Partition: 3, Offset: 1 << 40, TimestampMS: 1, TimestampType: "CreateTime", Headers: []Header{
			{"x", []byte("1")}, {"x", []byte("2")}, {"nil", nil}, {"empty", []byte{}}, {"raw", []byte{0, 255, 10, 13}}, {"", []byte("no name")},
		}},
		{Topic: "a", Partition: 0, Offset: 0, TimestampMS: -1, TimestampType: "NoTimestampType", Key: []byte{}, Value: []byte{}},
		{Topic: "a", Partition: 0, Offset: 1, TimestampMS: 0, TimestampType: "LogAppendTime", Key: []byte("<&>"), Value: bytes.Repeat([]byte{0xff}, 100_000)},
	}
	var buf bytes.Buffer
	w := NewArchiveWriter(&buf)
	for _, r := range in {
		if err := w.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	var out []*Record
	for r, err := range ReadArchive(&buf, "test") {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, r)
	}
	if d := cmp.Diff(in, out); d != "" {
		t.Errorf("round trip (-in +out):\n%s", d)
	}
}

// TestArchiveErrors: what a line does not hold is not taken for null or zero, and the place is named.
func TestArchiveErrors(t *testing.T) {
	const whole = `{"topic":"a","partition":0,"offset":0,"timestamp_ms":1,"timestamp_type":"CreateTime","key_b64":null,"value_b64":"","headers":[{"name":"h","value_b64":null}]}`
	for name, c := range map[string]struct{ old, new, want string }{
		"whole":               {"", "", ""},
		"another tool's":      {`{"topic"`, `{"case":{"topic":1},"topic"`, ""},
		"slash escaped":       {`"value_b64":""`, `"value_b64":"\/w=="`, ""},
		"cut":                 {`null}]}`, ``, "f:2:150: not JSON: unexpected end"},
		"two records":         {`]}`, `]}{}`, "f:2:158: not JSON: invalid character '{' after"},
		"a list":              {whole, `[]`, "f:2:1: not a JSON object"},
		"null":                {whole, `null`, "f:2: the line has no topic, partition, offset, timestamp_ms, timestamp_type, key_b64, value_b64, headers"},
		"no value":            {`"value_b64":"",`, ``, "f:2: the line has no value_b64"},
		"no header value":     {`,"value_b64":null}`, `}`, "f:2:116: header 1 has no value_b64"},
		"headers null":        {`[{"name":"h","value_b64":null}]`, `null`, "f:2:116: headers: want a list of headers"},
		"no topic":            {`"a"`, `""`, "f:2:2: topic: want the name of a topic"},
		"topic of a type":     {`"a"`, `7`, "f:2:2: topic: want the name of a topic"},
		"partition null":      {`"partition":0`, `"partition":null`, "f:2:14: partition: want a number from 0"},
		"partition below 0":   {`"partition":0`, `"partition":-1`, "f:2:14: partition: want a number from 0"},
		"partition too large": {`"partition":0`, `"partition":99999999999`, "f:2:14: partition: want a number from 0"},
		"offset below 0":      {`"offset":0`, `"offset":-5`, "f:2:28: offset: want 0 or more"},
		"time below -1":       {`_ms":1`, `_ms":-2`, "f:2:39: timestamp_ms: want milliseconds"},
		"time with a comma":   {`_ms":1`, `_ms":1.5`, "f:2:39: timestamp_ms: want milliseconds"},
		"kind of time":        {`CreateTime`, `Create`, "f:2:56: timestamp_type: want CreateTime, LogAppendTime or NoTimestampType"},
		"twice":               {`"key_b64":null`, `"key_b64":null, "key_b64":"YQ=="`, "f:2:102: key_b64: it is there twice"},
		"not base64":          {`"value_b64":""`, `"value_b64":"%%"`, "f:2:101: value_b64: not base64"},
		"bits too many":       {`"value_b64":""`, `"value_b64":"YR=="`, "f:2:101: value_b64: not base64"},
		"header not base64":   {`h","value_b64":null`, `h","value_b64":"%"`, "f:2:116: header 1: value_b64: not base64"},
		"a number for bytes":  {`"key_b64":null`, `"key_b64":7`, "f:2:86: key_b64: want base64 or null"},
		"topic read":          {`"key_b64":null,`, `"kind":"record","key":null,`, "f:2: the line has no key_b64: weir topic read -o json writes this"},
		"dlt show":            {`{"topic"`, `{"kind":"dead_letter","topic"`, "f:2:2: no archive: weir dlt show -o json writes this"},
	} {
		t.Run(name, func(t *testing.T) {
			have := ""
			for _, err := range ReadArchive(strings.NewReader(whole+"\n"+strings.Replace(whole, c.old, c.new, 1)), "f") {
				if err != nil {
					have = err.Error()
				}
			}
			if (c.want == "") != (have == "") || !strings.Contains(have, c.want) {
				t.Errorf("want an error with %q, have %q", c.want, have)
			}
		})
	}
}

func TestProfileErrors(t *testing.T) {
	for name, p := range map[string]Profile{
		"no name":      {Topic: ProfileField{Header: "t"}, Offset: ProfileField{Header: "o"}},
		"one header":   {Name: "x", Topic: ProfileField{Header: "t"}},
		"bad encoding": {Name: "x", Topic: ProfileField{Header: "t"}, Offset: ProfileField{"o", "hex"}},
		"taken name":   {Name: "spring", Topic: ProfileField{Header: "t"}, Offset: ProfileField{Header: "o"}},
		"bad newest":   {Name: "x", Topic: ProfileField{Header: "t"}, Offset: ProfileField{Header: "o"}, Newest: "middle"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := NewDecoder(nil, p); err == nil {
				t.Error("want an error, have none")
			}
		})
	}
}

func TestNumber(t *testing.T) {
	for _, c := range []struct {
		in   []byte
		enc  Encoding
		want int64
		bad  bool
	}{
		{[]byte{0, 0, 1, 44}, Int32, 300, false},
		{[]byte("12345678"), Int64, 0x3132333435363738, false},
		{[]byte("12345678"), Text, 12345678, false},
		{[]byte("12345678"), Guess, 12345678, false},
		{[]byte{0, 0, 0, 7}, Guess, 7, false},
		{[]byte{200}, Attempts, 200, false},
		{[]byte{0, 0, 0, 4}, Attempts, 4, false},
		{[]byte{0x01, 0xa2, 0x05, 0x39, 0x11, 0x22}, BigEndian, 0x01a205391122, false},
		{[]byte{0xff}, BigEndian, -1, false},
		{[]byte{1, 2, 3}, Int32, 0, true},
		{[]byte{}, BigEndian, 0, true},
		{[]byte("1.5"), Text, 0, true},
		{[]byte("99999999999999999999"), Text, 0, true},
		{nil, Text, 0, true},
	} {
		got, err := number(c.in, c.enc)
		if (err != nil) != c.bad || !c.bad && got != c.want {
			t.Errorf("number(%q, %s) = %d, %v; want %d, error %v", c.in, c.enc, got, err, c.want, c.bad)
		}
	}
}

// FuzzDecode feeds the decoder records made of pieces that frameworks write and of anything else.
func FuzzDecode(f *testing.F) {
	for _, file := range []string{"share-group", "uber", "bakdata-avro", "kstreamplify", "confluent-rule"} {
		raw, err := os.ReadFile("testdata/dialects/" + file + ".ndjson")
		if err != nil {
			f.Fatal(err)
		}
		for r := range ReadArchive(bytes.NewReader(raw), file) {
			f.Add(r.Topic, r.Key, r.Value, joinHeaders(r.Headers))
		}
	}
	f.Add("error.a.b", []byte(nil), []byte("\xff\x01\x10x-original-topic\x00\x00\x00\x03\"a\"x"), []byte{})
	rows := builtin()
	f.Fuzz(func(t *testing.T, topic string, key, value, headers []byte) {
		dec := newTestDecoder(t)
		rec := &Record{Topic: topic, Key: key, Value: value, Headers: splitHeaders(headers), TimestampMS: 1}
		for _, row := range rows { // every dialect sees the fuzzer's bytes in its own headers
			for i, fd := range row.fields {
				if len(headers) > 0 && int(headers[0])%len(rows) == int(row.name[0])%len(rows) {
					rec.Headers = append(rec.Headers, Header{fd.name, value[min(i, len(value)):]})
				}
			}
		}
		shown := NewReader(dec).Show(rec)
		if _, err := json.Marshal(shown); err != nil {
			t.Fatalf("what is shown must be JSON: %v", err)
		}
	})
}

// FuzzReadArchive checks that whatever can be read can be written and read again, the same.
func FuzzReadArchive(f *testing.F) {
	f.Add([]byte(`{"topic":"a","partition":0,"offset":0,"timestamp_ms":-1,"timestamp_type":"CreateTime","key_b64":null,"value_b64":"","headers":[{"name":"x","value_b64":null}]}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		var recs []*Record
		for r, err := range ReadArchive(bytes.NewReader(in), "in") {
			if err != nil {
				break
			}
			recs = append(recs, r)
		}
		var buf bytes.Buffer
		w := NewArchiveWriter(&buf)
		for _, r := range recs {
			if err := w.Write(r); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		i := 0
		for r, err := range ReadArchive(&buf, "again") {
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(recs[i], r); d != "" {
				t.Fatalf("record %d changed (-in +out):\n%s", i, d)
			}
			i++
		}
	})
}

func joinHeaders(hs []Header) []byte {
	var b []byte
	for _, h := range hs {
		b = append(b, h.Name...)
		b = append(b, 0)
		b = append(b, h.Value...)
		b = append(b, 1)
	}
	return b
}

func splitHeaders(b []byte) (out []Header) {
	for part := range bytes.SplitSeq(b, []byte{1}) {
		name, value, _ := bytes.Cut(part, []byte{0})
		out = append(out, Header{string(name), value})
	}
	return out
}
