package dlt

import "strings"

// spring is what the DeadLetterPublishingRecoverer of Spring Kafka writes. Single headers can be switched off by the
// application, so any two that no one else writes will do.
func spring() dialect {
	return dialect{
		name: "spring", timestamp: "death", failure: "listener",
		fields: []field{
			{"kafka_dlt-original-topic", rTopic, ""},
			{"kafka_dlt-original-partition", rPartition, Int32},
			{"kafka_dlt-original-offset", rOffset, Int64},
			{"kafka_dlt-original-timestamp", rTimestamp, Int64},
			{"kafka_dlt-original-timestamp-type", rTimestampType, ""},
			{"kafka_dlt-original-consumer-group", rGroup, ""},
			{"kafka_dlt-exception-fqcn", rClass, ""},
			{"kafka_dlt-exception-cause-fqcn", rCauseClass, ""},
			{"kafka_dlt-exception-message", rMessage, ""},
			{"kafka_dlt-exception-stacktrace", rTrace, ""},
			{"kafka_dlt-key-exception-fqcn", rKeyClass, ""},
			{"kafka_dlt-key-exception-message", rKeyMessage, ""},
			{"kafka_dlt-key-exception-stacktrace", rKeyTrace, ""},
		},
		prefixes: []string{"kafka_dlt-", "springDeserializerException"},
		// Single headers can be switched off by the application, so any two that no one else writes will do.
		require: []uint32{
			roles(rTopic, rOffset), roles(rTopic, rPartition), roles(rTopic, rClass), roles(rTopic, rCauseClass),
			roles(rTopic, rMessage), roles(rTopic, rTrace), roles(rTopic, rGroup), roles(rTopic, rKeyClass),
			roles(rOffset, rPartition), roles(rClass, rMessage), roles(rClass, rCauseClass), roles(rClass, rTrace),
			roles(rKeyClass, rKeyMessage), roles(rClass, rGroup), roles(rOffset, rClass),
		},
		classify: classifySpringKafka,
	}
}

const springDeserialization = "org.springframework.kafka.support.serializer.DeserializationException"

func classifySpringKafka(dl *DeadLetter, rd *reader) {
	classifySpring(dl, rd)
	// A first death writes its exception before its origin. The other way round, the origin was there already: the
	// application keeps only the first one (appendOriginalHeaders=false), and this is not the first death.
	if len(dl.Deaths) == 1 && rd.o[rTopic] >= 0 && rd.x[rClass] >= 0 && rd.o[rTopic] < rd.x[rClass] {
		dl.FirstOrigin = dl.Origin
		dl.Note = new("the origin is that of the first death; the newest one is not told (appendOriginalHeaders=false)")
	}
}

// classifySpring: the header's class is Spring's wrapper, its cause what the listener threw.
func classifySpring(dl *DeadLetter, rd *reader) {
	e := dl.Exception
	value := deref(e.Class) == springDeserialization || (e.Class != nil && deref(e.CauseClass) == springDeserialization && e.KeyClass == nil)
	key := deref(e.KeyClass) == springDeserialization || (e.KeyClass != nil && e.Class == nil)
	switch {
	case key && value:
		dl.Failure = new("key-and-value-deserialization")
	case key:
		dl.Failure = new("key-deserialization")
	case value:
		dl.Failure = new("value-deserialization")
	case strings.HasSuffix(deref(e.CauseClass), ".ConversionException") || strings.HasSuffix(deref(e.CauseClass), ".MessageConversionException"):
		dl.Failure = new("conversion")
	}
	if e.ThrownClass = e.CauseClass; e.ThrownClass == nil {
		e.ThrownClass = e.Class
	}
	rd.rootClass(e)
}
