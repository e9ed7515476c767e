package catalog_test

import (
	"runtime"
	"runtime/debug"
	"testing"
	"testing/fstest"

	"github.com/weirhq/weir/catalog"
	"github.com/weirhq/weir/internal/catalogtest"
)

func benchLoad(b *testing.B, fs fstest.MapFS, validate bool) {
	b.Helper()
	bytes := 0
	for _, f := range fs {
		bytes += len(f.Data)
	}
	b.SetBytes(int64(bytes))
	b.ReportMetric(float64(bytes)/float64(len(fs)), "B/doc")
	b.ReportAllocs()
	debug.FreeOSMemory()
	var m runtime.MemStats
	for b.Loop() {
		c, err := catalog.Load(b.Context(), catalog.Options{FS: fs, Validate: validate})
		if err != nil {
			b.Fatal(err)
		}
		if len(c.Findings) > 0 {
			b.Fatal(c.Findings[0])
		}
		runtime.ReadMemStats(&m)
		runtime.KeepAlive(c)
	}
	b.ReportMetric(float64(m.HeapAlloc)/(1<<20), "MB-heap")
	b.ReportMetric(float64(m.Sys)/(1<<20), "MB-sys")
}

func BenchmarkOneDocument(b *testing.B) { benchLoad(b, catalogtest.Services(1, 4, 5<<10), true) }
func BenchmarkCatalog8k(b *testing.B)   { benchLoad(b, catalogtest.Services(1000, 10, 8<<10), true) }

func BenchmarkCatalog22k(b *testing.B) { benchLoad(b, catalogtest.Services(1000, 10, 22<<10), true) }

func BenchmarkCatalog8kUnchecked(b *testing.B) {
	benchLoad(b, catalogtest.Services(1000, 10, 8<<10), false)
}
