package jsonschema

import (
	"math/big"
	"slices"
	"strconv"
	"strings"

	v6 "github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// leaves are the errors at the ends of the validator's tree that a reader can act on.
// Below anyOf and oneOf only the branch with the fewest errors speaks.
func leaves(e *v6.ValidationError) []*v6.ValidationError {
	switch e.ErrorKind.(type) {
	case *kind.AnyOf, *kind.OneOf:
		var best []*v6.ValidationError
		for _, c := range e.Causes {
			if l := leaves(c); best == nil || len(l) < len(best) {
				best = l
			}
		}
		if best != nil {
			return best
		}
	case *kind.Contains, *kind.MinContains, *kind.PropertyNames, *kind.Not:
		return []*v6.ValidationError{e}
	}
	if len(e.Causes) == 0 {
		return []*v6.ValidationError{e}
	}
	var out []*v6.ValidationError
	for _, c := range e.Causes {
		out = append(out, leaves(c)...)
	}
	slices.SortStableFunc(out, func(a, b *v6.ValidationError) int {
		return cmpStrings(pointerOf(a.InstanceLocation), pointerOf(b.InstanceLocation), a.SchemaURL, b.SchemaURL, keywordPath(a), keywordPath(b), leafText(a), leafText(b))
	})
	return out
}

// heads are the errors that name the author's change: as leaves, but a combinator
// that no branch satisfies stands for itself.
func heads(e *v6.ValidationError) []*v6.ValidationError {
	switch e.ErrorKind.(type) {
	case *kind.AnyOf, *kind.OneOf, *kind.Contains, *kind.MinContains, *kind.PropertyNames, *kind.Not:
		return []*v6.ValidationError{e}
	}
	if len(e.Causes) == 0 {
		return []*v6.ValidationError{e}
	}
	var out []*v6.ValidationError
	for _, c := range e.Causes {
		out = append(out, heads(c)...)
	}
	slices.SortStableFunc(out, func(a, b *v6.ValidationError) int {
		return cmpStrings(pointerOf(a.InstanceLocation), pointerOf(b.InstanceLocation), a.SchemaURL, b.SchemaURL, keywordPath(a), keywordPath(b), leafText(a), leafText(b))
	})
	return out
}

func keywordPath(e *v6.ValidationError) string { return pointerOf(e.ErrorKind.KeywordPath()) }

func pointerOf(tokens []string) string {
	var b strings.Builder
	for _, t := range tokens {
		b.WriteByte('/')
		b.WriteString(escapeToken(t))
	}
	return b.String()
}

// maxShown bounds the values of an enum that a sentence lists.
const maxShown = 20

// leafText is the validator's sentence about one error, without anything whose order
// it does not fix.
func leafText(e *v6.ValidationError) string {
	switch k := e.ErrorKind.(type) {
	case *kind.AdditionalProperties:
		slices.Sort(k.Properties)
	case *kind.Required:
		slices.Sort(k.Missing)
	case *kind.FalseSchema:
		return "nothing is allowed here"
	case *kind.ExclusiveMaximum:
		return "exclusiveMaximum: got " + decimal(k.Got) + ", want less than " + decimal(k.Want)
	case *kind.ExclusiveMinimum:
		return "exclusiveMinimum: got " + decimal(k.Got) + ", want more than " + decimal(k.Want)
	case *kind.Enum:
		if len(k.Want) > maxShown {
			// No reader and no width of a report takes more.
			few := *k
			few.Want = k.Want[:maxShown]
			return few.LocalizedString(message.NewPrinter(language.English)) + ", … (" + strconv.Itoa(len(k.Want)) + " values)"
		}
	}
	return e.ErrorKind.LocalizedString(message.NewPrinter(language.English))
}

// whyRefused is one line about a refusal: where in the document, and what is wrong.
func whyRefused(e *v6.ValidationError) string {
	parts := []string{}
	for _, l := range leaves(e) {
		s := cmpOr(pointerOf(l.InstanceLocation), "/") + ": " + leafText(l)
		if _, ok := l.ErrorKind.(*kind.PropertyNames); ok && len(l.Causes) > 0 {
			s += ": " + leafText(leaves(l.Causes[0])[0])
		}
		if !slices.Contains(parts, s) {
			parts = append(parts, s)
		}
		if len(parts) == 3 {
			break
		}
	}
	return strings.Join(parts, "; ")
}

// decimal is a number as people write it, where it has a finite decimal form.
func decimal(r *big.Rat) string {
	if n, ok := number(r); ok {
		return string(n)
	}
	return r.RatString()
}
