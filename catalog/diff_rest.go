package catalog

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/weirhq/weir/finding"
)

// told are the fields of an object that are compared by what they mean. A nil value
// stands for all of a field, another one for some of its own fields.
type told map[string]told

var (
	toldOwner     = told{"team": nil}
	toldLifecycle = told{"state": nil, "sunset": nil, "replacedBy": nil}

	toldDocument = told{
		"id": nil, "info": {"title": nil, "version": nil, "description": nil, "x-owner": toldOwner}, "servers": nil, "channels": nil,
		"operations": nil, "components": nil, "x-owner": toldOwner, "x-system": nil,
	}
	toldServer  = told{"host": nil, "pathname": nil, "url": nil, "protocol": nil}
	toldChannel = told{
		"address": nil, "title": nil, "description": nil, "tags": nil, "servers": nil, "messages": nil, "publish": nil, "subscribe": nil,
		"x-owner": toldOwner, "x-lifecycle": toldLifecycle, "x-classification": nil, "x-compatibility": nil, "x-visibility": nil, "x-managed": nil,
		"bindings": {"kafka": {"topic": nil, "partitions": nil, "replicas": nil, "topicConfiguration": nil, "x-compatibility": nil}},
	}
	toldOperation = told{
		"action": nil, "channel": nil, "messages": nil, "message": nil, "operationId": nil, "summary": nil, "description": nil, "traits": nil,
		"reply": {"channel": nil, "messages": nil, "address": {"location": nil}},
		"bindings": {"kafka": {
			"groupId": nil, "clientId": nil, "principal": nil, "x-principal": nil, "transactional": nil, "x-transactional": nil,
			"isolationLevel": nil, "x-isolationLevel": nil,
		}},
	}
	toldMessage = told{
		"messageId": nil, "name": nil, "title": nil, "summary": nil, "description": nil, "tags": nil, "examples": nil, "traits": nil,
		"payload": nil, "headers": nil, "schemaFormat": nil, "contentType": nil, "correlationId": {"location": nil},
		"x-lifecycle": toldLifecycle, "x-classification": nil, "x-compatibility": nil,
		"bindings": {"kafka": {"key": nil, "x-compatibility": nil, "compatibility": nil}},
	}
)

// rest compares the fields of an object that nothing else compares, by their text.
func (d *differ) rest(sub finding.Subject, a, b *Node, t told, who []Affected) {
	d.restOf(sub, "", a, b, t, who)
}

func (d *differ) restOf(sub finding.Subject, at string, a, b *Node, t told, who []Affected) {
	a, b = d.old.store.deref(a), d.new.store.deref(b)
	keys := map[string]bool{}
	for _, n := range [...]*Node{a, b} {
		if n != nil && n.Kind == Map {
			for _, k := range n.kids {
				keys[k.Key] = true
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		inner, known := t[key]
		if known && inner == nil || strings.HasPrefix(key, "x-parser-") {
			continue
		}
		p := pathJoin(at, key)
		x, y := d.old.store.deref(a.Get(key)), d.new.store.deref(b.Get(key))
		maps := x != nil && y != nil && x.Kind == Map && y.Kind == Map
		switch {
		case maps, known && (x == nil || x.Kind == Map) && (y == nil || y.Kind == Map):
			d.restOf(sub, p, x, y, inner, who)
		case known: // a short form, such as the bare team of x-owner
		default:
			d.restField(sub, p, d.textOf(d.old.store, x), d.textOf(d.new.store, y), who)
		}
	}
}

func (d *differ) restField(sub finding.Subject, path string, a, b fact, who []Affected) {
	class := ChangeOperational
	switch key := path[strings.LastIndexByte(path, '.')+1:]; {
	case strings.HasPrefix(path, "x-"):
		class = ChangeGovernance
	case key == "schemaIdLocation", key == "schemaIdPayloadEncoding", key == "schemaLookupStrategy", key == "schemaRegistryUrl", key == "defaultContentType":
		class = ChangeConsumers
	case key == "asyncapi", key == "title", key == "summary", key == "description", key == "tags", strings.HasPrefix(path, "info."), strings.Contains(path, "externalDocs"):
		class = ChangeDocumentation
	case key == "deprecated":
		class = ChangeGovernance
	}
	if !class.Breaking() {
		who = nil
	}
	d.compare(sub, path, a, b, class, who)
}

// textOf is a value as JSON on one line, references in it followed; a scalar is itself.
func (*differ) textOf(st *store, n *Node) fact {
	if n == nil {
		return fact{}
	}
	f := fact{v: n.Value, at: n.KeyPos(), known: true}
	if n.Kind == Map || n.Kind == List {
		var w jsonWriter
		inlined(&w, st, n, 0)
		f.v = w.b.String()
	}
	return f
}

func inlined(w *jsonWriter, st *store, n *Node, depth int) {
	if t := st.deref(n); t != nil && depth < 20 && w.b.Len() < 64<<10 {
		n = t
	} else {
		plain(w, n, false, false)
		return
	}
	open, end := byte('['), byte(']')
	kids := slices.Clone(n.kids)
	switch n.Kind {
	case Map:
		open, end = '{', '}'
		slices.SortFunc(kids, func(a, b *Node) int { return cmp.Compare(a.Key, b.Key) })
	case List:
	default:
		w.scalar(n)
		return
	}
	w.b.WriteByte(open)
	for i, k := range kids {
		if i > 0 {
			w.b.WriteByte(',')
		}
		if n.Kind == Map {
			w.str(k.Key)
			w.b.WriteByte(':')
		}
		inlined(w, st, k, depth+1)
	}
	w.b.WriteByte(end)
}

// unseen tells of documents that differ although nothing that is compared does: the
// second of two documents on one topic, or a component that nothing uses.
func (d *differ) unseen(pairs [][2]*Application) {
	if len(d.changes) > 0 {
		return
	}
	for _, p := range pairs {
		if !bytes.Equal(contents(p[0].node), contents(p[1].node)) {
			d.add(Change{
				Class: ChangeDocumentation, Subject: subjectOf("application", p[1].Name()), Message: "document changed where nothing is compared",
				OldAt: p[0].At, NewAt: p[1].At,
			})
		}
	}
}

// contents is a document without its version.
func contents(root *Node) []byte {
	w := jsonWriter{}
	for _, k := range slices.SortedFunc(slices.Values(root.Children()), func(a, b *Node) int { return cmp.Compare(a.Key, b.Key) }) {
		if strings.HasPrefix(k.Key, "x-parser-") {
			continue
		}
		w.str(k.Key)
		if k.Key != "info" {
			plain(&w, k, false, false)
			continue
		}
		for _, f := range slices.SortedFunc(slices.Values(k.Children()), func(a, b *Node) int { return cmp.Compare(a.Key, b.Key) }) {
			if f.Key != "version" {
				w.str(f.Key)
				plain(&w, f, false, false)
			}
		}
	}
	return w.b.Bytes()
}
