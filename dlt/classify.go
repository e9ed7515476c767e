package dlt

import "regexp"

// retryName matches the topics between two deliveries: orders-retry-200, orders_retry_5000, orders-retry.
var retryName = regexp.MustCompile(`(?i)[._-]retry(?:[._-]\d+)*$`)

// deadName matches names that people and frameworks give to dead letter topics. A name only ever proposes a
// candidate; what a record is, its headers say.
var deadName = regexp.MustCompile(`(?i)(?:[._-](?:dlt|dlq|deadletters?|dead[._-]?letters?|dead|errors?|poison)$)|(?:^(?:dlq|dlt|error|dead[._-]letter(?:[._-]topic)?)[._-])|(?:[._-](?:dlt|dlq)[._-])|(?:dead-letter-queue$)`)

func classOf(topic string) Class {
	if retryName.MatchString(topic) {
		return Retry
	}
	return Dead
}

func looksDead(topic string) bool { return topic != "" && deadName.MatchString(topic) }

// CandidateName reports whether a topic's name proposes it as a dead letter or retry topic.
func CandidateName(topic string) (Class, bool) {
	if retryName.MatchString(topic) {
		return Retry, true
	}
	return Dead, looksDead(topic)
}

// isWrapper reports whether a class is one that frameworks put around what an application threw.
func isWrapper(class string) bool {
	switch class {
	case "org.springframework.kafka.listener.ListenerExecutionFailedException",
		"org.springframework.kafka.listener.TimestampedException",
		"org.springframework.messaging.MessageHandlingException",
		"org.springframework.messaging.MessagingException",
		"org.springframework.messaging.MessageDeliveryException",
		"org.springframework.core.retry.RetryException",
		"org.springframework.retry.ExhaustedRetryException",
		"io.smallrye.reactive.messaging.providers.ProcessingException",
		"java.lang.reflect.InvocationTargetException",
		"java.lang.reflect.UndeclaredThrowableException",
		"java.util.concurrent.CompletionException",
		"java.util.concurrent.ExecutionException",
		"org.apache.kafka.streams.errors.StreamsException":
		return true
	}
	return false
}

// classify says what failed, what the application threw and what the root cause was, as far as the record tells.
func (rd *reader) classify(dl *DeadLetter) {
	if rd.row.classify != nil {
		rd.row.classify(dl, rd)
		return
	}
	classifyPlain(dl, rd)
}

// classifyPlain is for frameworks that write the class the application threw.
func classifyPlain(dl *DeadLetter, rd *reader) {
	dl.Exception.ThrownClass = dl.Exception.Class
	rd.rootClass(dl.Exception)
}

// rootClass takes the last cause: from the trace, else the cause's header, else the class.
func (rd *reader) rootClass(e *Exception) {
	switch {
	case len(rd.trace.chain) > 0:
		e.RootClass = &rd.trace.chain[len(rd.trace.chain)-1]
	case e.CauseClass != nil:
		e.RootClass = e.CauseClass
	default:
		e.RootClass = e.Class
	}
}
