package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/weirhq/weir/cluster"
)

// FileKind and FileVersion stand at the top of a saved plan.
const (
	FileKind    = "plan"
	FileVersion = 1
)

// maxPlan bounds a plan file, in bytes.
const maxPlan = 64 << 20

// absent is the fingerprint of a topic that does not exist.
const absent = "absent"

// fingerprint notes what was observed of everything the plan would touch.
func (p *Plan) fingerprint(a *Actual) {
	byResource := map[string][]cluster.ACLRow{}
	for _, r := range a.ACLs {
		byResource[resourceKey(r)] = append(byResource[resourceKey(r)], r)
	}
	for _, s := range p.Pending() {
		switch s.Kind {
		case TopicKind:
			p.Fingerprints["topic "+s.Name] = topicFingerprint(a, s.Name)
		case ACLKind:
			key := resourceKey(*s.ACL)
			p.Fingerprints[key] = rowsFingerprint(byResource[key])
		}
	}
}

func resourceKey(r cluster.ACLRow) string {
	return fmt.Sprintf("acl %s:%s (%s)", cluster.ResourceWord(r.ResourceType), r.ResourceName, strings.ToLower(r.PatternType.String()))
}

// topicFingerprint covers what a decision may rest on: identity, counts and the
// topic's own settings. Leaders, ISR and offsets move all the time and are left out;
// the topic id catches a topic that was deleted and made anew under its name.
func topicFingerprint(a *Actual, name string) string {
	t := a.Topics[name]
	if t == nil {
		return absent
	}
	least, most := 0, 0
	for i := range t.Partitions {
		n := len(t.Partitions[i].Replicas)
		if i == 0 || n < least {
			least = n
		}
		most = max(most, n)
	}
	id := ""
	if t.ID != nil {
		id = *t.ID
	}
	parts := []string{id, strconv.Itoa(len(t.Partitions)), strconv.Itoa(least), strconv.Itoa(most)}
	for _, c := range a.Configs[name].Configs {
		if c.Own() && c.Value != nil && !strings.HasSuffix(c.Name, ".replication.throttled.replicas") {
			parts = append(parts, c.Name+"="+*c.Value)
		}
	}
	slices.Sort(parts[4:])
	return hash(strings.Join(parts, "\n"))
}

func rowsFingerprint(rows []cluster.ACLRow) string {
	rows = slices.SortedFunc(slices.Values(rows), cluster.ACLRow.Compare)
	var b strings.Builder
	for _, r := range rows {
		b.WriteString(r.String() + "\n")
	}
	return hash(b.String())
}

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:16])
}

// file is a plan on disk.
type file struct {
	Kind          string `json:"kind"`
	SchemaVersion int    `json:"schema_version"`
	*Plan
}

func (p *Plan) digest() (string, error) {
	c := *p
	c.Digest = ""
	b, err := json.Marshal(&c)
	if err != nil {
		return "", err
	}
	return hash(string(b)), nil
}

// Write saves the plan with its digest.
func (p *Plan) Write(w io.Writer) error {
	d, err := p.digest()
	if err != nil {
		return err
	}
	p.Digest = d
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(file{FileKind, FileVersion, p})
}

// FileError is a plan file that cannot be used.
type FileError struct{ msg, hint string }

func (e *FileError) Error() string { return e.msg }

// Code is the class of the failure.
func (*FileError) Code() string { return "usage" }

// Hint says what to do next.
func (e *FileError) Hint() string { return e.hint }

// Read reads a saved plan and checks that it is whole and as it was written.
func Read(r io.Reader, name string) (*Plan, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxPlan+1))
	if err != nil {
		return nil, fmt.Errorf("read plan %s: %w", name, err)
	}
	if len(b) > maxPlan {
		return nil, &FileError{"read plan " + name + ": larger than 64 MiB", ""}
	}
	f := file{Plan: &Plan{}}
	if err := json.Unmarshal(b, &f); err != nil {
		return nil, &FileError{fmt.Sprintf("read plan %s: %v", name, err), "make it with weir plan --out " + name}
	}
	switch {
	case f.Kind != FileKind:
		return nil, &FileError{fmt.Sprintf("read plan %s: it is a %q, not a plan", name, f.Kind), "make it with weir plan --out " + name}
	case f.SchemaVersion != FileVersion:
		return nil, &FileError{fmt.Sprintf("read plan %s: schema version %d is not known here", name, f.SchemaVersion), "make it anew with this weir"}
	}
	want, err := f.digest()
	if err != nil {
		return nil, err
	}
	if want != f.Digest {
		return nil, &FileError{"read plan " + name + ": it was changed since weir wrote it", "make it anew with weir plan --out " + name}
	}
	for i := range f.Steps {
		if f.Steps[i].Kind == ACLKind && f.Steps[i].ACL == nil && f.Steps[i].Op != Blocked {
			return nil, &FileError{"read plan " + name + ": a right without its row", "make it anew"}
		}
	}
	return f.Plan, nil
}

// Stale names every resource whose state is not what the plan was made from.
func (p *Plan) Stale(now *Actual) []string {
	byResource := map[string][]cluster.ACLRow{}
	for _, r := range now.ACLs {
		byResource[resourceKey(r)] = append(byResource[resourceKey(r)], r)
	}
	var moved []string
	for key, was := range p.Fingerprints {
		var is string
		if name, ok := strings.CutPrefix(key, "topic "); ok {
			is = topicFingerprint(now, name)
		} else {
			is = rowsFingerprint(byResource[key])
		}
		if is != was {
			moved = append(moved, key)
		}
	}
	slices.Sort(moved)
	return moved
}

// touches is the desired state reduced to names, for reading a saved plan's
// resources again.
func (p *Plan) touches() *Desired {
	d := &Desired{}
	for _, s := range p.Pending() {
		if s.Kind == TopicKind {
			d.Topics = append(d.Topics, DesiredTopic{Name: s.Name})
		}
	}
	return d
}
