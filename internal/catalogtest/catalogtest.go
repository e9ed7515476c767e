// Package catalogtest generates catalogs of any size for benchmarks. It decides what a
// typical service's document looks like; it refuses nothing and reads nothing. The two
// functions to know are [Service] and [Services].
package catalogtest

import (
	"fmt"
	"strings"
	"testing/fstest"
)

// Service is the document of service n: AsyncAPI 3.0 with a number of messages, each
// with an example, filled up to about size bytes with further fields.
func Service(n, messages, size int) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "asyncapi: 3.0.0\nid: urn:example:svc%d\ninfo: {title: Service %d, version: 1.%d.0}\nx-owner: team-%d\n", n, n, n%9, n%40)
	b.WriteString("servers:\n  prod: {host: \"kafka.example:9093\", protocol: kafka-secure}\nchannels:\n")
	fmt.Fprintf(&b, "  events:\n    address: domain%d.service%d.events.v1\n    messages:\n", n%20, n)
	for m := range messages {
		fmt.Fprintf(&b, "      Event%d: {$ref: \"#/components/messages/Event%d\"}\n", m, m)
	}
	b.WriteString("    bindings: {kafka: {partitions: 6, replicas: 3, topicConfiguration: {retention.ms: 604800000, cleanup.policy: [delete]}, bindingVersion: 0.5.0}}\n")
	b.WriteString("operations:\n  publish: {action: send, channel: {$ref: \"#/channels/events\"}, bindings: {kafka: {x-principal: User:svc, bindingVersion: 0.5.0}}}\n")
	b.WriteString("components:\n  messages:\n")
	head := b.Len()
	per := (size - head) / messages
	for m := range messages {
		start := b.Len()
		fmt.Fprintf(&b, "    Event%d:\n      contentType: application/json\n      bindings: {kafka: {key: {type: string}, bindingVersion: 0.5.0}}\n      payload:\n        type: object\n        required: [id, at]\n        properties:\n          id: {type: string, minLength: 1}\n          at: {type: string, format: date-time}\n          amount: {type: number, minimum: 0}\n", m)
		fields := 0
		for b.Len()-start < per-150-16*fields {
			fmt.Fprintf(&b, "          field%d: {type: string, maxLength: 80, description: field %d of event %d}\n", fields, fields, m)
			fields++
		}
		b.WriteString("      examples:\n        - payload: {id: a-1, at: \"2026-01-01T00:00:00Z\", amount: 12.5")
		for f := range fields {
			fmt.Fprintf(&b, ", field%d: x", f)
		}
		b.WriteString("}\n")
	}
	return []byte(b.String())
}

// Services is a catalog of such documents, in 40 folders.
func Services(docs, messages, size int) fstest.MapFS {
	fs := fstest.MapFS{}
	for n := range docs {
		fs[fmt.Sprintf("team%02d/service%04d.yaml", n%40, n)] = &fstest.MapFile{Data: Service(n, messages, size)}
	}
	return fs
}
