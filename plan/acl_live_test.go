package plan

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/weirhq/weir/catalog"
	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/demo"
	"github.com/weirhq/weir/examples"
	"github.com/weirhq/weir/internal/kafkatest"
)

// livePassword is the password of every account the live test makes.
const livePassword = "live-test-secret"

// shopCatalog is the example's catalog behind the test's prefix, on one replica.
func shopCatalog(t *testing.T, prefix string) *catalog.Catalog {
	t.Helper()
	names := []string{
		"groupId: {type: string, const: ", "groupId: {type: string, const: " + prefix,
		"x-principal: User:", "x-principal: User:" + prefix,
		"replicas: 3", "replicas: 1",
		"min.insync.replicas: 2", "min.insync.replicas: 1",
	}
	for _, topic := range []string{demo.Orders, demo.Payments, demo.Shipments} {
		names = append(names, topic, prefix+topic)
	}
	r := strings.NewReplacer(names...)
	out := fstest.MapFS{}
	err := fs.WalkDir(examples.Orders(), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		b, err := fs.ReadFile(examples.Orders(), path)
		out[path] = &fstest.MapFile{Data: []byte(r.Replace(string(b)))}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	c, err := catalog.Load(t.Context(), catalog.Options{FS: out})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// account makes a SCRAM account and returns a way in for it.
func account(t *testing.T, k *kafkatest.Cluster, name string) demo.Client {
	t.Helper()
	r, err := k.Admin().AlterUserSCRAMs(t.Context(), nil, []kadm.UpsertSCRAM{{User: name, Mechanism: kadm.ScramSha512, Iterations: 4096, Password: livePassword}})
	if err == nil {
		err = r.Error()
	}
	if err != nil {
		t.Fatalf("make account %s: %v", name, err)
	}
	t.Cleanup(func() {
		_, _ = k.Admin().AlterUserSCRAMs(context.Background(), []kadm.DeleteSCRAM{{User: name, Mechanism: kadm.ScramSha512}}, nil)
	})
	return func(opts ...kgo.Opt) (*kgo.Client, error) {
		base := []kgo.Opt{
			kgo.SeedBrokers(k.Brokers...), kgo.MetadataMinAge(20 * time.Millisecond), kgo.RetryTimeout(3 * time.Second),
			kgo.SASL(scram.Auth{User: name, Pass: livePassword}.AsSha512Mechanism()),
		}
		// A record that may not be written must not be waited for.
		return kgo.NewClient(append(append(base, opts...), kgo.RecordDeliveryTimeout(10*time.Second))...)
	}
}

// The rights that the catalog derives are enough for the shop's programs, and none of
// them is too much: without it, the thing it is for fails.
func TestDerivedRightsAreExact(t *testing.T) {
	k := kafkatest.Start(t, kafkatest.On(kafkatest.SASL))
	conn, err := cluster.Open(t.Context(), cluster.Profile{
		Brokers: k.Brokers, SecurityProtocol: cluster.SASLPlaintext,
		SASL: cluster.SASL{Mechanism: cluster.Scram512, Username: kafkatest.Admin, Password: cluster.SecretFromEnv("PW")},
	}, cluster.Options{Getenv: func(string) (string, bool) { return kafkatest.AdminPassword, true }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	prefix := k.Prefix
	d := Want(shopCatalog(t, prefix), Scope{Prefixes: []string{prefix}})
	p := diff(t, conn, d, Options{MaxDeletes: -1})
	r, err := p.Apply(t.Context(), conn, nil, nil)
	if err != nil || r.Done != len(p.Pending()) {
		t.Fatalf("apply: %v, %+v", err, r)
	}
	if again := diff(t, conn, d, Options{MaxDeletes: -1}); !again.Empty() {
		t.Fatalf("after apply: %+v", again.Pending())
	}
	clients := map[string]demo.Client{}
	for _, name := range []string{"orders", "shipping", demo.Billing, demo.Notify} {
		clients[name] = account(t, k, prefix+name)
	}
	// Of five orders two are poison. A group reads all that it has not read, or it might
	// meet nothing but poison.
	unread := map[string]int64{}
	produce := func(ctx context.Context) error {
		r, err := demo.Produce(ctx, demo.ProduceConfig{Client: clients["orders"], Prefix: prefix, Count: 5, Poison: 0.4, Seed: 1, Now: time.Now})
		unread[demo.Billing] += r.Orders
		unread[demo.Notify] += r.Orders
		if err == nil && !r.ShipmentsDenied {
			return errors.New("the orders application could write shipments")
		}
		return err
	}
	consume := func(group string) func(context.Context) error {
		return func(ctx context.Context) error {
			r, err := demo.Consume(ctx, demo.ConsumeConfig{Client: clients[group], Group: group, Prefix: prefix, Count: unread[group], Seed: 1, Now: time.Now})
			unread[group] -= r.Consumed
			return err
		}
	}
	run := func(what func(context.Context) error, limit time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		return what(ctx)
	}
	programs := map[string]func(context.Context) error{"orders": produce, demo.Billing: consume(demo.Billing), demo.Notify: consume(demo.Notify), "shipping": write(clients["shipping"], prefix+demo.Shipments)}
	all := func() {
		t.Helper()
		for _, name := range []string{"orders", "shipping", demo.Billing, demo.Notify} {
			if err := run(programs[name], 30*time.Second); err != nil {
				t.Fatalf("%s with all its rights: %v", name, err)
			}
		}
	}
	all()
	for _, right := range d.ACLs {
		t.Run(right.Row.Principal[len("User:"+prefix):]+" "+right.Row.Operation.String()+" "+right.Row.ResourceName[len(prefix):], func(t *testing.T) {
			name := right.Row.Principal[len("User:"+prefix):]
			program := programs[name]
			if name == demo.Notify && strings.HasSuffix(right.Row.ResourceName, ".dlt") {
				// Nothing is poison for notifications, so its dead letter is written by hand.
				program = write(clients[name], right.Row.ResourceName)
				if err := run(program, 30*time.Second); err != nil {
					t.Fatalf("a dead letter with all rights: %v", err)
				}
			}
			if name == demo.Billing || name == demo.Notify {
				if err := run(produce, 30*time.Second); err != nil {
					t.Fatal(err)
				}
			}
			without := &cluster.ACLChange{Steps: []cluster.ACLStep{{ACLRow: right.Row, Status: cluster.ACLPlanned}}}
			if err := conn.DeleteACLs(t.Context(), without); err != nil {
				t.Fatal(err)
			}
			if _, err := conn.ACLsSettled(t.Context(), without); err != nil {
				t.Fatal(err)
			}
			// What is missing shows as drift, too.
			if p := diff(t, conn, d, Options{MaxDeletes: -1}); len(p.Pending()) != 1 || *p.Pending()[0].ACL != right.Row {
				t.Errorf("the plan is %+v, want the missing right", p.Pending())
			}
			err := run(program, 20*time.Second)
			want := map[kmsg.ACLResourceType][]string{
				kmsg.ACLResourceTypeTopic: {"TOPIC_AUTHORIZATION_FAILED", "not authorised on Topic"},
				kmsg.ACLResourceTypeGroup: {"GROUP_AUTHORIZATION_FAILED", "not authorised on Group"},
			}[right.Row.ResourceType]
			if err == nil || !containsAny(err.Error(), want) {
				t.Errorf("%s without %v: %v, want one of %q", name, right.Row, err, want)
			}
			with := &cluster.ACLChange{Steps: []cluster.ACLStep{{ACLRow: right.Row, Status: cluster.ACLPlanned}}}
			if err := conn.CreateACLs(t.Context(), with); err != nil {
				t.Fatal(err)
			}
			if _, err := conn.ACLsSettled(t.Context(), with); err != nil {
				t.Fatal(err)
			}
		})
	}
	all()
}

func write(client demo.Client, topic string) func(context.Context) error {
	return func(ctx context.Context) error {
		cl, err := client()
		if err != nil {
			return err
		}
		defer cl.Close()
		return cl.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: []byte("{}")}).FirstErr()
	}
}

func containsAny(s string, parts []string) bool {
	for _, p := range parts {
		if strings.Contains(s, p) {
			return true
		}
	}
	return false
}
