package commands

import (
	"cmp"
	"context"
	"fmt"
	"os/exec"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/dlt"
	"github.com/weirhq/weir/internal/term"
)

type dltListOptions struct {
	topics  []string
	depth   int64
	fail    bool
	noCount bool
	catalog catalogFlags
	format  term.Format
}

func newDLTList(d *Deps) *cobra.Command {
	o := &dltListOptions{depth: -1}
	c := &cobra.Command{
		Use:     "list [TOPIC...]",
		Aliases: []string{"ls"},
		Short:   "List dead letter topics and what nobody has handled yet",
		Long: doc(`
			Find dead letter topics by the catalog, by name and by content, and count what they hold. Three figures, never
			one: SPAN counts offsets, STORED the records a read_committed reader sees, UNRESOLVED those that were neither
			replayed nor discarded. What is not known is shown as -, never as 0. Topics are read, nothing is written.`),
		Example: doc(`
			# Does anything wait for me?
			$ weir dlt list

			# A gate for a script
			$ weir dlt list --fail-on-depth 0`),
		Annotations:       map[string]string{Next: "weir dlt inspect TOPIC", ExitCodes: "3  with --fail-on-depth: more unresolved records than that, or a figure is not known"},
		ValidArgsFunction: d.completeTopics(true),
		RunE: func(c *cobra.Command, args []string) error {
			o.topics = args
			o.fail = c.Flags().Changed("fail-on-depth")
			return runDLTList(c.Context(), d, o)
		},
	}
	flagFormat(c, &o.format, term.TextFormat, term.Wide, term.JSON, term.YAML, term.TSV, term.Name)
	o.catalog.bind(c.Flags())
	c.Flags().Int64Var(&o.depth, "fail-on-depth", -1, "exit 3 when more records than this are unresolved in any topic")
	c.Flags().BoolVar(&o.noCount, "no-count", false, "spans only: nothing is read")
	return c
}

// declaredDLTs are the dead letter topics of the catalog, with their owners. Without a catalog there are none.
func (d *Deps) declaredDLTs(ctx context.Context, f *catalogFlags) (map[string]string, error) {
	cfg, err := d.Config()
	if err != nil {
		return nil, err
	}
	if len(f.paths) == 0 && len(cfg.Project.Catalog.Paths) == 0 {
		return nil, nil
	}
	cat, err := d.Catalog(ctx, f, false)
	if cat == nil {
		return nil, err
	}
	out := map[string]string{}
	for op := range cat.Operations() {
		if t := op.DLT(); t != nil && t.Topic != "" {
			out[t.Topic] = fmt.Sprint(cmp.Or(t.Owner.V, op.Owner.V))
		}
	}
	return out, nil
}

func runDLTList(ctx context.Context, d *Deps, o *dltListOptions) error {
	dec, err := d.dltDecoder()
	if err != nil {
		return err
	}
	declared, err := d.declaredDLTs(ctx, &o.catalog)
	if err != nil {
		return err
	}
	progress := d.Out.Progress("counting dead letters", d.Now)
	conn, err := d.dltConn(ctx, func(e dlt.Event) { progress.Update(e.Done, e.Total) })
	if err != nil {
		return err
	}
	list, err := conn.List(ctx, dec, dlt.ListOptions{Declared: declared, Only: o.topics, NoCount: o.noCount})
	progress.Done()
	if err != nil {
		return dltFailure("list dead letters", "", err)
	}
	for _, n := range list.Notes {
		d.Log.Warn(n)
	}
	if err := d.Out.Emit(o.format, "dlt_list", list, viewDLTList(list, d.Now())); err != nil {
		return err
	}
	if !o.fail {
		return nil
	}
	for _, t := range list.Topics {
		if t.Class == dlt.Dead && (t.Unresolved == nil || *t.Unresolved > o.depth) {
			return errGate
		}
	}
	return nil
}

func viewDLTList(l *dlt.Listing, now time.Time) term.View {
	num := func(n *int64) any {
		if n == nil {
			return nil
		}
		return *n
	}
	when := func(p *term.Page, ms *int64) any {
		if ms == nil {
			return nil
		}
		if p == nil {
			return time.UnixMilli(*ms).UTC().Format(time.RFC3339)
		}
		return p.Time(time.UnixMilli(*ms), now)
	}
	table := func(p *term.Page, wide bool) *term.Table {
		cols := []string{"TOPIC*", ">UNRESOLVED", ">STORED", ">SPAN", "OLDEST", "NEWEST", ">LAST HOUR", "EXPIRES", "OWNER"}
		if wide {
			cols = append(cols, "CLASS", "DIALECT", "ORIGIN*", "FOUND BY")
		}
		t := term.NewTable(cols...)
		for _, r := range l.Topics {
			owner := any(nil)
			if r.Owner != nil {
				owner = *r.Owner
			}
			row := []any{r.Topic, num(r.Unresolved), num(r.Stored), num(r.Span), when(p, r.OldestMS), when(p, r.NewestMS), num(r.LastHour), when(p, r.ExpiresMS), owner}
			if wide {
				origin := any(nil)
				if r.Origin != nil {
					origin = *r.Origin
				}
				row = append(row, string(r.Class), joinComma(r.Dialects), origin, joinComma(r.FoundBy))
			}
			t.Row(row...)
		}
		return t
	}
	text := func(wide bool) func(p *term.Page) {
		return func(p *term.Page) {
			if len(l.Topics) == 0 {
				p.Line("No dead letter topics found.")
				return
			}
			p.Table(table(p, wide))
			for _, r := range l.Topics {
				if r.Error != nil {
					p.Line("%s %s: %s", p.Mark("fail"), r.Topic, *r.Error)
				}
				if r.BehindOpen != nil && *r.BehindOpen > 0 {
					p.Line("%s %s: %s offsets lie behind an open transaction", p.Mark("warn"), r.Topic, p.Int(*r.BehindOpen))
				}
			}
			i := slices.IndexFunc(l.Topics, func(r dlt.ListedTopic) bool {
				return r.Stored != nil && *r.Stored > 0 && (r.Unresolved == nil || *r.Unresolved > 0)
			})
			if i >= 0 {
				p.Line("")
				p.Line("Next:  weir dlt inspect %s", l.Topics[i].Topic)
			}
		}
	}
	return term.View{
		Text: text(false), Wide: text(true),
		Table: func() *term.Table { return table(nil, true) },
		Names: func() []string {
			var out []string
			for _, r := range l.Topics {
				out = append(out, r.Topic)
			}
			return out
		},
	}
}

func newDLTWatch(d *Deps) *cobra.Command {
	var format term.Format
	var hook string
	var once bool
	c := &cobra.Command{
		Use:   "watch TOPIC...",
		Short: "Say when a dead letter arrives",
		Long: doc(`
			Wait for dead letters and print a line for each, with the delay between death and notice. --exit ends with
			code 3 at the first one, --exec runs a command for each, with the line as JSON on its standard input.`),
		Example: doc(`
			# Tell me
			$ weir dlt watch orders-dlt payments-dlt

			# Fail a deployment's smoke test
			$ timeout 300 weir dlt watch orders-dlt --exit`),
		Annotations:       map[string]string{ExitCodes: "3  with --exit: a dead letter arrived"},
		Args:              atLeastOne("TOPIC"),
		ValidArgsFunction: d.completeTopics(true),
		RunE: func(c *cobra.Command, args []string) error {
			ctx := c.Context()
			dec, err := d.dltDecoder()
			if err != nil {
				return err
			}
			conn, err := d.dltConn(ctx, nil)
			if err != nil {
				return err
			}
			line := d.Out.Lines()
			d.Out.Note("watching %s", joinComma(args))
			err = conn.Watch(ctx, dec, args, func(a *dlt.Arrival) error {
				if format == term.JSON {
					err = line(a)
				} else {
					err = d.Out.Print(func(p *term.Page) {
						class := "unknown cause"
						if a.Class != nil {
							class = *a.Class
						}
						p.Line("%s %s %d@%d %s (cause %s)", time.UnixMilli(a.NoticedMS).UTC().Format(time.RFC3339), a.Topic, a.Partition, a.Offset, class, a.Cause)
					})
				}
				if err == nil && hook != "" {
					err = runHook(ctx, hook, a)
				}
				if err == nil && once {
					err = errGate
				}
				return err
			})
			return dltFailure("watch", joinComma(args), err)
		},
	}
	flagFormat(c, &format, term.TextFormat, term.JSON)
	c.Flags().StringVar(&hook, "exec", "", "program to run for each dead letter")
	c.Flags().BoolVar(&once, "exit", false, "end with code 3 at the first one")
	return c
}

// hookTime bounds one run of a hook, so that a hanging one cannot silence the watch.
const hookTime = 30 * time.Second

func runHook(ctx context.Context, program string, a *dlt.Arrival) error {
	ctx, cancel := context.WithTimeout(ctx, hookTime)
	defer cancel()
	b, err := jsonLine(a)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, program) // #nosec G204 -- the user names the program; nothing of a record is an argument
	cmd.Stdin = b
	if out, err := cmd.CombinedOutput(); err != nil {
		return failed(program, "", "run --exec: %w: %s", err, out)
	}
	return nil
}
