package dlt

// brighter is Brighter (.NET). OriginalTopic alone is no proof, the rejection is.
func brighter() dialect {
	return dialect{
		name: "brighter", timestamp: "death", failure: "handler", single: true,
		fields: []field{
			{"OriginalTopic", rTopic, ""},
			{"RejectionReason", rStage, ""},
			{"RejectionMessage", rMessage, ""},
			{"RejectionTimestamp", rStrip, ""},
		},
		require: []uint32{roles(rTopic, rStage), roles(rTopic, rMessage), roles(rTopic, rStrip)},
	}
}
