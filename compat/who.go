package compat

import (
	"cmp"
	"slices"
	"strings"
)

// Party is an application with a stake in a channel.
type Party struct {
	Application string `json:"application"`
	Owner       string `json:"owner,omitempty"`
	Group       string `json:"group,omitempty"`
}

func (p Party) String() string {
	var in []string
	if p.Owner != "" {
		in = append(in, p.Owner)
	}
	if p.Group != "" {
		in = append(in, "group "+p.Group)
	}
	if len(in) == 0 {
		return p.Application
	}
	return p.Application + " (" + strings.Join(in, ", ") + ")"
}

// Who says who is on the other side of a break.
type Who struct {
	// Known is false when there is no catalog to ask.
	Known     bool    `json:"-"`
	Consumers []Party `json:"consumers"`
	Producers []Party `json:"producers"`
	// External tells that the channel has readers or writers outside of the catalog.
	External bool `json:"external,omitempty"`
}

// text names who fails in a direction: the new reader of old records, or the old
// reader of new ones.
func (w Who) text(d Direction) string {
	if !w.Known {
		if d == Backward {
			return "consumers that upgrade first, replays and re-drives: no catalog"
		}
		return "consumers that have not upgraded: no catalog"
	}
	list := parties(w.Consumers)
	if list == "" {
		list = "no consumer is declared"
	}
	if w.External {
		list += ", and readers outside of the catalog"
	}
	if d == Backward {
		list = "consumers that upgrade, replays and re-drives: " + list
	} else {
		list = "consumers that have not upgraded: " + list
	}
	if p := parties(w.Producers); p != "" {
		list += "; introduced by " + p
	}
	return list
}

// contract names everybody who relies on a contract, whichever side upgrades first.
func (w Who) contract() string {
	if !w.Known {
		return "whoever relies on it: no catalog"
	}
	s := cmp.Or(parties(w.Consumers), "no consumer is declared")
	if w.External {
		s += ", and readers outside of the catalog"
	}
	if p := parties(w.Producers); p != "" {
		s += "; introduced by " + p
	}
	return s
}

func parties(ps []Party) string {
	var s []string
	for _, p := range ps {
		s = append(s, p.String())
	}
	slices.Sort(s)
	return strings.Join(slices.Compact(s), ", ")
}
