//go:build unix

package cmd

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"github.com/weirhq/weir/internal/kafkatest"
)

// BenchmarkLag is the whole process over 1,000 groups with 18,000 committed partitions,
// each time with a cold client.
func BenchmarkLag(b *testing.B) {
	const topics, partitions, groups, each = 2000, 6, 1000, 3
	c := kafkatest.Start(b, kafkatest.WithoutACLs())
	adm := c.Admin()
	ctx := context.Background()
	names := make([]string, topics)
	for i := range names {
		names[i] = fmt.Sprintf("topic-%04d", i)
	}
	if _, err := adm.CreateTopics(ctx, partitions, 1, nil, names...); err != nil {
		b.Fatal(err)
	}
	var records []*kgo.Record
	hourAgo := time.Now().Add(-time.Hour)
	for i := range groups * each / 10 { // ten groups share a topic
		for p := range int32(partitions) {
			for range 3 {
				records = append(records, &kgo.Record{Topic: names[i], Partition: p, Value: []byte("v"), Timestamp: hourAgo})
			}
		}
	}
	c.Produce(records...)
	var eg errgroup.Group
	eg.SetLimit(16)
	for g := range groups {
		eg.Go(func() error {
			var os kadm.Offsets
			for t := range each {
				for p := range int32(partitions) {
					os.AddOffset(names[(g*each+t)%(groups*each/10)], p, int64(g%4), -1)
				}
			}
			return adm.CommitAllOffsets(ctx, fmt.Sprintf("group-%04d", g), os)
		})
	}
	if err := eg.Wait(); err != nil {
		b.Fatal(err)
	}
	bin := buildBinary(b, "..")
	for _, run := range []struct {
		name string
		args []string
	}{{"no-age", []string{"--no-age"}}, {"age", nil}, {"json by partition", []string{"--by", "partition", "-o", "json"}}} {
		b.Run(run.name, func(b *testing.B) {
			benchProcess(b, 0, bin, append([]string{"lag", "-b", strings.Join(c.Brokers, ",")}, run.args...)...)
		})
	}
}
