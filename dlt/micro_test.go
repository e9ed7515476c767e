package dlt

import (
	"bytes"
	"fmt"
	"testing"
)

// BenchmarkTriageAdd is the triage alone, without a broker.
func BenchmarkTriageAdd(b *testing.B) {
	tr := NewTriage(newTestDecoder(b), nil)
	recs := make([]*Record, 4096)
	for i := range recs {
		recs[i] = FromKafka(springLetter("d", 0, fmt.Appendf(nil, "key-%d", i), make([]byte, 100), "orders", 0, int64(i), "demo.QuotaExceeded", fmt.Sprintf("quota of %d exceeded for customer %d", i%17, i), ""))
	}
	i := 0
	for b.Loop() {
		tr.AddRecord(recs[i&4095])
		i++
	}
}

// BenchmarkMap is what a replay does with each record besides writing it.
func BenchmarkMap(b *testing.B) {
	d := newTestDecoder(b)
	k := springLetter("orders-dlt", 3, []byte("key-1"), bytes.Repeat([]byte("{}"), 512), "orders", 3, 77, "demo.Boom", "no", "")
	var rec Record
	var a arena
	var sum summer
	b.ReportAllocs()
	for b.Loop() {
		rec.fill(k)
		_ = sum.checksum(&rec)
		dl := d.forReplay(&rec)
		_ = d.mapRecord(&a, &rec, dl, "20260131-081500-1a2b3c4d", false)
	}
}
