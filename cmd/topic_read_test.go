package cmd

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// An open transaction holds back what others wrote behind it: a reader that stops there
// says so.
func TestReadSaysWhatATransactionHolds(t *testing.T) {
	t.Parallel()
	b, _ := shop(t)
	write := func(value string, opts ...kgo.Opt) *kgo.Client {
		cl, err := kgo.NewClient(append(opts, kgo.SeedBrokers(b.Addrs()...), kgo.DefaultProduceTopic("orders"))...)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(cl.Close)
		if len(opts) > 0 {
			if err := cl.BeginTransaction(); err != nil {
				t.Fatal(err)
			}
		}
		if err := cl.ProduceSync(t.Context(), kgo.StringRecord(value)).FirstErr(); err != nil {
			t.Fatal(err)
		}
		return cl
	}
	write("before")
	tx := write("open", kgo.TransactionalID("tx"))
	write("behind")
	read := func(args ...string) (string, string) {
		c := exec.Command(os.Args[0], append([]string{"topic", "read", "orders", "-b", strings.Join(b.Addrs(), ",")}, args...)...)
		c.Args[0] = "weir"
		c.Dir = t.TempDir()
		c.Env = []string{"HOME=" + c.Dir}
		var out, errs strings.Builder
		c.Stdout, c.Stderr = &out, &errs
		if err := c.Run(); err != nil {
			t.Fatal(err, errs.String())
		}
		return out.String(), errs.String()
	}
	const held = "2 offsets lie behind an open transaction"
	if out, errs := read(); !strings.Contains(out, "before") || strings.Contains(out, "behind") || !strings.Contains(errs, held) {
		t.Errorf("%s\n%s", out, errs)
	}
	for _, args := range [][]string{{"--uncommitted"}, {"-n", "1"}, {"--end", "1"}} {
		if _, errs := read(args...); strings.Contains(errs, "transaction") {
			t.Errorf("%v: %s", args, errs)
		}
	}
	if err := tx.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
		t.Fatal(err)
	}
	if out, errs := read(); !strings.Contains(out, "behind") || errs != "" {
		t.Errorf("%s\n%s", out, errs)
	}
}
