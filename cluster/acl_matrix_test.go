package cluster

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// TestRandomRights makes random rows on a real broker, performs random requests as
// several users from several addresses and compares what the broker did with Can,
// WhoCan and WhatCan. Its rows reach everything, so it wants a cluster of its own: it
// runs when WEIR_TEST_ACL_MATRIX names a number of sets of rows.
// WEIR_TEST_ALLOW_EVERYONE says that the broker sets allow.everyone.if.no.acl.found,
// WEIR_TEST_SASL6_BROKER names a listener on an IPv6 address.
func TestRandomRights(t *testing.T) {
	sets, _ := strconv.Atoi(os.Getenv("WEIR_TEST_ACL_MATRIX"))
	if sets == 0 {
		return
	}
	m := newMatrix(t)
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("WEIR_TEST_SEED"); s != "" {
		seed, _ = strconv.ParseUint(s, 10, 64)
	}
	m.rand = rand.New(rand.NewPCG(seed, 6))
	asked, yes := map[string]int{}, 0
	for i := range sets {
		rows := m.rows()
		m.put(rows)
		for range 60 {
			o, ok := m.question(rows)
			if !ok {
				continue
			}
			got, err := m.ask(o)
			if err != nil {
				t.Fatalf("seed %d, set %d: %s %s on %s %s from %s: %v", seed, i, o.Principal, o.Operation, o.ResourceType, o.ResourceName, o.Host, err)
			}
			o.Allowed = got
			o.ID = fmt.Sprintf("seed %d, set %d: %s %s on %s %q from %s", seed, i, o.Principal, o.Operation, o.ResourceType, o.ResourceName, o.Host)
			if asked[o.ResourceType.String()]++; got {
				yes++
			}
			if !o.agrees(t) {
				for _, r := range rows {
					t.Logf("  %s %s", r, r.PatternType)
				}
			}
		}
		m.drop(rows)
	}
	t.Logf("seed %d: %d sets, requests %v, %d allowed", seed, sets, asked, yes)
}

// matrix is a broker with the users, topics and tokens of the random test.
type matrix struct {
	t        *testing.T
	admin    *kadm.Client
	boss     *kgo.Client
	rand     *rand.Rand
	everyone bool
	node     int
	topics   kadm.TopicDetails
	token    string               // owned by tokenOwner; empty where the broker has no tokens
	focus    kmsg.ACLResourceType // what most rows and questions of a set are about
	clients  map[asker]*kgo.Client
	hosts    []string
}

const (
	matrixPassword = "matrix-secret"
	tokenOwner     = "p6"
	sixHost        = "0:0:0:0:0:0:0:1"
)

var (
	matrixUsers  = []string{"p1", "p2", "a:b", tokenOwner}
	matrixTopics = []string{"a", "ab", "ab.c", "ab.cd", "Ab", "h", "hardcode"}
	matrixGroups = []string{"g", "gr", "gr.x", "G", "*", "*x", "é", "éa"}
	matrixTxns   = []string{"t", "tx", "tx-1", "*y"}
)

func newMatrix(t *testing.T) *matrix {
	brokers := strings.Split(os.Getenv("WEIR_TEST_SASL_BROKERS"), ",")
	name, password, _ := strings.Cut(os.Getenv("WEIR_TEST_ADMIN"), ":")
	boss, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.SASL(scram.Auth{User: name, Pass: password}.AsSha512Mechanism()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(boss.Close)
	m := &matrix{t: t, boss: boss, admin: kadm.NewClient(boss), everyone: os.Getenv("WEIR_TEST_ALLOW_EVERYONE") != "", clients: map[asker]*kgo.Client{}, hosts: []string{"127.0.0.1", "127.0.0.2"}}
	ctx := t.Context()
	meta, err := m.admin.Metadata(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if len(meta.Brokers) != 1 {
		t.Fatalf("%d brokers: rows become visible broker by broker, the test wants one", len(meta.Brokers))
	}
	m.node = int(meta.Brokers[0].NodeID)
	if _, err := m.admin.CreateTopics(ctx, 1, 1, nil, matrixTopics...); err != nil {
		t.Fatal(err)
	}
	if m.topics, err = m.admin.ListTopics(ctx, matrixTopics...); err != nil {
		t.Fatal(err)
	}
	var users []kadm.UpsertSCRAM
	for _, u := range matrixUsers {
		users = append(users, kadm.UpsertSCRAM{User: u, Mechanism: kadm.ScramSha512, Iterations: 4096, Password: matrixPassword})
	}
	if _, err := m.admin.AlterUserSCRAMs(ctx, nil, users); err != nil {
		t.Fatal(err)
	}
	owner := kadm.Principal{Type: "User", Name: tokenOwner}
	if tok, err := m.admin.CreateDelegationToken(ctx, kadm.CreateDelegationToken{Owner: &owner, MaxLifetime: time.Hour}); err == nil {
		m.token = tok.TokenID
	} else {
		t.Logf("no questions about tokens: %v", err)
	}
	for _, host := range m.hosts {
		for _, u := range matrixUsers {
			m.dial(u, host, brokers)
		}
	}
	if six := os.Getenv("WEIR_TEST_SASL6_BROKER"); six != "" {
		m.hosts = append(m.hosts, sixHost)
		for _, u := range matrixUsers {
			m.dial(u, sixHost, []string{six})
		}
	}
	left, err := m.admin.DescribeACLs(ctx, everything())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range left {
		if len(r.Described) > 0 {
			t.Fatalf("the cluster has rows of its own: %+v", r.Described[0])
		}
	}
	return m
}

func everything() *kadm.ACLBuilder {
	return kadm.NewACLs().AnyResource().Operations().Allow().AllowHosts().Deny().DenyHosts().ResourcePatternType(kadm.ACLPatternAny)
}

func (m *matrix) dial(user, host string, brokers []string) {
	local := net.ParseIP(host)
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(brokers...), kgo.SASL(scram.Auth{User: user, Pass: matrixPassword}.AsSha512Mechanism()),
		kgo.Dialer((&net.Dialer{LocalAddr: &net.TCPAddr{IP: local}}).DialContext), kgo.RequestRetries(2),
	)
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(cl.Close)
	m.clients[asker{"User:" + user, host}] = cl
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

func (m *matrix) kind() kmsg.ACLResourceType {
	if m.rand.IntN(4) > 0 {
		return m.focus
	}
	return pick(m.rand, append(aclTypes(), kmsg.ACLResourceTypeTopic)...)
}

// rows are one to seven rows that have a chance to meet.
func (m *matrix) rows() []ACLRow {
	r := m.rand
	m.focus = pick(r, append(aclTypes(), kmsg.ACLResourceTypeTopic, kmsg.ACLResourceTypeTopic, kmsg.ACLResourceTypeTopic)...)
	var out []ACLRow
	for range 1 + r.IntN(9) {
		row := ACLRow{
			Permission: pick(r, kmsg.ACLPermissionTypeAllow, kmsg.ACLPermissionTypeAllow, kmsg.ACLPermissionTypeAllow, kmsg.ACLPermissionTypeDeny),
			Principal: pick(r, "User:p1", "User:p1", "User:p1", "User:p1", "User:p1", "User:p1", "User:p2", "User:*", "User:*", "User:*", "User:a:b", "User:p6", "User:P1", "User:p*", "user:p1",
				"Group:*", "Role:p1", "User:", "User:p1 ", "User:a", "User:p1", "User:p1", "User:p1", "User:*", "User:*"),
			Host: pick(r, "*", "*", "*", "*", "*", "*", "*", "*", "*", "*", "*", "*", "*", "*", "*", "127.0.0.1", "127.0.0.2", "127.0.0.0/8", "localhost", "", "::1", sixHost, "127.0.0.01",
				"0:0:0:0:0:ffff:7f00:1", "*.0.0.1", "127.*"),
			PatternType:  pick(r, kmsg.ACLResourcePatternTypeLiteral, kmsg.ACLResourcePatternTypePrefixed),
			ResourceType: m.kind(),
		}
		switch row.ResourceType {
		case kmsg.ACLResourceTypeTopic:
			row.ResourceName = pick(r, "a", "ab", "ab.", "ab.c", "ab.cd", "A", "Ab", "*", "*", "h", "hard", "hardcode", "zz", "*a", "a*")
		case kmsg.ACLResourceTypeGroup:
			row.ResourceName = pick(r, "g", "gr", "gr.", "gr.x", "*", "G", "é", "zz", "*x")
		case kmsg.ACLResourceTypeTransactionalId:
			row.ResourceName = pick(r, "t", "tx", "tx-", "tx-1", "*", "zz")
		case kmsg.ACLResourceTypeDelegationToken:
			row.ResourceName = pick(r, "*", "zz", m.token, m.token[:min(3, len(m.token))])
		case kmsg.ACLResourceTypeUser:
			row.ResourceName = pick(r, "User:p6", "User:p1", "User:", "p6", "*", "User:p")
		default:
			row.ResourceName = ClusterName
		}
		if row.ResourceName == "" {
			row.ResourceName = AnyName
		}
		if m.rand.IntN(4) > 0 {
			row.Operation = pick(r, append(ACLOperationsOf(row.ResourceType), kmsg.ACLOperationAll, kmsg.ACLOperationAll)...)
		} else {
			row.Operation = pick(r, aclOperations()...)
		}
		out = append(out, row)
	}
	slices.SortFunc(out, ACLRow.Compare)
	return slices.Compact(out)
}

func (m *matrix) put(rows []ACLRow) {
	req := kmsg.NewPtrCreateACLsRequest()
	for _, r := range rows {
		c := kmsg.NewCreateACLsRequestCreation()
		c.ResourceType, c.ResourceName, c.ResourcePatternType = r.ResourceType, r.ResourceName, r.PatternType
		c.Principal, c.Host, c.Operation, c.PermissionType = r.Principal, r.Host, r.Operation, r.Permission
		req.Creations = append(req.Creations, c)
	}
	resp, err := req.RequestWith(m.t.Context(), m.boss)
	if err != nil {
		m.t.Fatal(err)
	}
	for i, r := range resp.Results {
		if err := kerr.ErrorForCode(r.ErrorCode); err != nil {
			m.t.Fatalf("%s %s: %v", rows[i], rows[i].PatternType, err)
		}
	}
	m.settle(len(rows))
}

func (m *matrix) drop(rows []ACLRow) {
	req := kmsg.NewPtrDeleteACLsRequest()
	for _, r := range rows {
		f := kmsg.NewDeleteACLsRequestFilter()
		f.ResourceType, f.ResourceName, f.ResourcePatternType = r.ResourceType, &r.ResourceName, r.PatternType
		f.Principal, f.Host, f.Operation, f.PermissionType = &r.Principal, &r.Host, r.Operation, r.Permission
		req.Filters = append(req.Filters, f)
	}
	if _, err := req.RequestWith(m.t.Context(), m.boss); err != nil {
		m.t.Fatal(err)
	}
	m.settle(0)
}

// settle waits until the broker shows n rows.
func (m *matrix) settle(n int) {
	for range 500 {
		found, err := m.admin.DescribeACLs(m.t.Context(), everything())
		if err != nil {
			m.t.Fatal(err)
		}
		have := 0
		for _, f := range found {
			have += len(f.Described)
		}
		if have == n {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	m.t.Fatalf("the broker does not show %d rows", n)
}

// question asks at random, and only what a single request can answer.
func (m *matrix) question(rows []ACLRow) (observation, bool) {
	r := m.rand
	o := observation{Everyone: m.everyone, SuperUsers: []string{"User:admin"}, ACLs: rows, Principal: "User:" + pick(r, append(matrixUsers, "p1", "p1", "p1", "p1")...), Host: pick(r, m.hosts...)}
	o.ResourceType = m.kind()
	o.Operation = pick(r, ACLOperationsOf(o.ResourceType)...)
	switch o.ResourceType {
	case kmsg.ACLResourceTypeTopic:
		o.ResourceName = pick(r, matrixTopics...)
		if o.Operation == kmsg.ACLOperationCreate {
			o.ResourceName = pick(r, "ab.cde", "abx", "zz", "hx", "other")
		}
	case kmsg.ACLResourceTypeGroup:
		o.ResourceName = pick(r, matrixGroups...)
	case kmsg.ACLResourceTypeTransactionalId:
		o.ResourceName = pick(r, matrixTxns...)
	case kmsg.ACLResourceTypeDelegationToken:
		o.ResourceName = m.token
		// Who owns it, or may see the tokens of its owner, sees it whatever its rows say.
		s := NewACLSet(rows, ACLAssumptions{AllowEveryone: m.everyone})
		if o.Principal == "User:"+tokenOwner || s.Can(o.Principal, o.Host, kmsg.ACLOperationDescribeTokens, ACLResource{kmsg.ACLResourceTypeUser, "User:" + tokenOwner}).Allowed {
			return o, false
		}
	case kmsg.ACLResourceTypeUser:
		o.ResourceName = "User:" + tokenOwner
		s := NewACLSet(rows, ACLAssumptions{AllowEveryone: m.everyone})
		if o.Operation == kmsg.ACLOperationDescribeTokens && s.Can(o.Principal, o.Host, kmsg.ACLOperationDescribe, ACLResource{kmsg.ACLResourceTypeDelegationToken, m.token}).Allowed {
			return o, false
		}
	default:
		o.ResourceName = ClusterName
		if o.Operation == kmsg.ACLOperationCreate && // the topic's own rows must not let it pass
			(m.everyone || slices.ContainsFunc(rows, func(w ACLRow) bool {
				return w.ResourceType == kmsg.ACLResourceTypeTopic && w.ResourceName == AnyName
			})) {
			return o, false
		}
	}
	if m.token == "" && (o.ResourceType == kmsg.ACLResourceTypeDelegationToken || o.ResourceType == kmsg.ACLResourceTypeUser) {
		return o, false
	}
	return o, true
}

// ask performs the request and reports whether the broker let it pass: whatever it
// says besides comes after the check.
func (m *matrix) ask(o observation) (bool, error) {
	ctx, cancel := context.WithTimeout(m.t.Context(), 10*time.Second)
	defer cancel()
	b := m.clients[asker{o.Principal, o.Host}].Broker(m.node)
	codes, err := m.request(ctx, b, o)
	if err != nil {
		return false, err
	}
	for _, c := range codes {
		if e := kerr.TypedErrorForCode(c); e != nil && strings.HasSuffix(e.Message, "AUTHORIZATION_FAILED") {
			return false, nil
		}
	}
	return true, nil
}

var errUnlisted = kerr.DelegationTokenAuthorizationFailed.Code

func (m *matrix) request(ctx context.Context, b *kgo.Broker, o observation) ([]int16, error) {
	name := o.ResourceName
	switch o.ResourceType {
	case kmsg.ACLResourceTypeTopic:
		return m.topicRequest(ctx, b, o.Operation, name)
	case kmsg.ACLResourceTypeGroup:
		switch o.Operation {
		case kmsg.ACLOperationRead:
			req := kmsg.NewPtrHeartbeatRequest()
			req.Group, req.MemberID = name, "nobody"
			resp, err := req.RequestWith(ctx, b)
			if err != nil {
				return nil, err
			}
			return []int16{resp.ErrorCode}, nil
		case kmsg.ACLOperationDescribe:
			req := kmsg.NewPtrDescribeGroupsRequest()
			req.Groups = []string{name}
			resp, err := req.RequestWith(ctx, b)
			if err != nil {
				return nil, err
			}
			return []int16{resp.Groups[0].ErrorCode}, nil
		case kmsg.ACLOperationDelete:
			req := kmsg.NewPtrDeleteGroupsRequest()
			req.Groups = []string{name}
			resp, err := req.RequestWith(ctx, b)
			if err != nil {
				return nil, err
			}
			return []int16{resp.Groups[0].ErrorCode}, nil
		}
		return m.configs(ctx, b, o.Operation, kmsg.ConfigResourceTypeGroupConfig, name, "consumer.session.timeout.ms", "45000")
	case kmsg.ACLResourceTypeTransactionalId:
		if o.Operation == kmsg.ACLOperationWrite {
			return initProducer(ctx, b, &name)
		}
		req := kmsg.NewPtrDescribeTransactionsRequest()
		req.TransactionalIDs = []string{name}
		resp, err := req.RequestWith(ctx, b)
		if err != nil {
			return nil, err
		}
		return []int16{resp.TransactionStates[0].ErrorCode}, nil
	case kmsg.ACLResourceTypeDelegationToken, kmsg.ACLResourceTypeUser:
		return m.tokenRequest(ctx, b, o)
	}
	return m.clusterRequest(ctx, b, o.Operation)
}

func (m *matrix) tokenRequest(ctx context.Context, b *kgo.Broker, o observation) ([]int16, error) {
	if o.Operation == kmsg.ACLOperationCreateTokens {
		req := kmsg.NewPtrCreateDelegationTokenRequest()
		typ, name := "User", tokenOwner
		req.OwnerPrincipalType, req.OwnerPrincipalName, req.MaxLifetimeMillis = &typ, &name, 60_000
		resp, err := req.RequestWith(ctx, b)
		if err != nil {
			return nil, err
		}
		if resp.ErrorCode == 0 {
			m.expire(ctx, resp.HMAC)
		}
		return []int16{resp.ErrorCode}, nil
	}
	req := kmsg.NewPtrDescribeDelegationTokenRequest()
	req.Owners = []kmsg.DescribeDelegationTokenRequestOwner{{PrincipalType: "User", PrincipalName: tokenOwner}}
	resp, err := req.RequestWith(ctx, b)
	if err != nil {
		return nil, err
	}
	for i := range resp.TokenDetails {
		if resp.TokenDetails[i].TokenID == m.token {
			return []int16{resp.ErrorCode}, nil
		}
	}
	return []int16{errUnlisted}, nil
}

func (m *matrix) expire(ctx context.Context, hmac []byte) {
	req := kmsg.NewPtrExpireDelegationTokenRequest()
	req.HMAC, req.ExpiryPeriodMillis = hmac, -1
	_, _ = req.RequestWith(ctx, m.boss)
}

func initProducer(ctx context.Context, b *kgo.Broker, txn *string) ([]int16, error) {
	req := kmsg.NewPtrInitProducerIDRequest()
	req.TransactionalID, req.TransactionTimeoutMillis, req.ProducerID, req.ProducerEpoch = txn, 1000, -1, -1
	resp, err := req.RequestWith(ctx, b)
	if err != nil {
		return nil, err
	}
	return []int16{resp.ErrorCode}, nil
}

func (m *matrix) configs(ctx context.Context, b *kgo.Broker, op kmsg.ACLOperation, typ kmsg.ConfigResourceType, name, key, value string) ([]int16, error) {
	if op == kmsg.ACLOperationDescribeConfigs {
		req := kmsg.NewPtrDescribeConfigsRequest()
		res := kmsg.NewDescribeConfigsRequestResource()
		res.ResourceType, res.ResourceName = typ, name
		req.Resources = []kmsg.DescribeConfigsRequestResource{res}
		resp, err := req.RequestWith(ctx, b)
		if err != nil {
			return nil, err
		}
		return []int16{resp.Resources[0].ErrorCode}, nil
	}
	req := kmsg.NewPtrIncrementalAlterConfigsRequest()
	req.ValidateOnly = true
	res := kmsg.NewIncrementalAlterConfigsRequestResource()
	res.ResourceType, res.ResourceName = typ, name
	c := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
	c.Name, c.Value = key, &value
	res.Configs = []kmsg.IncrementalAlterConfigsRequestResourceConfig{c}
	req.Resources = []kmsg.IncrementalAlterConfigsRequestResource{res}
	resp, err := req.RequestWith(ctx, b)
	if err != nil {
		return nil, err
	}
	return []int16{resp.Resources[0].ErrorCode}, nil
}

func createTopic(ctx context.Context, b *kgo.Broker, name string) ([]int16, error) {
	req := kmsg.NewPtrCreateTopicsRequest()
	req.TimeoutMillis, req.ValidateOnly = 5000, true
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, 1, 1
	req.Topics = []kmsg.CreateTopicsRequestTopic{topic}
	resp, err := req.RequestWith(ctx, b)
	if err != nil {
		return nil, err
	}
	return []int16{resp.Topics[0].ErrorCode}, nil
}

// fetch is a consumer's with replica -1 and a broker's otherwise.
func (m *matrix) fetch(ctx context.Context, b *kgo.Broker, name string, replica int32) ([]int16, error) {
	req := kmsg.NewPtrFetchRequest()
	req.ReplicaID, req.MaxBytes, req.MinBytes = replica, 1<<20, 0
	req.ReplicaState.ID = replica
	p := kmsg.NewFetchRequestTopicPartition()
	p.PartitionMaxBytes, p.CurrentLeaderEpoch = 1<<20, -1
	topic := kmsg.NewFetchRequestTopic()
	topic.Topic, topic.TopicID, topic.Partitions = name, m.topics[name].ID, []kmsg.FetchRequestTopicPartition{p}
	req.Topics = []kmsg.FetchRequestTopic{topic}
	resp, err := req.RequestWith(ctx, b)
	if err != nil {
		return nil, err
	}
	codes := []int16{resp.ErrorCode}
	for i := range resp.Topics {
		codes = append(codes, resp.Topics[i].Partitions[0].ErrorCode)
	}
	return codes, nil
}

func (m *matrix) topicRequest(ctx context.Context, b *kgo.Broker, op kmsg.ACLOperation, name string) ([]int16, error) {
	switch op {
	case kmsg.ACLOperationDescribe:
		req := kmsg.NewPtrMetadataRequest()
		topic := kmsg.NewMetadataRequestTopic()
		topic.Topic = &name
		req.Topics = []kmsg.MetadataRequestTopic{topic}
		resp, err := req.RequestWith(ctx, b)
		if err != nil {
			return nil, err
		}
		return []int16{resp.Topics[0].ErrorCode}, nil
	case kmsg.ACLOperationRead:
		return m.fetch(ctx, b, name, -1)
	case kmsg.ACLOperationWrite: // no batch at all is refused after the check
		req := kmsg.NewPtrProduceRequest()
		req.Acks, req.TimeoutMillis = 1, 5000
		p := kmsg.NewProduceRequestTopicPartition()
		p.Records = []byte{}
		topic := kmsg.NewProduceRequestTopic()
		topic.Topic, topic.TopicID, topic.Partitions = name, m.topics[name].ID, []kmsg.ProduceRequestTopicPartition{p}
		req.Topics = []kmsg.ProduceRequestTopic{topic}
		resp, err := req.RequestWith(ctx, b)
		if err != nil {
			return nil, err
		}
		return []int16{resp.Topics[0].Partitions[0].ErrorCode}, nil
	case kmsg.ACLOperationDelete:
		req := kmsg.NewPtrDeleteRecordsRequest()
		req.TimeoutMillis = 5000
		topic := kmsg.NewDeleteRecordsRequestTopic()
		topic.Topic, topic.Partitions = name, []kmsg.DeleteRecordsRequestTopicPartition{kmsg.NewDeleteRecordsRequestTopicPartition()}
		req.Topics = []kmsg.DeleteRecordsRequestTopic{topic}
		resp, err := req.RequestWith(ctx, b)
		if err != nil {
			return nil, err
		}
		return []int16{resp.Topics[0].Partitions[0].ErrorCode}, nil
	case kmsg.ACLOperationAlter:
		req := kmsg.NewPtrCreatePartitionsRequest()
		req.TimeoutMillis, req.ValidateOnly = 5000, true
		topic := kmsg.NewCreatePartitionsRequestTopic()
		topic.Topic, topic.Count = name, 2
		req.Topics = []kmsg.CreatePartitionsRequestTopic{topic}
		resp, err := req.RequestWith(ctx, b)
		if err != nil {
			return nil, err
		}
		return []int16{resp.Topics[0].ErrorCode}, nil
	case kmsg.ACLOperationCreate:
		return createTopic(ctx, b, name)
	}
	return m.configs(ctx, b, op, kmsg.ConfigResourceTypeTopic, name, "retention.ms", "1000")
}

func (m *matrix) clusterRequest(ctx context.Context, b *kgo.Broker, op kmsg.ACLOperation) ([]int16, error) {
	switch op {
	case kmsg.ACLOperationDescribe:
		req := kmsg.NewPtrListPartitionReassignmentsRequest()
		resp, err := req.RequestWith(ctx, b)
		if err != nil {
			return nil, err
		}
		return []int16{resp.ErrorCode}, nil
	case kmsg.ACLOperationAlter:
		req := kmsg.NewPtrDeleteACLsRequest()
		f := kmsg.NewDeleteACLsRequestFilter()
		none := "no-such-topic-anywhere"
		f.ResourceType, f.ResourceName, f.Operation, f.PermissionType = kmsg.ACLResourceTypeTopic, &none, kmsg.ACLOperationRead, kmsg.ACLPermissionTypeAllow
		f.ResourcePatternType = kmsg.ACLResourcePatternTypeLiteral
		req.Filters = []kmsg.DeleteACLsRequestFilter{f}
		resp, err := req.RequestWith(ctx, b)
		if err != nil {
			return nil, err
		}
		return []int16{resp.Results[0].ErrorCode}, nil
	case kmsg.ACLOperationCreate:
		return createTopic(ctx, b, "no-row-reaches-this")
	case kmsg.ACLOperationClusterAction:
		return m.fetch(ctx, b, matrixTopics[0], 99)
	case kmsg.ACLOperationIdempotentWrite:
		return initProducer(ctx, b, nil)
	case kmsg.ACLOperationDescribeConfigs, kmsg.ACLOperationAlterConfigs:
		return m.configs(ctx, b, op, kmsg.ConfigResourceTypeBroker, strconv.Itoa(m.node), "log.retention.ms", "600000000")
	}
	return nil, errors.New("no request for " + op.String())
}
