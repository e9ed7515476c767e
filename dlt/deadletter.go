package dlt

// Class says what a topic of failed records is for.
type Class string

// A record is dead when nobody will deliver it again by itself, retry when it waits between two deliveries.
const (
	Dead  Class = "dead"
	Retry Class = "retry"
)

// Origin is where a record came from. A nil part is one that the dead letter does not tell.
type Origin struct {
	Topic       *string `json:"topic"`
	Partition   *int32  `json:"partition"`
	Offset      *int64  `json:"offset"`
	TimestampMS *int64  `json:"timestamp_ms"`
}

// Known reports whether the origin names one record.
func (o *Origin) Known() bool {
	return o != nil && o.Topic != nil && o.Partition != nil && o.Offset != nil
}

// Hop is one station of a chain of retry topics.
type Hop struct {
	Topic     *string `json:"topic"`
	Partition *int32  `json:"partition"`
	Offset    *int64  `json:"offset"`
}

// Exception is what the dead letter tells of the failure: header text as it stands, and what a stack trace adds.
type Exception struct {
	Class           *string  `json:"class"`
	CauseClass      *string  `json:"cause_class"`
	Message         *string  `json:"message"`
	CauseMessage    *string  `json:"cause_message"`
	KeyClass        *string  `json:"key_class"`
	KeyMessage      *string  `json:"key_message"`
	StacktraceChain []string `json:"stacktrace_chain"` // first line, then each "Caused by"; nil without a trace
	ThrownClass     *string  `json:"thrown_class"`     // what the application threw, nil where only wrappers are told
	RootClass       *string  `json:"root_class"`       // the last cause, nil where it cannot be known
}

// EarlierDeath is the newest death of another dialect on the same record.
type EarlierDeath struct {
	Dialect         string  `json:"dialect"`
	DeathsInHeaders int     `json:"deaths_in_headers"`
	Origin          *Origin `json:"origin"`
	ConsumerGroup   *string `json:"consumer_group"`
}

// Death is one entry of the chain, newest first.
type Death struct {
	Dialect    string  `json:"dialect"`
	Origin     *Origin `json:"origin"`
	Class      *string `json:"class"`
	CauseClass *string `json:"cause_class"`
	Message    *string `json:"message"`
}

// DeadLetter is what one record tells. A nil field is unknown: the record does not tell it.
type DeadLetter struct {
	Class               Class         `json:"class"`
	Dialect             *string       `json:"dialect"`
	Dialects            []string      `json:"dialects"` // newest first, only where there are two or more
	Origin              *Origin       `json:"origin"`
	FirstOrigin         *Origin       `json:"first_origin"` // only where the record died before
	OriginTimestampType *string       `json:"origin_timestamp_type"`
	ConsumerGroup       *string       `json:"consumer_group"`
	GroupInTopicName    *string       `json:"group_in_topic_name"`
	Failure             *string       `json:"failure"`
	FailingClass        *string       `json:"failing_class"`
	Task                *int64        `json:"task"`
	Handler             *string       `json:"handler"`
	Description         *string       `json:"description"`
	Exception           *Exception    `json:"exception"`
	Attempts            *int64        `json:"attempts"` // deliveries so far, the first one included
	AttemptsHeader      []int64       `json:"attempts_header"`
	CountHeader         *int64        `json:"count_header"`
	NextDueMS           *int64        `json:"next_due_ms"`
	Hops                []Hop         `json:"hops"` // newest first
	DeathsInHeaders     int           `json:"deaths_in_headers"`
	EarlierDeath        *EarlierDeath `json:"earlier_death"`
	Deaths              []Death       `json:"deaths"`
	TimestampIs         string        `json:"timestamp_is"` // death or origin
	EmbeddedHeaders     embedded      `json:"embedded_headers"`
	PayloadValue        *[]byte       `json:"payload_value_b64"` // the value behind embedded headers
	HeadersAfterReplay  []JSONHeader  `json:"headers_after_replay"`
	Problems            []string      `json:"problems"` // what could not be read, and why
	Unrecoverable       *string       `json:"unrecoverable"`
	Note                *string       `json:"note"`

	found    []int  // rows of the decoder's table, newest first
	drop     []bool // per header: not to be replayed; nil where it was not worked out
	restored wrapped
}

func deref[T any](p *T) T {
	var zero T
	if p == nil {
		return zero
	}
	return *p
}
