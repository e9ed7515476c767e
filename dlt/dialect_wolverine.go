package dlt

// wolverine is Wolverine (.NET). Its names are generic: the exception alone is no proof, any application may write such
// headers.
func wolverine() dialect {
	return dialect{
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
	}
}
