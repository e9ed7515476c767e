package dlt

import (
	"regexp"
	"strings"
)

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

const springDeserialization = "org.springframework.kafka.support.serializer.DeserializationException"

// classify says what failed, what the application threw and what the last cause was, as far as the record tells.
func classify(out *DeadLetter, row *dialect, t traceFacts, rd *reader, s *scan, main int) {
	e := out.Exception
	switch row.name {
	case "spring", "spring-retry":
		classifySpring(out, t)
	case "spring-cloud-stream", "spring-cloud-stream-embedded":
		classifyStream(out, t)
		for i := len(out.Deaths) - 1; i >= -1; i-- {
			o := out.Origin
			if i >= 0 {
				o = out.Deaths[i].Origin
			}
			if o != nil && o.Topic != nil {
				if g, ok := strings.CutPrefix(rd.r.Topic, "error."+*o.Topic+"."); ok && g != "" {
					out.GroupInTopicName = &g
				}
			}
		}
	case "streams":
		out.Failure = streamsFailure(deref(e.Class), t)
		e.ThrownClass = e.Class
	case "smallrye", "smallrye-retry":
		seen := s.seen[main]
		key, value := seen&roles(rFailureKey) != 0, seen&roles(rFailureValue) != 0
		switch {
		case key && value:
			out.Failure = new("key-and-value-deserialization")
		case key:
			out.Failure = new("key-deserialization")
		case value:
			out.Failure = new("value-deserialization")
		}
		if e.Class != nil && !isWrapper(*e.Class) {
			e.ThrownClass = e.Class
			if e.CauseClass == nil {
				e.RootClass = e.Class
			}
		}
		return
	default:
		e.ThrownClass = e.Class
	}
	switch {
	case len(t.chain) > 0:
		e.RootClass = &t.chain[len(t.chain)-1]
	case e.CauseClass != nil:
		e.RootClass = e.CauseClass
	default:
		e.RootClass = e.Class
	}
}

func classifySpring(out *DeadLetter, t traceFacts) {
	e := out.Exception
	value := deref(e.Class) == springDeserialization || (e.Class != nil && deref(e.CauseClass) == springDeserialization && e.KeyClass == nil)
	key := deref(e.KeyClass) == springDeserialization || (e.KeyClass != nil && e.Class == nil)
	switch {
	case key && value:
		out.Failure = new("key-and-value-deserialization")
	case key:
		out.Failure = new("key-deserialization")
	case value:
		out.Failure = new("value-deserialization")
	case strings.HasSuffix(deref(e.CauseClass), ".ConversionException") || strings.HasSuffix(deref(e.CauseClass), ".MessageConversionException"):
		out.Failure = new("conversion")
	case out.Class == Dead && t.dltListener && len(out.AttemptsHeader) > 1:
		// A listener of the dead letter topic itself failed and sent the record round again: the count in the headers
		// went on, the deliveries did not, and how often it went round is not told.
		out.Failure = new("dlt-handler")
		out.Attempts = nil
	}
	if e.ThrownClass = e.CauseClass; e.ThrownClass == nil {
		e.ThrownClass = e.Class
	}
}

func classifyStream(out *DeadLetter, t traceFacts) {
	for i, c := range t.chain {
		if isWrapper(c) && i < len(t.chain)-1 {
			continue
		}
		out.Exception.ThrownClass = &t.chain[i]
		break
	}
	thrown := deref(out.Exception.ThrownClass)
	if thrown == "java.lang.ClassCastException" && strings.Contains(deref(out.Exception.Message), "class [B cannot be cast") ||
		strings.HasSuffix(thrown, "ConversionException") || strings.HasSuffix(thrown, ".ConversionFailedException") {
		out.Failure = new("conversion")
	}
}

// streamsFailure tells the three handlers of Kafka Streams apart; only the trace shows which one it was.
func streamsFailure(class string, t traceFacts) *string {
	switch {
	case t.streamsDeserializer:
		return new("deserialization")
	case t.streamsCollector:
		return new("production")
	case len(t.chain) > 0 && !t.frames && strings.HasPrefix(class, "org.apache.kafka."):
		// The broker's answers are thrown without frames.
		return new("production")
	case len(t.chain) > 0:
		return new("processing")
	}
	return nil
}
