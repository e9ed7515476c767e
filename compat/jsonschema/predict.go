package jsonschema

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/weirhq/weir/compat"
)

// predictSteps bounds the comparisons of one prediction; the registry itself has no
// bound, it runs out of memory.
const predictSteps = 200_000

// vdiff is one difference at a path relative to the pair it was found in.
type vdiff struct {
	kind string
	path string // "/properties/a", "" for the pair itself
}

// vresult is what comparing a pair gave.
type vresult struct {
	diffs []vdiff
	ok    bool
	// assumed is set when the result leans on a pair that was still being compared.
	assumed bool
}

type vpair struct{ old, new *vnode }

// differ compares two schemas the way the Confluent registry does.
type differ struct {
	lenient bool
	memo    map[vpair]vresult
	open    map[vpair]bool
	bad     map[vpair]bool
	grew    bool
	used    map[vpair]bool
	steps   int
}

// Predict implements [compat.Checker] for "confluent".
func (c *Checker) Predict(ctx context.Context, old, new compat.Parsed, dir compat.Direction) (compat.Prediction, error) {
	o, n, err := sides(old, new)
	if err != nil {
		return compat.Prediction{}, err
	}
	if dir == compat.Forward {
		o, n = n, o
	}
	a, b := newView(o), newView(n)
	strict, err := predict(ctx, a, b, false)
	if err != nil {
		return compat.Prediction{}, err
	}
	lenient, err := predict(ctx, a, b, true)
	if err != nil {
		return compat.Prediction{}, err
	}
	p := compat.Prediction{Compatible: strict.ok, Lenient: lenient.ok, Findings: []compat.VendorFinding{}}
	for _, d := range strict.diffs {
		f := compat.VendorFinding{Type: d.kind, Path: "#" + cmpOr(d.path, "/")}
		f.Message = fmt.Sprintf("%s at %s", strings.ToLower(strings.ReplaceAll(d.kind, "_", " ")), f.Path)
		if !slices.Contains(p.Findings, f) {
			p.Findings = append(p.Findings, f)
		}
	}
	slices.SortStableFunc(p.Findings, func(x, y compat.VendorFinding) int {
		return cmpStrings(x.Path, y.Path, x.Type, y.Type)
	})
	return p, nil
}

func cmpStrings(ab ...string) int {
	for i := 0; i+1 < len(ab); i += 2 {
		if c := strings.Compare(ab[i], ab[i+1]); c != 0 {
			return c
		}
	}
	return 0
}

func sides(old, new compat.Parsed) (o, n *schema, err error) {
	o, ok := old.(*schema)
	if !ok {
		return nil, nil, fmt.Errorf("compare schemas: the old one is a %T", old)
	}
	n, ok = new.(*schema)
	if !ok {
		return nil, nil, fmt.Errorf("compare schemas: the new one is a %T", new)
	}
	return o, n, nil
}

// predict iterates to the greatest fixed point: a pair met again while in progress
// is assumed to fit, and an assumption that turns out wrong is fed back.
func predict(ctx context.Context, a, b *view, lenient bool) (vresult, error) {
	d := &differ{lenient: lenient, bad: map[vpair]bool{}}
	for {
		if err := ctx.Err(); err != nil {
			return vresult{}, err
		}
		d.memo, d.open, d.used, d.grew = map[vpair]vresult{}, map[vpair]bool{}, map[vpair]bool{}, false
		r := d.compare(a.root(), b.root())
		if d.steps > predictSteps {
			return vresult{}, errors.New("predict: the schemas are too large to compare")
		}
		if !d.grew {
			return r, nil
		}
	}
}

// compare answers for one pair, from memory where it can.
func (d *differ) compare(old, new *vnode) vresult {
	p := vpair{old, new}
	if r, ok := d.memo[p]; ok {
		return r
	}
	if d.open[p] {
		d.used[p] = true
		return vresult{ok: !d.bad[p], assumed: true}
	}
	if d.steps++; d.steps > predictSteps {
		return vresult{}
	}
	d.open[p] = true
	c := &vcontext{d: d, ok: true}
	c.pair(old, new)
	delete(d.open, p)
	r := vresult{c.diffs, c.ok, c.assumed}
	if !r.ok && d.used[p] && !d.bad[p] {
		d.bad[p], d.grew = true, true
	}
	if !r.assumed || len(d.open) == 0 {
		d.memo[p] = r
	}
	return r
}

// vcontext collects the differences of one pair.
type vcontext struct {
	d       *differ
	diffs   []vdiff
	ok      bool
	assumed bool
}

func (c *vcontext) add(kind string, tokens ...string) {
	path := joined(tokens)
	c.diffs = append(c.diffs, vdiff{kind, path})
	if !vendorCompatible(kind, c.d.lenient) {
		c.ok = false
	}
}

// merge takes over a sub-result at a path.
func (c *vcontext) merge(r vresult, tokens ...string) {
	path := joined(tokens)
	for _, x := range r.diffs {
		c.diffs = append(c.diffs, vdiff{x.kind, path + x.path})
	}
	c.ok = c.ok && r.ok
	c.assumed = c.assumed || r.assumed
}

// joined is a path as the registry writes it: without escapes.
func joined(tokens []string) string {
	if len(tokens) == 0 {
		return ""
	}
	return "/" + strings.Join(tokens, "/")
}

func (c *vcontext) sub(old, new *vnode, tokens ...string) {
	c.merge(c.d.compare(old, new), tokens...)
}

// vendorCompatible says whether the registry counts a difference as compatible.
func vendorCompatible(kind string, lenient bool) bool {
	switch kind {
	case "REQUIRED_PROPERTY_WITH_DEFAULT_ADDED_TO_OPEN_CONTENT_MODEL", "OPTIONAL_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL",
		"PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL", "PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL",
		"PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL",
		"ADDITIONAL_PROPERTIES_REMOVED", "ADDITIONAL_PROPERTIES_NARROWED", "UNEVALUATED_PROPERTIES_REMOVED", "UNEVALUATED_PROPERTIES_NARROWED":
		return lenient
	case "ID_CHANGED", "TITLE_CHANGED", "DESCRIPTION_CHANGED", "DEFAULT_CHANGED", "TYPE_EXTENDED", "SCHEMA_REMOVED",
		"MAX_LENGTH_INCREASED", "MAX_LENGTH_REMOVED", "MIN_LENGTH_DECREASED", "MIN_LENGTH_REMOVED", "PATTERN_REMOVED",
		"MAXIMUM_INCREASED", "MAXIMUM_REMOVED", "MINIMUM_DECREASED", "MINIMUM_REMOVED",
		"EXCLUSIVE_MAXIMUM_INCREASED", "EXCLUSIVE_MAXIMUM_REMOVED", "EXCLUSIVE_MINIMUM_DECREASED", "EXCLUSIVE_MINIMUM_REMOVED",
		"MULTIPLE_OF_REDUCED", "MULTIPLE_OF_REMOVED", "ENUM_ARRAY_EXTENDED",
		"REQUIRED_ATTRIBUTE_REMOVED", "REQUIRED_ATTRIBUTE_WITH_DEFAULT_ADDED", "PROPERTY_WITH_EMPTY_SCHEMA_ADDED_TO_OPEN_CONTENT_MODEL",
		"OPTIONAL_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL", "REQUIRED_PROPERTY_WITH_DEFAULT_ADDED_TO_UNOPEN_CONTENT_MODEL",
		"PROPERTY_ADDED_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL", "PROPERTY_REMOVED_FROM_OPEN_CONTENT_MODEL",
		"PROPERTY_WITH_FALSE_REMOVED_FROM_CLOSED_CONTENT_MODEL", "PROPERTY_REMOVED_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL",
		"ADDITIONAL_PROPERTIES_ADDED", "ADDITIONAL_PROPERTIES_EXTENDED", "UNEVALUATED_PROPERTIES_ADDED", "UNEVALUATED_PROPERTIES_EXTENDED",
		"DEPENDENCY_ARRAY_NARROWED", "DEPENDENCY_ARRAY_REMOVED", "DEPENDENCY_SCHEMA_REMOVED",
		"MAX_PROPERTIES_INCREASED", "MAX_PROPERTIES_REMOVED", "MIN_PROPERTIES_DECREASED", "MIN_PROPERTIES_REMOVED",
		"MAX_ITEMS_INCREASED", "MAX_ITEMS_REMOVED", "MIN_ITEMS_DECREASED", "MIN_ITEMS_REMOVED", "UNIQUE_ITEMS_REMOVED",
		"MAX_CONTAINS_INCREASED", "MAX_CONTAINS_REMOVED", "MIN_CONTAINS_DECREASED", "MIN_CONTAINS_REMOVED",
		"ITEM_ADDED_TO_CLOSED_CONTENT_MODEL", "ITEM_WITH_EMPTY_SCHEMA_ADDED_TO_OPEN_CONTENT_MODEL", "ITEM_REMOVED_FROM_OPEN_CONTENT_MODEL",
		"ITEM_WITH_FALSE_REMOVED_FROM_CLOSED_CONTENT_MODEL", "ITEM_ADDED_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL",
		"ITEM_REMOVED_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL", "ADDITIONAL_ITEMS_ADDED", "ADDITIONAL_ITEMS_EXTENDED",
		"UNEVALUATED_ITEMS_ADDED", "UNEVALUATED_ITEMS_EXTENDED",
		"COMBINED_TYPE_EXTENDED", "SUM_TYPE_EXTENDED", "PRODUCT_TYPE_NARROWED", "NOT_TYPE_NARROWED":
		return true
	}
	return false
}

func (c *vcontext) pair(old, new *vnode) {
	switch {
	case old == nil && new == nil:
		return
	case old == nil:
		c.add("SCHEMA_ADDED")
		return
	case new == nil:
		c.add("SCHEMA_REMOVED")
		return
	}
	if old.class != vCombined && new.class == vCombined {
		if len(new.parts) == 1 {
			c.sub(old, new.parts[0])
			return
		}
		if new.criterion != "allOf" {
			for _, p := range new.parts {
				if r := c.d.compare(old, p); r.ok {
					c.merge(r)
					c.add("SUM_TYPE_EXTENDED")
					return
				}
			}
		}
	}
	if old.class == vCombined && new.class != vCombined {
		if len(old.parts) == 1 {
			c.sub(old.parts[0], new)
			return
		}
		if old.criterion == "allOf" {
			for _, p := range old.parts {
				if r := c.d.compare(p, new); r.ok {
					c.merge(r)
					c.add("PRODUCT_TYPE_NARROWED")
					return
				}
			}
		}
	}
	if old.class != new.class {
		fits := old.class == vFalse || new.class == vEmpty || (old.connect == "bytes" && new.connect == "bytes")
		if !fits {
			c.add("TYPE_CHANGED")
		}
		return
	}
	if old.id != new.id {
		c.add("ID_CHANGED")
	}
	if old.title != new.title {
		c.add("TITLE_CHANGED")
	}
	if old.description != new.description {
		c.add("DESCRIPTION_CHANGED")
	}
	if (old.def == nil) != (new.def == nil) || (old.def != nil && key(*old.def) != key(*new.def)) {
		c.add("DEFAULT_CHANGED")
	}
	switch old.class {
	case vEnum:
		c.enum(old, new)
	case vConst:
		if key(old.obj["const"]) != key(new.obj["const"]) {
			c.add("ENUM_ARRAY_CHANGED", "const")
		}
	case vNot:
		c.negation(old, new)
	case vCombined:
		c.combined(old, new)
	case vString:
		c.integer(old, new, "MAX_LENGTH", "maxLength")
		c.integer(old, new, "MIN_LENGTH", "minLength")
		c.patterns(old, new)
	case vNumber:
		c.number(old, new)
	case vArray:
		c.array(old, new)
	case vObject:
		c.object(old, new)
	case vEmpty, vFalse, vBoolean, vNull, vConditional:
	}
}

func (c *vcontext) enum(old, new *vnode) {
	set := func(n *vnode) map[string]bool {
		out := map[string]bool{}
		list, _ := n.obj["enum"].([]any)
		for _, v := range list {
			out[key(v)] = true
		}
		return out
	}
	a, b := set(old), set(new)
	switch {
	case maps.Equal(a, b):
	case contains(b, a):
		c.add("ENUM_ARRAY_EXTENDED", "enum")
	case contains(a, b):
		c.add("ENUM_ARRAY_NARROWED", "enum")
	default:
		c.add("ENUM_ARRAY_CHANGED", "enum")
	}
}

// contains reports whether every key of part is in whole.
func contains(whole, part map[string]bool) bool {
	for k := range part {
		if !whole[k] {
			return false
		}
	}
	return true
}

func (c *vcontext) negation(old, new *vnode) {
	r := c.d.compare(new.sub("not"), old.sub("not"))
	c.assumed = c.assumed || r.assumed
	switch {
	case r.ok && len(r.diffs) == 0:
	case r.ok:
		c.add("NOT_TYPE_NARROWED", "not")
	default:
		c.add("NOT_TYPE_EXTENDED", "not")
	}
}

// integer compares a count.
func (c *vcontext) integer(old, new *vnode, kind, keyword string) {
	a, b := old.integerOf(keyword), new.integerOf(keyword)
	switch {
	case a == nil && b == nil:
	case a == nil:
		c.add(kind+"_ADDED", keyword)
	case b == nil:
		c.add(kind+"_REMOVED", keyword)
	case *a < *b:
		c.add(kind+"_INCREASED", keyword)
	case *a > *b:
		c.add(kind+"_DECREASED", keyword)
	}
}

func (c *vcontext) patterns(old, new *vnode) {
	a, aok := old.obj["pattern"].(string)
	b, bok := new.obj["pattern"].(string)
	switch {
	case !aok && bok:
		c.add("PATTERN_ADDED", "pattern")
	case aok && !bok:
		c.add("PATTERN_REMOVED", "pattern")
	case a != b:
		c.add("PATTERN_CHANGED", "pattern")
	}
}

func (c *vcontext) number(old, new *vnode) {
	for _, k := range []struct{ kind, keyword string }{
		{"MAXIMUM", "maximum"}, {"MINIMUM", "minimum"}, {"EXCLUSIVE_MAXIMUM", "exclusiveMaximum"}, {"EXCLUSIVE_MINIMUM", "exclusiveMinimum"},
	} {
		a, b := old.rat(k.keyword), new.rat(k.keyword)
		switch {
		case a == nil && b == nil:
		case a == nil:
			c.add(k.kind+"_ADDED", k.keyword)
		case b == nil:
			c.add(k.kind+"_REMOVED", k.keyword)
		case a.Cmp(b) < 0:
			c.add(k.kind+"_INCREASED", k.keyword)
		case a.Cmp(b) > 0:
			c.add(k.kind+"_DECREASED", k.keyword)
		}
	}
	a, b := old.rat("multipleOf"), new.rat("multipleOf")
	divides := func(x, y *big.Rat) bool { return y.Sign() != 0 && quotient(x, y).IsInt() }
	switch {
	case a == nil && b == nil:
	case a == nil:
		c.add("MULTIPLE_OF_ADDED", "multipleOf")
	case b == nil:
		c.add("MULTIPLE_OF_REMOVED", "multipleOf")
	case a.Cmp(b) == 0:
	case divides(b, a):
		c.add("MULTIPLE_OF_EXPANDED", "multipleOf")
	case divides(a, b):
		c.add("MULTIPLE_OF_REDUCED", "multipleOf")
	default:
		c.add("MULTIPLE_OF_CHANGED", "multipleOf")
	}
	switch {
	case old.integer && !new.integer:
		c.add("TYPE_EXTENDED")
	case !old.integer && new.integer:
		c.add("TYPE_NARROWED")
	}
}

func quotient(x, y *big.Rat) *big.Rat { return new(big.Rat).Quo(x, y) }

func (c *vcontext) array(old, new *vnode) {
	c.sub(old.allItems(), new.allItems(), "items")
	a, b := old.tuple(), new.tuple()
	for i := range max(len(a), len(b)) {
		at := []string{"items", strconv.Itoa(i)}
		switch {
		case i < len(a) && i < len(b):
			c.sub(a[i], b[i], at...)
		case i < len(a):
			c.removed(a[i], contentOf(new, "", false), "ITEM", at)
		default:
			m := contentOf(old, "", false)
			switch {
			case m.open && b[i].class == vEmpty:
				c.add("ITEM_WITH_EMPTY_SCHEMA_ADDED_TO_OPEN_CONTENT_MODEL", at...)
			case m.open:
				c.add("ITEM_ADDED_TO_OPEN_CONTENT_MODEL", at...)
			case m.partial != nil:
				c.covered(m.partial, b[i], "ITEM_ADDED", at)
			default:
				c.add("ITEM_ADDED_TO_CLOSED_CONTENT_MODEL", at...)
			}
		}
	}
	c.additional(old, new, "ADDITIONAL_ITEMS", old.restKeyword(), new.restKeyword(), "additionalItems")
	c.additional(old, new, "UNEVALUATED_ITEMS", "unevaluatedItems", "unevaluatedItems", "unevaluatedItems")
	c.integer(old, new, "MAX_ITEMS", "maxItems")
	c.integer(old, new, "MIN_ITEMS", "minItems")
	u, v := old.obj["uniqueItems"] == true, new.obj["uniqueItems"] == true
	switch {
	case u && !v:
		c.add("UNIQUE_ITEMS_REMOVED", "uniqueItems")
	case !u && v:
		c.add("UNIQUE_ITEMS_ADDED", "uniqueItems")
	}
	c.integer(old, new, "MIN_CONTAINS", "minContains")
	c.integer(old, new, "MAX_CONTAINS", "maxContains")
}

// content is what an object or array allows beside what it declares.
type content struct {
	open    bool
	partial *vnode
}

func contentOf(n *vnode, name string, object bool) content {
	extra, uneval := "additionalProperties", "unevaluatedProperties"
	if !object {
		extra, uneval = n.restKeyword(), "unevaluatedItems"
	}
	permits, s := n.additional(extra)
	if restIsAll := !object && extra == "items"; restIsAll {
		if _, ok := n.obj["items"].([]any); ok {
			permits, s = true, nil
		}
	}
	uPermits, u := n.additional(uneval)
	var patterns map[string]any
	if object {
		patterns, _ = n.obj["patternProperties"].(map[string]any)
	}
	if permits && s == nil && len(patterns) == 0 && uPermits && u == nil {
		return content{open: true}
	}
	for _, p := range slices.Sorted(maps.Keys(patterns)) {
		for _, c := range n.v.s.annotation.nodes {
			if c.url != n.url || c.pointer != n.pointer {
				continue
			}
			for _, pp := range c.patternProps {
				if pp.re.src == p && pp.re.MatchString(name) {
					return content{partial: n.sub("patternProperties", p)}
				}
			}
		}
	}
	if s != nil {
		return content{partial: s}
	}
	return content{partial: u}
}

func (c *vcontext) covered(old, new *vnode, kind string, at []string) {
	r := c.d.compare(old, new)
	c.merge(r, at...)
	if r.ok {
		c.add(kind+"_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL", at...)
		return
	}
	c.add(kind+"_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL", at...)
}

func (c *vcontext) removed(old *vnode, m content, kind string, at []string) {
	switch {
	case m.open:
		c.add(kind+"_REMOVED_FROM_OPEN_CONTENT_MODEL", at...)
	case m.partial != nil:
		c.covered(old, m.partial, kind+"_REMOVED", at)
	case old.class == vFalse:
		c.add(kind+"_WITH_FALSE_REMOVED_FROM_CLOSED_CONTENT_MODEL", at...)
	default:
		c.add(kind+"_REMOVED_FROM_CLOSED_CONTENT_MODEL", at...)
	}
}

func (c *vcontext) additional(old, new *vnode, kind, oldKeyword, newKeyword, path string) {
	permits := func(n *vnode, k string) (bool, *vnode) {
		if k == "items" {
			if _, ok := n.obj[k].([]any); ok {
				return true, nil
			}
		}
		return n.additional(k)
	}
	ap, as := permits(old, oldKeyword)
	bp, bs := permits(new, newKeyword)
	switch {
	case ap != bp && bp:
		c.add(kind+"_ADDED", path)
	case ap != bp:
		c.add(kind+"_REMOVED", path)
	case as == nil && bs == nil:
	case as == nil:
		c.add(kind+"_NARROWED", path)
	case bs == nil:
		c.add(kind+"_EXTENDED", path)
	default:
		c.sub(as, bs, path)
	}
}

func (c *vcontext) object(old, new *vnode) {
	oldRequired, newRequired := old.strings("required"), new.strings("required")
	for _, name := range old.propertyNames() {
		p := new.property(name)
		if p == nil {
			continue
		}
		was, is := slices.Contains(oldRequired, name), slices.Contains(newRequired, name)
		switch {
		case was && !is:
			c.add("REQUIRED_ATTRIBUTE_REMOVED", "required", name)
		case !was && is && p.def != nil:
			c.add("REQUIRED_ATTRIBUTE_WITH_DEFAULT_ADDED", "required", name)
		case !was && is:
			c.add("REQUIRED_ATTRIBUTE_ADDED", "required", name)
		}
	}
	for _, name := range old.propertyNames() {
		at := []string{"properties", name}
		a, b := old.property(name), new.property(name)
		if b == nil {
			c.removed(a, contentOf(new, name, true), "PROPERTY", at)
			continue
		}
		c.sub(a, b, at...)
	}
	for _, name := range new.propertyNames() {
		if old.property(name) != nil {
			continue
		}
		at := []string{"properties", name}
		p, m := new.property(name), contentOf(old, name, true)
		model := "UNOPEN"
		if m.open {
			model = "OPEN"
			if p.class == vEmpty {
				c.add("PROPERTY_WITH_EMPTY_SCHEMA_ADDED_TO_OPEN_CONTENT_MODEL", at...)
				continue
			}
		} else if m.partial != nil {
			c.covered(m.partial, p, "PROPERTY_ADDED", at)
		}
		kind := "OPTIONAL_PROPERTY"
		if slices.Contains(newRequired, name) {
			kind = "REQUIRED_PROPERTY"
			if p.def != nil {
				kind = "REQUIRED_PROPERTY_WITH_DEFAULT"
			}
		}
		c.add(kind+"_ADDED_TO_"+model+"_CONTENT_MODEL", at...)
	}
	c.dependencies(old, new)
	c.additional(old, new, "ADDITIONAL_PROPERTIES", "additionalProperties", "additionalProperties", "additionalProperties")
	c.additional(old, new, "UNEVALUATED_PROPERTIES", "unevaluatedProperties", "unevaluatedProperties", "unevaluatedProperties")
	c.integer(old, new, "MAX_PROPERTIES", "maxProperties")
	c.integer(old, new, "MIN_PROPERTIES", "minProperties")
}

func (c *vcontext) dependencies(old, new *vnode) {
	split := func(n *vnode) (arrays map[string]map[string]bool, schemas map[string]string) {
		arrays, schemas = map[string]map[string]bool{}, map[string]string{}
		for _, k := range []string{"dependencies", "dependentRequired", "dependentSchemas"} {
			m, _ := n.obj[k].(map[string]any)
			for name, v := range m {
				list, ok := v.([]any)
				if !ok {
					schemas[name] = k
					continue
				}
				set := map[string]bool{}
				for _, x := range list {
					if s, ok := x.(string); ok {
						set[s] = true
					}
				}
				arrays[name] = set
			}
		}
		return arrays, schemas
	}
	a, as := split(old)
	b, bs := split(new)
	for _, name := range slices.Sorted(maps.Keys(a)) {
		x, y := a[name], b[name]
		switch {
		case y == nil:
			c.add("DEPENDENCY_ARRAY_REMOVED", "dependencies", name)
		case maps.Equal(x, y):
		case contains(y, x):
			c.add("DEPENDENCY_ARRAY_EXTENDED", "dependencies", name)
		case contains(x, y):
			c.add("DEPENDENCY_ARRAY_NARROWED", "dependencies", name)
		default:
			c.add("DEPENDENCY_ARRAY_CHANGED", "dependencies", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(b)) {
		if a[name] == nil {
			c.add("DEPENDENCY_ARRAY_ADDED", "dependencies", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(as)) {
		if bs[name] == "" {
			c.add("DEPENDENCY_SCHEMA_REMOVED", "dependencies", name)
			continue
		}
		c.sub(old.sub(as[name], name), new.sub(bs[name], name), "dependencies", name)
	}
	for _, name := range slices.Sorted(maps.Keys(bs)) {
		if as[name] == "" {
			c.add("DEPENDENCY_SCHEMA_ADDED", "dependencies", name)
		}
	}
}

func (c *vcontext) combined(old, new *vnode) {
	switch {
	case old.criterion == new.criterion:
	case new.criterion == "anyOf",
		len(old.parts) == 1 && len(new.parts) == 1,
		len(old.parts) == 1 && new.criterion == "oneOf",
		len(new.parts) == 1 && old.criterion == "allOf":
		c.add("COMBINED_TYPE_EXTENDED")
	default:
		c.add("COMBINED_TYPE_CHANGED")
		return
	}
	a, b := distinct(old.parts), distinct(new.parts)
	switch {
	case len(a) < len(b) && new.criterion == "allOf":
		c.add("PRODUCT_TYPE_EXTENDED")
	case len(a) < len(b):
		c.add("SUM_TYPE_EXTENDED")
	case len(a) > len(b) && old.criterion == "allOf":
		c.add("PRODUCT_TYPE_NARROWED")
	case len(a) > len(b):
		c.add("SUM_TYPE_NARROWED")
	}
	edges := make([]map[int]vresult, len(a))
	for i, x := range a {
		edges[i] = map[int]vresult{}
		for j, y := range b {
			r := c.d.compare(x, y)
			c.assumed = c.assumed || r.assumed
			if r.ok {
				edges[i][j] = r
			}
		}
	}
	match := matching(edges, len(b))
	covered := 0
	for i, j := range match {
		if j >= 0 {
			covered++
			c.merge(edges[i][j], new.criterion, strconv.Itoa(i))
		}
	}
	if covered < min(len(a), len(b)) {
		c.add("COMBINED_TYPE_SUBSCHEMAS_CHANGED")
	}
}

// distinct drops parts that say the same as an earlier one.
func distinct(parts []*vnode) []*vnode {
	seen := map[string]bool{}
	var out []*vnode
	for _, p := range parts {
		k := strconv.Itoa(int(p.class)) + p.criterion + key(p.obj) + strconv.FormatBool(p.integer)
		if !seen[k] {
			seen[k] = true
			out = append(out, p)
		}
	}
	return out
}

// matching is a maximum bipartite matching by augmenting paths: for each old part
// the new one it is paired with, or -1.
func matching(edges []map[int]vresult, right int) []int {
	owner := make([]int, right)
	for j := range owner {
		owner[j] = -1
	}
	var augment func(i int, seen []bool) bool
	augment = func(i int, seen []bool) bool {
		for j := range right {
			if _, ok := edges[i][j]; !ok || seen[j] {
				continue
			}
			seen[j] = true
			if owner[j] < 0 || augment(owner[j], seen) {
				owner[j] = i
				return true
			}
		}
		return false
	}
	out := make([]int, len(edges))
	for i := range out {
		out[i] = -1
		augment(i, make([]bool, right))
	}
	for j, i := range owner {
		if i >= 0 {
			out[i] = j
		}
	}
	return out
}
