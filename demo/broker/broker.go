// Package broker runs the embedded Kafka broker of the demo and of the tests:
// three kfake nodes on loopback, in memory only, gone when they stop.
//
// It decides what a hostile or careless client may do to the process: every
// connection passes guards for kfake's known defects (a bad frame that ends the
// process, a failed accept that closes the port, a PLAIN password that is not
// asked for, a handshake that librdkafka cannot use). It refuses to store
// anything on disk: kfake's own store restarts offsets at 0 and hides
// transactions after a crash, and nothing here is worth keeping.
//
// What it accepts proves nothing about a real broker: kfake takes topic names,
// configs and assignments that Apache Kafka refuses.
//
// The two types to know are [Config] and [Broker].
package broker

import (
	"bytes"
	"cmp"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"fmt"
	"math"
	"net"
	"slices"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

// The SASL mechanisms that the embedded broker speaks.
const (
	Plain    = "PLAIN"
	Scram256 = "SCRAM-SHA-256"
	Scram512 = "SCRAM-SHA-512"
)

// defaultNodes is three, so that replication factor 3 exists.
const defaultNodes = 3

// User is one account. Its principal is User:<Name>.
type User struct {
	Name     string
	Password string
	// Mechanisms it may use; none means all three.
	Mechanisms []string
	// Super skips every ACL check.
	Super bool
}

// Config says how the broker starts. The zero value is three nodes on free
// ports, with neither SASL nor TLS nor ACLs.
type Config struct {
	// Ports to listen on, one node each; 0 takes a free one. Empty means Nodes
	// free ports.
	Ports []int
	// Nodes when Ports is empty; 0 means three.
	Nodes int
	// Users turns SASL on.
	Users []User
	// TLS turns TLS on, for every node.
	TLS *tls.Config
	// ACLs turns the authorizer on. Without Users everyone is User:ANONYMOUS,
	// and that user is a superuser, as on the plaintext listener of a real test
	// cluster.
	ACLs bool
	// MaxVersions caps the API versions, to stand for an older broker.
	MaxVersions *kversion.Versions
	// Configs are broker configs, such as transaction.max.timeout.ms.
	Configs map[string]string
	// ClusterID is what metadata answers; empty means "weir-embedded".
	ClusterID string
	// Listen replaces net.Listen, for a network in memory.
	Listen func(network, address string) (net.Listener, error)
}

// Broker is a running embedded broker.
type Broker struct {
	cluster *kfake.Cluster
	addrs   []string
	closing *atomic.Bool
}

// Start starts the broker; it is ready when Start returns. A port in use and an
// unknown mechanism are errors.
func Start(cfg Config) (*Broker, error) {
	for _, u := range cfg.Users {
		if u.Name == "" {
			return nil, errors.New("start embedded broker: a user has no name")
		}
		for _, m := range u.Mechanisms {
			if !slices.Contains(mechanisms(), m) {
				return nil, fmt.Errorf("start embedded broker: user %s: unknown SASL mechanism %q", u.Name, m)
			}
		}
	}
	b := &Broker{closing: new(atomic.Bool)}
	c, err := kfake.NewCluster(b.options(cfg)...)
	if err != nil {
		return nil, fmt.Errorf("start embedded broker: %w", err)
	}
	b.cluster = c
	b.addrs = c.ListenAddrs()
	KeepAborted(c)
	if len(cfg.Users) > 0 {
		checkPlain(c, plainPasswords(cfg.Users))
	}
	return b, nil
}

func (b *Broker) options(cfg Config) []kfake.Opt {
	opts := []kfake.Opt{
		kfake.ListenFn(b.listener(cfg)),
		kfake.ClusterID(cmp.Or(cfg.ClusterID, "weir-embedded")),
		kfake.NumBrokers(cmp.Or(cfg.Nodes, defaultNodes)),
	}
	if len(cfg.Ports) > 0 {
		opts = append(opts, kfake.Ports(cfg.Ports...))
	}
	if len(cfg.Configs) > 0 {
		opts = append(opts, kfake.BrokerConfigs(cfg.Configs))
	}
	if cfg.MaxVersions != nil {
		opts = append(opts, kfake.MaxVersions(cfg.MaxVersions))
	}
	if cfg.ACLs {
		opts = append(opts, kfake.EnableACLs())
		if len(cfg.Users) == 0 {
			// kfake knows the anonymous user by the empty name.
			opts = append(opts, kfake.Superuser(Plain, "", ""))
		}
	}
	if len(cfg.Users) > 0 {
		opts = append(opts, kfake.EnableSASL())
	}
	for _, u := range cfg.Users {
		for _, m := range u.mechanisms() {
			if u.Super {
				opts = append(opts, kfake.Superuser(m, u.Name, u.Password))
			} else {
				opts = append(opts, kfake.User(m, u.Name, u.Password))
			}
		}
	}
	return opts
}

// listener wraps TLS inside the guard, because the guard must see plain frames.
func (b *Broker) listener(cfg Config) func(string, string) (net.Listener, error) {
	listen := cfg.Listen
	if listen == nil {
		listen = net.Listen
	}
	return func(network, address string) (net.Listener, error) {
		l, err := listen(network, address)
		if err != nil {
			return nil, err
		}
		g := &guard{Listener: l, closing: b.closing}
		if cfg.TLS != nil {
			g.wrap = func(c net.Conn) net.Conn { return tls.Server(c, cfg.TLS) }
		}
		return g, nil
	}
}

// Addrs returns host:port of every node, in the order of the ports asked for.
func (b *Broker) Addrs() []string { return slices.Clone(b.addrs) }

// Cluster is kfake's own handle, for faults, control functions and elections.
func (b *Broker) Cluster() *kfake.Cluster { return b.cluster }

// Close stops the broker and frees its ports. All data is gone.
func (b *Broker) Close() {
	b.closing.Store(true)
	b.cluster.Close()
}

func mechanisms() []string { return []string{Plain, Scram256, Scram512} }

func (u User) mechanisms() []string {
	if len(u.Mechanisms) == 0 {
		return mechanisms()
	}
	return u.Mechanisms
}

func plainPasswords(users []User) map[string]string {
	m := make(map[string]string)
	for _, u := range users {
		if slices.Contains(u.mechanisms(), Plain) {
			m[u.Name] = u.Password
		}
	}
	return m
}

// KeepAborted lets no fetch end in the middle of a partition because the whole answer is
// large enough: kfake then does not tell which transactions of that partition were
// aborted, and a read_committed reader takes their records for committed. How much a
// partition may hold still counts.
func KeepAborted(c *kfake.Cluster) {
	c.ControlKey(kmsg.Fetch.Int16(), func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		if req, ok := r.(*kmsg.FetchRequest); ok && req.IsolationLevel == 1 { // read_committed
			req.MaxBytes = math.MaxInt32
		}
		return nil, nil, false
	})
}

// checkPlain judges PLAIN before kfake does: kfake compares with the zero value
// of a missing user, and so lets any unknown name in with an empty password.
func checkPlain(c *kfake.Cluster, passwords map[string]string) {
	c.ControlKey(kmsg.SASLAuthenticate.Int16(), func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		req, ok := r.(*kmsg.SASLAuthenticateRequest)
		if !ok {
			return nil, nil, false
		}
		// authzid NUL user NUL password (RFC 4616); SCRAM messages hold no NUL.
		parts := bytes.SplitN(req.SASLAuthBytes, []byte{0}, 3)
		if len(parts) != 3 {
			return nil, nil, false
		}
		want, known := passwords[string(parts[1])]
		if known && subtle.ConstantTimeCompare(parts[2], []byte(want)) == 1 {
			return nil, nil, false // kfake keeps the connection's state
		}
		resp, ok := req.ResponseKind().(*kmsg.SASLAuthenticateResponse)
		if !ok {
			return nil, nil, false
		}
		refuse(resp, "Authentication failed: Invalid username or password")
		return resp, nil, true
	})
}
