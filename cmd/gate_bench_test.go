//go:build unix

package cmd

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/weirhq/weir/internal/catalogtest"
)

// BenchmarkCompatCheck is what a pull request costs: 100 documents of 10 kB with 1,000
// messages, 20 documents changed since the commit they are compared with, one break each.
func BenchmarkCompatCheck(b *testing.B) {
	dir := b.TempDir()
	services := catalogtest.Services(100, 10, 10<<10)
	if err := os.CopyFS(dir, services); err != nil {
		b.Fatal(err)
	}
	git := func(args ...string) {
		c := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=t", "-c", "user.email=t@example.com"}, args...)...)
		if out, err := c.CombinedOutput(); err != nil {
			b.Skipf("no repository to compare with: %v\n%s", err, out)
		}
	}
	git("init", "-q")
	git("add", ".")
	git("commit", "-q", "-m", "before")
	changed := 0
	for name, f := range services {
		was := []byte("amount: {type: number, minimum: 0}")
		if changed++; changed > 20 {
			break
		}
		now := bytes.Replace(f.Data, was, []byte("amount: {type: string}"), 1)
		if bytes.Equal(now, f.Data) {
			b.Fatalf("%s does not change", name)
		}
		if err := os.WriteFile(filepath.Join(dir, name), now, 0o600); err != nil {
			b.Fatal(err)
		}
	}
	benchProcess(b, 3, buildBinary(b, ".."), "compat", "check", dir, "--against", "git:HEAD")
}
