package kafkatest

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weirhq/weir/demo/broker"
)

// Scripts is the Kafka side of a run of testscripts: Setup, Commands and
// Condition go into testscript.Params. Each script has a cluster of its own, or
// a prefix of its own on a real one.
type Scripts struct {
	mu       sync.Mutex
	clusters map[string]*Cluster // by the script's work folder
}

// Setup starts the script's cluster and sets
//
//	BROKERS         addresses of the plaintext listener
//	PREFIX          beginning of every topic and group the script makes
//	ADMIN_USER, ADMIN_PASSWORD, ALICE_USER, ALICE_PASSWORD
//	                the accounts of the SASL listeners
//
// The command "kafka listener" moves BROKERS to another listener.
func (s *Scripts) Setup(env *testscript.Env) error {
	c, err := start(options{listener: Plaintext, broker: scriptBroker()}, nil)
	if err != nil {
		return err
	}
	s.put(env.WorkDir, c)
	env.Defer(func() {
		if err := s.take(env.WorkDir).stop(); err != nil {
			env.T().Log("clean up after the script: ", err)
		}
	})
	env.Setenv("BROKERS", strings.Join(c.Brokers, ","))
	env.Setenv("PREFIX", c.Prefix)
	env.Setenv("ADMIN_USER", Admin)
	env.Setenv("ADMIN_PASSWORD", AdminPassword)
	env.Setenv("ALICE_USER", Alice)
	env.Setenv("ALICE_PASSWORD", AlicePassword)
	return nil
}

// Condition answers [kfake], [kafka] (a real one) and [kafka4], [kafka3],
// [kafka2] (a real one of that major version), [nodes3] (a real one of three
// brokers). An unknown condition is an error.
func (s *Scripts) Condition(cond string) (bool, error) {
	version := "kfake"
	if Real() != nil {
		version = os.Getenv("WEIR_TEST_VERSION")
	}
	switch cond {
	case "kfake":
		return version == "kfake", nil
	case "kafka":
		return version != "kfake", nil
	case "nodes3":
		return version != "kfake" && os.Getenv("WEIR_TEST_NODES") == "3", nil
	case "kafka2", "kafka3", "kafka4":
		return strings.HasPrefix(version, strings.TrimPrefix(cond, "kafka")+"."), nil
	}
	return false, fmt.Errorf("unknown condition %q", cond)
}

// Commands returns the command "kafka", which makes fixtures behind weir's back:
//
//	kafka topic NAME [-p PARTITIONS] [-r REPLICATION] [-c KEY=VALUE]...
//	kafka produce [-json] [-k] [-P PARTITION] [-n TIMES] TOPIC FILE
//	      one record a line; -k: KEY|VALUE; -json: objects with key, value,
//	      key_b64, value_b64, partition, timestamp_ms, headers ([[name, value],
//	      [name, {"b64": ...}]]); a missing or null key or value is null
//	kafka commit GROUP TOPIC PARTITION OFFSET
//	kafka consume [-as SORT] GROUP TOPIC COUNT      read, commit and leave
//	kafka join [-as SORT] [-i INSTANCE] GROUP TOPIC...
//	      a live member until the script ends; SORT is classic, consumer (KIP-848) or share; -i makes it static
//	kafka leave GROUP                  its member closes; a static one is not missed for a while
//	kafka crash GROUP                  its member dies without a word
//	kafka state GROUP STATE            waits until the group is in that state
//	kafka delete TOPIC...
//	kafka config TOPIC KEY=VALUE...
//	kafka acl allow|deny PRINCIPAL OPERATION topic|group|cluster|txn:NAME[*]
//	kafka listener PLAINTEXT|SASL_PLAINTEXT|SSL|SASL_SSL
//	      sets BROKERS and, with TLS, TLS_DIR; an embedded broker starts afresh
//	kafka fault [-top] [-topic T] [-group G] [-n TIMES] REQUEST ERROR
//	      (embedded only) answer requests of that name with a Kafka error, until
//	      the script ends or as often as -n says; -top: as the whole answer
//	kafka stop [REQUEST]               (embedded only) the broker goes away, at once or
//	      without an answer when the first request of that name comes
//	kafka freeport NAME                sets NAME to the first of three free ports
//	kafka await HOST:PORT              waits until somebody listens there
//
// Names are taken as they stand: write $PREFIX before them.
func (s *Scripts) Commands() map[string]func(ts *testscript.TestScript, neg bool, args []string) {
	return map[string]func(ts *testscript.TestScript, neg bool, args []string){
		"kafka": func(ts *testscript.TestScript, neg bool, args []string) {
			if len(args) == 0 {
				ts.Fatalf("usage: kafka COMMAND ...")
			}
			run, ok := verbs()[args[0]]
			if !ok {
				ts.Fatalf("kafka: unknown command %q", args[0])
			}
			err := run(&call{scripts: s, ts: ts, cluster: s.get(ts.Getenv("WORK")), args: args[1:]})
			switch {
			case err != nil && !neg:
				ts.Fatalf("kafka %s: %v", args[0], err)
			case err == nil && neg:
				ts.Fatalf("kafka %s: succeeded, want failure", args[0])
			}
		},
	}
}

// scriptBroker has the authorizer on, as a real test cluster has.
func scriptBroker() broker.Config { return broker.Config{ACLs: true} }

func (s *Scripts) put(dir string, c *Cluster) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.clusters == nil {
		s.clusters = make(map[string]*Cluster)
	}
	s.clusters[dir] = c
}

func (s *Scripts) get(dir string) *Cluster {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.clusters[dir]
}

func (s *Scripts) take(dir string) *Cluster {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.clusters[dir]
	delete(s.clusters, dir)
	return c
}

// call is one use of the command in a script.
type call struct {
	scripts *Scripts
	ts      *testscript.TestScript
	cluster *Cluster
	args    []string
}

var errUsage = errors.New("wrong arguments")

func verbs() map[string]func(*call) error {
	return map[string]func(*call) error{
		"topic":    (*call).topic,
		"produce":  (*call).produce,
		"commit":   (*call).commit,
		"consume":  (*call).consume,
		"join":     (*call).join,
		"leave":    (*call).leave,
		"crash":    (*call).crash,
		"state":    (*call).state,
		"delete":   (*call).delete,
		"config":   (*call).config,
		"acl":      (*call).acl,
		"listener": (*call).listener,
		"fault":    (*call).fault,
		"stop":     (*call).stop,
		"freeport": (*call).freeport,
		"await":    (*call).await,
	}
}

// flags parses the flags of one command wherever they stand among the arguments.
func (k *call) flags(define func(*flag.FlagSet)) ([]string, error) {
	fs := flag.NewFlagSet("kafka", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	define(fs)
	var rest []string
	for args := k.args; ; {
		if err := fs.Parse(args); err != nil {
			return nil, err
		}
		if fs.NArg() == 0 {
			return rest, nil
		}
		rest, args = append(rest, fs.Arg(0)), fs.Args()[1:]
	}
}

func (k *call) topic() error {
	partitions, replication := 1, 1
	var configs []string
	names, err := k.flags(func(fs *flag.FlagSet) {
		fs.IntVar(&partitions, "p", 1, "")
		fs.IntVar(&replication, "r", 1, "")
		fs.Func("c", "", func(v string) error { configs = append(configs, v); return nil })
	})
	if err != nil {
		return err
	}
	if len(names) == 0 {
		return errUsage
	}
	for _, n := range names {
		if err := k.cluster.createTopic(n, partitions, replication, configs); err != nil {
			return err
		}
	}
	return nil
}

func (k *call) produce() error {
	var asJSON, keyed bool
	partition, times := 0, 1
	args, err := k.flags(func(fs *flag.FlagSet) {
		fs.BoolVar(&asJSON, "json", false, "")
		fs.BoolVar(&keyed, "k", false, "")
		fs.IntVar(&partition, "P", 0, "")
		fs.IntVar(&times, "n", 1, "")
	})
	if err != nil {
		return err
	}
	if len(args) != 2 {
		return errUsage
	}
	var all []*kgo.Record
	lines := strings.Split(strings.TrimSuffix(k.ts.ReadFile(args[1]), "\n"), "\n")
	for range times {
		for i, line := range lines {
			r, err := record(line, asJSON, keyed)
			if err != nil {
				return fmt.Errorf("%s:%d: %w", args[1], i+1, err)
			}
			r.Topic = args[0]
			if r.Partition < 0 {
				r.Partition = int32(partition)
			}
			all = append(all, r)
		}
	}
	return k.cluster.produce(all...)
}

// record decodes a line; partition -1 means that the line does not say.
func record(line string, asJSON, keyed bool) (*kgo.Record, error) {
	r := &kgo.Record{Partition: -1}
	switch {
	case asJSON:
		return r, decodeRecord(line, r)
	case keyed:
		key, value, ok := strings.Cut(line, "|")
		if !ok {
			return nil, errors.New("no | between key and value")
		}
		r.Key, r.Value = []byte(key), []byte(value)
	default:
		r.Value = []byte(line)
	}
	return r, nil
}

func decodeRecord(line string, r *kgo.Record) error {
	var in struct {
		Key         *string              `json:"key"`
		KeyB64      []byte               `json:"key_b64"`
		Value       *string              `json:"value"`
		ValueB64    []byte               `json:"value_b64"`
		Partition   *int32               `json:"partition"`
		TimestampMs int64                `json:"timestamp_ms"`
		Headers     [][2]json.RawMessage `json:"headers"`
	}
	dec := json.NewDecoder(strings.NewReader(line))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&in); err != nil {
		return err
	}
	r.Key, r.Value = in.KeyB64, in.ValueB64
	if in.Key != nil {
		r.Key = []byte(*in.Key)
	}
	if in.Value != nil {
		r.Value = []byte(*in.Value)
	}
	if in.Partition != nil {
		r.Partition = *in.Partition
	}
	if in.TimestampMs != 0 {
		r.Timestamp = time.UnixMilli(in.TimestampMs)
	}
	for _, h := range in.Headers {
		var key string
		if err := json.Unmarshal(h[0], &key); err != nil {
			return fmt.Errorf("header name: %w", err)
		}
		value, err := headerValue(h[1])
		if err != nil {
			return fmt.Errorf("header %s: %w", key, err)
		}
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: key, Value: value})
	}
	return nil
}

// headerValue decodes "text", {"b64": "..."} or null.
func headerValue(raw json.RawMessage) ([]byte, error) {
	var text *string
	if err := json.Unmarshal(raw, &text); err == nil {
		if text == nil {
			return nil, nil
		}
		return []byte(*text), nil
	}
	var b struct {
		B64 string `json:"b64"`
	}
	if err := json.Unmarshal(raw, &b); err != nil {
		return nil, err
	}
	return base64.StdEncoding.DecodeString(b.B64)
}

func (k *call) commit() error {
	if len(k.args) != 4 {
		return errUsage
	}
	p, err := strconv.ParseInt(k.args[2], 10, 32)
	if err != nil {
		return err
	}
	offset, err := strconv.ParseInt(k.args[3], 10, 64)
	if err != nil {
		return err
	}
	return k.cluster.commit(k.args[0], k.args[1], int32(p), offset)
}

func (k *call) consume() error {
	var sort memberSort
	args, err := k.flags(func(fs *flag.FlagSet) { fs.StringVar(&sort.kind, "as", "", "") })
	if err != nil {
		return err
	}
	if len(args) != 3 {
		return errUsage
	}
	n, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	return k.cluster.consume(args[0], sort, args[1], n)
}

func (k *call) join() error {
	var sort memberSort
	args, err := k.flags(func(fs *flag.FlagSet) {
		fs.StringVar(&sort.kind, "as", "", "")
		fs.StringVar(&sort.instance, "i", "", "")
	})
	if err != nil {
		return err
	}
	if len(args) < 2 {
		return errUsage
	}
	m, err := k.cluster.enter(args[0], sort, args[1:]...)
	if err != nil {
		return err
	}
	if k.cluster.members == nil {
		k.cluster.members = map[string]*member{}
	}
	k.cluster.members[args[0]] = m
	k.ts.Defer(m.client.Close)
	return nil
}

// member is the one that join made in the group of the first argument.
func (k *call) member() (*member, error) {
	if len(k.args) != 1 {
		return nil, errUsage
	}
	m := k.cluster.members[k.args[0]]
	if m == nil {
		return nil, fmt.Errorf("no member of %s was made by kafka join", k.args[0])
	}
	return m, nil
}

func (k *call) leave() error {
	m, err := k.member()
	if err == nil {
		m.client.Close()
	}
	return err
}

func (k *call) crash() error {
	m, err := k.member()
	if err == nil {
		m.life.Cut()
	}
	return err
}

func (k *call) state() error {
	if len(k.args) != 2 {
		return errUsage
	}
	return k.cluster.state(k.args[0], k.args[1])
}

func (k *call) listener() error {
	if len(k.args) != 1 {
		return errUsage
	}
	l := Listener(k.args[0])
	if !slices.Contains([]Listener{Plaintext, SASL, SSL, SASLSSL}, l) {
		return fmt.Errorf("unknown listener %q", l)
	}
	work := k.ts.Getenv("WORK")
	dir := func() string { return filepath.Join(work, ".tls") }
	if err := os.MkdirAll(dir(), 0o700); err != nil {
		return err
	}
	c, err := start(options{listener: l, broker: scriptBroker()}, dir)
	if err != nil {
		return err
	}
	// What the script has made under its old prefix is still swept at the end.
	c.Prefix, c.granted = k.cluster.Prefix, k.cluster.granted
	if k.cluster.admin != nil {
		k.cluster.admin.Close()
	}
	if k.cluster.embedded != nil {
		k.cluster.embedded.Close()
	}
	k.scripts.put(work, c)
	k.ts.Setenv("BROKERS", strings.Join(c.Brokers, ","))
	k.ts.Setenv("TLS_DIR", c.TLSDir)
	return nil
}

func (k *call) stop() error {
	if k.cluster.embedded == nil {
		return errors.New("a real cluster is not stopped by a script")
	}
	if len(k.args) == 0 {
		k.cluster.embedded.Close()
		return nil
	}
	keys := requestKeys(k.args[0])
	if len(keys) == 0 {
		return fmt.Errorf("unknown request %q", k.args[0])
	}
	b, once := k.cluster.embedded, new(sync.Once)
	b.Cluster().ControlKey(keys[0], func(kmsg.Request) (kmsg.Response, error, bool) {
		b.Cluster().KeepControl()
		// The cluster waits for its handlers when it closes, and this is one.
		once.Do(func() { go b.Close() })
		return nil, errors.New("the broker went away"), true
	})
	return nil
}

func (k *call) freeport() error {
	if len(k.args) != 1 {
		return errUsage
	}
	port, err := threeFreePorts()
	if err != nil {
		return err
	}
	k.ts.Setenv(k.args[0], strconv.Itoa(port))
	return nil
}

// threeFreePorts returns the first of three neighbours that nobody listens on.
func threeFreePorts() (int, error) {
	for range 100 {
		first := 20000 + rand.IntN(12000)
		if free(first) && free(first+1) && free(first+2) {
			return first, nil
		}
	}
	return 0, errors.New("no three free ports found")
}

func free(port int) bool {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return false
	}
	return l.Close() == nil
}

func (k *call) await() error {
	if len(k.args) != 1 {
		return errUsage
	}
	return wait("a listener on "+k.args[0], func(ctx context.Context) (bool, error) {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", k.args[0])
		if err != nil {
			return false, err
		}
		return true, c.Close()
	})
}
