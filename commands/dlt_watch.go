package commands

import (
	"bytes"
	"context"
	"encoding/json"
	"os/exec"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/dlt"
	"github.com/weirhq/weir/internal/term"
)

type dltWatchOptions struct {
	topics []string
	hook   string
	once   bool
	format term.Format
}

func newDLTWatch(d *Deps) *cobra.Command {
	o := &dltWatchOptions{}
	c := &cobra.Command{
		Use:   "watch TOPIC...",
		Short: "Say when a dead letter arrives",
		Long: doc(`
			Wait for dead letters and print a line for each, with the delay between death and notice. --exit ends with
			code 3 at the first one, --exec runs a program for each, with the line as JSON on its standard input. A program
			that fails or takes longer than 30 s is told on standard error, and the watch goes on.`),
		Example: doc(`
			# Tell me
			$ weir dlt watch orders-dlt payments-dlt

			# Fail a deployment's smoke test
			$ timeout 300 weir dlt watch orders-dlt --exit`),
		Annotations:       map[string]string{ExitCodes: "3  with --exit: a dead letter arrived"},
		Args:              atLeastOne("TOPIC"),
		ValidArgsFunction: d.completeTopics(true),
		RunE: func(c *cobra.Command, args []string) error {
			o.topics = args
			if o.hook != "" {
				if _, err := exec.LookPath(o.hook); err != nil {
					return usage("name a program that may be run", "--exec: %v", err)
				}
			}
			return runDLTWatch(c.Context(), d, o)
		},
	}
	flagFormat(c, &o.format, term.TextFormat, term.JSON)
	c.Flags().StringVar(&o.hook, "exec", "", "program to run for each dead letter")
	c.Flags().BoolVar(&o.once, "exit", false, "end with code 3 at the first one")
	return c
}

func runDLTWatch(ctx context.Context, d *Deps, o *dltWatchOptions) error {
	dec, err := d.dltDecoder()
	if err != nil {
		return err
	}
	conn, err := d.dltConn(ctx, func(e dlt.Event) {
		if e.Stage == "watch" {
			d.Out.Note("watching %s", joinComma(o.topics))
		}
	})
	if err != nil {
		return err
	}
	line := d.Out.Lines()
	err = conn.Watch(ctx, dec, o.topics, func(a *dlt.Arrival) error {
		var err error
		if o.format == term.JSON {
			err = line(a)
		} else {
			err = d.Out.Print(func(p *term.Page) { viewArrival(p, a) })
		}
		if err != nil {
			return err
		}
		if o.hook != "" {
			if err := runHook(ctx, o.hook, a); err != nil && ctx.Err() == nil {
				d.Log.Error("the program of --exec failed", "program", o.hook, "topic", a.Topic, "partition", a.Partition, "offset", a.Offset, "error", err)
			}
		}
		if o.once {
			return errGate
		}
		return nil
	})
	return dltFailure("watch", joinComma(o.topics), err)
}

func viewArrival(p *term.Page, a *dlt.Arrival) {
	what := "of an unknown kind"
	switch {
	case a.Class != nil:
		what = *a.Class
	case a.Dialect != nil:
		what = *a.Dialect
	}
	if a.Message != "" {
		what += ": " + a.Message
	}
	delay := ""
	if a.DelayMS != nil {
		delay = ", noticed " + term.Duration(time.Duration(*a.DelayMS)*time.Millisecond) + " after its death"
	}
	p.Line("%s %s %d@%d %s (cause %s%s)", time.UnixMilli(a.NoticedMS).UTC().Format(time.RFC3339), a.Topic, a.Partition, a.Offset, what, a.Cause, delay)
}

// hookTime bounds one run of a hook, so that a hanging one cannot silence the watch.
const hookTime = 30 * time.Second

func runHook(ctx context.Context, program string, a *dlt.Arrival) error {
	ctx, cancel := context.WithTimeout(ctx, hookTime)
	defer cancel()
	b, err := json.Marshal(a)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, program) // #nosec G204 -- the user names the program; nothing of a record is an argument
	cmd.Stdin = bytes.NewReader(append(b, '\n'))
	cmd.WaitDelay = time.Second // a child of the program may hold its output open
	if out, err := cmd.CombinedOutput(); err != nil {
		return failed(program, "", "%w: %s", err, out)
	}
	return nil
}
