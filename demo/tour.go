package demo

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
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
	// Journal is the topic in which a replay notes what it did. On a shared cluster
	// the tour deletes it only if it made it and nobody else has written to it.
	Journal string
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
	cfg      TourConfig
	kept     map[string]string
	replicas int  // of the shop's topics: three, or as many as there are brokers
	journal  bool // the journal was there before the tour
}

// Tour walks through weir: each step runs a real command line and holds its output
// against what the tour says about it. It ends at the first claim that does not
// hold, with ErrClaim. Topics and groups behind the prefix are deleted at the end,
// also when ctx has ended, unless there is no prefix: then the cluster was made for
// the tour and goes with it.
func Tour(ctx context.Context, cfg TourConfig) (err error) {
	s := &stage{cfg: cfg, kept: make(map[string]string), replicas: shopReplicas}
	if cfg.Prefix != "" {
		if err := s.look(ctx); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, s.sweep(ctx)) }()
	}
	if err := s.writeCatalogs(); err != nil {
		return fmt.Errorf("write the tour's catalog: %w", err)
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
