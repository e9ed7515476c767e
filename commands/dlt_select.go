package commands

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/dlt"
	"github.com/weirhq/weir/internal/term"
)

// selectFlags say which dead letters of a topic are meant.
type selectFlags struct {
	causes, origins, keys, headers, offsets []string
	group, since, until, where              string
	limit                                   int64
}

func (f *selectFlags) bind(fs *pflag.FlagSet) {
	words(fs, &f.causes, "cause", "cause id of weir dlt inspect, repeatable")
	words(fs, &f.origins, "origin", "topic the records came from, repeatable")
	fs.StringVar(&f.group, "group", "", "consumer group that failed")
	fs.StringVar(&f.since, "since", "", "no older than this: a duration (2h, 3d) or a time (RFC 3339)")
	fs.StringVar(&f.until, "until", "", "older than this: a duration or a time")
	words(fs, &f.offsets, "offsets", "PARTITION:FIRST-LAST, repeatable")
	lines(fs, &f.keys, "key", "record key, repeatable")
	lines(fs, &f.headers, "header", "NAME=VALUE, repeatable")
	fs.StringVar(&f.where, "where", "", "CEL expression over partition, offset, timestamp_ms, key, value, headers, dialect, class, message, origin, group, attempts, failure; a number that is not told is true of nothing")
	fs.Int64Var(&f.limit, "limit", 0, "the first so many records only")
}

func (f *selectFlags) any() bool {
	return len(f.causes)+len(f.origins)+len(f.keys)+len(f.headers)+len(f.offsets) > 0 || f.group+f.since+f.until+f.where != "" || f.limit > 0
}

func (f *selectFlags) selection(now time.Time) (dlt.Selection, error) {
	s := dlt.Selection{Causes: f.causes, Origins: f.origins, Group: f.group, Keys: f.keys, Where: f.where, Limit: f.limit}
	if f.limit < 0 {
		return s, usage("", "--limit %d: a positive number is wanted", f.limit)
	}
	for _, t := range []struct {
		flag, value string
		to          **int64
	}{{"--since", f.since, &s.SinceMS}, {"--until", f.until, &s.UntilMS}} {
		if t.value == "" {
			continue
		}
		at, err := momentOf(t.value, now)
		if err != nil {
			return s, usage("write 2h, 3d or 2026-01-31T08:00:00Z", "%s %q: %v", t.flag, t.value, err)
		}
		ms := at.UnixMilli()
		*t.to = &ms
	}
	for _, h := range f.headers {
		name, value, ok := strings.Cut(h, "=")
		if !ok {
			return s, usage("write it as NAME=VALUE", "--header %q", h)
		}
		s.Headers = append(s.Headers, dlt.HeaderIs{Name: name, Value: value})
	}
	for _, o := range f.offsets {
		part, ranges, ok := strings.Cut(o, ":")
		p, err := strconv.ParseInt(part, 10, 32)
		var set dlt.Offsets
		if err == nil && ok {
			err = set.UnmarshalText([]byte(ranges))
		}
		if err != nil || !ok || p < 0 || ranges == "" {
			return s, usage("write it as 0:10-20", "--offsets %q", o)
		}
		if s.Offsets == nil {
			s.Offsets = map[int32]*dlt.Offsets{}
		}
		if have := s.Offsets[int32(p)]; have != nil {
			have.Union(&set)
		} else {
			s.Offsets[int32(p)] = &set
		}
	}
	return s, nil
}

// momentOf reads a time, or a duration before now.
func momentOf(s string, now time.Time) (time.Time, error) {
	if d, err := term.ParseDuration(s); err == nil {
		return now.Add(-d), nil
	}
	return time.Parse(time.RFC3339, s)
}

// newID names a job or a session.
func newID(prefix string, now time.Time) string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	return prefix + now.UTC().Format("20060102-150405-") + hex.EncodeToString(b[:])
}

// operator is who works here.
// dltFailure gives an error of package dlt its class.
func dltFailure(op, subject string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[interface {
		error
		Code() string
	}](err); ok {
		return err
	}
	if errors.Is(err, dlt.ErrNoJournal) {
		return failed(subject, "the first weir dlt replay or discard makes it; if there was one, nobody knows any more what was replayed: look into the targets first", "%s: %w", op, err)
	}
	return cluster.Classify(op, subject, err)
}

// gated prints why a gate did not pass and ends with exit 3.
func (d *Deps) gated(format term.Format, err error) error {
	g, ok := errors.AsType[*dlt.GateError](err)
	if !ok {
		return err
	}
	if perr := d.refusal(format, g.Reason); perr != nil {
		return perr
	}
	return errGate
}

// refusal prints why nothing was done.
func (d *Deps) refusal(format term.Format, reason string) error {
	return d.Out.Emit(format, "dlt_refusal", map[string]string{"reason": reason}, term.View{Text: func(p *term.Page) { p.Line("%s %s", p.Mark("fail"), reason) }})
}
