package commands

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/weirhq/weir/catalog"
	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/finding"
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

func newLag(d *Deps) *cobra.Command {
	o := &lagOptions{}
	c := &cobra.Command{
		Use:     "lag [GROUP...]",
		Short:   "Show who is behind, by how much and for how long",
		GroupID: Observe,
		Long: doc(`
			Show the lag of groups of every type, in records and in time. Commits are read before the ends
			of the logs. The age of the first unread record comes from the broker's time index and needs no
			READ right; it is a bracket, and exact with --exact. What could not be read is shown as ? and
			makes a total a lower bound; it is never zero. Owners and objectives (x-slo) come from the
			catalog where there is one.

			Statuses, worst first: UNKNOWN, LOST, AHEAD, REWIND, STOPPED, STALLED, REBALANCING, BLOCKED,
			AT_RISK, BEHIND, NEVER, OK, IDLE. REWIND and STALLED need --watch or --sample.

			The limits are gates: a group above one ends the command with exit code 3. Nothing is written.`),
		Example: doc(`
			# Who is behind?
			$ weir lag

			# One group, partition by partition, with rates and an ETA
			$ weir lag billing --by partition --sample 10s

			# A check for a pipeline or a pager
			$ weir lag billing --max-lag 10000 --max-age 5m -o json

			# Wait until a group has read everything
			$ weir lag billing --wait-zero --timeout 10m`),
		Args:              cobra.ArbitraryArgs,
		Annotations:       map[string]string{Next: "weir group describe GROUP", ExitCodes: "3  a group exceeds a limit, or --wait-zero was not reached\n4  something could not be read, and nothing known exceeds a limit"},
		ValidArgsFunction: d.completeGroups(true),
		RunE: func(c *cobra.Command, args []string) error {
			o.names = args
			if err := o.validate(c); err != nil {
				return err
			}
			return runLag(c.Context(), d, o)
		},
	}
	o.bind(c)
	c.AddCommand(newLagExport(d), newLagRules(d))
	return c
}

func (o *lagOptions) bind(c *cobra.Command) {
	fs := c.Flags()
	flagFormat(c, &o.format, lagFormats...)
	fs.BoolVar(&o.regex, "regex", false, "names are patterns that match whole names")
	fs.StringSliceVar(&o.topics, "topic", nil, "only these topics; patterns with --regex")
	oneOf(fs, &o.by, "by", "what a row stands for; auto is topic for named groups, else group", "auto", "group", "topic", "partition", "member")
	oneOf(fs, &o.assume, "assume", "where a partition that was never committed will be read from", "unknown", "earliest", "latest")
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

// lagRun is what the readings of one command have in common.
type lagRun struct {
	d       *Deps
	conn    *cluster.Conn
	reader  *lag.Reader
	query   lag.Query
	opts    lag.Options
	catalog *catalog.Catalog // nil without one
	// history is nil until more than one reading is taken.
	history *lag.History
}

func (d *Deps) newLagRun(ctx context.Context, o *lagOptions) (*lagRun, error) {
	groups, err := newNamesFilter(o.names, o.regex)
	if err != nil {
		return nil, err
	}
	topics, err := newNamesFilter(o.topics, o.regex)
	if err != nil {
		return nil, err
	}
	cat, err := d.lagCatalog(ctx, o)
	if err != nil {
		return nil, err
	}
	conn, err := d.Cluster(ctx)
	if err != nil {
		return nil, err
	}
	r := &lagRun{d: d, conn: conn, catalog: cat, reader: &lag.Reader{Client: conn.Client, Now: d.Now}}
	if len(o.names) > 0 && !o.regex {
		r.query.Groups = o.names
	} else {
		r.query.Match = groups.match
	}
	if len(o.topics) > 0 {
		r.query.Topic = topics.match
	}
	r.query.Settings, r.query.Exact, r.query.Prove = true, o.exact, true
	r.opts = lag.Options{By: lag.By(o.by), Assume: assumption(o.assume), ClusterID: conn.ClusterID, Limits: o.limits}
	if cat != nil {
		bindCatalog(&r.opts, cat)
	}
	if !o.noAge {
		r.query.Ladder = slices.Concat(lag.DefaultLadder(), o.limits.Ages(), objectiveAges(cat))
	}
	return r, nil
}

// lagCatalog loads the catalog when there is one. Lag is asked for at night, when a
// mistake in a document must not stand in the way; only --slo cannot do without.
func (d *Deps) lagCatalog(ctx context.Context, o *lagOptions) (*catalog.Catalog, error) {
	cfg, err := d.Config()
	if err != nil {
		return nil, err
	}
	o.catalog.paths = slices.Clone(o.catalog.paths)
	if !o.slo && len(o.catalog.paths) == 0 && cfg.Root == "" {
		return nil, nil //nolint:nilnil // no catalog is no error
	}
	cat, err := d.Catalog(ctx, &o.catalog, false)
	if err != nil && !o.slo && len(o.catalog.paths) == 0 {
		d.Log.Warn("owners and objectives are unknown: " + err.Error())
		return nil, nil //nolint:nilnil // as above
	}
	return cat, err
}

func bindCatalog(o *lag.Options, cat *catalog.Catalog) {
	o.Objective = func(group, topic string) lag.Objective { return objectiveOf(cat, group, topic) }
	o.Owner = func(group string) string {
		for _, op := range cat.GroupConsumers(group) {
			switch {
			case op.Owner.Known():
				return op.Owner.V.Team
			case op.App.Owner.Known():
				return op.App.Owner.V.Team
			}
		}
		return ""
	}
	o.TopicOwner = func(topic string) string { return cat.Owner(topic).V.Team }
}

// objectiveOf is the promise of one group on one topic: that of its operation, else the
// one that the channel makes for every consumer.
func objectiveOf(cat *catalog.Catalog, group, topic string) lag.Objective {
	var slo catalog.SLO
	for _, op := range cat.GroupConsumers(group) {
		if op.Channel == nil || op.Channel.Topic != topic {
			continue
		}
		slo.LagAge, slo.LagRecords = slo.LagAge.Or(op.SLO.LagAge), slo.LagRecords.Or(op.SLO.LagRecords)
	}
	for _, ch := range cat.TopicChannels(topic) {
		slo.LagAge, slo.LagRecords = slo.LagAge.Or(ch.SLO.LagAge), slo.LagRecords.Or(ch.SLO.LagRecords)
	}
	var out lag.Objective
	if slo.LagAge.Known() {
		out.Age = &slo.LagAge.V
	}
	if slo.LagRecords.Known() {
		out.Records = &slo.LagRecords.V
	}
	return out
}

// objectiveAges become rungs of the ladder, so that an objective is decided and not
// bracketed. Each costs a request a broker, so there is an end to it.
func objectiveAges(cat *catalog.Catalog) []time.Duration {
	if cat == nil {
		return nil
	}
	const most = 20
	seen := map[time.Duration]bool{}
	add := func(s catalog.SLO) {
		if s.LagAge.Known() && s.LagAge.V > 0 {
			seen[s.LagAge.V] = true
		}
	}
	for ch := range cat.Channels() {
		add(ch.SLO)
	}
	for op := range cat.Operations() {
		add(op.SLO)
	}
	ages := make([]time.Duration, 0, len(seen))
	for age := range seen {
		ages = append(ages, age)
	}
	slices.Sort(ages)
	return ages[:min(len(ages), most)]
}

// read takes one reading in chunks.
func (r *lagRun) read(ctx context.Context) (*lag.Report, error) {
	opts, query := r.opts, r.query
	opts.History, query.History = r.history, r.history
	b := lag.NewBuilder(opts)
	progress := r.d.Out.Progress("groups", r.d.Now)
	defer progress.Done()
	r.reader.Progress = func(e lag.Event) { progress.Update(int64(e.Done), int64(e.Total)) }
	cov, err := r.reader.Each(ctx, query, func(s *lag.Snapshot) error {
		b.Add(s)
		return nil
	})
	if err != nil {
		return nil, lagFailure("read lag", "", err)
	}
	rep := b.Report(cov)
	return rep, denied(rep)
}

// denied is the error of a report in which every group was refused.
func denied(rep *lag.Report) error {
	if len(rep.Groups) == 0 {
		return nil
	}
	for i := range rep.Groups {
		if g := &rep.Groups[i]; g.Error == nil || *g.Error != kerr.GroupAuthorizationFailed.Message {
			return nil
		}
	}
	return cluster.Denied("read lag", rep.Groups[0].Group, "DESCRIBE", "Group", kerr.GroupAuthorizationFailed)
}

// lagFailure gives an error of package lag its class, unless it has one.
func lagFailure(op, subject string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[interface {
		error
		Code() string
	}](err); ok {
		return err
	}
	if te, ok := errors.AsType[*lag.TopicError](err); ok {
		return cluster.Classify(te.Op, te.Topic, te.Err)
	}
	return cluster.Classify(op, subject, err)
}

func runLag(ctx context.Context, d *Deps, o *lagOptions) error {
	r, err := d.newLagRun(ctx, o)
	if err != nil {
		return err
	}
	switch {
	case o.watch.d > 0:
		return r.watch(ctx, o)
	case o.waitZero:
		return r.waitZero(ctx, o)
	case o.sample.d > 0:
		r.history = lag.NewHistory()
		if _, err := r.read(ctx); err != nil {
			return err
		}
		if err := pauseFor(ctx, o.sample.d); err != nil {
			return err
		}
	}
	rep, err := r.read(ctx)
	if err != nil {
		return err
	}
	if o.slo && !rep.HasObjectives {
		d.Log.Warn("no objective (x-slo) of the catalog applies to these groups: --slo checked nothing")
	}
	if err := d.emitLag(o, rep, ""); err != nil {
		return err
	}
	return lagOutcome(rep)
}

func pauseFor(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

// lagOutcome is what the report means for the exit code: a breach beats what is unknown.
func lagOutcome(rep *lag.Report) error {
	switch {
	case rep.Gate != nil && len(rep.Gate.Breaches) > 0:
		return errGate
	case rep.Gate != nil && rep.Gate.Passed == nil, !rep.Known():
		return errPartial
	}
	return nil
}

// waitZero reads until nothing is left. The end of --timeout is the answer no, told with
// the last reading, and not a failure.
func (r *lagRun) waitZero(ctx context.Context, o *lagOptions) error {
	r.history = lag.NewHistory()
	began := r.d.Now()
	var last *lag.Report
	for {
		rep, err := r.read(ctx)
		switch {
		case err == nil:
			last = rep
		case last == nil || !errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
			return err
		}
		drained, certain := last.Drained()
		if err == nil && drained && certain {
			if err := r.d.emitLag(o, last, "Everything has been read after "+term.Duration(r.d.Now().Sub(began))+"."); err != nil {
				return err
			}
			return lagOutcome(last)
		}
		if err == nil {
			err = pauseFor(ctx, o.interval.d)
		}
		if err == nil {
			continue
		}
		if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return err
		}
		verdict := "Not everything has been read after " + term.Duration(r.d.Now().Sub(began)) + "."
		last.FailWait()
		if err := r.d.emitLag(o, last, verdict); err != nil {
			return err
		}
		return errGate
	}
}

func (d *Deps) emitLag(o *lagOptions, rep *lag.Report, verdict string) error {
	switch o.format {
	case term.JUnit, term.GitHub, term.Markdown:
		return emitFindings(d, o.format, "lag", rep, lagFindings(rep, verdict))
	default:
		return d.Out.Emit(o.format, "lag", rep, viewLag(rep, o.format == term.Wide, verdict))
	}
}

// lagGateRules are the gates as rules, for the formats that want some.
func lagGateRules() []finding.Rule {
	return []finding.Rule{
		{ID: "lag/max-lag", Severity: finding.Error, Purpose: "A group has no more unread records than allowed"},
		{ID: "lag/max-age", Severity: finding.Error, Purpose: "The first unread record is no older than allowed"},
		{ID: "lag/max-loss-risk", Severity: finding.Error, Purpose: "Retention does not reach what is unread"},
		{ID: "lag/slo", Severity: finding.Error, Purpose: "A group keeps the objective that the catalog declares"},
		{ID: "lag/wait-zero", Severity: finding.Error, Purpose: "A group has read everything"},
	}
}

func lagFindings(rep *lag.Report, verdict string) *finding.Run {
	var fs []finding.Finding
	var skipped []finding.Skipped
	if rep.Gate != nil {
		for _, b := range rep.Gate.Breaches {
			f := finding.Finding{Rule: "lag/" + b.Limit, Severity: finding.Error, Subject: finding.Subject{Kind: "group", Name: b.Group}, Message: "group " + b.Group + ": " + b.Message}
			if b.Topic != nil {
				f.Message = "group " + b.Group + " on topic " + *b.Topic + ": " + b.Message
			}
			if b.Owner != nil {
				f.Owner = *b.Owner
			}
			fs = append(fs, f)
		}
		for _, u := range rep.Gate.Undecided {
			skipped = append(skipped, finding.Skipped{Rule: "lag/" + u.Limit, Subject: finding.Subject{Kind: "group", Name: u.Group}, Reason: u.Reason})
		}
	}
	if verdict == "" {
		verdict = lagVerdict(rep)
	}
	return &finding.Run{Report: finding.NewReport(fs, skipped), Name: "lag", Rules: lagGateRules(), Gate: finding.Gate{At: finding.Error}, Verdict: verdict}
}
