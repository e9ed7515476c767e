package commands

import (
	"errors"
	"fmt"
)

// Code is the class of a failure. Package cmd knows which exit code it means;
// domain packages may give their errors a method Code() string with one of these.
type Code = string

// The classes, with the exit codes of the contract.
const (
	Failed          Code = "failed"          // 1
	UsageCode       Code = "usage"           // 2: flags, arguments, configuration
	RefusedCode     Code = "refused"         // 2: no confirmation was given, the plan is on stdout
	CatalogCode     Code = "catalog"         // 2: the catalog has load errors, the report is on stdout
	Misconfigured   Code = "misconfigured"   // 2: the connection can never work this way
	ReadOnly        Code = "read_only"       // 2: the profile refuses writes
	NotFound        Code = "not_found"       // 1
	GateCode        Code = "gate"            // 3: told in the report
	PartialCode     Code = "partial"         // 4: told in the report
	Unauthenticated Code = "unauthenticated" // 5
	Unauthorized    Code = "unauthorized"    // 5
	Unreachable     Code = "unreachable"     // 6
	Timeout         Code = "timeout"         // 6
	Interrupted     Code = "interrupted"     // 130
)

// Error is a failure with its class, and a hint what to do about it.
type Error struct {
	code    Code
	err     error
	hint    string
	subject string
}

func (e *Error) Error() string { return e.err.Error() }
func (e *Error) Unwrap() error { return e.err }

// Code is the class of the failure.
func (e *Error) Code() string { return e.code }

// Hint says what to do next; it may be empty.
func (e *Error) Hint() string { return e.hint }

// Subject names what failed; it may be empty.
func (e *Error) Subject() string { return e.subject }

// coded is any error that knows its class.
type coded interface {
	error
	Code() string
}

// usage says that the command line or the configuration is wrong.
func usage(hint, format string, args ...any) error {
	return &Error{code: UsageCode, err: fmt.Errorf(format, args...), hint: hint}
}

// refused says that an act was not confirmed. The plan has been printed.
func refused(hint, format string, args ...any) error {
	return &Error{code: RefusedCode, err: fmt.Errorf(format, args...), hint: hint}
}

// failed is a failure with a subject and a hint.
func failed(subject, hint, format string, args ...any) error {
	return &Error{code: Failed, err: fmt.Errorf(format, args...), hint: hint, subject: subject}
}

// errGate ends a command whose report told that a gate did not pass (exit 3).
var errGate = &Error{code: GateCode, err: errors.New("the gate did not pass")}

// errPartial ends a command whose report told what was and was not done (exit 4).
var errPartial = &Error{code: PartialCode, err: errors.New("only a part was done")}

// partly is errPartial where something was refused, and nil where all was done.
func partly(refused bool) error {
	if refused {
		return errPartial
	}
	return nil
}
