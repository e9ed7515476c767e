package protobuf

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/bufbuild/protocompile/protoutil"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// Change is one thing the author did between two versions.
type Change struct {
	// Rule is weir's id. Buf is the id of the rule of the same meaning in buf's
	// breaking checks, or empty where buf has none.
	Rule string
	Buf  string
	// Message says what was done, old to new.
	Message string
	// At is the place in the new version, OldAt the one in the old.
	At, OldAt Place

	oldName, newName protoreflect.FullName
	was, is          string
	kind             proofKind
	oldField         protoreflect.FieldDescriptor
	newField         protoreflect.FieldDescriptor
	oldMsg, newMsg   protoreflect.MessageDescriptor
	oldEnum, newEnum protoreflect.EnumDescriptor
	number           int32
	suggestion       string
	only             Profile // empty: both profiles
	ownSeverity      bool    // a warning rather than an error
}

// in reports whether a profile holds the rule of this change.
func (c Change) in(p Profile) bool { return c.only == "" || c.only == p }

// differ walks both versions side by side.
type differ struct {
	old, new *schema
	out      []Change
	additive bool
	// renamed maps the package of a single root file, so that a changed package is
	// one finding and not the removal of everything in it.
	oldPkg, newPkg protoreflect.FullName
	oldRoot        string
}

type scope struct {
	messages map[protoreflect.FullName]protoreflect.MessageDescriptor
	enums    map[protoreflect.FullName]protoreflect.EnumDescriptor
	exts     map[string]protoreflect.FieldDescriptor
	services map[protoreflect.FullName]protoreflect.ServiceDescriptor
}

func diff(a, b *schema, additive bool) []Change {
	d := &differ{old: a, new: b, additive: additive}
	if a.single && b.single && len(a.roots) == 1 && len(b.roots) == 1 {
		d.oldPkg, d.newPkg, d.oldRoot = a.roots[0].Package(), b.roots[0].Package(), a.roots[0].Path()
	}
	d.files()
	was, is := d.scope(a, true), d.scope(b, false)
	for _, name := range sortedKeys(was.messages) {
		if m, ok := is.messages[name]; ok {
			d.message(was.messages[name], m)
		} else {
			d.messageRemoved(was.messages[name])
		}
	}
	for _, name := range sortedKeys(was.enums) {
		if e, ok := is.enums[name]; ok {
			d.enum(was.enums[name], e)
		} else {
			d.enumRemoved(was.enums[name])
		}
	}
	for _, key := range slices.Sorted(maps.Keys(was.exts)) {
		if f, ok := is.exts[key]; ok {
			d.field(was.exts[key], f)
		}
	}
	for _, name := range sortedKeys(was.services) {
		if s, ok := is.services[name]; ok {
			d.service(was.services[name], s)
		}
	}
	return d.out
}

func sortedKeys[V any](m map[protoreflect.FullName]V) []protoreflect.FullName {
	return slices.Sorted(maps.Keys(m))
}

// key is the name under which an element is looked up on the other side.
func (d *differ) key(e protoreflect.Descriptor, isOld bool) protoreflect.FullName {
	name := e.FullName()
	if !isOld || d.oldPkg == d.newPkg || e.ParentFile() == nil || e.ParentFile().Path() != d.oldRoot {
		return name
	}
	rel := strings.TrimPrefix(string(name), string(d.oldPkg)+".")
	if d.newPkg == "" {
		return protoreflect.FullName(rel)
	}
	return d.newPkg + "." + protoreflect.FullName(rel)
}

// scope collects what is declared in the root files and every imported type that
// their messages reach. Standard imports are the same on both sides.
func (d *differ) scope(s *schema, isOld bool) scope {
	sc := scope{
		messages: map[protoreflect.FullName]protoreflect.MessageDescriptor{},
		enums:    map[protoreflect.FullName]protoreflect.EnumDescriptor{},
		exts:     map[string]protoreflect.FieldDescriptor{},
		services: map[protoreflect.FullName]protoreflect.ServiceDescriptor{},
	}
	var message func(protoreflect.MessageDescriptor)
	enum := func(e protoreflect.EnumDescriptor) {
		if !isStandardFile(e.ParentFile()) {
			sc.enums[d.key(e, isOld)] = e
		}
	}
	reach := func(f protoreflect.FieldDescriptor) {
		if m := f.Message(); m != nil {
			message(m)
		}
		if e := f.Enum(); e != nil {
			enum(e)
		}
	}
	exts := func(xs protoreflect.ExtensionDescriptors) {
		for i := range xs.Len() {
			x := xs.Get(i)
			sc.exts[fmt.Sprintf("%s %d", d.key(x.ContainingMessage(), isOld), x.Number())] = x
			reach(x)
		}
	}
	message = func(m protoreflect.MessageDescriptor) {
		if isStandardFile(m.ParentFile()) {
			return
		}
		if !m.IsMapEntry() {
			if sc.messages[d.key(m, isOld)] != nil {
				return
			}
			sc.messages[d.key(m, isOld)] = m
		}
		for i := range m.Fields().Len() {
			reach(m.Fields().Get(i))
		}
	}
	// Roots first: a message reached through a field would hide what is nested in it.
	for _, f := range s.roots {
		for i := range f.Messages().Len() {
			declared(f.Messages().Get(i), func(m protoreflect.MessageDescriptor) {
				if !m.IsMapEntry() {
					sc.messages[d.key(m, isOld)] = m
				}
			})
		}
	}
	for _, f := range s.roots {
		for i := range f.Messages().Len() {
			declared(f.Messages().Get(i), func(m protoreflect.MessageDescriptor) {
				for j := range m.Fields().Len() {
					reach(m.Fields().Get(j))
				}
				for j := range m.Enums().Len() {
					enum(m.Enums().Get(j))
				}
				exts(m.Extensions())
			})
		}
		for i := range f.Enums().Len() {
			enum(f.Enums().Get(i))
		}
		exts(f.Extensions())
		for i := range f.Services().Len() {
			sc.services[d.key(f.Services().Get(i), isOld)] = f.Services().Get(i)
		}
	}
	return sc
}

// declared visits a message and everything nested in it.
func declared(m protoreflect.MessageDescriptor, visit func(protoreflect.MessageDescriptor)) {
	visit(m)
	for i := range m.Messages().Len() {
		declared(m.Messages().Get(i), visit)
	}
}

func (d *differ) add(c Change) { d.out = append(d.out, c) }

func (d *differ) files() {
	byPath := map[string]protoreflect.FileDescriptor{}
	for _, f := range d.new.roots {
		byPath[f.Path()] = f
	}
	for _, was := range d.old.roots {
		is := byPath[was.Path()]
		if d.oldRoot != "" {
			is = d.new.roots[0]
		}
		if is == nil || was.Package() == is.Package() {
			continue
		}
		d.add(Change{
			Rule: "proto/package-changed", Buf: "FILE_SAME_PACKAGE", kind: contract,
			Message: fmt.Sprintf("package changed from %q to %q", was.Package(), is.Package()),
			At:      placeOf(is, []int32{filePackage}), OldAt: placeOf(was, []int32{filePackage}),
			oldName: was.Package(), newName: is.Package(), was: string(was.Package()), is: string(is.Package()),
			suggestion: "keep the package, or publish the new one as a new topic version",
		})
	}
}

func (d *differ) messageRemoved(m protoreflect.MessageDescriptor) {
	d.add(Change{
		Rule: "proto/message-removed", kind: contract,
		Message: fmt.Sprintf("message %s was removed", m.FullName()),
		At:      Place{File: d.fileLike(m)}, OldAt: placeOf(m), oldName: m.FullName(), was: string(m.FullName()),
		suggestion: "keep the message until nobody reads or writes it",
	})
	d.gone(m, "message "+string(m.FullName()), Place{File: d.fileLike(m)})
}

func (d *differ) enumRemoved(e protoreflect.EnumDescriptor) {
	d.gone(e, "enum "+string(e.FullName()), Place{File: d.fileLike(e)})
}

// fileLike is the new file that stands where the file of an old element stood.
func (d *differ) fileLike(e protoreflect.Descriptor) string {
	if d.oldRoot != "" && e.ParentFile().Path() == d.oldRoot {
		return d.new.roots[0].Path()
	}
	return e.ParentFile().Path()
}

// gone and renamed are the findings that only mode ADDITIVE wants.
func (d *differ) gone(was protoreflect.Descriptor, what string, at Place) {
	if d.additive {
		d.add(Change{
			Rule: "compat/removed", kind: contract, Message: what + " was removed", At: at, OldAt: placeOf(was),
			oldName: was.FullName(), was: string(was.FullName()), suggestion: "under ADDITIVE nothing is removed: deprecate it",
		})
	}
}

func (d *differ) renamed(was, is protoreflect.Descriptor, what string) {
	if d.additive {
		d.add(Change{
			Rule: "compat/renamed", kind: contract, Message: fmt.Sprintf("%s %s was renamed to %s", what, was.Name(), is.Name()),
			At: placeOf(is, []int32{elementName}), OldAt: placeOf(was, []int32{elementName}),
			oldName: was.FullName(), newName: is.FullName(), was: string(was.Name()), is: string(is.Name()),
			suggestion: "under ADDITIVE names stay: add the new one beside the old",
		})
	}
}

func (d *differ) message(a, b protoreflect.MessageDescriptor) {
	d.jsonFormat(a, b, "MESSAGE_SAME_JSON_FORMAT", []int32{messageOptions, optionsFeatures, featureJSON})
	d.reserved(a, b, messageRanges(a), messageRanges(b), names(a.ReservedNames()), names(b.ReservedNames()), "RESERVED_MESSAGE_NO_DELETE")
	newNames := map[protoreflect.Name]protoreflect.FieldDescriptor{}
	for _, f := range fields(b) {
		newNames[f.Name()] = f
	}
	for _, f := range fields(a) {
		g := b.Fields().ByNumber(f.Number())
		if g == nil {
			d.fieldRemoved(a, b, f, newNames[f.Name()])
			continue
		}
		d.field(f, g)
	}
	for _, g := range fields(b) {
		f := a.Fields().ByNumber(g.Number())
		if f == nil && a.ReservedRanges().Has(g.Number()) {
			d.add(Change{
				Rule: "proto/tag-reused", kind: contract, number: int32(g.Number()),
				Message: fmt.Sprintf("field %s takes number %d, which the old version reserved", g.Name(), g.Number()),
				At:      placeOf(g), OldAt: placeOf(a), oldName: a.FullName(), newName: g.FullName(),
				was: "reserved", is: string(g.Name()), suggestion: "take a number that was never used",
			})
		}
		if g.Cardinality() == protoreflect.Required && (f == nil || f.Cardinality() != protoreflect.Required) {
			d.add(Change{
				Rule: "proto/required-field-added", Buf: "MESSAGE_SAME_REQUIRED_FIELDS", kind: requiredMissing,
				Message: fmt.Sprintf("required field %s (%d) was added to %s", g.Name(), g.Number(), b.FullName()),
				At:      placeOf(g), OldAt: placeOf(a), oldName: a.FullName(), newName: g.FullName(),
				oldMsg: a, newMsg: b, newField: g, is: "required", suggestion: "make it optional and check for it where it is read",
			})
		}
	}
	for _, f := range fields(a) {
		g := b.Fields().ByNumber(f.Number())
		if f.Cardinality() == protoreflect.Required && (g == nil || g.Cardinality() != protoreflect.Required) {
			d.add(Change{
				Rule: "proto/required-field-removed", Buf: "MESSAGE_SAME_REQUIRED_FIELDS", kind: requiredMissing,
				Message: fmt.Sprintf("field %s (%d) of %s is no longer required", f.Name(), f.Number(), a.FullName()),
				At:      placeOf(b), OldAt: placeOf(f), oldName: f.FullName(), newName: b.FullName(),
				oldMsg: a, newMsg: b, oldField: f, was: "required", suggestion: "keep writing it until every reader has the new version",
			})
		}
	}
	for i := range a.Oneofs().Len() {
		o := a.Oneofs().Get(i)
		if !o.IsSynthetic() && b.Oneofs().ByName(o.Name()) == nil {
			d.gone(o, fmt.Sprintf("oneof %s of %s", o.Name(), a.FullName()), placeOf(b))
		}
	}
}

func fields(m protoreflect.MessageDescriptor) []protoreflect.FieldDescriptor {
	out := make([]protoreflect.FieldDescriptor, 0, m.Fields().Len())
	for i := range m.Fields().Len() {
		out = append(out, m.Fields().Get(i))
	}
	slices.SortStableFunc(out, func(x, y protoreflect.FieldDescriptor) int { return cmp.Compare(x.Number(), y.Number()) })
	return out
}

func (d *differ) fieldRemoved(a, b protoreflect.MessageDescriptor, f, elsewhere protoreflect.FieldDescriptor) {
	base := Change{
		At: placeOf(b), OldAt: placeOf(f), oldName: f.FullName(), newName: b.FullName(), oldMsg: a, newMsg: b, oldField: f,
		kind: fieldLost, number: int32(f.Number()), was: fmt.Sprintf("%s = %d", f.Name(), f.Number()),
	}
	if !b.ReservedRanges().Has(f.Number()) {
		c := base
		c.Rule, c.Buf = "proto/field-removed-number-not-reserved", "FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED"
		c.Message = fmt.Sprintf("field %s was removed from %s and its number %d is not reserved", f.Name(), a.FullName(), f.Number())
		c.suggestion = fmt.Sprintf("add `reserved %d;` to %s", f.Number(), b.Name())
		d.add(c)
	}
	if !b.ReservedNames().Has(f.Name()) {
		c := base
		c.Rule, c.Buf, c.only = "proto/field-removed-name-not-reserved", "FIELD_NO_DELETE_UNLESS_NAME_RESERVED", WireJSON
		c.Message = fmt.Sprintf("field %s (%d) was removed from %s and its name is not reserved", f.Name(), f.Number(), a.FullName())
		c.suggestion = fmt.Sprintf("add `reserved %q;` to %s", f.Name(), b.Name())
		d.add(c)
	}
	if elsewhere != nil && a.Fields().ByNumber(elsewhere.Number()) == nil {
		c := base
		c.Rule = "proto/tag-changed"
		c.At, c.newName, c.newField = placeOf(elsewhere), elsewhere.FullName(), elsewhere
		c.is = fmt.Sprintf("%s = %d", elsewhere.Name(), elsewhere.Number())
		c.Message = fmt.Sprintf("field %s moved from number %d to %d", f.Name(), f.Number(), elsewhere.Number())
		c.suggestion = "keep the number: it is the field's identity on the wire"
		d.add(c)
	}
	d.gone(f, fmt.Sprintf("field %s (%d) of %s", f.Name(), f.Number(), a.FullName()), placeOf(b))
}

// field compares two fields of the same number.
func (d *differ) field(f, g protoreflect.FieldDescriptor) {
	base := Change{
		At: placeOf(g), OldAt: placeOf(f), oldName: f.FullName(), newName: g.FullName(), oldField: f, newField: g,
		oldMsg: f.ContainingMessage(), newMsg: g.ContainingMessage(), number: int32(f.Number()),
	}
	if f.Name() != g.Name() || (f.IsExtension() && d.key(f, true) != g.FullName()) {
		c := base
		c.Rule, c.Buf, c.only, c.kind = "proto/field-renamed", "FIELD_SAME_NAME", WireJSON, jsonOnly
		c.At = placeOf(g, []int32{elementName})
		c.was, c.is = string(f.Name()), string(g.Name())
		c.Message = fmt.Sprintf("field %d of %s was renamed from %s to %s", f.Number(), f.ContainingMessage().FullName(), c.was, c.is)
		c.suggestion = "keep the name, or reserve it and add a new field"
		if f.IsExtension() {
			c.kind = contract
			c.was, c.is = string(f.FullName()), string(g.FullName())
		}
		d.add(c)
		d.renamed(f, g, "field")
	}
	if f.JSONName() != g.JSONName() && !f.IsExtension() {
		c := base
		c.Rule, c.Buf, c.only, c.kind = "proto/json-name-changed", "FIELD_SAME_JSON_NAME", WireJSON, jsonOnly
		c.At = placeOf(g, []int32{fieldJSONName})
		c.was, c.is = f.JSONName(), g.JSONName()
		c.Message = fmt.Sprintf("JSON name of field %d of %s changed from %q to %q", f.Number(), f.ContainingMessage().FullName(), c.was, c.is)
		c.suggestion = fmt.Sprintf("add [json_name = %q]", c.was)
		d.add(c)
	}
	d.cardinality(base, f, g)
	d.fieldTypes(base, f, g)
	if a, b := oneofName(f), oneofName(g); a != b {
		c := base
		c.Rule, c.Buf, c.kind = "proto/field-oneof-changed", "FIELD_SAME_ONEOF", oneofChange
		c.was, c.is = a, b
		c.Message = fmt.Sprintf("field %s (%d) moved from %s to %s", g.Name(), g.Number(), oneofWords(a), oneofWords(b))
		c.suggestion = "leave the field where it is and add a new one to the oneof"
		d.add(c)
	}
	if was, is, differ := defaults(f, g); differ {
		c := base
		c.Rule, c.Buf, c.kind = "proto/default-changed", "FIELD_SAME_DEFAULT", defaultChange
		c.At = placeOf(g, []int32{fieldDefault})
		c.was, c.is = was, is
		c.Message = fmt.Sprintf("default of field %s (%d) changed from %s to %s", g.Name(), g.Number(), was, is)
		c.suggestion = "keep the default: a message without the field means another value now"
		d.add(c)
	}
}

func oneofName(f protoreflect.FieldDescriptor) string {
	if o := f.ContainingOneof(); o != nil && !o.IsSynthetic() {
		return string(o.Name())
	}
	return ""
}

func oneofWords(name string) string {
	if name == "" {
		return "outside any oneof"
	}
	return "oneof " + name
}

func cardinalityClass(f protoreflect.FieldDescriptor) string {
	switch {
	case f.IsMap():
		return "map"
	case f.IsList():
		return "repeated"
	case f.Cardinality() == protoreflect.Required:
		return "required"
	}
	return "singular"
}

func (d *differ) cardinality(c Change, f, g protoreflect.FieldDescriptor) {
	c.was, c.is = cardinalityClass(f), cardinalityClass(g)
	if c.was == c.is {
		return
	}
	c.kind = valueChange
	c.Rule = "proto/field-cardinality-changed"
	c.suggestion = "keep the cardinality and add a new field"
	if c.was == "singular" && c.is == "repeated" {
		c.Rule = "proto/label-to-repeated"
		c.suggestion = "add a repeated field beside it"
	}
	c.Message = fmt.Sprintf("field %s (%d) was %s and is %s", g.Name(), g.Number(), c.was, c.is)
	if !isMany(c.was) && !isMany(c.is) {
		c.kind = requiredMissing
		c.suggestion = "keep the field as it is"
	}
	w := c
	w.only, w.Buf = Wire, "FIELD_WIRE_COMPATIBLE_CARDINALITY"
	if !isMany(c.was) || !isMany(c.is) {
		d.add(w)
	}
	c.only, c.Buf = WireJSON, "FIELD_WIRE_JSON_COMPATIBLE_CARDINALITY"
	d.add(c)
}

// sameEntry reports that two messages are both what the entry of one map is: a key
// and a value of the same types.
func sameEntry(a, b protoreflect.MessageDescriptor) bool {
	for _, number := range []protoreflect.FieldNumber{1, 2} {
		f, g := a.Fields().ByNumber(number), b.Fields().ByNumber(number)
		if f == nil || g == nil || f.Kind() != g.Kind() || f.IsList() || g.IsList() {
			return false
		}
		if m := f.Message(); m != nil && m.FullName() != g.Message().FullName() {
			return false
		}
		if e := f.Enum(); e != nil && e.FullName() != g.Enum().FullName() {
			return false
		}
	}
	return a.Fields().Len() == 2 && b.Fields().Len() == 2
}

func isMany(class string) bool { return class == "repeated" || class == "map" }

// Groups of types that read each other's bytes (compare the wire types of the
// encoding guide), and the narrower ones that read each other's JSON.
func wireGroup(k protoreflect.Kind) string {
	switch k {
	case protoreflect.Int32Kind, protoreflect.Int64Kind, protoreflect.Uint32Kind, protoreflect.Uint64Kind, protoreflect.BoolKind:
		return "varint"
	case protoreflect.Sint32Kind, protoreflect.Sint64Kind:
		return "zigzag"
	case protoreflect.Fixed32Kind, protoreflect.Sfixed32Kind:
		return "fixed32"
	case protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind:
		return "fixed64"
	default:
		return k.String()
	}
}

func jsonGroup(k protoreflect.Kind) string {
	switch k {
	case protoreflect.Int32Kind, protoreflect.Uint32Kind:
		return "int32"
	case protoreflect.Int64Kind, protoreflect.Uint64Kind:
		return "int64"
	case protoreflect.Fixed32Kind, protoreflect.Sfixed32Kind:
		return "fixed32"
	case protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind:
		return "fixed64"
	default:
		return k.String()
	}
}

func (d *differ) fieldTypes(base Change, f, g protoreflect.FieldDescriptor) {
	if f.IsMap() && g.IsMap() {
		// A map is a message nobody declared: compare its key and value in place.
		d.fieldTypes(base, f.MapKey(), g.MapKey())
		d.fieldTypes(base, f.MapValue(), g.MapValue())
		return
	}
	if f.IsMap() != g.IsMap() && f.Kind() == g.Kind() && sameEntry(f.Message(), g.Message()) {
		return // a map is a repeated message on the wire: only the cardinality changed
	}
	base.kind = valueChange
	base.was, base.is = typeName(f), typeName(g)
	base.Message = fmt.Sprintf("type of field %s changed from %s to %s", fieldWords(base.newField), base.was, base.is)
	base.suggestion = "keep the type and add a new field under a new number"
	base.Rule = "proto/field-type-changed"
	typed := base
	if !g.ContainingMessage().IsMapEntry() {
		typed.At = placeOf(g, []int32{fieldTypeName}, []int32{fieldType})
	}
	a, b := f.Kind(), g.Kind()
	if a == b {
		switch {
		case f.Enum() != nil:
			if d.sameEnum(f.Enum(), g.Enum()) {
				return
			}
			typed.kind = valueChange
		case f.Message() != nil:
			if d.key(f.Message(), true) == g.Message().FullName() {
				return
			}
		default:
			return
		}
		for _, p := range []Profile{Wire, WireJSON} {
			c := typed
			c.only, c.Buf = p, map[Profile]string{Wire: "FIELD_WIRE_COMPATIBLE_TYPE", WireJSON: "FIELD_WIRE_JSON_COMPATIBLE_TYPE"}[p]
			d.add(c)
		}
		return
	}
	if wireGroup(a) != wireGroup(b) && (a != protoreflect.StringKind || b != protoreflect.BytesKind) {
		c := typed
		c.only, c.Buf = Wire, "FIELD_WIRE_COMPATIBLE_TYPE"
		d.add(c)
	} else {
		// Same group, but values may not survive: buf is silent, the data is not.
		c := typed
		c.only, c.Rule = Wire, lossRule(a, b)
		c.ownSeverity = c.Rule == "proto/sign-changed"
		if c.Rule != "" {
			d.add(c)
		}
	}
	if jsonGroup(a) != jsonGroup(b) {
		c := typed
		c.only, c.Buf = WireJSON, "FIELD_WIRE_JSON_COMPATIBLE_TYPE"
		if r := lossRule(a, b); r == "proto/int-truncated" {
			c.Rule = r
		}
		d.add(c)
	} else if r := lossRule(a, b); r != "" {
		c := typed
		c.only, c.Rule, c.ownSeverity = WireJSON, r, r == "proto/sign-changed"
		d.add(c)
	}
}

// lossRule names what happens to values when a number moves inside its wire group,
// in either direction.
func lossRule(a, b protoreflect.Kind) string {
	if wireGroup(a) != wireGroup(b) {
		if (a == protoreflect.StringKind && b == protoreflect.BytesKind) || (b == protoreflect.StringKind && a == protoreflect.BytesKind) {
			return "proto/string-bytes-changed"
		}
		return ""
	}
	if width(a) != width(b) {
		return "proto/int-truncated"
	}
	return "proto/sign-changed"
}

func width(k protoreflect.Kind) int {
	switch k {
	case protoreflect.BoolKind:
		return 1
	case protoreflect.Int32Kind, protoreflect.Uint32Kind, protoreflect.Sint32Kind, protoreflect.Fixed32Kind, protoreflect.Sfixed32Kind:
		return 32
	default:
		return 64
	}
}

func typeName(f protoreflect.FieldDescriptor) string {
	switch {
	case f.Enum() != nil:
		return "enum " + string(f.Enum().FullName())
	case f.Message() != nil:
		return f.Kind().String() + " " + string(f.Message().FullName())
	}
	return f.Kind().String()
}

func fieldWords(f protoreflect.FieldDescriptor) string {
	return fmt.Sprintf("%s (%d)", f.Name(), f.Number())
}

// sameEnum: the short name is equal and every old value still stands for its number.
func (d *differ) sameEnum(a, b protoreflect.EnumDescriptor) bool {
	if d.key(a, true) == b.FullName() {
		return true // changed values are findings of the enum itself
	}
	if a.Name() != b.Name() {
		return false
	}
	for i := range a.Values().Len() {
		v := a.Values().Get(i)
		if w := b.Values().ByName(v.Name()); w == nil || w.Number() != v.Number() {
			return false
		}
	}
	return true
}

// defaults compares what a message without the field means. Types that differ are
// compared by value as far as they can be.
func defaults(f, g protoreflect.FieldDescriptor) (was, is string, differ bool) {
	if !hasDefault(f) || !hasDefault(g) {
		return "", "", false
	}
	a, b := defaultValue(f), defaultValue(g)
	if a.zero && b.zero {
		return "", "", false
	}
	return a.text, b.text, a.value != b.value
}

type defaultOf struct {
	zero  bool
	value any // comparable: string, integer or uint64
	text  string
}

func hasDefault(f protoreflect.FieldDescriptor) bool {
	return !f.IsList() && !f.IsMap() && f.Message() == nil
}

func defaultValue(f protoreflect.FieldDescriptor) defaultOf {
	v := f.Default()
	switch f.Kind() {
	case protoreflect.StringKind:
		return defaultOf{v.String() == "", v.String(), fmt.Sprintf("%q", v.String())}
	case protoreflect.BytesKind:
		return defaultOf{len(v.Bytes()) == 0, string(v.Bytes()), fmt.Sprintf("%q", v.Bytes())}
	case protoreflect.BoolKind:
		n := integer(0) // true reads as 1 where a number is wanted
		if v.Bool() {
			n = 1
		}
		return defaultOf{!v.Bool(), n, strconv.FormatBool(v.Bool())}
	case protoreflect.EnumKind:
		text := fmt.Sprint(v.Enum())
		if d := f.DefaultEnumValue(); d != nil {
			text = string(d.Name())
		}
		return defaultOf{v.Enum() == 0, integer(int64(v.Enum())), text}
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		x := v.Float()
		if x == math.Trunc(x) && math.Abs(x) < 1<<53 {
			return defaultOf{x == 0, integer(int64(x)), fmt.Sprint(x)}
		}
		bits := 64
		if f.Kind() == protoreflect.FloatKind {
			bits = 32
		}
		text := strconv.FormatFloat(x, 'g', -1, bits)
		return defaultOf{false, text, text} // as text: NaN equals NaN, and a float what it was written as
	case protoreflect.Uint32Kind, protoreflect.Uint64Kind, protoreflect.Fixed32Kind, protoreflect.Fixed64Kind:
		x := v.Uint()
		if x > math.MaxInt64 {
			return defaultOf{false, x, strconv.FormatUint(x, 10)}
		}
		return defaultOf{x == 0, integer(int64(x)), strconv.FormatUint(x, 10)}
	default:
		return defaultOf{v.Int() == 0, integer(v.Int()), strconv.FormatInt(v.Int(), 10)}
	}
}

type integer int64

func (d *differ) enum(a, b protoreflect.EnumDescriptor) {
	d.jsonFormat(a, b, "ENUM_SAME_JSON_FORMAT", []int32{enumOptions, enumFeatures, featureJSON})
	d.reserved(a, b, enumRanges(a), enumRanges(b), names(a.ReservedNames()), names(b.ReservedNames()), "RESERVED_ENUM_NO_DELETE")
	was, is := values(a), values(b)
	for _, number := range slices.Sorted(maps.Keys(was)) {
		base := Change{
			At: placeOf(b), OldAt: placeOf(was[number][0]), oldName: was[number][0].FullName(), newName: b.FullName(),
			oldEnum: a, newEnum: b, number: int32(number), was: valueNames(was[number]), kind: enumChange,
		}
		if is[number] == nil {
			d.enumValueRemoved(base, a, b, was[number])
			continue
		}
		lost := slices.ContainsFunc(was[number], func(v protoreflect.EnumValueDescriptor) bool {
			return !slices.ContainsFunc(is[number], func(w protoreflect.EnumValueDescriptor) bool { return w.Name() == v.Name() })
		})
		if !lost {
			continue
		}
		for _, w := range is[number] {
			c := base
			c.Rule, c.Buf, c.only = "proto/enum-value-renamed", "ENUM_VALUE_SAME_NAME", WireJSON
			c.At, c.newName, c.is = placeOf(w, []int32{enumValueNumber}), w.FullName(), valueNames(is[number])
			c.Message = fmt.Sprintf("value %d of enum %s was renamed from %s to %s", number, a.FullName(), c.was, c.is)
			c.suggestion = "keep the name; with allow_alias the new one can stand beside it"
			d.add(c)
		}
		d.renamed(was[number][0], is[number][0], "enum value")
	}
	if !b.IsClosed() && !a.IsClosed() {
		return
	}
	for _, number := range slices.Sorted(maps.Keys(is)) {
		if was[number] != nil {
			continue
		}
		v := is[number][0]
		d.add(Change{
			Rule: "proto/enum-closed-value-added", kind: enumChange, ownSeverity: true,
			Message: fmt.Sprintf("value %s (%d) was added to closed enum %s", v.Name(), number, b.FullName()),
			At:      placeOf(v), OldAt: placeOf(a), oldName: a.FullName(), newName: v.FullName(), oldEnum: a, newEnum: b,
			number: int32(number), is: string(v.Name()), suggestion: "let readers upgrade first: an old reader takes the value for an unknown field",
		})
	}
}

func (d *differ) enumValueRemoved(base Change, a, b protoreflect.EnumDescriptor, gone []protoreflect.EnumValueDescriptor) {
	number := gone[0].Number()
	base.kind = enumChange
	if !b.ReservedRanges().Has(number) {
		c := base
		c.Rule, c.Buf = "proto/enum-value-removed-number-not-reserved", "ENUM_VALUE_NO_DELETE_UNLESS_NUMBER_RESERVED"
		c.Message = fmt.Sprintf("value %s was removed from enum %s and its number %d is not reserved", c.was, a.FullName(), number)
		c.suggestion = fmt.Sprintf("add `reserved %d;` to %s", number, b.Name())
		d.add(c)
	}
	for _, v := range gone {
		if b.ReservedNames().Has(v.Name()) {
			continue
		}
		c := base
		c.Rule, c.Buf, c.only = "proto/enum-value-removed-name-not-reserved", "ENUM_VALUE_NO_DELETE_UNLESS_NAME_RESERVED", WireJSON
		c.Message = fmt.Sprintf("value %s (%d) was removed from enum %s and its name is not reserved", v.Name(), number, a.FullName())
		c.suggestion = fmt.Sprintf("add `reserved %q;` to %s", v.Name(), b.Name())
		d.add(c)
		break // one finding a number
	}
	if b.IsClosed() {
		c := base
		c.Rule = "proto/enum-closed-value-removed"
		c.Message = fmt.Sprintf("value %s (%d) was removed from closed enum %s", c.was, number, a.FullName())
		c.suggestion = "keep the value: a reader takes it for an unknown field"
		d.add(c)
	}
	d.gone(gone[0], fmt.Sprintf("value %s (%d) of enum %s", base.was, number, a.FullName()), placeOf(b))
}

func values(e protoreflect.EnumDescriptor) map[protoreflect.EnumNumber][]protoreflect.EnumValueDescriptor {
	out := map[protoreflect.EnumNumber][]protoreflect.EnumValueDescriptor{}
	for i := range e.Values().Len() {
		v := e.Values().Get(i)
		out[v.Number()] = append(out[v.Number()], v)
	}
	return out
}

func valueNames(vs []protoreflect.EnumValueDescriptor) string {
	var s []string
	for _, v := range vs {
		s = append(s, string(v.Name()))
	}
	slices.Sort(s)
	return strings.Join(s, ", ")
}

// span of reserved numbers, both ends inside.
type numbers struct{ from, to int64 }

func (n numbers) String() string {
	if n.from == n.to {
		return strconv.FormatInt(n.from, 10)
	}
	return fmt.Sprintf("%d to %d", n.from, n.to)
}

func messageRanges(m protoreflect.MessageDescriptor) []numbers {
	var out []numbers
	for i := range m.ReservedRanges().Len() {
		r := m.ReservedRanges().Get(i) // end exclusive
		out = append(out, numbers{int64(r[0]), int64(r[1]) - 1})
	}
	return out
}

func enumRanges(e protoreflect.EnumDescriptor) []numbers {
	var out []numbers
	for i := range e.ReservedRanges().Len() {
		r := e.ReservedRanges().Get(i) // end inclusive
		out = append(out, numbers{int64(r[0]), int64(r[1])})
	}
	return out
}

func names(n protoreflect.Names) []protoreflect.Name {
	var out []protoreflect.Name
	for i := range n.Len() {
		out = append(out, n.Get(i))
	}
	return out
}

func (d *differ) reserved(a, b protoreflect.Descriptor, was, is []numbers, wasNames, isNames []protoreflect.Name, buf string) {
	base := Change{
		Rule: "proto/reserved-deleted", Buf: buf, kind: contract, At: placeOf(b), OldAt: placeOf(a),
		oldName: a.FullName(), newName: b.FullName(), suggestion: "keep the reservation: the number or name may still be in stored data",
	}
	for _, r := range was {
		if !covered(r, is) {
			c := base
			c.Message, c.was = fmt.Sprintf("%s no longer reserves %s", b.FullName(), r), r.String()
			d.add(c)
		}
	}
	for _, n := range wasNames {
		if !slices.Contains(isNames, n) {
			c := base
			c.Message, c.was = fmt.Sprintf("%s no longer reserves the name %q", b.FullName(), n), string(n)
			d.add(c)
		}
	}
}

// covered compares ranges as sets: two ranges may cover what one covered.
func covered(r numbers, by []numbers) bool {
	by = slices.Clone(by)
	slices.SortFunc(by, func(x, y numbers) int { return cmp.Compare(x.from, y.from) })
	next := r.from
	for _, b := range by {
		if b.from <= next && b.to >= next {
			next = b.to + 1
		}
	}
	return next > r.to
}

func (d *differ) jsonFormat(a, b protoreflect.Descriptor, buf string, path []int32) {
	if allowsJSON(a) && !allowsJSON(b) {
		d.add(Change{
			Rule: "proto/json-format-dropped", Buf: buf, only: WireJSON, kind: contract,
			Message: fmt.Sprintf("%s no longer promises a JSON form", b.FullName()),
			At:      placeOf(b, path), OldAt: placeOf(a), oldName: a.FullName(), newName: b.FullName(),
			was: "ALLOW", is: "LEGACY_BEST_EFFORT", suggestion: "set features.json_format = ALLOW",
		})
	}
}

func allowsJSON(e protoreflect.Descriptor) bool {
	f := (*descriptorpb.FeatureSet)(nil).ProtoReflect().Descriptor().Fields().ByName("json_format")
	v, err := protoutil.ResolveFeature(e, f)
	return err == nil && descriptorpb.FeatureSet_JsonFormat(v.Enum()) == descriptorpb.FeatureSet_ALLOW
}

func (d *differ) service(a, b protoreflect.ServiceDescriptor) {
	for i := range a.Methods().Len() {
		f := a.Methods().Get(i)
		g := b.Methods().ByName(f.Name())
		if g == nil {
			continue
		}
		report := func(differ bool, buf, what, was, is string, at Place) {
			if differ {
				d.add(Change{
					Rule: "proto/rpc-changed", Buf: buf, kind: contract, At: at, OldAt: placeOf(f), oldName: f.FullName(), newName: g.FullName(),
					Message: fmt.Sprintf("%s of %s changed from %s to %s", what, f.FullName(), was, is), was: was, is: is,
					suggestion: "add a new method",
				})
			}
		}
		report(d.key(f.Input(), true) != g.Input().FullName(), "RPC_SAME_REQUEST_TYPE", "request type",
			string(f.Input().FullName()), string(g.Input().FullName()), placeOf(g, []int32{methodInput}))
		report(d.key(f.Output(), true) != g.Output().FullName(), "RPC_SAME_RESPONSE_TYPE", "response type",
			string(f.Output().FullName()), string(g.Output().FullName()), placeOf(g, []int32{methodOutput}))
		report(f.IsStreamingClient() != g.IsStreamingClient(), "RPC_SAME_CLIENT_STREAMING", "client streaming",
			strconv.FormatBool(f.IsStreamingClient()), strconv.FormatBool(g.IsStreamingClient()), placeOf(g))
		report(f.IsStreamingServer() != g.IsStreamingServer(), "RPC_SAME_SERVER_STREAMING", "server streaming",
			strconv.FormatBool(f.IsStreamingServer()), strconv.FormatBool(g.IsStreamingServer()), placeOf(g))
		x, y := idempotency(f), idempotency(g)
		report(x != y, "RPC_SAME_IDEMPOTENCY_LEVEL", "idempotency level", x, y, placeOf(g, []int32{methodOptions, optionIdempotent}))
	}
}

func idempotency(m protoreflect.MethodDescriptor) string {
	o, ok := m.Options().(*descriptorpb.MethodOptions)
	if !ok {
		return descriptorpb.MethodOptions_IDEMPOTENCY_UNKNOWN.String()
	}
	return o.GetIdempotencyLevel().String()
}
