package protobuf

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirhq/weir/catalog"
	"github.com/weirhq/weir/compat"
)

func TestMisfits(t *testing.T) {
	const shipment = `syntax = "proto3"; package shop;
import "google/protobuf/timestamp.proto"; import "google/protobuf/any.proto";
message Shipment {
  string sku = 1; int64 weight = 2; repeated Line lines = 3; google.protobuf.Timestamp at = 4; google.protobuf.Any any = 5; bytes raw = 6; S s = 7; int32 line_count = 8;
  message Line { string sku = 1; int32 quantity = 2; }
  enum S { OPEN = 0; SENT = 1; }
}`
	const two = `syntax = "proto2"; message A { required string a = 1; } message B { required string b = 1; }`
	const required = `syntax = "proto2"; message A { required string a = 1; }`
	for _, c := range []struct{ schema, example, pointer, message string }{
		{shipment, `{"sku":"ü","weight":"12","lines":[{"sku":"a","quantity":1}],"at":"2026-01-31T08:00:00Z","raw":"aGk=","s":"SENT","lineCount":1}`, "", ""},
		{shipment, `{"weight":12,"s":1,"line_count":1}`, "", ""},
		{shipment, `{"any":{"@type":"type.googleapis.com/shop.Shipment","sku":"a"}}`, "", ""},
		{shipment, `{"any":{"@type":"type.googleapis.com/shop.Unknown","sku":3}}`, "", ""},
		{shipment, `{"any":{"@type":"type.googleapis.com/shop.Shipment","sku":3}}`, "/any/sku", "invalid value for string field sku: 3"},
		{shipment, `{"sku":"ü","lines":[{"sku":"a"},{"quantity":"x"}]}`, "/lines/1/quantity", `invalid value for int32 field quantity: "x"`},
		{shipment, `{"sku":"ü","a/b":1}`, "/a~1b", `unknown field "a/b"`},
		{shipment, `{"s":"LOST"}`, "/s", `invalid value for enum field s: "LOST"`},
		{shipment, `{"lines":{}}`, "/lines", "unexpected token {"},
		{shipment, `3`, "", "unexpected token 3"},
		{required, `{}`, "", "required field A.a not set"},
		{two, `{"b":"x"}`, "", ""},
		{two, `{"c":"x"}`, "", "the value is none of the 2 messages of the schema"},
	} {
		p, err := New(Config{}).Parse(t.Context(), compat.Schema{Text: []byte(c.schema)})
		if err != nil {
			t.Fatal(err)
		}
		var want []catalog.Misfit
		if c.message != "" {
			m := catalog.Misfit{Pointer: c.pointer, OnKey: strings.HasPrefix(c.message, "unknown field"), Message: c.message}
			switch c.schema {
			case shipment:
				m.Message += " (JSON form of shop.Shipment)"
			case required:
				m.Message += " (JSON form of A)"
			}
			want = append(want, m)
		}
		if diff := cmp.Diff(want, p.(catalog.Judge).Misfits([]byte(c.example))); diff != "" {
			t.Errorf("%s: %s", c.example, diff)
		}
	}
}
