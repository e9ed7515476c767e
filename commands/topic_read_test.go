package commands

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/internal/config"
	"github.com/weirhq/weir/internal/kafkatest"
	"github.com/weirhq/weir/internal/term"
	"github.com/weirhq/weir/lag"
)

// TestReadOnATerminal: a person who asks for nothing else gets the last ten records of
// all partitions together, oldest first.
func TestReadOnATerminal(t *testing.T) {
	k := kafkatest.Start(t)
	topic := k.Topic("t", 2)
	for i := range 30 {
		k.ProduceValues(topic, int32(i%2), fmt.Sprintf("v%02d", i))
		time.Sleep(2 * time.Millisecond) // one timestamp each
	}
	conn, err := cluster.Open(t.Context(), cluster.Profile{Brokers: k.Brokers}, cluster.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var out bytes.Buffer
	screen := term.New(strings.NewReader(""), &out, &out, func(string) string { return "" })
	screen.OutTTY = true
	d := &Deps{
		Out: screen, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Config:  func() (*config.Config, error) { return nil, errors.New("no catalog here") },
		Cluster: func(context.Context) (*cluster.Conn, error) { return conn, nil },
	}
	if err := runTopicRead(t.Context(), d, &topicReadOptions{reading: lag.Reading{Scope: lag.Scope{Topic: topic}}, format: term.TextFormat}); err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(out.String()) {
		f := strings.Fields(line)
		got = append(got, f[len(f)-1])
	}
	if len(got) != 10 || got[0] != "v20" || got[9] != "v29" {
		t.Errorf("got %v", got)
	}
}
