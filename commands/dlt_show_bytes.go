package commands

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/weirhq/weir/dlt"
)

// longHeader is how much of a header the text view shows; -o json has all of it.
const longHeader = 200

func headerText(h dlt.ShownHeader) string {
	if h.Value == nil {
		return "null"
	}
	switch v := h.Decoded.(type) {
	case string:
		first, _, more := strings.Cut(v, "\n")
		if r := []rune(first); len(r) > longHeader {
			first, more = string(r[:longHeader]), true
		}
		if more {
			return fmt.Sprintf("%s ... (%d bytes)", first, len(*h.Value))
		}
		return fmt.Sprintf("%q", v)
	case nil:
		b := *h.Value
		if len(b) > longHeader/4 {
			return fmt.Sprintf("0x%x... (%d bytes)", b[:longHeader/4], len(b))
		}
		return fmt.Sprintf("0x%x", b)
	default:
		return fmt.Sprintf("%v (%s)", v, h.As)
	}
}

// maxShown bounds the payload of the text view.
const maxShown = 64 << 10

func bytesText(v *[]byte) string {
	if v == nil {
		return "null"
	}
	b := *v
	if len(b) == 0 {
		return "empty"
	}
	cut := ""
	if len(b) > maxShown {
		cut = fmt.Sprintf("\n... %d bytes more, see -o json", len(b)-maxShown)
		b = b[:maxShown]
	}
	var pretty bytes.Buffer
	if json.Indent(&pretty, b, "", "  ") == nil {
		return pretty.String() + cut
	}
	if utf8.Valid(b) && !bytes.ContainsRune(b, 0) {
		return string(b) + cut
	}
	return strings.TrimSuffix(hex.Dump(b), "\n") + cut
}
