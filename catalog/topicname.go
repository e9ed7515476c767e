package catalog

import (
	"regexp"
	"strconv"
	"strings"
)

// TopicNameError tells why Kafka refuses a topic name, nil when it takes it.
func TopicNameError(name string) error {
	switch {
	case name == "":
		return topicNameError("is empty")
	case name == "." || name == "..":
		return topicNameError("is " + name)
	case len(name) > 249:
		return topicNameError("has " + strconv.Itoa(len(name)) + " characters, the limit is 249")
	}
	for _, r := range name {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '_', r == '-':
		default:
			return topicNameError("holds " + strconv.QuoteRune(r) + ", allowed are letters, digits, dot, underscore and hyphen")
		}
	}
	return nil
}

type topicNameError string

func (e topicNameError) Error() string { return string(e) }

// familyRegex turns an address with parameters into an anchored expression.
func familyRegex(addr string, params []Parameter) string {
	var s strings.Builder
	s.WriteByte('^')
	for rest := addr; rest != ""; {
		i := strings.IndexByte(rest, '{')
		j := strings.IndexByte(rest, '}')
		if i < 0 || j < i {
			s.WriteString(regexp.QuoteMeta(rest))
			break
		}
		s.WriteString(regexp.QuoteMeta(rest[:i]))
		name := rest[i+1 : j]
		alt := "[a-zA-Z0-9._-]+"
		for _, p := range params {
			if p.Name == name && len(p.Enum) > 0 {
				qs := make([]string, len(p.Enum))
				for k, e := range p.Enum {
					qs[k] = regexp.QuoteMeta(e)
				}
				alt = "(?:" + strings.Join(qs, "|") + ")"
			}
		}
		s.WriteString(alt)
		rest = rest[j+1:]
	}
	s.WriteByte('$')
	return s.String()
}
