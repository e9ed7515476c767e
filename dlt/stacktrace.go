package dlt

import (
	"bytes"
)

// maxTrace bounds how much of a stack trace is read; real ones reach 50 kB.
const maxTrace = 1 << 20

// traceFacts is what a Java stack trace tells.
type traceFacts struct {
	chain               []string // class of the first line, then of each "Caused by"
	frames              bool     // there is at least one frame
	dltListener         bool     // a listener of the dead letter topic failed
	streamsDeserializer bool
	streamsCollector    bool
}

// parseTrace reads the classes of a Java stack trace. Only unindented lines count: a suppressed exception is
// indented and has causes of its own.
func parseTrace(b []byte) (t traceFacts) {
	if len(b) > maxTrace {
		b = b[:maxTrace]
	}
	first := true
	for line := range bytes.Lines(b) {
		line = bytes.TrimRight(line, "\r\n")
		if first {
			first = false
			c := classAt(line)
			if c == "" {
				return t
			}
			t.chain = append(t.chain, c)
			continue
		}
		if rest, ok := bytes.CutPrefix(line, []byte("Caused by: ")); ok {
			if c := classAt(rest); c != "" {
				t.chain = append(t.chain, c)
			}
			if bytes.Contains(rest, []byte("No Acknowledgment available as an argument")) || dltMethod(rest) {
				t.dltListener = true
			}
			continue
		}
		if frame, ok := bytes.CutPrefix(line, []byte("\tat ")); ok {
			t.frames = true
			switch {
			case bytes.HasPrefix(frame, []byte("org.apache.kafka.streams.processor.internals.RecordDeserializer")),
				bytes.HasPrefix(frame, []byte("org.apache.kafka.streams.processor.internals.SourceNode.deserialize")):
				t.streamsDeserializer = true
			case bytes.HasPrefix(frame, []byte("org.apache.kafka.streams.processor.internals.RecordCollectorImpl")),
				bytes.HasPrefix(frame, []byte("org.apache.kafka.clients.producer.")):
				t.streamsCollector = true
			case bytes.Contains(frame, []byte("LoggingDltListenerHandlerMethod")):
				t.dltListener = true
			}
		}
	}
	return t
}

// dltMethod reports whether Spring's line "Listener method '...' threw exception" names a method for dead letters.
func dltMethod(line []byte) bool {
	_, rest, ok := bytes.Cut(line, []byte("Listener method '"))
	if !ok {
		return false
	}
	sig, _, _ := bytes.Cut(rest, []byte("'"))
	name, _, _ := bytes.Cut(sig, []byte("("))
	if i := bytes.LastIndexByte(name, '.'); i >= 0 {
		name = name[i+1:]
	}
	name = bytes.ToLower(name)
	return bytes.Contains(name, []byte("dlt")) || bytes.Contains(name, []byte("deadletter"))
}

// classAt returns the class name a trace line starts with, or "".
func classAt(b []byte) string {
	n := 0
	for n < len(b) && isClassByte(b[n]) {
		n++
	}
	if n == 0 || n < len(b) && b[n] != ':' {
		return ""
	}
	if !isClassName(string(b[:n])) {
		return ""
	}
	return string(b[:n])
}

func isClassByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '$' || c == '-' || c >= 0x80
}

func isClassName(s string) bool {
	if s == "" || s[0] == '.' || s[len(s)-1] == '.' || s[0] >= '0' && s[0] <= '9' {
		return false
	}
	for i := range len(s) {
		if !isClassByte(s[i]) {
			return false
		}
	}
	return true
}
