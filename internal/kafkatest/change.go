package kafkatest

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func (k *call) admin() (*kadm.Client, context.Context, context.CancelFunc, error) {
	adm, err := k.cluster.adminClient()
	if err != nil {
		return nil, nil, nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	return adm, ctx, cancel, nil
}

// delete ends when the names are free again and no broker shows them: both take a while after the answer.
func (k *call) delete() error {
	adm, ctx, cancel, err := k.admin()
	if err != nil {
		return err
	}
	defer cancel()
	r, err := adm.DeleteTopics(ctx, k.args...)
	if err := cmp.Or(err, r.Error()); err != nil {
		return err
	}
	return wait("the names of deleted topics", func(ctx context.Context) (bool, error) {
		rs, err := adm.ValidateCreateTopics(ctx, 1, 1, nil, k.args...)
		if err != nil {
			return false, err
		}
		for _, r := range rs {
			if errors.Is(r.Err, kerr.TopicAlreadyExists) {
				return false, nil
			}
		}
		topics, err := adm.ListTopics(ctx, k.args...) // which the controller does not answer
		return err == nil && !slices.ContainsFunc(topics.Sorted(), func(t kadm.TopicDetail) bool {
			return !errors.Is(t.Err, kerr.UnknownTopicOrPartition)
		}), err
	})
}

func (k *call) config() error {
	if len(k.args) < 2 {
		return errUsage
	}
	adm, ctx, cancel, err := k.admin()
	if err != nil {
		return err
	}
	defer cancel()
	var changes []kadm.AlterConfig
	for _, kv := range k.args[1:] {
		name, value, ok := strings.Cut(kv, "=")
		if !ok {
			return errUsage
		}
		changes = append(changes, kadm.AlterConfig{Op: kadm.SetConfig, Name: name, Value: &value})
	}
	rs, err := adm.AlterTopicConfigs(ctx, changes, k.args[0])
	if err != nil {
		return err
	}
	for _, r := range rs {
		if r.Err != nil {
			return fmt.Errorf("%w (%s)", r.Err, r.ErrMessage)
		}
	}
	return nil
}

// acl grants or denies one operation on one resource; a name that ends in * is a
// prefix, unless it is * alone.
func (k *call) acl() error {
	if len(k.args) != 4 {
		return errUsage
	}
	_, ctx, cancel, err := k.admin()
	if err != nil {
		return err
	}
	defer cancel()
	a := kmsg.NewCreateACLsRequestCreation()
	a.Principal, a.Host = k.args[1], "*"
	switch k.args[0] {
	case "allow":
		a.PermissionType = kmsg.ACLPermissionTypeAllow
	case "deny":
		a.PermissionType = kmsg.ACLPermissionTypeDeny
	default:
		return errUsage
	}
	if a.Operation, err = kmsg.ParseACLOperation(k.args[2]); err != nil {
		return err
	}
	kind, name, ok := strings.Cut(k.args[3], ":")
	if !ok {
		return errUsage
	}
	types := map[string]kmsg.ACLResourceType{
		"topic":   kmsg.ACLResourceTypeTopic,
		"group":   kmsg.ACLResourceTypeGroup,
		"cluster": kmsg.ACLResourceTypeCluster,
		"txn":     kmsg.ACLResourceTypeTransactionalId,
	}
	if a.ResourceType, ok = types[kind]; !ok {
		return fmt.Errorf("unknown resource type %q", kind)
	}
	a.ResourceName, a.ResourcePatternType = name, kmsg.ACLResourcePatternTypeLiteral
	if prefix, cut := strings.CutSuffix(name, "*"); cut && prefix != "" {
		a.ResourceName, a.ResourcePatternType = prefix, kmsg.ACLResourcePatternTypePrefixed
	}
	req := kmsg.NewPtrCreateACLsRequest()
	req.Creations = append(req.Creations, a)
	resp, err := req.RequestWith(ctx, k.cluster.client)
	if err != nil {
		return err
	}
	for _, r := range resp.Results {
		if err := kerr.ErrorForCode(r.ErrorCode); err != nil {
			return err
		}
	}
	k.cluster.granted = append(k.cluster.granted, a)
	return nil
}

// fault makes the embedded broker answer requests with an error.
func (k *call) fault() error {
	var f kfake.Fault
	args, err := k.flags(func(fs *flag.FlagSet) {
		fs.BoolVar(&f.TopLevel, "top", false, "")
		fs.StringVar(&f.Topic, "topic", "", "")
		fs.StringVar(&f.Group, "group", "", "")
		fs.IntVar(&f.Count, "n", -1, "")
	})
	if err != nil {
		return err
	}
	if len(args) != 2 {
		return errUsage
	}
	if k.cluster.embedded == nil {
		return errors.New("faults need the embedded broker: put [kfake] before the line")
	}
	for _, key := range requestKeys(args[0]) {
		f.Keys = append(f.Keys, kmsg.Key(key))
	}
	if len(f.Keys) == 0 {
		return fmt.Errorf("unknown request %q", args[0])
	}
	for code := range int16(200) {
		if e := kerr.TypedErrorForCode(code); e != nil && strings.EqualFold(e.Message, args[1]) {
			f.Err = e
		}
	}
	if f.Err == nil {
		return fmt.Errorf("unknown Kafka error %q", args[1])
	}
	k.cluster.embedded.Cluster().Fault(f)
	return nil
}

// requestKeys are the keys of the requests of that name, in any case.
func requestKeys(name string) []int16 {
	var keys []int16
	for key := range int16(kmsg.MaxKey + 1) {
		if strings.EqualFold(kmsg.NameForKey(key), name) {
			keys = append(keys, key)
		}
	}
	return keys
}
