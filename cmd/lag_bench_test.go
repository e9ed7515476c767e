//go:build linux

package cmd

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"github.com/weirhq/weir/internal/kafkatest"
)

// BenchmarkLag is the whole process over 1,000 groups with 18,000 committed partitions,
// each time with a cold client. peak-MB is the largest resident set of any run, as the kernel
// keeps it for the program itself: what wait reports counts the parent before the exec too.
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
			best, cpu, peak := time.Hour, time.Duration(0), int64(0)
			for b.Loop() {
				cmd := exec.Command(bin, append([]string{"lag", "-b", strings.Join(c.Brokers, ",")}, run.args...)...)
				var out bytes.Buffer
				cmd.Stdout, cmd.Stderr = &out, &out
				start := time.Now()
				if err := cmd.Start(); err != nil {
					b.Fatal(err)
				}
				ended := make(chan error, 1)
				go func() { ended <- cmd.Wait() }()
				err := watchPeak(cmd.Process.Pid, &peak, ended)
				if err != nil || !strings.Contains(out.String(), "group-0999") {
					b.Fatalf("%v\n%s", err, out.String())
				}
				best = min(best, time.Since(start))
				cpu += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
			}
			b.ReportMetric(best.Seconds()*1e3, "best-ms")
			b.ReportMetric(cpu.Seconds()*1e3/float64(b.N), "cpu-ms/op")
			b.ReportMetric(float64(peak)/1024, "peak-MB")
		})
	}
}

// watchPeak follows the high mark of a process's memory, in KiB, until it has ended.
func watchPeak(pid int, peak *int64, ended <-chan error) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			return err
		case <-tick.C:
		}
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			continue // it is just ending
		}
		for line := range strings.Lines(string(status)) {
			var kib int64
			if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &kib); n == 1 {
				*peak = max(*peak, kib)
			}
		}
	}
}
