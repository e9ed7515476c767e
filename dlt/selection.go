package dlt

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
)

// Selection says which dead letters of a topic are meant. Its parts narrow each other; within one part any may match.
type Selection struct {
	Causes  []string           `json:"causes,omitempty"` // ids of inspect
	Origins []string           `json:"origins,omitempty"`
	Group   string             `json:"group,omitempty"`
	SinceMS *int64             `json:"since_ms,omitempty"` // of the dead letter's timestamp, included
	UntilMS *int64             `json:"until_ms,omitempty"` // excluded
	Offsets map[int32]*Offsets `json:"offsets,omitempty"`
	Keys    []string           `json:"keys,omitempty"`
	Headers []HeaderIs         `json:"headers,omitempty"`
	Where   string             `json:"where,omitempty"` // CEL
	Limit   int64              `json:"limit,omitempty"` // the first so many, 0 for all
	Again   bool               `json:"again,omitempty"` // also what the journal says was replayed
	program cel.Program        `json:"-"`
}

// HeaderIs asks for a header with exactly this value.
type HeaderIs struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// whereCost bounds the evaluation of one expression on one record.
const whereCost = 1_000_000

// Compile checks the expression. It is called before anything is read.
func (s *Selection) Compile() error {
	if s.Where == "" {
		return nil
	}
	env, err := cel.NewEnv(
		cel.Variable("topic", cel.StringType), cel.Variable("partition", cel.IntType), cel.Variable("offset", cel.IntType),
		cel.Variable("timestamp_ms", cel.IntType), cel.Variable("key", cel.StringType), cel.Variable("value", cel.DynType),
		cel.Variable("headers", cel.MapType(cel.StringType, cel.StringType)), cel.Variable("dialect", cel.StringType),
		cel.Variable("class", cel.StringType), cel.Variable("message", cel.StringType), cel.Variable("origin", cel.StringType),
		cel.Variable("origin_partition", cel.IntType), cel.Variable("origin_offset", cel.IntType),
		cel.Variable("group", cel.StringType), cel.Variable("attempts", cel.IntType), cel.Variable("failure", cel.StringType),
	)
	if err != nil {
		return fmt.Errorf("prepare --where: %w", err)
	}
	ast, iss := env.Compile(s.Where)
	if iss.Err() != nil {
		return fmt.Errorf("--where %q: %w", s.Where, iss.Err())
	}
	if !ast.OutputType().IsExactType(cel.BoolType) && !ast.OutputType().IsExactType(cel.DynType) {
		return fmt.Errorf("--where %q: want true or false, have %s", s.Where, ast.OutputType())
	}
	if s.program, err = env.Program(ast, cel.CostLimit(whereCost), cel.EvalOptions(cel.OptPartialEval)); err != nil {
		return fmt.Errorf("--where %q: %w", s.Where, err)
	}
	return nil
}

// needsDecode reports whether more than the record's own fields is asked for.
func (s *Selection) needsDecode() bool { return len(s.Origins) > 0 || s.Group != "" || s.Where != "" }

// match reports whether a record is meant. dl may be nil when nothing decoded is asked for.
func (s *Selection) match(d *Decoder, r *Record, dl *DeadLetter) (bool, error) {
	switch {
	case s.SinceMS != nil && r.TimestampMS < *s.SinceMS, s.UntilMS != nil && r.TimestampMS >= *s.UntilMS:
		return false, nil
	case s.Offsets != nil && !perPartition(s.Offsets).has(r.Partition, r.Offset):
		return false, nil
	case len(s.Keys) > 0 && (r.Key == nil || !slices.Contains(s.Keys, string(r.Key))):
		return false, nil
	}
	for _, want := range s.Headers {
		if !slices.ContainsFunc(r.Headers, func(h Header) bool { return h.Name == want.Name && string(h.Value) == want.Value }) {
			return false, nil
		}
	}
	if len(s.Causes) > 0 && !slices.Contains(s.Causes, d.CauseID(r)) {
		return false, nil
	}
	if dl == nil {
		return true, nil
	}
	if len(s.Origins) > 0 && (dl.Origin == nil || dl.Origin.Topic == nil || !slices.Contains(s.Origins, *dl.Origin.Topic)) {
		return false, nil
	}
	if s.Group != "" && deref(dl.ConsumerGroup) != s.Group && deref(dl.GroupInTopicName) != s.Group {
		return false, nil
	}
	if s.program == nil {
		return true, nil
	}
	return s.eval(r, dl)
}

// eval runs the expression. A field that a payload lacks makes the answer no, not an error: payloads differ.
func (s *Selection) eval(r *Record, dl *DeadLetter) (bool, error) {
	headers := map[string]string{}
	for _, h := range r.Headers {
		headers[h.Name] = string(h.Value)
	}
	var value any = string(r.Value)
	if json.Valid(r.Value) {
		dec := json.NewDecoder(bytes.NewReader(r.Value))
		if err := dec.Decode(&value); err != nil {
			value = string(r.Value)
		}
	}
	x := dl.Exception
	if x == nil {
		x = &Exception{}
	}
	o := dl.Origin
	if o == nil {
		o = &Origin{}
	}
	class := deref(x.RootClass)
	if class == "" {
		class = deref(x.Class)
	}
	known := map[string]any{
		"topic": r.Topic, "partition": int64(r.Partition), "offset": r.Offset, "timestamp_ms": r.TimestampMS,
		"key": string(r.Key), "value": value, "headers": headers, "dialect": deref(dl.Dialect), "class": class,
		"message": deref(x.Message), "origin": deref(o.Topic),
		"group": deref(dl.ConsumerGroup), "failure": deref(dl.Failure),
	}
	// A number that nobody told is less than none and equal to none: what hangs on it is no.
	var unknown []*cel.AttributePatternType
	number := func(name string, told bool, v func() int64) {
		if !told {
			unknown = append(unknown, cel.AttributePattern(name))
			return
		}
		known[name] = v()
	}
	number("origin_partition", o.Partition != nil, func() int64 { return int64(*o.Partition) })
	number("origin_offset", o.Offset != nil, func() int64 { return *o.Offset })
	number("attempts", dl.Attempts != nil, func() int64 { return *dl.Attempts })
	vars, err := cel.PartialVars(known, unknown...)
	if err != nil {
		return false, fmt.Errorf("--where: %w", err)
	}
	out, _, err := s.program.Eval(vars)
	if err != nil {
		if strings.Contains(err.Error(), "no such key") || strings.Contains(err.Error(), "no such overload") {
			return false, nil
		}
		return false, fmt.Errorf("--where at %s %d@%d: %w", r.Topic, r.Partition, r.Offset, err)
	}
	if types.IsUnknown(out) {
		return false, nil
	}
	b, ok := out.Value().(bool)
	if !ok {
		return false, errors.New("--where: want true or false")
	}
	return b, nil
}
