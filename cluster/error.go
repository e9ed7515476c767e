package cluster

import (
	"fmt"
	"strings"
)

// Class says what kind of failure an error is, so that the program's edge can
// choose the exit code and a script can decide whether a retry may help.
type Class int

// The classes. Failed is the zero value: an error nobody could place.
const (
	// Failed: the cluster answered and refused, for a reason of its own.
	Failed Class = iota
	// Unauthenticated: the credentials were refused.
	Unauthenticated
	// Unauthorised: the principal lacks a right; the message names it.
	Unauthorised
	// Misconfigured: the settings can never work (TLS against plaintext, an
	// unknown key, a missing certificate). A retry does not help.
	Misconfigured
	// Unreachable: no broker could be reached. A retry may help.
	Unreachable
	// TimedOut: no answer in time. A retry may help.
	TimedOut
	// NotFound: the topic, group or broker does not exist.
	NotFound
	// Refused: weir itself did not send it, because the profile is read-only.
	Refused
)

// String returns the code that the JSON error line carries.
func (c Class) String() string {
	switch c {
	case Failed:
		return "failed"
	case Unauthenticated:
		return "unauthenticated"
	case Unauthorised:
		return "unauthorized"
	case Misconfigured:
		return "misconfigured"
	case Unreachable:
		return "unreachable"
	case TimedOut:
		return "timeout"
	case NotFound:
		return "not_found"
	case Refused:
		return "read_only"
	}
	return fmt.Sprintf("Class(%d)", int(c))
}

// Error is a failure of the cluster or of the way to it: what was tried (Op), on
// what (What), from which broker, what came back (Err) and what to do next (Remedy).
type Error struct {
	Class  Class
	Op     string // what was tried, such as "create topic"
	What   string // on what, such as the topic's name or the broker's address
	Broker string // the broker that it came from, "broker 2 at host:port", where that is known
	Err    error  // what came back; its text never holds a secret
	Remedy string // the hint: one imperative sentence, or empty
}

func (e *Error) Error() string {
	var parts []string
	if head := strings.TrimSpace(e.Op + " " + e.What); head != "" {
		parts = append(parts, head)
	}
	if e.Broker != "" {
		parts = append(parts, e.Broker)
	}
	if e.Err != nil {
		parts = append(parts, e.Err.Error())
	} else {
		parts = append(parts, e.Class.String())
	}
	return strings.Join(parts, ": ")
}

// pinnedError is a cluster that answers and is not the one of the profile.
type pinnedError struct{ is, pinned string }

func (e *pinnedError) Error() string {
	return fmt.Sprintf("the cluster's id is %s, and %s is pinned", e.is, e.pinned)
}

// brokerError is a failure with the broker that was asked.
type brokerError struct {
	broker Broker
	err    error
}

func (b *brokerError) Error() string { return b.broker.String() + ": " + b.err.Error() }
func (b *brokerError) Unwrap() error { return b.err }

// Unwrap gives errors.Is and errors.As the cause.
func (e *Error) Unwrap() error { return e.Err }

// Hint says what to do next, or nothing.
func (e *Error) Hint() string { return e.Remedy }

// Subject names what it happened to; it may be empty.
func (e *Error) Subject() string { return e.What }

// Code is the stable word for the class: failed, unauthenticated, unauthorized,
// misconfigured, unreachable, timeout, not_found, read_only.
func (e *Error) Code() string { return e.Class.String() }

// misconfigured makes the error for settings that can never work.
func misconfigured(op, subject, hint, format string, args ...any) *Error {
	return &Error{Class: Misconfigured, Op: op, What: subject, Err: fmt.Errorf(format, args...), Remedy: hint}
}
