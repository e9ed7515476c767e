package cluster

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// ACLs reads all rows with one request: filters of the protocol do not expand
// principals, hosts or operations, so a filtered answer would hide rows that count.
func (c *Conn) ACLs(ctx context.Context) ([]ACLRow, error) { return aclsFrom(ctx, c.Client) }

func aclsFrom(ctx context.Context, from kmsg.Requestor) ([]ACLRow, error) {
	const op = "list acls"
	req := kmsg.NewPtrDescribeACLsRequest()
	req.ResourceType = kmsg.ACLResourceTypeAny
	req.ResourcePatternType = kmsg.ACLResourcePatternTypeAny
	req.Operation = kmsg.ACLOperationAny
	req.PermissionType = kmsg.ACLPermissionTypeAny
	resp, err := req.RequestWith(ctx, from)
	if err != nil {
		return nil, Classify(op, "", err)
	}
	if err := aclError(op, resp.ErrorCode, resp.ErrorMessage); err != nil {
		return nil, err
	}
	rows := []ACLRow{}
	for _, r := range resp.Resources {
		for _, a := range r.ACLs {
			rows = append(rows, ACLRow{
				Permission: a.PermissionType, Principal: a.Principal, Host: a.Host, ResourceType: r.ResourceType,
				PatternType: r.ResourcePatternType, ResourceName: r.ResourceName, Operation: a.Operation,
			})
		}
	}
	slices.SortFunc(rows, ACLRow.Compare)
	return rows, nil
}

// aclError classifies an answer about access control lists. The broker's own text is
// shown where it helps; beside a missing right it is a dump of its request object.
func aclError(op string, code int16, text *string) error {
	err := kerr.ErrorForCode(code)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, kerr.SecurityDisabled):
		return &Error{
			Class: Failed, Op: op, Err: errors.New("the cluster has no authorizer: everybody may do everything"),
			Remedy: "set authorizer.class.name on the brokers before relying on access control lists",
		}
	case errors.Is(err, kerr.ClusterAuthorizationFailed), text == nil || *text == "":
		return Classify(op, "", err)
	}
	e := classify(op, "", err)
	e.Err = fmt.Errorf("%w (%s)", e.Err, strings.Join(strings.Fields(*text), " "))
	return e
}

// ACLPattern is the resource part of a row, or of a filter.
type ACLPattern struct {
	Type    kmsg.ACLResourceType
	Name    string
	Pattern kmsg.ACLResourcePatternType
}

// ACLRequest is a set of rows as a product: every principal with every host, resource
// and operation.
type ACLRequest struct {
	Permission kmsg.ACLPermissionType
	Principals []string
	Hosts      []string // none means *
	Operations []kmsg.ACLOperation
	Patterns   []ACLPattern
}

// Rows are the rows asked for, sorted and each once.
func (q ACLRequest) Rows() []ACLRow {
	hosts := q.Hosts
	if len(hosts) == 0 {
		hosts = []string{AnyHost}
	}
	var rows []ACLRow
	for _, p := range q.Principals {
		for _, h := range hosts {
			for _, t := range q.Patterns {
				for _, o := range q.Operations {
					rows = append(rows, ACLRow{
						Permission: q.Permission, Principal: p, Host: h, Operation: o,
						ResourceType: t.Type, ResourceName: t.Name, PatternType: t.Pattern,
					})
				}
			}
		}
	}
	slices.SortFunc(rows, ACLRow.Compare)
	return slices.Compact(rows)
}

// ProducerACLs are the least rights of a producer: WRITE on its topics, which brings
// DESCRIBE and the idempotent producer, and WRITE on its transactional ids.
func ProducerACLs(q ACLRequest) []ACLRow {
	return bundle(q, map[kmsg.ACLResourceType]kmsg.ACLOperation{
		kmsg.ACLResourceTypeTopic:           kmsg.ACLOperationWrite,
		kmsg.ACLResourceTypeTransactionalId: kmsg.ACLOperationWrite,
	})
}

// ConsumerACLs are the least rights of a consumer: READ on its topics and its group,
// which brings DESCRIBE.
func ConsumerACLs(q ACLRequest) []ACLRow {
	return bundle(q, map[kmsg.ACLResourceType]kmsg.ACLOperation{
		kmsg.ACLResourceTypeTopic: kmsg.ACLOperationRead,
		kmsg.ACLResourceTypeGroup: kmsg.ACLOperationRead,
	})
}

func bundle(q ACLRequest, ops map[kmsg.ACLResourceType]kmsg.ACLOperation) []ACLRow {
	var rows []ACLRow
	for _, p := range q.Patterns {
		if op, ok := ops[p.Type]; ok {
			one := q
			one.Patterns, one.Operations = []ACLPattern{p}, []kmsg.ACLOperation{op}
			rows = append(rows, one.Rows()...)
		}
	}
	slices.SortFunc(rows, ACLRow.Compare)
	return slices.Compact(rows)
}

// ACLFilter selects rows; what is empty selects all. Unlike a filter of the protocol
// it takes several values of each.
type ACLFilter struct {
	Permission kmsg.ACLPermissionType // 0 or ANY: both
	Principals []string
	Hosts      []string
	Operations []kmsg.ACLOperation
	// Patterns with LITERAL or PREFIXED select rows of exactly that pattern, with ANY
	// both, with MATCH every row that reaches the name. An empty name selects the type.
	Patterns []ACLPattern
}

// Select keeps the rows that the filter selects, in their order.
func (f ACLFilter) Select(rows []ACLRow) []ACLRow {
	out := []ACLRow{}
	for _, r := range rows {
		if f.selects(r) {
			out = append(out, r)
		}
	}
	return out
}

func (f ACLFilter) selects(r ACLRow) bool {
	switch {
	case f.Permission > kmsg.ACLPermissionTypeAny && f.Permission != r.Permission,
		len(f.Principals) > 0 && !slices.Contains(f.Principals, r.Principal),
		len(f.Hosts) > 0 && !slices.Contains(f.Hosts, r.Host),
		len(f.Operations) > 0 && !slices.Contains(f.Operations, r.Operation):
		return false
	}
	return len(f.Patterns) == 0 || slices.ContainsFunc(f.Patterns, func(p ACLPattern) bool { return p.selects(r) })
}

func (p ACLPattern) selects(r ACLRow) bool {
	if p.Type != r.ResourceType {
		return false
	}
	if p.Name == "" {
		return true
	}
	switch p.Pattern {
	case kmsg.ACLResourcePatternTypeMatch:
		return r.Reaches(p.Name)
	case kmsg.ACLResourcePatternTypeAny:
		return r.ResourceName == p.Name
	default:
		return r.PatternType == p.Pattern && r.ResourceName == p.Name
	}
}

// ACLStep is one row of a change and what became of it.
type ACLStep struct {
	ACLRow
	// Status is planned, created, exists, deleted, absent (somebody else took it out
	// in between), failed or not-tried.
	Status string `json:"status"`
	// Error is why it failed.
	Error string `json:"error,omitempty"`
}

// The states of a step.
const (
	ACLPlanned  = "planned"
	ACLCreated  = "created"
	ACLExists   = "exists"
	ACLDeleted  = "deleted"
	ACLAbsent   = "absent"
	ACLFailed   = "failed"
	ACLNotTried = "not-tried"
)

// ACLChange is a planned or performed change of rows.
type ACLChange struct {
	Steps []ACLStep `json:"rows"`
	// Notes say what the change does not do although it looks like it.
	Notes []string `json:"notes"`
}

// Pending counts the steps that would write.
func (c *ACLChange) Pending() int { return c.Count(ACLPlanned) }

// Count counts the steps of one status.
func (c *ACLChange) Count(status string) int {
	n := 0
	for i := range c.Steps {
		if c.Steps[i].Status == status {
			n++
		}
	}
	return n
}

// maxACLNotes bounds the notes of one change.
const maxACLNotes = 20

func (c *ACLChange) note(format string, args ...any) {
	switch len(c.Notes) {
	case maxACLNotes:
		c.Notes = append(c.Notes, "and more like these")
	case maxACLNotes + 1:
	default:
		c.Notes = append(c.Notes, fmt.Sprintf(format, args...))
	}
}

// PlanGrant compares the wanted rows with those there are. It refuses rows that a
// broker would store although they match nothing, and tells where a DENY makes an
// ALLOW worth nothing.
func PlanGrant(have, want []ACLRow) (*ACLChange, error) {
	for _, r := range want {
		if err := ValidateACL(r); err != nil {
			return nil, fmt.Errorf("%s %s on %s for %s: %w", r.Permission, r.Operation, r.Resource(), r.Principal, err)
		}
	}
	there := make(map[ACLRow]bool, len(have))
	for _, r := range have {
		there[r] = true
	}
	c := &ACLChange{Steps: make([]ACLStep, 0, len(want)), Notes: []string{}}
	for _, r := range want {
		s := ACLStep{ACLRow: r, Status: ACLPlanned}
		if there[r] {
			s.Status = ACLExists
		}
		c.Steps = append(c.Steps, s)
	}
	set := NewACLSet(append(slices.Clone(have), want...), ACLAssumptions{})
	for _, r := range want {
		t := targetOf(r)
		switch d := set.resource(asker{r.Principal, r.Host}, r.Operation, t); {
		case r.Permission == kmsg.ACLPermissionTypeAllow && d.Reason == ACLDenied:
			c.note("%s gives nothing: %s wins", r, d.Via[0])
		case r.Permission == kmsg.ACLPermissionTypeDeny && r.Operation == kmsg.ACLOperationCreate && r.ResourceType == kmsg.ACLResourceTypeTopic:
			c.note("%s does not stop who may CREATE on the cluster: brokers ask that first", r)
		case r.Permission == kmsg.ACLPermissionTypeDeny && r.Operation == kmsg.ACLOperationRead:
			c.note("%s leaves DESCRIBE: DENY implies nothing", r)
		}
		if len(set.reaching(t)) == 1 {
			c.note("first row that reaches %s: with allow.everyone.if.no.acl.found it was open to everyone, and is no more", t)
		}
	}
	return c, nil
}

func targetOf(r ACLRow) aclTarget {
	t := aclTarget{typ: r.ResourceType, name: r.ResourceName, prefix: r.PatternType == kmsg.ACLResourcePatternTypePrefixed}
	if !t.prefix && r.ResourceName == AnyName {
		t.rest = true
	}
	return t
}

// PlanRevoke takes out exactly the rows given, all of which are there, and tells where
// the right stays because of another row.
func PlanRevoke(have, remove []ACLRow) *ACLChange {
	gone := make(map[ACLRow]bool, len(remove))
	c := &ACLChange{Steps: make([]ACLStep, 0, len(remove)), Notes: []string{}}
	for _, r := range remove {
		gone[r] = true
		c.Steps = append(c.Steps, ACLStep{ACLRow: r, Status: ACLPlanned})
	}
	left := slices.DeleteFunc(slices.Clone(have), func(r ACLRow) bool { return gone[r] })
	set := NewACLSet(left, ACLAssumptions{})
	closed := map[aclTarget]bool{}
	for _, r := range remove {
		t := targetOf(r)
		d := set.resource(asker{r.Principal, r.Host}, r.Operation, t)
		if r.Permission == kmsg.ACLPermissionTypeAllow && d.Allowed {
			c.note("%s keeps %s on %s: %s", r.Principal, r.Operation, r.Resource(), d.Via[0])
		}
		if len(set.reaching(t)) == 0 {
			closed[t] = true
		}
	}
	for _, t := range slices.SortedFunc(maps.Keys(closed), func(a, b aclTarget) int { return strings.Compare(a.String(), b.String()) }) {
		c.note("last row that reaches %s: with allow.everyone.if.no.acl.found it is open to everyone afterwards", t)
	}
	return c
}

const (
	// aclCreateBatch rows go into one request: one a request costs 27 ms each, and over
	// 10,000 are refused.
	aclCreateBatch = 1000
	aclDeleteBatch = 200
	// aclSettle bounds the wait until brokers show a change; 10 ms is usual.
	aclSettle = 3 * time.Second
)

// CreateACLs writes the planned steps. It goes on after rows that fail; an error means
// that a request failed as a whole, with the steps telling how far it came.
func (c *Conn) CreateACLs(ctx context.Context, change *ACLChange) error {
	return c.eachBatch(change, aclCreateBatch, func(steps []*ACLStep) error {
		const op = "alter acls"
		req := kmsg.NewPtrCreateACLsRequest()
		for _, s := range steps {
			r := kmsg.NewCreateACLsRequestCreation()
			r.ResourceType, r.ResourceName, r.ResourcePatternType = s.ResourceType, s.ResourceName, s.PatternType
			r.Principal, r.Host, r.Operation, r.PermissionType = s.Principal, s.Host, s.Operation, s.Permission
			req.Creations = append(req.Creations, r)
		}
		resp, err := req.RequestWith(ctx, c.Client)
		if err != nil {
			return Classify(op, "", err)
		}
		var denied error
		for i, s := range steps {
			if i >= len(resp.Results) {
				s.Status, s.Error = ACLFailed, "the broker gave no answer for this row"
				continue
			}
			s.Status = ACLCreated
			if err := aclError(op, resp.Results[i].ErrorCode, resp.Results[i].ErrorMessage); err != nil {
				s.Status, s.Error, denied = ACLFailed, err.Error(), err
			}
		}
		return unauthorised(denied)
	})
}

// DeleteACLs takes out the planned steps, each by a filter that fits this one row only.
func (c *Conn) DeleteACLs(ctx context.Context, change *ACLChange) error {
	return c.eachBatch(change, aclDeleteBatch, func(steps []*ACLStep) error {
		const op = "alter acls"
		req := kmsg.NewPtrDeleteACLsRequest()
		for _, s := range steps {
			f := kmsg.NewDeleteACLsRequestFilter()
			f.ResourceType, f.ResourceName, f.ResourcePatternType = s.ResourceType, &s.ResourceName, s.PatternType
			f.Principal, f.Host, f.Operation, f.PermissionType = &s.Principal, &s.Host, s.Operation, s.Permission
			req.Filters = append(req.Filters, f)
		}
		resp, err := req.RequestWith(ctx, c.Client)
		if err != nil {
			return Classify(op, "", err)
		}
		var denied error
		for i, s := range steps {
			if i >= len(resp.Results) {
				s.Status, s.Error = ACLFailed, "the broker gave no answer for this row"
				continue
			}
			res := &resp.Results[i]
			s.Status = ACLDeleted
			if len(res.MatchingACLs) == 0 {
				s.Status = ACLAbsent
			}
			err := aclError(op, res.ErrorCode, res.ErrorMessage)
			for _, m := range res.MatchingACLs {
				if err == nil {
					err = aclError(op, m.ErrorCode, m.ErrorMessage)
				}
			}
			if err != nil {
				s.Status, s.Error, denied = ACLFailed, err.Error(), err
			}
		}
		return unauthorised(denied)
	})
}

// unauthorised is err if the caller has no right at all, which ends the work: it would
// be missing for every further row too.
func unauthorised(err error) error {
	if e, ok := errors.AsType[*Error](err); ok && e.Class == Unauthorised {
		return err
	}
	return nil
}

func (c *Conn) eachBatch(change *ACLChange, size int, write func([]*ACLStep) error) error {
	var todo []*ACLStep
	for i := range change.Steps {
		if change.Steps[i].Status == ACLPlanned {
			todo = append(todo, &change.Steps[i])
		}
	}
	for batch := range slices.Chunk(todo, size) {
		if err := write(batch); err != nil {
			for _, s := range todo {
				if s.Status == ACLPlanned {
					s.Status = ACLNotTried
				}
			}
			// What was sent and not answered may have been done.
			for _, s := range batch {
				if s.Status == ACLNotTried {
					s.Status, s.Error = ACLFailed, "not known whether it was done: "+err.Error()
				}
			}
			return err
		}
	}
	return nil
}

// ACLsSettled waits until the cluster shows a change that was made, and reports whether it
// does. A broker answers before the change is visible.
func (c *Conn) ACLsSettled(ctx context.Context, change *ACLChange) (bool, error) {
	deadline := time.NewTimer(aclSettle)
	defer deadline.Stop()
	for {
		shown, err := c.shownEverywhere(ctx, change)
		if shown || err != nil {
			return shown, err
		}
		pause := time.NewTimer(20 * time.Millisecond)
		select {
		case <-ctx.Done():
			pause.Stop()
			return false, ctx.Err()
		case <-deadline.C:
			pause.Stop()
			return false, nil
		case <-pause.C:
		}
	}
}

// shownEverywhere asks each broker, because each learns of a change on its own. One
// that does not answer is left out: it cannot mislead anybody now.
func (c *Conn) shownEverywhere(ctx context.Context, change *ACLChange) (bool, error) {
	var failed error
	answered := 0
	for _, b := range c.Brokers {
		rows, err := aclsFrom(ctx, c.Client.Broker(int(b.ID)))
		if err != nil {
			failed = err
			continue
		}
		answered++
		if !change.shownBy(rows) {
			return false, nil
		}
	}
	if answered == 0 {
		return false, failed
	}
	return true, nil
}

func (c *ACLChange) shownBy(rows []ACLRow) bool {
	there := make(map[ACLRow]bool, len(rows))
	for _, r := range rows {
		there[r] = true
	}
	for i := range c.Steps {
		s := &c.Steps[i]
		if s.Status == ACLCreated && !there[s.ACLRow] || s.Status == ACLDeleted && there[s.ACLRow] {
			return false
		}
	}
	return true
}
