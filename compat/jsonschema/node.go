package jsonschema

import (
	"crypto/sha256"
	"maps"
	"math/big"
	"slices"
	"strings"

	v6 "github.com/santhosh-tekuri/jsonschema/v6"
)

// types is a set of the six JSON types; integer is number with whole set.
type types uint8

const (
	tNull types = 1 << iota
	tBool
	tNumber
	tString
	tArray
	tObject
	tAll = tNull | tBool | tNumber | tString | tArray | tObject
)

func (t types) String() string {
	return map[types]string{tNull: "null", tBool: "boolean", tNumber: "number", tString: "string", tArray: "array", tObject: "object"}[t]
}

func typeOf(v any) types {
	switch typeName(v) {
	case "null":
		return tNull
	case "boolean":
		return tBool
	case "number":
		return tNumber
	case "string":
		return tString
	case "array":
		return tArray
	}
	return tObject
}

// node is a compiled schema in one form for all drafts, by position: dependencies
// are split, tuple items and prefixItems are prefix, additionalItems and items are
// rest. Every list is in a fixed order.
type node struct {
	id      int
	url     string // of the document
	pointer string // in the document
	doc     *document

	always *bool // true or false schema
	ref    *node
	// target is the node a chain of mere references ends at: the node itself where it
	// says more, or where the chain comes back to itself.
	target *node
	// opaque is set where the meaning depends on more dynamic scopes than are told apart.
	opaque string

	types   types // 0: no type keyword
	integer bool  // number only as integer
	enum    []any
	enumKey map[string]struct{}
	// enumKeys are the keys of enum in its order, enumID is equal for equal sets, and
	// enumOnly says that the node asserts nothing else.
	enumKeys []string
	enumID   string
	enumOnly bool
	konst    *any

	not, cond, then, els *node
	allOf, anyOf, oneOf  []*node

	format           *v6.Format
	minLen, maxLen   *int
	pattern          *pattern
	min, max         *big.Rat
	minExcl, maxExcl bool
	multipleOf       *big.Rat

	props              map[string]*node
	propNames          []string
	patternProps       []patternProp
	additional         *node
	names              *node
	required           []string
	minProps, maxProps *int
	depRequired        []depRequired
	depSchemas         []depSchema

	prefix             []*node
	rest               *node
	contains           *node
	minCont, maxCont   *int
	containsCovers     bool // what fits contains counts as evaluated
	minItems, maxItems *int
	unique             bool

	unevalProps, unevalItems *node

	defaultValue *any
	examples     []any
}

type patternProp struct {
	re   *pattern
	node *node
}

type depRequired struct {
	name  string
	needs []string
}

type depSchema struct {
	name string
	node *node
}

// convert turns the validator's graph into nodes, in the order in which they are
// met, so that ids do not depend on a map's order.
func (s *schema) convert(root *v6.Schema, scope *dynamicScope) *compiled {
	c := &compiled{v6: root}
	type under struct { // a schema under what its dynamic scope has bound
		sch *v6.Schema
		b   *bindings
	}
	known := map[under]*node{}
	var pending []under
	now := &bindings{} // those of the schema in hand
	conv := func(sch *v6.Schema) *node {
		if sch == nil {
			return nil
		}
		at := under{sch, scope.enter(now, sch)}
		if n, ok := known[at]; ok {
			return n
		}
		n := &node{id: len(c.nodes)}
		n.url, n.pointer = splitLocation(sch.Location)
		n.doc = s.docs[n.url]
		known[at] = n
		c.nodes = append(c.nodes, n)
		pending = append(pending, at)
		return n
	}
	boolean := func(b bool, at *v6.Schema, keyword string) *node {
		n := &node{id: len(c.nodes), always: &b}
		n.url, n.pointer = splitLocation(at.Location)
		n.pointer += "/" + keyword
		n.doc = s.docs[n.url]
		c.nodes = append(c.nodes, n)
		return n
	}
	list := func(in []*v6.Schema) []*node {
		if len(in) == 0 {
			return nil
		}
		out := make([]*node, 0, len(in))
		for _, x := range in {
			out = append(out, conv(x))
		}
		return out
	}
	c.root = conv(root)
	for len(pending) > 0 {
		sch := pending[0].sch
		n := known[pending[0]]
		now = pending[0].b
		pending = pending[1:]
		if sch.Bool != nil {
			n.always = sch.Bool
			continue
		}
		n.ref = conv(sch.Ref)
		if n.ref != nil && sch.DraftVersion < 2019 {
			continue // siblings of $ref are ignored
		}
		if scope != nil && scope.full && dynamic(sch) {
			n.opaque = "$dynamicRef or $recursiveRef depends on too many referrers"
			continue
		}
		if r := sch.RecursiveRef; r != nil {
			if r.RecursiveAnchor && now.recursive != nil {
				r = now.recursive
			}
			n.allOf = append(n.allOf, conv(r))
		}
		if d := sch.DynamicRef; d != nil {
			r := d.Ref
			if outer := now.anchors[d.Anchor]; outer != nil && bookends(d) {
				r = outer
			}
			n.allOf = append(n.allOf, conv(r))
		}
		n.setTypes(sch)
		if sch.Enum != nil {
			n.enum = sch.Enum.Values
			n.setEnum()
		}
		n.konst = sch.Const
		n.not, n.cond, n.then, n.els = conv(sch.Not), conv(sch.If), conv(sch.Then), conv(sch.Else)
		n.allOf = append(n.allOf, list(sch.AllOf)...)
		n.anyOf, n.oneOf = list(sch.AnyOf), list(sch.OneOf)

		n.format, n.minLen, n.maxLen = sch.Format, sch.MinLength, sch.MaxLength
		n.pattern, _ = sch.Pattern.(*pattern)
		n.multipleOf = sch.MultipleOf
		n.min, n.max = sch.Minimum, sch.Maximum
		if x := sch.ExclusiveMinimum; x != nil && (n.min == nil || x.Cmp(n.min) >= 0) {
			n.min, n.minExcl = x, true
		}
		if x := sch.ExclusiveMaximum; x != nil && (n.max == nil || x.Cmp(n.max) <= 0) {
			n.max, n.maxExcl = x, true
		}

		n.propNames = slices.Sorted(maps.Keys(sch.Properties))
		if len(n.propNames) > 0 {
			n.props = make(map[string]*node, len(n.propNames))
		}
		for _, name := range n.propNames {
			n.props[name] = conv(sch.Properties[name])
		}
		patterns := slices.SortedFunc(maps.Keys(sch.PatternProperties), func(a, b v6.Regexp) int { return strings.Compare(a.String(), b.String()) })
		for _, re := range patterns {
			if p, ok := re.(*pattern); ok {
				n.patternProps = append(n.patternProps, patternProp{p, conv(sch.PatternProperties[re])})
			}
		}
		switch a := sch.AdditionalProperties.(type) {
		case bool:
			n.additional = boolean(a, sch, "additionalProperties")
		case *v6.Schema:
			n.additional = conv(a)
		}
		n.names = conv(sch.PropertyNames)
		n.required = slices.Sorted(slices.Values(sch.Required))
		n.minProps, n.maxProps = sch.MinProperties, sch.MaxProperties
		for _, name := range slices.Sorted(maps.Keys(sch.Dependencies)) {
			switch d := sch.Dependencies[name].(type) {
			case []string:
				n.depRequired = append(n.depRequired, depRequired{name, d})
			case *v6.Schema:
				n.depSchemas = append(n.depSchemas, depSchema{name, conv(d)})
			}
		}
		for _, name := range slices.Sorted(maps.Keys(sch.DependentRequired)) {
			n.depRequired = append(n.depRequired, depRequired{name, sch.DependentRequired[name]})
		}
		for _, name := range slices.Sorted(maps.Keys(sch.DependentSchemas)) {
			n.depSchemas = append(n.depSchemas, depSchema{name, conv(sch.DependentSchemas[name])})
		}

		switch items := sch.Items.(type) {
		case *v6.Schema:
			n.rest = conv(items)
		case []*v6.Schema:
			n.prefix = list(items)
			switch a := sch.AdditionalItems.(type) {
			case bool:
				n.rest = boolean(a, sch, "additionalItems")
			case *v6.Schema:
				n.rest = conv(a)
			}
		}
		if sch.DraftVersion >= 2020 {
			n.prefix, n.rest = list(sch.PrefixItems), conv(sch.Items2020)
		}
		n.contains, n.minCont, n.maxCont = conv(sch.Contains), sch.MinContains, sch.MaxContains
		n.containsCovers = n.contains != nil && sch.DraftVersion >= 2020
		n.minItems, n.maxItems, n.unique = sch.MinItems, sch.MaxItems, sch.UniqueItems
		n.unevalProps, n.unevalItems = conv(sch.UnevaluatedProperties), conv(sch.UnevaluatedItems)
		n.defaultValue, n.examples = sch.Default, sch.Examples
		if n.enumKey != nil {
			bare := *n
			bare.enum, bare.enumKey = nil, nil
			n.enumOnly = bare.isEmpty()
		}
	}
	for _, n := range c.nodes {
		n.resolve()
	}
	return c
}

// resolve sets target for a node and the chain that starts at it.
func (n *node) resolve() {
	if n.target != nil {
		return
	}
	if !n.plainRef() {
		n.target = n
		return
	}
	var chain []*node
	seen := map[*node]bool{}
	end := n
	for end.target == nil && end.plainRef() && !seen[end] {
		seen[end] = true
		chain = append(chain, end)
		end = end.ref
	}
	cycle := seen[end]
	if !cycle {
		end.resolve()
	}
	for _, m := range chain {
		if m.target = end.target; cycle {
			m.target = m
		}
	}
}

// plainRef: nothing but a reference.
func (n *node) plainRef() bool { return n.ref != nil && n.saysNothing() }

// setEnum prepares an enum for look-ups; it can hold a million values.
func (n *node) setEnum() {
	n.enumKey = make(map[string]struct{}, len(n.enum))
	n.enumKeys = make([]string, 0, len(n.enum))
	for _, v := range n.enum {
		k := key(v)
		n.enumKey[k] = struct{}{}
		n.enumKeys = append(n.enumKeys, k)
	}
	h := sha256.New()
	for _, k := range slices.Compact(slices.Sorted(slices.Values(n.enumKeys))) {
		h.Write([]byte(k))
		h.Write([]byte{0})
	}
	n.enumID = string(h.Sum(nil))
}

func (n *node) setTypes(sch *v6.Schema) {
	if sch.Types == nil || sch.Types.IsEmpty() {
		return
	}
	for _, t := range sch.Types.ToStrings() {
		switch t {
		case "null":
			n.types |= tNull
		case "boolean":
			n.types |= tBool
		case "number":
			n.types |= tNumber
			n.integer = false
		case "integer":
			// ToStrings lists number before integer.
			if n.types&tNumber == 0 {
				n.types |= tNumber
				n.integer = true
			}
		case "string":
			n.types |= tString
		case "array":
			n.types |= tArray
		case "object":
			n.types |= tObject
		}
	}
}

func splitLocation(loc string) (docURL, pointer string) {
	docURL, frag, _ := strings.Cut(loc, "#")
	return docURL, unescapeFragment(frag)
}
