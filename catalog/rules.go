package catalog

import (
	"slices"

	"github.com/weirhq/weir/finding"
)

// blocking are the rules whose topics plan and apply refuse to touch.
var blocking = [...]string{"topic/name", "topic/collision", "topic/defined-twice"}

func ruleByID(id string) (finding.Rule, bool) {
	rs := Rules()
	i, ok := slices.BinarySearchFunc(rs, id, func(r finding.Rule, id string) int {
		if r.ID < id {
			return -1
		}
		if r.ID > id {
			return 1
		}
		return 0
	})
	if !ok {
		return finding.Rule{}, false
	}
	return rs[i], true
}

// Rules lists every rule the package can report, sorted by id.
func Rules() []finding.Rule { return nil }
