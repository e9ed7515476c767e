package cmd

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"

	"github.com/weirhq/weir/dlt"
	"github.com/weirhq/weir/internal/kafkatest"
)

func TestMain(m *testing.M) {
	if os.Getenv(envMeasure) != "" {
		measureMain()
	}
	testscript.Main(leakless{m}, map[string]func(){
		"weir": func() {
			os.Exit(checkedMain(os.Args[1:], os.Environ()))
		},
	})
}

// leakless fails when a goroutine outlives the tests.
type leakless struct{ tests testscript.TestingM }

func (l leakless) Run() int {
	code := l.tests.Run()
	if code != 0 {
		return code
	}
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// TestScripts drives the real binary, one broker a script: embedded, or the real
// Apache Kafka of WEIR_TEST_BROKERS.
func TestScripts(t *testing.T) {
	shareJournal(t)
	p := scriptParams(t)
	p.Dir = "testdata/script"
	log, setup := watchDocuments(t), p.Setup
	p.Setup = func(env *testscript.Env) error {
		env.Setenv(documentLog, log)
		return setup(env)
	}
	testscript.Run(t, p)
}

// shareJournal makes the journal of replays before any script begins on a cluster that
// all share: a tour that finds none makes it, and takes it away when it ends, while
// others have planned with it.
func shareJournal(t *testing.T) {
	t.Helper()
	if kafkatest.Real() == nil {
		return
	}
	c := dlt.Conn{Admin: kafkatest.Start(t).Admin(), Now: time.Now}
	if err := c.CreateJournal(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func scriptParams(t *testing.T) testscript.Params {
	t.Helper()
	scripts := &kafkatest.Scripts{}
	commands := scripts.Commands()
	commands["exits"] = exits
	return testscript.Params{
		Condition:           scripts.Condition,
		Cmds:                commands,
		RequireUniqueNames:  true,
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", env.WorkDir+"/home")
			env.Setenv("XDG_CONFIG_HOME", "")
			env.Setenv("XDG_STATE_HOME", env.WorkDir+"/state")
			env.Setenv("LANG", "C.UTF-8")
			root, err := os.Getwd()
			if err != nil {
				return err
			}
			env.Setenv("REPO", root+"/..")
			return scripts.Setup(env)
		},
	}
}

// exits runs a command and wants exactly this exit code: `exits 2 weir topic lst`.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND ARG...")
	}
	want, err := strconv.Atoi(args[0])
	if err != nil {
		ts.Fatalf("exits: %v", err)
	}
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		e, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("exits: %v", err)
		}
		got = e.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}
