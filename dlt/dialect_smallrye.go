package dlt

// smallrye is the failure strategy dead-letter-queue of SmallRye Reactive Messaging, which Quarkus uses.
func smallrye() dialect {
	return dialect{
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
		classify: classifySmallRye,
	}
}

// smallryeRetry is its failure strategy delayed-retry-topic.
func smallryeRetry() dialect {
	return dialect{
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
		classify: classifySmallRye,
	}
}

// classifySmallRye: a method that throws leaves wrappers only, and there is no trace.
func classifySmallRye(dl *DeadLetter, rd *reader) {
	key, value := rd.seen&roles(rFailureKey) != 0, rd.seen&roles(rFailureValue) != 0
	switch {
	case key && value:
		dl.Failure = new("key-and-value-deserialization")
	case key:
		dl.Failure = new("key-deserialization")
	case value:
		dl.Failure = new("value-deserialization")
	}
	if e := dl.Exception; e.Class != nil && !isWrapper(*e.Class) {
		e.ThrownClass = e.Class
		if e.CauseClass == nil {
			e.RootClass = e.Class
		}
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
