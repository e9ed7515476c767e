package cluster

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/plugin/kslog"
)

// The timeouts of a command line. A service waits for its cluster; a person wants to
// know within seconds. The caller bounds the whole command with its context.
const (
	dialTimeout     = 3 * time.Second
	requestOverhead = 5 * time.Second
	retryTimeout    = 11 * time.Second
	metadataMinAge  = 250 * time.Millisecond
	// seedGrace is how much longer the first dial waits for further seeds after one
	// has answered, so that a long-running command keeps more than one way back.
	seedGrace = 20 * time.Millisecond
)

const opConnect = "connect to"

// Options are what a connection needs beside the profile.
type Options struct {
	// Version becomes part of the client id, weir/<version>.
	Version string
	// Logger gets the Kafka client's own log when it is enabled for debug level.
	Logger *slog.Logger
	// Getenv reads environment variables; os.LookupEnv when nil.
	Getenv func(string) (string, bool)
	// Now lets bearer tokens be reused for a minute; without it every connection asks anew.
	Now func() time.Time
	// Dial replaces the network; TLS is laid over what it returns.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Client options that every client of the connection gets, after weir's own.
	Client []kgo.Opt
}

// Broker is one member of the cluster as its metadata names it.
type Broker struct {
	ID   int32   `json:"id"`
	Host string  `json:"host"`
	Port int32   `json:"port"`
	Rack *string `json:"rack"`
}

// Addr is host:port.
func (b Broker) Addr() string { return net.JoinHostPort(b.Host, strconv.Itoa(int(b.Port))) }

func (b Broker) String() string { return fmt.Sprintf("broker %d at %s", b.ID, b.Addr()) }

// Conn is an open connection to one cluster. Client and Admin share one set of
// network connections; NewClient makes further ones under the same profile.
type Conn struct {
	Profile Profile
	Client  *kgo.Client
	Admin   *kadm.Client

	// ClusterID, Controller and Brokers are what the cluster said when it was opened.
	// ClusterID is empty when the broker is too old to have one, Controller -1 when it
	// is not known.
	ClusterID  string
	Controller int32
	Brokers    []Broker

	// Seeds tells how each configured address answered, in order.
	Seeds []Seed

	opts   []kgo.Opt
	secure *tls.Config // nil without TLS
	dial   dialFunc    // below TLS
	up     []string    // addresses that answered
}

// Seed is a configured address and what became of the first dial and request.
type Seed struct {
	Address string `json:"address"`
	Err     error  `json:"-"` // nil when it answered, or when another answered earlier
	Up      bool   `json:"up"`
}

// Open connects with the profile and returns after the first successful request, so
// that a wrong address, credential or protocol is known before any work begins. Every
// error is an [Error]; no answer from any address is one line naming all of them.
func Open(ctx context.Context, p Profile, o Options) (*Conn, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	p.Brokers = p.addresses()
	opts, dial, secure, err := clientOpts(ctx, &p, o)
	if err != nil {
		return nil, err
	}
	seeds := dialSeeds(ctx, p.Brokers, dial)
	up := make([]string, 0, len(seeds))
	for _, s := range seeds {
		if s.Up {
			up = append(up, withPort(s.Address))
		}
	}
	if len(up) == 0 {
		hint := "check the address and that the brokers run; weir doctor tells more"
		if p.Source != "" {
			hint = "the address comes from " + p.Source + ": " + hint
		}
		return nil, unreachable(ctx, subjectOf(p.Brokers), hint, seeds)
	}
	opts = append(opts, kgo.SeedBrokers(up...))
	opts = append(opts, o.Client...)
	cl, err := kgo.NewClient(opts...)
	if err != nil {
		return nil, &Error{Class: Misconfigured, Op: opConnect, What: subjectOf(up), Err: err}
	}
	c := &Conn{Profile: p, Client: cl, Admin: kadm.NewClient(cl), Seeds: seeds, opts: opts, secure: secure, dial: dial, up: up}
	if err := c.hello(ctx); err != nil {
		cl.Close()
		return nil, firstError(ctx, &p, subjectOf(up), err)
	}
	c.opts = append(c.opts, kgo.SeedBrokers(c.up...))
	if p.ClusterID != "" && p.ClusterID != c.ClusterID {
		cl.Close()
		return nil, &Error{
			Class: Misconfigured, Op: opConnect, What: subjectOf(up), Err: &pinnedError{orUnknown(c.ClusterID), p.ClusterID},
			Remedy: "check the brokers, or correct cluster_id in " + cmp.Or(p.Source, "the profile"),
		}
	}
	return c, nil
}

// ReachAdvertised dials what the brokers advertise, unless an address that answered is
// among it. What partitions and groups hold is asked there, and the client would try dead
// addresses for a minute. One that answers is enough to go on.
func (c *Conn) ReachAdvertised(ctx context.Context) error {
	if slices.ContainsFunc(c.Brokers, func(b Broker) bool { return slices.Contains(c.up, b.Addr()) }) {
		return nil
	}
	var tried []Seed
	var names []string
	for some := range slices.Chunk(c.Brokers, 8) { // a big cluster is not dialled as a whole
		addresses := make([]string, len(some))
		for i, b := range some {
			addresses[i] = b.Addr()
			names = append(names, b.String())
		}
		seeds := dialSeeds(ctx, addresses, c.dial)
		if slices.ContainsFunc(seeds, func(s Seed) bool { return s.Up }) {
			return nil
		}
		tried = append(tried, seeds...)
	}
	if len(tried) == 0 {
		return nil
	}
	return unreachable(ctx, subjectOf(names)+", as advertised",
		subjectOf(c.up)+" answers and sends clients there: what the brokers have in advertised.listeners must be reachable from here", tried)
}

// Close releases the connection. A nil Conn is fine.
func (c *Conn) Close() {
	if c != nil && c.Client != nil {
		c.Client.Close()
	}
}

// NewClient makes another client with the same settings, for a consumer or a
// transactional producer. The caller closes it.
func (c *Conn) NewClient(opts ...kgo.Opt) (*kgo.Client, error) {
	all := append(slices.Clone(c.opts), opts...)
	cl, err := kgo.NewClient(all...)
	if err != nil {
		return nil, &Error{Class: Failed, Op: "make a Kafka client", Err: err}
	}
	return cl, nil
}

// Writable returns nil, or the refusal of a read-only profile, so that a command can
// say so before it does anything. The client refuses the request in any case.
func (c *Conn) Writable(op, subject string) error {
	if !c.Profile.ReadOnly {
		return nil
	}
	return readOnlyError(op, subject)
}

type dialFunc = func(ctx context.Context, network, address string) (net.Conn, error)

// clientOpts turns a profile into client options, the dialler below TLS, and the TLS
// settings, which are nil without TLS.
func clientOpts(ctx context.Context, p *Profile, o Options) ([]kgo.Opt, dialFunc, *tls.Config, error) {
	var cfg *tls.Config
	dial := o.Dial
	if dial == nil {
		dial = (&net.Dialer{Timeout: dialTimeout}).DialContext
	}
	secured := dial
	if p.UsesTLS() {
		var err error
		if cfg, err = tlsConfig(ctx, &p.TLS, o.Getenv); err != nil {
			return nil, nil, nil, err
		}
		secured = overTLS(dial, cfg)
	}
	opts := []kgo.Opt{
		kgo.ClientID(cmp.Or(p.ClientID, "weir/"+cmp.Or(o.Version, "dev"))),
		kgo.SoftwareNameAndVersion("weir", cmp.Or(softwareVersion(o.Version), "dev")),
		kgo.Dialer(secured),
		kgo.RequestTimeoutOverhead(requestOverhead),
		kgo.RetryTimeout(retryTimeout),
		kgo.MetadataMinAge(metadataMinAge),
		// KIP-714 would push metrics to the broker; weir sends nothing unasked.
		kgo.DisableClientMetrics(),
	}
	if p.UsesSASL() {
		m, err := saslMechanism(ctx, &p.SASL, o)
		if err != nil {
			return nil, nil, nil, err
		}
		opts = append(opts, kgo.SASL(m))
	}
	if p.ReadOnly {
		opts = append(opts, kgo.MaxVersions(readOnlyVersions()))
	}
	if o.Logger != nil && o.Logger.Enabled(ctx, slog.LevelDebug) {
		opts = append(opts, kgo.WithLogger(kslog.New(o.Logger)))
	}
	return opts, dial, cfg, nil
}

// softwareVersion fits a version into what KIP-511 lets a client call itself.
func softwareVersion(v string) string {
	return strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case r >= '0' && r <= '9', r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r == '.', r == '-':
			return r
		}
		return '-'
	}, v), ".-")
}

// dialSeeds dials all addresses at once and returns soon after the first answers. The
// client itself would try one dead address after the other with back-off in between,
// which takes seconds for three of them.
func dialSeeds(ctx context.Context, addresses []string, dial dialFunc) []Seed {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	type result struct {
		i   int
		err error
	}
	results := make(chan result, len(addresses))
	for i, a := range addresses {
		go func() {
			conn, err := dial(ctx, "tcp", withPort(a))
			if err == nil {
				_ = conn.Close() // only whether it answers matters
			}
			results <- result{i, err}
		}()
	}
	seeds := make([]Seed, len(addresses))
	for i, a := range addresses {
		seeds[i].Address = a
	}
	var grace <-chan time.Time
	for range addresses {
		select {
		case r := <-results:
			seeds[r.i].Err, seeds[r.i].Up = r.err, r.err == nil
			if r.err == nil && grace == nil {
				t := time.NewTimer(seedGrace)
				defer t.Stop()
				grace = t.C
			}
		case <-grace:
			return seeds
		}
	}
	return seeds
}

func withPort(address string) string {
	host, port, err := splitAddress(address)
	if err != nil {
		return address
	}
	return net.JoinHostPort(host, port)
}

// unreachable is the one line for no address answering.
func unreachable(ctx context.Context, subject, hint string, seeds []Seed) error {
	if err := context.Cause(ctx); errors.Is(err, context.Canceled) {
		return err
	}
	class := Unreachable
	var reasons []string
	timeouts := 0
	for _, s := range seeds {
		r := dialReason(s.Err)
		if r == reasonTimeout {
			timeouts++
		}
		if !slices.Contains(reasons, r) {
			reasons = append(reasons, r)
		}
	}
	if timeouts == len(seeds) {
		class = TimedOut
	}
	return &Error{Class: class, Op: opConnect, What: subject, Err: errors.New(strings.Join(reasons, "; ")), Remedy: hint}
}

func subjectOf(addresses []string) string {
	const most = 4
	if len(addresses) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(addresses[:most], ", "), len(addresses)-most)
	}
	return strings.Join(addresses, ", ")
}

func orUnknown(s string) string { return cmp.Or(s, "not told by the broker") }
