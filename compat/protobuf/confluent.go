package protobuf

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/bufbuild/protocompile/ast"

	"github.com/weirhq/weir/compat"
)

// A registry compares what it parsed, not what it linked: imports may be missing,
// names are matched inside their parent, fields by tag. So the prediction works on
// this model of the syntax tree and knows nothing of descriptors.

// model is one parsed schema: the root file's elements and, by full name, the types
// of every file that could be loaded.
type model struct {
	pkg      string
	messages []*message
	enums    []*enumeration
	types    map[string]*declaredType
}

type declaredType struct {
	pkg     string
	message *message
	enum    *enumeration
}

type message struct {
	name     string
	full     string // with the package
	relative string // without it
	fields   []*member
	oneofs   []string
	messages []*message
	enums    []*enumeration
}

type enumeration struct {
	name   string
	values map[int64]string
}

type member struct {
	name       string
	tag        uint64
	label      string // as written; empty when it is not
	typ        string
	key        string // of a map
	oneof      string
	scopeNames []string // where typ is looked up, innermost first
}

func newModel(s *schema) *model {
	m := &model{types: map[string]*declaredType{}}
	for _, path := range slices.Sorted(maps.Keys(s.sources)) {
		src := s.sources[path]
		pkg := packageOf(src.file)
		var messages []*message
		var enums []*enumeration
		for _, d := range src.file.Decls {
			switch d := d.(type) {
			case *ast.MessageNode:
				messages = append(messages, m.message(pkg, prefix(pkg), d.Name.Val, &d.MessageBody))
			case *ast.EnumNode:
				enums = append(enums, m.enum(pkg, prefix(pkg), d))
			}
		}
		if src.root && m.messages == nil && m.enums == nil {
			m.pkg, m.messages, m.enums = pkg, messages, enums
		}
	}
	return m
}

func packageOf(f *ast.FileNode) string {
	for _, d := range f.Decls {
		if p, ok := d.(*ast.PackageNode); ok {
			return string(p.Name.AsIdentifier())
		}
	}
	return ""
}

func prefix(pkg string) string {
	if pkg == "" {
		return ""
	}
	return pkg + "."
}

func (m *model) enum(pkg, parent string, n *ast.EnumNode) *enumeration {
	e := &enumeration{name: n.Name.Val, values: map[int64]string{}}
	for _, d := range n.Decls {
		if v, ok := d.(*ast.EnumValueNode); ok {
			if x, ok := v.Number.AsInt64(); ok {
				e.values[x] = v.Name.Val
			}
		}
	}
	m.types[parent+e.name] = &declaredType{pkg: pkg, enum: e}
	return e
}

func (m *model) message(pkg, parent, name string, body *ast.MessageBody) *message {
	msg := &message{name: name, full: parent + name}
	msg.relative = strings.TrimPrefix(msg.full, prefix(pkg))
	m.types[msg.full] = &declaredType{pkg: pkg, message: msg}
	scopes := scopesOf(msg.full)
	for _, d := range body.Decls {
		switch d := d.(type) {
		case *ast.MessageNode:
			msg.messages = append(msg.messages, m.message(pkg, msg.full+".", d.Name.Val, &d.MessageBody))
		case *ast.EnumNode:
			msg.enums = append(msg.enums, m.enum(pkg, msg.full+".", d))
		case *ast.FieldNode:
			msg.fields = append(msg.fields, plainMember(d, "", scopes))
		case *ast.MapFieldNode:
			msg.fields = append(msg.fields, &member{
				name: d.Name.Val, tag: tagOf(d.Tag), typ: string(d.MapType.ValueType.AsIdentifier()), key: d.MapType.KeyType.Val, scopeNames: scopes,
			})
		case *ast.OneofNode:
			msg.oneofs = append(msg.oneofs, d.Name.Val)
			for _, e := range d.Decls {
				if f, ok := e.(*ast.FieldNode); ok {
					msg.fields = append(msg.fields, plainMember(f, d.Name.Val, scopes))
				}
			}
		}
	}
	return msg
}

func plainMember(f *ast.FieldNode, oneof string, scopes []string) *member {
	out := &member{name: f.Name.Val, typ: string(f.FldType.AsIdentifier()), tag: tagOf(f.Tag), oneof: oneof, scopeNames: scopes}
	switch {
	case !f.Label.IsPresent():
	case f.Label.Repeated:
		out.label = "repeated"
	case f.Label.Required:
		out.label = "required"
	default:
		out.label = "optional"
	}
	return out
}

// tagOf is 0 where the tag is missing, which only linking minds.
func tagOf(n *ast.UintLiteralNode) uint64 {
	if n == nil {
		return 0
	}
	return n.Val
}

func scopesOf(full string) []string {
	out := []string{full + "."}
	for i := len(full) - 1; i >= 0; i-- {
		if full[i] == '.' {
			out = append(out, full[:i+1])
		}
	}
	return append(out, "")
}

// resolve finds a type, innermost scope first; nil when no loaded file has it.
func (m *model) resolve(name string, scopes []string) *declaredType {
	if rest, ok := strings.CutPrefix(name, "."); ok {
		return m.types[rest]
	}
	for _, s := range scopes {
		if t := m.types[s+name]; t != nil {
			return t
		}
	}
	return nil
}

func scalarGroup(t string) string {
	switch t {
	case "int32", "int64", "uint32", "uint64", "bool":
		return "general number"
	case "sint32", "sint64":
		return "signed number"
	case "string", "bytes":
		return "string or bytes"
	case "fixed32", "sfixed32":
		return "fixed32"
	case "fixed64", "sfixed64":
		return "fixed64"
	case "float", "double":
		return t
	}
	return ""
}

// kindOf sorts a type into what the registry tells apart: a scalar group (enums are
// general numbers), or message.
func (m *model) kindOf(typ string, scopes []string) (kind, group string) {
	if g := scalarGroup(typ); g != "" {
		return "scalar", g
	}
	if t := m.resolve(typ, scopes); t != nil && t.enum != nil {
		return "scalar", "general number"
	}
	return "message", ""
}

var breaking = []string{
	"PACKAGE_CHANGED", "MESSAGE_REMOVED", "FIELD_KIND_CHANGED", "FIELD_SCALAR_KIND_CHANGED", "FIELD_NAMED_TYPE_CHANGED",
	"FIELD_NUMERIC_LABEL_CHANGED", "REQUIRED_FIELD_ADDED", "REQUIRED_FIELD_REMOVED", "ONEOF_FIELD_REMOVED",
	"MULTIPLE_FIELDS_MOVED_TO_ONEOF", "FIELD_MOVED_TO_EXISTING_ONEOF",
}

// Predict answers as a Confluent registry would. Nothing needs to be linked.
func (*Checker) Predict(ctx context.Context, old, new compat.Parsed, dir compat.Direction) (compat.Prediction, error) { //nolint:predeclared // as Check
	a, okA := old.(*schema)
	b, okB := new.(*schema)
	if !okA || !okB {
		return compat.Prediction{}, fmt.Errorf("compare protobuf schemas: got %T and %T", old, new)
	}
	if err := ctx.Err(); err != nil {
		return compat.Prediction{}, fmt.Errorf("compare %s with %s: %w", a.name, b.name, err)
	}
	if dir == compat.Forward {
		a, b = b, a
	}
	v := &vendor{old: a.proto, new: b.proto, active: map[*message]bool{}, seen: map[string]bool{}}
	if v.old.pkg != v.new.pkg {
		v.add("PACKAGE_CHANGED", "#/")
	}
	v.types("#/", v.old.messages, v.new.messages, v.old.enums, v.new.enums)
	p := compat.Prediction{Compatible: true, Findings: []compat.VendorFinding{}}
	for _, f := range v.out {
		key := f.Type + " " + f.Path
		if v.seen[key] {
			continue
		}
		v.seen[key] = true
		p.Findings = append(p.Findings, f)
		if slices.Contains(breaking, f.Type) {
			p.Compatible = false
		}
	}
	p.Lenient = p.Compatible // the vendor knows no lenient policy here
	return p, nil
}

type vendor struct {
	old, new *model
	out      []compat.VendorFinding
	active   map[*message]bool // old messages being compared: cycles end there
	seen     map[string]bool
}

func (v *vendor) add(typ, path string) {
	v.out = append(v.out, compat.VendorFinding{Type: typ, Path: path})
}

func (v *vendor) types(path string, wasM, isM []*message, wasE, isE []*enumeration) {
	newIndex := map[string]int{}
	for i, m := range isM {
		newIndex[m.name] = i
	}
	oldIndex := map[string]int{}
	for i, m := range wasM {
		oldIndex[m.name] = i
		j, ok := newIndex[m.name]
		switch {
		case !ok:
			v.add("MESSAGE_REMOVED", path+m.name)
		default:
			if i != j {
				v.add("MESSAGE_MOVED", path+m.name)
			}
			v.message(path+m.name, m, isM[j])
		}
	}
	for _, m := range isM {
		if _, ok := oldIndex[m.name]; !ok {
			v.add("MESSAGE_ADDED", path+m.name)
		}
	}
	was, is := map[string]*enumeration{}, map[string]*enumeration{}
	for _, e := range isE {
		is[e.name] = e
	}
	for _, e := range wasE {
		was[e.name] = e
		if is[e.name] == nil {
			v.add("ENUM_REMOVED", path+e.name)
			continue
		}
		v.enum(path+e.name, e, is[e.name])
	}
	for _, e := range isE {
		if was[e.name] == nil {
			v.add("ENUM_ADDED", path+e.name)
		}
	}
}

func (v *vendor) enum(path string, a, b *enumeration) {
	for _, n := range slices.Sorted(maps.Keys(a.values)) {
		at := path + "/" + strconv.FormatInt(n, 10)
		name, ok := b.values[n]
		switch {
		case !ok:
			v.add("ENUM_CONST_REMOVED", at)
		case name != a.values[n]:
			v.add("ENUM_CONST_CHANGED", at)
		}
	}
	for _, n := range slices.Sorted(maps.Keys(b.values)) {
		if _, ok := a.values[n]; !ok {
			v.add("ENUM_CONST_ADDED", path+"/"+strconv.FormatInt(n, 10))
		}
	}
}

func byTag(m *message) map[uint64]*member {
	out := map[uint64]*member{}
	for _, f := range m.fields {
		out[f.tag] = f
	}
	return out
}

func memberPath(path string, f *member) string {
	if f.oneof != "" {
		path += "/" + f.oneof
	}
	return path + "/" + strconv.FormatUint(f.tag, 10)
}

func (v *vendor) message(path string, a, b *message) {
	if v.active[a] {
		return
	}
	v.active[a] = true
	defer delete(v.active, a)
	v.types(path+"/", a.messages, b.messages, a.enums, b.enums)
	was, is := byTag(a), byTag(b)
	for _, tag := range slices.Sorted(maps.Keys(was)) {
		f, g := was[tag], is[tag]
		if g == nil {
			v.removed(path, a, b, f, is)
			continue
		}
		if f.oneof != "" && g.oneof == "" {
			v.add("ONEOF_FIELD_MOVED_TO_TOP_LEVEL", memberPath(path, g))
		}
		v.field(memberPath(path, g), f, g)
	}
	for _, tag := range slices.Sorted(maps.Keys(is)) {
		if was[tag] != nil {
			continue
		}
		g := is[tag]
		switch {
		case g.oneof != "":
			v.add("ONEOF_FIELD_ADDED", memberPath(path, g))
		case g.label == "required":
			v.add("REQUIRED_FIELD_ADDED", memberPath(path, g))
		default:
			v.add("FIELD_ADDED", memberPath(path, g))
		}
	}
	for _, o := range a.oneofs {
		if !slices.Contains(b.oneofs, o) {
			v.add("ONEOF_REMOVED", path+"/"+o)
		}
	}
	for _, o := range b.oneofs {
		if !slices.Contains(a.oneofs, o) {
			v.add("ONEOF_ADDED", path+"/"+o)
		}
		v.moves(path+"/"+o, o, b, was)
	}
}

// removed: a oneof that vanished with all its members is a oneof removed and no more.
func (v *vendor) removed(path string, a, b *message, f *member, is map[uint64]*member) {
	if f.oneof == "" {
		typ := "FIELD_REMOVED"
		if f.label == "required" {
			typ = "REQUIRED_FIELD_REMOVED"
		}
		v.add(typ, memberPath(path, f))
		return
	}
	survives := slices.Contains(b.oneofs, f.oneof) || slices.ContainsFunc(a.fields, func(o *member) bool {
		return o.oneof == f.oneof && is[o.tag] != nil
	})
	if survives {
		v.add("ONEOF_FIELD_REMOVED", memberPath(path, f))
	}
}

// moves groups the old members of a new oneof by where they come from. Members of
// two origins could be set together before, and one of them would be lost.
func (v *vendor) moves(path, oneof string, b *message, was map[uint64]*member) {
	groups, top := map[string]bool{}, 0
	for _, g := range b.fields {
		f := was[g.tag]
		if g.oneof != oneof || f == nil {
			continue
		}
		if f.oneof == "" {
			top++
			groups["top "+strconv.FormatUint(f.tag, 10)] = true
			continue
		}
		groups["oneof "+f.oneof] = true
	}
	switch {
	case len(groups) < 2:
	case top > 1:
		v.add("MULTIPLE_FIELDS_MOVED_TO_ONEOF", path)
	default:
		v.add("FIELD_MOVED_TO_EXISTING_ONEOF", path)
	}
}

func (v *vendor) field(path string, f, g *member) {
	if f.name != g.name {
		v.add("FIELD_NAME_CHANGED", path)
	}
	kindF, groupF := v.old.kindOf(f.typ, f.scopeNames)
	kindG, groupG := v.new.kindOf(g.typ, g.scopeNames)
	if (f.key != "") != (g.key != "") {
		v.add("FIELD_KIND_CHANGED", path)
		return
	}
	if f.key != "" {
		if scalarGroup(f.key) != scalarGroup(g.key) {
			v.add("FIELD_SCALAR_KIND_CHANGED", path)
		}
	} else if kindF == kindG {
		v.label(path, f, g, kindF, groupF)
	}
	switch {
	case kindF != kindG:
		v.add("FIELD_KIND_CHANGED", path)
	case kindF == "message":
		v.named(path, f, g)
	case groupF != groupG:
		v.add("FIELD_SCALAR_KIND_CHANGED", path)
	}
}

func (v *vendor) label(path string, f, g *member, kind, group string) {
	if kind != "scalar" || f.label == g.label {
		return
	}
	if group == "string or bytes" {
		if cmp.Or(f.label, "optional") != cmp.Or(g.label, "optional") || (f.label != "" && g.label != "") {
			v.add("FIELD_STRING_OR_BYTES_LABEL_CHANGED", path)
		}
		return
	}
	if f.label != "" && g.label != "" {
		v.add("FIELD_NUMERIC_LABEL_CHANGED", path)
	}
}

func (v *vendor) named(path string, f, g *member) {
	a, b := v.old.resolve(f.typ, f.scopeNames), v.new.resolve(g.typ, g.scopeNames)
	if a == nil || b == nil || a.message == nil || b.message == nil {
		if simple(f.typ) != simple(g.typ) {
			v.add("FIELD_NAMED_TYPE_CHANGED", path)
		}
		return
	}
	if a.message.relative != b.message.relative {
		v.add("FIELD_NAMED_TYPE_CHANGED", path)
		return
	}
	before := len(v.out)
	v.message("#/"+strings.ReplaceAll(a.message.relative, ".", "/"), a.message, b.message)
	if slices.ContainsFunc(v.out[before:], func(x compat.VendorFinding) bool { return slices.Contains(breaking, x.Type) }) {
		v.add("FIELD_NAMED_TYPE_CHANGED", path)
	}
}

func simple(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }
