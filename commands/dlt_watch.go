package commands

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os/exec"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/dlt"
	"github.com/weirhq/weir/internal/term"
)

func jsonLine(v any) (io.Reader, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return bytes.NewReader(append(b, '\n')), nil
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
