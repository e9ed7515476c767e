package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// helloPatience is how long one seed is waited for before the next is asked as well. The
// kernel of a machine whose broker hangs goes on accepting connections, and the client
// would wait ten seconds for each.
const helloPatience = time.Second

var errSilent = errors.New("the port is open and nobody answers")

// hello asks for the cluster's id and brokers, and for no topic. It asks each seed once:
// the client's own retries would spend ten seconds on a listener that cuts every
// connection. Seeds that were asked and are silent when one has answered are not used
// any more.
func (c *Conn) hello(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type answer struct {
		seed int
		meta *kmsg.MetadataResponse
		err  error
	}
	seeds := c.Client.SeedBrokers()
	answers := make(chan answer, len(seeds))
	silent := map[int]bool{}
	var first error
	for asked := 0; ; {
		var next <-chan time.Time
		if asked < len(seeds) {
			i := asked
			asked++
			silent[i] = true
			go func() {
				meta, err := metadata(ctx, seeds[i])
				answers <- answer{i, meta, err}
			}()
			if asked < len(seeds) {
				next = time.After(helloPatience)
			}
		} else if len(silent) == 0 {
			return first
		}
		select {
		case a := <-answers:
			delete(silent, a.seed)
			if a.err == nil {
				c.readHello(a.meta)
				c.forget(silent)
				return nil
			}
			if first == nil {
				first = a.err
			}
			if ctx.Err() != nil || errors.Is(a.err, kerr.SaslAuthenticationFailed) || errors.Is(a.err, kerr.UnsupportedSaslMechanism) {
				// The next seed would refuse the same credentials, and count them. A mechanism
				// is a setting of the whole cluster, and each broker delays its refusal.
				return first
			}
		case <-next:
		}
	}
}

func metadata(ctx context.Context, seed *kgo.Broker) (*kmsg.MetadataResponse, error) {
	req := kmsg.NewPtrMetadataRequest()
	req.Topics = []kmsg.MetadataRequestTopic{}
	resp, err := seed.Request(ctx, req)
	if err != nil {
		return nil, err
	}
	m, ok := resp.(*kmsg.MetadataResponse)
	if !ok {
		return nil, fmt.Errorf("unexpected answer %T", resp)
	}
	return m, nil
}

// forget takes the addresses that are silent, by their place among those that are up, out
// of what this connection and its further clients start from.
func (c *Conn) forget(silent map[int]bool) {
	if len(silent) == 0 {
		return
	}
	var left []string
	for i, address := range c.up {
		if !silent[i] {
			left = append(left, address)
			continue
		}
		for s := range c.Seeds {
			if withPort(c.Seeds[s].Address) == address {
				c.Seeds[s].Up, c.Seeds[s].Err = false, errSilent
			}
		}
	}
	c.up = left
	_ = c.Client.UpdateSeedBrokers(left...) // which fails on addresses that cannot be read, and these were used
}

func (c *Conn) readHello(resp *kmsg.MetadataResponse) {
	c.Controller = resp.ControllerID
	if resp.ClusterID != nil {
		c.ClusterID = *resp.ClusterID
	}
	c.Brokers = make([]Broker, 0, len(resp.Brokers))
	for _, b := range resp.Brokers {
		c.Brokers = append(c.Brokers, Broker{ID: b.NodeID, Host: b.Host, Port: b.Port, Rack: b.Rack})
	}
	slices.SortFunc(c.Brokers, func(a, b Broker) int { return cmp.Compare(a.ID, b.ID) })
}
