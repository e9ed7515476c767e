package cluster

import (
	"context"
	"fmt"
	"slices"
)

// PurgedPartition is a partition that loses records, and what became of it.
type PurgedPartition struct {
	Partition int32 `json:"partition"`
	Start     int64 `json:"log_start_offset"`
	End       int64 `json:"log_end_offset"`
	To        int64 `json:"to_offset"`
	// RecordsMax counts offsets; compaction and transactions make the records fewer.
	RecordsMax int64 `json:"records_max"`
	// Result is planned, would_purge, purged, unchanged or failed.
	Result string  `json:"result"`
	Error  *string `json:"error"`
}

// Purge deletes the oldest records of a topic. It says what would be deleted, and once it
// is sent what was.
type Purge struct {
	DryRun     bool              `json:"dry_run"`
	JudgedBy   string            `json:"judged_by"` // weir: no broker can be asked without deleting
	Topic      string            `json:"topic"`
	To         string            `json:"to"`
	RecordsMax int64             `json:"records_max"`
	Partitions []PurgedPartition `json:"partitions"`
}

const purgeTopic = "purge topic"

// Plan adds the partitions, whose offsets were read, and fixes the offset before which
// each loses its records, so that records written later stay. offset tells the wanted one,
// or false where it is not known. It is held between the start and the end of the log.
func (r *Purge) Plan(partitions []*Partition, offset func(*Partition) (int64, bool)) error {
	for _, p := range partitions {
		if p.unread() {
			return p.Unread(purgeTopic, r.Topic, "name the partitions that can be reached: NAME:0,1")
		}
		to, ok := offset(p)
		if !ok {
			return &Error{Class: Failed, Op: purgeTopic, What: r.Topic, Err: fmt.Errorf("partition %d did not tell its offset at that moment", p.ID)}
		}
		row := PurgedPartition{Partition: p.ID, Start: *p.StartOffset, End: *p.EndOffset, Result: "unchanged"}
		row.To = min(max(to, row.Start), row.End)
		if row.RecordsMax = row.To - row.Start; row.RecordsMax > 0 {
			row.Result = "planned"
			if r.DryRun {
				row.Result = "would_purge"
			}
		}
		r.RecordsMax += row.RecordsMax
		r.Partitions = append(r.Partitions, row)
	}
	return nil
}

// Before are the start offsets of the partitions that lose records.
func (r *Purge) Before() map[int32]int64 {
	return r.losing(func(p *PurgedPartition) int64 { return p.Start })
}

// After are the offsets that those partitions start at afterwards.
func (r *Purge) After() map[int32]int64 {
	return r.losing(func(p *PurgedPartition) int64 { return p.To })
}

func (r *Purge) losing(offset func(*PurgedPartition) int64) map[int32]int64 {
	out := map[int32]int64{}
	for i := range r.Partitions {
		if p := &r.Partitions[i]; p.RecordsMax > 0 {
			out[p.Partition] = offset(p)
		}
	}
	return out
}

// Send deletes what was planned and notes what became of each partition. It returns the
// refusals, and an error when nothing was answered.
func (r *Purge) Send(ctx context.Context, conn *Conn) (refusals []error, err error) {
	cuts, err := conn.DeleteRecords(ctx, r.Topic, r.After())
	for _, cut := range cuts {
		row := &r.Partitions[slices.IndexFunc(r.Partitions, func(p PurgedPartition) bool { return p.Partition == cut.Partition })]
		row.Result = "purged"
		if cut.Err != nil {
			row.Result, row.Error = "failed", new(cut.Err.Error())
			refusals = append(refusals, cut.Err)
		}
	}
	return refusals, err
}
