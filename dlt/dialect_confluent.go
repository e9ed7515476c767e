package dlt

// confluentRule is the DlqAction of Confluent's data contracts.
func confluentRule() dialect {
	return dialect{
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
	}
}
