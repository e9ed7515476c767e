//go:build unix

package cmd

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/weirhq/weir/internal/catalogtest"
)

// usage is what one run of a process took.
type usage struct {
	Exit    int
	Wall    time.Duration
	CPU     time.Duration
	PeakKiB int64
	Output  []byte
}

// envMeasure makes the test binary run its arguments as a child, once for each line that
// it reads, and print what each run took. A child counts the memory of the process that
// started it, so a test that holds brokers and records may not start it itself.
const envMeasure = "WEIR_TEST_MEASURE"

func measureMain() {
	answers := json.NewEncoder(os.Stdout)
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		c := exec.Command(os.Args[1], os.Args[2:]...)
		start := time.Now()
		out, err := c.CombinedOutput()
		u := usage{Wall: time.Since(start), Output: out, Exit: -1}
		if c.ProcessState == nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		u.Exit, u.CPU = c.ProcessState.ExitCode(), c.ProcessState.UserTime()+c.ProcessState.SystemTime()
		if r, ok := c.ProcessState.SysUsage().(*syscall.Rusage); ok {
			u.PeakKiB = r.Maxrss // Linux counts in KiB
		}
		if err := answers.Encode(u); err != nil {
			os.Exit(1)
		}
	}
	os.Exit(0)
}

// measuring returns what runs the program once. The runs follow one another without a
// process that starts in between: that would be measured too, by the caches it empties.
func measuring(b *testing.B, exit int, bin string, args ...string) func() usage {
	b.Helper()
	c := exec.Command(os.Args[0], append([]string{bin}, args...)...)
	c.Env, c.Stderr = append(os.Environ(), envMeasure+"=1"), os.Stderr
	in, err := c.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := c.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = in.Close()
		_ = c.Wait()
	})
	answers := json.NewDecoder(out)
	return func() usage {
		b.Helper()
		var u usage
		_, err := io.WriteString(in, "\n")
		if err == nil {
			err = answers.Decode(&u)
		}
		if err != nil || u.Exit != exit {
			b.Fatalf("%s: exit %d, want %d; %v\n%s", strings.Join(args, " "), u.Exit, exit, err, u.Output)
		}
		return u
	}
}

// benchProcess measures whole processes, from exec to exit: the median and the best
// wall-clock time, the processor time of a run, and the largest resident set of any.
func benchProcess(b *testing.B, exit int, bin string, args ...string) {
	b.Helper()
	run := measuring(b, exit, bin, args...)
	var walls []time.Duration
	cpu, peak := time.Duration(0), int64(0)
	for b.Loop() {
		u := run()
		walls = append(walls, u.Wall)
		cpu += u.CPU
		peak = max(peak, u.PeakKiB)
	}
	slices.Sort(walls)
	b.ReportMetric(walls[len(walls)/2].Seconds()*1e3, "median-ms")
	b.ReportMetric(walls[0].Seconds()*1e3, "best-ms")
	b.ReportMetric(cpu.Seconds()*1e3/float64(len(walls)), "cpu-ms/op")
	b.ReportMetric(float64(peak)/1024, "peak-MB")
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

// BenchmarkCatalogValidate reads one document of each major and a thousand of two sizes,
// with ten messages and ten examples each. With WEIR_TEST_CONFORMANCE it also reads the
// specification's own examples for Kafka.
func BenchmarkCatalogValidate(b *testing.B) {
	tree := func(docs, size int) string {
		dir := b.TempDir()
		if err := os.CopyFS(dir, catalogtest.Services(docs, 10, size)); err != nil {
			b.Fatal(err)
		}
		return dir
	}
	orders, err := filepath.Abs("../examples/orders")
	if err != nil {
		b.Fatal(err)
	}
	type run struct{ name, root, path string }
	runs := []run{
		{"3.0", orders, "orders/asyncapi.yaml"},
		{"2.6", orders, "shipping/asyncapi.yaml"},
		{"1000x8kB", tree(1000, 8<<10), "."},
		{"1000x22kB", tree(1000, 22<<10), "."},
	}
	if dir := os.Getenv("WEIR_TEST_CONFORMANCE"); dir != "" {
		spec := filepath.Join(dir, "asyncapi", "spec-examples")
		runs = append(runs, run{"streetlights-3.0", filepath.Join(spec, "3.0.0"), "streetlights-kafka-asyncapi.yml"},
			run{"streetlights-2.6", filepath.Join(spec, "2.6.0"), "streetlights-kafka.yml"})
	}
	bin := buildBinary(b, "..")
	for _, r := range runs {
		b.Run(r.name, func(b *testing.B) {
			benchProcess(b, 0, bin, "catalog", "validate", "--ref-root", r.root, filepath.Join(r.root, r.path))
		})
	}
}

// BenchmarkHelp is the start of the program, and beside it a Go program that does
// nothing: what the machine takes for starting any process.
func BenchmarkHelp(b *testing.B) {
	empty := filepath.Join(b.TempDir(), "main.go")
	if err := os.WriteFile(empty, []byte("package main\n\nfunc main() {}\n"), 0o600); err != nil {
		b.Fatal(err)
	}
	for _, p := range []struct{ name, bin string }{
		{"weir", buildBinary(b, "..")},
		{"nothing", buildBinary(b, empty)},
	} {
		b.Run(p.name, func(b *testing.B) { benchProcess(b, 0, p.bin, "--help") })
	}
}

// BenchmarkStart is what a start does that can be done again and profiled: the
// metaschemas, which jsonschema compiles in its init, and the help.
func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		c := jsonschema.NewCompiler()
		c.AssertFormat()
		for _, draft := range []*jsonschema.Draft{jsonschema.Draft4, jsonschema.Draft6, jsonschema.Draft7, jsonschema.Draft2019, jsonschema.Draft2020} {
			c.MustCompile(draft.String())
		}
		if code := Main([]string{"--help"}, nil, io.Discard, io.Discard, nil, Build{}); code != 0 {
			b.Fatal(code)
		}
	}
}

// BenchmarkTour is the whole tour on the embedded broker.
func BenchmarkTour(b *testing.B) {
	bin := buildBinary(b, "..")
	benchProcess(b, 0, bin, "demo")
}
