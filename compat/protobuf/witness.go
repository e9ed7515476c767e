package protobuf

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/weirhq/weir/compat"
	"github.com/weirhq/weir/finding"
)

// proofKind says which message could show what a change does.
type proofKind int

const (
	contract        proofKind = iota // none: the bytes stay the same
	valueChange                      // the field, with values at the edges of its type
	fieldLost                        // the field, where the reader has none
	jsonOnly                         // the field, in JSON form
	requiredMissing                  // a message without the field
	oneofChange                      // the field together with members of the reader's oneof
	defaultChange                    // a message without the field
	enumChange                       // a field of the enum
)

// Bounds on samples: what is built, and how deep.
const (
	maxSamples = 64
	maxLevels  = 3
)

// prover looks for a message that one side writes and the other misreads.
type prover struct {
	old, new *schema
	dir      compat.Direction
	profile  Profile
}

func newProver(a, b *schema, dir compat.Direction, profile Profile) *prover {
	return &prover{old: a, new: b, dir: dir, profile: profile}
}

// finding turns a change into a finding of one direction.
func (p *prover) finding(c Change) compat.Finding {
	f := compat.Finding{
		Rule: c.Rule, Severity: finding.Error, Message: c.Message,
		OldPointer: string(c.oldName), NewPointer: string(c.newName),
		OldAt: p.old.position(c.OldAt), NewAt: p.new.position(c.At),
		Direction: p.dir, Proof: compat.ProvenBreak, Grade: compat.Direct,
		Suggestion: c.suggestion, Change: c.was + " -> " + c.is, VendorType: c.Buf,
	}
	if c.ownSeverity {
		f.Severity = finding.Warning
	}
	if c.kind == contract {
		f.Contract = true
		f.Details = []string{"no wire witness: contract"}
		return f
	}
	if f.Witness = p.prove(c, p.dir); f.Witness != nil {
		return f
	}
	if p.prove(c, opposite(p.dir)) != nil {
		f.Severity, f.Proof = finding.Info, compat.ProvenCompatible
		f.Message += fmt.Sprintf(" (no harm %s)", directionWords(p.dir))
		return f
	}
	if c.kind == valueChange && (c.oldField.Message() == nil || c.newField.Message() == nil) {
		f.Proof, f.Reason = compat.Unproven, "no sampled value reads differently"
		return f
	}
	f.Contract = true
	f.Details = []string{"no wire witness: contract"}
	return f
}

func opposite(d compat.Direction) compat.Direction {
	if d == compat.Backward {
		return compat.Forward
	}
	return compat.Backward
}

func directionWords(d compat.Direction) string {
	if d == compat.Backward {
		return "to a new reader of old data"
	}
	return "to an old reader of new data"
}

// sides are the change as writer and reader see it.
type sides struct {
	writer, reader           protoreflect.MessageDescriptor
	writerField, readerField protoreflect.FieldDescriptor
	writerWord, readerWord   string
}

func (p *prover) sides(c Change, dir compat.Direction) sides {
	s := sides{
		writer: c.oldMsg, reader: c.newMsg, writerField: c.oldField, readerField: c.newField,
		writerWord: "the old version", readerWord: "the new version",
	}
	if dir == compat.Forward {
		s = sides{
			writer: s.reader, reader: s.writer, writerField: s.readerField, readerField: s.writerField,
			writerWord: s.readerWord, readerWord: s.writerWord,
		}
	}
	return s
}

func (p *prover) prove(c Change, dir compat.Direction) *compat.Witness {
	s := p.sides(c, dir)
	if c.kind == enumChange {
		return p.proveEnum(c, dir)
	}
	if s.writer == nil || s.reader == nil {
		return nil
	}
	switch c.kind {
	case requiredMissing:
		return s.proveRequired()
	case defaultChange:
		return s.proveDefault()
	case fieldLost:
		if s.writerField == nil {
			return nil
		}
		// A field that moved to another number is looked for under its old one.
		if s.readerField != nil && s.readerField.Number() != s.writerField.Number() {
			s.readerField = nil
		}
	}
	if s.writerField == nil {
		return nil
	}
	withJSON := p.profile == WireJSON
	for _, v := range samples(s.writerField, maxLevels) {
		if c.kind == jsonOnly {
			if w := s.tryJSON(s.message(v)); w != nil {
				return w
			}
			continue
		}
		if c.kind == oneofChange {
			continue
		}
		if w := s.try(s.message(v), withJSON); w != nil {
			return w
		}
	}
	if c.kind == oneofChange {
		return s.proveOneof()
	}
	return nil
}

// message builds a writer's message with one field set and required ones filled.
func (s sides) message(v protoreflect.Value) *dynamicpb.Message {
	m := dynamicpb.NewMessage(s.writer)
	m.Set(settable(s.writerField), v)
	fillRequired(m, maxLevels)
	return m
}

// settable is the descriptor dynamicpb wants for a field: extensions need a type.
func settable(f protoreflect.FieldDescriptor) protoreflect.FieldDescriptor {
	if f.IsExtension() {
		return dynamicpb.NewExtensionType(f).TypeDescriptor()
	}
	return f
}

func fillRequired(m protoreflect.Message, depth int) {
	if depth == 0 {
		return
	}
	fs := m.Descriptor().Fields()
	for i := range fs.Len() {
		f := fs.Get(i)
		if f.Cardinality() != protoreflect.Required || m.Has(f) {
			continue
		}
		if f.Message() != nil {
			fillRequired(m.Mutable(f).Message(), depth-1)
			continue
		}
		m.Set(f, f.Default())
	}
}

// resolver knows the extension under test and nothing else.
func resolver(f protoreflect.FieldDescriptor) *protoregistry.Types {
	t := new(protoregistry.Types)
	if f != nil && f.IsExtension() {
		_ = t.RegisterExtension(dynamicpb.NewExtensionType(f)) // the only entry cannot collide
	}
	return t
}

// read decodes the writer's bytes as the reader.
func (s sides) read(raw []byte) (*dynamicpb.Message, error) {
	r := dynamicpb.NewMessage(s.reader)
	err := proto.UnmarshalOptions{AllowPartial: true, Resolver: resolver(s.readerField)}.Unmarshal(raw, r)
	return r, err
}

// try sends a message through the binary form, then through JSON.
func (s sides) try(m *dynamicpb.Message, withJSON bool) *compat.Witness {
	raw, err := proto.MarshalOptions{Deterministic: true, AllowPartial: true}.Marshal(m)
	if err != nil {
		return nil // no message this writer can write
	}
	r, err := s.read(raw)
	if err != nil {
		return s.witness(m, raw, "", fmt.Sprintf("%s refuses it: %v", s.readerWord, clean(err)))
	}
	written := canon(settable(s.writerField), m.Get(settable(s.writerField)), m.Has(settable(s.writerField)))
	var got, reads string
	if s.readerField != nil {
		rf := settable(s.readerField)
		got = canon(rf, r.Get(rf), r.Has(rf))
		reads = readText(rf, r)
	}
	if got == "" && len(r.GetUnknown()) > 0 {
		return s.witness(m, raw, unknownText(r.GetUnknown()), fmt.Sprintf("%s does not know what it got and drops it", s.readerWord))
	}
	if got != written {
		return s.witness(m, raw, reads, fmt.Sprintf("%s reads %s", s.readerWord, reads))
	}
	if withJSON {
		return s.tryJSON(m)
	}
	return nil
}

// tryJSON sends a message through its JSON form.
func (s sides) tryJSON(m *dynamicpb.Message) *compat.Witness {
	text, err := marshalJSON(m, s.writerField)
	if err != nil {
		return nil
	}
	raw, err := proto.MarshalOptions{Deterministic: true, AllowPartial: true}.Marshal(m)
	if err != nil {
		return nil
	}
	r := dynamicpb.NewMessage(s.reader)
	err = protojson.UnmarshalOptions{AllowPartial: true, Resolver: resolver(s.readerField)}.Unmarshal(text, r)
	if err != nil {
		return s.witness(m, raw, "", fmt.Sprintf("%s refuses its JSON form: %v", s.readerWord, clean(err)))
	}
	if s.readerField == nil {
		return nil
	}
	written := canon(settable(s.writerField), m.Get(settable(s.writerField)), m.Has(settable(s.writerField)))
	rf := settable(s.readerField)
	if got := canon(rf, r.Get(rf), r.Has(rf)); got != written {
		reads := readText(rf, r)
		return s.witness(m, raw, reads, fmt.Sprintf("%s reads its JSON form as %s", s.readerWord, reads))
	}
	return nil
}

func (s sides) proveRequired() *compat.Witness {
	m := dynamicpb.NewMessage(s.writer)
	fillRequired(m, maxLevels)
	raw, err := proto.MarshalOptions{Deterministic: true, AllowPartial: true}.Marshal(m)
	if err != nil || missingRequired(m) != "" {
		return nil // no message this writer can write
	}
	r, err := s.read(raw)
	if err != nil {
		return s.witness(m, raw, "", fmt.Sprintf("%s refuses it: %v", s.readerWord, clean(err)))
	}
	if name := missingRequired(r); name != "" {
		return s.witness(m, raw, "", fmt.Sprintf("%s refuses it: required field %s is not set", s.readerWord, name))
	}
	return nil
}

// missingRequired is the full name of a required field that a message lacks.
// proto.CheckInitialized knows the label required only, and not the feature
// LEGACY_REQUIRED that stands for it in editions.
func missingRequired(m protoreflect.Message) protoreflect.FullName {
	fs := m.Descriptor().Fields()
	for i := range fs.Len() {
		if f := fs.Get(i); f.Cardinality() == protoreflect.Required && !m.Has(f) {
			return f.FullName()
		}
	}
	var missing protoreflect.FullName
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.IsMap() && f.MapValue().Message() != nil:
			v.Map().Range(func(_ protoreflect.MapKey, e protoreflect.Value) bool {
				missing = missingRequired(e.Message())
				return missing == ""
			})
		case f.IsList() && f.Message() != nil:
			for i := 0; i < v.List().Len() && missing == ""; i++ {
				missing = missingRequired(v.List().Get(i).Message())
			}
		case f.Message() != nil && !f.IsMap():
			missing = missingRequired(v.Message())
		}
		return missing == ""
	})
	return missing
}

func (s sides) proveDefault() *compat.Witness {
	if s.writerField == nil || s.readerField == nil {
		return nil
	}
	m := dynamicpb.NewMessage(s.writer)
	fillRequired(m, maxLevels)
	if m.Has(settable(s.writerField)) {
		return nil
	}
	raw, err := proto.MarshalOptions{Deterministic: true, AllowPartial: true}.Marshal(m)
	if err != nil {
		return nil
	}
	a, b := defaultValue(s.writerField), defaultValue(s.readerField)
	return s.witness(m, raw, b.text, fmt.Sprintf("without field %s it means %s to its writer and %s to %s",
		s.writerField.Name(), a.text, b.text, s.readerWord))
}

// proveOneof sets the field beside every member of the reader's oneof that the
// writer may set with it: only one survives. Then it looks at presence.
func (s sides) proveOneof() *compat.Witness {
	wf, rf := s.writerField, s.readerField
	if wf == nil || rf == nil || wf.IsExtension() {
		return nil
	}
	vs := samples(wf, 1)
	if len(vs) == 0 {
		return nil
	}
	if o := rf.ContainingOneof(); o != nil {
		for i := range o.Fields().Len() {
			other := s.writer.Fields().ByNumber(o.Fields().Get(i).Number())
			if other == nil || other.Number() == wf.Number() || (wf.ContainingOneof() != nil && other.ContainingOneof() == wf.ContainingOneof()) {
				continue
			}
			more := samples(other, 1)
			if len(more) == 0 {
				continue
			}
			m := s.message(vs[0])
			m.Set(other, more[0])
			if w := s.compareAll(m); w != nil {
				return w
			}
		}
	}
	if wf.HasPresence() && !rf.HasPresence() && wf.Message() == nil {
		if w := s.compareAll(s.message(zero(wf))); w != nil {
			return w
		}
	}
	return s.compareAll(s.message(vs[0]))
}

// compareAll compares presence of all fields and the cases of all oneofs.
func (s sides) compareAll(m *dynamicpb.Message) *compat.Witness {
	raw, err := proto.MarshalOptions{Deterministic: true, AllowPartial: true}.Marshal(m)
	if err != nil {
		return nil
	}
	r, err := s.read(raw)
	if err != nil {
		return s.witness(m, raw, "", fmt.Sprintf("%s refuses it: %v", s.readerWord, clean(err)))
	}
	fs := s.writer.Fields()
	for i := range fs.Len() {
		f := fs.Get(i)
		g := s.reader.Fields().ByNumber(f.Number())
		if g != nil && m.Has(f) && !r.Has(g) {
			return s.witness(m, raw, jsonText(r), fmt.Sprintf("%s reads %s: %s is not set", s.readerWord, jsonText(r), g.Name()))
		}
	}
	for i := range s.reader.Oneofs().Len() {
		o := s.reader.Oneofs().Get(i)
		mine := s.writer.Oneofs().ByName(o.Name())
		if o.IsSynthetic() || mine == nil || mine.IsSynthetic() {
			continue
		}
		a, b := m.WhichOneof(mine), r.WhichOneof(o)
		if (a == nil) != (b == nil) {
			return s.witness(m, raw, jsonText(r), fmt.Sprintf("oneof %s is %s to its writer and %s to %s",
				o.Name(), caseWords(a), caseWords(b), s.readerWord))
		}
	}
	for i := range s.writer.Oneofs().Len() {
		o := s.writer.Oneofs().Get(i)
		set := m.WhichOneof(o)
		if o.IsSynthetic() || set == nil || s.reader.Oneofs().ByName(o.Name()) != nil {
			continue
		}
		if g := s.reader.Fields().ByNumber(set.Number()); g != nil {
			return s.witness(m, raw, jsonText(r), fmt.Sprintf("%s finds %s %s, and has no oneof %s", s.readerWord, g.Name(), oneofWords(oneofName(g)), o.Name()))
		}
	}
	return nil
}

func caseWords(f protoreflect.FieldDescriptor) string {
	if f == nil {
		return "not set"
	}
	return string(f.Name())
}

// proveEnum looks for a field of the enum on the writer's side whose counterpart
// the reader has.
func (p *prover) proveEnum(c Change, dir compat.Direction) *compat.Witness {
	writer, reader, from, to := c.oldEnum, c.newEnum, p.old, p.new
	if dir == compat.Forward {
		writer, reader, from, to = reader, writer, to, from
	}
	if writer.Values().ByNumber(protoreflect.EnumNumber(c.number)) == nil {
		return nil
	}
	for _, f := range uses(from, writer.FullName()) {
		s := p.sides(c, dir)
		s.writer, s.writerField = f.ContainingMessage(), f
		for _, g := range uses(to, reader.FullName()) {
			if g.Number() != f.Number() || g.IsMap() != f.IsMap() || g.IsList() != f.IsList() || g.ContainingMessage().Name() != f.ContainingMessage().Name() {
				continue
			}
			s.reader, s.readerField = g.ContainingMessage(), g
			v, ok := enumSample(f, protoreflect.EnumNumber(c.number))
			if !ok {
				continue
			}
			if w := s.try(s.message(v), p.profile == WireJSON); w != nil {
				return w
			}
		}
	}
	return nil
}

func uses(s *schema, name protoreflect.FullName) []protoreflect.FieldDescriptor {
	var out []protoreflect.FieldDescriptor
	for _, f := range s.roots {
		for i := range f.Messages().Len() {
			declared(f.Messages().Get(i), func(m protoreflect.MessageDescriptor) {
				if m.IsMapEntry() {
					return
				}
				for j := range m.Fields().Len() {
					f := m.Fields().Get(j)
					if (f.Enum() != nil && f.Enum().FullName() == name) || (f.IsMap() && f.MapValue().Enum() != nil && f.MapValue().Enum().FullName() == name) {
						out = append(out, f)
					}
				}
			})
		}
	}
	return out
}

func enumSample(f protoreflect.FieldDescriptor, n protoreflect.EnumNumber) (protoreflect.Value, bool) {
	v := protoreflect.ValueOfEnum(n)
	m := dynamicpb.NewMessage(f.ContainingMessage())
	switch {
	case f.IsMap():
		mp := m.NewField(f).Map()
		keys := scalars(f.MapKey())
		mp.Set(keys[0].MapKey(), v)
		return protoreflect.ValueOfMap(mp), true
	case f.IsList():
		l := m.NewField(f).List()
		l.Append(v)
		return protoreflect.ValueOfList(l), true
	case n == 0 && !f.HasPresence():
		return v, false // zero is not written
	}
	return v, true
}

func (s sides) witness(m *dynamicpb.Message, raw []byte, reads, why string) *compat.Witness {
	w := &compat.Witness{Binary: raw, Reads: reads}
	if raw == nil {
		w.Binary = []byte{}
	}
	shown := "an empty message"
	if len(raw) > 0 {
		shown = "a message without a JSON form"
	}
	if text, err := marshalJSON(m, s.writerField); err == nil {
		w.JSON = text
		shown = string(text)
	}
	written := "no bytes"
	if len(raw) > 0 {
		written = "bytes " + hex.EncodeToString(raw)
	}
	w.Explanation = fmt.Sprintf("%s %s of %s is written as %s; %s", s.writer.Name(), shown, s.writerWord, written, why)
	return w
}

func marshalJSON(m *dynamicpb.Message, f protoreflect.FieldDescriptor) ([]byte, error) {
	text, err := protojson.MarshalOptions{AllowPartial: true, Resolver: resolver(f)}.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("write %s as JSON: %w", m.Descriptor().FullName(), err)
	}
	var out bytes.Buffer // protojson varies its white space on purpose
	if err := json.Compact(&out, text); err != nil {
		return nil, fmt.Errorf("write %s as JSON: %w", m.Descriptor().FullName(), err)
	}
	return out.Bytes(), nil
}

func jsonText(m *dynamicpb.Message) string {
	text, err := marshalJSON(m, nil)
	if err != nil {
		return "an unreadable message"
	}
	return string(text)
}

// readText shows one field of what the reader has.
func readText(f protoreflect.FieldDescriptor, m *dynamicpb.Message) string {
	if !m.Has(f) {
		return "nothing"
	}
	return shown(f, m.Get(f))
}

func shown(f protoreflect.FieldDescriptor, v protoreflect.Value) string {
	switch {
	case f.IsMap():
		var parts []string
		v.Map().Range(func(k protoreflect.MapKey, e protoreflect.Value) bool {
			parts = append(parts, k.String()+": "+one(f.MapValue(), e))
			return true
		})
		slices.Sort(parts)
		return "{" + strings.Join(parts, ", ") + "}"
	case f.IsList():
		var parts []string
		for i := range v.List().Len() {
			parts = append(parts, one(f, v.List().Get(i)))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	return one(f, v)
}

func one(f protoreflect.FieldDescriptor, v protoreflect.Value) string {
	switch f.Kind() {
	case protoreflect.StringKind:
		return fmt.Sprintf("%q", v.String())
	case protoreflect.BytesKind:
		return "bytes " + hex.EncodeToString(v.Bytes())
	case protoreflect.EnumKind:
		if d := f.Enum().Values().ByNumber(v.Enum()); d != nil {
			return string(d.Name())
		}
		return fmt.Sprintf("%d, which has no name", v.Enum())
	case protoreflect.MessageKind, protoreflect.GroupKind:
		if m, ok := v.Message().Interface().(*dynamicpb.Message); ok {
			return jsonText(m)
		}
	}
	return fmt.Sprint(v.Interface())
}

// clean drops the prefix, of changing white space, that the library puts first.
func clean(err error) string {
	text := strings.ReplaceAll(err.Error(), "\u00a0", " ")
	return strings.TrimSpace(strings.TrimPrefix(text, "proto:"))
}

func unknownText(raw []byte) string {
	n, _, _ := protowire.ConsumeTag(raw)
	return fmt.Sprintf("unknown field %d, lost", n)
}

// canon writes a value so that two sides agree exactly when they mean the same:
// numbers by value, text and bytes by bytes, enums by number and name, messages by
// field number. An absent value is empty.
func canon(f protoreflect.FieldDescriptor, v protoreflect.Value, has bool) string {
	if !has {
		return ""
	}
	switch {
	case f.IsMap():
		var parts []string
		v.Map().Range(func(k protoreflect.MapKey, e protoreflect.Value) bool {
			parts = append(parts, canonOne(f.MapKey(), k.Value())+":"+canonOne(f.MapValue(), e))
			return true
		})
		slices.Sort(parts)
		return "map[" + strings.Join(parts, ",") + "]"
	case f.IsList():
		var parts []string
		for i := range v.List().Len() {
			parts = append(parts, canonOne(f, v.List().Get(i)))
		}
		return "[" + strings.Join(parts, ",") + "]"
	}
	return canonOne(f, v)
}

func canonOne(f protoreflect.FieldDescriptor, v protoreflect.Value) string {
	switch f.Kind() {
	case protoreflect.BoolKind:
		if v.Bool() {
			return "1"
		}
		return "0"
	case protoreflect.EnumKind:
		name := ""
		if d := f.Enum().Values().ByNumber(v.Enum()); d != nil {
			name = string(d.Name())
		}
		return fmt.Sprintf("%d %s", v.Enum(), name)
	case protoreflect.StringKind:
		return fmt.Sprintf("%q", v.String())
	case protoreflect.BytesKind:
		return fmt.Sprintf("%q", string(v.Bytes()))
	case protoreflect.MessageKind, protoreflect.GroupKind:
		var parts []string
		v.Message().Range(func(g protoreflect.FieldDescriptor, e protoreflect.Value) bool {
			parts = append(parts, fmt.Sprintf("%d=%s", g.Number(), canon(g, e, true)))
			return true
		})
		slices.Sort(parts)
		if u := v.Message().GetUnknown(); len(u) > 0 {
			parts = append(parts, "unknown "+hex.EncodeToString(u))
		}
		return "{" + strings.Join(parts, ",") + "}"
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return fmt.Sprint(v.Float())
	default:
		return fmt.Sprint(v.Interface())
	}
}

func zero(f protoreflect.FieldDescriptor) protoreflect.Value {
	switch f.Kind() {
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(0)
	case protoreflect.StringKind:
		return protoreflect.ValueOfString("")
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte{})
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(false)
	case protoreflect.FloatKind:
		return protoreflect.ValueOfFloat32(0)
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(0)
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return protoreflect.ValueOfUint32(0)
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return protoreflect.ValueOfUint64(0)
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return protoreflect.ValueOfInt64(0)
	default:
		return protoreflect.ValueOfInt32(0)
	}
}

// scalars are values of a type, the plainest first, its edges last.
func scalars(f protoreflect.FieldDescriptor) []protoreflect.Value {
	var out []protoreflect.Value
	switch f.Kind() {
	case protoreflect.BoolKind:
		out = append(out, protoreflect.ValueOfBool(true))
	case protoreflect.EnumKind:
		vs := f.Enum().Values()
		for i := range min(vs.Len(), maxSamples) {
			if n := vs.Get(i).Number(); n != 0 {
				out = append(out, protoreflect.ValueOfEnum(n))
			}
		}
		if f.HasPresence() || f.IsList() || len(out) == 0 {
			out = append(out, protoreflect.ValueOfEnum(vs.Get(0).Number()))
		}
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		for _, x := range []int32{150, -1, math.MaxInt32, math.MinInt32} {
			out = append(out, protoreflect.ValueOfInt32(x))
		}
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		for _, x := range []int64{150, -1, 5_000_000_000, math.MaxInt64, math.MinInt64} {
			out = append(out, protoreflect.ValueOfInt64(x))
		}
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		for _, x := range []uint32{150, math.MaxUint32} {
			out = append(out, protoreflect.ValueOfUint32(x))
		}
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		for _, x := range []uint64{150, 5_000_000_000, math.MaxUint64} {
			out = append(out, protoreflect.ValueOfUint64(x))
		}
	case protoreflect.FloatKind:
		for _, x := range []float32{1.5, math.MaxFloat32} {
			out = append(out, protoreflect.ValueOfFloat32(x))
		}
	case protoreflect.DoubleKind:
		for _, x := range []float64{1.5, 0.1, math.MaxFloat64} {
			out = append(out, protoreflect.ValueOfFloat64(x))
		}
	case protoreflect.StringKind:
		for _, x := range []string{"a", "é", "1"} {
			out = append(out, protoreflect.ValueOfString(x))
		}
	case protoreflect.BytesKind:
		for _, x := range [][]byte{{0xff}, []byte("a")} {
			out = append(out, protoreflect.ValueOfBytes(x))
		}
	}
	return out
}

// samples are values of a field: of every member of a message in turn, lists of
// one and of two, maps of one.
func samples(f protoreflect.FieldDescriptor, depth int) []protoreflect.Value {
	holder := dynamicpb.NewMessage(f.ContainingMessage())
	switch {
	case f.IsMap():
		var out []protoreflect.Value
		for _, k := range scalars(f.MapKey()) {
			for _, v := range single(f.MapValue(), depth) {
				m := holder.NewField(settable(f)).Map()
				m.Set(k.MapKey(), v)
				if out = append(out, protoreflect.ValueOfMap(m)); len(out) >= maxSamples {
					return out
				}
			}
		}
		return out
	case f.IsList():
		vs := single(f, depth)
		var out []protoreflect.Value
		for i, v := range vs {
			l := newList(holder, f)
			l.Append(v)
			if i == 0 && len(vs) > 1 {
				l.Append(vs[1])
			}
			out = append(out, protoreflect.ValueOfList(l))
		}
		return out
	}
	return single(f, depth)
}

func newList(holder *dynamicpb.Message, f protoreflect.FieldDescriptor) protoreflect.List {
	if f.IsExtension() {
		return dynamicpb.NewExtensionType(f).New().List()
	}
	return holder.NewField(f).List()
}

// single are values of one element.
func single(f protoreflect.FieldDescriptor, depth int) []protoreflect.Value {
	md := f.Message()
	if md == nil {
		return scalars(f)
	}
	var out []protoreflect.Value
	if depth > 0 {
		for i := range md.Fields().Len() {
			g := md.Fields().Get(i)
			for _, v := range samples(g, depth-1) {
				m := dynamicpb.NewMessage(md)
				m.Set(g, v)
				fillRequired(m, maxLevels)
				if out = append(out, protoreflect.ValueOfMessage(m)); len(out) >= maxSamples {
					return out
				}
			}
		}
	}
	m := dynamicpb.NewMessage(md)
	fillRequired(m, maxLevels)
	return append(out, protoreflect.ValueOfMessage(m))
}
