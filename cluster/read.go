package cluster

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weirhq/weir/internal/suggest"
)

// Topic is what the cluster says about one topic. Fields that could not be read are
// nil, never zero.
type Topic struct {
	Name string `json:"name"`
	// ID is the topic's unique id in Kafka's own spelling; nil before Kafka 2.8.
	ID       *string `json:"id"`
	Internal bool    `json:"internal"`
	// ErrorName is Kafka's name of the error that hides the rest, such as
	// UNKNOWN_TOPIC_OR_PARTITION or TOPIC_AUTHORIZATION_FAILED.
	ErrorName  *string     `json:"error"`
	Partitions []Partition `json:"partitions"`
	// Rights are the operations this user may do on the topic, implied ones included;
	// nil when they were not asked for or not told.
	Rights []string `json:"rights"`
}

// Partition is what the cluster says about one partition.
type Partition struct {
	ID int32 `json:"id"`
	// Leader is nil when there is none, and then nothing can be written or read.
	Leader      *int32 `json:"leader"`
	LeaderEpoch *int32 `json:"leader_epoch"`
	// Replicas are in the order of preference.
	Replicas        []int32 `json:"replicas"`
	InSyncReplicas  []int32 `json:"in_sync_replicas"`
	OfflineReplicas []int32 `json:"offline_replicas"`
	ErrorName       *string `json:"error"`
	// Offsets as [Conn.Offsets] fills them in.
	StartOffset *int64 `json:"start_offset"`
	EndOffset   *int64 `json:"end_offset"`
	// StableOffset is the last stable offset: what a read_committed consumer reaches.
	StableOffset *int64 `json:"stable_offset"`
	// Timestamps of the first and the newest record, in ms since 1970 as the producers
	// wrote them, as [Conn.Times] fills them in.
	FirstTimestampMS *int64 `json:"first_timestamp_ms"`
	LastTimestampMS  *int64 `json:"last_timestamp_ms"`
	// SizeBytes is the leader's copy on disk, as [Conn.Sizes] fills it in.
	SizeBytes *int64 `json:"size_bytes"`
}

// unread says that the extent of the partition's log is not known.
func (p *Partition) unread() bool { return p.StartOffset == nil || p.EndOffset == nil }

// Unread is the [Error] of a partition whose offsets are needed and could not be read.
func (p *Partition) Unread(op, topic, remedy string) error {
	e := &Error{Class: Unreachable, Op: op, What: topic, Remedy: remedy, Err: errors.New("it has no leader")}
	switch {
	case p.ErrorName != nil:
		if e = classify("list offsets", topic, errorByName(*p.ErrorName)); e.Class != Unauthorised {
			e.Remedy = remedy
		}
		e.Op = op
	case p.Leader != nil:
		e.Err = fmt.Errorf("its leader, broker %d, did not answer", *p.Leader)
	}
	e.Err = fmt.Errorf("the offsets of partition %d could not be read: %w", p.ID, e.Err)
	return e
}

// TopicNames are the names of topics, in their order.
func TopicNames(topics []Topic) []string {
	names := make([]string, len(topics))
	for i := range topics {
		names[i] = topics[i].Name
	}
	return names
}

// ReplicationFactor is the number of replicas of the first partition, or nil when the
// topic could not be read.
func (t *Topic) ReplicationFactor() *int {
	if len(t.Partitions) == 0 {
		return nil
	}
	n := len(t.Partitions[0].Replicas)
	return &n
}

// Err returns the topic's error as one of the cluster's classes, or nil.
func (t *Topic) Err(op string) error {
	if t.ErrorName == nil {
		return nil
	}
	return Classify(op, t.Name, errorByName(*t.ErrorName))
}

// May is an unauthorised [Error] when the caller lacks a right on the topic, and nil when
// it has the right or the rights were not told.
func (t *Topic) May(op, right string) error {
	if t.Rights == nil || slices.Contains(t.Rights, right) {
		return nil
	}
	return Denied(op, t.Name, right, "Topic", nil)
}

// Records is the sum of end minus start offsets, an upper bound of the records stored;
// nil as soon as one partition's offsets are unknown.
func (t *Topic) Records() *int64 {
	return sum(t.Partitions, func(p *Partition) *int64 {
		if p.StartOffset == nil || p.EndOffset == nil {
			return nil
		}
		n := *p.EndOffset - *p.StartOffset
		return &n
	})
}

// SizeBytes is the sum of the leaders' copies on disk; nil when one is unknown.
func (t *Topic) SizeBytes() *int64 {
	return sum(t.Partitions, func(p *Partition) *int64 { return p.SizeBytes })
}

func sum(ps []Partition, of func(*Partition) *int64) *int64 {
	if len(ps) == 0 {
		return nil
	}
	var total int64
	for i := range ps {
		n := of(&ps[i])
		if n == nil {
			return nil
		}
		total += *n
	}
	return &total
}

// Scope tells how much of a listing the caller can have seen. A broker leaves out what
// a user may not describe and calls the answer a success.
type Scope struct {
	// Complete is true when any name may be described, false when some may not, nil when
	// that could not be found out.
	Complete *bool `json:"complete"`
	// Reason says how that is known, or why not.
	Reason string `json:"reason"`
}

// Proven says that nothing can have been left out.
func (s Scope) Proven() bool { return s.Complete != nil && *s.Complete }

// NamedScope is the scope of topics that were asked for one by one: each answers or says
// why not.
func NamedScope() Scope { return Scope{new(true), "every topic was asked for by name"} }

// TopicList is a listing with its scope.
type TopicList struct {
	Topics []Topic `json:"topics"`
	Scope  Scope   `json:"scope"`
}

// Err is nil when the listing may be shown as it is. A listing that is empty because the
// user may describe nothing is an unauthorised [Error]: no rights is not an empty cluster.
func (l *TopicList) Err() error {
	if len(l.Topics) > 0 || l.Scope.Complete == nil || *l.Scope.Complete {
		return nil
	}
	e := Denied("list topics", "", "DESCRIBE", "Topic", nil)
	e.Err = errors.New("no topic is visible, and this user is not authorised to DESCRIBE on Topic, so there may be some")
	return e
}

// TopicsQuery says which topics to read.
type TopicsQuery struct {
	// Names are read one by one, and each unknown or forbidden one comes back with its
	// error. Empty means all that may be seen.
	Names []string
	// Internal includes Kafka's own topics in a listing of all.
	Internal bool
	// Rights asks for the authorised operations of each topic.
	Rights bool
}

// Topics reads topics and partitions, sorted by name. It asks the broker and no cache.
func (c *Conn) Topics(ctx context.Context, q TopicsQuery) (*TopicList, error) {
	const op = "list topics"
	req := kmsg.NewPtrMetadataRequest()
	req.IncludeTopicAuthorizedOperations = q.Rights
	for _, n := range q.Names {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = &n
		req.Topics = append(req.Topics, t)
	}
	if len(q.Names) == 0 {
		req.Topics = nil // all, as opposed to none
	}
	resp, err := req.RequestWith(ctx, c.Client)
	if err != nil {
		return nil, Classify(op, "", err)
	}
	out := &TopicList{Topics: make([]Topic, 0, len(resp.Topics))}
	for i := range resp.Topics {
		t := &resp.Topics[i]
		if t.Topic == nil || len(q.Names) == 0 && t.IsInternal && !q.Internal {
			continue
		}
		out.Topics = append(out.Topics, topicOf(t, q.Rights))
	}
	slices.SortFunc(out.Topics, func(a, b Topic) int { return cmp.Compare(a.Name, b.Name) })
	if len(q.Names) > 0 {
		out.Scope = NamedScope()
		return out, nil
	}
	out.Scope, err = TopicScope(ctx, c.Client)
	return out, err
}

// scopeProbe is a name nobody uses. A broker answers UNKNOWN_TOPIC_OR_PARTITION for it
// only to those who may describe it, and to all others that they may not.
const scopeProbe = "weir.scope-probe.b1946ac92492d2347c6235b4d2611184"

// TopicScope finds out whether a listing of all topics can have been complete, by
// naming a topic that does not exist.
func TopicScope(ctx context.Context, cl *kgo.Client) (Scope, error) {
	req := kmsg.NewPtrMetadataRequest()
	t := kmsg.NewMetadataRequestTopic()
	t.Topic = new(scopeProbe)
	req.Topics = append(req.Topics, t)
	resp, err := req.RequestWith(ctx, cl)
	if err != nil {
		return Scope{}, Classify("list topics", "", err)
	}
	yes, no := true, false
	if len(resp.Topics) == 1 {
		switch resp.Topics[0].ErrorCode {
		case kerr.TopicAuthorizationFailed.Code:
			return Scope{&no, "this user may describe some topics at most; others are hidden by the broker"}, nil
		case kerr.UnknownTopicOrPartition.Code, 0:
			return Scope{&yes, "this user may describe any topic that no DENY row names"}, nil
		}
	}
	return Scope{nil, "the broker did not tell whether topics are hidden"}, nil
}

func topicOf(t *kmsg.MetadataResponseTopic, rights bool) Topic {
	out := Topic{Name: *t.Topic, Internal: t.IsInternal, ErrorName: errorName(t.ErrorCode), Partitions: make([]Partition, 0, len(t.Partitions))}
	if t.TopicID != [16]byte{} {
		id := base64.RawURLEncoding.EncodeToString(t.TopicID[:]) // as Java prints it
		out.ID = &id
	}
	if rights {
		out.Rights = operations(t.AuthorizedOperations)
	}
	for i := range t.Partitions {
		p := &t.Partitions[i]
		part := Partition{ID: p.Partition, Replicas: nonNil(p.Replicas), InSyncReplicas: sorted(p.ISR), OfflineReplicas: sorted(p.OfflineReplicas)}
		if p.Leader >= 0 {
			part.Leader = &p.Leader
		}
		if p.LeaderEpoch >= 0 {
			part.LeaderEpoch = &p.LeaderEpoch
		}
		// A partition without a leader is told by the leader; other codes are kept.
		if p.ErrorCode != kerr.LeaderNotAvailable.Code {
			part.ErrorName = errorName(p.ErrorCode)
		}
		out.Partitions = append(out.Partitions, part)
	}
	slices.SortFunc(out.Partitions, func(a, b Partition) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

func sorted(s []int32) []int32 {
	out := slices.Clone(s)
	slices.Sort(out)
	return nonNil(out)
}

func nonNil[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// errorName returns Kafka's name for an error code; nil for none.
func errorName(code int16) *string {
	if code == 0 {
		return nil
	}
	name := "UNKNOWN_CODE_" + strconv.Itoa(int(code))
	if e := kerr.TypedErrorForCode(code); e != nil {
		name = e.Message
	}
	return &name
}

func errorByName(name string) error {
	for code := int16(-1); code < 200; code++ {
		if e := kerr.TypedErrorForCode(code); e != nil && e.Message == name {
			return e
		}
	}
	return errors.New(name)
}

// notTold is what brokers say for authorised operations they were not asked for or
// may not tell.
const notTold = -2147483648

// operations names the bits of an authorised-operations field; nil for not told.
func operations(bits int32) []string {
	if bits == notTold {
		return nil
	}
	out := []string{}
	for b := range 31 {
		if bits&(1<<b) != 0 {
			out = append(out, kmsg.ACLOperation(b).String())
		}
	}
	return out
}

// Info is what the cluster says about itself.
type Info struct {
	ClusterID  string   `json:"cluster_id"`
	Controller *int32   `json:"controller"`
	Brokers    []Broker `json:"brokers"`
	// Rights are the operations this user may do on the cluster. They are nil when the
	// user lacks DESCRIBE there, because the broker then says none whatever is granted.
	Rights []string `json:"rights"`
}

// Cluster reads the cluster's id, brokers and this user's rights on it.
func (c *Conn) Cluster(ctx context.Context) (*Info, error) {
	req := kmsg.NewPtrDescribeClusterRequest()
	req.IncludeClusterAuthorizedOperations = true
	resp, err := req.RequestWith(ctx, c.Client)
	if err == nil {
		err = kerr.ErrorForCode(resp.ErrorCode)
	}
	if err != nil {
		return nil, Classify("describe cluster", "", err)
	}
	out := &Info{ClusterID: resp.ClusterID, Brokers: make([]Broker, 0, len(resp.Brokers))}
	if resp.ControllerID >= 0 {
		out.Controller = &resp.ControllerID
	}
	for _, b := range resp.Brokers {
		out.Brokers = append(out.Brokers, Broker{ID: b.NodeID, Host: b.Host, Port: b.Port, Rack: b.Rack})
	}
	slices.SortFunc(out.Brokers, func(a, b Broker) int { return cmp.Compare(a.ID, b.ID) })
	if resp.ClusterAuthorizedOperations != 0 {
		out.Rights = operations(resp.ClusterAuthorizedOperations)
	}
	return out, nil
}

// Offsets fills in start, end and stable offsets of every partition that has a leader.
// A partition that cannot be asked keeps nil and gets the error's name. It takes three
// requests to each broker, whatever the number of partitions.
func (c *Conn) Offsets(ctx context.Context, topics []Topic) error {
	for _, kind := range []struct {
		timestamp int64
		isolation int8
		field     func(*Partition) **int64
	}{
		{-2, 0, func(p *Partition) **int64 { return &p.StartOffset }},
		{-1, 0, func(p *Partition) **int64 { return &p.EndOffset }},
		{-1, 1, func(p *Partition) **int64 { return &p.StableOffset }},
	} {
		set := func(p *Partition, rp *kmsg.ListOffsetsResponseTopicPartition) {
			if rp.Offset >= 0 {
				*kind.field(p) = &rp.Offset
			}
		}
		if err := c.listOffsets(ctx, topics, kind.timestamp, kind.isolation, set); err != nil {
			return err
		}
	}
	return nil
}

type topicPartition struct {
	topic string
	id    int32
}

func index(topics []Topic) map[topicPartition]*Partition {
	out := map[topicPartition]*Partition{}
	for i := range topics {
		for j := range topics[i].Partitions {
			p := &topics[i].Partitions[j]
			out[topicPartition{topics[i].Name, p.ID}] = p
		}
	}
	return out
}

func (c *Conn) listOffsets(ctx context.Context, topics []Topic, timestamp int64, isolation int8, set func(*Partition, *kmsg.ListOffsetsResponseTopicPartition)) error {
	req := kmsg.NewPtrListOffsetsRequest()
	req.ReplicaID, req.IsolationLevel = -1, isolation
	for i := range topics {
		rt := kmsg.NewListOffsetsRequestTopic()
		rt.Topic = topics[i].Name
		for _, p := range topics[i].Partitions {
			if p.Leader == nil {
				continue
			}
			rp := kmsg.NewListOffsetsRequestTopicPartition()
			rp.Partition, rp.Timestamp = p.ID, timestamp
			rt.Partitions = append(rt.Partitions, rp)
		}
		if len(rt.Partitions) > 0 {
			req.Topics = append(req.Topics, rt)
		}
	}
	if len(req.Topics) == 0 {
		return nil
	}
	at := index(topics)
	return eachShard(ctx, c.Client, req, "list offsets", func(resp *kmsg.ListOffsetsResponse) {
		if timestamp == -3 && resp.Version < 7 {
			return // before KIP-734 brokers take it for a moment in 1969
		}
		for _, t := range resp.Topics {
			for i := range t.Partitions {
				rp := &t.Partitions[i]
				p := at[topicPartition{t.Topic, rp.Partition}]
				switch {
				case p == nil:
				case rp.ErrorCode == kerr.UnsupportedVersion.Code: // this question only
				case rp.ErrorCode != 0:
					p.ErrorName = errorName(rp.ErrorCode)
				default:
					set(p, rp)
				}
			}
		}
	})
}

// eachShard sends a request to all brokers it concerns and hands over every answer. It
// fails only when no broker answered: a broker that is down must not hide the others,
// and what it would have said stays unknown.
func eachShard[R kmsg.Response](ctx context.Context, cl *kgo.Client, req kmsg.Request, op string, f func(R)) error {
	_, err := shards(ctx, cl, req, op, func(_ kgo.BrokerMetadata, r R) { f(r) })
	return err
}

// shards is eachShard that also returns the brokers that did not answer.
func shards[R kmsg.Response](ctx context.Context, cl *kgo.Client, req kmsg.Request, op string, f func(kgo.BrokerMetadata, R)) (silent []int32, err error) {
	answered := 0
	for _, s := range cl.RequestSharded(ctx, req) {
		if s.Err != nil {
			silent = append(silent, s.Meta.NodeID)
			if err == nil {
				err = fromBroker(s.Meta, cmp.Or(ctx.Err(), s.Err))
			}
			continue
		}
		if r, ok := s.Resp.(R); ok {
			answered++
			f(s.Meta, r)
		}
	}
	slices.Sort(silent)
	if answered == 0 || ctx.Err() != nil {
		return silent, Classify(op, "", cmp.Or(err, ctx.Err()))
	}
	return silent, nil
}

// fromBroker adds the broker that was asked to its failure; the client's placeholders for
// one that it could not choose are no brokers.
func fromBroker(m kgo.BrokerMetadata, err error) error {
	if m.NodeID < 0 || m.Host == "" {
		return err
	}
	return &brokerError{Broker{ID: m.NodeID, Host: m.Host, Port: m.Port}, err}
}

// Sizes fills in the bytes on disk of the leader's copy of each partition. It needs
// DESCRIBE on the cluster; without it the error is unauthorised and nothing is filled.
func (c *Conn) Sizes(ctx context.Context, topics []Topic) error {
	const op = "describe log dirs"
	req := kmsg.NewPtrDescribeLogDirsRequest()
	for i := range topics {
		rt := kmsg.NewDescribeLogDirsRequestTopic()
		rt.Topic = topics[i].Name
		for _, p := range topics[i].Partitions {
			rt.Partitions = append(rt.Partitions, p.ID)
		}
		req.Topics = append(req.Topics, rt)
	}
	if len(req.Topics) == 0 {
		return nil // an empty list would ask for everything
	}
	at := index(topics)
	var denied error
	_, err := shards(ctx, c.Client, req, op, func(b kgo.BrokerMetadata, resp *kmsg.DescribeLogDirsResponse) {
		if err := kerr.ErrorForCode(resp.ErrorCode); err != nil {
			denied = err
			return
		}
		for _, d := range resp.Dirs {
			for _, t := range d.Topics {
				for _, rp := range t.Partitions {
					p := at[topicPartition{t.Topic, rp.Partition}]
					if p == nil || rp.IsFuture || p.Leader == nil || *p.Leader != b.NodeID {
						continue
					}
					size := rp.Size
					p.SizeBytes = &size
				}
			}
		}
	})
	return cmp.Or(err, Classify(op, "", denied))
}

// Config is one setting with where its value comes from.
type Config struct {
	Name string `json:"name"`
	// Value is nil when it is sensitive or not set.
	Value     *string `json:"value"`
	Sensitive bool    `json:"sensitive"`
	ReadOnly  bool    `json:"read_only"`
	// Inherited is the value that holds when the topic's own is unset; nil when the broker
	// does not tell, as Apache Kafka does for a retention that nobody has set.
	Inherited *string `json:"inherited"`
	// Source is Kafka's name: DYNAMIC_TOPIC_CONFIG for a setting of the topic itself,
	// DEFAULT_CONFIG, STATIC_BROKER_CONFIG and so on for an inherited one.
	Source string `json:"source"`
}

// Own says that the setting belongs to the topic itself and is not inherited.
func (c Config) Own() bool { return c.Source == kmsg.ConfigSourceDynamicTopicConfig.String() }

// ConfigSet is the settings of one topic, sorted by name, or the error that hides them.
type ConfigSet struct {
	Topic     string   `json:"topic"`
	ErrorName *string  `json:"error"`
	Configs   []Config `json:"configs"`
}

// Err is why the settings are not known, or nil.
func (s *ConfigSet) Err() error {
	if s.ErrorName == nil {
		return nil
	}
	return Classify("describe configs", s.Topic, errorByName(*s.ErrorName))
}

// configBatch bounds the topics in one DescribeConfigs: with about 30 settings each, an
// answer stays below 2 MB.
const configBatch = 500

// TopicConfigs reads the settings of topics, one result per name, sorted by name. A
// topic that is unknown or forbidden has its error and does not spoil the others.
func (c *Conn) TopicConfigs(ctx context.Context, names []string) ([]ConfigSet, error) {
	out := make([]ConfigSet, 0, len(names))
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	for batch := range slices.Chunk(names, configBatch) {
		req := kmsg.NewPtrDescribeConfigsRequest()
		req.IncludeSynonyms = true
		for _, n := range batch {
			r := kmsg.NewDescribeConfigsRequestResource()
			r.ResourceType, r.ResourceName = kmsg.ConfigResourceTypeTopic, n
			req.Resources = append(req.Resources, r)
		}
		err := eachShard(ctx, c.Client, req, "describe configs", func(resp *kmsg.DescribeConfigsResponse) {
			for i := range resp.Resources {
				out = append(out, configSet(&resp.Resources[i]))
			}
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(out, func(a, b ConfigSet) int { return cmp.Compare(a.Topic, b.Topic) })
	return out, nil
}

func configSet(r *kmsg.DescribeConfigsResponseResource) ConfigSet {
	s := ConfigSet{Topic: r.ResourceName, ErrorName: errorName(r.ErrorCode), Configs: make([]Config, 0, len(r.Configs))}
	for _, c := range r.Configs {
		k := Config{Name: c.Name, Value: c.Value, Sensitive: c.IsSensitive, ReadOnly: c.ReadOnly, Source: c.Source.String()}
		for _, syn := range c.ConfigSynonyms { // the strongest first
			if syn.Source != kmsg.ConfigSourceDynamicTopicConfig {
				k.Inherited = inMillis(c.Name, syn.Name, syn.Value)
				break
			}
		}
		if !k.Own() && k.Inherited == nil {
			k.Inherited = k.Value
		}
		if c.IsSensitive {
			k.Value, k.Inherited = nil, nil
		}
		s.Configs = append(s.Configs, k)
	}
	slices.SortFunc(s.Configs, func(a, b Config) int { return cmp.Compare(a.Name, b.Name) })
	return s
}

// inMillis converts the broker's synonym of a setting in ms: log.retention.hours is told
// as it stands there.
func inMillis(name, synonym string, value *string) *string {
	if value == nil || !strings.HasSuffix(name, ".ms") {
		return value
	}
	var factor int64
	switch {
	case strings.HasSuffix(synonym, ".hours"):
		factor = 3_600_000
	case strings.HasSuffix(synonym, ".minutes"):
		factor = 60_000
	default:
		return value
	}
	n, err := strconv.ParseInt(*value, 10, 64)
	if err != nil {
		return nil
	}
	if n >= 0 { // -1 is no limit in every unit
		n *= factor
	}
	out := strconv.FormatInt(n, 10)
	return &out
}

// Get returns a setting's value, or nil when it is unknown.
func (s *ConfigSet) Get(name string) *string {
	for i := range s.Configs {
		if s.Configs[i].Name == name {
			return s.Configs[i].Value
		}
	}
	return nil
}

// Group is one row of the group listing.
type Group struct {
	Name string `json:"name"`
	// Type is classic, consumer, share or streams; nil before Kafka 3.8.
	Type *string `json:"type"`
	// State is nil before Kafka 2.6.
	State *string `json:"state"`
	// Protocol is what the members registered for: consumer for consumers, connect for
	// Kafka Connect, empty for a group that only holds offsets.
	Protocol    string `json:"protocol"`
	Coordinator int32  `json:"coordinator"`
}

// GroupList is a listing with its scope.
type GroupList struct {
	Groups []Group `json:"groups"`
	Scope  Scope   `json:"scope"`
	// SilentBrokers did not answer; the groups they coordinate are missing.
	SilentBrokers []int32 `json:"silent_brokers"`
}

// Err is nil when the listing may be shown as it is, as [TopicList.Err].
func (l *GroupList) Err() error {
	if len(l.Groups) > 0 || l.Scope.Complete == nil || *l.Scope.Complete {
		return nil
	}
	if err := l.Silent("list groups", ""); err != nil {
		return err
	}
	e := Denied("list groups", "", "DESCRIBE", "Group", nil)
	e.Err = errors.New("no group is visible, and this user is not authorised to DESCRIBE on Group, so there may be some")
	return e
}

// Silent is an unreachable [Error] when brokers did not answer, and nil otherwise: what is
// missing in the listing may be theirs.
func (l *GroupList) Silent(op, subject string) error {
	if len(l.SilentBrokers) == 0 {
		return nil
	}
	ids := make([]string, len(l.SilentBrokers))
	for i, id := range l.SilentBrokers {
		ids[i] = strconv.Itoa(int(id))
	}
	what := "broker " + ids[0]
	if len(ids) > 1 {
		what = "brokers " + strings.Join(ids, ", ")
	}
	return &Error{
		Class: Unreachable, Op: op, What: subject, Remedy: hintDoctor,
		Err: errors.New("none is visible, and " + what + " did not answer, so there may be some"),
	}
}

// Groups lists the groups of every type, sorted by name. states and types filter on the
// brokers' side where they can; both may be empty.
func (c *Conn) Groups(ctx context.Context, states, types []string) (*GroupList, error) {
	const op = "list groups"
	req := kmsg.NewPtrListGroupsRequest()
	var err error
	// Brokers before Kafka 4 compare the words exactly.
	if req.StatesFilter, err = spelled(op, "state", states, GroupStates()); err != nil {
		return nil, err
	}
	if req.TypesFilter, err = spelled(op, "type", types, GroupTypes()); err != nil {
		return nil, err
	}
	out := &GroupList{Groups: []Group{}}
	var failed error
	silent, err := shards(ctx, c.Client, req, op, func(b kgo.BrokerMetadata, resp *kmsg.ListGroupsResponse) {
		if err := kerr.ErrorForCode(resp.ErrorCode); err != nil {
			failed = err
			out.SilentBrokers = append(out.SilentBrokers, b.NodeID)
			return
		}
		for _, g := range resp.Groups {
			row := Group{Name: g.Group, Protocol: g.ProtocolType, Coordinator: b.NodeID}
			if resp.Version >= 4 && g.GroupState != "" {
				row.State = &g.GroupState
			}
			if resp.Version >= 5 && g.GroupType != "" {
				typ := strings.ToLower(g.GroupType)
				row.Type = &typ
			}
			if keep(row.State, states) && keep(row.Type, types) {
				out.Groups = append(out.Groups, row)
			}
		}
	})
	if err != nil {
		return nil, err
	}
	if failed != nil && len(out.Groups) == 0 {
		return nil, Classify(op, "", failed)
	}
	out.SilentBrokers = sorted(append(out.SilentBrokers, silent...))
	// A group is on one coordinator; while it moves, two may name it.
	slices.SortFunc(out.Groups, func(a, b Group) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Coordinator, b.Coordinator))
	})
	out.Groups = slices.CompactFunc(out.Groups, func(a, b Group) bool { return a.Name == b.Name })
	out.Scope, err = c.groupScope(ctx)
	if len(out.SilentBrokers) > 0 {
		no := false
		out.Scope = Scope{&no, "some brokers did not answer"}
	}
	return out, err
}

// GroupStates are the states a group of any type may have.
func GroupStates() []string {
	return []string{"Assigning", "CompletingRebalance", "Dead", "Empty", "NotReady", "PreparingRebalance", "Reconciling", "Stable"}
}

// GroupTypes are the types of groups.
func GroupTypes() []string { return []string{"classic", "consumer", "share", "streams"} }

// spelled gives words the spelling of the known ones.
func spelled(op, what string, words, known []string) ([]string, error) {
	var out []string
	for _, w := range words {
		i := slices.IndexFunc(known, func(k string) bool { return strings.EqualFold(k, w) })
		if i < 0 {
			return nil, misconfigured(op, "", "use "+suggest.Or(known), "unknown group %s %q", what, w)
		}
		out = append(out, known[i])
	}
	return out, nil
}

// keep filters here too, for brokers too old to filter themselves.
func keep(value *string, wanted []string) bool {
	if len(wanted) == 0 || value == nil {
		return true
	}
	return slices.ContainsFunc(wanted, func(w string) bool { return strings.EqualFold(w, *value) })
}

// groupScope finds out whether a listing of all groups can have been complete: with
// DESCRIBE on the cluster, or when a group that does not exist may be described.
func (c *Conn) groupScope(ctx context.Context) (Scope, error) {
	yes, no := true, false
	if info, err := c.Cluster(ctx); err == nil && slices.Contains(info.Rights, kmsg.ACLOperationDescribe.String()) {
		return Scope{&yes, "this user may describe the cluster, which shows all groups"}, nil
	}
	req := kmsg.NewPtrDescribeGroupsRequest()
	req.Groups = []string{scopeProbe}
	resp, err := req.RequestWith(ctx, c.Client)
	if err != nil {
		if errors.Is(err, kerr.GroupAuthorizationFailed) {
			return Scope{&no, "this user may describe some groups at most; others are hidden by the broker"}, nil
		}
		return Scope{}, Classify("list groups", "", err)
	}
	if len(resp.Groups) == 1 {
		if resp.Groups[0].ErrorCode == kerr.GroupAuthorizationFailed.Code {
			return Scope{&no, "this user may describe some groups at most; others are hidden by the broker"}, nil
		}
		return Scope{&yes, "this user may describe any group that no DENY row names"}, nil
	}
	return Scope{nil, "the broker did not tell whether groups are hidden"}, nil
}
