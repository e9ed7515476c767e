package plan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/weirhq/weir/cluster"
)

// Status is what became of a step.
type Status string

// The states of a step after apply. Unknown is a step whose request got no answer and
// whose effect could not be read afterwards.
const (
	Done     Status = "done"
	Failed   Status = "failed"
	Unknown  Status = "unknown"
	NotTried Status = "not-tried"
)

// Outcome is a step and what became of it.
type Outcome struct {
	Step
	Status Status `json:"status"`
	Error  string `json:"error,omitempty"`
	err    error
}

// Subject names what the step is about, with its kind.
func (o *Outcome) Subject() string { return string(o.Kind) + " " + o.Thing() }

// Thing is the name of what was changed, without its kind.
func (o *Outcome) Thing() string {
	if o.ACL != nil {
		return o.ACL.String()
	}
	return o.Name
}

// Failure is why the step was not done; nil where it was.
func (o *Outcome) Failure() error {
	if o.Status == Done {
		return nil
	}
	return errors.New(string(o.Status) + ": " + o.Error)
}

// halfDone is a topic whose settings were changed and whose partitions were not.
type halfDone struct{ cause error }

func (e *halfDone) Error() string { return "its settings were changed, and then: " + e.cause.Error() }
func (e *halfDone) Unwrap() error { return e.cause }

// Result is what apply did.
type Result struct {
	ClusterID string    `json:"cluster_id"`
	Outcomes  []Outcome `json:"steps"`
	Done      int       `json:"done"`
	Failed    int       `json:"failed"`
	Unknown   int       `json:"unknown"`
	NotTried  int       `json:"not_tried"`
	// Others are the channels of other protocols that the plan left out.
	Others []OtherChannel `json:"other_protocols"`
	// Settled is false where apply went through and topics do not show as they were written.
	Settled bool `json:"-"`
}

// topics are those that were written, with the least numbers of their partitions.
func (r *Result) topics() map[string]int32 {
	want := map[string]int32{}
	for i := range r.Outcomes {
		o := &r.Outcomes[i]
		switch {
		case o.Kind != TopicKind || o.Status != Done:
		case o.Op == Delete:
			want[o.Name] = 0
		default:
			want[o.Name] = max(1, o.Partitions, o.growsTo())
		}
	}
	return want
}

// Event tells how far apply is.
type Event struct{ Done, Total int }

// StaleError refuses a plan because the world moved since it was made.
type StaleError struct{ Moved []string }

func (e *StaleError) Error() string {
	return fmt.Sprintf("apply: the cluster changed since the plan was made: %s", listed(e.Moved))
}

// Hint says what to do next.
func (*StaleError) Hint() string { return "make the plan anew and look at it again: weir plan" }

// Code is the class of the failure; weir apply prints what moved and ends as a gate.
func (*StaleError) Code() string { return "stale" }

func listed(names []string) string {
	const most = 5
	if len(names) <= most {
		return fmt.Sprint(names)
	}
	return fmt.Sprintf("%v and %d more", names[:most], len(names)-most)
}

// Check reads the plan's resources again and refuses as a whole when one is not as it
// was, when the cluster is another one, or when a reassignment runs on a topic.
func (p *Plan) Check(ctx context.Context, conn *cluster.Conn) error {
	if p.ClusterID != conn.ClusterID {
		return &FileError{fmt.Sprintf("apply: the plan was made for cluster %s, this is %s", p.ClusterID, conn.ClusterID), "connect with the profile the plan was made with: " + p.Profile}
	}
	now, err := Observe(ctx, conn, p.touches())
	if err != nil {
		return err
	}
	if slices.ContainsFunc(p.Pending(), func(s *Step) bool { return s.Kind == ACLKind }) && now.ACLErr != nil {
		return now.ACLErr
	}
	if moved := p.Stale(now); len(moved) > 0 {
		return &StaleError{moved}
	}
	for _, s := range p.Pending() {
		if now.Reassigning[s.Name] && s.Kind == TopicKind {
			return &StaleError{[]string{"topic " + s.Name + " (a partition reassignment began)"}}
		}
	}
	return nil
}

// Apply does the pending steps and nothing else: topics first, then rights, and what
// deletes comes last. It goes on after a step that fails. When ctx ends, the request in
// flight is finished and the rest is not tried. record is called after every step.
func (p *Plan) Apply(ctx context.Context, conn *cluster.Conn, progress func(Event), record func(*Outcome)) (*Result, error) {
	r := &Result{ClusterID: p.ClusterID, Others: p.Others}
	for _, s := range p.Pending() {
		r.Outcomes = append(r.Outcomes, Outcome{Step: *s, Status: NotTried})
	}
	ap := &applier{conn: conn, r: r, progress: progress, record: record}
	phases := []func(context.Context) error{
		func(ctx context.Context) error { return ap.topics(ctx, Create, createTopics, ap.created) },
		func(ctx context.Context) error { return ap.topics(ctx, Modify, alterAndGrow, ap.changed) },
		func(ctx context.Context) error { return ap.rights(ctx, Create) },
		func(ctx context.Context) error { return ap.rights(ctx, Delete) },
		func(ctx context.Context) error { return ap.topics(ctx, Delete, deleteTopics, ap.gone) },
	}
	var err error
	for _, phase := range phases {
		if ctx.Err() != nil {
			err = ctx.Err()
			break
		}
		if err = phase(ctx); err != nil {
			break
		}
	}
	r.count()
	r.Settled = err != nil || conn.TopicsSettled(ctx, r.topics())
	return r, err
}

// Wrote reports whether apply changed something, or may have: a step that failed may have
// been done in part.
func (r *Result) Wrote() bool {
	return r.Done > 0 || r.Unknown > 0 || slices.ContainsFunc(r.Outcomes, func(o Outcome) bool {
		_, half := errors.AsType[*halfDone](o.err)
		return half
	})
}

type applier struct {
	conn     *cluster.Conn
	r        *Result
	progress func(Event)
	record   func(*Outcome)
	settled  int
}

func (r *Result) count() {
	r.Done, r.Failed, r.Unknown, r.NotTried = 0, 0, 0, 0
	for i := range r.Outcomes {
		switch r.Outcomes[i].Status {
		case Done:
			r.Done++
		case Failed:
			r.Failed++
		case Unknown:
			r.Unknown++
		case NotTried:
			r.NotTried++
		}
	}
}

// FirstError is the first failure, for a run in which nothing was done.
func (r *Result) FirstError() error {
	for i := range r.Outcomes {
		if r.Outcomes[i].err != nil {
			return r.Outcomes[i].err
		}
	}
	return nil
}

func (ap *applier) settle(o *Outcome, status Status, err error) {
	o.Status, o.err = status, err
	if err != nil {
		o.Error = err.Error()
	}
	ap.settled++
	if ap.progress != nil {
		ap.progress(Event{ap.settled, len(ap.r.Outcomes)})
	}
	if ap.record != nil {
		ap.record(o)
	}
}

func (ap *applier) pick(kind Kind, op Op) []*Outcome {
	var out []*Outcome
	for i := range ap.r.Outcomes {
		if o := &ap.r.Outcomes[i]; o.Kind == kind && o.Op == op {
			out = append(out, o)
		}
	}
	return out
}

type topicRequest = func(ctx context.Context, conn *cluster.Conn, steps []*Step, validate bool) (map[string]error, error)

// alterAndGrow changes settings, then partitions, of the same topics. Settings come
// first: a topic that grew with wrong settings is worse than the other way round.
func alterAndGrow(ctx context.Context, conn *cluster.Conn, steps []*Step, validate bool) (map[string]error, error) {
	out, err := alterConfigs(ctx, conn, steps, validate)
	if err != nil {
		return nil, err
	}
	var rest []*Step
	for _, s := range steps {
		if out[s.Name] == nil {
			rest = append(rest, s)
		}
	}
	grown, err := growTopics(ctx, conn, rest, validate)
	if err != nil {
		return nil, err
	}
	all := map[string]error{}
	maps.Copy(all, out)
	for name, err := range grown {
		if _, set := out[name]; set && err != nil && !validate {
			err = &halfDone{err}
		}
		all[name] = err
	}
	return all, nil
}

// topics does one kind of topic step in batches. A request in flight is finished even
// when ctx ends, so that its answer is known; where no answer came, the cluster is
// read to find out what happened.
func (ap *applier) topics(ctx context.Context, op Op, request topicRequest, happened func(*Step, *cluster.Topic, cluster.ConfigSet) bool) error {
	for batch := range slices.Chunk(ap.pick(TopicKind, op), requestTopics) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		steps := make([]*Step, len(batch))
		for i, o := range batch {
			steps[i] = &o.Step
		}
		answers, err := request(context.WithoutCancel(ctx), ap.conn, steps, false)
		if err != nil {
			ap.findOut(ctx, batch, err, happened)
			return err
		}
		for _, o := range batch {
			answer, answered := answers[o.Name]
			status := Done
			switch {
			case !answered:
				status, answer = Unknown, errors.New("the broker did not answer for it")
			case errors.Is(answer, kerr.TopicAlreadyExists) && op == Create, errors.Is(answer, kerr.UnknownTopicOrPartition) && op == Delete,
				errors.Is(answer, kerr.InvalidPartitions) && op == Modify, unanswered(answer):
				// A request that the client sent twice over a broker loss finds its own work,
				// and so does one of two who apply at once: what counts is the state. So it is
				// where the broker itself got no answer in time.
				if n := o.growsTo(); n > 0 && !unanswered(answer) {
					ap.conn.TopicsSettled(ctx, map[string]int32{o.Name: n})
				}
				ap.findOut(ctx, []*Outcome{o}, answer, happened)
				continue
			case answer != nil:
				status = Failed
			}
			ap.settle(o, status, answer)
		}
	}
	return nil
}

// findOutTime bounds the reading after a lost connection.
const findOutTime = 20 * time.Second

// findOut reads the state of topics whose request failed as a whole.
func (ap *applier) findOut(ctx context.Context, batch []*Outcome, cause error, happened func(*Step, *cluster.Topic, cluster.ConfigSet) bool) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), findOutTime)
	defer cancel()
	names := make([]string, len(batch))
	for i, o := range batch {
		names[i] = o.Name
	}
	topics := map[string]*cluster.Topic{}
	configs := map[string]cluster.ConfigSet{}
	hidden := map[string]error{} // what may be there and may not be seen
	list, err := ap.conn.Topics(ctx, cluster.TopicsQuery{Names: names})
	if err == nil {
		for i := range list.Topics {
			switch t := &list.Topics[i]; {
			case t.ErrorName == nil:
				topics[t.Name] = t
			case *t.ErrorName != kerr.UnknownTopicOrPartition.Message:
				hidden[t.Name] = t.Err("describe topic")
			}
		}
		var sets []cluster.ConfigSet
		if sets, err = ap.conn.TopicConfigs(ctx, names); err == nil {
			for _, s := range sets {
				configs[s.Topic] = s
				if s.ErrorName != nil && topics[s.Topic] != nil {
					hidden[s.Topic] = errors.New(*s.ErrorName)
				}
			}
		}
	}
	for _, o := range batch {
		status, failure := Failed, cause
		err := cmp.Or(err, hidden[o.Name])
		switch {
		case err != nil:
			status, failure = Unknown, fmt.Errorf("%w; what happened could not be read: %w", cause, err)
		case happened(&o.Step, topics[o.Name], configs[o.Name]):
			status, failure = Done, nil
		case unanswered(cause):
			status, failure = Unknown, notYet(cause)
		case ap.partly(&o.Step, topics[o.Name], configs[o.Name]):
			if _, told := errors.AsType[*halfDone](cause); !told {
				failure = &halfDone{cause}
			}
		}
		ap.settle(o, status, failure)
	}
}

// unanswered is a request that a broker may still carry out, whatever it shows now: one
// without a controller keeps it until there is one.
func unanswered(cause error) bool {
	e, ok := errors.AsType[*cluster.Error](cause)
	return ok && e.Class == cluster.TimedOut
}

func notYet(cause error) error {
	return fmt.Errorf("%w; it does not show, and may still be done", cause)
}

// created: the topic is there with the shape that was asked for.
func (ap *applier) created(s *Step, t *cluster.Topic, set cluster.ConfigSet) bool {
	if t == nil || s.Partitions > 0 && len(t.Partitions) != int(s.Partitions) {
		return false
	}
	for k, v := range s.Config {
		if !configIs(set, k, v) {
			return false
		}
	}
	return true
}

// changed: every change shows.
func (ap *applier) changed(s *Step, t *cluster.Topic, set cluster.ConfigSet) bool {
	return t != nil && !slices.ContainsFunc(s.Changes, func(c Change) bool { return !shows(c, s, t, set) })
}

// partly: some change of several shows.
func (ap *applier) partly(s *Step, t *cluster.Topic, set cluster.ConfigSet) bool {
	return t != nil && slices.ContainsFunc(s.Changes, func(c Change) bool { return shows(c, s, t, set) })
}

func shows(c Change, s *Step, t *cluster.Topic, set cluster.ConfigSet) bool {
	switch c.Op {
	case "grow":
		return int(s.growsTo()) == len(t.Partitions)
	case "set":
		return configIs(set, c.Name, *c.After)
	default: // unset
		return !slices.ContainsFunc(set.Configs, func(x cluster.Config) bool { return x.Name == c.Name && x.Own() })
	}
}

func (ap *applier) gone(_ *Step, t *cluster.Topic, _ cluster.ConfigSet) bool { return t == nil }

func configIs(set cluster.ConfigSet, key, want string) bool {
	return slices.ContainsFunc(set.Configs, func(c cluster.Config) bool {
		return c.Name == key && c.Value != nil && equalValue(key, *c.Value, want)
	})
}

// rights grants or revokes rows in batches and waits, bounded, until they show.
func (ap *applier) rights(ctx context.Context, op Op) error {
	outcomes := ap.pick(ACLKind, op)
	if len(outcomes) == 0 {
		return nil
	}
	change := &cluster.ACLChange{}
	for _, o := range outcomes {
		change.Steps = append(change.Steps, cluster.ACLStep{ACLRow: *o.ACL, Status: cluster.ACLPlanned})
	}
	send := ap.conn.CreateACLs
	if op == Delete {
		send = ap.conn.DeleteACLs
	}
	err := send(context.WithoutCancel(ctx), change)
	e, ok := errors.AsType[*cluster.Error](err)
	refused := ok && e.Class == cluster.Unauthorised
	lost := err != nil && !refused
	var rows []cluster.ACLRow
	var unread error
	if lost {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), findOutTime)
		rows, unread = ap.conn.ACLs(ctx)
		cancel()
	}
	for i, o := range outcomes {
		var (
			status  Status
			failure error
		)
		switch st := change.Steps[i]; st.Status {
		case cluster.ACLCreated, cluster.ACLDeleted, cluster.ACLExists, cluster.ACLAbsent:
			status = Done
		case cluster.ACLFailed:
			status, failure = Failed, errors.New(st.Error)
			switch {
			case refused:
				failure = err // an answer, and its class decides the exit code
			case lost && unread != nil:
				status, failure = Unknown, fmt.Errorf("%w; what happened could not be read: %w", err, unread)
			case lost && slices.Contains(rows, *o.ACL) == (op == Create):
				status, failure = Done, nil
			case lost && unanswered(err):
				status, failure = Unknown, notYet(err)
			case lost:
				failure = err
			}
		default:
			continue
		}
		ap.settle(o, status, failure)
	}
	if lost {
		return err
	}
	_, err = ap.conn.ACLsSettled(context.WithoutCancel(ctx), change)
	return err
}
