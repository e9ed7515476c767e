package plan

import (
	"slices"

	"github.com/weirhq/weir/catalog"
	"github.com/weirhq/weir/cluster"
)

// DriftReport tells a comparison in the cluster's voice: it has X, the catalog says Y.
type DriftReport struct {
	ClusterID string `json:"cluster_id"`
	Catalog   Source `json:"catalog"`
	// Differs are declared things whose live state is another one.
	Differs []Difference `json:"differs"`
	// Missing are declared topics and rights that the cluster does not have.
	Missing []Missing `json:"missing"`
	// Undeclared are topics, settings and rights in scope that nobody declared.
	Undeclared []Drift `json:"undeclared"`
	// UndeclaredConsumers are groups with offsets or members on declared topics that no
	// receive operation declares.
	UndeclaredConsumers []Consumer `json:"undeclared_consumers"`
	// Info is drift that closes no gate.
	Info []Drift `json:"info"`
	// Unknown is what could not be compared, or may hold more than was seen, and why. It
	// closes the gate: who has not seen all cannot say that there is no more.
	Unknown []string `json:"unknown"`
	// Others are channels of other protocols, which close no gate.
	Others []OtherChannel `json:"other_protocols"`
}

// Difference is one declared setting with its live and its declared value.
type Difference struct {
	Kind     Kind    `json:"kind"`
	Name     string  `json:"name"`
	Owner    string  `json:"owner"`
	Key      string  `json:"key"`
	Live     *string `json:"live"`
	Declared *string `json:"declared"`
	Note     string  `json:"note,omitempty"`
}

// Missing is something declared that is not there.
type Missing struct {
	Kind  Kind            `json:"kind"`
	Name  string          `json:"name"`
	Owner string          `json:"owner"`
	ACL   *cluster.ACLRow `json:"acl,omitempty"`
	Why   string          `json:"why,omitempty"`
}

// Consumer is a group that reads a declared topic.
type Consumer struct {
	Group string `json:"group"`
	Topic string `json:"topic"`
}

// Clean reports whether the gate passes: nothing differs, is missing, undeclared or unknown.
func (r *DriftReport) Clean() bool { return r.Count() == 0 && len(r.Unknown) == 0 }

// Count is the number of differences that close the gate.
func (r *DriftReport) Count() int {
	return len(r.Differs) + len(r.Missing) + len(r.Undeclared) + len(r.UndeclaredConsumers)
}

// DriftOf turns a comparison into a drift report. consumers are the groups on the
// declared topics.
func DriftOf(p *Plan, d *Desired, consumers *Readers, groupAllowed func(topic, group string) bool) *DriftReport {
	r := &DriftReport{
		ClusterID: p.ClusterID, Catalog: p.Catalog, Differs: []Difference{}, Missing: []Missing{}, Undeclared: []Drift{},
		UndeclaredConsumers: []Consumer{}, Info: []Drift{}, Unknown: []string{}, Others: p.Others,
	}
	for i := range p.Steps {
		s := &p.Steps[i]
		switch {
		case s.Op == Create:
			r.Missing = append(r.Missing, Missing{Kind: s.Kind, Name: s.Name, Owner: s.Owner, ACL: s.ACL, Why: s.Why})
		case s.Op == Blocked && s.Kind == ACLKind && s.ACL == nil: // told by what is unknown
		case s.Op == Blocked && len(s.Changes) == 0:
			r.Unknown = append(r.Unknown, string(s.Kind)+" "+s.Name+": "+s.Reason)
		case s.Op == Keep && s.Reason == retiredKept:
			r.Differs = append(r.Differs, Difference{Kind: s.Kind, Name: s.Name, Owner: s.Owner, Key: "lifecycle", Live: new("there"), Declared: new("retired")})
		}
		for _, c := range s.Changes {
			r.Differs = append(r.Differs, Difference{Kind: s.Kind, Name: s.Name, Owner: s.Owner, Key: c.Name, Live: c.Before, Declared: c.After, Note: s.Reason})
		}
	}
	for _, x := range p.Drift {
		switch {
		case x.Info:
			r.Info = append(r.Info, x)
		case x.Kind == "replication-factor":
			r.Differs = append(r.Differs, Difference{Kind: TopicKind, Name: x.Name, Owner: x.Owner, Key: "replication.factor", Live: x.Live, Declared: x.Wanted, Note: x.Note})
		default:
			r.Undeclared = append(r.Undeclared, x)
		}
	}
	for _, u := range p.Unknown {
		r.Unknown = append(r.Unknown, u.What+": "+u.Reason)
	}
	if consumers.Unknown != "" {
		r.Unknown = append(r.Unknown, UnreadGroups+": "+consumers.Unknown)
	}
	for i := range d.Topics {
		topic := d.Topics[i].Name
		if d.Topics[i].Released { // who reads it is its owner's to say
			continue
		}
		for _, g := range consumers.ByTopic[topic] {
			if !groupAllowed(topic, g) {
				r.UndeclaredConsumers = append(r.UndeclaredConsumers, Consumer{Group: g, Topic: topic})
			}
		}
	}
	return r
}

// TopicNames are the declared topics.
func (d *Desired) TopicNames() []string {
	names := make([]string, len(d.Topics))
	for i := range d.Topics {
		names[i] = d.Topics[i].Name
	}
	return names
}

// Allowed tells whether a catalog declares a group as consumer of a topic.
func Allowed(c *catalog.Catalog) func(topic, group string) bool {
	return func(topic, group string) bool {
		// A consumer's own error topics are read by whoever replays them.
		if len(c.DeadLetterOf(topic)) > 0 {
			return true
		}
		return slices.ContainsFunc(c.Consumers(topic), func(op *catalog.Operation) bool { return op.Group.V.Allows(group) })
	}
}
