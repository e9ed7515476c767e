// Package protobuf decides whether two versions of a .proto schema can live side
// by side: which change was made, which direction it breaks, and what bytes show it.
//
// It compares linked descriptors, editions features included, under two profiles:
// what the binary format tolerates ([Wire]), and what the binary and the JSON
// format tolerate together ([WireJSON], what weir takes for the truth). It can also
// predict what a Confluent registry answers, from parsed files alone, and judge whether
// an example is a message in the JSON form. It refuses files it cannot link, editions
// it does not know, and imports nobody resolves; it never runs generated code. The two
// types to know are [Checker] and [Change].
package protobuf

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/weirhq/weir/compat"
	"github.com/weirhq/weir/finding"
)

// Profile names a set of rules.
type Profile string

// The profiles.
const (
	// Wire asks only that binary data stays readable.
	Wire Profile = "wire"
	// WireJSON asks it of the binary and of the JSON form.
	WireJSON Profile = "wire-json"
)

// Config chooses how a [Checker] works.
type Config struct {
	// Profile is the rule set; empty means WireJSON.
	Profile Profile
	// Unresolved lets Parse accept a file whose imports nobody resolves, as a
	// registry does; Predict works on it, Check refuses it.
	Unresolved bool
}

// Checker compares Protobuf schemas. It holds no state and is safe for concurrent use.
type Checker struct {
	cfg Config
}

// New returns a checker.
func New(cfg Config) *Checker {
	cfg.Profile = cmp.Or(cfg.Profile, WireJSON)
	return &Checker{cfg: cfg}
}

var _ compat.Checker = (*Checker)(nil)

// Format says which format the checker is for.
func (*Checker) Format() compat.Format { return compat.Protobuf }

// Check answers for one direction between an old and a new version. Every change
// of the profile's rules is reported; one that does no harm in this direction is
// an info and does not count for the verdict.
func (c *Checker) Check(ctx context.Context, old, new compat.Parsed, dir compat.Direction, o compat.Options) (compat.Result, error) { //nolint:predeclared // old and new are what the interface calls them
	a, b, err := linkedPair(old, new)
	if err != nil {
		return compat.Result{}, err
	}
	profile := c.cfg.Profile
	if o.WireOnly {
		profile = Wire
	}
	changes := diff(a, b, o.Additive)
	res := compat.Result{Verdict: compat.ProvenCompatible, Findings: []compat.Finding{}}
	p := newProver(a, b, dir, profile)
	for _, ch := range changes {
		if err := ctx.Err(); err != nil {
			return compat.Result{}, fmt.Errorf("compare %s with %s: %w", a.name, b.name, err)
		}
		if !ch.in(profile) {
			continue
		}
		f := p.finding(ch)
		if f.Severity > finding.Info {
			res.Verdict = res.Verdict.Worse(f.Proof)
		}
		res.Findings = append(res.Findings, f)
	}
	slices.SortStableFunc(res.Findings, func(x, y compat.Finding) int {
		return cmp.Or(x.NewAt.Compare(y.NewAt), cmp.Compare(x.Rule, y.Rule),
			cmp.Compare(x.OldPointer, y.OldPointer), cmp.Compare(x.Message, y.Message))
	})
	return res, nil
}

// Changes lists every change between two versions with its exact place, under all
// rules of both profiles at once.
func (*Checker) Changes(old, new compat.Parsed) ([]Change, error) { //nolint:predeclared // as Check
	a, b, err := linkedPair(old, new)
	if err != nil {
		return nil, err
	}
	return diff(a, b, false), nil
}

func linkedPair(old, new compat.Parsed) (*schema, *schema, error) { //nolint:predeclared // as Check
	a, okA := old.(*schema)
	b, okB := new.(*schema)
	if !okA || !okB {
		return nil, nil, fmt.Errorf("compare protobuf schemas: got %T and %T", old, new)
	}
	for _, s := range []*schema{a, b} {
		if s.linkErr != nil {
			return nil, nil, s.linkErr
		}
	}
	return a, b, nil
}
