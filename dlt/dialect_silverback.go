package dlt

// silverback is the move policy of Silverback (.NET).
func silverback() dialect {
	return dialect{
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
	}
}
