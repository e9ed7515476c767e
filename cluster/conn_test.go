package cluster

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/pavlo-v-chernykh/keystore-go/v4"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"software.sslmate.com/src/go-pkcs12"
)

func fake(t *testing.T, opts ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func open(t *testing.T, p Profile, o Options) *Conn {
	t.Helper()
	c, err := Open(t.Context(), p, o)
	if err != nil {
		t.Fatalf("%v (hint: %s)", err, hintOf(err))
	}
	t.Cleanup(c.Close)
	return c
}

func classOf(err error) Class {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Class
	}
	return -1
}

func TestOpen(t *testing.T) {
	k := fake(t, kfake.NumBrokers(3), kfake.ClusterID("weir-test"))
	var log bytes.Buffer
	c := open(t, Profile{Brokers: k.ListenAddrs()}, Options{Version: "1.2.3", Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	if c.ClusterID != "weir-test" || len(c.Brokers) != 3 || c.Controller < 0 {
		t.Errorf("got cluster %q, %d brokers, controller %d", c.ClusterID, len(c.Brokers), c.Controller)
	}
	if got := c.Client.OptValue(kgo.ClientID); got != "weir/1.2.3" {
		t.Errorf("client id %v", got)
	}
	if !strings.Contains(log.String(), "broker") {
		t.Error("the Kafka client's log is missing at debug level")
	}
}

func TestOpenPinnedClusterID(t *testing.T) {
	k := fake(t, kfake.ClusterID("other"))
	_, err := Open(t.Context(), Profile{Brokers: k.ListenAddrs(), ClusterID: "prod", Source: "profile prod"}, Options{})
	if classOf(err) != Misconfigured || !errContains(err, "the cluster's id is other, and prod is pinned") {
		t.Errorf("got %v", err)
	}
}

// closedPorts returns addresses where nobody listens.
func closedPorts(t *testing.T, n int) []string {
	t.Helper()
	var out []string
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Close() }()
		out = append(out, l.Addr().String())
	}
	return out
}

// TestOpenRefused pins what a person sees when nobody listens: one line that names all
// addresses, at once, not after the client's own rotation over dead seeds.
func TestOpenRefused(t *testing.T) {
	for _, n := range []int{1, 3, 10} {
		addrs := closedPorts(t, n)
		start := time.Now()
		_, err := Open(t.Context(), Profile{Brokers: addrs, Source: "-b"}, Options{})
		took := time.Since(start)
		if classOf(err) != Unreachable || !errContains(err, "connection refused") || !strings.Contains(err.Error(), addrs[0]) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%d addresses: got %v", n, err)
		}
		if hintOf(err) == "" {
			t.Error("no hint")
		}
		if took > 300*time.Millisecond {
			t.Errorf("%d addresses took %s", n, took)
		}
	}
}

func TestOpenOneLiveAmongDead(t *testing.T) {
	k := fake(t)
	start := time.Now()
	c := open(t, Profile{Brokers: append(closedPorts(t, 3), k.ListenAddrs()...)}, Options{})
	if took := time.Since(start); took > time.Second {
		t.Errorf("took %s", took)
	}
	up := 0
	for _, s := range c.Seeds {
		if s.Up {
			up++
		}
	}
	if up != 1 || len(c.Seeds) != 4 {
		t.Errorf("seeds %+v", c.Seeds)
	}
}

// TestReachAdvertised: the address that was named answers, and sends to others where nobody
// listens. One that answers is enough.
func TestReachAdvertised(t *testing.T) {
	k := fake(t, kfake.NumBrokers(2))
	advertised := k.ListenAddrs()
	var refused []string
	o := Options{Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		switch {
		case address == "bootstrap:9092":
			address = advertised[0]
		case slices.Contains(refused, address):
			return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
		}
		return new(net.Dialer).DialContext(ctx, network, address)
	}}
	c := open(t, Profile{Brokers: []string{"bootstrap:9092"}}, o)
	for n := 2; n > 0; n-- {
		refused = advertised[n:]
		if err := c.ReachAdvertised(t.Context()); err != nil {
			t.Errorf("%v refused: %v", refused, err)
		}
	}
	refused = advertised
	start := time.Now()
	err := c.ReachAdvertised(t.Context())
	want := fmt.Sprintf("connect to broker 0 at %s, broker 1 at %s, as advertised: connection refused", advertised[0], advertised[1])
	if classOf(err) != Unreachable || err.Error() != want || !strings.HasPrefix(hintOf(err), "bootstrap:9092 answers") || !strings.Contains(hintOf(err), "advertised.listeners") {
		t.Errorf("class %v: %v\nhint: %s", classOf(err), err, hintOf(err))
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("took %s", took)
	}
}

func TestOpenUnknownHost(t *testing.T) {
	dial := func(_ context.Context, _, address string) (net.Conn, error) {
		host, _, _ := net.SplitHostPort(address)
		return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}}
	}
	_, err := Open(t.Context(), Profile{Brokers: []string{"kafka.invalid"}}, Options{Dial: dial})
	if classOf(err) != Unreachable || !errContains(err, "no such host: kafka.invalid") {
		t.Errorf("got %v", err)
	}
}

func TestOpenTimeout(t *testing.T) {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, &net.OpError{Op: "dial", Err: ctx.Err()}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	_, err := Open(ctx, Profile{Brokers: []string{"a", "b"}}, Options{Dial: dial})
	if classOf(err) != TimedOut || !errContains(err, "connect to a, b: no answer in time") {
		t.Errorf("got %v", err)
	}
}

// TestOpenSilentPort: something accepts and says nothing, a TLS listener or no broker at all.
func TestOpenSilentPort(t *testing.T) {
	silent := answering(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := Open(ctx, Profile{Brokers: []string{silent}}, Options{})
	if classOf(err) != TimedOut || !strings.Contains(hintOf(err), "the port is open but silent") {
		t.Errorf("class %v: %v; hint: %s", classOf(err), err, hintOf(err))
	}
}

// TestOpenSilentAmongLive: the first of two addresses accepts connections and says nothing,
// as a broker that hangs does. The client would wait for it for minutes here.
func TestOpenSilentAmongLive(t *testing.T) {
	k := fake(t)
	silent, live := answering(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }), k.ListenAddrs()[0]
	met := make(chan struct{})
	var once sync.Once
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	c, err := Open(ctx, Profile{Brokers: []string{silent, live}}, Options{
		Client: []kgo.Opt{kgo.RequestTimeoutOverhead(15 * time.Minute)},
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			if address == live {
				<-met // only who dials both can find one silent
			}
			conn, err := new(net.Dialer).DialContext(ctx, network, address)
			if address == silent {
				once.Do(func() { close(met) })
			}
			return conn, err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	more, err := c.NewClient()
	if err != nil {
		t.Fatal(err)
	}
	defer more.Close()
	for _, cl := range []*kgo.Client{c.Client, more} {
		if n := len(cl.SeedBrokers()); n != 1 {
			t.Errorf("%d addresses are kept, want the one that answers", n)
		}
		if err := cl.Ping(ctx); err != nil {
			t.Error(err)
		}
	}
	if check := checkBrokers(Observe(ctx, c, time.Now())); check.Status != Fail || !strings.Contains(check.Detail, silent+": the port is open and nobody answers") {
		t.Errorf("the doctor says %+v", check)
	}
}

func TestOpenCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := Open(ctx, Profile{Brokers: []string{"127.0.0.1:1"}}, Options{})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// answering serves connections with f, each one until f returns.
func answering(t *testing.T, f func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				f(c)
			}()
		}
	}()
	return l.Addr().String()
}

// TestOpenMisconfigured meets listeners that speak another language. Each is exit 2:
// a retry never helps.
func TestOpenMisconfigured(t *testing.T) {
	certs := newCerts(t)
	hangUp := func(c net.Conn) { _, _ = c.Read(make([]byte, 64)) }
	alert := answering(t, func(c net.Conn) { // what Java's TLS says to a stranger
		hangUp(c)
		_, _ = c.Write([]byte{21, 3, 3, 0, 2, 2, 80})
	})
	mtlsKafka := fake(t, kfake.TLS(certs.server(tls.RequireAndVerifyClientCert)))
	tlsKafka := fake(t, kfake.TLS(certs.server(tls.NoClientCert)))
	http := answering(t, func(c net.Conn) {
		hangUp(c)
		_, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
	})
	garbage := answering(t, func(c net.Conn) {
		hangUp(c)
		_, _ = c.Write([]byte("SSH-2.0-OpenSSH\r\n"))
	})
	wrongID := answering(t, func(c net.Conn) {
		hangUp(c)
		_, _ = c.Write([]byte("\x00\x00\x00\x08abcdefgh"))
	})
	// A broker that wants SASL goes through the handshake and answers ApiVersions.
	saslInTLS := fake(t, kfake.TLS(certs.server(tls.NoClientCert)), kfake.EnableSASL(), kfake.Superuser("PLAIN", "u", "p"))
	plain := fake(t)
	tests := []struct {
		name      string
		p         Profile
		err, hint string
	}{
		{"hang up at once", Profile{Brokers: []string{answering(t, hangUp)}}, "closed the connection before its first answer", "TLS or not, SASL or not"},
		{"controller port or SASL", Profile{Brokers: []string{answering(t, hangUp)}, SecurityProtocol: Plaintext}, "before its first answer", "not the controller's"},
		{"plaintext client, TLS port", Profile{Brokers: []string{alert}}, "the listener speaks TLS", "SSL or SASL_SSL"},
		{"TLS client, plaintext port", Profile{Brokers: []string{answering(t, hangUp)}, TLS: TLS{CA: certs.ca}}, "does not speak TLS", "PLAINTEXT"},
		{"TLS client, HTTP port", Profile{Brokers: []string{http}, TLS: TLS{CA: certs.ca}}, "does not speak TLS", "PLAINTEXT"},
		{"HTTP port", Profile{Brokers: []string{http}}, "an HTTP server answers there", "not a Kafka broker"},
		{"another protocol", Profile{Brokers: []string{garbage}}, "does not speak the Kafka protocol", "Kafka broker's"},
		{"another protocol with a plausible length", Profile{Brokers: []string{wrongID}}, "does not speak the Kafka protocol", "Kafka broker's"},
		{"TLS without SASL, SASL_SSL port", Profile{Brokers: saslInTLS.ListenAddrs(), TLS: TLS{CA: certs.ca}}, "inside TLS", "SASL or not"},
		{"unknown authority", Profile{Brokers: tlsKafka.ListenAddrs(), TLS: TLS{Enabled: true}}, "signed by unknown authority", "tls.ca"},
		{"wrong host name", Profile{Brokers: tlsKafka.ListenAddrs(), TLS: TLS{CA: certs.ca, ServerName: "other"}}, "not other", "server_name"},
		{"client certificate missing", Profile{Brokers: mtlsKafka.ListenAddrs(), TLS: TLS{CA: certs.ca}}, "ended the TLS handshake", "client certificate"},
		{"no CA file", Profile{Brokers: tlsKafka.ListenAddrs(), TLS: TLS{CA: "/nowhere/ca.pem"}}, "/nowhere/ca.pem: no such file", "check the path"},
		{"CA is no certificate", Profile{Brokers: tlsKafka.ListenAddrs(), TLS: TLS{CA: certs.key}}, "holds no trusted certificate", ""},
		{"secret missing", Profile{Brokers: plain.ListenAddrs(), SecurityProtocol: SASLPlaintext, SASL: SASL{Mechanism: Plain, Username: "u", Password: SecretFromEnv("WEIR_NO_SUCH_VARIABLE")}}, "environment variable is not set", "export"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			start := time.Now()
			_, err := Open(t.Context(), tt.p, Options{})
			if classOf(err) != Misconfigured || !errContains(err, tt.err) || !strings.Contains(hintOf(err), tt.hint) {
				t.Errorf("class %v: %v\nhint: %s", classOf(err), err, hintOf(err))
			}
			if took := time.Since(start); took > 2*time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
}

// TestClassifyAfterFirstAnswer: the same cut connection later is a cluster that went
// away, not a wrong setting.
func TestClassifyAfterFirstAnswer(t *testing.T) {
	k := fake(t)
	c := open(t, Profile{Brokers: k.ListenAddrs()}, Options{})
	k.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	_, err := c.Admin.ListTopics(ctx)
	err = Classify("list topics", "", err)
	if cl := classOf(err); cl != Unreachable && cl != TimedOut {
		t.Errorf("class %v: %v", cl, err)
	}
}

// TestErrorNamesTheBroker: of three brokers it matters which one went away.
func TestErrorNamesTheBroker(t *testing.T) {
	k := fake(t)
	address := k.ListenAddrs()[0]
	c := open(t, Profile{Brokers: []string{address}}, Options{})
	k.ControlKey(kmsg.ListGroups.Int16(), func(kmsg.Request) (kmsg.Response, error, bool) {
		k.KeepControl()
		return nil, errors.New("gone"), true // cuts the connection
	})
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	_, err := c.Groups(ctx, nil, nil)
	if want := "list groups: broker 0 at " + address + ": "; classOf(err) != Unreachable || !errContains(err, want) {
		t.Errorf("class %v: %v, want %s", classOf(err), err, want)
	}
	if strings.Count(err.Error(), address) != 1 {
		t.Errorf("the address stands twice: %v", err)
	}
	dial := &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(10, 0, 0, 7), Port: 9092}, Err: syscall.ECONNREFUSED}
	if err := Classify("create topic", "a", dial); !errContains(err, "create topic a: broker at 10.0.0.7:9092: connection refused") {
		t.Errorf("got %v", err)
	}
}

// TestGroupsOfASilentBroker: a list that is empty because a coordinator is down is not
// blamed on missing rights, and not called complete.
func TestGroupsOfASilentBroker(t *testing.T) {
	k := fake(t, kfake.NumBrokers(2))
	c := open(t, Profile{Brokers: k.ListenAddrs()}, Options{})
	k.ControlKey(kmsg.ListGroups.Int16(), func(kmsg.Request) (kmsg.Response, error, bool) {
		k.KeepControl()
		if k.CurrentNode() == 1 {
			return nil, errors.New("gone"), true // cuts the connection
		}
		return nil, nil, false
	})
	l, err := c.Groups(t.Context(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Err(); classOf(err) != Unreachable || !errContains(err, "broker 1 did not answer") {
		t.Errorf("class %v: %v", classOf(err), err)
	}
}

func TestOpenSASL(t *testing.T) {
	k := fake(t, kfake.EnableSASL(), kfake.User("PLAIN", "p", "plain-pw"), kfake.User("SCRAM-SHA-256", "s2", "s2-pw"), kfake.User("SCRAM-SHA-512", "s5", "s5-pw"))
	env := func(k string) (string, bool) { return strings.CutPrefix(k, "PW_") }
	for _, tt := range []struct {
		m        Mechanism
		user, pw string
	}{{Plain, "p", "plain-pw"}, {Scram256, "s2", "s2-pw"}, {Scram512, "s5", "s5-pw"}} {
		t.Run(string(tt.m), func(t *testing.T) {
			p := Profile{Brokers: k.ListenAddrs(), SecurityProtocol: SASLPlaintext, SASL: SASL{Mechanism: tt.m, Username: tt.user, Password: SecretFromEnv("PW_" + tt.pw)}}
			open(t, p, Options{Getenv: env})
		})
	}
}

// TestWrongPassword: kfake cuts the connection where a real broker answers; the answer
// is put in its place here.
func TestWrongPassword(t *testing.T) {
	k := fake(t, kfake.EnableSASL(), kfake.User("PLAIN", "p", "right"))
	k.ControlKey(int16(kmsg.SASLAuthenticate), func(req kmsg.Request) (kmsg.Response, error, bool) {
		k.KeepControl()
		r := kmsg.NewPtrSASLAuthenticateResponse()
		r.Version = req.GetVersion()
		r.ErrorCode = kerr.SaslAuthenticationFailed.Code
		return r, nil, true
	})
	var log bytes.Buffer
	o := Options{
		Getenv: func(string) (string, bool) { return canary, true },
		Logger: slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	_, err := Open(t.Context(), Profile{Brokers: k.ListenAddrs(), SecurityProtocol: SASLPlaintext, SASL: SASL{Mechanism: Plain, Username: "p", Password: SecretFromEnv("PW")}}, o)
	if classOf(err) != Unauthenticated {
		t.Errorf("class %v: %v", classOf(err), err)
	}
	if strings.Contains(fmt.Sprintf("%v %+v %s %s", err, err, hintOf(err), log.String()), canary) {
		t.Error("the password shows")
	}
}

// TestReadOnlyRefusesEveryWrite sends one request of every key the library knows and
// watches what arrives at the broker.
func TestReadOnlyRefusesEveryWrite(t *testing.T) {
	k := fake(t, kfake.SeedTopics(1, "t"))
	c := open(t, Profile{Brokers: k.ListenAddrs(), ReadOnly: true}, Options{})
	var arrived [kmsg.MaxKey + 1]atomic.Bool
	for key := range int16(kmsg.MaxKey + 1) {
		k.ControlKey(key, func(kmsg.Request) (kmsg.Response, error, bool) {
			k.KeepControl()
			arrived[key].Store(true)
			return nil, nil, false
		})
	}
	reads := readingKeys()
	for key := range int16(kmsg.MaxKey + 1) {
		req := kmsg.RequestForKey(key)
		if req == nil || slices.Contains(reads, kmsg.Key(key)) {
			continue
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		_, err := c.Client.Request(ctx, req)
		cancel()
		if err == nil || arrived[key].Load() {
			t.Errorf("%s: err %v, arrived %v", kmsg.NameForKey(key), err, arrived[key].Load())
		}
	}
	// The ways round the plain request: producer, transaction, group member, kadm.
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	cl, err := c.NewClient(kgo.RecordDeliveryTimeout(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	err = cl.ProduceSync(ctx, &kgo.Record{Topic: "t", Value: []byte("x")}).FirstErr()
	if err == nil {
		t.Error("a record was produced")
	}
	_, err = c.Admin.CreateTopic(ctx, 1, 1, nil, "new")
	if classOf(Classify("create topic", "new", err)) != Refused {
		t.Errorf("create topic: %v", err)
	}
	member, err := c.NewClient(kgo.ConsumerGroup("g"), kgo.ConsumeTopics("t"))
	if err != nil {
		t.Fatal(err)
	}
	short, cancelShort := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancelShort()
	member.PollFetches(short)
	member.Close()
	for key := range int16(kmsg.MaxKey + 1) {
		if arrived[key].Load() && !slices.Contains(reads, kmsg.Key(key)) {
			t.Errorf("%s reached the broker", kmsg.NameForKey(key))
		}
	}
	if c.Writable("x", "y") == nil {
		t.Error("Writable must refuse")
	}
	if _, err := c.Admin.ListTopics(ctx); err != nil {
		t.Errorf("reading must work: %v", err)
	}
}

type certs struct {
	ca, cert, key string // files
	caCert, leaf  *x509.Certificate
	caKey, leafK  *ecdsa.PrivateKey
}

// newCerts makes an authority and one certificate that serves as broker and as client.
func newCerts(t *testing.T) *certs {
	t.Helper()
	dir := t.TempDir()
	c := &certs{ca: filepath.Join(dir, "ca.pem"), cert: filepath.Join(dir, "cert.pem"), key: filepath.Join(dir, "key.pem")}
	mk := func(cn string, parent *x509.Certificate, parentKey *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		tmpl := &x509.Certificate{
			SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: cn},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
			DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
			KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, BasicConstraintsValid: true,
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		}
		if parent == nil {
			tmpl.IsCA, tmpl.ExtKeyUsage = true, nil
			parent, parentKey = tmpl, key
		}
		der, err := x509.CreateCertificate(rand.Reader, tmpl, parent, &key.PublicKey, parentKey)
		if err != nil {
			t.Fatal(err)
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return cert, key
	}
	c.caCert, c.caKey = mk("weir test authority", nil, nil)
	c.leaf, c.leafK = mk("localhost", c.caCert, c.caKey)
	der, err := x509.MarshalPKCS8PrivateKey(c.leafK)
	if err != nil {
		t.Fatal(err)
	}
	for file, b := range map[string]*pem.Block{
		c.ca: {Type: "CERTIFICATE", Bytes: c.caCert.Raw}, c.cert: {Type: "CERTIFICATE", Bytes: c.leaf.Raw}, c.key: {Type: "PRIVATE KEY", Bytes: der},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func (c *certs) server(auth tls.ClientAuthType) *tls.Config {
	pool := x509.NewCertPool()
	pool.AddCert(c.caCert)
	return &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{c.leaf.Raw}, PrivateKey: c.leafK}},
		ClientAuth:   auth, ClientCAs: pool, MinVersion: tls.VersionTLS12,
	}
}

// TestOpenMutualTLS dials with the client certificate in every container that people have.
func TestOpenMutualTLS(t *testing.T) {
	c := newCerts(t)
	k := fake(t, kfake.TLS(c.server(tls.RequireAndVerifyClientCert)))
	dir := t.TempDir()
	write := func(name string, b []byte) string {
		t.Helper()
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	must := func(b []byte, err error) []byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	p12 := write("k.p12", must(pkcs12.Modern.Encode(c.leafK, c.leaf, []*x509.Certificate{c.caCert}, "store-pw")))
	trust12 := write("t.p12", must(pkcs12.Modern.EncodeTrustStore([]*x509.Certificate{c.caCert}, "store-pw")))
	trustPlain := write("t2.p12", must(pkcs12.Modern.Encode(c.caKey, c.caCert, nil, "store-pw")))
	der := must(x509.MarshalPKCS8PrivateKey(c.leafK))
	ks, ts := keystore.New(), keystore.New()
	if err := ks.SetPrivateKeyEntry("me", keystore.PrivateKeyEntry{CreationTime: time.Now(), PrivateKey: der, CertificateChain: []keystore.Certificate{{Type: "X.509", Content: c.leaf.Raw}}}, []byte("key-pw")); err != nil {
		t.Fatal(err)
	}
	if err := ts.SetTrustedCertificateEntry("ca", keystore.TrustedCertificateEntry{CreationTime: time.Now(), Certificate: keystore.Certificate{Type: "X.509", Content: c.caCert.Raw}}); err != nil {
		t.Fatal(err)
	}
	var kb, tb bytes.Buffer
	if err := errors.Join(ks.Store(&kb, []byte("store-pw")), ts.Store(&tb, []byte("store-pw"))); err != nil {
		t.Fatal(err)
	}
	jks, trustJKS := write("k.jks", kb.Bytes()), write("t.jks", tb.Bytes())
	both := write("both.pem", append(must(os.ReadFile(c.key)), must(os.ReadFile(c.cert))...))
	storePW, keyPW := newSecret(secretLiteral, "store-pw"), newSecret(secretLiteral, "key-pw")
	inline := func(file string) string { return string(must(os.ReadFile(file))) }
	tests := []struct {
		name string
		tls  TLS
		err  string
	}{
		{"pem files", TLS{CA: c.ca, Cert: c.cert, Key: c.key}, ""},
		{"pem store", TLS{CA: c.ca, Keystore: Store{File: both}}, ""},
		{"pem inline", TLS{caPEM: inline(c.ca), certPEM: inline(c.cert), keyPEM: newSecret(secretLiteral, inline(c.key))}, ""},
		{"pkcs12", TLS{Truststore: Store{File: trust12, Password: storePW}, Keystore: Store{File: p12, Password: storePW}}, ""},
		{"pkcs12 without the trust attribute, called JKS", TLS{Truststore: Store{File: trustPlain, Type: "JKS", Password: storePW}, Keystore: Store{File: p12, Password: storePW}}, ""},
		{"jks", TLS{Truststore: Store{File: trustJKS, Password: storePW}, Keystore: Store{File: jks, Password: storePW}, KeyPassword: keyPW}, ""},
		{"any host name", TLS{CA: c.ca, Cert: c.cert, Key: c.key, ServerName: "other", Verify: VerifyCA}, ""},
		{"nothing verified", TLS{Cert: c.cert, Key: c.key, Verify: VerifyNone}, ""},
		{"chain still verified", TLS{Cert: c.cert, Key: c.key, Verify: VerifyCA}, "unknown authority"},
		{"wrong store password", TLS{CA: c.ca, Keystore: Store{File: p12, Password: keyPW}}, "the password is wrong"},
		{"wrong key password", TLS{CA: c.ca, Keystore: Store{File: jks, Password: storePW}, KeyPassword: storePW}, "the key's password is wrong"},
		{"wrong jks password", TLS{Truststore: Store{File: trustJKS, Password: keyPW}}, "t.jks: the password is wrong"},
		{"jks truststore without a password, as Java takes it", TLS{Truststore: Store{File: trustJKS}, Cert: c.cert, Key: c.key}, ""},
		{"jks keystore without a password", TLS{CA: c.ca, Keystore: Store{File: jks}}, "needs a password, and none is set"},
		{"key of another certificate", TLS{CA: c.ca, Cert: c.ca, Key: c.key}, "private key does not match"},
		{"no key", TLS{CA: c.ca, Cert: c.cert, Key: c.cert}, "no private key"},
		{"neither format", TLS{CA: c.ca, Keystore: Store{File: write("junk", []byte("junk"))}}, "neither PEM, PKCS12 nor JKS"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			conn, err := Open(t.Context(), Profile{Brokers: k.ListenAddrs(), TLS: tt.tls}, Options{})
			conn.Close()
			if !errContains(err, tt.err) || (err != nil && classOf(err) != Misconfigured) {
				t.Errorf("class %v: %v", classOf(err), err)
			}
		})
	}
}

// TestJavaStores reads what keytool and openssl write and Go's libraries cannot make:
// both.p12 holds a trusted certificate and, after it, a key; empty.p12 held one once;
// the certificate of untrusted.p12 is not marked as trusted. All have the password
// changeit and end in a hundred years.
func TestJavaStores(t *testing.T) {
	store := func(name, password string) Store {
		return Store{File: filepath.Join("testdata", "stores", name), Password: newSecret(secretLiteral, password)}
	}
	both := store("both.p12", "changeit")
	trusted, err := authorities(t.Context(), &TLS{Truststore: both}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(trusted, func(c *x509.Certificate) bool { return c.Subject.CommonName == "store test authority" }) {
		t.Errorf("the authority is not trusted: %d certificates", len(trusted))
	}
	pairs, err := clientCertificates(t.Context(), &TLS{Keystore: both}, nil)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(pairs[0].Certificate[0])
	if err != nil || leaf.Subject.CommonName != "store test client" {
		t.Errorf("presents %v, %v", leaf.Subject, err)
	}
	for _, tt := range []struct {
		tls       TLS
		err, hint string
	}{
		{TLS{Truststore: store("empty.p12", "changeit")}, "holds no trusted certificate", "authority"},
		{TLS{Keystore: store("empty.p12", "changeit")}, "holds no private key", ""},
		{TLS{Keystore: store("untrusted.p12", "changeit")}, "holds no private key", ""},
		{TLS{Truststore: store("untrusted.p12", "changeit")}, "not marked as trusted", "keytool -importcert"},
		{TLS{Truststore: store("both.p12", "other")}, "both.p12: the password is wrong", "ssl.truststore.password"},
		{TLS{Keystore: store("both.p12", "")}, "needs a password, and none is set", "ssl.keystore.password"},
	} {
		_, err := tlsConfig(t.Context(), &tt.tls, nil)
		if err == nil || !errContains(err, tt.err) || !strings.Contains(hintOf(err), tt.hint) || classOf(err) != Misconfigured {
			t.Errorf("%v, hint %q; want %q, %q", err, hintOf(err), tt.err, tt.hint)
		}
	}
}

func TestReusedCredential(t *testing.T) {
	now := time.Unix(0, 0)
	n := 0
	r := &reused[int]{now: func() time.Time { return now }, fetch: func(context.Context) (int, error) {
		n++
		return n, nil
	}}
	for _, step := range []struct {
		after time.Duration
		want  int
	}{{0, 1}, {59 * time.Second, 1}, {2 * time.Second, 2}} {
		now = now.Add(step.after)
		if got, err := r.get(t.Context()); err != nil || got != step.want {
			t.Errorf("after %s: %d, %v", step.after, got, err)
		}
	}
}
