package dlt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
)

// role says what a header tells. Roles fall into groups that frameworks write (and rewrite) together.
type role uint8

const (
	rTopic role = iota // origin group
	rPartition
	rOffset
	rTimestamp
	rTimestampType
	rGroup
	rClass // exception group
	rCauseClass
	rMessage
	rCauseMessage
	rTrace
	rKeyClass
	rKeyMessage
	rKeyTrace
	rStage
	rFailingClass
	rTask
	rConnector
	rHandler
	rDescription
	rAttempts // hop group
	rNextDue
	rRetryCount
	rFirstTimestamp
	rFirstProcessing
	rFailureKey // markers and leftovers
	rFailureValue
	rStrip
	numRoles
)

func (r role) group() uint8 {
	switch {
	case r <= rGroup:
		return groupOrigin
	case r <= rDescription:
		return groupException
	case r <= rFirstProcessing:
		return groupHop
	}
	return groupNone
}

const (
	groupOrigin = iota
	groupException
	groupHop
	groupNone
	numGroups
)

func roles(rs ...role) uint32 {
	var m uint32
	for _, r := range rs {
		m |= 1 << r
	}
	return m
}

// Encoding says how a number lies in a header. A known dialect fixes it: the eight ASCII bytes 12345678 are a valid
// 64-bit integer too, so nothing is ever guessed for a dialect of the table.
type Encoding string

// The encodings in use by the frameworks of the table.
const (
	Text      Encoding = "text"       // decimal digits
	BigEndian Encoding = "big-endian" // two's complement of 1 to 8 bytes, most significant first
	Int32     Encoding = "int32"      // 4 bytes, big-endian
	Int64     Encoding = "int64"      // 8 bytes, big-endian
	Attempts  Encoding = "attempts"   // int32, or one unsigned byte in old releases
	Guess     Encoding = "guess"      // digits if all are ASCII digits, else 1, 4 or 8 bytes; only for user profiles
	URI       Encoding = "uri"        // kafka://topic/NAME
)

// field is one header of a dialect.
type field struct {
	name string
	role role
	enc  Encoding // empty: text that is shown, not counted
}

// order says which repeat of a header belongs to the newest death.
type order uint8

const (
	newestLast order = iota
	newestFirst
)

// dialect is one row of the table: how one framework writes a dead letter. Nothing outside of the rows knows a framework
// by name.
type dialect struct {
	name      string
	fields    []field
	prefixes  []string // further headers to remove before a replay
	require   []uint32 // any of these sets of roles proves the dialect; never the topic header alone
	newest    order
	timestamp string // what the dead letter's own timestamp is: death or origin
	failure   string // what failed, where the dialect implies it
	groupFrom string // prefix that turns the connector's name into the consumer group
	hops      bool   // the origins are hops between deliveries; the oldest one's topic is where deaths start
	single    bool   // written once per record and replaced, never appended
	attempts  attemptRule
	value     valueFunc // dialect inside the value
	key       keyFunc   // dialect inside the key
	note      string    // what a reader must know before a replay

	// classify says what failed, what the application threw and what the root cause was; nil for [classifyPlain].
	classify func(*DeadLetter, *reader)

	// withheld says why the record itself is not in the dead letter and has to be fetched from its origin; empty where it
	// is there.
	withheld func(*DeadLetter, *Record) string
}

type attemptRule uint8

const (
	attemptsUnknown  attemptRule = iota
	attemptsNext                 // the header is the number of the next delivery
	attemptsRetries              // the header counts retries: deliveries are one more
	attemptsDelivery             // the header counts deliveries
)

func (d *dialect) field(r role) (field, bool) {
	for _, f := range d.fields {
		if f.role == r {
			return f, true
		}
	}
	return field{}, false
}

var errAbsent = errors.New("absent")

// number decodes a header value by its encoding.
func number(b []byte, enc Encoding) (int64, error) {
	if b == nil {
		return 0, errAbsent
	}
	switch enc {
	case Int32:
		if len(b) != 4 {
			return 0, fmt.Errorf("want 4 bytes, have %d", len(b))
		}
		return int64(int32(binary.BigEndian.Uint32(b))), nil // #nosec G115 -- reinterpreting the wire's two's complement
	case Int64:
		if len(b) != 8 {
			return 0, fmt.Errorf("want 8 bytes, have %d", len(b))
		}
		return int64(binary.BigEndian.Uint64(b)), nil // #nosec G115 -- as above
	case Attempts:
		if len(b) == 1 {
			return int64(b[0]), nil
		}
		return number(b, Int32)
	case BigEndian:
		if len(b) == 0 || len(b) > 8 {
			return 0, fmt.Errorf("want 1 to 8 bytes, have %d", len(b))
		}
		n := int64(int8(b[0])) // the first byte carries the sign
		for _, c := range b[1:] {
			n = n<<8 | int64(c)
		}
		return n, nil
	case Guess:
		if isDigits(b) {
			return number(b, Text)
		}
		switch len(b) {
		case 1:
			return int64(b[0]), nil
		case 4:
			return number(b, Int32)
		case 8:
			return number(b, Int64)
		}
		return 0, fmt.Errorf("neither digits nor 1, 4 or 8 bytes: %d bytes", len(b))
	default:
		if len(b) > 20 {
			return 0, fmt.Errorf("want decimal digits, have %d bytes", len(b))
		}
		n, err := strconv.ParseInt(string(b), 10, 64)
		if err != nil {
			return 0, errors.New("want decimal digits")
		}
		return n, nil
	}
}

func isDigits(b []byte) bool {
	if len(b) == 0 || len(b) > 19 {
		return false
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}
