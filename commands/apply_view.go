package commands

import (
	"context"
	"errors"

	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/internal/term"
	"github.com/weirhq/weir/plan"
)

// lossless refuses a plan that destroys data nobody agreed to lose.
func (o *applyOptions) lossless(p *plan.Plan) error {
	if p.Lossy() && !o.allowDataLoss {
		return refused("pass --allow-data-loss if that is meant", "apply: %s, nothing was changed", lossOf(p))
	}
	return nil
}

// lookAgain refuses a plan that is no longer what was agreed to: nobody knows how long the
// question stood there. A topic that was empty may have records by now, or readers.
func (o *applyOptions) lookAgain(ctx context.Context, d *Deps, conn *cluster.Conn, p *plan.Plan) error {
	if err := p.Check(ctx, conn); err != nil {
		return err
	}
	if err := d.observeDeletes(ctx, conn, p); err != nil {
		return err
	}
	err := o.lossless(p)
	if err != nil && structured(o.format) {
		err = errors.Join(emitPlan(d, o.format, p, "", false), err)
	}
	return err
}

// emitStale tells what moved where the error is that the plan is stale; any other stays.
func emitStale(d *Deps, f term.Format, err error) error {
	stale, ok := errors.AsType[*plan.StaleError](err)
	if !ok {
		return err
	}
	r := map[string]any{"stale": stale.Moved, "done": 0}
	err = d.Out.Emit(f, "apply_result", r, term.View{Text: func(pg *term.Page) {
		pg.Line("%s The plan is stale, nothing was changed. Since it was made, these moved:", pg.Mark("fail"))
		for _, m := range stale.Moved {
			pg.Line("    %s", m)
		}
		pg.Line("Make it anew and look at it again: weir plan")
	}})
	if err != nil {
		return err
	}
	return errGate
}

func viewResult(pg *term.Page, r *plan.Result) {
	pg.Line("")
	added, changed, deleted := 0, 0, 0
	for i := range r.Outcomes {
		o := &r.Outcomes[i]
		if o.Status == plan.Done {
			switch o.Op {
			case plan.Create:
				added++
			case plan.Modify:
				changed++
			case plan.Delete:
				deleted++
			case plan.Keep, plan.Blocked:
			}
			continue
		}
		name := o.Name
		if o.ACL != nil {
			name = o.ACL.String()
		}
		mark := map[plan.Status]string{plan.Failed: "fail", plan.Unknown: "warn", plan.NotTried: "skip"}[o.Status]
		pg.Line("  %s %-9s %s %s   %s", pg.Mark(mark), string(o.Status), string(o.Kind), name, o.Error)
	}
	pg.Printf("Applied: %d added, %d changed, %d deleted, %d failed", added, changed, deleted, r.Failed)
	if r.Unknown > 0 {
		pg.Printf(", %d unknown", r.Unknown)
	}
	if r.NotTried > 0 {
		pg.Printf(", %d not tried", r.NotTried)
	}
	pg.Line(".")
}
