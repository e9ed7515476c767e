package commands

import (
	"encoding/json"
	"strings"

	"cel.dev/cel-go/cel"
	"github.com/twmb/franz-go/pkg/kgo"
)

// whereCost bounds the evaluation of one expression on one record.
const whereCost = 1_000_000

// where is a compiled --where expression.
type where struct {
	program cel.Program
	// unjudged counts records the expression failed on, such as for a field they lack;
	// they do not match.
	unjudged int
	first    error
}

// newWhere compiles a CEL expression over a record; nil for an empty one.
func newWhere(text string) (*where, error) {
	if text == "" {
		return nil, nil
	}
	env, err := cel.NewEnv(
		cel.Variable("topic", cel.StringType), cel.Variable("partition", cel.IntType), cel.Variable("offset", cel.IntType),
		cel.Variable("timestamp", cel.TimestampType), cel.Variable("key", cel.DynType), cel.Variable("value", cel.DynType),
		cel.Variable("headers", cel.MapType(cel.StringType, cel.StringType)),
	)
	if err != nil {
		return nil, err
	}
	const hint = "it is CEL over topic, partition, offset, timestamp, key, value and headers: value.total > 100 && headers['source'] == 'web'"
	ast, issues := env.Compile(text)
	if issues.Err() != nil {
		return nil, usage(hint, "--where: %s", strings.Join(strings.Fields(issues.Err().Error()), " "))
	}
	if t := ast.OutputType(); !t.IsExactType(cel.BoolType) && !t.IsExactType(cel.DynType) {
		return nil, usage(hint, "--where: the expression gives %s, true or false is needed", t)
	}
	program, err := env.Program(ast, cel.CostLimit(whereCost))
	if err != nil {
		return nil, usage(hint, "--where: %w", err)
	}
	return &where{program: program}, nil
}

// match evaluates the expression on a record, unmasked: whoever reads a topic may
// select by all of it. decoded is the value as JSON where it was written otherwise.
func (w *where) match(k *kgo.Record, decoded []byte) bool {
	if w == nil {
		return true
	}
	headers := map[string]string{}
	for _, h := range k.Headers {
		headers[h.Key] = string(h.Value)
	}
	value := k.Value
	if decoded != nil {
		value = decoded
	}
	out, _, err := w.program.Eval(map[string]any{
		"topic": k.Topic, "partition": int64(k.Partition), "offset": k.Offset, "timestamp": k.Timestamp,
		"key": celField(k.Key, false), "value": celField(value, true), "headers": headers,
	})
	if err != nil {
		if w.unjudged == 0 {
			w.first = err
		}
		w.unjudged++
		return false
	}
	yes, ok := out.Value().(bool)
	return ok && yes
}

// celField gives CEL JSON as maps and lists, other text as a string, null as null and
// bytes as bytes.
func celField(b []byte, scalars bool) any {
	f := field(b, scalars)
	switch {
	case f.As == nil:
		return nil
	case *f.As == asJSON:
		v, err := decodeJSON(b)
		if err != nil {
			return string(b)
		}
		return celNumbers(v)
	case *f.As == asText:
		return string(b)
	}
	return b
}

// celNumbers turns JSON numbers into ints where they are whole and fit, else doubles.
func celNumbers(v any) any {
	switch x := v.(type) {
	case map[string]any:
		for k := range x {
			x[k] = celNumbers(x[k])
		}
	case []any:
		for i := range x {
			x[i] = celNumbers(x[i])
		}
	case json.Number:
		if n, err := x.Int64(); err == nil {
			return n
		}
		f, err := x.Float64()
		if err != nil {
			return x.String()
		}
		return f
	}
	return v
}
