package dlt

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/weirhq/weir/internal/safetext"
)

// Ready says whether the plan may run, and why not.
func (p *Plan) Ready() error {
	for _, i := range p.Preflight {
		switch i.Status {
		case "refuse":
			return &RefusedError{Reason: i.Check + ": " + i.Detail, hint: "plan with --ack-fanout, or with --to"}
		case "block":
			return &GateError{Reason: i.Check + ": " + i.Detail}
		}
	}
	return nil
}

// maxPlan bounds the size of a plan file.
const maxPlan = 1 << 30

// digest covers everything in the plan but itself.
func (p *Plan) digest() string {
	c := *p
	c.Digest = ""
	b, err := json.Marshal(c)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Encode returns the plan as its file holds it.
func (p *Plan) Encode() ([]byte, error) {
	b, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write plan: %w", err)
	}
	return append(safetext.JSON(b), '\n'), nil
}

// ReadPlan reads a plan file and checks its digest.
func ReadPlan(r io.Reader, name string) (*Plan, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxPlan+1))
	if err != nil {
		return nil, fmt.Errorf("read plan %s: %w", name, err)
	}
	if len(b) > maxPlan {
		return nil, &RefusedError{Reason: fmt.Sprintf("read plan %s: it is larger than %d MiB", name, maxPlan>>20)}
	}
	var p Plan
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&p); err != nil {
		return nil, &RefusedError{Reason: fmt.Sprintf("read plan %s: %v", name, err), hint: "plans are written by weir dlt plan"}
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) { // two plans in one file: the second would be left undone, unsaid
		return nil, &RefusedError{Reason: fmt.Sprintf("read plan %s: something stands behind the plan", name), hint: "a file holds one plan; plans are written by weir dlt plan"}
	}
	switch {
	case p.Kind != "dlt_plan":
		return nil, &RefusedError{Reason: fmt.Sprintf("read plan %s: this is a %q, not a plan", name, p.Kind), hint: "plans are written by weir dlt plan"}
	case p.SchemaVersion != 1:
		return nil, &RefusedError{Reason: fmt.Sprintf("read plan %s: version %d is not known here", name, p.SchemaVersion), hint: "use the weir that wrote it, or plan again"}
	case p.Digest != p.digest():
		return nil, &GateError{Reason: fmt.Sprintf("read plan %s: its content is not what was planned (the digest differs)", name)}
	}
	for _, rg := range p.Ranges {
		if int64(len(rg.CRCs)) != 4*rg.Selected.Len() {
			return nil, &GateError{Reason: fmt.Sprintf("read plan %s: partition %d has %d checksums for %d records", name, rg.Partition, len(rg.CRCs)/4, rg.Selected.Len())}
		}
	}
	return &p, nil
}
