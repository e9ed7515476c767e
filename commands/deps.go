// Package commands is what weir can do: one file a verb.
//
// It decides the flags, the arguments and the words of every command, joins the
// domain packages (a catalog with a cluster, a plan with a prompt) and draws their
// reports. It refuses to hold logic that a domain package could hold, and to know
// exit codes: a command returns an error and package cmd reads its code.
// The two types to know are [Deps] and [Error].
package commands

import (
	"context"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/internal/audit"
	"github.com/weirhq/weir/internal/config"
	"github.com/weirhq/weir/internal/term"
)

// Deps is what commands work with. The functions are lazy, so that help,
// completion and offline commands never read a file or dial.
type Deps struct {
	Out     *term.Screen
	Globals *config.Flags
	// Config reads and resolves the configuration, once.
	Config func() (*config.Config, error)
	// Cluster connects to the resolved cluster, once, and has spoken to it when it
	// returns. The program closes it.
	Cluster func(ctx context.Context) (*cluster.Conn, error)
	// AnyBroker is Cluster for questions that every broker can answer: a tunnel to one of
	// them is enough, although what it advertises cannot be reached.
	AnyBroker func(ctx context.Context) (*cluster.Conn, error)
	Now       func() time.Time
	Log       *slog.Logger
	// Args is the command line without the program; a secret never stands there.
	Args []string
	// Version of the program.
	Version Version
	// Run runs another command line of this program in the same process, as the
	// tour does, and returns what it printed.
	Run func(ctx context.Context, args ...string) (stdout, stderr string, exit int)
	// RunAlone is Run within dir, which is absolute: it reads no variable, weir.yaml or
	// user file of whoever runs it, and leaves its records beside dir.
	RunAlone func(ctx context.Context, dir string, args ...string) (stdout, stderr string, exit int)

	audit *audit.Log // of what this run changes; nil until it changes something
}

// Version says which weir this is.
type Version struct {
	Version   string            `json:"version"`
	Commit    string            `json:"commit"`
	Date      string            `json:"date"` // of the commit, RFC 3339
	Go        string            `json:"go"`
	Platform  string            `json:"platform"`
	Libraries map[string]string `json:"libraries"`
}

// The groups of the root's help.
const (
	Govern  = "govern"
	Observe = "observe"
	Recover = "recover"
	SetUp   = "setup"
)

// Tree returns the commands below the root.
func Tree(d *Deps) []*cobra.Command {
	return []*cobra.Command{
		newCI(d),
		newCatalog(d),
		newCompat(d),
		newExplain(d),
		newDLT(d),
		newACL(d),
		newTopic(d),
		newPlan(d),
		newApply(d),
		newDrift(d),
		newExport(d),
		newGroup(d),
		newLag(d),
		newDoctor(d),
		newDemo(d),
		newProfile(d),
		newConfig(d),
		newVersion(d),
		newCompletion(d),
	}
}
