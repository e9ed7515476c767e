package dlt

import "bytes"

// maxMessage bounds how much of a message tells groups apart.
const maxMessage = 400

// mask appends msg to dst with everything replaced that differs from record to record: numbers, hexadecimal, UUIDs,
// the identity hashes of Java objects and a trailing topic-partition@offset. Line ends become blanks.
func mask(dst, msg []byte) []byte {
	msg = trimPosition(bytes.TrimSpace(msg))
	if len(msg) > maxMessage {
		msg = msg[:maxMessage]
	}
	from := 0 // msg[from:i] is still to be copied
	for i := 0; i < len(msg); {
		c := msg[i]
		switch {
		case c > '@' && c != 0x7f:
			i++ // most bytes are letters: a word is looked at only where it holds a digit
		case c >= '0' && c <= '9':
			start, end := i, i
			for start > from && kindOf(msg[start-1]) != other {
				start--
			}
			for end < len(msg) && kindOf(msg[end]) != other {
				end++
			}
			if uuidAt(msg[start:]) {
				end = start + 36
			}
			dst = append(dst, msg[from:start]...)
			dst = maskWord(dst, msg[start:end], start > 0 && msg[start-1] == '@')
			from, i = end, end
		case c == '@':
			end := i + 1
			for end < len(msg) && kindOf(msg[end]) <= hexLetter {
				end++
			}
			if i++; end > i && (end == len(msg) || kindOf(msg[end]) == other) {
				dst = append(append(dst, msg[from:i]...), '#')
				from, i = end, end
			}
		case c < 0x20 || c == 0x7f:
			dst = append(append(dst, msg[from:i]...), ' ')
			i++
			from = i
		default:
			i++
		}
	}
	return append(dst, msg[from:]...)
}

// maskWord masks a word that holds a digit.
func maskWord(dst, word []byte, hash bool) []byte {
	all := uint8(digit)
	for _, c := range word {
		all = max(all, kindOf(c))
	}
	if all == digit || len(word) == 36 && uuidAt(word) || all == hexLetter && (len(word) >= 6 || hash) ||
		len(word) > 2 && word[0] == '0' && word[1]|0x20 == 'x' {
		return append(dst, '#')
	}
	for k, w := range word {
		switch {
		case w < '0' || w > '9':
			dst = append(dst, w)
		case k == 0 || dst[len(dst)-1] != '#':
			dst = append(dst, '#')
		}
	}
	return dst
}

// The kinds of bytes a word is made of; a word's kind is the largest of its bytes.
const (
	digit = iota
	hexLetter
	letter
	other
)

func kindOf(c byte) uint8 {
	switch {
	case c >= '0' && c <= '9':
		return digit
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return hexLetter
	case c|0x20 >= 'a' && c|0x20 <= 'z':
		return letter
	}
	return other
}

func uuidAt(b []byte) bool {
	if len(b) < 36 || b[8] != '-' || b[13] != '-' || b[18] != '-' || b[23] != '-' {
		return false
	}
	for i, c := range b[:36] {
		if kindOf(c) > hexLetter && i != 8 && i != 13 && i != 18 && i != 23 {
			return false
		}
	}
	return len(b) == 36 || kindOf(b[36]) == other
}

// trimPosition cuts a trailing " topic-partition@offset", which Spring's batch listeners write.
func trimPosition(b []byte) []byte {
	at, ok := digitsBefore(b, len(b), '@')
	if !ok {
		return b
	}
	dash, ok := digitsBefore(b, at, '-')
	if !ok {
		return b
	}
	blank := bytes.LastIndexByte(b[:dash], ' ')
	if blank < 0 {
		return b
	}
	return b[:blank]
}

// digitsBefore looks back from end over digits for sep and returns where it stands.
func digitsBefore(b []byte, end int, sep byte) (int, bool) {
	i := end - 1
	for i >= 0 && b[i] >= '0' && b[i] <= '9' {
		i--
	}
	return i, i >= 0 && i < end-1 && b[i] == sep
}

// rootOf returns the class of the last unindented "Caused by" line, else of the first line; nil without a trace. It
// does what parseTrace does and no more, without allocating: triage calls it for every record.
func rootOf(trace []byte) []byte {
	if len(trace) > maxTrace {
		trace = trace[:maxTrace]
	}
	root := classBytes(trace)
	if root == nil {
		return nil
	}
	caused := []byte("\nCaused by: ")
	for rest := trace; ; {
		i := bytes.Index(rest, caused)
		if i < 0 {
			return root
		}
		rest = rest[i+len(caused):]
		if c := classBytes(rest); c != nil {
			root = c
		}
	}
}

func classBytes(b []byte) []byte {
	n := 0
	for n < len(b) && isClassByte(b[n]) {
		n++
	}
	if n == 0 || n < len(b) && b[n] != ':' && b[n] != '\n' && b[n] != '\r' {
		return nil
	}
	return b[:n]
}
