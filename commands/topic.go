package commands

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/cluster"
)

func newTopic(d *Deps) *cobra.Command {
	return noun(d, "topic", "List, describe and change topics", Govern, []string{"topics", "t"},
		newTopicList,
		newTopicDescribe,
		newTopicCreate,
		newTopicAlter,
		newTopicDelete,
		newTopicPurge,
		newTopicRead,
	)
}

// topicsToChange reads the topics that names select, on a cluster that may be written to. A
// dry run needs that too: it is the writing request that the brokers are asked to judge.
func topicsToChange(ctx context.Context, conn *cluster.Conn, op string, names []string, regex bool) ([]cluster.Topic, error) {
	if err := conn.Writable(op, joinComma(names)); err != nil {
		return nil, err
	}
	return conn.SelectTopics(ctx, op, names, regex)
}

// topicsToLose are those where records are to be lost. It refuses Kafka's own topics, which
// the embedded broker would allow, and those that this user may not delete from. A dry run
// only reads: a read-only profile may look.
func topicsToLose(ctx context.Context, conn *cluster.Conn, op string, names []string, regex, dryRun bool) ([]cluster.Topic, error) {
	if !dryRun {
		if err := conn.Writable(op, joinComma(names)); err != nil {
			return nil, err
		}
	}
	topics, err := conn.SelectTopics(ctx, op, names, regex)
	if err != nil {
		return nil, err
	}
	for i := range topics {
		t := &topics[i]
		if t.Internal || cluster.IsInternalTopic(t.Name) {
			return nil, usage("", "%s %s: it is one of Kafka's own topics", op, t.Name)
		}
		if err := t.May(op, "DELETE"); err != nil {
			return nil, err
		}
	}
	return topics, nil
}

// settingError says how a setting that weir does not know may pass.
func settingError(err error) error {
	if err == nil {
		return nil
	}
	if _, unknown := errors.AsType[*cluster.UnknownConfigError](err); unknown {
		return usage("--allow-unknown-config leaves it to the broker", "%w", err)
	}
	return usage("", "%w", err)
}

// firstOfMany is what the broker said about the first topic it refused, or nil. Nothing was
// done yet, so the others are only counted.
func firstOfMany(refusals []error) error {
	switch len(refusals) {
	case 0:
		return nil
	case 1:
		return refusals[0]
	}
	return fmt.Errorf("%w (and %d more refused; nothing was changed)", refusals[0], len(refusals)-1)
}

// outcome is the failure that the audit log notes of one topic: without an answer to the
// request, lost, it may be done or not.
func outcome(lost error, refusal *string) error {
	if refusal != nil {
		return errors.New(*refusal)
	}
	return lost
}
