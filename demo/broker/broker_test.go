package broker_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/weirhq/weir/demo/broker"
)

func start(t *testing.T, cfg broker.Config) *broker.Broker {
	t.Helper()
	b, err := broker.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

func admin(t *testing.T, b *broker.Broker, opts ...kgo.Opt) *kadm.Client {
	t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(b.Addrs()...),
		kgo.RetryTimeout(2 * time.Second),
		kgo.MetadataMinAge(10 * time.Millisecond),
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return kadm.NewClient(cl)
}

func TestThreeNodesHoldReplicationFactorThree(t *testing.T) {
	adm := admin(t, start(t, broker.Config{}))
	if _, err := adm.CreateTopic(t.Context(), 6, 3, nil, "orders"); err != nil {
		t.Fatal(err)
	}
	m, err := adm.Metadata(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Brokers) != 3 || m.Cluster != "weir-embedded" {
		t.Errorf("brokers %v, cluster %q: want 3 of weir-embedded", m.Brokers.NodeIDs(), m.Cluster)
	}
	if n := m.Topics["orders"].Partitions.NumReplicas(); n != 3 {
		t.Errorf("replication factor %d, want 3", n)
	}
}

func TestFixedPortsAreTakenAndFreed(t *testing.T) {
	b, err := broker.Start(broker.Config{Nodes: 2})
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(b.Addrs()[0])
	if err != nil {
		t.Fatal(err)
	}
	n, err := net.LookupPort("tcp", port)
	if err != nil {
		t.Fatal(err)
	}
	if second, err := broker.Start(broker.Config{Ports: []int{n}}); !errors.Is(err, syscall.EADDRINUSE) {
		if second != nil {
			second.Close()
		}
		t.Errorf("second broker on a used port: %v, want address in use", err)
	}
	b.Close()
	start(t, broker.Config{Ports: []int{n, 0, 0}})
}

// Each of these frames ends an unguarded kfake, or makes it allocate gigabytes.
func TestBadFramesAreRefused(t *testing.T) {
	frame := func(size int32, key int16) []byte {
		b := make([]byte, 14)
		binary.BigEndian.PutUint32(b, uint32(size))
		binary.BigEndian.PutUint16(b[4:], uint16(key))
		return b
	}
	b := start(t, broker.Config{})
	for name, hostile := range map[string][]byte{
		"unknown key":  frame(10, 9999),
		"negative key": frame(10, -1),
		"size -1":      frame(-1, 3),
		"size 0":       frame(0, 3),
		"size 9":       frame(9, 3),
		"over 100 MiB": frame(100<<20+1, 3),
		"HTTP":         []byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
		"TLS hello":    append([]byte{0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03}, make([]byte, 20)...),
	} {
		t.Run(name, func(t *testing.T) {
			c, err := new(net.Dialer).DialContext(t.Context(), "tcp", b.Addrs()[0])
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if _, err := c.Write(hostile); err != nil {
				t.Fatal(err)
			}
			if err := c.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
				t.Fatal(err)
			}
			var timeout net.Error
			if n, err := c.Read(make([]byte, 1)); n != 0 || errors.As(err, &timeout) && timeout.Timeout() {
				t.Fatalf("read %d bytes, %v: want the connection closed", n, err)
			}
		})
	}
	if _, err := admin(t, b).ListBrokers(t.Context()); err != nil {
		t.Errorf("the broker is gone: %v", err)
	}
}

// failing refuses the first accepts as a process without file handles does.
type failing struct {
	net.Listener
	left atomic.Int32
}

func (f *failing) Accept() (net.Conn, error) {
	if f.left.Add(-1) >= 0 {
		return nil, syscall.EMFILE
	}
	return f.Listener.Accept()
}

func TestAcceptFailuresPass(t *testing.T) {
	var listeners []*failing
	b := start(t, broker.Config{Nodes: 1, Listen: func(network, address string) (net.Listener, error) {
		l, err := net.Listen(network, address)
		if err != nil {
			return nil, err
		}
		f := &failing{Listener: l}
		f.left.Store(2)
		listeners = append(listeners, f)
		return f, nil
	}})
	if _, err := admin(t, b).ListBrokers(t.Context()); err != nil {
		t.Errorf("after two failed accepts: %v", err)
	}
	if len(listeners) != 1 || listeners[0].left.Load() >= 0 {
		t.Error("no accept failed: the test shows nothing")
	}
}

func TestCredentials(t *testing.T) {
	b := start(t, broker.Config{Nodes: 1, Users: []broker.User{
		{Name: "admin", Password: "right", Super: true},
		{Name: "scram-only", Password: "right", Mechanisms: []string{broker.Scram512}},
	}})
	scram256 := func(u, p string) sasl.Mechanism { return scram.Auth{User: u, Pass: p}.AsSha256Mechanism() }
	scram512 := func(u, p string) sasl.Mechanism { return scram.Auth{User: u, Pass: p}.AsSha512Mechanism() }
	plainAuth := func(u, p string) sasl.Mechanism { return plain.Auth{User: u, Pass: p}.AsMechanism() }
	for _, tt := range []struct {
		name    string
		with    sasl.Mechanism
		allowed bool
	}{
		{"plain", plainAuth("admin", "right"), true},
		{"scram 256", scram256("admin", "right"), true},
		{"scram 512", scram512("scram-only", "right"), true},
		{"plain, wrong password", plainAuth("admin", "wrong"), false},
		{"plain, empty password", rawPlain("admin", ""), false},
		// kfake alone lets these two in.
		{"plain, unknown user and empty password", rawPlain("nobody", ""), false},
		{"plain, user of another mechanism and empty password", rawPlain("scram-only", ""), false},
		// kfake alone answers these by closing the connection.
		{"scram 256, wrong password", scram256("admin", "wrong"), false},
		{"scram 512, unknown user", scram512("nobody", "right"), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := admin(t, b, kgo.SASL(tt.with)).ListBrokers(t.Context())
			switch {
			case tt.allowed && err != nil:
				t.Errorf("refused: %v", err)
			case !tt.allowed && !errors.Is(err, kerr.SaslAuthenticationFailed):
				t.Errorf("got %v, want SASL_AUTHENTICATION_FAILED", err)
			}
		})
	}
}

// rawPlain sends what kgo's own PLAIN refuses to send: an empty password.
type plainMessage []byte

func rawPlain(user, password string) sasl.Mechanism {
	return plainMessage("\x00" + user + "\x00" + password)
}

func (plainMessage) Name() string { return broker.Plain }
func (m plainMessage) Authenticate(context.Context, string) (sasl.Session, []byte, error) {
	return m, m, nil
}
func (plainMessage) Challenge([]byte) (bool, []byte, error) { return true, nil, nil }

// librdkafka wants SASLHandshake from version 0 on, in every version of
// ApiVersions that it may ask with.
func TestHandshakeIsOfferedFromVersionZero(t *testing.T) {
	b := start(t, broker.Config{Nodes: 1, Users: []broker.User{{Name: "admin", Password: "x"}}})
	for version := int16(0); version <= 4; version++ {
		c, err := new(net.Dialer).DialContext(t.Context(), "tcp", b.Addrs()[0])
		if err != nil {
			t.Fatal(err)
		}
		req := kmsg.NewPtrApiVersionsRequest()
		req.SetVersion(version)
		req.ClientSoftwareName, req.ClientSoftwareVersion = "librdkafka", "2.0.2"
		if _, err := c.Write(kmsg.NewRequestFormatter().AppendRequest(nil, req, 7)); err != nil {
			t.Fatal(err)
		}
		var head [8]byte
		if _, err := io.ReadFull(c, head[:]); err != nil {
			t.Fatal(err)
		}
		body := make([]byte, binary.BigEndian.Uint32(head[:4])-4)
		if _, err := io.ReadFull(c, body); err != nil {
			t.Fatal(err)
		}
		c.Close()
		resp := kmsg.NewPtrApiVersionsResponse()
		resp.SetVersion(version)
		if err := resp.ReadFrom(body); err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(resp.ApiKeys, func(k kmsg.ApiVersionsResponseApiKey) bool {
			return k.ApiKey == kmsg.SASLHandshake.Int16()
		})
		if i < 0 || resp.ApiKeys[i].MinVersion != 0 || resp.ApiKeys[i].MaxVersion != 1 {
			t.Errorf("version %d: SASLHandshake is not offered as 0 to 1", version)
		}
	}
}

func TestAnonymousIsSuperWithoutUsers(t *testing.T) {
	adm := admin(t, start(t, broker.Config{Nodes: 1, ACLs: true}))
	if _, err := adm.CreateTopic(t.Context(), 1, 1, nil, "orders"); err != nil {
		t.Error(err)
	}
}

func TestUserWithoutRightsSeesNothing(t *testing.T) {
	b := start(t, broker.Config{Nodes: 1, ACLs: true, Users: []broker.User{
		{Name: "admin", Password: "a", Super: true}, {Name: "alice", Password: "b"},
	}})
	adm := admin(t, b, kgo.SASL(plain.Auth{User: "admin", Pass: "a"}.AsMechanism()))
	if _, err := adm.CreateTopic(t.Context(), 1, 1, nil, "orders"); err != nil {
		t.Fatal(err)
	}
	alice := admin(t, b, kgo.SASL(plain.Auth{User: "alice", Pass: "b"}.AsMechanism()))
	topics, err := alice.ListTopics(t.Context())
	if err != nil || len(topics) != 0 {
		t.Errorf("alice sees %v, %v: want nothing, as on a real broker", topics.Names(), err)
	}
	_, err = alice.CreateTopic(t.Context(), 1, 1, nil, "hers")
	if !errors.Is(err, kerr.TopicAuthorizationFailed) {
		t.Errorf("create without rights: %v", err)
	}
}

func TestConfigIsChecked(t *testing.T) {
	for name, cfg := range map[string]broker.Config{
		"unknown mechanism": {Users: []broker.User{{Name: "a", Mechanisms: []string{"GSSAPI"}}}},
		"no name":           {Users: []broker.User{{Password: "a"}}},
	} {
		if b, err := broker.Start(cfg); err == nil {
			b.Close()
			t.Errorf("%s: started", name)
		}
	}
}

// A read_committed reader that takes small answers must not be handed what was aborted.
func TestSmallFetchesHideWhatWasAborted(t *testing.T) {
	b, err := broker.Start(broker.Config{Nodes: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	client := func(opts ...kgo.Opt) *kgo.Client {
		cl, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(b.Addrs()...)}, opts...)...)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(cl.Close)
		return cl
	}
	if _, err := kadm.NewClient(client()).CreateTopic(ctx, 1, 1, nil, "orders"); err != nil {
		t.Fatal(err)
	}
	w := client(kgo.TransactionalID("t"), kgo.DefaultProduceTopic("orders"), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(kgo.NoCompression()))
	write := func(n int, value []byte, end kgo.TransactionEndTry) {
		if err := w.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		for range n { // a batch each
			if err := w.ProduceSync(ctx, &kgo.Record{Value: value}).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.EndTransaction(ctx, end); err != nil {
			t.Fatal(err)
		}
	}
	write(30, make([]byte, 10<<10), kgo.TryAbort)
	write(1, []byte("last"), kgo.TryCommit)
	r := client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{"orders": {0: kgo.NewOffset().At(0)}}), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.FetchMaxBytes(64<<10))
	for n := 0; ; n++ {
		fs := r.PollRecords(ctx, 1)
		if err := fs.Err(); err != nil || fs.NumRecords() != 1 {
			t.Fatal(err)
		}
		if string(fs.Records()[0].Value) == "last" {
			if n > 0 {
				t.Errorf("%d aborted records came before the committed one", n)
			}
			return
		}
	}
}
