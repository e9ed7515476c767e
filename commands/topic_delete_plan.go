package commands

import (
	"context"
	"slices"

	"github.com/weirhq/weir/cluster"
)

// topicDeletion is what is lost with a topic, and what became of it.
type topicDeletion struct {
	Name        string               `json:"name"`
	ID          *string              `json:"id"`
	Partitions  int                  `json:"partitions"`
	RecordsMax  *int64               `json:"records_max"`
	SizeBytes   *int64               `json:"size_bytes"`
	LastWriteMS *int64               `json:"last_write_ms"`
	Groups      []cluster.TopicGroup `json:"groups"`      // with offsets or members; null when they could not be read
	LiveGroups  []string             `json:"live_groups"` // those with members
	Catalog     *topicFacts          `json:"catalog"`     // null when it does not name the topic
	// Result is planned, would_delete, deleted or failed.
	Result string  `json:"result"`
	Error  *string `json:"error"`
}

type topicDeleteReport struct {
	DryRun      bool            `json:"dry_run"`
	JudgedBy    string          `json:"judged_by"` // weir: no broker can be asked without deleting
	GroupsScope cluster.Scope   `json:"groups_scope"`
	Topics      []topicDeletion `json:"topics"`
}

// planDelete reads what would be lost.
func planDelete(ctx context.Context, d *Deps, conn *cluster.Conn, topics []cluster.Topic) (*topicDeleteReport, error) {
	described, err := describeTopics(ctx, d, conn, topics)
	if err != nil {
		return nil, err
	}
	r := &topicDeleteReport{JudgedBy: "weir", GroupsScope: described.GroupsScope, Topics: []topicDeletion{}}
	readers, err := d.readersOf(ctx, conn, cluster.TopicNames(topics))
	switch {
	case ctx.Err() != nil:
		return nil, err
	case err != nil:
		readers = &topicReaders{unknown: "the members of groups could not be read: " + err.Error()}
	}
	if readers.unknown != "" {
		r.GroupsScope = cluster.Scope{Complete: new(false), Reason: readers.unknown}
	}
	for i := range described.Topics {
		t := &described.Topics[i]
		row := topicDeletion{
			Name: t.Name, ID: t.ID, Partitions: len(t.Partitions), RecordsMax: t.RecordsMax, SizeBytes: t.SizeBytes, LastWriteMS: t.LastWriteMS,
			Groups: t.Groups, LiveGroups: []string{}, Catalog: t.Catalog, Result: "planned",
		}
		// The description knows those with offsets; members may not have any yet.
		for _, g := range readers.groups[t.Name] {
			if !slices.ContainsFunc(row.Groups, func(have cluster.TopicGroup) bool { return have.Group == g.Group }) {
				row.Groups = append(row.Groups, g)
			}
		}
		for _, g := range row.Groups {
			if g.Live() {
				row.LiveGroups = append(row.LiveGroups, g.Group)
			}
		}
		r.Topics = append(r.Topics, row)
	}
	return r, nil
}
