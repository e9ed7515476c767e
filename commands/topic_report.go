package commands

import (
	"context"
	"slices"

	"github.com/weirhq/weir/cluster"
)

// topicReport is one topic with all that could be read about it.
type topicReport struct {
	cluster.Topic
	ReplicationFactor *int                     `json:"replication_factor"`
	Health            []cluster.PartitionState `json:"health"` // by partition, in order
	// RecordsMax counts offsets; compaction and transactions make the records fewer.
	RecordsMax   *int64               `json:"records_max"`
	SizeBytes    *int64               `json:"size_bytes"`
	FirstWriteMS *int64               `json:"first_write_ms"`
	LastWriteMS  *int64               `json:"last_write_ms"`
	ConfigsError *string              `json:"configs_error"`
	Configs      []cluster.Config     `json:"configs"`
	Groups       []cluster.TopicGroup `json:"groups"`  // null when they could not be read
	Catalog      *topicFacts          `json:"catalog"` // null when it does not name the topic
	// ACLs are the rows that reach the topic: LITERAL, PREFIXED and *; null when they could not be read.
	ACLs []cluster.ACLRow `json:"acls"`
}

type topicDescription struct {
	Topics []topicReport `json:"topics"`
	// GroupsScope says whether groups may be missing.
	GroupsScope cluster.Scope `json:"groups_scope"`
	// ACLsError says why the ACL rows are not known; null when they are.
	ACLsError *string `json:"acls_error"`
}

// describeTopics reads all but the ACL rows. What takes a right that the user lacks stays
// unknown.
func describeTopics(ctx context.Context, d *Deps, conn *cluster.Conn, topics []cluster.Topic) (*topicDescription, error) {
	if err := conn.Offsets(ctx, topics); err != nil {
		return nil, err
	}
	if err := conn.Times(ctx, topics); err != nil {
		return nil, err
	}
	sets, err := conn.TopicConfigs(ctx, cluster.TopicNames(topics))
	if err != nil {
		return nil, err
	}
	// Sizes and groups need further rights; without them they stay unknown.
	if err := conn.Sizes(ctx, topics); err != nil {
		if ctx.Err() != nil {
			return nil, err
		}
		d.Log.Info("sizes are unknown: " + err.Error())
	}
	usage, err := conn.Usage(ctx, topics)
	if err != nil {
		if ctx.Err() != nil {
			return nil, err
		}
		d.Log.Warn("the groups could not be read: " + err.Error())
	}
	cat := d.quietCatalog(ctx)
	minISR := cluster.MinISR(sets)
	r := &topicDescription{Topics: make([]topicReport, 0, len(topics))}
	if usage != nil {
		r.GroupsScope = usage.Scope
	} else {
		r.GroupsScope.Reason = "the groups could not be read"
	}
	for i := range topics {
		t := &topics[i]
		row := topicReport{
			Topic: *t, ReplicationFactor: t.ReplicationFactor(), Health: []cluster.PartitionState{},
			RecordsMax: t.Records(), SizeBytes: t.SizeBytes(), FirstWriteMS: t.FirstWrite(), LastWriteMS: t.LastWrite(), Configs: []cluster.Config{}, Catalog: factsOf(cat, t.Name),
		}
		for j := range t.Partitions {
			row.Health = append(row.Health, t.Partitions[j].State(minISR[t.Name]))
		}
		if k := slices.IndexFunc(sets, func(s cluster.ConfigSet) bool { return s.Topic == t.Name }); k >= 0 {
			row.Configs, row.ConfigsError = sets[k].Configs, sets[k].ErrorName
		}
		if usage != nil {
			row.Groups = append([]cluster.TopicGroup{}, usage.Groups[t.Name]...)
		}
		r.Topics = append(r.Topics, row)
	}
	return r, nil
}
