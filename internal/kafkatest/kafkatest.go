// Package kafkatest gives tests a broker: an embedded one by default, and the
// real Apache Kafka named by WEIR_TEST_BROKERS when that is set.
//
// It decides which of the two a test meets, and it keeps tests on a shared real
// cluster apart: each has a prefix of its own for topics and groups, which are
// deleted when it ends. It refuses to pretend: a test that needs faults, old
// versions or an empty cluster asks for the embedded broker with [Embedded].
//
// The two types to know are [Cluster] and [Option].
package kafkatest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/weirhq/weir/demo/broker"
	"github.com/weirhq/weir/internal/kafkatest/account"
	"github.com/weirhq/weir/internal/kafkatest/testcert"
)

// The accounts of every test cluster; see package account.
const (
	Admin         = account.Admin
	AdminPassword = account.AdminPassword
	Alice         = account.Alice
	AlicePassword = account.AlicePassword
)

// Listener is one of the ways into a test cluster.
type Listener string

// The listeners. On the plaintext one everybody is User:ANONYMOUS, a super user.
const (
	Plaintext Listener = "PLAINTEXT"
	SASL      Listener = "SASL_PLAINTEXT"
	SSL       Listener = "SSL" // wants a client certificate
	SASLSSL   Listener = "SASL_SSL"
)

// variable names the environment variable that holds the listener's addresses on
// a real cluster.
func (l Listener) variable() string {
	switch l {
	case SASL:
		return "WEIR_TEST_SASL_BROKERS"
	case SSL:
		return "WEIR_TEST_SSL_BROKERS"
	case SASLSSL:
		return "WEIR_TEST_SASL_SSL_BROKERS"
	case Plaintext:
	}
	return "WEIR_TEST_BROKERS"
}

func (l Listener) sasl() bool { return l == SASL || l == SASLSSL }
func (l Listener) tls() bool  { return l == SSL || l == SASLSSL }

// How long a helper waits for the cluster to do what it was asked.
const patience = 30 * time.Second

// Cluster is a running cluster and the test's place in it.
type Cluster struct {
	// Brokers are the addresses of the listener the test asked for.
	Brokers []string
	// Real says that this is an Apache Kafka, not the embedded broker.
	Real bool
	// Version of the real cluster, such as 4.3.1; "kfake" when embedded.
	Version string
	// Prefix begins every topic and group of the test. It always has the same
	// length, so tables line up alike on both kinds.
	Prefix string
	// Listener is the one that Brokers belong to.
	Listener Listener
	// TLSDir holds the files of package testcert; empty without TLS.
	TLSDir string

	t        testing.TB
	embedded *broker.Broker
	tls      *tls.Config
	client   *kgo.Client // the admin's, which also produces for the helpers
	admin    *kadm.Client
	members  map[string]*member // that a script made, by group
	// granted are the ACLs a script made; those on names that all scripts share would
	// stay for the next run.
	granted []kmsg.CreateACLsRequestCreation
}

type options struct {
	embedded bool
	listener Listener
	broker   broker.Config
}

// Option changes the cluster that Start gives.
type Option func(*options)

// Embedded asks for the embedded broker although a real one may be at hand: for
// tests that inject faults, count requests or cap versions.
func Embedded() Option { return func(o *options) { o.embedded = true } }

// On asks for another listener than the plaintext one.
func On(l Listener) Option { return func(o *options) { o.listener = l } }

// MaxVersions makes the embedded broker stand for an older one. It implies
// Embedded.
func MaxVersions(v *kversion.Versions) Option {
	return func(o *options) { o.embedded, o.broker.MaxVersions = true, v }
}

// Nodes sets the number of embedded nodes; the default is three. It implies
// Embedded.
func Nodes(n int) Option {
	return func(o *options) { o.embedded, o.broker.Nodes = true, n }
}

// WithoutACLs switches the authorizer of the embedded broker off. It implies
// Embedded.
func WithoutACLs() Option {
	return func(o *options) { o.embedded, o.broker.ACLs = true, false }
}

// BrokerConfigs sets broker configs. It implies Embedded.
func BrokerConfigs(c map[string]string) Option {
	return func(o *options) { o.embedded, o.broker.Configs = true, c }
}

// Start gives the test a cluster. What the test leaves behind is removed when it
// ends.
func Start(t testing.TB, opts ...Option) *Cluster {
	t.Helper()
	o := options{listener: Plaintext, broker: broker.Config{ACLs: true}}
	for _, opt := range opts {
		opt(&o)
	}
	c, err := start(o, t.TempDir)
	if err != nil {
		t.Fatal(err)
	}
	c.t = t
	t.Cleanup(func() {
		if err := c.stop(); err != nil {
			t.Errorf("clean up: %v", err)
		}
	})
	return c
}

// Real returns the addresses of the real cluster's plaintext listener, or nil.
func Real() []string { return addresses(Plaintext) }

func addresses(l Listener) []string {
	v := os.Getenv(l.variable())
	if v == "" {
		return nil
	}
	return strings.Split(v, ",")
}

func start(o options, tempDir func() string) (*Cluster, error) {
	var c *Cluster
	var err error
	if Real() != nil && !o.embedded {
		c, err = startReal(o.listener)
	} else {
		c, err = startEmbedded(o, tempDir)
	}
	if err != nil {
		return nil, err
	}
	if c.TLSDir != "" {
		if c.tls, err = testcert.ClientConfig(c.TLSDir); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func startReal(l Listener) (*Cluster, error) {
	c := &Cluster{Real: true, Listener: l, Brokers: addresses(l), Version: os.Getenv("WEIR_TEST_VERSION"), Prefix: newPrefix()}
	if c.Brokers == nil {
		return nil, fmt.Errorf("start test cluster: %s is not set: the cluster of WEIR_TEST_BROKERS has no such listener", l.variable())
	}
	if l.tls() {
		c.TLSDir = os.Getenv("WEIR_TEST_TLS_DIR")
	}
	return c, nil
}

func startEmbedded(o options, tempDir func() string) (*Cluster, error) {
	c := &Cluster{Listener: o.listener, Version: "kfake", Prefix: embeddedPrefix}
	if o.listener.sasl() {
		o.broker.Users = []broker.User{
			{Name: Admin, Password: AdminPassword, Super: true},
			{Name: Alice, Password: AlicePassword},
		}
	}
	if o.listener.tls() {
		c.TLSDir = tempDir()
		if err := testcert.Write(c.TLSDir, time.Now()); err != nil {
			return nil, err
		}
		var err error
		if o.broker.TLS, err = testcert.ServerConfig(c.TLSDir, o.listener == SSL); err != nil {
			return nil, err
		}
	}
	b, err := broker.Start(o.broker)
	if err != nil {
		return nil, err
	}
	c.embedded, c.Brokers = b, b.Addrs()
	return c, nil
}

const embeddedPrefix = "w000000-"

// newPrefix is as long as embeddedPrefix.
func newPrefix() string {
	const digits = "0123456789abcdefghijklmnopqrstuvwxyz"
	b := []byte(embeddedPrefix)
	for i := 1; i < len(b)-1; i++ {
		b[i] = digits[rand.IntN(len(digits))]
	}
	return string(b)
}

// Name puts the test's prefix before a topic or group.
func (c *Cluster) Name(s string) string { return c.Prefix + s }

// Fake is the embedded broker's handle for faults and control functions. It ends
// the test on a real cluster: ask for Embedded first.
func (c *Cluster) Fake() *kfake.Cluster {
	if c.embedded == nil {
		c.t.Fatal("kafkatest: Fake on a real cluster; start it with kafkatest.Embedded")
	}
	return c.embedded.Cluster()
}

// Options are what a client needs to enter as the admin.
func (c *Cluster) Options() []kgo.Opt {
	opts := []kgo.Opt{
		kgo.SeedBrokers(c.Brokers...),
		kgo.MetadataMinAge(20 * time.Millisecond),
		kgo.RetryTimeout(patience),
	}
	if c.tls != nil {
		opts = append(opts, kgo.DialTLSConfig(c.tls.Clone()))
	}
	if c.Listener.sasl() {
		opts = append(opts, kgo.SASL(scram.Auth{User: Admin, Pass: AdminPassword}.AsSha512Mechanism()))
	}
	return opts
}

// Client returns a client that enters as the admin and is closed with the test.
func (c *Cluster) Client(opts ...kgo.Opt) *kgo.Client {
	c.t.Helper()
	cl, err := kgo.NewClient(append(c.Options(), opts...)...)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(cl.Close)
	return cl
}

// Admin returns the test's admin client.
func (c *Cluster) Admin() *kadm.Client {
	c.t.Helper()
	adm, err := c.adminClient()
	if err != nil {
		c.t.Fatal(err)
	}
	return adm
}

func (c *Cluster) adminClient() (*kadm.Client, error) {
	if c.admin == nil {
		cl, err := kgo.NewClient(append(c.Options(), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
		if err != nil {
			return nil, err
		}
		c.client, c.admin = cl, kadm.NewClient(cl)
	}
	return c.admin, nil
}

// stop removes what the test made and ends the embedded broker.
func (c *Cluster) stop() error {
	var err error
	if c.Real {
		err = c.sweep()
	}
	if c.admin != nil {
		c.admin.Close()
	}
	if c.embedded != nil {
		c.embedded.Close()
	}
	return err
}

// sweep deletes every topic, group and ACL whose name begins with the prefix, and the
// ACLs that the script made on other names.
func (c *Cluster) sweep() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	adm, err := c.adminClient()
	if err != nil {
		return err
	}
	topics, err := adm.ListTopics(ctx)
	if err != nil {
		return err
	}
	if names := c.mine(topics.Names()); len(names) > 0 {
		if _, err := adm.DeleteTopics(ctx, names...); err != nil {
			return err
		}
	}
	groups, err := adm.ListGroups(ctx)
	if err != nil {
		return err
	}
	if names := c.mine(groups.Groups()); len(names) > 0 {
		// A group whose member has not left yet stays: its name is never used again.
		if _, err := adm.DeleteGroups(ctx, names...); err != nil {
			return err
		}
	}
	return c.sweepACLs(ctx)
}

func (c *Cluster) mine(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return !strings.HasPrefix(n, c.Prefix) })
}

// sweepACLs uses raw requests: a filter that names one ACL exactly is all of its
// fields again.
func (c *Cluster) sweepACLs(ctx context.Context) error {
	ask := kmsg.NewPtrDescribeACLsRequest()
	ask.ResourceType = kmsg.ACLResourceTypeAny
	ask.ResourcePatternType = kmsg.ACLResourcePatternTypeAny
	ask.Operation = kmsg.ACLOperationAny
	ask.PermissionType = kmsg.ACLPermissionTypeAny
	found, err := ask.RequestWith(ctx, c.client)
	if err != nil {
		return err
	}
	if err := kerr.ErrorForCode(found.ErrorCode); err != nil {
		if errors.Is(err, kerr.SecurityDisabled) {
			return nil
		}
		return err
	}
	del := kmsg.NewPtrDeleteACLsRequest()
	for _, r := range found.Resources {
		for _, a := range r.ACLs {
			made := slices.ContainsFunc(c.granted, func(g kmsg.CreateACLsRequestCreation) bool {
				return g.ResourceType == r.ResourceType && g.ResourceName == r.ResourceName && g.ResourcePatternType == r.ResourcePatternType &&
					g.Principal == a.Principal && g.Operation == a.Operation && g.PermissionType == a.PermissionType
			})
			if !made && !strings.HasPrefix(r.ResourceName, c.Prefix) && !strings.HasPrefix(a.Principal, "User:"+c.Prefix) {
				continue
			}
			f := kmsg.NewDeleteACLsRequestFilter()
			f.ResourceType, f.ResourceName, f.ResourcePatternType = r.ResourceType, &r.ResourceName, r.ResourcePatternType
			f.Principal, f.Host, f.Operation, f.PermissionType = &a.Principal, &a.Host, a.Operation, a.PermissionType
			del.Filters = append(del.Filters, f)
		}
	}
	if len(del.Filters) == 0 {
		return nil
	}
	_, err = del.RequestWith(ctx, c.client)
	return err
}
