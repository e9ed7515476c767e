package dlt

import "encoding/base64"

// builtin is the table of dialects. Each row is what one framework writes, with the constants of its source; order
// only matters for equals: an earlier row wins when two dialects stand at the same place of a record.
func builtin() []dialect {
	return []dialect{
		{
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
		},
		{
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
		},
		{
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
			require: []uint32{roles(rTopic, rOffset), roles(rTopic, rPartition), roles(rTopic, rClass), roles(rTopic, rTrace)},
		},
		{
			// The same, written into the value in front of the payload (headerMode=embeddedHeaders).
			name: "spring-cloud-stream-embedded", timestamp: "death", failure: "listener", value: decodeEmbedded,
		},
		{
			name: "connect", timestamp: "origin", groupFrom: "connect-",
			fields: []field{
				{"__connect.errors.topic", rTopic, ""},
				{"__connect.errors.partition", rPartition, Text},
				{"__connect.errors.offset", rOffset, Text},
				{"__connect.errors.connector.name", rConnector, ""},
				{"__connect.errors.task.id", rTask, Text},
				{"__connect.errors.stage", rStage, ""},
				{"__connect.errors.class.name", rFailingClass, ""},
				{"__connect.errors.exception.class.name", rClass, ""},
				{"__connect.errors.exception.message", rMessage, ""},
				{"__connect.errors.exception.stacktrace", rTrace, ""},
			},
			prefixes: []string{"__connect.errors."},
			require:  []uint32{roles(rTopic, rOffset), roles(rTopic, rConnector), roles(rTopic, rStage), roles(rConnector, rStage)},
		},
		{
			// Before streams in the table: both share the prefix, and over a record that died in native Streams the
			// topic, partition and offset are this dialect's.
			name: "bakdata", timestamp: "origin", failure: "processing", single: true,
			fields: []field{
				{"__streams.errors.topic", rTopic, ""},
				{"__streams.errors.partition", rPartition, Text},
				{"__streams.errors.offset", rOffset, Text},
				{"__streams.errors.exception.class.name", rClass, ""},
				{"__streams.errors.exception.message", rMessage, ""},
				{"__streams.errors.exception.stack_trace", rTrace, ""},
				{"__streams.errors.description", rDescription, ""},
			},
			require: []uint32{roles(rClass, rTrace), roles(rClass, rDescription), roles(rTopic, rDescription), roles(rTopic, rClass)},
		},
		{
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
		},
		{
			name: "bakdata-avro", timestamp: "origin", failure: "processing", value: decodeBakdataAvro,
			note: "the value is a record about the failure; the input value in it is text, not the original bytes",
		},
		{
			name: "kstreamplify", timestamp: "origin", value: decodeKstreamplify,
			note: "the value is a record about the failure; only byteValue holds original bytes",
		},
		{
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
		},
		{
			name: "smallrye", timestamp: "death", failure: "listener", newest: newestFirst,
			fields: append([]field{
				{"dead-letter-topic", rTopic, ""},
				{"dead-letter-partition", rPartition, Text},
				{"dead-letter-offset", rOffset, Text},
				{"dead-letter-reason", rMessage, ""},
				{"dead-letter-exception-class-name", rClass, ""},
				{"dead-letter-cause", rCauseMessage, ""},
				{"dead-letter-cause-class-name", rCauseClass, ""},
			}, smallryeLeftovers()...),
			prefixes: []string{"deserialization-failure-"},
			require:  []uint32{roles(rTopic, rOffset), roles(rTopic, rClass), roles(rTopic, rMessage)},
			withheld: keyForValue,
		},
		{
			name: "smallrye-retry", timestamp: "death", failure: "listener", newest: newestFirst,
			hops: true, attempts: attemptsRetries,
			fields: append([]field{
				{"delayed-retry-topic", rTopic, ""},
				{"delayed-retry-partition", rPartition, Text},
				{"delayed-retry-offset", rOffset, Text},
				{"delayed-retry-reason", rMessage, ""},
				{"delayed-retry-exception-class-name", rClass, ""},
				{"delayed-retry-cause", rCauseMessage, ""},
				{"delayed-retry-cause-class-name", rCauseClass, ""},
				{"delayed-retry-count", rRetryCount, Text},
				{"delayed-retry-original-timestamp", rFirstTimestamp, Text},
				{"delayed-retry-first-processing-timestamp", rFirstProcessing, Text},
			}, smallryeLeftovers()...),
			prefixes: []string{"deserialization-failure-", "delayed-retry-"},
			require:  []uint32{roles(rTopic, rOffset), roles(rTopic, rClass), roles(rTopic, rRetryCount)},
			withheld: keyForValue,
		},
		{
			name: "watermill", timestamp: "death", failure: "handler", single: true,
			fields: []field{
				{"topic_poisoned", rTopic, ""},
				{"reason_poisoned", rMessage, ""},
				{"handler_poisoned", rHandler, ""},
				{"subscriber_poisoned", rStrip, ""},
			},
			require: []uint32{roles(rTopic, rMessage), roles(rTopic, rHandler), roles(rTopic, rStrip)},
			note:    "the key is lost unless the application kept it in the metadata",
		},
		{
			name: "karafka", timestamp: "death", single: true, attempts: attemptsDelivery,
			fields: []field{
				{"source_topic", rTopic, ""},
				{"source_partition", rPartition, Text},
				{"source_offset", rOffset, Text},
				{"source_consumer_group", rGroup, ""},
				{"source_attempts", rAttempts, Text},
				{"source_trace_id", rStrip, ""},
			},
			require: []uint32{roles(rTopic, rPartition, rOffset)},
		},
		{
			// Generic names: the exception alone is not proof, any application may write such headers.
			name: "wolverine", timestamp: "death", failure: "handler", single: true,
			fields: []field{
				{"original-destination", rTopic, URI},
				{"original-partition", rPartition, Text},
				{"original-offset", rOffset, Text},
				{"exception-type", rClass, ""},
				{"exception-message", rMessage, ""},
				{"exception-stack", rTrace, ""},
				{"failed-at", rStrip, ""},
			},
			require: []uint32{roles(rTopic, rClass), roles(rTopic, rOffset), roles(rClass, rMessage, rStrip)},
		},
		{
			name: "silverback", timestamp: "death", single: true, attempts: attemptsDelivery,
			fields: []field{
				{"x-source-topic", rTopic, ""},
				{"x-source-partition", rPartition, Text},
				{"x-source-offset", rOffset, Text},
				{"x-source-timestamp", rFirstTimestamp, ""}, // text of the application's culture, not milliseconds
				{"x-source-consumer-group-id", rGroup, ""},
				{"x-failure-reason", rMessage, ""},
				{"x-failed-attempts", rAttempts, Text},
			},
			require: []uint32{roles(rTopic, rOffset), roles(rTopic, rGroup), roles(rTopic, rMessage)},
		},
		{
			// OriginalTopic alone is no proof, the rejection is.
			name: "brighter", timestamp: "death", failure: "handler", single: true,
			fields: []field{
				{"OriginalTopic", rTopic, ""},
				{"RejectionReason", rStage, ""},
				{"RejectionMessage", rMessage, ""},
				{"RejectionTimestamp", rStrip, ""},
			},
			require: []uint32{roles(rTopic, rStage), roles(rTopic, rMessage), roles(rTopic, rStrip)},
		},
		{
			name: "confluent-rule", timestamp: "death",
			fields: []field{
				{"__rule.topic", rTopic, ""},
				{"__rule.name", rFailingClass, ""},
				{"__rule.mode", rStage, ""},
				{"__rule.subject", rConnector, ""},
				{"__rule.exception", rMessage, ""},
			},
			require: []uint32{roles(rTopic, rFailingClass), roles(rTopic, rMessage)},
			note:    "the value was written as JSON or text and may be redacted",
		},
		{
			name: "uber", timestamp: "death", key: decodeUberKey,
			note: "the original key lies inside the dead letter's key",
		},
	}
}

// smallryeLeftovers stay on the record after a failure to deserialize and would be taken for a new one.
func smallryeLeftovers() []field {
	return []field{
		{"deserialization-failure-key", rFailureKey, ""},
		{"deserialization-failure-key-data", rFailureKey, ""},
		{"deserialization-failure-value-data", rFailureValue, ""},
		{"deserialization-failure-data", rStrip, ""},
		{"deserialization-failure-deserializer", rStrip, ""},
		{"deserialization-failure-topic", rStrip, ""},
		{"deserialization-failure-reason", rStrip, ""},
	}
}

// keyForValue: SmallRye writes the key's bytes where the value was when the key cannot be deserialized.
func keyForValue(dl *DeadLetter, _ *Record) string {
	if deref(dl.Failure) == "key-deserialization" {
		return "the value is the key's bytes: the record has to be fetched from the origin"
	}
	return ""
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

// freedByStreams: Kafka Streams lets go of the source record before it sends an output, so an error that the producer
// reports later finds neither key nor value (RecordCollectorImpl.freeRawInputRecordFromContext).
func freedByStreams(dl *DeadLetter, r *Record) string {
	if deref(dl.Failure) == "production" && r.Key == nil && r.Value == nil {
		return "Kafka Streams had let go of the record: it has to be fetched from the origin"
	}
	return ""
}
