package commands

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/weirhq/weir/catalog"
	"github.com/weirhq/weir/dlt"
)

// noRemote refuses every reference that leaves the bundled schema.
type noRemote struct{}

func (noRemote) Load(url string) (any, error) {
	return nil, fmt.Errorf("load %s: %w", url, errors.ErrUnsupported)
}

func compileSchema(s *catalog.Schema) (*jsonschema.Schema, error) {
	text, err := s.Text()
	if err != nil {
		return nil, err
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft7)
	c.UseLoader(noRemote{})
	if err := c.AddResource("weir:payload", doc); err != nil {
		return nil, err
	}
	return c.Compile("weir:payload")
}

// judge says whether a payload fits the catalog now: it does if any message of the topic takes it.
func (t *topicPayload) judge(value []byte, dec decoded) (v dlt.Verdict, why string) {
	switch {
	case value == nil:
		return dlt.NotKnown, ""
	case dec.schema == "catalog":
		return dlt.ValidNow, ""
	case dec.json != nil:
		return dlt.NotKnown, "schema " + dec.schema + " wrote it, which is not the catalog's"
	case dec.problem != "" && t.decoder.catalog != nil && t.decoder.catalog.err == nil && !bytes.HasPrefix(value, []byte{0}):
		return dlt.StillInvalid, dec.problem
	case dec.problem != "": // another version of the schema may have written what a registry's header stands before
		return dlt.NotKnown, dec.problem
	case len(t.json) == 0:
		return dlt.NotKnown, ""
	}
	inst, err := jsonschema.UnmarshalJSON(bytes.NewReader(value))
	if err != nil {
		return dlt.StillInvalid, "not JSON"
	}
	for _, s := range t.json {
		if err = s.Validate(inst); err == nil {
			return dlt.ValidNow, ""
		}
	}
	if ve, ok := errors.AsType[*jsonschema.ValidationError](err); ok {
		for len(ve.Causes) > 0 {
			ve = ve.Causes[0]
		}
		return dlt.StillInvalid, "/" + strings.Join(ve.InstanceLocation, "/") + ": " + lastLine(ve.Error())
	}
	return dlt.StillInvalid, err.Error()
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	if i := strings.LastIndex(s, ": "); i >= 0 {
		return s[i+2:]
	}
	return s
}
