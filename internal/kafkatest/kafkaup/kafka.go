//go:build unix

package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/weirhq/weir/internal/kafkatest/account"
	"github.com/weirhq/weir/internal/kafkatest/testcert"
)

// spec is what was asked for.
type spec struct {
	nodes   int
	version string
}

// old reports whether the version still wants ZooKeeper.
func old(version string) bool { return strings.HasPrefix(version, "2.") }

func nodeName(n int) string { return "n" + strconv.Itoa(n) }

// ports of one node.
type ports struct{ controller, plain, sasl, ssl, saslSSL int }

// up starts the cluster and writes its env file when every listener answers.
func up(ctx context.Context, st state, sp spec) error {
	if sp.nodes != 1 && sp.nodes != 3 {
		return fmt.Errorf("-nodes %d: 1 or 3", sp.nodes)
	}
	began := time.Now()
	if err := st.fresh(); err != nil {
		return err
	}
	rt, err := findRuntime(ctx, st, sp.version)
	if err != nil {
		return err
	}
	if err := testcert.Write(st.path("tls"), began); err != nil {
		return err
	}
	env, err := startNodes(ctx, st, sp, rt)
	if err != nil {
		failure := fmt.Errorf("start Apache Kafka %s: %w\n%s", sp.version, err, st.tail(nodeName(1)))
		return errors.Join(failure, st.down())
	}
	if err := st.writeEnv(env); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "Apache Kafka %s, %d node(s), up in %.1f s: . %s\n",
		sp.version, sp.nodes, time.Since(began).Seconds(), st.path("env"))
	return nil
}

func startNodes(ctx context.Context, st state, sp spec, rt runtime) ([][2]string, error) {
	all, err := choosePorts(sp.nodes)
	if err != nil {
		return nil, err
	}
	if err := writeConf(st, sp, all); err != nil {
		return nil, err
	}
	if old(sp.version) {
		zk := st.path("conf", "zk.properties")
		if _, err := rt.start(ctx, st, "zk", zk, "org.apache.zookeeper.server.quorum.QuorumPeerMain", zk); err != nil {
			return nil, err
		}
	} else if err := format(ctx, st, sp, rt, all); err != nil {
		return nil, err
	}
	for n := range sp.nodes {
		if err := startNode(ctx, st, rt, n+1); err != nil {
			return nil, err
		}
	}
	addrs := func(port func(ports) int) string {
		var s []string
		for _, p := range all {
			s = append(s, "127.0.0.1:"+strconv.Itoa(port(p)))
		}
		return strings.Join(s, ",")
	}
	plain, sasl := addrs(func(p ports) int { return p.plain }), addrs(func(p ports) int { return p.sasl })
	if err := ready(ctx, st, sp, plain, sasl); err != nil {
		return nil, err
	}
	env := [][2]string{
		{"WEIR_TEST_BROKERS", plain},
		{"WEIR_TEST_SASL_BROKERS", sasl},
		{"WEIR_TEST_SSL_BROKERS", addrs(func(p ports) int { return p.ssl })},
		{"WEIR_TEST_SASL_SSL_BROKERS", addrs(func(p ports) int { return p.saslSSL })},
		{"WEIR_TEST_TLS_DIR", st.path("tls")},
		{"WEIR_TEST_ADMIN", account.Admin + ":" + account.AdminPassword},
		{"WEIR_TEST_VERSION", sp.version},
		{"WEIR_TEST_NODES", strconv.Itoa(sp.nodes)},
	}
	if !old(sp.version) { // which has no controller port of its own
		env = append(env, [2]string{"WEIR_TEST_CONTROLLER", addrs(func(p ports) int { return p.controller })})
	}
	return env, nil
}

func startNode(ctx context.Context, st state, rt runtime, n int) error {
	conf := st.path("conf", nodeName(n)+".properties")
	_, err := rt.start(ctx, st, nodeName(n), conf, "kafka.Kafka", conf)
	return err
}

// restart starts a broker that was killed, with its old data.
func restart(ctx context.Context, st state, n int) error {
	version, err := os.ReadFile(st.path("conf", "version"))
	if err != nil {
		return fmt.Errorf("no cluster in %s: %w", st.dir, err)
	}
	rt, err := findRuntime(ctx, st, string(version))
	if err != nil {
		return err
	}
	return startNode(ctx, st, rt, n)
}

func choosePorts(nodes int) ([]ports, error) {
	free, err := freePorts(nodes * 5)
	if err != nil {
		return nil, err
	}
	var all []ports
	for n := range nodes {
		p := free[n*5:]
		all = append(all, ports{p[0], p[1], p[2], p[3], p[4]})
	}
	return all, nil
}

// format prepares the KRaft data folders. With three nodes the controllers are
// named with the ids of their folders, which must be the same on all.
func format(ctx context.Context, st state, sp spec, rt runtime, all []ports) error {
	id, err := uuid()
	if err != nil {
		return err
	}
	how := []string{"--standalone"}
	if sp.nodes > 1 {
		var initial []string
		for n, p := range all {
			dir, err := uuid()
			if err != nil {
				return err
			}
			initial = append(initial, fmt.Sprintf("%d@127.0.0.1:%d:%s", n+1, p.controller, dir))
		}
		how = []string{"--initial-controllers", strings.Join(initial, ",")}
	}
	for n := range all {
		args := append([]string{"format", "-t", id, "-c", st.path("conf", nodeName(n+1)+".properties")}, how...)
		if err := rt.run(ctx, "kafka.tools.StorageTool", args...); err != nil {
			return err
		}
	}
	return nil
}

// uuid is 16 random bytes as Kafka writes ids: base64 for URLs, no padding. Ids
// that begin with a dash are refused by its own tools.
func uuid() (string, error) {
	for {
		var b [16]byte
		if _, err := rand.Read(b[:]); err != nil {
			return "", err
		}
		if s := base64.RawURLEncoding.EncodeToString(b[:]); s[0] != '-' {
			return s, nil
		}
	}
}

// ready waits until every broker is in the metadata, makes the SCRAM accounts and
// waits until every broker accepts them.
func ready(ctx context.Context, st state, sp spec, plain, sasl string) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(plain, ",")...), kgo.MetadataMinAge(50*time.Millisecond))
	if err != nil {
		return err
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	for _, seed := range cl.SeedBrokers() {
		err := poll(ctx, st, "all brokers", func(ctx context.Context) error { return sees(ctx, seed, sp.nodes) })
		if err != nil {
			return err
		}
	}
	if err := poll(ctx, st, "the accounts", func(ctx context.Context) error { return makeAccounts(ctx, adm) }); err != nil {
		return err
	}
	for addr := range strings.SplitSeq(sasl, ",") {
		err := poll(ctx, st, "the accounts on "+addr, func(ctx context.Context) error { return login(ctx, addr) })
		if err != nil {
			return err
		}
	}
	return nil
}

// sees asks one broker itself: the client's own view of the cluster is cached, and
// one that begins with a lone broker may keep it.
func sees(ctx context.Context, b *kgo.Broker, nodes int) error {
	req := kmsg.NewPtrMetadataRequest()
	req.Topics = []kmsg.MetadataRequestTopic{}
	answer, err := b.Request(ctx, req)
	if err != nil {
		return err
	}
	if m, ok := answer.(*kmsg.MetadataResponse); !ok || len(m.Brokers) < nodes {
		return fmt.Errorf("it does not see %d brokers yet", nodes)
	}
	return nil
}

// makeAccounts sends one request a mechanism: a broker refuses a user who is named
// twice.
func makeAccounts(ctx context.Context, adm *kadm.Client) error {
	for _, m := range []kadm.ScramMechanism{kadm.ScramSha256, kadm.ScramSha512} {
		var all []kadm.UpsertSCRAM
		for user, password := range account.All() {
			all = append(all, kadm.UpsertSCRAM{User: user, Password: password, Mechanism: m, Iterations: 4096})
		}
		r, err := adm.AlterUserSCRAMs(ctx, nil, all)
		if err == nil {
			err = r.Error()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func login(ctx context.Context, addr string) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr),
		kgo.SASL(scram.Auth{User: account.Admin, Pass: account.AdminPassword}.AsSha512Mechanism()))
	if err != nil {
		return err
	}
	defer cl.Close()
	return cl.Ping(ctx)
}

// poll asks until there is no error, and gives up when a process of the cluster
// is gone.
func poll(ctx context.Context, st state, what string, ask func(context.Context) error) error {
	for {
		once, cancel := context.WithTimeout(ctx, 2*time.Second)
		err := ask(once)
		cancel()
		if err == nil {
			return nil
		}
		for _, p := range st.processes() {
			if !p.alive() {
				return fmt.Errorf("%s has ended:\n%s", p.name, st.tail(p.name))
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w", what, errors.Join(ctx.Err(), err))
		case <-time.After(100 * time.Millisecond):
		}
	}
}
