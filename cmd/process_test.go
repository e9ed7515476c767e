//go:build unix

package cmd

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// benchProcess measures whole processes, from exec to exit: the median and the best
// wall-clock time, the processor time of a run, and the largest resident set of any.
func benchProcess(b *testing.B, exit int, bin string, args ...string) {
	b.Helper()
	var walls []time.Duration
	cpu, peak := time.Duration(0), int64(0)
	for b.Loop() {
		c := exec.Command(bin, args...)
		start := time.Now()
		out, _ := c.CombinedOutput()
		walls = append(walls, time.Since(start))
		if c.ProcessState == nil || c.ProcessState.ExitCode() != exit {
			b.Fatalf("%s: want exit %d\n%s", strings.Join(args, " "), exit, out)
		}
		cpu += c.ProcessState.UserTime() + c.ProcessState.SystemTime()
		if u, ok := c.ProcessState.SysUsage().(*syscall.Rusage); ok {
			peak = max(peak, u.Maxrss)
		}
	}
	slices.Sort(walls)
	b.ReportMetric(walls[len(walls)/2].Seconds()*1e3, "median-ms")
	b.ReportMetric(walls[0].Seconds()*1e3, "best-ms")
	b.ReportMetric(cpu.Seconds()*1e3/float64(len(walls)), "cpu-ms/op")
	b.ReportMetric(float64(peak)/1024, "peak-MB") // Linux counts in KiB
}

// BenchmarkUnreachable is how long a refused connection takes to become an error.
func BenchmarkUnreachable(b *testing.B) {
	bin := buildBinary(b, "..")
	for _, n := range []int{1, 3} {
		var addrs []string
		for range n {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			addrs = append(addrs, l.Addr().String())
			_ = l.Close() // a port that was just free refuses
		}
		b.Run(fmt.Sprintf("%d", n), func(b *testing.B) { benchProcess(b, 6, bin, "topic", "list", "-b", strings.Join(addrs, ",")) })
	}
}

// BenchmarkStreetlights validates one document of the specification's examples, which
// WEIR_TEST_CONFORMANCE holds.
func BenchmarkStreetlights(b *testing.B) {
	root := os.Getenv("WEIR_TEST_CONFORMANCE")
	if root == "" {
		b.Skip("WEIR_TEST_CONFORMANCE is not set")
	}
	bin := buildBinary(b, "..")
	for name, file := range map[string]string{"2.6": "2.6.0/streetlights-kafka.yml", "3.0": "3.0.0/streetlights-kafka-asyncapi.yml"} {
		b.Run(name, func(b *testing.B) {
			benchProcess(b, 0, bin, "catalog", "validate", filepath.Join(root, "asyncapi/spec-examples", file))
		})
	}
}

// BenchmarkTour is the whole tour on the embedded broker.
func BenchmarkTour(b *testing.B) {
	bin := buildBinary(b, "..")
	benchProcess(b, 0, bin, "demo")
}
