package lag

import (
	"encoding/json"
	"slices"
	"time"
)

// Status is the state of a partition, a topic or a group as one word. The zero value is
// no status: there is nothing to judge, such as under a deleted topic.
type Status string

// The statuses, worst first. The first that applies is the one told.
const (
	Unknown     Status = "UNKNOWN"     // something could not be read
	Lost        Status = "LOST"        // records were deleted before they were read
	Ahead       Status = "AHEAD"       // the commit lies above the end of the log
	Rewind      Status = "REWIND"      // the commit fell and has not come back
	Stopped     Status = "STOPPED"     // records wait and nobody owns the partition
	Stalled     Status = "STALLED"     // records wait, there is an owner, the commit stands still
	Rebalancing Status = "REBALANCING" // the group is choosing who reads what
	Blocked     Status = "BLOCKED"     // an open transaction holds read_committed readers
	AtRisk      Status = "AT_RISK"     // retention may delete records before they are read
	Behind      Status = "BEHIND"      // older than the objective, or growing all the time
	Never       Status = "NEVER"       // owned, and nothing was ever committed
	OK          Status = "OK"
	Idle        Status = "IDLE" // nothing to read and nothing written
	None        Status = ""
)

// Statuses lists all of them, worst first.
func Statuses() []Status {
	return []Status{Unknown, Lost, Ahead, Rewind, Stopped, Stalled, Rebalancing, Blocked, AtRisk, Behind, Never, OK, Idle}
}

// rank orders statuses, worst first; no status is last.
func (s Status) rank() int {
	if i := slices.Index(Statuses(), s); i >= 0 {
		return i
	}
	return len(Statuses())
}

// Worse reports whether s comes before t in the list.
func (s Status) Worse(t Status) bool { return s.rank() < t.rank() }

// Bad reports whether somebody should look.
func (s Status) Bad() bool { return s.rank() < Never.rank() && s != Rebalancing }

// MarshalJSON writes null for no status.
func (s Status) MarshalJSON() ([]byte, error) {
	if s == None {
		return []byte("null"), nil
	}
	return json.Marshal(string(s))
}

// By is what the rows of a report stand for.
type By string

// The granularities.
const (
	ByGroup     By = "group"
	ByTopic     By = "topic"
	ByPartition By = "partition"
	ByMember    By = "member"
)

// Report is what a snapshot means. Its JSON names carry units; null is unknown.
type Report struct {
	At        time.Time `json:"at"` // RFC 3339, UTC
	ClusterID *string   `json:"cluster_id"`
	By        By        `json:"by"`
	// WindowMS is how long the groups have been watched; null for one reading.
	WindowMS *int64 `json:"window_ms"`
	// NotJudged are the statuses that this reading could not see.
	NotJudged []Status   `json:"statuses_not_judged"`
	Groups    []GroupLag `json:"groups"`
	Total     Figures    `json:"total"`
	Coverage  Coverage   `json:"coverage"`
	Gate      *Gate      `json:"gate"` // null when no gate was asked for
	// HasObjectives tells whether the catalog promises anything of these groups.
	HasObjectives bool `json:"has_objectives"`
}

// Figures are what rows of every granularity have in common. A sum over partitions of
// which some are unknown is a lower bound and says so.
type Figures struct {
	Partitions int `json:"partitions"`
	// Unread counts partitions that could not be read, Never those that are owned by a
	// member, hold records, and were never committed; both make sums lower bounds.
	Unread  int  `json:"partitions_unknown"`
	Never   int  `json:"partitions_never_committed"`
	Deleted int  `json:"partitions_deleted"`
	AtLeast bool `json:"at_least"`
	// Approximate says that offsets overstate the records: a compacted topic, or a
	// commit about to be replaced.
	Approximate bool `json:"approximate"`

	Lag       *int64 `json:"lag_records"`
	Stable    *int64 `json:"lag_stable_records"`
	Effective *int64 `json:"lag_effective_records"`
	Pinned    *int64 `json:"pinned_records"`
	Lost      *int64 `json:"lost_records"`
	Ahead     *int64 `json:"ahead_records"`

	// RetentionRatio is lag / (end - start), the largest of the partitions.
	RetentionRatio *float64 `json:"retention_ratio"`
	// Age is that of the partition which is furthest behind in time.
	Age         *Age     `json:"age"`
	Produced    *float64 `json:"produced_per_second"`
	Consumed    *float64 `json:"consumed_per_second"`
	CatchUp     *CatchUp `json:"catch_up"`
	LossInMS    *int64   `json:"loss_in_ms"` // the soonest; null when not predicted
	Status      Status   `json:"status"`
	gateLag     *int64
	gateUnknown int
	ageUnknown  int
	hidden      string // why commits may be missing; empty when none can be
}

// withoutLag takes away the sums of nothing.
func (f *Figures) withoutLag() {
	f.Lag, f.Stable, f.Effective, f.Pinned, f.Lost, f.Ahead, f.gateLag = nil, nil, nil, nil, nil, nil, nil
}

// Age brackets how old the first unread record is.
type Age struct {
	MinMS int64 `json:"min_ms"`
	// MaxMS is null when nothing bounds the age from above.
	MaxMS *int64 `json:"max_ms"`
	Exact bool   `json:"exact"`
	// MaxUnsure says that MaxMS holds only if timestamps are in the order of offsets,
	// which producers' own clocks do not promise.
	MaxUnsure bool `json:"max_unsure"`
}

// CatchUp tells when the lag is gone at the present rates.
type CatchUp struct {
	// Never says that the group does not gain on its producers.
	Never bool   `json:"never"`
	MS    *int64 `json:"ms"` // null when Never
}

// GroupLag is the lag of one group.
type GroupLag struct {
	Group       string  `json:"group"`
	Kind        Kind    `json:"type"`
	State       *string `json:"state"`
	Members     *int    `json:"members"`
	IdleMembers *int    `json:"idle_members"`
	Owner       *string `json:"owner"`
	Coordinator int32   `json:"coordinator_id"`
	Figures
	// Topics, Rows and ByMember are filled as the granularity asks.
	Topics    []TopicLag     `json:"topics,omitempty"`
	Rows      []PartitionLag `json:"rows,omitempty"`
	ByMember  []MemberLag    `json:"by_member,omitempty"`
	Notes     []string       `json:"notes"`
	Error     *string        `json:"error"`
	Protocol  string         `json:"protocol_type"`
	Assignor  string         `json:"assignor"`
	Instances []string       `json:"static_members"`
	consumes  bool
}

// TopicLag is the lag of one group on one topic.
type TopicLag struct {
	Topic string  `json:"topic"`
	Owner *string `json:"owner"`
	// ObjectiveAgeMS and ObjectiveRecords are the catalog's x-slo.
	ObjectiveAgeMS   *int64 `json:"objective_age_ms"`
	ObjectiveRecords *int64 `json:"objective_records"`
	Figures
}

// MemberLag is the lag of what one member owns. The member without an id stands for
// what nobody owns.
type MemberLag struct {
	MemberID   string `json:"member_id"`
	InstanceID string `json:"instance_id"`
	ClientID   string `json:"client_id"`
	Host       string `json:"host"`
	Figures
}

// PartitionLag is the lag of one group on one partition.
type PartitionLag struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	// Committed is null when nothing was committed or the commit could not be read;
	// NeverCommitted tells which.
	Committed      *int64 `json:"current_offset"`
	NeverCommitted bool   `json:"never_committed"`
	Start          *int64 `json:"log_start_offset"`
	LSO            *int64 `json:"last_stable_offset"`
	End            *int64 `json:"log_end_offset"`

	Lag       *int64 `json:"lag_records"`
	Stable    *int64 `json:"lag_stable_records"`
	Effective *int64 `json:"lag_effective_records"`
	Pinned    *int64 `json:"pinned_records"`
	Lost      *int64 `json:"lost_records"`
	Ahead     *int64 `json:"ahead_records"`
	Margin    *int64 `json:"margin_records"`
	// IfEarliest and IfLatest are the lags of a partition that was never committed,
	// should the reader start at either end.
	IfEarliest     *int64   `json:"lag_if_earliest_records"`
	IfLatest       *int64   `json:"lag_if_latest_records"`
	RetentionRatio *float64 `json:"retention_ratio"`
	Approximate    bool     `json:"approximate"`
	TopicDeleted   bool     `json:"topic_deleted"`

	Age      *Age     `json:"age"`
	Produced *float64 `json:"produced_per_second"`
	Consumed *float64 `json:"consumed_per_second"`
	CatchUp  *CatchUp `json:"catch_up"`
	LossInMS *int64   `json:"loss_in_ms"`

	MemberID   *string  `json:"member_id"`
	InstanceID *string  `json:"instance_id"`
	ClientID   *string  `json:"client_id"`
	Host       *string  `json:"host"`
	Status     Status   `json:"status"`
	Notes      []string `json:"notes"`
	Error      *string  `json:"error"`

	owner *Member
}
