package demo

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/cluster"
)

// TourConfig is what a tour needs.
type TourConfig struct {
	// Run runs one command line of weir and returns what it printed.
	Run func(ctx context.Context, args ...string) (stdout, stderr string, exit int)
	// Connect are the flags by which every command line finds the cluster.
	Connect []string
	// Client opens clients of the same cluster, for what is counted independently.
	Client Client
	// Prefix of every topic and group; a shared cluster needs one.
	Prefix string
	// Dir is an empty folder for the catalog and for plans. The caller removes it.
	Dir string
	// Show is called after each step; nil shows nothing.
	Show func(Scene)
}

// Scene is one finished step.
type Scene struct {
	Number, Of int
	Title      string
	Command    []string // the command line behind the program's name; nil for a proof
	Stdout     string
	Stderr     string
	Exit       int
	Claims     []Verdict
}

// Verdict is a claim about a step and whether it holds.
type Verdict struct {
	Says string
	Err  error // nil when it holds
}

// ErrClaim says that the tour showed something else than it claims.
var ErrClaim = errors.New("the tour did not show what it claims")

// step is one station: a command line and what its output must show, or a proof that
// looks at the cluster by itself.
type step struct {
	title   string
	args    []string
	offline bool // the command line needs no cluster
	exit    int
	claims  []claim
	// keep remembers the first group of a pattern in standard output under a name,
	// which later arguments hold as {name}.
	keep  map[string]string
	proof func(context.Context, *stage) (string, error)
}

// claim is a sentence and the pattern in standard output that proves it.
type claim struct {
	says    string
	pattern string
}

// stage is where the tour plays.
type stage struct {
	cfg  TourConfig
	kept map[string]string
}

// Tour walks through weir: each step runs a real command line and holds its output
// against what the tour says about it. It ends at the first claim that does not
// hold, with ErrClaim. Topics and groups behind the prefix are deleted at the end,
// also when ctx has ended, unless there is no prefix: then the cluster was made for
// the tour and goes with it. The journal of replays stays: others may have begun to
// use it.
func Tour(ctx context.Context, cfg TourConfig) (err error) {
	s := &stage{cfg: cfg, kept: make(map[string]string)}
	if err := s.writeCatalogs(); err != nil {
		return fmt.Errorf("write the tour's catalog: %w", err)
	}
	if cfg.Prefix != "" {
		defer func() { err = errors.Join(err, s.sweep(ctx)) }()
	}
	steps := s.steps()
	for i, st := range steps {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		scene := s.play(ctx, st)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		scene.Number, scene.Of = i+1, len(steps)
		if cfg.Show != nil {
			cfg.Show(scene)
		}
		for _, v := range scene.Claims {
			if v.Err != nil {
				return fmt.Errorf("%w: step %d, %s: %w", ErrClaim, i+1, v.Says, v.Err)
			}
		}
	}
	return nil
}

func (s *stage) play(ctx context.Context, st step) Scene {
	scene := Scene{Title: st.title}
	if st.proof != nil {
		says, err := st.proof(ctx, s)
		scene.Claims = append(scene.Claims, Verdict{Says: says, Err: err})
		return scene
	}
	for _, a := range st.args {
		for name, value := range s.kept {
			a = strings.ReplaceAll(a, "{"+name+"}", value)
		}
		scene.Command = append(scene.Command, a)
	}
	if !st.offline {
		scene.Command = append(scene.Command, s.cfg.Connect...)
	}
	scene.Stdout, scene.Stderr, scene.Exit = s.cfg.Run(ctx, scene.Command...)
	if scene.Exit != st.exit {
		scene.Claims = append(scene.Claims, Verdict{
			Says: fmt.Sprintf("exit code %d", st.exit),
			Err:  fmt.Errorf("exit code %d: %s", scene.Exit, strings.TrimSpace(scene.Stderr)),
		})
	}
	for _, c := range st.claims {
		v := Verdict{Says: c.says}
		if !regexp.MustCompile("(?m)" + c.pattern).MatchString(scene.Stdout) {
			v.Err = fmt.Errorf("the output does not match %s", c.pattern)
		}
		scene.Claims = append(scene.Claims, v)
	}
	for name, pattern := range st.keep {
		if m := regexp.MustCompile("(?m)" + pattern).FindStringSubmatch(scene.Stdout); m != nil {
			s.kept[name] = m[1]
		}
	}
	return scene
}

// name puts the prefix before a topic or group; quoted does so for a pattern.
func (s *stage) name(n string) string   { return s.cfg.Prefix + n }
func (s *stage) quoted(n string) string { return regexp.QuoteMeta(s.cfg.Prefix + n) }

// sweep deletes what the tour has made behind its prefix.
func (s *stage) sweep(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	cl, err := s.cfg.Client()
	if err != nil {
		return err
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	var names []string
	for _, t := range Topics() {
		names = append(names, s.name(t.Name))
	}
	deleted, err := adm.DeleteTopics(ctx, names...)
	if err != nil {
		return cluster.Classify("delete the tour's topics", s.cfg.Prefix+"*", err)
	}
	var errs []error
	for _, t := range deleted.Sorted() {
		if !errors.Is(t.Err, kerr.UnknownTopicOrPartition) {
			errs = append(errs, cluster.Classify("delete topic", t.Topic, t.Err))
		}
	}
	if err := awaitTopics(ctx, cl, names, false); err != nil {
		errs = append(errs, err)
	}
	for _, group := range []string{s.name(Billing), s.name(Notify)} {
		// A consumer that was interrupted is still expected back. Where there is
		// none, the answer is an error that says so.
		_, _ = adm.LeaveGroup(ctx, kadm.LeaveGroup(group).InstanceIDs(firstInstance(group)))
		r, err := adm.DeleteGroup(ctx, group)
		if err == nil {
			err = r.Err
		}
		if !errors.Is(err, kerr.GroupIDNotFound) {
			errs = append(errs, cluster.Classify("delete group", group, err))
		}
	}
	return errors.Join(errs...)
}

// keys reads a topic to its end with a plain client, and returns how many records
// there are of each key.
func (s *stage) keys(ctx context.Context, topic string) (map[string]int, error) {
	topic = s.name(topic)
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	cl, err := s.cfg.Client(kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords()) // the end of a log may be a transaction's marker
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	ends, err := kadm.NewClient(cl).ListCommittedOffsets(ctx, topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return nil, cluster.Classify("count records of", topic, err)
	}
	left := make(map[int32]int64)
	for p, o := range ends[topic] {
		if o.Offset > 0 {
			left[p] = o.Offset
		}
	}
	counts := make(map[string]int)
	for len(left) > 0 {
		f := cl.PollFetches(ctx)
		if err := f.Err(); err != nil {
			return nil, cluster.Classify("count records of", topic, err)
		}
		for r := range f.RecordsAll() {
			if !r.Attrs.IsControl() {
				counts[string(r.Key)]++
			}
			if r.Offset+1 >= left[r.Partition] {
				delete(left, r.Partition)
			}
		}
	}
	return counts, nil
}
