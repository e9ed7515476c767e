package catalog_test

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/weirhq/weir/catalog"
)

// service generates one document with a number of messages, each with an example,
// and fills it up to size bytes with further fields.
func service(n, messages, size int) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "asyncapi: 3.0.0\nid: urn:example:svc%d\ninfo: {title: Service %d, version: 1.%d.0}\nx-owner: team-%d\n", n, n, n%9, n%40)
	b.WriteString("servers:\n  prod: {host: \"kafka.example:9093\", protocol: kafka-secure}\nchannels:\n")
	fmt.Fprintf(&b, "  events:\n    address: domain%d.service%d.events.v1\n    messages:\n", n%20, n)
	for m := range messages {
		fmt.Fprintf(&b, "      Event%d: {$ref: \"#/components/messages/Event%d\"}\n", m, m)
	}
	b.WriteString("    bindings: {kafka: {partitions: 6, replicas: 3, topicConfiguration: {retention.ms: 604800000, cleanup.policy: [delete]}, bindingVersion: 0.5.0}}\n")
	b.WriteString("operations:\n  publish: {action: send, channel: {$ref: \"#/channels/events\"}, bindings: {kafka: {x-principal: User:svc, bindingVersion: 0.5.0}}}\n")
	b.WriteString("components:\n  messages:\n")
	head := b.Len()
	per := (size - head) / messages
	for m := range messages {
		start := b.Len()
		fmt.Fprintf(&b, "    Event%d:\n      contentType: application/json\n      bindings: {kafka: {key: {type: string}, bindingVersion: 0.5.0}}\n      payload:\n        type: object\n        required: [id, at]\n        properties:\n          id: {type: string, minLength: 1}\n          at: {type: string, format: date-time}\n          amount: {type: number, minimum: 0}\n", m)
		fields := 0
		for b.Len()-start < per-150-16*fields {
			fmt.Fprintf(&b, "          field%d: {type: string, maxLength: 80, description: field %d of event %d}\n", fields, fields, m)
			fields++
		}
		b.WriteString("      examples:\n        - payload: {id: a-1, at: \"2026-01-01T00:00:00Z\", amount: 12.5")
		for f := range fields {
			fmt.Fprintf(&b, ", field%d: x", f)
		}
		b.WriteString("}\n")
	}
	return []byte(b.String())
}

func services(docs, messages, size int) fstest.MapFS {
	fs := fstest.MapFS{}
	for n := range docs {
		fs[fmt.Sprintf("team%02d/service%04d.yaml", n%40, n)] = &fstest.MapFile{Data: service(n, messages, size)}
	}
	return fs
}

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

func BenchmarkOneDocument(b *testing.B)        { benchLoad(b, services(1, 4, 5<<10), true) }
func BenchmarkCatalog8k(b *testing.B)          { benchLoad(b, services(1000, 10, 8<<10), true) }
func BenchmarkCatalog22k(b *testing.B)         { benchLoad(b, services(1000, 10, 22<<10), true) }
func BenchmarkCatalog8kUnchecked(b *testing.B) { benchLoad(b, services(1000, 10, 8<<10), false) }
