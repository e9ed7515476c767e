package catalog

import "strings"

// Scaffold is a commented first document: one channel, its producer and a consumer
// with a dead-letter topic. It validates clean. team and domain are put in as they
// are, so they must be plain names.
func Scaffold(domain, team string) []byte {
	return []byte(strings.NewReplacer("DOMAIN", domain, "TEAM", team).Replace(scaffold))
}

const scaffold = `# One application: what it sends, what it receives, and who answers for it.
# weir catalog validate checks this file, weir plan shows what it means for a cluster.
asyncapi: 3.0.0
id: urn:example:DOMAIN
info:
  title: DOMAIN
  version: 1.0.0
  description: What this application does, in one sentence.
defaultContentType: application/json

# The team, not a person.
x-owner: TEAM

# Servers are clusters. weir selects one by its key or by its env: tag (--env dev).
servers:
  dev:
    host: localhost:9092
    protocol: kafka
    tags: [{name: "env:dev"}]

channels:
  # A channel written here is owned by this document: plan creates and changes its
  # topic. A channel of another document is reached with
  #   $ref: ../other/asyncapi.yaml#/channels/order
  # and gets rights, never settings.
  order:
    address: DOMAIN.order.v1
    description: One record for each order, keyed by the order's id.
    x-classification: internal # public, internal, confidential or restricted
    x-compatibility: ADDITIVE # fields may be added, none removed or changed
    messages:
      OrderPlaced:
        name: OrderPlaced
        headers:
          type: object
          properties:
            correlation-id: {type: string}
        correlationId:
          location: $message.header#/correlation-id
        payload:
          type: object
          required: [orderId, total]
          properties:
            orderId: {type: string}
            total: {type: number, minimum: 0}
            email: {type: string, x-pii: email} # personal data is marked on its field
        examples:
          - name: small
            payload: {orderId: o-1, total: 12.5}
        bindings:
          kafka:
            key: {type: string}
            bindingVersion: 0.5.0
    bindings:
      kafka:
        partitions: 6
        replicas: 3
        topicConfiguration:
          cleanup.policy: [delete]
          retention.ms: 604800000 # 7 days
          min.insync.replicas: 2
        # What differs on one server.
        x-env-server-overrides:
          dev: {partitions: 1, replicas: 1, topicConfiguration: {min.insync.replicas: 1}}
        bindingVersion: 0.5.0

operations:
  placeOrder:
    action: send
    channel: {$ref: "#/channels/order"}
    bindings:
      kafka:
        x-principal: User:DOMAIN # who writes; plan derives the rights from it
        bindingVersion: 0.5.0
  handleOrder:
    action: receive
    channel: {$ref: "#/channels/order"}
    bindings:
      kafka:
        groupId: {type: string, const: DOMAIN-handler}
        x-principal: User:DOMAIN-handler
        # Where this consumer puts what it cannot process. The topic is its own.
        x-error-topics:
          dlq:
            topic: DOMAIN.order.v1.DOMAIN-handler.dlt
            partitions: 6
            replicas: 3
            topicConfiguration:
              cleanup.policy: [delete]
              retention.ms: 2592000000 # 30 days
              min.insync.replicas: 2
        bindingVersion: 0.5.0
`
