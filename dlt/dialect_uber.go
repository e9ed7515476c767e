package dlt

import (
	"bytes"
	"math"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// uber is what Uber's kafka-client and uForwarder write: the key is replaced.
func uber() dialect {
	return dialect{
		name: "uber", timestamp: "death", key: decodeUberKey,
		note: "the original key lies inside the dead letter's key",
	}
}

// decodeUberKey reads the key of Uber's kafka-client and uForwarder: a Protobuf message
// {1 retry_count, 2 topic, 3 partition, 4 offset, 5 timestamp_ns, 6 original key, 7 timeout_count}.
// Any short byte string may parse as Protobuf, so the origin must be whole and plausible.
func decodeUberKey(r *Record) (w wrapped, ok bool) {
	b := r.Key
	if len(b) < 8 {
		return w, false
	}
	var (
		topic             string
		partition, offset uint64
		ns, retries       uint64
		key               []byte
		seen              uint8
	)
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 || num > 7 || num < 1 {
			return w, false
		}
		b = b[n:]
		switch {
		case (num == 2 || num == 6) && typ == protowire.BytesType:
			v, n := protowire.ConsumeBytes(b)
			if n < 0 {
				return w, false
			}
			b = b[n:]
			if num == 2 {
				topic = string(v)
			} else {
				key = bytes.Clone(v)
			}
		case num != 2 && num != 6 && typ == protowire.VarintType:
			v, n := protowire.ConsumeVarint(b)
			if n < 0 {
				return w, false
			}
			b = b[n:]
			switch num {
			case 1:
				retries = v
			case 3:
				partition = v
			case 4:
				offset = v
			case 5:
				ns = v
			}
		default:
			return w, false
		}
		seen |= 1 << num
	}
	// A zero is not written, so partition and offset may be missing; topic and time may not.
	if !topicName(topic) || seen&(1<<5) == 0 || partition > math.MaxInt32 || offset > math.MaxInt64 || ns > math.MaxInt64 {
		return w, false
	}
	ms := time.Unix(0, int64(ns)).UnixMilli() // #nosec G115 -- bounded above
	if ms < year2000 {
		return w, false
	}
	p, off := int32(partition), int64(offset) // #nosec G115 -- bounded above
	w = wrapped{
		origin: &Origin{Topic: &topic, Partition: &p, Offset: &off, TimestampMS: &ms},
		key:    key, hasKey: true,
	}
	if retries > 0 && retries < 1<<20 {
		w.attempts = new(int64(retries))
	}
	return w, true
}

// topicName reports whether s may be the name of a topic.
func topicName(s string) bool {
	if s == "" || len(s) > 249 || s == "." || s == ".." {
		return false
	}
	for _, c := range []byte(s) {
		if kindOf(c) == other && c != '.' && c != '_' && c != '-' {
			return false
		}
	}
	return true
}
