package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/internal/kafkatest"
)

// rights performs one request per operation as a user and reports whether the broker
// let it pass: what it answers besides, a missing group or an empty batch, comes after
// the check.
type rights struct {
	t      *testing.T
	user   *cluster.Conn
	topics kadm.TopicDetails // as the administrator sees them
}

func allowed(err error) (bool, error) {
	switch {
	case errors.Is(err, kerr.TopicAuthorizationFailed), errors.Is(err, kerr.GroupAuthorizationFailed),
		errors.Is(err, kerr.ClusterAuthorizationFailed), errors.Is(err, kerr.TransactionalIDAuthorizationFailed):
		return false, nil
	}
	if _, ok := errors.AsType[*kerr.Error](err); ok || err == nil {
		return true, nil
	}
	return false, err // no answer at all
}

func (r *rights) ask(op kmsg.ACLOperation, res cluster.ACLResource) (bool, error) {
	ctx, cancel := context.WithTimeout(r.t.Context(), 10*time.Second)
	defer cancel()
	switch res.Type {
	case kmsg.ACLResourceTypeTopic:
		return allowed(r.topic(ctx, op, res.Name))
	case kmsg.ACLResourceTypeGroup:
		return allowed(r.group(ctx, op, res.Name))
	case kmsg.ACLResourceTypeCluster:
		return allowed(r.cluster(ctx, op))
	}
	return false, fmt.Errorf("no request for %s", res)
}

func (r *rights) topic(ctx context.Context, op kmsg.ACLOperation, name string) error {
	any, lead := r.user.Client, r.user.Client.Broker(int(r.topics[name].Partitions[0].Leader))
	switch op {
	case kmsg.ACLOperationDescribe:
		req := kmsg.NewPtrMetadataRequest()
		topic := kmsg.NewMetadataRequestTopic()
		topic.Topic = &name
		req.Topics = []kmsg.MetadataRequestTopic{topic}
		resp, err := lead.Request(ctx, req)
		if err != nil {
			return err
		}
		return kerr.ErrorForCode(resp.(*kmsg.MetadataResponse).Topics[0].ErrorCode)
	case kmsg.ACLOperationRead:
		req := kmsg.NewPtrFetchRequest()
		req.ReplicaID, req.MaxBytes = -1, 1<<20
		p := kmsg.NewFetchRequestTopicPartition()
		p.PartitionMaxBytes, p.CurrentLeaderEpoch = 1<<20, -1
		topic := kmsg.NewFetchRequestTopic()
		topic.Topic, topic.Partitions = name, []kmsg.FetchRequestTopicPartition{p}
		topic.TopicID = r.topics[name].ID // by id since version 13
		req.Topics = []kmsg.FetchRequestTopic{topic}
		resp, err := lead.Request(ctx, req)
		if err != nil {
			return err
		}
		return kerr.ErrorForCode(resp.(*kmsg.FetchResponse).Topics[0].Partitions[0].ErrorCode)
	case kmsg.ACLOperationWrite:
		cl, err := r.user.NewClient(kgo.DisableIdempotentWrite(), kgo.RequiredAcks(kgo.LeaderAck()), kgo.RecordPartitioner(kgo.ManualPartitioner()))
		if err != nil {
			return err
		}
		defer cl.Close()
		return cl.ProduceSync(ctx, &kgo.Record{Topic: name, Value: []byte("x")}).FirstErr()
	case kmsg.ACLOperationDelete:
		req := kmsg.NewPtrDeleteRecordsRequest()
		req.TimeoutMillis = 5000
		topic := kmsg.NewDeleteRecordsRequestTopic()
		topic.Topic, topic.Partitions = name, []kmsg.DeleteRecordsRequestTopicPartition{kmsg.NewDeleteRecordsRequestTopicPartition()}
		req.Topics = []kmsg.DeleteRecordsRequestTopic{topic}
		resp, err := lead.Request(ctx, req)
		if err != nil {
			return err
		}
		return kerr.ErrorForCode(resp.(*kmsg.DeleteRecordsResponse).Topics[0].Partitions[0].ErrorCode)
	case kmsg.ACLOperationAlter:
		req := kmsg.NewPtrCreatePartitionsRequest()
		req.TimeoutMillis, req.ValidateOnly = 5000, true
		topic := kmsg.NewCreatePartitionsRequestTopic()
		topic.Topic, topic.Count = name, 2
		req.Topics = []kmsg.CreatePartitionsRequestTopic{topic}
		resp, err := req.RequestWith(ctx, any)
		if err != nil {
			return err
		}
		return kerr.ErrorForCode(resp.Topics[0].ErrorCode)
	case kmsg.ACLOperationCreate:
		return r.create(ctx, name+"-new")
	case kmsg.ACLOperationDescribeConfigs:
		req := kmsg.NewPtrDescribeConfigsRequest()
		res := kmsg.NewDescribeConfigsRequestResource()
		res.ResourceType, res.ResourceName = kmsg.ConfigResourceTypeTopic, name
		req.Resources = []kmsg.DescribeConfigsRequestResource{res}
		resp, err := req.RequestWith(ctx, any)
		if err != nil {
			return err
		}
		return kerr.ErrorForCode(resp.Resources[0].ErrorCode)
	case kmsg.ACLOperationAlterConfigs:
		req := kmsg.NewPtrIncrementalAlterConfigsRequest()
		req.ValidateOnly = true
		res := kmsg.NewIncrementalAlterConfigsRequestResource()
		res.ResourceType, res.ResourceName = kmsg.ConfigResourceTypeTopic, name
		c := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
		c.Name, c.Value = "retention.ms", new("1000")
		res.Configs = []kmsg.IncrementalAlterConfigsRequestResourceConfig{c}
		req.Resources = []kmsg.IncrementalAlterConfigsRequestResource{res}
		resp, err := req.RequestWith(ctx, any)
		if err != nil {
			return err
		}
		return kerr.ErrorForCode(resp.Resources[0].ErrorCode)
	}
	return fmt.Errorf("no request for %s", op)
}

func (r *rights) create(ctx context.Context, name string) error {
	req := kmsg.NewPtrCreateTopicsRequest()
	req.TimeoutMillis, req.ValidateOnly = 5000, true
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, 1, 1
	req.Topics = []kmsg.CreateTopicsRequestTopic{topic}
	resp, err := req.RequestWith(ctx, r.user.Client)
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(resp.Topics[0].ErrorCode)
}

func (r *rights) group(ctx context.Context, op kmsg.ACLOperation, name string) error {
	switch op {
	case kmsg.ACLOperationRead:
		req := kmsg.NewPtrHeartbeatRequest()
		req.Group, req.MemberID = name, "nobody"
		resp, err := req.RequestWith(ctx, r.user.Client)
		if err != nil {
			return err
		}
		return kerr.ErrorForCode(resp.ErrorCode)
	case kmsg.ACLOperationDescribe:
		req := kmsg.NewPtrDescribeGroupsRequest()
		req.Groups = []string{name}
		resp, err := req.RequestWith(ctx, r.user.Client)
		if err != nil {
			return err
		}
		return kerr.ErrorForCode(resp.Groups[0].ErrorCode)
	case kmsg.ACLOperationDelete:
		req := kmsg.NewPtrDeleteGroupsRequest()
		req.Groups = []string{name}
		resp, err := req.RequestWith(ctx, r.user.Client)
		if err != nil {
			return err
		}
		return kerr.ErrorForCode(resp.Groups[0].ErrorCode)
	}
	return fmt.Errorf("no request for %s", op)
}

func (r *rights) cluster(ctx context.Context, op kmsg.ACLOperation) error {
	switch op {
	case kmsg.ACLOperationDescribe:
		_, err := r.user.ACLs(ctx)
		return err
	case kmsg.ACLOperationAlter:
		req := kmsg.NewPtrDeleteACLsRequest()
		f := kmsg.NewDeleteACLsRequestFilter()
		none := "no-such-topic-anywhere"
		f.ResourceType, f.ResourceName, f.Operation, f.PermissionType = kmsg.ACLResourceTypeTopic, &none, kmsg.ACLOperationRead, kmsg.ACLPermissionTypeAllow
		req.Filters = []kmsg.DeleteACLsRequestFilter{f}
		resp, err := req.RequestWith(ctx, r.user.Client)
		if err != nil {
			return err
		}
		return kerr.ErrorForCode(resp.Results[0].ErrorCode)
	case kmsg.ACLOperationIdempotentWrite:
		req := kmsg.NewPtrInitProducerIDRequest()
		req.TransactionTimeoutMillis = 1000
		req.ProducerID, req.ProducerEpoch = -1, -1
		resp, err := req.RequestWith(ctx, r.user.Client)
		if err != nil {
			return err
		}
		return kerr.ErrorForCode(resp.ErrorCode)
	}
	return fmt.Errorf("no request for %s", op)
}

// TestBrokerAgrees grants rows, performs the requests and compares what the broker did
// with what Can says. It runs against the embedded broker, or a real one.
func TestBrokerAgrees(t *testing.T) {
	k := kafkatest.Start(t, kafkatest.On(kafkatest.SASL))
	admin := k.Admin()
	one, two := k.Topic("one", 1), k.Topic("two", 1)
	user := asAlice(t, k)
	me := "User:" + kafkatest.Alice
	topics, err := admin.ListTopics(t.Context(), one, two)
	if err != nil {
		t.Fatal(err)
	}
	r := &rights{t, user, topics}

	allow, deny := kmsg.ACLPermissionTypeAllow, kmsg.ACLPermissionTypeDeny
	topicRow := func(p kmsg.ACLPermissionType, op kmsg.ACLOperation, who, name string, prefixed bool) cluster.ACLRow {
		row := aclRow(who, op, name)
		if row.Permission = p; prefixed {
			row.PatternType = kmsg.ACLResourcePatternTypePrefixed
		}
		return row
	}
	groupRow := func(p kmsg.ACLPermissionType, op kmsg.ACLOperation, name string) cluster.ACLRow {
		row := topicRow(p, op, me, name, false)
		row.ResourceType = kmsg.ACLResourceTypeGroup
		return row
	}
	clusterRow := func(p kmsg.ACLPermissionType, op kmsg.ACLOperation) cluster.ACLRow {
		row := topicRow(p, op, me, cluster.ClusterName, false)
		row.ResourceType = kmsg.ACLResourceTypeCluster
		return row
	}
	read, write, all := kmsg.ACLOperationRead, kmsg.ACLOperationWrite, kmsg.ACLOperationAll
	sets := map[string][]cluster.ACLRow{
		"read":                 {topicRow(allow, read, me, one, false)},
		"write":                {topicRow(allow, write, me, one, false)},
		"delete":               {topicRow(allow, kmsg.ACLOperationDelete, me, one, false)},
		"alter":                {topicRow(allow, kmsg.ACLOperationAlter, me, one, false)},
		"alter-configs":        {topicRow(allow, kmsg.ACLOperationAlterConfigs, me, one, false)},
		"prefix":               {topicRow(allow, all, me, k.Prefix, true)},
		"prefix but one":       {topicRow(allow, all, me, k.Prefix, true), topicRow(deny, read, me, one, false)},
		"literal under a DENY": {topicRow(allow, all, me, one, false), topicRow(deny, write, "User:*", k.Prefix, true)},
		"another user":         {topicRow(allow, all, "User:other", one, false)},
		"another host": {func() cluster.ACLRow {
			row := topicRow(allow, all, me, one, false)
			row.Host = "10.255.0.1"
			return row
		}()},
		"create by prefix":       {topicRow(allow, kmsg.ACLOperationCreate, me, k.Prefix, true)},
		"create on the cluster":  {clusterRow(allow, kmsg.ACLOperationCreate), topicRow(deny, kmsg.ACLOperationCreate, me, k.Prefix, true)},
		"group":                  {groupRow(allow, read, k.Name("g"))},
		"group, DENY":            {groupRow(allow, all, k.Name("g")), groupRow(deny, kmsg.ACLOperationDelete, k.Name("g"))},
		"cluster":                {clusterRow(allow, kmsg.ACLOperationAlter)},
		"idempotent, by cluster": {clusterRow(allow, kmsg.ACLOperationIdempotentWrite)},
	}
	type question struct {
		op  kmsg.ACLOperation
		res cluster.ACLResource
	}
	var questions []question
	for _, op := range cluster.ACLOperationsOf(kmsg.ACLResourceTypeTopic) {
		questions = append(questions, question{op, cluster.ACLResource{Type: kmsg.ACLResourceTypeTopic, Name: one}})
	}
	questions = append(questions, question{read, cluster.ACLResource{Type: kmsg.ACLResourceTypeTopic, Name: two}})
	for _, op := range []kmsg.ACLOperation{read, kmsg.ACLOperationDescribe, kmsg.ACLOperationDelete} {
		questions = append(questions, question{op, cluster.ACLResource{Type: kmsg.ACLResourceTypeGroup, Name: k.Name("g")}})
	}
	for _, op := range []kmsg.ACLOperation{kmsg.ACLOperationDescribe, kmsg.ACLOperationAlter, kmsg.ACLOperationIdempotentWrite} {
		questions = append(questions, question{op, cluster.ACLResource{Type: kmsg.ACLResourceTypeCluster, Name: cluster.ClusterName}})
	}
	boss := dialAdmin(t, k)
	asked, yes := 0, 0
	for name, rows := range sets {
		t.Run(name, func(t *testing.T) {
			change, err := cluster.PlanGrant(nil, rows)
			if err != nil {
				t.Fatal(err)
			}
			if err := boss.CreateACLs(t.Context(), change); err != nil {
				t.Fatal(err)
			}
			defer func() {
				gone := cluster.PlanRevoke(rows, rows)
				if err := boss.DeleteACLs(context.WithoutCancel(t.Context()), gone); err != nil {
					t.Error(err)
				}
				if _, err := boss.ACLsSettled(context.WithoutCancel(t.Context()), gone); err != nil {
					t.Error(err)
				}
			}()
			if shown, err := boss.ACLsSettled(t.Context(), change); err != nil || !shown {
				t.Fatal(shown, err)
			}
			set := cluster.NewACLSet(rows, cluster.ACLAssumptions{})
			for _, q := range questions {
				asker := q.res
				if q.op == kmsg.ACLOperationCreate {
					asker.Name += "-new"
				}
				want := set.Can(me, "127.0.0.1", q.op, asker).Allowed
				got, err := r.ask(q.op, q.res)
				if err != nil {
					t.Fatalf("%s on %s: %v", q.op, q.res, err)
				}
				if asked++; got {
					yes++
				}
				if embeddedDiffers(name, q.op, q.res.Type) {
					continue
				}
				if got != want {
					t.Errorf("%s on %s: the broker says %v, Can says %v", q.op, q.res, got, want)
				}
			}
		})
	}
	t.Logf("%d requests, %d allowed", asked, yes)
	if asked < 60 || yes == 0 || yes == asked {
		t.Errorf("%d requests, %d allowed: not worth the test", asked, yes)
	}
}

// embeddedDiffers names what the embedded broker does not check as Apache Kafka does: a
// heartbeat of an unknown group, and a prefixed DENY over the idempotent producer.
func embeddedDiffers(set string, op kmsg.ACLOperation, typ kmsg.ACLResourceType) bool {
	return kafkatest.Real() == nil && (typ == kmsg.ACLResourceTypeGroup && op == kmsg.ACLOperationRead ||
		op == kmsg.ACLOperationIdempotentWrite && set == "literal under a DENY")
}

func dialAdmin(t *testing.T, k *kafkatest.Cluster) *cluster.Conn {
	t.Helper()
	c, err := cluster.Open(t.Context(), cluster.Profile{
		Brokers: k.Brokers, SecurityProtocol: cluster.SASLPlaintext,
		SASL: cluster.SASL{Mechanism: cluster.Scram512, Username: kafkatest.Admin, Password: cluster.SecretFromEnv("PW")},
	}, cluster.Options{Getenv: func(string) (string, bool) { return kafkatest.AdminPassword, true }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}
