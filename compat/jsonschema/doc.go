// Package jsonschema decides whether everything one JSON Schema accepts is accepted
// by another, and proves the answer.
//
// The question "is L(writer) inside L(reader)" is asked as "can writer and not
// reader be satisfied". A solver over literals (a schema node, wanted or refused)
// either builds a document that does so, which the reader's validator then has to
// refuse and the writer's to accept, or shows that none exists. Where it can do
// neither it says unproven, with the reason; it refuses to guess. The two types to
// know are [Checker] and the unexported solver.
package jsonschema
