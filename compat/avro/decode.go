package avro

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	codec "github.com/twmb/avro"

	"github.com/weirhq/weir/compat"
)

// maxDecoded bounds the JSON of one message, in bytes: a few bytes of Avro can
// announce millions of items that take no room.
const maxDecoded = 64 << 20

// Decoder reads messages of one writer's schema into JSON.
type Decoder struct {
	root  *node
	codec *codec.Schema
}

// NewDecoder reads the writer's schema and, through s.Load, the types it names.
func NewDecoder(ctx context.Context, s compat.Schema) (*Decoder, error) {
	p, err := (&Checker{}).parse(ctx, s)
	if err != nil {
		return nil, err
	}
	plain, err := p.plain()
	if err != nil {
		return nil, fmt.Errorf("read schema %s: %w", s.Name, err)
	}
	return &Decoder{root: p.root, codec: plain}, nil
}

// JSON is one message with its fields in the order of the schema. Unions are written
// without the name of their branch, decimals as numbers, dates and times as RFC 3339
// writes them (a local timestamp without an offset), other bytes as base64. A message
// that does not end where the schema says is refused: another schema wrote it.
func (d *Decoder) JSON(raw []byte) (out []byte, err error) {
	defer func() {
		if r := recover(); r != nil { // the codec is not ours and the bytes are anybody's
			out, err = nil, fmt.Errorf("the codec gave up: %v", r)
		}
	}()
	var v any
	rest, err := d.codec.Decode(raw, &v, codec.TaggedUnions())
	if err != nil {
		// The codec names fields of the plain twin, which nobody knows.
		return nil, fmt.Errorf("the %d bytes are no message of this schema", len(raw))
	}
	if len(rest) > 0 {
		return nil, fmt.Errorf("%d of %d bytes are left over", len(rest), len(raw))
	}
	return appendJSON(nil, d.root, v)
}

func appendJSON(b []byte, n *node, v any) ([]byte, error) {
	names := plainNames{}
	if len(b) > maxDecoded {
		return nil, fmt.Errorf("the message has more than %d bytes of JSON", maxDecoded)
	}
	var err error
	switch n.kind {
	case kindRecord:
		m, ok := v.(map[string]any)
		if !ok {
			return nil, notOf(n, v)
		}
		b = append(b, '{')
		for i := range n.fields {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendValue(b, n.fields[i].name), ':')
			if b, err = appendJSON(b, n.fields[i].typ, m[names.field(n, i)]); err != nil {
				return nil, err
			}
		}
		return append(b, '}'), nil
	case kindArray:
		items, ok := v.([]any)
		if !ok {
			return nil, notOf(n, v)
		}
		b = append(b, '[')
		for i := range items {
			if i > 0 {
				b = append(b, ',')
			}
			if b, err = appendJSON(b, n.elem, items[i]); err != nil {
				return nil, err
			}
		}
		return append(b, ']'), nil
	case kindMap:
		return appendMap(b, n, v)
	case kindUnion:
		return appendUnion(b, n, v)
	case kindEnum:
		for i := range n.symbols {
			if v == names.symbol(n, i) {
				return appendValue(b, n.symbols[i]), nil
			}
		}
		return nil, notOf(n, v)
	default:
		return appendScalar(b, n, v)
	}
}

func appendMap(b []byte, n *node, v any) ([]byte, error) {
	m, ok := v.(map[string]any)
	if !ok {
		return nil, notOf(n, v)
	}
	b = append(b, '{')
	first := true
	var err error
	for _, k := range sortedKeys(m) {
		if !utf8.ValidString(k) {
			return nil, errNotUTF8
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(appendValue(b, k), ':')
		if b, err = appendJSON(b, n.elem, m[k]); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}

func appendUnion(b []byte, n *node, v any) ([]byte, error) {
	if v == nil {
		return append(b, "null"...), nil
	}
	tagged, ok := v.(map[string]any)
	if !ok || len(tagged) != 1 {
		return nil, notOf(n, v)
	}
	for _, branch := range n.branches {
		name := branch.kind.String()
		if branch.kind.named() {
			name = plainNames{}.typ(branch)
		}
		if x, ok := tagged[name]; ok {
			return appendJSON(b, branch, x)
		}
	}
	return nil, notOf(n, v)
}

func appendScalar(b []byte, n *node, v any) ([]byte, error) {
	switch x := v.(type) {
	case nil:
		return append(b, "null"...), nil
	case bool:
		return strconv.AppendBool(b, x), nil
	case int32:
		return appendInt(b, n, int64(x)), nil
	case int64:
		return appendInt(b, n, x), nil
	case float32:
		if f := float64(x); math.IsNaN(f) || math.IsInf(f, 0) {
			return appendValue(b, strconv.FormatFloat(f, 'g', -1, 32)), nil
		}
		return appendValue(b, x), nil
	case float64:
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return appendValue(b, strconv.FormatFloat(x, 'g', -1, 64)), nil
		}
		return appendValue(b, x), nil
	case string:
		if !utf8.ValidString(x) {
			return nil, errNotUTF8
		}
		return appendValue(b, x), nil
	case []byte:
		if n.logical == "decimal" && len(x) > 0 {
			return append(b, codec.RatFromBytes(x, n.scale).FloatString(max(n.scale, 0))...), nil
		}
		return appendValue(b, x), nil
	}
	return nil, notOf(n, v)
}

// appendInt writes an int or long as its logical type has it.
func appendInt(b []byte, n *node, x int64) []byte {
	const local = "2006-01-02T15:04:05.999999999"
	switch n.logical {
	case "date":
		return appendValue(b, time.Unix(0, 0).UTC().AddDate(0, 0, int(x)).Format(time.DateOnly))
	case "timestamp-millis":
		return appendValue(b, time.UnixMilli(x).UTC().Format(time.RFC3339Nano))
	case "timestamp-micros":
		return appendValue(b, time.UnixMicro(x).UTC().Format(time.RFC3339Nano))
	case "timestamp-nanos":
		return appendValue(b, time.Unix(0, x).UTC().Format(time.RFC3339Nano))
	case "local-timestamp-millis":
		return appendValue(b, time.UnixMilli(x).UTC().Format(local))
	case "local-timestamp-micros":
		return appendValue(b, time.UnixMicro(x).UTC().Format(local))
	case "local-timestamp-nanos":
		return appendValue(b, time.Unix(0, x).UTC().Format(local))
	}
	return strconv.AppendInt(b, x, 10)
}

// appendValue writes a value that JSON can always hold.
func appendValue(b []byte, v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		return append(b, "null"...)
	}
	return append(b, text...)
}

var errNotUTF8 = errors.New("a string is not UTF-8")

func sortedKeys(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }

func notOf(n *node, v any) error {
	return fmt.Errorf("the codec read %T where the schema has %s", v, n.kind)
}
