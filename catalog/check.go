package catalog

import (
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/weirhq/weir/finding"
)

// issue is one cause for which a document or an example is refused.
type issue struct {
	kind  issueKind
	n     *Node // the value it is about
	onKey bool  // the key is what is wrong
	msg   string
	hint  string
	def   string // the definition that refused, for the rule and the noun
	field string // the name that is missing, or that an unknown one is close to
}

type issueKind uint8

const (
	issueUnknown issueKind = iota // unknown field
	issueMissing                  // required field
	issueType
	issueValue
	issueRefPlace
)

func (i issue) position() finding.Position {
	if i.onKey {
		return i.n.KeyPos()
	}
	return i.n.Pos()
}

// checker walks a node along a schema. It stops at the first cause of each place.
type checker struct {
	st   *store
	spec bool // official schemas: $ref in the document is a reference
	// seen are targets of references that were walked, so that each is walked once.
	seen map[walked]bool
	// foreign claims a target in another file; only one document reports on it.
	claim func(walked) bool
	// onBinding is called for bindings objects, which the 2.x schemas leave open.
	onBinding func(object string, n *Node)
	// onExtension is called for every x- key in a place where one may be.
	onExtension func(k *Node)

	def    string
	file   string
	ver    string
	depth  int
	unsure bool
	quiet  bool // in a trial: references are not followed, and nobody reads the words
	// tried are the causes that trials found, for a value is tried once by every
	// alternative around it.
	tried map[trial][]issue
	// formats asks for certainty about format: what is not plainly right is unsure.
	formats bool
	// noFollow checks what is written: where a reference leads is checked elsewhere.
	noFollow bool
}

type walked struct {
	s *Node
	n *Node
}

// trial is a schema that is tried on a value.
type trial struct {
	s *schema
	n *Node
}

// try tells the causes for which a value is refused, without words and without following
// references.
func (c *checker) try(s *schema, n *Node) []issue {
	if n.Kind != Map && n.Kind != List { // cheaper than to look it up
		return c.silently(s, n)
	}
	at := trial{s, n}
	is, ok := c.tried[at]
	if !ok {
		is = c.silently(s, n)
		if c.tried == nil {
			c.tried = map[trial][]issue{}
		}
		c.tried[at] = is
	}
	return is
}

func (c *checker) silently(s *schema, n *Node) []issue {
	quiet := c.quiet
	c.quiet = true
	is := c.check(s, n)
	c.quiet = quiet
	return is
}

// passes tries a schema without reporting.
func (c *checker) passes(s *Node, env *schemaEnv, n *Node) bool { return len(c.try(env.at(s), n)) == 0 }

// maxWalk bounds schemas that refer to themselves without eating any of the value.
const maxWalk = 1500

func (c *checker) check(s *schema, n *Node) []issue {
	if c.depth++; c.depth > maxWalk {
		c.unsure = true
		c.depth--
		return nil
	}
	defer func() { c.depth-- }()
	for hops := 0; s.ref != nil; hops++ {
		if hops > 64 {
			c.unsure = true
			return nil
		}
		if s.unsure {
			c.unsure = true
		}
		s = s.env.at(s.ref)
	}
	if s.unsure {
		c.unsure = true
	}
	outer := c.def
	if s.def != "" {
		c.def = s.def
		defer func() { c.def = outer }()
	}
	if s.never {
		return []issue{{kind: issueValue, n: n, msg: "no value is allowed here", def: c.def}}
	}
	if c.spec {
		if is, done := c.specNode(s, n, outer); done {
			return is
		}
	}
	if s.types != 0 && !s.allows(n) {
		return c.wrongType(s.types, n)
	}
	if is := c.values(s, n); is != nil {
		return is
	}
	var out []issue
	switch n.Kind {
	case Map:
		out = c.object(s, n)
	case List:
		out = c.list(s, n)
	default:
	}
	return append(out, c.combine(s, n)...)
}

// specNode is what the official schemas mean and do not say.
func (c *checker) specNode(s *schema, n *Node, outer string) (is []issue, done bool) {
	if s.def == "bindingsObject.json" && c.onBinding != nil && !c.quiet {
		c.onBinding(outer, n)
	}
	_, isRef := refOf(n)
	if !isRef {
		if s.reference >= 0 {
			return c.withoutReference(s, n), true
		}
		return nil, false
	}
	switch {
	case s.reference >= 0:
		return c.followInto(s, n), true
	case s.def == "schema.json", s.def == "draft-07", s.def == "schema#", s.def == "avroSchema_v1.json", s.def == "openapiSchema_3_0.json":
		// Siblings of $ref are not looked at; the target is a schema as well.
		if !c.quiet {
			if t := c.st.step(n).node; t != nil && c.enter(s, t) {
				return c.check(s, t), true
			}
		}
		return nil, true
	case s.def == "bindingsObject.json":
		if t := c.st.follow(n).node; t != nil && !c.quiet && c.enter(s, t) {
			return c.check(s, t), true
		}
		return nil, true
	case s.additional != nil && s.additional.Kind == Bool && s.additional.Value == "false" && s.props["$ref"] == nil:
		return []issue{{
			kind: issueRefPlace, n: n.Get("$ref"), def: c.def,
			msg:  "a reference is not allowed here in AsyncAPI " + c.ver + ", only " + noun(c.def) + " itself",
			hint: "copy the target here, or move to a version that allows it",
		}}, true
	}
	return nil, false
}

// enter reports whether a target is still to be walked.
func (c *checker) enter(s *schema, t *Node) bool {
	if c.noFollow {
		return false
	}
	w := walked{s.node, t}
	if c.seen[w] {
		return false
	}
	c.seen[w] = true
	f := t.root().file
	if f != nil && f.name != c.file {
		if f.major != 0 {
			return false // another document, read by its own version
		}
		return c.claim == nil || c.claim(w)
	}
	return true
}

func (c *checker) followInto(s *schema, n *Node) []issue {
	if c.quiet {
		return nil
	}
	if r := n.Get("$ref"); formatError("uri-reference", r.Value) != "" {
		return []issue{{kind: issueValue, n: r, msg: "$ref " + quote(r.Value) + " is not a URI reference", def: c.def}}
	}
	t := c.st.follow(n).node
	if t == nil || !c.enter(s, t) {
		return nil
	}
	return c.withoutReference(s, t)
}

// withoutReference checks the other branches of oneOf [Reference, X].
func (c *checker) withoutReference(s *schema, n *Node) []issue {
	branches, several := s.oneOf, false
	if branches == nil {
		branches, several = s.anyOf, true
	}
	rest := make([]*Node, 0, len(branches))
	for i, b := range branches {
		if i != s.reference {
			rest = append(rest, b)
		}
	}
	if len(rest) == 1 {
		return c.check(s.env.at(rest[0]), n)
	}
	return c.choose(s.env, rest, n, several)
}

func (c *checker) wrongType(types uint8, n *Node) []issue {
	i := issue{kind: issueType, n: n, def: c.def}
	if !c.quiet {
		i.msg = c.name(n) + " must be " + (&schema{types: types}).typeNames() + ", it is " + describe(n)
	}
	return []issue{i}
}

func (c *checker) values(s *schema, n *Node) []issue {
	bad := func(words func() (msg, hint string)) []issue {
		i := issue{kind: issueValue, n: n, def: c.def}
		if !c.quiet {
			i.msg, i.hint = words()
			i.msg = c.name(n) + " " + i.msg
		}
		return []issue{i}
	}
	if s.enum != nil && !slices.ContainsFunc(s.enum, func(e *Node) bool { return equalNodes(e, n) }) {
		return bad(func() (msg, hint string) {
			if len(s.enum) == 1 {
				return "must be " + show(s.enum[0]) + ", it is " + show(n), ""
			}
			var names []string
			for _, e := range s.enum {
				names = append(names, show(e))
			}
			if n.Kind == String {
				if m := nearest(n.Value, texts(s.enum)); m != "" {
					hint = "did you mean " + m + "?"
				}
			}
			return "must be one of " + shorten(join(names), 200) + ", it is " + show(n), hint
		})
	}
	if s.constant != nil && !equalNodes(s.constant, n) {
		return bad(func() (msg, hint string) { return "must be " + show(s.constant) + ", it is " + show(n), "" })
	}
	switch n.Kind {
	case String:
		return c.text(s, n, bad)
	case Number:
		return c.numeric(s, n, bad)
	default:
	}
	return nil
}

func (c *checker) text(s *schema, n *Node, bad func(words func() (msg, hint string)) []issue) []issue {
	if s.minLength > 0 && runeLen(n.Value) < s.minLength {
		return bad(func() (msg, hint string) { return "must have at least " + countOf(s.minLength, "character"), "" })
	}
	if s.maxLength >= 0 && runeLen(n.Value) > s.maxLength {
		return bad(func() (msg, hint string) { return "must have at most " + countOf(s.maxLength, "character"), "" })
	}
	if s.pattern != nil && !s.pattern.MatchString(n.Value) {
		return bad(func() (msg, hint string) { return "must match " + s.pattern.String() + ", it is " + show(n), "" })
	}
	if c.formats && s.format != "" && !plainly(s.format, n.Value) {
		c.unsure = true
	}
	if s.format != "" && c.spec {
		if msg := formatError(s.format, n.Value); msg != "" {
			return bad(func() (msg, hint string) { return msg + ": " + show(n), "" })
		}
	}
	return nil
}

func (c *checker) numeric(s *schema, n *Node, bad func(words func() (msg, hint string)) []issue) []issue {
	if s.minimum == nil && s.maximum == nil && s.above == nil && s.under == nil && s.multiple == nil {
		return nil
	}
	v := ratOf(n)
	if v == nil {
		c.unsure = true
		return nil
	}
	num := func(r *big.Rat) string { return strings.TrimSuffix(strings.TrimRight(r.FloatString(6), "0"), ".") }
	switch {
	case s.minimum != nil && v.Cmp(s.minimum) < 0:
		return bad(func() (msg, hint string) { return "must be at least " + num(s.minimum) + ", it is " + n.Value, "" })
	case s.maximum != nil && v.Cmp(s.maximum) > 0:
		return bad(func() (msg, hint string) { return "must be at most " + num(s.maximum) + ", it is " + n.Value, "" })
	case s.above != nil && v.Cmp(s.above) <= 0:
		return bad(func() (msg, hint string) { return "must be above " + num(s.above) + ", it is " + n.Value, "" })
	case s.under != nil && v.Cmp(s.under) >= 0:
		return bad(func() (msg, hint string) { return "must be below " + num(s.under) + ", it is " + n.Value, "" })
	case s.multiple != nil && s.multiple.Sign() > 0 && !new(big.Rat).Quo(v, s.multiple).IsInt():
		return bad(func() (msg, hint string) {
			return "must be a multiple of " + num(s.multiple) + ", it is " + n.Value, ""
		})
	}
	return nil
}

func (c *checker) object(s *schema, n *Node) []issue {
	var out []issue
	for _, r := range s.required {
		if n.Get(r) == nil {
			i := issue{kind: issueMissing, n: n, field: r, def: c.def}
			if !c.quiet {
				i.msg = noun(c.def) + " has no " + quote(r) + ", which is required"
			}
			out = append(out, i)
		}
	}
	if s.minProps > 0 && len(n.kids) < s.minProps {
		out = append(out, issue{kind: issueValue, n: n, msg: c.name(n) + " must have at least " + countOf(s.minProps, "field"), def: c.def})
	}
	if s.maxProps >= 0 && len(n.kids) > s.maxProps {
		out = append(out, issue{kind: issueValue, n: n, msg: c.name(n) + " must have at most " + countOf(s.maxProps, "field"), def: c.def})
	}
	for _, k := range n.kids {
		if s.names != nil {
			key := &Node{Kind: String, Value: k.Key, parent: k.parent, Key: k.Key, line: k.kline, col: k.kcol}
			if is := c.check(s.env.at(s.names), key); len(is) > 0 {
				is[0].msg = "the name " + quote(k.Key) + " is not allowed here"
				is[0].n, is[0].onKey = k, true
				out = append(out, is...)
				continue
			}
		}
		p, known := s.props[k.Key]
		if known {
			out = append(out, c.check(s.env.at(p), k)...)
		}
		for _, pt := range s.patterns {
			if pt.match(k.Key) {
				known = true
				if pt.ext && c.spec && !c.quiet && c.onExtension != nil {
					c.onExtension(k)
				}
				out = append(out, c.check(s.env.at(pt.n), k)...)
			}
		}
		if known || s.additional == nil {
			continue
		}
		if s.additional.Kind == Bool {
			if s.additional.Value == "false" {
				out = append(out, c.unknownKey(s, k))
			}
			continue
		}
		out = append(out, c.check(s.env.at(s.additional), k)...)
	}
	for _, d := range s.depends {
		if n.Get(d.Key) == nil {
			continue
		}
		if d.Kind == List {
			for _, r := range d.kids {
				if n.Get(r.Value) == nil {
					out = append(out, issue{kind: issueMissing, n: n, msg: quote(d.Key) + " needs " + quote(r.Value) + " beside it", def: c.def})
				}
			}
			continue
		}
		out = append(out, c.check(s.env.at(d), n)...)
	}
	return out
}

func (c *checker) unknownKey(s *schema, k *Node) issue {
	i := issue{kind: issueUnknown, n: k, onKey: true, def: c.def}
	if c.quiet {
		return i
	}
	i.msg = "unknown field " + quote(k.Key) + " in " + noun(c.def)
	names := make([]string, 0, len(s.props))
	for name := range s.props {
		names = append(names, name)
	}
	slices.Sort(names)
	if m := nearest(k.Key, names); m != "" {
		i.field, i.hint = m, "did you mean "+m+"?"
	} else if c.spec && len(names) > 0 {
		i.hint = "known fields: " + shorten(join(names), 160)
	}
	return i
}

func (c *checker) list(s *schema, n *Node) []issue {
	var out []issue
	if s.minItems > 0 && len(n.kids) < s.minItems {
		out = append(out, issue{kind: issueValue, n: n, msg: c.name(n) + " must have at least " + countOf(s.minItems, "entry"), def: c.def})
	}
	if s.maxItems >= 0 && len(n.kids) > s.maxItems {
		out = append(out, issue{kind: issueValue, n: n, msg: c.name(n) + " must have at most " + countOf(s.maxItems, "entry"), def: c.def})
	}
	if s.unique {
		for i, k := range n.kids {
			if slices.ContainsFunc(n.kids[:i], func(p *Node) bool { return equalNodes(p, k) }) {
				out = append(out, issue{kind: issueValue, n: k, msg: "this entry of " + c.name(n) + " is there twice", def: c.def})
				break
			}
		}
	}
	for i, k := range n.kids {
		switch {
		case s.items != nil:
			out = append(out, c.check(s.env.at(s.items), k)...)
		case i < len(s.tuple):
			out = append(out, c.check(s.env.at(s.tuple[i]), k)...)
		case s.tuple != nil && s.moreItems != nil:
			out = append(out, c.check(s.env.at(s.moreItems), k)...)
		}
	}
	if s.contains != nil && !slices.ContainsFunc(n.kids, func(k *Node) bool { return c.passes(s.contains, s.env, k) }) {
		out = append(out, issue{kind: issueValue, n: n, msg: "no entry of " + c.name(n) + " is as the schema asks", def: c.def})
	}
	return out
}

func (c *checker) combine(s *schema, n *Node) []issue {
	var out []issue
	for _, a := range s.allOf {
		out = append(out, c.check(s.env.at(a), n)...)
	}
	if s.not != nil && c.passes(s.not, s.env, n) {
		out = append(out, issue{kind: issueValue, n: n, msg: c.name(n) + " is what the schema excludes", def: c.def})
	}
	if s.cond != nil {
		if c.passes(s.cond, s.env, n) {
			if s.then != nil {
				out = append(out, c.check(s.env.at(s.then), n)...)
			}
		} else if s.otherwise != nil {
			out = append(out, c.check(s.env.at(s.otherwise), n)...)
		}
	}
	if s.anyOf != nil && (!c.spec || s.reference < 0) {
		out = append(out, c.choose(s.env, s.anyOf, n, true)...)
	}
	if s.oneOf != nil && (!c.spec || s.reference < 0) {
		out = append(out, c.choose(s.env, s.oneOf, n, false)...)
	}
	return out
}

// choose checks n against alternatives and tells the causes in the branch that fits
// best: the one that went deepest, then the one with fewest causes.
func (c *checker) choose(env *schemaEnv, branches []*Node, n *Node, several bool) []issue {
	fits, best, bestScore := -1, -1, 0
	count := 0
	for i, b := range branches {
		s := env.at(b)
		if s.refuses(n) {
			if best < 0 || bestScore < wrongKind {
				best, bestScore = i, wrongKind
			}
			continue
		}
		is := c.try(s, n)
		if len(is) == 0 {
			if count++; count == 1 {
				fits = i
			}
			if several {
				break
			}
			continue
		}
		if score := fit(is, n); best < 0 || score > bestScore {
			best, bestScore = i, score
		}
	}
	switch {
	case count == 1, count > 1 && several:
		if c.quiet || !c.spec || n.Kind != Map && n.Kind != List {
			return nil
		}
		return c.check(env.at(branches[fits]), n) // once more, to follow references
	case count > 1:
		return []issue{{kind: issueValue, n: n, msg: c.name(n) + " fits " + strconv.Itoa(count) + " of the alternatives, it must fit one", def: c.def}}
	case best < 0:
		return nil
	}
	if bestScore <= wrongKind && n.Kind != Map {
		// No branch even takes this kind of value.
		var types uint8
		for _, b := range branches {
			s := env.at(b)
			for s.ref != nil {
				s = env.at(s.ref)
			}
			types |= s.types
		}
		if types != 0 {
			return c.wrongType(types, n)
		}
	}
	return c.check(env.at(branches[best]), n)
}

// wrongKind scores a branch that does not take such a value at all.
const wrongKind = -1000

// refuses reports whether a schema plainly has another type than the value.
func (s *schema) refuses(n *Node) bool {
	for hops := 0; s.ref != nil && !s.unsure && hops < 64; hops++ {
		s = s.env.at(s.ref)
	}
	if s.ref != nil || s.unsure || s.never || s.reference >= 0 || s.types == 0 || s.allows(n) {
		return false
	}
	_, isRef := refOf(n)
	return !isRef
}

// fit scores the causes of one branch: the wrong type of the value itself is worst,
// a discriminating value of one of its fields next.
func fit(is []issue, n *Node) int {
	score := 0
	for _, i := range is {
		switch {
		case i.n == n && i.kind == issueType:
			score += wrongKind
		case i.kind == issueValue && i.n.parent == n && (i.n.Key == "type" || i.n.Key == "in" || i.n.Key == "scheme" || i.n.Key == "is" || i.n.Key == "destinationType"):
			score -= 100
		case i.kind == issueUnknown && i.n.parent == n:
			score -= 6
		case i.kind == issueMissing && i.n == n:
			score -= 8
		case i.n == n:
			score -= 20
		default:
			score -= 2 // deeper: the branch was right so far
		}
	}
	return score
}

func equalNodes(a, b *Node) bool {
	if a.Kind != b.Kind {
		return false
	}
	switch a.Kind {
	case Null:
		return true
	case Number:
		if a.Value == b.Value {
			return true
		}
		x, y := ratOf(a), ratOf(b)
		return x != nil && y != nil && x.Cmp(y) == 0
	case Map:
		if len(a.kids) != len(b.kids) {
			return false
		}
		for _, k := range a.kids {
			o := b.Get(k.Key)
			if o == nil || !equalNodes(k, o) {
				return false
			}
		}
		return true
	case List:
		return slices.EqualFunc(a.kids, b.kids, equalNodes)
	default:
	}
	return a.Value == b.Value
}
