package dlt

// connect is what the sinks of Kafka Connect write (KIP-298), where errors.deadletterqueue.context.headers.enable is set.
func connect() dialect {
	return dialect{
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
	}
}
