package catalog

import (
	"bytes"
	"strconv"
	"strings"
)

// name is what a value is called: its key, or its place in a list.
func (c *checker) name(n *Node) string {
	switch {
	case n.parent == nil:
		return "the document"
	case n.parent.Kind == List:
		if k := n.parent.Key; k != "" {
			return "entry " + strconv.Itoa(int(n.index)+1) + " of " + k
		}
		return "entry " + strconv.Itoa(int(n.index)+1)
	case n.Key == "":
		return "the value"
	}
	return n.Key
}

func describe(n *Node) string {
	switch n.Kind {
	case Null:
		return "empty (null)"
	case Map:
		return "a mapping"
	case List:
		return "a list"
	case String:
		return "the string " + show(n)
	case Number:
		return "the number " + shorten(n.Value, 40)
	default:
	}
	return n.Value
}

func show(n *Node) string {
	if n.Kind == String {
		return strconv.Quote(shorten(n.Value, 60))
	}
	return shorten(string(bytes.TrimSpace(n.JSON())), 60)
}

func shorten(s string, limit int) string {
	r := []rune(s)
	if len(r) <= limit {
		return s
	}
	return string(r[:limit-1]) + "…"
}

func texts(ns []*Node) []string {
	var ss []string
	for _, n := range ns {
		if n.Kind == String {
			ss = append(ss, n.Value)
		}
	}
	return ss
}

// nearest is the name within two edits of s, or "".
func nearest(s string, names []string) string {
	best, dist := "", 3
	if len(s) < 4 {
		dist = 2
	}
	for _, n := range names {
		if strings.EqualFold(n, s) && n != s {
			return n
		}
		if d := edits(s, n, dist); d < dist {
			best, dist = n, d
		}
	}
	return best
}

// edits is the number of letters to insert, drop, change or swap, at most limit.
func edits(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit || len(a) > 100 {
		return limit
	}
	prev2, prev, cur := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], prev2[j-2]+1)
			}
		}
		prev2, prev, cur = prev, cur, prev2
	}
	return min(prev[len(b)], limit)
}

// noun is what a definition is called in messages.
func noun(def string) string {
	if rest, ok := strings.CutPrefix(def, "bindings/"); ok {
		parts := strings.Split(strings.TrimSuffix(rest, ".json"), "/")
		if len(parts) == 3 {
			return "the " + parts[0] + " " + parts[2] + " binding " + parts[1]
		}
	}
	name := strings.TrimSuffix(strings.TrimSuffix(def, ".json"), "Object")
	switch name {
	case "", "draft-07", "schema#":
		return "this mapping"
	case "asyncapi":
		return "the document"
	case "channelItem":
		return "a channel"
	case "info":
		return "info"
	case "anySchema", "schema":
		return "a schema"
	case "bindings":
		return "bindings"
	}
	var b strings.Builder
	for i, r := range name {
		if r >= 'A' && r <= 'Z' {
			if i > 0 {
				b.WriteByte(' ')
			}
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	s := b.String()
	if strings.HasSuffix(s, "s") {
		return s
	}
	if strings.ContainsRune("aeio", rune(s[0])) {
		return "an " + s
	}
	return "a " + s
}
