package dlt

// springRetry is what a chain of retry topics of Spring Kafka (@RetryableTopic) writes.
func springRetry() dialect {
	return dialect{
		name: "spring-retry", timestamp: "death", failure: "listener", attempts: attemptsNext,
		fields: []field{
			{"kafka_original-topic", rTopic, ""},
			{"kafka_original-partition", rPartition, Int32},
			{"kafka_original-offset", rOffset, Int64},
			{"kafka_original-timestamp", rTimestamp, Int64},
			{"kafka_original-timestamp-type", rTimestampType, ""},
			{"kafka_dlt-original-consumer-group", rGroup, ""},
			{"kafka_exception-fqcn", rClass, ""},
			{"kafka_exception-cause-fqcn", rCauseClass, ""},
			{"kafka_exception-message", rMessage, ""},
			{"kafka_exception-stacktrace", rTrace, ""},
			{"kafka_key-exception-fqcn", rKeyClass, ""},
			{"kafka_key-exception-message", rKeyMessage, ""},
			{"kafka_key-exception-stacktrace", rKeyTrace, ""},
			{"retry_topic-attempts", rAttempts, Attempts},
			{"retry_topic-backoff-timestamp", rNextDue, BigEndian},
			{"retry_topic-original-timestamp", rFirstTimestamp, BigEndian},
		},
		// retry_topic-* left on a replayed record sends it straight back to the dead letter topic.
		prefixes: []string{"retry_topic-", "kafka_original-", "kafka_exception-", "kafka_key-exception-", "springDeserializerException"},
		require: []uint32{
			roles(rTopic, rOffset), roles(rTopic, rPartition), roles(rTopic, rClass), roles(rTopic, rAttempts),
			roles(rAttempts, rNextDue), roles(rClass, rMessage), roles(rClass, rTrace), roles(rKeyClass, rKeyMessage),
		},
		classify: classifySpringRetry,
	}
}

func classifySpringRetry(dl *DeadLetter, rd *reader) {
	classifySpring(dl, rd)
	if *dl.Failure == "listener" && dl.Class == Dead && rd.trace.dltListener && len(dl.AttemptsHeader) > 1 {
		// A listener of the dead letter topic itself failed and sent the record round again: the count in the headers
		// went on, the deliveries did not, and how often it went round is not told.
		dl.Failure = new("dlt-handler")
		dl.Attempts = nil
	}
}
