// Package lag tells who is behind, by how many records and for how long, and does
// the few operations on consumer groups that follow from the answer.
//
// It decides what lag means: committed offsets are read before the ends of the logs,
// a commit below the log's start counts from the start and is told as lost, one above
// the end is told as ahead, an open transaction or a control record is kept apart from
// data, and time lag is a bracket that the broker's time index proves. It decides a
// group's status from one reading or from a window of them.
//
// It refuses to invent: what could not be read stays unknown, has no number, and turns
// a total into a lower bound. It never joins a group, never moves the offsets of a live
// group and never creates a group by resetting one that does not exist.
//
// The two types to know are [Reader], which looks at a cluster, and [Report], which is
// what the look means.
package lag

import (
	"cmp"
	"time"

	"github.com/weirhq/weir/cluster"
)

// Kind is the protocol of a group, as the broker spells it in lower case. Kinds that
// weir does not know are kept as they are told.
type Kind string

// The kinds. Brokers before 3.8 do not tell a kind; theirs are all classic.
const (
	Classic  Kind = "classic"
	Consumer Kind = "consumer" // KIP-848
	Share    Kind = "share"    // KIP-932
	Streams  Kind = "streams"  // KIP-1071
)

// Partition names one partition of a topic.
type Partition struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
}

// Compare orders by topic and number.
func (p Partition) Compare(q Partition) int {
	return cmp.Or(cmp.Compare(p.Topic, q.Topic), cmp.Compare(p.Partition, q.Partition))
}

// Snapshot is one look at groups and the logs they read, before any judgement. Its
// offsets are as the broker gave them.
type Snapshot struct {
	// At is when the commits were asked for. EndsAt is when the ends were.
	At, EndsAt time.Time
	Groups     []Group // sorted by name
	Logs       map[Partition]Log
	Topics     map[string]Topic
	Coverage   Coverage
}

// Group is a group as its coordinator describes it.
type Group struct {
	Name         string
	Kind         Kind
	State        string // as the broker spells it; empty when not told
	ProtocolType string // "consumer", "connect", "share" ...; empty for offsets without members
	Assignor     string
	Coordinator  int32
	Members      []Member // sorted by instance id, then member id
	Commits      []Commit // sorted by topic and partition
	// DescribeErr is why state and members are unknown, Err why the offsets are.
	DescribeErr error
	Err         error
}

// consumes tells groups that read topics from those that only choose who does what, such
// as the workers of Kafka Connect.
func (g *Group) consumes() bool {
	return g.Kind != Classic || g.ProtocolType == "consumer" || g.ProtocolType == ""
}

// Member is one member of a group and what it owns.
type Member struct {
	ID         string
	InstanceID string // of a static member, else empty
	ClientID   string
	Host       string
	Subscribed []string
	Assigned   []Partition // sorted
}

// Commit is what a group committed for a partition.
type Commit struct {
	Partition
	// Offset is -1 when nothing was committed. For share groups it is the start offset,
	// below which everything is done.
	Offset      int64
	LeaderEpoch int32
	// Pending says that a transaction is about to replace Offset.
	Pending bool
	// ShareLag is what a share coordinator counts as lag itself; nil when it does not tell.
	ShareLag *int64
	// Unstarted says that a share group has no start offset yet: nobody has read the
	// partition for it, and where it will begin is open (KIP-932).
	Unstarted bool
	Err       error
}

// Log is the extent of a partition's log.
type Log struct {
	Start, LSO, HWM int64
	// Err is why the extent is unknown; the numbers mean nothing then.
	Err error
	// Rungs are the answers of the age ladder, oldest first; empty without a ladder.
	Rungs []Rung
	// Head maps an offset to what a fetch found there; nil without fetches.
	Head map[int64]Head
	// Leader is the broker that leads the partition, -1 when there is none.
	Leader int32
}

// Rung is one question of the age ladder: the first record at or after From.
type Rung struct {
	From time.Time
	// Offset is -1 when no record is that young. Then Time means nothing.
	Offset int64
	Time   time.Time
}

// Head is what a read_committed fetch found at an offset.
type Head struct {
	// Empty says that no record lies between the offset and the last stable offset:
	// only control records or aborted data.
	Empty bool
	// Offset and Time are of the first record.
	Offset int64
	Time   time.Time
	// Err is why the fetch told nothing.
	Err error
}

// Topic is what matters of a topic's settings. Unknown settings are nil.
type Topic struct {
	// Missing says that the broker knows no such topic any more.
	Missing bool
	// Err is why nothing is known.
	Err       error
	Compacted *bool
	// Cleanup is cleanup.policy as the broker spells it; empty when unknown.
	Cleanup string
	// LogAppendTime says that the broker stamps records, so that times are in order.
	LogAppendTime *bool
	Retention     *time.Duration // nil for unknown or unlimited
	Partitions    int32
}

// Coverage tells how much of the cluster answered.
type Coverage struct {
	Brokers  int       `json:"brokers"`
	Answered int       `json:"brokers_answered"`
	Failures []Failure `json:"failures"`
	// TopicsScope tells whether the groups may have committed on topics that this user may
	// not see: brokers leave those out and call it success. Null when it was not asked.
	TopicsScope *cluster.Scope `json:"topics_scope"`
}

// hidden is why commits may be missing; empty when none can be.
func (c Coverage) hidden() string {
	if c.TopicsScope == nil || c.TopicsScope.Proven() {
		return ""
	}
	return c.TopicsScope.Reason
}

// Complete reports whether every broker answered everything.
func (c Coverage) Complete() bool { return len(c.Failures) == 0 }

// Failure is one question that got no answer.
type Failure struct {
	Broker int32  `json:"broker"` // -1 when it is not one broker's
	What   string `json:"what"`   // "list groups", "describe 12 groups" ...
	Err    error  `json:"-"`
	Text   string `json:"error"`
}
