package catalog

import (
	"strconv"
	"strings"
)

func (b *builder) errorTopics(op *Operation, k *Node) *ErrorTopics {
	var et *ErrorTopics
	native, retry := k.Get("errorTopic"), k.Get("retryTopic")
	if native != nil || retry != nil {
		at := native
		if at == nil {
			at = retry
		}
		et = &ErrorTopics{Origin: OriginNative, Key: at.Key, At: at.Pos()}
		et.DLT = b.errorTopic(op, native, "", 0)
		if r := b.errorTopic(op, retry, "", 0); r != nil {
			et.Retry = append(et.Retry, r)
		}
		return et
	}
	o := OriginExtension
	x := b.get(k, "x-error-topics")
	if x == nil {
		x = b.get(op.node, "x-error-topics")
	}
	if x == nil {
		o, x = OriginAlias, b.get(k, "error-topics")
	}
	if x == nil {
		return nil
	}
	et = &ErrorTopics{Origin: o, Key: cmpOr(x.Key, "x-error-topics"), At: x.Pos()}
	top := x.Get("addressTemplate").Text()
	dlq := b.get(x, "dlq")
	if dlq == nil {
		dlq = b.get(x, "dlt")
	}
	if dlq != nil || top != "" && x.Get("dlq") == nil {
		et.DLT = b.errorTopic(op, dlq, expand(top, op, "dlq", 0), 0)
		if et.DLT != nil && et.DLT.At.IsZero() {
			et.DLT.At = x.Pos()
		}
	}
	r := b.get(x, "retry")
	count := 0
	tmpl := top
	for _, c := range [...]*Node{x.Get("retryTopics"), r.Get("count")} {
		if i, ok := wholeNumber(scalarText(c)); ok && i > 0 && i <= 100 {
			count = int(i)
		}
	}
	if t := r.Get("addressTemplate").Text(); t != "" {
		tmpl = t
	}
	for i := range count {
		if name := expand(tmpl, op, "retry-"+strconv.Itoa(i), i); name != "" {
			if t := b.errorTopic(op, r, name, i); t != nil {
				et.Retry = append(et.Retry, t)
			}
		}
	}
	for i, t := range r.Get("topics").Children() {
		if rt := b.errorTopic(op, b.st.deref(t), "", i); rt != nil {
			et.Retry = append(et.Retry, rt)
		}
	}
	if count == 0 && r.Get("topic") != nil || r != nil && r.Kind == String {
		if t := b.errorTopic(op, r, "", 0); t != nil {
			et.Retry = append(et.Retry, t)
		}
	}
	return et
}

// expand fills the variables of an address template; one that cannot be filled gives
// no name.
func expand(tmpl string, op *Operation, suffix string, n int) string {
	if tmpl == "" {
		return ""
	}
	group, _ := op.Group.V.Literal()
	addr := ""
	if op.Channel != nil {
		addr = op.Channel.Name()
	}
	s := strings.NewReplacer("${groupId}", group, "${n}", strconv.Itoa(n), "${suffix}", suffix,
		"${channel.address}", addr, "${channel}", addr).Replace(tmpl)
	if strings.Contains(s, "${") || strings.Contains(tmpl, "${groupId}") && group == "" {
		return ""
	}
	return s
}

func (b *builder) errorTopic(op *Operation, n *Node, name string, i int) *ErrorTopic {
	t := &ErrorTopic{Topic: name, Owner: op.Owner}
	if n != nil {
		t.At = n.Pos()
		switch {
		case n.Kind == String:
			t.Topic = n.Value
		case n.Get("topic").Text() != "":
			t.Topic = n.Get("topic").Text()
			t.At = n.Get("topic").Pos()
		case name == "":
			t.Topic = expand(cmpOr(n.Get("addressTemplate").Text(), n.Get("address").Text()), op, "dlq", i)
		}
		sub := subjectOf("operation", op.ID)
		t.Partitions = b.count(n.Get("partitions"), OriginExtension, sub)
		t.Replicas = b.count(n.Get("replicas"), OriginExtension, sub)
		t.TopicConfig = b.config(nil, n.Get("topicConfiguration"), OriginExtension, sub)
	}
	if t.Topic == "" {
		return nil
	}
	return t
}
