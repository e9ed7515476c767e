package commands

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/internal/term"
	"github.com/weirhq/weir/lag"
)

type lagOptions struct {
	names, topics []string
	regex         bool
	by, assume    string
	exact, noAge  bool
	sample, watch span
	maxLag        int64
	maxAge        span
	maxLossRisk   string
	slo, waitZero bool
	interval      span
	format        term.Format
	catalog       catalogFlags

	limits lag.Limits
}

// span is a duration flag that takes days.
type span struct{ d time.Duration }

func (s *span) String() string {
	if s.d == 0 {
		return ""
	}
	return term.Duration(s.d)
}
func (s *span) Type() string { return "duration" }
func (s *span) Set(v string) error {
	d, err := term.ParseDuration(v)
	if err == nil && d <= 0 {
		err = errors.New("the duration must be positive")
	}
	s.d = d
	return err
}

// lagFormats are those of a gate; SARIF is about files and has no place here.
var lagFormats = []term.Format{term.TextFormat, term.Wide, term.JSON, term.YAML, term.TSV, term.Name, term.JUnit, term.GitHub, term.Markdown}

func (o *lagOptions) bind(c *cobra.Command) {
	fs := c.Flags()
	flagFormat(c, &o.format, lagFormats...)
	fs.BoolVar(&o.regex, "regex", false, "names are patterns that match whole names")
	lines(fs, &o.topics, "topic", "only this `topic`, repeatable; a pattern with --regex")
	OneOf(fs, &o.by, "by", "what a row stands for; auto is topic for named groups, else group", "auto", "group", "topic", "partition", "member")
	OneOf(fs, &o.assume, "assume", "where a partition that was never committed will be read from", "unknown", "earliest", "latest")
	fs.BoolVar(&o.exact, "exact", false, "read the first unread record for its time; needs READ on the topics")
	fs.BoolVar(&o.noAge, "no-age", false, "leave out time lag, which costs nine requests to each broker")
	fs.Var(&o.sample, "sample", "take two readings this far apart, for rates, an ETA and trends")
	fs.Var(&o.watch, "watch", "repeat every so often until interrupted; -o json prints one object a line")
	fs.Int64Var(&o.maxLag, "max-lag", 0, "fail when a group has more unread records than this")
	fs.Var(&o.maxAge, "max-age", "fail when a group's first unread record is older than this")
	fs.StringVar(&o.maxLossRisk, "max-loss-risk", "", "fail when more than this part of a log is unread (80% or 0.8), or records were lost")
	fs.BoolVar(&o.slo, "slo", false, "fail when an objective of the catalog (x-slo) is missed")
	fs.BoolVar(&o.waitZero, "wait-zero", false, "wait until nothing is left to read, at most --timeout")
	fs.Var(&o.interval, "interval", "time between the readings of --wait-zero (default 2s)")
	o.catalog.bind(fs)
}

func (o *lagOptions) validate(c *cobra.Command) error {
	if err := oneFlag(c, false, "watch", "wait-zero", "sample"); err != nil {
		return err
	}
	if c.Flags().Changed("max-lag") {
		if o.maxLag < 0 {
			return usage("--max-lag 0 wants no lag at all", "--max-lag %d: a lag is never negative", o.maxLag)
		}
		o.limits.MaxLag = &o.maxLag
	}
	if o.maxAge.d > 0 {
		if o.noAge {
			return usage("leave out one of them", "--max-age needs the age that --no-age leaves out")
		}
		o.limits.MaxAge = &o.maxAge.d
	}
	if o.maxLossRisk != "" {
		r, err := parseRatio(o.maxLossRisk)
		if err != nil {
			return usage("write 80% or 0.8", "--max-loss-risk %s: %w", o.maxLossRisk, err)
		}
		o.limits.MaxLossRisk = &r
	}
	o.limits.Objectives = o.slo
	switch o.format {
	case term.JUnit, term.GitHub, term.Markdown:
		if o.watch.d > 0 {
			return usage("use -o text or -o json with --watch", "-o %s is one document, --watch never ends", o.format)
		}
		if !o.limits.Any() && !o.waitZero {
			return usage("add --max-lag, --max-age, --max-loss-risk or --slo", "-o %s prints the findings of a gate, and no limit was given", o.format)
		}
	case term.YAML, term.TSV, term.Name, term.Wide:
		if o.watch.d > 0 && o.format != term.Wide {
			return usage("use -o text or -o json with --watch", "-o %s cannot be watched", o.format)
		}
	}
	if o.by == "auto" {
		o.by = string(lag.ByGroup)
		if len(o.names) > 0 && !o.regex && o.watch.d == 0 {
			o.by = string(lag.ByTopic)
		}
	}
	if o.interval.d == 0 {
		o.interval.d = 2 * time.Second
	}
	return nil
}

func assumption(word string) lag.Assume {
	if word == "unknown" {
		return lag.AssumeNothing
	}
	return lag.Assume(word)
}

func parseRatio(s string) (float64, error) {
	num, percent := strings.CutSuffix(s, "%")
	v, err := strconv.ParseFloat(num, 64)
	if err != nil {
		return 0, errors.New("not a number")
	}
	if percent {
		v /= 100
	}
	if !(v >= 0 && v <= 1) { // NaN too
		return 0, errors.New("not between 0 and 1")
	}
	return v, nil
}
