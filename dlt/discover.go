package dlt

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// How a dead letter topic was found.
const (
	foundByCatalog  = "catalog"
	foundByName     = "name"
	foundByGroup    = "group"
	foundByConfig   = "config"
	foundByContent  = "content"
	foundByArgument = "argument"
)

// shareGroupTopicConfig is the setting of a share group that names its dead letter topic (KIP-1191).
const shareGroupTopicConfig = "errors.deadletterqueue.topic.name"

// deadWords mark a topic as one of failures wherever they stand in its name: teams write orders.dlt.billing too.
var deadWords = []string{"dlt", "dlq", "dead", "deadletter", "deadletters", "error", "errors", "failed", "failures", "parked", "parking", "poison"}

// byGroup finds the topics that belong to the failures of a consumer group: because its settings say so, or because the
// topic's name holds the group's and a word for failures. The answer maps topics to groups.
func (c *Conn) byGroup(ctx context.Context, topics []string) (map[string][]string, error) {
	groups, err := c.Admin.ListGroups(ctx)
	if err != nil {
		return nil, err
	}
	out := map[string][]string{}
	var share []string
	for _, g := range groups.Sorted() {
		if g.ProtocolType == "share" {
			share = append(share, g.Group)
		}
	}
	for group, topic := range c.shareGroupTopics(ctx, share) {
		out[topic] = append(out[topic], group)
	}
	for _, topic := range topics {
		if !hasDeadWord(topic) {
			continue
		}
		for _, g := range groups.Groups() {
			if mentions(topic, g) && !slices.Contains(out[topic], g) {
				out[topic] = append(out[topic], g)
			}
		}
	}
	for _, g := range out {
		slices.Sort(g)
	}
	return out, nil
}

// shareGroupTopics reads the dead letter topics that share groups name. A broker before 4.4 knows no such setting.
func (c *Conn) shareGroupTopics(ctx context.Context, groups []string) map[string]string {
	out := map[string]string{}
	if len(groups) == 0 {
		return out
	}
	cl, err := c.Client()
	if err != nil {
		return out
	}
	defer cl.Close()
	req := kmsg.NewPtrDescribeConfigsRequest()
	for _, g := range groups {
		r := kmsg.NewDescribeConfigsRequestResource()
		r.ResourceType, r.ResourceName, r.ConfigNames = kmsg.ConfigResourceTypeGroupConfig, g, []string{shareGroupTopicConfig}
		req.Resources = append(req.Resources, r)
	}
	resp, err := req.RequestWith(ctx, cl)
	if err != nil {
		return out
	}
	for _, r := range resp.Resources {
		for _, kv := range r.Configs {
			if kv.Name == shareGroupTopicConfig && deref(kv.Value) != "" {
				out[r.ResourceName] = *kv.Value
			}
		}
	}
	return out
}

func isSeparator(r rune) bool { return r == '.' || r == '-' || r == '_' }

func hasDeadWord(topic string) bool {
	for word := range strings.FieldsFuncSeq(strings.ToLower(topic), isSeparator) {
		if slices.Contains(deadWords, word) {
			return true
		}
	}
	return false
}

// mentions reports whether a group's name stands in a topic's as a whole word, or as several.
func mentions(topic, group string) bool {
	if len(group) < 3 { // "g" is in every other name
		return false
	}
	for at := 0; ; {
		i := strings.Index(topic[at:], group)
		if i < 0 {
			return false
		}
		from, to := at+i, at+i+len(group)
		if (from == 0 || isSeparator(rune(topic[from-1]))) && (to == len(topic) || isSeparator(rune(topic[to]))) {
			return true
		}
		at = from + 1
	}
}

// Looking into topics costs a fetch of each, so it has an end: what was not looked into is said.
const (
	peekTopics  = 2_000
	peekRecords = 3
	peekTime    = 10 * time.Second
)

// byContent looks at the last records of topics that nothing else calls dead letter topics, and returns those where most
// of them are dead letters. unread says how many topics it did not come to.
func (c *Conn) byContent(ctx context.Context, d *Decoder, topics []string) (found []string, unread int, err error) {
	slices.Sort(topics)
	if len(topics) > peekTopics {
		unread = len(topics) - peekTopics
		topics = topics[:peekTopics]
	}
	at, silent, err := c.lastOffsets(ctx, topics)
	if unread += silent; err != nil || len(at) == 0 {
		return nil, unread, err
	}
	open := map[string]int64{} // the offset after the last one of each topic
	start := map[string]map[int32]kgo.Offset{}
	for topic, s := range at {
		start[topic] = map[int32]kgo.Offset{s.Partition: kgo.NewOffset().At(s.Start)}
		open[topic] = s.Stable
	}
	cl, err := c.Client(append(readerOpts("", nil), kgo.ConsumePartitions(start), kgo.FetchMaxPartitionBytes(64<<10))...)
	if err != nil {
		return nil, unread, fmt.Errorf("look into topics: %w", err)
	}
	defer cl.CloseAllowingRebalance()
	ctx, cancel := context.WithTimeout(ctx, peekTime)
	defer cancel()
	seen, dead := map[string]int{}, map[string]int{}
	var rec Record
	for len(open) > 0 {
		fs := cl.PollFetches(ctx)
		if ctx.Err() != nil {
			break
		}
		for _, e := range fs.Errors() {
			if !transient(e.Err) { // a topic that may not be read is unread, not without dead letters
				delete(open, e.Topic)
				unread++
			}
		}
		var full []string
		fs.EachRecord(func(k *kgo.Record) {
			end, ok := open[k.Topic]
			if !ok {
				return
			}
			if k.Offset+1 >= end {
				delete(open, k.Topic)
				full = append(full, k.Topic)
			}
			if k.Attrs.IsControl() || k.Offset >= end {
				return
			}
			rec.fill(k)
			seen[k.Topic]++
			if d.cause(&rec, nil).dialect >= 0 {
				dead[k.Topic]++
			}
		})
		cl.PauseFetchTopics(full...)
	}
	for topic, n := range dead {
		if 2*n > seen[topic] {
			found = append(found, topic)
		}
	}
	slices.Sort(found)
	return found, unread + len(open), nil
}

// lastOffsets returns, of each topic that is not empty, the partition with most in it and the range of its last records.
// A partition without a leader says nothing of the others: silent counts the topics no partition of which was answered
// for.
func (c *Conn) lastOffsets(ctx context.Context, topics []string) (at map[string]Span, silent int, err error) {
	if len(topics) == 0 {
		return nil, 0, nil
	}
	start, err := c.Admin.ListStartOffsets(ctx, topics...)
	if err != nil && !inPart(err) {
		return nil, 0, err
	}
	stable, err := c.Admin.ListCommittedOffsets(ctx, topics...)
	if err != nil && !inPart(err) {
		return nil, 0, err
	}
	at = map[string]Span{}
	most := map[string]int64{} // of every topic that was answered for
	stable.Each(func(o kadm.ListedOffset) {
		s, ok := start.Lookup(o.Topic, o.Partition)
		if !ok || s.Err != nil || o.Err != nil || o.Offset < 0 || s.Offset < 0 {
			return
		}
		if n, seen := most[o.Topic]; seen && o.Offset-s.Offset <= n {
			return
		}
		if most[o.Topic] = o.Offset - s.Offset; most[o.Topic] == 0 {
			return
		}
		// A transaction's marker takes an offset too.
		at[o.Topic] = Span{Partition: o.Partition, Start: max(s.Offset, o.Offset-2*peekRecords), Stable: o.Offset}
	})
	return at, len(topics) - len(most), nil
}

// inPart reports whether some brokers answered.
func inPart(err error) bool {
	se, ok := errors.AsType[*kadm.ShardErrors](err)
	return ok && !se.AllFailed
}

// discover adds the topics that groups and content tell of to those found by catalog and name.
func (c *Conn) discover(ctx context.Context, d *Decoder, found map[string]*ListedTopic, others []kadm.TopicDetail, o ListOptions) (notes []string, err error) {
	all := slices.Collect(maps.Keys(found))
	for _, td := range others {
		all = append(all, td.Topic)
	}
	groups, err := c.byGroup(ctx, all)
	if err != nil {
		notes = append(notes, fmt.Sprintf("dead letter topics were not looked for by group: %v", err))
	}
	var rest []string
	for _, td := range others {
		if len(groups[td.Topic]) > 0 {
			found[td.Topic] = newRow(td)
		} else if td.Err == nil {
			rest = append(rest, td.Topic)
		}
	}
	for topic, g := range groups {
		if row := found[topic]; row != nil {
			row.FoundBy, row.Groups = append(row.FoundBy, foundByGroup), g
		}
	}
	if o.NoCount {
		return notes, nil
	}
	byContent, unread, err := c.byContent(ctx, d, rest)
	if cerr := ctx.Err(); cerr != nil {
		return nil, cerr
	}
	if err != nil {
		notes = append(notes, fmt.Sprintf("dead letter topics were not looked for by content: %v", err))
	} else if unread > 0 {
		notes = append(notes, fmt.Sprintf("topics that were not looked into: %d; name one to look", unread))
	}
	for _, td := range others {
		if slices.Contains(byContent, td.Topic) {
			found[td.Topic] = newRow(td)
		}
	}
	return notes, nil
}

func newRow(td kadm.TopicDetail) *ListedTopic {
	class, _ := CandidateName(td.Topic)
	return &ListedTopic{Topic: td.Topic, Class: class, Partitions: len(td.Partitions), Dialects: []string{}, FoundBy: []string{}, Groups: []string{}}
}
