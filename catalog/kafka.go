package catalog

import (
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/weirhq/weir/finding"
)

// originAt corrects an origin by the file that a value comes from: what an overlay
// says is an overlay's.
func (b *builder) originAt(n *Node, o Origin) Origin {
	if n != nil && len(b.l.overlays) > 0 && b.l.overlays[n.fileName()] {
		return OriginOverlay
	}
	return o
}

func (b *builder) count(n *Node, o Origin, subject finding.Subject) Value[int] {
	if n == nil {
		return Value[int]{}
	}
	v := Value[int]{Origin: b.originAt(n, o), Key: n.Key, At: n.Pos()}
	text := n.Value
	if n.Kind == String {
		text = strings.TrimSpace(text)
	}
	i, ok := wholeNumber(text)
	if (n.Kind != Number && n.Kind != String) || !ok || i < 1 || i > math.MaxInt32 {
		return Value[int]{} // the schema check reports it
	}
	if n.Kind == String && b.doc.file.major == 2 {
		b.report("kafka/loose-value", n, subject, quote(n.Key)+" is the string "+quote(n.Value)+", read as the number",
			"write "+n.Key+": "+strconv.FormatInt(i, 10))
	}
	v.V = int(i)
	return v
}

// wholeNumber reads 12, 12.0 and 8.64e+07.
func wholeNumber(s string) (int64, bool) {
	if i, err := strconv.ParseInt(s, 10, 64); err == nil {
		return i, true
	}
	if len(s) > 40 {
		return 0, false
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok || !r.IsInt() || !r.Num().IsInt64() {
		return 0, false
	}
	return r.Num().Int64(), true
}

// configValue is one topic setting as the broker spells it.
func (b *builder) configValue(n *Node, o Origin, subject finding.Subject) (Value[string], bool) {
	v := Value[string]{Origin: b.originAt(n, o), Key: n.Key, At: n.Pos()}
	switch n.Kind {
	case List:
		var parts []string
		for _, k := range n.kids {
			parts = append(parts, scalarText(k))
		}
		slices.Sort(parts)
		v.V = strings.Join(slices.Compact(parts), ",")
	case Number:
		v.V = n.Value
		if i, ok := wholeNumber(n.Value); ok {
			v.V = strconv.FormatInt(i, 10)
			if v.V != n.Value && b.doc.file.major == 2 {
				b.report("kafka/loose-value", n, subject, quote(n.Key)+" is written "+n.Value+", read as "+v.V, "write the whole number")
			}
		}
	case Bool:
		v.V = n.Value
	case String:
		v.V = n.Value
		if n.Key == "cleanup.policy" {
			parts := strings.FieldsFunc(n.Value, func(r rune) bool { return r == ',' || r == ' ' })
			slices.Sort(parts)
			v.V = strings.Join(slices.Compact(parts), ",")
			if b.doc.file.major == 2 && n.parent != nil && n.parent.Key == "topicConfiguration" {
				b.report("kafka/loose-value", n, subject, "cleanup.policy is a string, the binding takes a list", "write cleanup.policy: ["+strings.Join(parts, ", ")+"]")
			}
		}
	default:
		return v, false
	}
	return v, true
}

func (b *builder) config(dst map[string]Value[string], n *Node, o Origin, subject finding.Subject) map[string]Value[string] {
	for _, k := range n.Children() {
		if k.Key == "" || strings.HasPrefix(k.Key, "x-") {
			continue
		}
		if _, have := dst[k.Key]; have {
			continue
		}
		if v, ok := b.configValue(k, o, subject); ok {
			if dst == nil {
				dst = map[string]Value[string]{}
			}
			dst[k.Key] = v
		}
	}
	return dst
}

func (b *builder) channelKafka(ch *Channel) {
	k := b.kafkaBinding(ch.node)
	sub := subjectOf("channel", ch.Name())
	ch.Partitions = first(b.count(k.Get("partitions"), OriginNative, sub),
		b.count(k.Get("x-partitions"), OriginAlias, sub), b.count(ch.node.Get("x-partitions"), OriginAlias, sub))
	ch.Replicas = first(b.count(k.Get("replicas"), OriginNative, sub),
		b.count(k.Get("x-replicas"), OriginAlias, sub), b.count(ch.node.Get("x-replicas"), OriginAlias, sub))
	ch.TopicConfig = b.config(nil, b.get(k, "topicConfiguration"), OriginNative, sub)
	for _, alias := range [...]string{"x-configs", "configs"} {
		for _, n := range [...]*Node{k, ch.node} {
			if c := n.Get(alias); c != nil {
				ch.TopicConfig = b.config(ch.TopicConfig, c, OriginAlias, sub)
			}
		}
	}
	for _, key := range [...]string{"envServerOverrides", "x-env-server-overrides", "env-server-overrides"} {
		o := k.Get(key)
		if o == nil {
			o = ch.node.Get(key)
		}
		if o == nil {
			continue
		}
		for _, e := range o.Children() {
			ch.Overrides = append(ch.Overrides, b.override(e, sub))
		}
		break
	}
	if len(ch.Overrides) > 0 {
		return
	}
	for _, e := range ch.node.Get("x-configurations").Children() {
		k := e.Get("kafka")
		if k == nil {
			continue
		}
		o := b.override(k, sub)
		o.Server, o.At = e.Key, e.KeyPos()
		fold := strings.NewReplacer(".", "-")
		for _, s := range b.app.Servers {
			if fold.Replace(s.Key) == fold.Replace(e.Key) {
				o.Server = s.Key
			}
		}
		ch.Overrides = append(ch.Overrides, o)
	}
}

func (b *builder) override(e *Node, sub finding.Subject) EnvOverride {
	o := EnvOverride{Server: e.Key, At: e.KeyPos()}
	o.Partitions = b.count(e.Get("partitions"), OriginOverride, sub)
	o.Replicas = b.count(e.Get("replicas"), OriginOverride, sub)
	o.TopicConfig = b.config(nil, e.Get("topicConfiguration"), OriginOverride, sub)
	return o
}
