package dlt

import (
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
)

// denied translates an authorization error into the right that is missing. A principal without any WRITE gets a
// cluster error from an idempotent producer, which says nothing about the cluster.
func denied(err error, op, right, resource string) error {
	for _, k := range []*kerr.Error{kerr.TopicAuthorizationFailed, kerr.GroupAuthorizationFailed, kerr.TransactionalIDAuthorizationFailed, kerr.ClusterAuthorizationFailed} {
		if errors.Is(err, k) {
			if k == kerr.ClusterAuthorizationFailed {
				resource += " (an idempotent producer needs a WRITE somewhere)"
			}
			return &DeniedError{Op: op, Right: right, Resource: resource, Err: err}
		}
	}
	return err
}

// RefusedError says that a decision is missing; GateError that a check stands in the way. Both name the reason.
type RefusedError struct{ Reason, hint string }

func (e *RefusedError) Error() string { return e.Reason }

// Code is the class of the failure.
func (e *RefusedError) Code() string { return "refused" }

// Hint says what to do next.
func (e *RefusedError) Hint() string { return e.hint }

// GateError says that a check did not pass: the world is not what the plan needs.
type GateError struct {
	Reason string
	stale  bool // the plan cannot be carried out any more, now or later
}

func (e *GateError) Error() string { return e.Reason }

// Code is the class of the failure.
func (e *GateError) Code() string { return "gate" }

// DeniedError names the right that is missing.
type DeniedError struct {
	Op, Right, Resource string
	Err                 error
}

func (e *DeniedError) Error() string {
	s := fmt.Sprintf("%s: not authorised to %s on %s", e.Op, e.Right, e.Resource)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *DeniedError) Unwrap() error { return e.Err }

// Code is the class of the failure.
func (e *DeniedError) Code() string { return "unauthorized" }
