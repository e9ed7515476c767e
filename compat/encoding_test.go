package compat

import "testing"

func TestContentTypesOfOneEncodingAreNoChange(t *testing.T) {
	for _, c := range []struct {
		was, is string
		want    bool
	}{
		{"application/json", "avro/binary", true},
		{"application/vnd.acme.order+json", "application/x-protobuf", true},
		{"application/avro", "Application/JSON; charset=utf-8", true},
		{"application/json", "application/vnd.acme+json;v=2", false},
		{"avro/binary", "application/vnd.apache.avro;version=1.9.0", false},
		{"application/vnd.apache.avro+json;version=1.9.0", "avro/binary", false},
		{"", "avro/binary", false},
		{"application/json", "", false},
		{"application/octet-stream", "text/plain", false},
	} {
		a, b := &Version{Content: Content{MediaType: c.was}}, &Version{Content: Content{MediaType: c.is}}
		got, sure := recoded(a, b)
		if back, _ := recoded(b, a); got != c.want || back != c.want || !sure {
			t.Errorf("recoded(%q, %q) = %v, %v, want %v", c.was, c.is, got, sure, c.want)
		}
	}
}
