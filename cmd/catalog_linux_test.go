package cmd

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/weirhq/weir/internal/catalogtest"
)

// BenchmarkCatalogValidate is the whole process, from exec to exit, with the memory
// that the kernel saw where it is more than this test's own: one document of each major, and a thousand of two sizes with
// ten messages and ten examples each. With WEIR_TEST_CONFORMANCE it also reads the
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
			best, cpu, rss := time.Hour, time.Duration(0), int64(0)
			for b.Loop() {
				c := exec.Command(bin, "catalog", "validate", "--ref-root", r.root, filepath.Join(r.root, r.path))
				start := time.Now()
				if out, err := c.CombinedOutput(); err != nil {
					b.Fatalf("%v\n%s", err, out)
				}
				best = min(best, time.Since(start))
				cpu += c.ProcessState.UserTime() + c.ProcessState.SystemTime()
				if u, ok := c.ProcessState.SysUsage().(*syscall.Rusage); ok {
					rss = max(rss, u.Maxrss)
				}
			}
			b.ReportMetric(best.Seconds()*1e3, "best-ms")
			b.ReportMetric(cpu.Seconds()*1e3/float64(b.N), "cpu-ms/op")
			// A child begins with the peak of the process that forked it.
			var own syscall.Rusage
			if err := syscall.Getrusage(syscall.RUSAGE_SELF, &own); err == nil && rss > own.Maxrss {
				b.ReportMetric(float64(rss)/1024, "max-MB")
			}
		})
	}
}
