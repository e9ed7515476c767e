package jsonschema

import (
	v6 "github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// leaves are the errors at the ends of the validator's tree that a reader can act on.
// Below anyOf and oneOf only the branch with the fewest errors speaks.
func leaves(e *v6.ValidationError) []*v6.ValidationError {
	if len(e.Causes) == 0 {
		return []*v6.ValidationError{e}
	}
	switch e.ErrorKind.(type) {
	case *kind.AnyOf, *kind.OneOf, *kind.Contains, *kind.MinContains:
		var best []*v6.ValidationError
		for _, c := range e.Causes {
			if l := leaves(c); best == nil || len(l) < len(best) {
				best = l
			}
		}
		return best
	}
	var out []*v6.ValidationError
	for _, c := range e.Causes {
		out = append(out, leaves(c)...)
	}
	return out
}

// leafText is the validator's sentence about one error.
func leafText(e *v6.ValidationError) string {
	return e.ErrorKind.LocalizedString(message.NewPrinter(language.English))
}
