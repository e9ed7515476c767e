package demo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/time/rate"

	"github.com/weirhq/weir/cluster"
)

// How long the last records may take to be acknowledged after a stop.
const drainTimeout = 30 * time.Second

// ProduceConfig says what the shop's producers do.
type ProduceConfig struct {
	Client Client
	// Prefix before every topic name.
	Prefix string
	// Rate in orders a second; 0 means as fast as the cluster takes them.
	Rate float64
	// Poison is the part of the orders, 0 to 1, that a consumer cannot handle.
	// Exactly that part, spread evenly, one kind after the other.
	Poison float64
	// Count of orders; 0 means until ctx ends.
	Count int64
	// Seed of ids, amounts and customers.
	Seed     uint64
	Now      func() time.Time
	Progress func(Event)
}

// ProduceReport says what was acknowledged by all replicas in sync.
type ProduceReport struct {
	Orders    int64 `json:"orders"`
	Poison    int64 `json:"poison_orders"`
	Shipments int64 `json:"shipments"`
	// ShipmentsDenied says that the caller may write orders and no shipments, as the
	// principal of the orders application: shipments are another application's.
	ShipmentsDenied bool `json:"shipments_denied"`
}

func (c *ProduceConfig) validate() error {
	if math.IsNaN(c.Poison) || c.Poison < 0 || c.Poison > 1 {
		return fmt.Errorf("poison %v: give a part between 0 and 1", c.Poison)
	}
	if math.IsNaN(c.Rate) || math.IsInf(c.Rate, 1) || c.Rate < 0 {
		return fmt.Errorf("rate %v: give 0 or more orders a second", c.Rate)
	}
	if c.Count < 0 {
		return fmt.Errorf("count %d: give 0 or more orders", c.Count)
	}
	return nil
}

// Produce writes orders, and a shipment for each healthy one, until Count or until
// ctx ends; it returns when everything sent is acknowledged. The first record that
// is not stops it, a shipment that may not be written aside: then there are orders
// alone. The report is right in every case.
//
// The client is idempotent and waits for all replicas in sync, which are kgo's
// defaults, said again because they are the point.
func Produce(ctx context.Context, cfg ProduceConfig) (*ProduceReport, error) {
	if err := cfg.validate(); err != nil {
		return &ProduceReport{}, err
	}
	s, err := newShop(cfg.Seed, cfg.Prefix)
	if err != nil {
		return &ProduceReport{}, err
	}
	cl, err := cfg.Client(
		kgo.ClientID("orders"),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.ProducerLinger(5*time.Millisecond),
		kgo.ProducerBatchCompression(kgo.Lz4Compression(), kgo.NoCompression()),
		kgo.RecordDeliveryTimeout(drainTimeout),
	)
	if err != nil {
		return &ProduceReport{}, err
	}
	defer cl.Close()
	p := &producing{cfg: cfg, shop: s, client: cl}
	err = p.run(ctx)

	// What is on its way is finished, also after ^C.
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	err = errors.Join(err, cl.Flush(drain))
	return p.report(), cmp.Or(p.failure(), err)
}

type producing struct {
	cfg    ProduceConfig
	shop   *shop
	client *kgo.Client

	mu   sync.Mutex
	done ProduceReport
	err  error
}

func (p *producing) run(ctx context.Context) error {
	limit := rate.Inf
	if p.cfg.Rate > 0 {
		limit = rate.Limit(p.cfg.Rate)
	}
	limiter := rate.NewLimiter(limit, 1)
	var share float64
	kinds := 0
	for n := int64(0); (p.cfg.Count == 0 || n < p.cfg.Count) && p.failure() == nil; n++ {
		if err := limiter.Wait(ctx); err != nil {
			<-ctx.Done() // a wait that would outlast the time is given up before that time ends
			return context.Cause(ctx)
		}
		kind := healthy
		if share += p.cfg.Poison; share >= 1-1e-9 {
			share--
			kind = poison(1 + kinds%poisonKinds)
			kinds++
		}
		p.one(ctx, kind)
	}
	return nil
}

func (p *producing) one(ctx context.Context, kind poison) {
	now := p.cfg.Now()
	o, r := p.shop.order(kind, now)
	// The delivery timeout bounds each record, so that one accepted before ^C is
	// still delivered after it.
	ctx = context.WithoutCancel(ctx)
	p.client.Produce(ctx, r, func(r *kgo.Record, err error) {
		p.settle(r, err, func(d *ProduceReport) {
			d.Orders++
			if kind != healthy {
				d.Poison++
			}
		})
	})
	if kind != healthy || p.report().ShipmentsDenied {
		return
	}
	p.client.Produce(ctx, p.shop.shipment(o, r, now), func(r *kgo.Record, err error) {
		if errors.Is(err, kerr.TopicAuthorizationFailed) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.done.ShipmentsDenied = true
			return
		}
		p.settle(r, err, func(d *ProduceReport) { d.Shipments++ })
	})
}

func (p *producing) settle(r *kgo.Record, err error, count func(*ProduceReport)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		if p.err == nil {
			p.err = cluster.Classify("produce to", r.Topic, err)
		}
		return
	}
	count(&p.done)
	emit(p.cfg.Progress, Event{Kind: Produced, Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Key: string(r.Key), Records: 1})
}

func (p *producing) failure() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

func (p *producing) report() *ProduceReport {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.done
	return &r
}
