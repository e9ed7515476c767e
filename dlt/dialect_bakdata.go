package dlt

// bakdata is what the error handling library of bakdata writes into headers. It comes before streams in the table: both
// share the prefix, and over a record that died in native Streams the topic, partition and offset are this one's.
func bakdata() dialect {
	return dialect{
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
	}
}
