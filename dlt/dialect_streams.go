package dlt

import "strings"

// streams is what Kafka Streams writes itself, since 4.2 (KIP-1034).
func streams() dialect {
	return dialect{
		name: "streams", timestamp: "origin",
		fields: []field{
			{"__streams.errors.topic", rTopic, ""},
			{"__streams.errors.partition", rPartition, Text},
			{"__streams.errors.offset", rOffset, Text},
			{"__streams.errors.exception", rClass, ""},
			{"__streams.errors.message", rMessage, ""},
			{"__streams.errors.stacktrace", rTrace, ""},
		},
		require:  []uint32{roles(rTopic, rClass), roles(rTopic, rTrace), roles(rClass, rTrace), roles(rClass, rMessage)},
		withheld: freedByStreams,
		classify: classifyStreams,
	}
}

func classifyStreams(dl *DeadLetter, rd *reader) {
	dl.Failure = streamsFailure(deref(dl.Exception.Class), rd.trace)
	classifyPlain(dl, rd)
}

// streamsFailure tells the three handlers of Kafka Streams apart; only the trace shows which one it was.
func streamsFailure(class string, t traceFacts) *string {
	switch {
	case t.streamsDeserializer:
		return new("deserialization")
	case t.streamsCollector:
		return new("production")
	case len(t.chain) > 0 && !t.frames && strings.HasPrefix(class, "org.apache.kafka."):
		// The broker's answers are thrown without frames.
		return new("production")
	case len(t.chain) > 0:
		return new("processing")
	}
	return nil
}

// freedByStreams: Kafka Streams lets go of the source record before it sends an output, so an error that the producer
// reports later finds neither key nor value (RecordCollectorImpl.freeRawInputRecordFromContext).
func freedByStreams(dl *DeadLetter, r *Record) string {
	if deref(dl.Failure) == "production" && r.Key == nil && r.Value == nil {
		return "Kafka Streams had let go of the record: it has to be fetched from the origin"
	}
	return ""
}
