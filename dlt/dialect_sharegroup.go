package dlt

import "encoding/base64"

// shareGroup is what the broker writes for share groups, since 4.4 (KIP-1191).
func shareGroup() dialect {
	return dialect{
		name: "share-group", timestamp: "death", single: true, attempts: attemptsDelivery,
		fields: []field{
			{"__dlq.errors.topic", rTopic, ""}, // the topic id where the broker could not look the name up
			{"__dlq.errors.partition", rPartition, Text},
			{"__dlq.errors.offset", rOffset, Text},
			{"__dlq.errors.group", rGroup, ""},
			{"__dlq.errors.delivery.count", rAttempts, Text},
			{"__dlq.errors.message", rMessage, ""},
		},
		prefixes: []string{"__dlq.errors."},
		require:  []uint32{roles(rTopic, rOffset), roles(rTopic, rGroup)},
		note:     "the broker copies no headers, and no key and value unless told to",
		withheld: notCopied,
	}
}

// notCopied: the broker copies the record of a share group only where it is told to.
func notCopied(dl *DeadLetter, r *Record) string {
	if dl.Origin != nil && topicID(deref(dl.Origin.Topic)) {
		dl.Problems = append(dl.Problems, "the origin is told as a topic id, not as a name")
	}
	if r.Key == nil && r.Value == nil {
		return "the dead letter has no payload: it has to be fetched from the origin"
	}
	return ""
}

// topicID reports whether s reads as a topic id: 16 bytes in base64 without padding.
func topicID(s string) bool {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return err == nil && len(b) == 16
}
