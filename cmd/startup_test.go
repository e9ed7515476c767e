package cmd

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// The budget of all package initialisers together. Bytes and allocations are stable
// to 0.1 %; jsonschema v6 alone, which compiles its metaschemas, takes 1.7 MB in
// 21,280. The limits leave room for a library, not for a table built in an init.
const (
	initBytes  = 6 << 20
	initAllocs = 60_000
	// initClock is the best of five runs that one package may take, in milliseconds.
	initClock = 10.0
)

var initLine = regexp.MustCompile(`^init (\S+) @\S+ ms, (\S+) ms clock, (\d+) bytes, (\d+) allocs`)

// TestStartUp keeps start-up cheap: every shell completion pays for it.
func TestStartUp(t *testing.T) {
	bin := buildBinary(t, "..")
	best := map[string]float64{}
	var totalBytes, totalAllocs int
	for run := range 5 {
		totalBytes, totalAllocs = 0, 0
		c := exec.Command(bin, "--help")
		c.Env = append(os.Environ(), "GODEBUG=inittrace=1,gctrace=1")
		var errs bytes.Buffer
		c.Stderr = &errs
		if err := c.Run(); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(errs.String()) {
			if strings.HasPrefix(line, "gc ") {
				t.Errorf("the collector ran before there was anything to do (see internal/boot): %s", line)
			}
			m := initLine.FindStringSubmatch(line)
			if m == nil {
				continue
			}
			ms, _ := strconv.ParseFloat(m[2], 64)
			b, _ := strconv.Atoi(m[3])
			n, _ := strconv.Atoi(m[4])
			totalBytes, totalAllocs = totalBytes+b, totalAllocs+n
			if old, ok := best[m[1]]; !ok || ms < old {
				best[m[1]] = ms
			}
		}
		if run == 0 && len(best) == 0 {
			t.Fatalf("no init trace in:\n%s", errs.String())
		}
	}
	t.Logf("%d packages, %d bytes in %d allocations", len(best), totalBytes, totalAllocs)
	if totalBytes > initBytes || totalAllocs > initAllocs {
		t.Errorf("package inits take %d bytes in %d allocations, the budget is %d in %d", totalBytes, totalAllocs, initBytes, initAllocs)
	}
	for pkg, ms := range best {
		if ms > initClock {
			t.Errorf("init of %s takes %.1f ms at best, the limit is %.0f ms", pkg, ms, initClock)
		}
	}
}

// buildBinary builds a main package as a release does.
func buildBinary(tb testing.TB, pkg string) string {
	tb.Helper()
	bin := filepath.Join(tb.TempDir(), "weir")
	if runtime.GOOS == "windows" {
		bin += ".exe"
	}
	c := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", bin, pkg)
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		tb.Fatalf("build: %v\n%s", err, out)
	}
	return bin
}
