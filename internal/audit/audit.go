// Package audit keeps the record of what weir wrote: one JSON line a change, in a
// local file and, where configured, in a topic as a CloudEvent.
//
// It decides the form of a line and that it is written before weir reports success.
// It refuses to hold record payloads or secrets, and to stop an act half way: the log
// keeps count of the changes that could not be recorded, and a run ends with [Log.Lost].
// The two types to know are [Entry] and [Log].
package audit

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Entry is one change.
type Entry struct {
	Time      time.Time `json:"time"` // UTC
	Who       string    `json:"who"`  // the operating system's user
	Host      string    `json:"host"`
	Command   string    `json:"command"` // as typed; weir takes no secret on its command line
	Profile   string    `json:"profile"`
	ClusterID string    `json:"cluster_id"`
	// Act is verb and noun, such as "create topic"; Subject names the thing.
	Act     string `json:"act"`
	Subject string `json:"subject"`
	Before  any    `json:"before"`
	After   any    `json:"after"`
	// Result is done, or the error.
	Result string `json:"result"`
}

// Log appends entries. Its methods are safe for concurrent use.
type Log struct {
	// Path of the file; its folder is made when needed.
	Path string
	// Topic gets each entry too when Client is set.
	Topic  string
	Client func(ctx context.Context) (*kgo.Client, error)
	// Base holds the fields that are equal for all entries of a run.
	Base Entry
	Now  func() time.Time

	mu    sync.Mutex
	lost  int
	cause error // of the first that was lost
}

// sendTime bounds the entry that goes to the topic; the change is made by then, so
// the end of the run's own context does not count.
const sendTime = 15 * time.Second

// Ready opens the file as Record will and looks for the topic, so that a log that
// cannot be kept is known before anything is changed.
func (l *Log) Ready(ctx context.Context) error {
	f, err := l.open()
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		return fmt.Errorf("open audit log: %w", err)
	}
	if l.Topic == "" || l.Client == nil {
		return nil
	}
	if err := l.mayWrite(ctx); err != nil {
		return fmt.Errorf("open audit log: topic %s: %w", l.Topic, err)
	}
	return nil
}

// mayWrite asks for the topic and for the right to write to it. A broker that does not
// tell the rights (before 2.3) is believed to grant it.
func (l *Log) mayWrite(ctx context.Context) error {
	cl, err := l.Client(ctx)
	if err != nil {
		return err
	}
	found, err := kadm.NewClient(cl).ListTopics(kadm.WithAuthorizedOps(ctx), l.Topic)
	if err != nil {
		return err
	}
	if err := found.Error(); err != nil {
		return err
	}
	ops := found[l.Topic].AuthorizedOperations
	if len(ops) > 0 && !slices.Contains(ops, kadm.OpWrite) {
		return errors.New("not authorised to WRITE on it")
	}
	return nil
}

// Lost is nil, or says how many of the changes are not in the log, and why.
func (l *Log) Lost() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch l.lost {
	case 0:
		return nil
	case 1:
		return fmt.Errorf("1 change is not in the audit log: %w", l.cause)
	}
	return fmt.Errorf("%d changes are not in the audit log: %w", l.lost, l.cause)
}

// Record writes one entry to the file, and to the topic if there is one. The change is
// made by then: where it cannot be recorded, [Log.Lost] says so at the end of the run.
func (l *Log) Record(ctx context.Context, act, subject string, before, after any, failure error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.write(ctx, act, subject, before, after, failure); err != nil {
		l.lost++
		l.cause = cmp.Or(l.cause, err)
	}
}

func (l *Log) write(ctx context.Context, act, subject string, before, after any, failure error) error {
	e := l.Base
	e.Time, e.Act, e.Subject, e.Before, e.After, e.Result = l.Now().UTC(), act, subject, before, after, "done"
	if failure != nil {
		e.Result = failure.Error()
	}
	b, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("write audit entry: %w", err)
	}
	if err := l.appendLine(b); err != nil {
		return fmt.Errorf("write audit entry to %s: %w", l.Path, err)
	}
	if l.Topic == "" || l.Client == nil {
		return nil
	}
	return l.produce(ctx, e, b)
}

func (l *Log) open() (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(l.Path), 0o700); err != nil {
		return nil, err
	}
	return os.OpenFile(l.Path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
}

func (l *Log) appendLine(b []byte) error {
	f, err := l.open()
	if err != nil {
		return err
	}
	// One write a line: O_APPEND keeps lines of two processes apart.
	_, err = f.Write(append(b, '\n'))
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// produce sends the entry in CloudEvents 1.0 binary mode (Kafka protocol binding).
func (l *Log) produce(ctx context.Context, e Entry, b []byte) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sendTime)
	defer cancel()
	cl, err := l.Client(ctx)
	if err != nil {
		return fmt.Errorf("write audit entry to topic %s: %w", l.Topic, err)
	}
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails (crypto/rand)
	r := &kgo.Record{Topic: l.Topic, Key: []byte(e.Subject), Value: b, Headers: []kgo.RecordHeader{
		{Key: "ce_specversion", Value: []byte("1.0")},
		{Key: "ce_id", Value: []byte(hex.EncodeToString(id[:]))},
		{Key: "ce_type", Value: []byte("com.weirhq.weir.change.v1")},
		{Key: "ce_source", Value: []byte("weir/" + e.Host)},
		{Key: "ce_subject", Value: []byte(e.Subject)},
		{Key: "ce_time", Value: []byte(e.Time.Format(time.RFC3339Nano))},
		{Key: "content-type", Value: []byte("application/json")},
	}}
	if err := cl.ProduceSync(ctx, r).FirstErr(); err != nil {
		return fmt.Errorf("write audit entry to topic %s: %w", l.Topic, err)
	}
	return nil
}
