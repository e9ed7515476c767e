package dlt

import (
	"slices"
	"strings"
)

// cloudStream is what the Kafka binder of Spring Cloud Stream writes.
func cloudStream() dialect {
	return dialect{
		name: "spring-cloud-stream", timestamp: "death", failure: "listener",
		fields: []field{
			{"x-original-topic", rTopic, ""},
			{"x-original-partition", rPartition, Int32},
			{"x-original-offset", rOffset, Int64},
			{"x-original-timestamp", rTimestamp, Int64},
			{"x-original-timestamp-type", rTimestampType, ""},
			{"x-exception-fqcn", rClass, ""},
			{"x-exception-message", rMessage, ""},
			{"x-exception-stacktrace", rTrace, ""},
		},
		require:  []uint32{roles(rTopic, rOffset), roles(rTopic, rPartition), roles(rTopic, rClass), roles(rTopic, rTrace)},
		classify: classifyCloudStream,
	}
}

// cloudStreamEmbedded is the same, written into the value in front of the payload (headerMode=embeddedHeaders).
func cloudStreamEmbedded() dialect {
	return dialect{
		name: "spring-cloud-stream-embedded", timestamp: "death", failure: "listener", value: decodeEmbedded,
		classify: classifyCloudStream,
	}
}

// classifyCloudStream: the header's class is always a wrapper, what was thrown stands in the trace only; the group stands
// in the topic's name only, error.TOPIC.GROUP, where TOPIC is that of the newest or of an older death.
func classifyCloudStream(dl *DeadLetter, rd *reader) {
	e, t := dl.Exception, rd.trace
	for i, c := range t.chain {
		if isWrapper(c) && i < len(t.chain)-1 {
			continue
		}
		e.ThrownClass = &t.chain[i]
		break
	}
	thrown := deref(e.ThrownClass)
	if thrown == "java.lang.ClassCastException" && strings.Contains(deref(e.Message), "class [B cannot be cast") ||
		strings.HasSuffix(thrown, "ConversionException") || strings.HasSuffix(thrown, ".ConversionFailedException") {
		dl.Failure = new("conversion")
	}
	origins := []*Origin{dl.Origin}
	for i := range dl.Deaths {
		origins = append(origins, dl.Deaths[i].Origin)
	}
	for _, o := range slices.Backward(origins) {
		if o == nil || o.Topic == nil {
			continue
		}
		if g, ok := strings.CutPrefix(rd.r.Topic, "error."+*o.Topic+"."); ok && g != "" {
			dl.GroupInTopicName = &g
		}
	}
	rd.rootClass(e)
}
