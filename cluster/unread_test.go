package cluster_test

import (
	"errors"
	"testing"

	"github.com/weirhq/weir/cluster"
)

// A time range leaves nothing out: a partition that could not be read may hold the oldest
// record and the newest.
func TestTimesOfAnUnreadPartition(t *testing.T) {
	read := cluster.Partition{StartOffset: new(int64(0)), EndOffset: new(int64(1)), FirstTimestampMS: new(int64(5)), LastTimestampMS: new(int64(7))}
	empty := cluster.Partition{ID: 1, StartOffset: new(int64(3)), EndOffset: new(int64(3))}
	topic := cluster.Topic{Partitions: []cluster.Partition{read, empty}}
	if f, l := topic.FirstWrite(), topic.LastWrite(); f == nil || *f != 5 || l == nil || *l != 7 {
		t.Errorf("an empty partition hides the times of the others: %v %v", f, l)
	}
	topic.Partitions = append(topic.Partitions, cluster.Partition{ID: 2})
	if f, l := topic.FirstWrite(), topic.LastWrite(); f != nil || l != nil {
		t.Errorf("times of a topic that was not read in full: %v %v", f, l)
	}
}

func TestUnreadPartition(t *testing.T) {
	const head = "purge topic orders: the offsets of partition 2 could not be read: "
	for _, c := range []struct {
		p     cluster.Partition
		class cluster.Class
		text  string
	}{
		{cluster.Partition{ID: 2}, cluster.Unreachable, head + "it has no leader"},
		{cluster.Partition{ID: 2, Leader: new(int32(3))}, cluster.Unreachable, head + "its leader, broker 3, did not answer"},
		{cluster.Partition{ID: 2, ErrorName: new("KAFKA_STORAGE_ERROR")}, cluster.Unreachable, head + "KAFKA_STORAGE_ERROR: disk error when trying to access log file on the disk"},
		{cluster.Partition{ID: 2, ErrorName: new("TOPIC_AUTHORIZATION_FAILED")}, cluster.Unauthorised, head + "not authorised to DESCRIBE on Topic"},
	} {
		r := &cluster.Purge{Topic: "orders"}
		err := r.Plan([]*cluster.Partition{&c.p}, nil)
		if e, ok := errors.AsType[*cluster.Error](err); !ok || e.Class != c.class || err.Error() != c.text {
			t.Errorf("got %v, want class %v: %s", err, c.class, c.text)
		}
	}
}
