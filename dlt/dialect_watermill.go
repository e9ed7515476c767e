package dlt

// watermill is the PoisonQueue middleware of Watermill (Go).
func watermill() dialect {
	return dialect{
		name: "watermill", timestamp: "death", failure: "handler", single: true,
		fields: []field{
			{"topic_poisoned", rTopic, ""},
			{"reason_poisoned", rMessage, ""},
			{"handler_poisoned", rHandler, ""},
			{"subscriber_poisoned", rStrip, ""},
		},
		require: []uint32{roles(rTopic, rMessage), roles(rTopic, rHandler), roles(rTopic, rStrip)},
		note:    "the key is lost unless the application kept it in the metadata",
	}
}
