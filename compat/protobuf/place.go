package protobuf

import (
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/weirhq/weir/finding"
)

// Place is a span of a source file. Line and column count from 1 as protoc counts
// (a tab runs to the next multiple of eight), the end is exclusive. A zero line
// means that the element has no place of its own.
type Place struct {
	File      string
	Line      int
	Column    int
	EndLine   int
	EndColumn int
}

// Numbers of fields in descriptor.proto, of which source paths are made.
const (
	filePackage      = 2
	fieldType        = 5
	fieldTypeName    = 6
	fieldDefault     = 7
	fieldJSONName    = 10
	elementName      = 1
	enumValueNumber  = 2
	messageOptions   = 7
	enumOptions      = 3
	methodOptions    = 4
	methodInput      = 2
	methodOutput     = 3
	optionsFeatures  = 12 // of MessageOptions
	enumFeatures     = 7  // of EnumOptions
	featureJSON      = 6
	optionIdempotent = 34
)

// placeOf is the span of a declaration, or of the first of its parts that the
// source spells out.
func placeOf(d protoreflect.Descriptor, parts ...[]int32) Place {
	f := d.ParentFile()
	if f == nil {
		return Place{}
	}
	locs := f.SourceLocations()
	if d == protoreflect.Descriptor(f) {
		for _, p := range parts {
			if loc := locs.ByPath(protoreflect.SourcePath(p)); len(loc.Path) > 0 {
				return span(f, loc)
			}
		}
		return Place{File: f.Path()}
	}
	whole := locs.ByDescriptor(d)
	if len(whole.Path) == 0 {
		return Place{File: f.Path()}
	}
	for _, p := range parts {
		if loc := locs.ByPath(append(slices.Clone(whole.Path), p...)); len(loc.Path) > 0 {
			return span(f, loc)
		}
	}
	return span(f, whole)
}

func span(f protoreflect.FileDescriptor, l protoreflect.SourceLocation) Place {
	return Place{
		File: f.Path(), Line: l.StartLine + 1, Column: l.StartColumn + 1,
		EndLine: l.EndLine + 1, EndColumn: l.EndColumn + 1,
	}
}

// position is where an editor should jump to.
func (s *schema) position(p Place) finding.Position {
	src, ok := s.sources[p.File]
	if !ok {
		return finding.Position{File: p.File, Line: p.Line, Column: p.Column}
	}
	pos := finding.Position{File: src.name, Line: p.Line}
	if p.Line > 0 {
		pos.Column = src.column(p.Line, p.Column)
	}
	if src.root && s.locate != nil {
		return s.locate(pointer(pos.Line, pos.Column))
	}
	return pos
}
