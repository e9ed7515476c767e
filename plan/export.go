package plan

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
	"go.yaml.in/yaml/v4"

	"github.com/weirhq/weir/cluster"
)

// Export is a cluster written as AsyncAPI documents.
type Export struct {
	// Files by path, slash-separated.
	Files map[string][]byte `json:"-"`
	// Topics, Roles and Remainder count what was written and what could not be mapped.
	Topics int `json:"topics"`
	Roles  int `json:"roles"`
	// Remainder are rows that no role stands for: they are listed, never dropped.
	Remainder []cluster.ACLRow `json:"remainder"`
	Notes     []string         `json:"notes"`
}

// ExportOf reads a cluster and writes it down as a catalog: topics with their own
// settings, roles from rights and groups. Planning the result against the same
// cluster shows no change.
func ExportOf(ctx context.Context, conn *cluster.Conn, scope Scope) (*Export, error) {
	list, err := conn.Topics(ctx, cluster.TopicsQuery{})
	if err != nil {
		return nil, err
	}
	if err := list.Err(); err != nil {
		return nil, err
	}
	var topics []cluster.Topic
	var names []string
	for i := range list.Topics {
		if t := list.Topics[i]; t.ErrorName == nil && scope.Contains(t.Name) {
			topics, names = append(topics, t), append(names, t.Name)
		}
	}
	configs := map[string]cluster.ConfigSet{}
	if len(names) > 0 {
		sets, err := conn.TopicConfigs(ctx, names)
		if err != nil {
			return nil, err
		}
		for _, s := range sets {
			configs[s.Topic] = s
		}
	}
	e := &Export{Files: map[string][]byte{}, Topics: len(topics), Remainder: []cluster.ACLRow{}, Notes: []string{}}
	if list.Scope.Complete == nil || !*list.Scope.Complete {
		e.Notes = append(e.Notes, "topics may be missing: "+list.Scope.Reason)
	}
	rows, err := conn.ACLs(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil, err
		}
		e.Notes = append(e.Notes, "no roles: "+err.Error())
	}
	if err := e.topicsFile(topics, configs); err != nil {
		return nil, err
	}
	return e, e.roles(rows, names)
}

const topicsFile = "topics.yaml"

func (e *Export) topicsFile(topics []cluster.Topic, configs map[string]cluster.ConfigSet) error {
	channels := newMap()
	for i := range topics {
		t := &topics[i]
		binding := newMap()
		binding.put("partitions", len(t.Partitions))
		binding.put("replicas", fewestReplicas(t))
		own := newMap()
		for _, c := range configs[t.Name].Configs {
			if c.Own() && c.Value != nil && !strings.HasSuffix(c.Name, ".replication.throttled.replicas") {
				own.put(c.Name, configValue(c.Name, *c.Value))
			}
		}
		if set := configs[t.Name]; set.ErrorName != nil {
			e.Notes = append(e.Notes, fmt.Sprintf("topic %s: its settings could not be read (%s)", t.Name, *set.ErrorName))
		}
		if own.len() > 0 {
			binding.put("topicConfiguration", own)
		}
		binding.put("bindingVersion", "0.5.0")
		ch := newMap()
		ch.put("address", t.Name)
		ch.put("bindings", wrap("kafka", binding))
		channels.put(t.Name, ch)
	}
	doc := document("Topics", "The topics of the cluster, with the settings that are their own.")
	doc.put("channels", channels)
	return e.write(topicsFile, doc)
}

func fewestReplicas(t *cluster.Topic) int {
	least := 0
	for i := range t.Partitions {
		if n := len(t.Partitions[i].Replicas); i == 0 || n < least {
			least = n
		}
	}
	return least
}

// configValue writes numbers and booleans as such, and cleanup.policy as the list
// that the Kafka binding wants.
func configValue(key, value string) any {
	if key == cleanupPolicy {
		return policies(value)
	}
	if n, err := strconv.ParseInt(value, 10, 64); err == nil {
		return n
	}
	if value == "true" || value == "false" {
		return value == "true"
	}
	return value
}

// roles turns rights into operations, one document a principal: WRITE on a topic is
// send, READ on a topic with READ on a group is receive. Everything else is kept in
// the remainder.
func (e *Export) roles(rows []cluster.ACLRow, topics []string) error {
	known := map[string]bool{}
	for _, t := range topics {
		known[t] = true
	}
	byPrincipal := map[string]*grants{}
	at := func(p string) *grants {
		if byPrincipal[p] == nil {
			byPrincipal[p] = &grants{}
		}
		return byPrincipal[p]
	}
	for _, r := range rows {
		plain := r.Permission == kmsg.ACLPermissionTypeAllow && r.Host == cluster.AnyHost && strings.HasPrefix(r.Principal, "User:") && r.Principal != cluster.EveryUser
		literal := r.PatternType == kmsg.ACLResourcePatternTypeLiteral && r.ResourceName != cluster.AnyName
		switch {
		case literal && r.ResourceType == kmsg.ACLResourceTypeTransactionalId && strings.HasSuffix(r.ResourceName, "*"):
			// In a document the star says that the name is a prefix.
			e.Remainder = append(e.Remainder, r)
		case plain && literal && r.ResourceType == kmsg.ACLResourceTypeTopic && r.Operation == kmsg.ACLOperationWrite && known[r.ResourceName]:
			at(r.Principal).writes = append(at(r.Principal).writes, r.ResourceName)
		case plain && literal && r.ResourceType == kmsg.ACLResourceTypeTopic && r.Operation == kmsg.ACLOperationRead && known[r.ResourceName]:
			at(r.Principal).reads = append(at(r.Principal).reads, r.ResourceName)
		case plain && literal && r.ResourceType == kmsg.ACLResourceTypeGroup && r.Operation == kmsg.ACLOperationRead:
			at(r.Principal).groups = append(at(r.Principal).groups, r)
		case plain && r.ResourceType == kmsg.ACLResourceTypeTransactionalId && r.Operation == kmsg.ACLOperationWrite && (literal || r.PatternType == kmsg.ACLResourcePatternTypePrefixed):
			at(r.Principal).txns = append(at(r.Principal).txns, r)
		default:
			e.Remainder = append(e.Remainder, r)
		}
	}
	used := map[string]bool{topicsFile: true}
	for _, p := range slices.Sorted(maps.Keys(byPrincipal)) {
		if err := e.application(p, byPrincipal[p], used); err != nil {
			return err
		}
	}
	slices.SortFunc(e.Remainder, cluster.ACLRow.Compare)
	return nil
}

type grants struct {
	writes, reads []string
	groups, txns  []cluster.ACLRow
}

func (e *Export) application(principal string, g *grants, used map[string]bool) error {
	if len(g.reads) == 0 {
		e.Remainder = append(e.Remainder, g.groups...)
		g.groups = nil
	}
	if len(g.writes) == 0 {
		e.Remainder = append(e.Remainder, g.txns...)
		g.txns = nil
	}
	if len(g.writes)+len(g.reads) == 0 {
		return nil
	}
	channels, operations := newMap(), newMap()
	use := func(topic string) *ymap {
		channels.put(topic, wrap("$ref", topicsFile+"#/channels/"+pointerToken(topic)))
		return wrap("$ref", "#/channels/"+pointerToken(topic))
	}
	add := func(id, action, topic string, binding *ymap) {
		binding.put("x-principal", principal)
		binding.put("bindingVersion", "0.5.0")
		op := newMap()
		op.put("action", action)
		op.put("channel", use(topic))
		op.put("bindings", wrap("kafka", binding))
		operations.put(id, op)
		e.Roles++
	}
	// Every group and every transactional id must appear once at least, or its right
	// would be lost: the lists are walked together, the shorter one over again.
	for i := range max(len(g.writes), len(g.txns)) {
		topic, b := g.writes[i%len(g.writes)], newMap()
		if i < len(g.txns) {
			id := g.txns[i].ResourceName
			if g.txns[i].PatternType == kmsg.ACLResourcePatternTypePrefixed {
				id += "*"
			}
			b.put("x-transactional-id", id)
		}
		add(fmt.Sprintf("send-%d", i+1), "send", topic, b)
	}
	for i := range max(len(g.reads), len(g.groups)) {
		if len(g.reads) == 0 {
			break
		}
		topic, b := g.reads[i%len(g.reads)], newMap()
		if len(g.groups) > 0 {
			group := newMap()
			group.put("type", "string")
			group.put("const", g.groups[i%len(g.groups)].ResourceName)
			b.put("groupId", group)
		}
		add(fmt.Sprintf("receive-%d", i+1), "receive", topic, b)
	}
	if len(g.reads) > 1 && len(g.groups) > 1 {
		e.Notes = append(e.Notes, principal+" may read several topics in several groups: which group reads which topic is a guess")
	}
	name := strings.TrimPrefix(principal, "User:")
	doc := document(name, "What "+principal+" may do, from its rights.")
	doc.put("channels", channels)
	doc.put("operations", operations)
	return e.write(uniqueFile(name, used), doc)
}

// uniqueFile turns a principal into a file name; a distinguished name keeps what a
// file system allows.
func uniqueFile(name string, used map[string]bool) string {
	base := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '-' || r == '_' {
			return r
		}
		return '_'
	}, name)
	base = cmp.Or(strings.Trim(base, "."), "principal")
	file := "app-" + base + ".yaml"
	for i := 2; used[strings.ToLower(file)]; i++ {
		file = fmt.Sprintf("app-%s-%d.yaml", base, i)
	}
	used[strings.ToLower(file)] = true
	return file
}

func pointerToken(s string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(s)
}

func document(title, description string) *ymap {
	info := newMap()
	info.put("title", title)
	info.put("version", "1.0.0")
	info.put("description", description)
	doc := newMap()
	doc.put("asyncapi", "3.0.0")
	doc.put("info", info)
	return doc
}

func (e *Export) write(name string, doc *ymap) error {
	b, err := yaml.Marshal(doc.node)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	e.Files[name] = b
	return nil
}

// ymap is a YAML mapping that keeps the order in which keys were put.
type ymap struct{ node *yaml.Node }

func newMap() *ymap { return &ymap{&yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}} }

func wrap(key string, value any) *ymap {
	m := newMap()
	m.put(key, value)
	return m
}

func (m *ymap) len() int { return len(m.node.Content) / 2 }

func (m *ymap) put(key string, value any) {
	for i := 0; i < len(m.node.Content); i += 2 {
		if m.node.Content[i].Value == key {
			return
		}
	}
	k, v := &yaml.Node{}, &yaml.Node{}
	k.SetString(key)
	switch x := value.(type) {
	case *ymap:
		v = x.node
	case string:
		v.SetString(x)
	case []string:
		v = &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Style: yaml.FlowStyle}
		for _, s := range x {
			item := &yaml.Node{}
			item.SetString(s)
			v.Content = append(v.Content, item)
		}
	default:
		_ = v.Encode(value) // numbers and booleans always encode
	}
	m.node.Content = append(m.node.Content, k, v)
}
