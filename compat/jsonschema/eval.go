package jsonschema

import (
	"encoding/json"
	"math/big"
	"slices"
	"unicode/utf8"
)

// tri is an answer that may be missing.
type tri int

const (
	no tri = iota
	yes
	dunno
)

// evaluator answers whether a value fits a node, without building errors. It only
// ever guides a search or settles a finite set of values; what is shown to people has
// been judged by the validator itself.
type evaluator struct {
	// blocked weakens nodes: these keywords count as met.
	blocked map[blockKey]bool
	active  []*node // in-place nodes being evaluated on one value
}

// blockKey is one assertion of one node.
type blockKey struct {
	n       *node
	keyword string
	name    string
}

func (e *evaluator) off(n *node, keyword, name string) bool {
	return len(e.blocked) > 0 && e.blocked[blockKey{n, keyword, name}]
}

// holds evaluates v under n.
func (e *evaluator) holds(n *node, v any) tri {
	if n.always != nil {
		if *n.always || e.off(n, "false", "") {
			return yes
		}
		return no
	}
	if slices.Contains(e.active, n) {
		return dunno // a cycle of references without progress
	}
	e.active = append(e.active, n)
	defer func() { e.active = e.active[:len(e.active)-1] }()

	out := yes
	and := func(t tri) bool { // reports whether to stop
		if t == no {
			out = no
			return true
		}
		if t == dunno {
			out = dunno
		}
		return false
	}
	t := typeOf(v)
	if n.types != 0 && !e.off(n, "type", "") {
		if n.types&t == 0 {
			return no
		}
		if num, ok := v.(json.Number); ok && n.integer && !ratOf(num).IsInt() {
			return no
		}
	}
	if n.konst != nil && !e.off(n, "const", "") && key(v) != key(*n.konst) {
		return no
	}
	if n.enumKey != nil && !e.off(n, "enum", "") {
		if _, ok := n.enumKey[key(v)]; !ok {
			return no
		}
	}
	if n.format != nil && !e.off(n, "format", "") && n.format.Validate(v) != nil {
		return no
	}
	switch v := v.(type) {
	case json.Number:
		if e.number(n, v) == no {
			return no
		}
	case string:
		if and(e.str(n, v)) {
			return no
		}
	case []any:
		if and(e.array(n, v)) {
			return no
		}
	case map[string]any:
		if and(e.object(n, v)) {
			return no
		}
	}
	if n.ref != nil && and(e.holds(n.ref, v)) {
		return no
	}
	for _, s := range n.allOf {
		if and(e.holds(s, v)) {
			return no
		}
	}
	if n.opaque != "" {
		and(dunno)
	}
	if n.anyOf != nil && !e.off(n, "anyOf", "") {
		best := no
		for _, s := range n.anyOf {
			if r := e.holds(s, v); r == yes {
				best = yes
				break
			} else if r == dunno {
				best = dunno
			}
		}
		if and(best) {
			return no
		}
	}
	if n.oneOf != nil && !e.off(n, "oneOf", "") {
		hits, open := 0, false
		for _, s := range n.oneOf {
			switch e.holds(s, v) {
			case yes:
				hits++
			case dunno:
				open = true
			case no:
			}
		}
		switch {
		case hits > 1, hits == 0 && !open:
			return no
		case open:
			and(dunno)
		}
	}
	if n.not != nil && !e.off(n, "not", "") {
		switch e.holds(n.not, v) {
		case yes:
			return no
		case dunno:
			and(dunno)
		case no:
		}
	}
	if n.cond != nil {
		switch e.holds(n.cond, v) {
		case yes:
			if n.then != nil && and(e.holds(n.then, v)) {
				return no
			}
		case no:
			if n.els != nil && and(e.holds(n.els, v)) {
				return no
			}
		case dunno:
			and(dunno)
		}
	}
	return out
}

// fresh evaluates a child: another value, so cycles start anew.
func (e *evaluator) fresh(n *node, v any) tri {
	if n.always != nil {
		return e.holds(n, v)
	}
	saved := e.active
	e.active = nil
	t := e.holds(n, v)
	e.active = saved
	return t
}

func (e *evaluator) number(n *node, v json.Number) tri {
	if n.min == nil && n.max == nil && n.multipleOf == nil {
		return yes
	}
	r := ratOf(v)
	if n.min != nil && !e.off(n, "minimum", "") {
		if c := r.Cmp(n.min); c < 0 || (c == 0 && n.minExcl) {
			return no
		}
	}
	if n.max != nil && !e.off(n, "maximum", "") {
		if c := r.Cmp(n.max); c > 0 || (c == 0 && n.maxExcl) {
			return no
		}
	}
	if n.multipleOf != nil && !e.off(n, "multipleOf", "") && n.multipleOf.Sign() != 0 && !new(big.Rat).Quo(r, n.multipleOf).IsInt() {
		return no
	}
	return yes
}

func (e *evaluator) str(n *node, v string) tri {
	if n.minLen != nil || n.maxLen != nil {
		l := utf8.RuneCountInString(v)
		if n.minLen != nil && l < *n.minLen && !e.off(n, "minLength", "") {
			return no
		}
		if n.maxLen != nil && l > *n.maxLen && !e.off(n, "maxLength", "") {
			return no
		}
	}
	if n.pattern != nil && !e.off(n, "pattern", "") {
		ok, known := n.pattern.match(v)
		switch {
		case !known:
			return dunno
		case !ok:
			return no
		}
	}
	return yes
}

func (e *evaluator) array(n *node, v []any) tri {
	out := yes
	if n.minItems != nil && len(v) < *n.minItems && !e.off(n, "minItems", "") {
		return no
	}
	if n.maxItems != nil && len(v) > *n.maxItems && !e.off(n, "maxItems", "") {
		return no
	}
	if n.unique && !e.off(n, "uniqueItems", "") {
		seen := make(map[string]bool, len(v))
		for _, x := range v {
			k := key(x)
			if seen[k] {
				return no
			}
			seen[k] = true
		}
	}
	for i, x := range v {
		s := n.rest
		if i < len(n.prefix) {
			s = n.prefix[i]
		} else if e.off(n, "additionalItems", "") {
			continue
		}
		if s == nil {
			continue
		}
		switch e.fresh(s, x) {
		case no:
			return no
		case dunno:
			out = dunno
		case yes:
		}
	}
	if n.contains != nil {
		hits, open := 0, 0
		for _, x := range v {
			switch e.fresh(n.contains, x) {
			case yes:
				hits++
			case dunno:
				open++
			case no:
			}
		}
		least := 1
		if n.minCont != nil {
			least = *n.minCont
		}
		if !e.off(n, "contains", "") {
			if hits+open < least {
				return no
			}
			if hits < least {
				out = dunno
			}
		}
		if n.maxCont != nil && !e.off(n, "maxContains", "") {
			if hits > *n.maxCont {
				return no
			}
			if hits+open > *n.maxCont {
				out = dunno
			}
		}
	}
	if n.unevalItems != nil && !e.off(n, "unevaluatedItems", "") {
		switch e.unevaluatedItems(n, v) {
		case no:
			return no
		case dunno:
			out = dunno
		case yes:
		}
	}
	return out
}

func (e *evaluator) object(n *node, v map[string]any) tri {
	out := yes
	if n.minProps != nil && len(v) < *n.minProps && !e.off(n, "minProperties", "") {
		return no
	}
	if n.maxProps != nil && len(v) > *n.maxProps && !e.off(n, "maxProperties", "") {
		return no
	}
	for _, r := range n.required {
		if _, ok := v[r]; !ok && !e.off(n, "required", r) {
			return no
		}
	}
	for _, d := range n.depRequired {
		if _, ok := v[d.name]; !ok {
			continue
		}
		for _, r := range d.needs {
			if _, ok := v[r]; !ok && !e.off(n, "dependencies", d.name) {
				return no
			}
		}
	}
	and := func(t tri) bool {
		if t == dunno {
			out = dunno
		}
		return t == no
	}
	for name, x := range v {
		evaluated := false
		if s, ok := n.props[name]; ok {
			evaluated = true
			if and(e.fresh(s, x)) {
				return no
			}
		}
		for _, pp := range n.patternProps {
			ok, known := pp.re.match(name)
			if !known {
				and(dunno)
				continue
			}
			if ok {
				evaluated = true
				if and(e.fresh(pp.node, x)) {
					return no
				}
			}
		}
		if !evaluated && n.additional != nil && !e.off(n, "additionalProperties", "") && and(e.fresh(n.additional, x)) {
			return no
		}
		if n.names != nil && !e.off(n, "propertyNames", "") && and(e.fresh(n.names, name)) {
			return no
		}
	}
	for _, d := range n.depSchemas {
		if _, ok := v[d.name]; ok && and(e.holds(d.node, v)) {
			return no
		}
	}
	if n.unevalProps != nil && !e.off(n, "unevaluatedProperties", "") && and(e.unevaluatedProps(n, v)) {
		return no
	}
	return out
}
