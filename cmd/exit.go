package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/commands"
	"github.com/weirhq/weir/internal/term"
)

const exitInterrupted = 130

// exitCodes is the one table from the class of a failure to the exit code.
var exitCodes = map[commands.Code]int{
	commands.Failed:          1,
	commands.UsageCode:       2,
	commands.RefusedCode:     2,
	commands.CatalogCode:     2,
	commands.Misconfigured:   2,
	commands.ReadOnly:        2,
	commands.GateCode:        3,
	commands.PartialCode:     4,
	commands.Unauthenticated: 5,
	commands.Unauthorized:    5,
	commands.Unreachable:     6,
	commands.Timeout:         6,
	commands.Interrupted:     exitInterrupted,
}

// failure is what the edge of the program knows about an error.
type failure struct {
	Code    string `json:"code"`
	Exit    int    `json:"exit"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
	Subject string `json:"subject,omitempty"`
}

func classify(ctx context.Context, err error) failure {
	f := failure{Code: commands.Failed, Message: err.Error()}
	if coded, ok := errors.AsType[interface {
		error
		Code() string
	}](err); ok {
		f.Code = coded.Code()
	}
	if hinted, ok := errors.AsType[interface {
		error
		Hint() string
	}](err); ok {
		f.Hint = hinted.Hint()
	}
	if named, ok := errors.AsType[interface {
		error
		Subject() string
	}](err); ok {
		f.Subject = named.Subject()
	}
	// What ended the context explains the error better than the place it hit.
	if cause := context.Cause(ctx); cause != nil && f.Code != commands.RefusedCode {
		switch t, ok := errors.AsType[timeoutError](cause); {
		case errors.Is(cause, errInterrupted):
			f.Code = commands.Interrupted
			if errors.Is(err, context.Canceled) {
				f.Message = "interrupted"
			}
		case ok && (errors.Is(err, context.DeadlineExceeded) || f.Code == commands.Timeout || f.Code == commands.Unreachable):
			f.Code, f.Message, f.Hint = commands.Timeout, t.during(err), t.Hint()
		}
	}
	if f.Code == commands.Failed && errors.Is(err, context.DeadlineExceeded) {
		f.Code = commands.Timeout
	}
	exit, known := exitCodes[f.Code]
	if !known {
		exit = 1
	}
	f.Exit = exit
	return f
}

// finish writes the error line and returns the exit code. A gate that did not pass
// and a job that was partly done were told in the report on standard output.
func (p *program) finish(ctx context.Context, c *cobra.Command, args []string, err error) int {
	if err == nil || errors.Is(err, errDone) || errors.Is(err, term.ErrClosedPipe) {
		return 0
	}
	if c != nil && c.Context() != nil {
		ctx = c.Context()
	}
	f := classify(ctx, err)
	if f.Code == commands.GateCode || f.Code == commands.PartialCode {
		return f.Exit
	}
	if wantsJSON(c, args) {
		b, merr := json.Marshal(map[string]failure{"error": f})
		if merr == nil {
			p.screen.JSONLine(b)
		}
		return f.Exit
	}
	p.screen.Say("%s %s", term.In(term.Bad, "weir: error:"), oneLine(f.Message))
	if f.Hint != "" {
		p.screen.Say("%s %s", term.In(term.Accent, "weir: hint:"), oneLine(f.Hint))
	}
	return f.Exit
}

// oneLine keeps an error on one line, whatever a broker or a library wrote.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// wantsJSON looks at the command's -o, and at the raw arguments where the command
// line could not be parsed.
func wantsJSON(c *cobra.Command, args []string) bool {
	if c != nil {
		if fl := c.Flags().Lookup("output"); fl != nil && fl.Changed {
			return fl.Value.String() == string(term.JSON)
		}
	}
	if i := slices.Index(args, "--"); i >= 0 {
		args = args[:i]
	}
	for i, a := range args {
		switch a {
		case "-ojson", "-o=json", "--output=json":
			return true
		case "-o", "--output":
			return i+1 < len(args) && args[i+1] == string(term.JSON)
		}
	}
	return false
}

// usageFailure gives an error of the flag parser its class.
type usageFailure struct {
	err  error
	hint string
}

func (u *usageFailure) Error() string { return u.err.Error() }
func (u *usageFailure) Unwrap() error { return u.err }
func (*usageFailure) Code() string    { return commands.UsageCode }
func (u *usageFailure) Hint() string  { return u.hint }
