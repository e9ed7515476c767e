package commands

import (
	"context"
	"slices"
	"time"

	"github.com/weirhq/weir/catalog"
	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/lag"
)

// otherTopics fails where a topic that was named is no topic of the cluster but a channel
// of another protocol: lag that cannot be is not no lag.
func otherTopics(ctx context.Context, conn *cluster.Conn, cat *catalog.Catalog, o *lagOptions) error {
	if cat == nil || o.regex {
		return nil
	}
	named := slices.DeleteFunc(slices.Clone(o.topics), func(t string) bool { return cat.OtherProtocol(t) == nil })
	if len(named) == 0 {
		return nil
	}
	_, err := conn.SelectTopics(ctx, "read lag", named, false)
	return orOtherProtocol(cat, err)
}

// lagCatalog loads the catalog when there is one. Lag is asked for at night, when a
// mistake in a document must not stand in the way; only --slo cannot do without.
func (d *Deps) lagCatalog(ctx context.Context, o *lagOptions) (*catalog.Catalog, error) {
	cfg, err := d.Config()
	if err != nil {
		return nil, err
	}
	o.catalog.paths = slices.Clone(o.catalog.paths)
	if !o.slo && len(o.catalog.paths) == 0 && cfg.Root == "" {
		return nil, nil //nolint:nilnil // no catalog is no error
	}
	cat, err := d.Catalog(ctx, &o.catalog, false)
	if err != nil && !o.slo && len(o.catalog.paths) == 0 {
		d.Log.Warn("owners and objectives are unknown: " + err.Error())
		return nil, nil //nolint:nilnil // as above
	}
	return cat, err
}

func bindCatalog(o *lag.Options, cat *catalog.Catalog) {
	o.Objective = func(group, topic string) lag.Objective { return objectiveOf(cat, group, topic) }
	o.Owner = func(group string) string {
		for _, op := range cat.GroupConsumers(group) {
			switch {
			case op.Owner.Known():
				return op.Owner.V.Team
			case op.App.Owner.Known():
				return op.App.Owner.V.Team
			}
		}
		return ""
	}
	o.TopicOwner = func(topic string) string { return cat.Owner(topic).V.Team }
}

// objectiveOf is the promise of one group on one topic: that of its operation, else the
// one that the channel makes for every consumer.
func objectiveOf(cat *catalog.Catalog, group, topic string) lag.Objective {
	var slo catalog.SLO
	for _, op := range cat.GroupConsumers(group) {
		if op.Channel == nil || op.Channel.Topic != topic {
			continue
		}
		slo = slo.Or(op.SLO)
	}
	for _, ch := range cat.TopicChannels(topic) {
		slo = slo.Or(ch.SLO)
	}
	return promised(slo)
}

// promised is an objective as package lag takes it: nil for what is not promised.
func promised(slo catalog.SLO) (out lag.Objective) {
	if slo.LagAge.Known() {
		out.Age = &slo.LagAge.V
	}
	if slo.LagRecords.Known() {
		out.Records = &slo.LagRecords.V
	}
	return out
}

// objectiveAges become rungs of the ladder, so that an objective is decided and not
// bracketed. Each costs a request a broker, so there is an end to it.
func objectiveAges(cat *catalog.Catalog) []time.Duration {
	if cat == nil {
		return nil
	}
	const most = 20
	seen := map[time.Duration]bool{}
	add := func(s catalog.SLO) {
		if s.LagAge.Known() && s.LagAge.V > 0 {
			seen[s.LagAge.V] = true
		}
	}
	for ch := range cat.Channels() {
		add(ch.SLO)
	}
	for op := range cat.Operations() {
		add(op.SLO)
	}
	ages := make([]time.Duration, 0, len(seen))
	for age := range seen {
		ages = append(ages, age)
	}
	slices.Sort(ages)
	return ages[:min(len(ages), most)]
}
