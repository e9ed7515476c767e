package protobuf

import "github.com/weirhq/weir/finding"

// Rules lists every rule the checker can report.
func (*Checker) Rules() []finding.Rule { return nil }
