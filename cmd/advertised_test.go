package cmd

import (
	"bytes"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

// elsewhere is a listener whose broker advertises an address where nobody listens.
type elsewhere struct{ net.Listener }

func (elsewhere) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

// TestAdvertisedElsewhere: the address that was named answers, as through a tunnel, and sends to one that does not. What
// any broker can answer is answered; all else ends at once and says what is wrong.
func TestAdvertisedElsewhere(t *testing.T) {
	var at string
	k, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "orders", "orders.dlt"), kfake.ListenFn(func(network, address string) (net.Listener, error) {
		ln, err := net.Listen(network, address)
		if err == nil {
			at = ln.Addr().String()
		}
		return elsewhere{ln}, err
	}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	weir := func(line string) (exit int, stdout, stderr string) {
		var out, errs bytes.Buffer
		exit = Main(append(strings.Fields(line), "-b", at), nil, &out, &errs, nil, Build{})
		return exit, out.String(), errs.String()
	}
	for line, exit := range map[string]int{
		"topic list": 0, "topic list -o name": 0, "profile check": 0,
		"topic list -o json": 6, "topic read orders": 6, "dlt list": 6, "lag": 6, "group list": 6,
	} {
		start := time.Now()
		got, stdout, stderr := weir(line)
		if took := time.Since(start); got != exit || took > 5*time.Second {
			t.Errorf("weir %s: exit %d after %s\n%s%s", line, got, took, stdout, stderr)
		}
		if says := "broker 0 at 127.0.0.1:1, as advertised: connection refused"; exit != 0 && !strings.Contains(stderr, says) {
			t.Errorf("weir %s:\n%s", line, stderr)
		}
	}
	exit, stdout, stderr := weir("doctor")
	if exit != 3 {
		t.Errorf("doctor: exit %d\n%s%s", exit, stdout, stderr)
	}
	if lines := strings.Split(stdout, "\n"); !slices.ContainsFunc(lines, func(l string) bool {
		return strings.Contains(l, "brokers reachable") && strings.Contains(l, "fail") && strings.Contains(l, "127.0.0.1:1")
	}) {
		t.Errorf("doctor:\n%s", stdout)
	}
}
