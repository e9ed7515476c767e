package cmd

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/commands"
	"github.com/weirhq/weir/demo/broker"
)

// leaves yields every command a person can run.
func leaves(c *cobra.Command, visit func(*cobra.Command)) {
	if !c.HasAvailableSubCommands() {
		visit(c)
		return
	}
	if strings.Contains(c.Use, "[") && c.Parent() != nil { // a noun that is a command too: lag, demo
		visit(c)
	}
	for _, s := range c.Commands() {
		if s.IsAvailableCommand() && s.Name() != "help" {
			leaves(s, visit)
		}
	}
}

// Every command explains itself in the same way.
func TestEveryCommandExplainsItself(t *testing.T) {
	n := 0
	leaves(Tree(), func(c *cobra.Command) {
		n++
		path := c.CommandPath()
		switch {
		case c.Short == "" || strings.HasSuffix(c.Short, "."):
			t.Errorf("%s: the short text %q is empty or ends with a full stop", path, c.Short)
		case c.Long == "":
			t.Errorf("%s: no long text", path)
		case !strings.Contains(c.Example, "$ weir "):
			t.Errorf("%s: no example that starts with $ weir", path)
		}
		for line := range strings.Lines(c.Example) {
			if l := strings.TrimSpace(line); l != "" && !strings.HasPrefix(l, "#") && !strings.HasPrefix(l, "$ ") {
				t.Errorf("%s: an example line is neither # why nor $ command: %q", path, l)
			}
		}
	})
	if n < 40 {
		t.Errorf("only %d commands were found", n)
	}
}

// Whatever rule a finding names, weir explain has a page on it.
func TestEveryRuleIsExplained(t *testing.T) {
	run := func(args ...string) (int, string) {
		var out, errs strings.Builder
		code := Main(args, strings.NewReader(""), &out, &errs, []string{"HOME=" + t.TempDir()}, Build{})
		return code, out.String() + errs.String()
	}
	code, list := run("explain", "-o", "name")
	rules := strings.Fields(list)
	if code != 0 || len(rules) < 200 {
		t.Fatalf("exit %d, %d rules", code, len(rules))
	}
	for _, id := range rules {
		if code, text := run("explain", id); code != 0 || !strings.Contains(text, id) {
			t.Errorf("explain %s: exit %d: %s", id, code, text)
		}
	}
}

// exitCodes cover every class that a command can name.
func TestEveryClassHasAnExitCode(t *testing.T) {
	for _, code := range []string{
		commands.Failed, commands.UsageCode, commands.RefusedCode, commands.CatalogCode, commands.Misconfigured, commands.GateCode,
		commands.PartialCode, commands.Unauthenticated, commands.Unauthorized, commands.Unreachable, commands.Timeout, commands.Interrupted,
	} {
		if _, ok := exitCodes[code]; !ok {
			t.Errorf("%s has no exit code", code)
		}
	}
}

// No command prints a secret, whatever becomes of it, not even with --debug.
func TestNothingSecretIsPrinted(t *testing.T) {
	const secret = "hunter2-8f14e45f"
	b, err := broker.Start(broker.Config{Users: []broker.User{{Name: "ops", Password: secret, Super: true}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	environ := []string{
		"HOME=" + t.TempDir(), "LANG=C.UTF-8",
		"WEIR_BROKERS=" + strings.Join(b.Addrs(), ","), "WEIR_SECURITY_PROTOCOL=SASL_PLAINTEXT",
		"WEIR_SASL_MECHANISM=SCRAM-SHA-512", "WEIR_SASL_USERNAME=ops", "WEIR_SASL_PASSWORD=" + secret,
	}
	t.Chdir(t.TempDir())
	var lines [][]string
	leaves(Tree(), func(c *cobra.Command) {
		args := strings.Fields(c.CommandPath())[1:]
		if args[0] == "demo" && len(args) == 1 {
			return // the tour runs these commands itself, with brokers of its own
		}
		// The words of the usage line stand for arguments, so that as much as possible runs.
		for w := range strings.FieldsSeq(strings.TrimPrefix(c.Use, c.Name())) {
			if w = strings.Trim(w, "[]."); w == strings.ToUpper(w) && w != "" {
				args = append(args, w)
			}
		}
		lines = append(lines, append(args, "--debug", "--timeout", "3s", "--no-input"))
	})
	var wg sync.WaitGroup
	limit := make(chan struct{}, 4)
	connected := 0
	var mu sync.Mutex
	for _, args := range lines {
		wg.Go(func() {
			limit <- struct{}{}
			defer func() { <-limit }()
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			var out, errs strings.Builder
			run(ctx, args, strings.NewReader(""), &out, &errs, environ, Build{Version: "0.0.0-test"})
			if strings.Contains(out.String()+errs.String(), secret) {
				t.Errorf("weir %s prints the password", strings.Join(args, " "))
			}
			mu.Lock()
			defer mu.Unlock()
			if strings.Contains(errs.String(), "SASLHandshake") {
				connected++
			}
		})
	}
	wg.Wait()
	if connected < 10 {
		t.Errorf("only %d of %d commands authenticated: the test proves too little", connected, len(lines))
	}
}
