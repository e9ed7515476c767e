// Package dlt reads dead letters and puts them back.
//
// It decides what a dead letter tells (which framework wrote it, where the record came from, why and how often it
// died), which dead letters belong together, which of them a replay takes, and it carries that replay out so that a
// crash at any point neither loses nor doubles a record.
//
// It refuses to guess: a part that the record does not tell is unknown (nil), never zero. It refuses to run anything
// that is not written down in a plan first, and it never writes to, or commits offsets for, the dead letter topic
// itself, except for a purge that was asked for by name.
//
// The two types to know: [DeadLetter], what one record tells, and [Plan], what a replay will do.
package dlt

import "time"

// Header is one Kafka record header. A nil value is Kafka's null, an empty one is empty: frameworks write both.
type Header struct {
	Name  string
	Value []byte
}

// Record is one record as it lies in a topic, byte for byte. A nil Key or Value is Kafka's null.
type Record struct {
	Topic         string
	Partition     int32
	Offset        int64
	TimestampMS   int64  // milliseconds since 1970; -1 when the record has none
	TimestampType string // CreateTime, LogAppendTime or NoTimestampType
	Key           []byte
	Value         []byte
	Headers       []Header // in wire order, repeats kept
}

// Position names one record.
type Position struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`
}

// Event is one step of a long operation, for whoever shows progress. Every operation takes a nil-safe func(Event).
type Event struct {
	Stage string    // what is going on: read, plan, replay, wait, settle
	Done  int64     // records so far
	Total int64     // records in all; 0 when unknown
	Bytes int64     // payload bytes so far
	Note  string    // one line for a human, empty when there is nothing to say
	At    time.Time // by the injected clock
}

func emit(f func(Event), e Event) {
	if f != nil {
		f(e)
	}
}
