package term

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/colorprofile"
	"github.com/google/go-cmp/cmp"
)

func env(kv ...string) Env {
	return func(name string) string {
		for i := 0; i < len(kv); i += 2 {
			if kv[i] == name {
				return kv[i+1]
			}
		}
		return ""
	}
}

func TestProfile(t *testing.T) {
	const none, ansi = colorprofile.NoTTY, colorprofile.ANSI
	for _, c := range []struct {
		name, flag string
		env        Env
		tty        bool
		want       colorprofile.Profile
	}{
		{"terminal", "auto", env("TERM", "xterm"), true, ansi},
		{"pipe", "auto", env("TERM", "xterm"), false, none},
		{"dumb", "auto", env("TERM", "dumb"), true, none},
		{"NO_COLOR=yes", "auto", env("NO_COLOR", "yes"), true, none},
		{"NO_COLOR empty", "auto", env("NO_COLOR", ""), true, ansi},
		{"NO_COLOR beats CLICOLOR_FORCE", "auto", env("NO_COLOR", "1", "CLICOLOR_FORCE", "1"), false, none},
		{"CLICOLOR_FORCE in a pipe", "auto", env("CLICOLOR_FORCE", "1"), false, ansi},
		{"CLICOLOR_FORCE=0", "auto", env("CLICOLOR_FORCE", "0"), false, none},
		{"CLICOLOR=0", "auto", env("CLICOLOR", "0"), true, none},
		{"flag beats NO_COLOR", "always", env("NO_COLOR", "1"), false, ansi},
		{"flag never", "never", env("CLICOLOR_FORCE", "1"), true, none},
	} {
		if got := profile(c.flag, c.env, c.tty); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func sampleTable() *Table {
	t := NewTable("TOPIC*", ">PARTITIONS", "STATE")
	t.Row("orders.order.v1", new(12), In(Good, "ok"))
	t.Row("payments.payment.with.a.rather.long.name.v1", 1234567, In(Bad, "offline"))
	t.Row("日本\x1b[31m", (*int32)(nil), "")
	return t
}

func TestTable(t *testing.T) {
	for _, c := range []struct {
		width  int
		people bool
		want   string
	}{
		{0, false, `
TOPIC                                        PARTITIONS  STATE
orders.order.v1                                      12  ok
payments.payment.with.a.rather.long.name.v1     1234567  offline
日本\x1b[31m                                          -  -
`},
		{40, true, `
TOPIC                PARTITIONS  STATE
orders.order.v1              12  ok
payments.payment.w…   1,234,567  offline
日本\x1b[31m                  -  -
`},
	} {
		p := NewPage(c.width, c.people)
		p.Table(sampleTable())
		if d := cmp.Diff(strings.TrimPrefix(c.want, "\n"), p.Plain()); d != "" {
			t.Errorf("width %d:\n%s", c.width, d)
		}
	}
}

// Nothing that comes from outside reaches the stream as an escape, whatever way a
// view takes.
func TestPageNeutralises(t *testing.T) {
	const evil = "\x1b]0;owned\a\x1b[2J\x9b31m"
	p := NewPage(80, true)
	p.Line("%s %v %q", evil, errors.New(evil), evil)
	p.Line("%s", In(Bad, evil))
	p.Line("%v", []string{evil})
	p.Line("%s", []byte(evil))
	p.Block("  ", evil+"\n"+evil)
	p.Table(sampleTable())
	if got := p.Plain(); strings.ContainsAny(got, "\x1b\a\u009b") {
		t.Errorf("%q", got)
	}
}

func newTestScreen() (*Screen, *bytes.Buffer, *bytes.Buffer) {
	var out, errs bytes.Buffer
	return New(strings.NewReader(""), &out, &errs, env()), &out, &errs
}

func TestEmit(t *testing.T) {
	report := struct {
		Topics []string `json:"topics"`
		Lag    *int64   `json:"lag_records"`
	}{[]string{"a<b", "\u202e\u009b"}, nil}
	for format, want := range map[Format]string{
		JSON: "{\n  \"kind\": \"topic_list\",\n  \"schema_version\": 1,\n  \"topics\": [\n    \"a<b\",\n    \"\\u202e\\u009b\"\n  ],\n  \"lag_records\": null\n}\n",
		TSV:  "TOPIC\tPARTITIONS\tSTATE\norders.order.v1\t12\tok\npayments.payment.with.a.rather.long.name.v1\t1234567\toffline\n日本\\x1b[31m\t-\t-\n",
		Name: "one\n\\x1b[2J\n",
	} {
		s, out, _ := newTestScreen()
		err := s.Emit(format, "topic_list", report, View{Table: sampleTable, Names: func() []string { return []string{"one", "\x1b[2J"} }})
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, out.String()); d != "" {
			t.Errorf("%s:\n%s", format, d)
		}
	}
	s, out, _ := newTestScreen()
	if err := s.Emit(JSON, "empty", struct{}{}, View{}); err != nil || !json.Valid(out.Bytes()) {
		t.Errorf("empty report: %v %s", err, out)
	}
	if err := s.Emit(JSON, "list", []int{}, View{}); err == nil {
		t.Error("a report that is no object was given a kind")
	}
	s, out, _ = newTestScreen()
	if err := s.Emit(YAML, "topic_list", report, View{}); err != nil {
		t.Fatal(err)
	}
	if want := "kind: topic_list\nschema_version: 1\ntopics:\n"; !strings.HasPrefix(out.String(), want) {
		t.Errorf("yaml: %s", out)
	}
}

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0ms", 450 * time.Millisecond: "450ms", 59 * time.Second: "59s", 130 * time.Second: "2m10s",
		2 * time.Minute: "2m", 192 * time.Minute: "3h12m", 49 * time.Hour: "2d1h", 29 * 24 * time.Hour: "29d", -time.Minute: "-1m",
	} {
		if got := Duration(d); got != want {
			t.Errorf("Duration(%v) = %s, want %s", d, got, want)
		}
	}
}

func TestParseDuration(t *testing.T) {
	for s, want := range map[string]time.Duration{
		"90s": 90 * time.Second, "7d": 168 * time.Hour, "1w2d": 216 * time.Hour, "1h30m": 90 * time.Minute, "1.5d": 36 * time.Hour, "100ms": 100 * time.Millisecond,
	} {
		if got, err := ParseDuration(s); err != nil || got != want {
			t.Errorf("ParseDuration(%q) = %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "5", "d", "1y", "-5s", "99999999d", "5m ", "1..2s"} {
		if got, err := ParseDuration(s); err == nil {
			t.Errorf("ParseDuration(%q) = %v, want an error", s, got)
		}
	}
}

func TestUnits(t *testing.T) {
	people, program := NewPage(80, true), NewPage(0, false)
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, c := range []struct{ got, want string }{
		{people.Int(-1234567), "-1,234,567"},
		{people.Int(-123), "-123"},
		{program.Int(1234567), "1234567"},
		{people.Bytes(1288490189), "1.2 GiB"},
		{people.Bytes(1023), "1023 B"},
		{program.Bytes(1288490189), "1288490189"},
		{people.Time(now.Add(-130*time.Second), now), "2m10s ago"},
		{people.Time(now.Add(time.Minute), now), "in 1m"},
		{program.Time(now, now), "2026-01-02T03:04:05Z"},
		{program.Time(time.Time{}, now), "-"},
	} {
		if c.got != c.want {
			t.Errorf("got %s, want %s", c.got, c.want)
		}
	}
}

func TestPaintKeepsToTheScreen(t *testing.T) {
	got := string(paint([]byte("1\n2\n3\n4\n5\n6\n"), 4))
	if !strings.Contains(got, "... 3 more lines ...") || strings.Contains(got, "5") || !strings.Contains(got, "6"+clearToEOL) {
		t.Errorf("what sums up and what is hidden must show: %q", got)
	}
	got = string(paint([]byte("one\ntwo\nthree\n"), 2))
	if strings.Contains(got, "three") || !strings.HasPrefix(got, beginFrame) || !strings.HasSuffix(got, endFrame) {
		t.Errorf("%q", got)
	}
}

// A line is broken between parts first, then between words, and never within a word;
// without a width it is not broken at all.
func TestRest(t *testing.T) {
	draw := func(width int, write func(*Page)) string {
		p := NewPage(width, true)
		write(p)
		return p.Plain()
	}
	step := func(p *Page) {
		p.Printf("  + topic  orders.order.v1")
		p.Rest(11, "12 partitions, rf 3", "", In(Faint, "for billing and its dead letters"))
	}
	sentence := func(p *Page) {
		p.Printf("a.yaml:1:1: warning:")
		p.Words(4, "the topic has no owner", In(Faint, "(owner/missing)"))
	}
	for _, tt := range []struct {
		width int
		write func(*Page)
		want  string
	}{
		{0, step, "  + topic  orders.order.v1   12 partitions, rf 3   for billing and its dead letters\n"},
		{84, step, "  + topic  orders.order.v1   12 partitions, rf 3   for billing and its dead letters\n"},
		{60, step, "  + topic  orders.order.v1   12 partitions, rf 3\n           for billing and its dead letters\n"},
		{30, step, "  + topic  orders.order.v1\n           12 partitions, rf 3\n           for billing and its\n           dead letters\n"},
		{8, step, "  + topic  orders.order.v1\n           12\n           partitions,\n           rf\n           3\n           for\n           billing\n           and\n           its\n           dead\n           letters\n"},
		{0, sentence, "a.yaml:1:1: warning: the topic has no owner (owner/missing)\n"},
		{40, sentence, "a.yaml:1:1: warning: the topic has no\n    owner (owner/missing)\n"},
	} {
		if got := draw(tt.width, tt.write); got != tt.want {
			t.Errorf("width %d:\n%s\nwant\n%s", tt.width, got, tt.want)
		}
	}
}
