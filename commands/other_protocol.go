package commands

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/weirhq/weir/catalog"
	"github.com/weirhq/weir/cluster"
)

// noSuchTopic is what brokers answer about a name that is none of their topics. Many
// addresses of other protocols are no names that Kafka takes.
var noSuchTopic = []*kerr.Error{kerr.UnknownTopicOrPartition, kerr.InvalidTopicException}

// OtherProtocol looks at the error that ended a command. Where the cluster has no such
// topic and the catalog knows the name as a channel of another protocol, that is the
// answer; any other error stays as it is.
func (d *Deps) OtherProtocol(ctx context.Context, err error) error {
	if absentTopic(err) == nil {
		return err
	}
	return orOtherProtocol(d.quietCatalog(ctx), err)
}

func orOtherProtocol(cat *catalog.Catalog, err error) error {
	e := absentTopic(err)
	if e == nil || cat == nil {
		return err
	}
	ch := cat.OtherProtocol(e.What)
	if ch == nil {
		return err
	}
	return &Error{
		code: NotFound, subject: e.What, err: fmt.Errorf("%s %s: %s", e.Op, e.What, ch.NotLive()),
		hint: "the catalog names no such topic but this channel: weir catalog show " + e.What,
	}
}

// absentTopic is the cluster's word that a topic does not exist, or nil.
func absentTopic(err error) *cluster.Error {
	e, ok := errors.AsType[*cluster.Error](err)
	if !ok || !slices.ContainsFunc(noSuchTopic, func(k *kerr.Error) bool { return errors.Is(e, k) }) {
		return nil
	}
	return e
}
