package dlt

// karafka is Karafka Pro (Ruby); the free edition writes no headers at all.
func karafka() dialect {
	return dialect{
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
	}
}
