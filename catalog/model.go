package catalog

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/weirhq/weir/finding"
)

// Origin says where a value comes from, strongest first in [Channel] and friends:
// native fields beat extensions, extensions beat aliases, aliases beat tags.
type Origin string

// The origins. The empty origin means that the value is not known.
const (
	OriginNative    Origin = "native"     // a field of the specification or of a binding
	OriginExtension Origin = "extension"  // a key of weir's own, x-owner and so on
	OriginAlias     Origin = "alias"      // another tool's spelling of it
	OriginTag       Origin = "tag"        // a tag such as owner:team-a
	OriginOverride  Origin = "override"   // x-env-server-overrides of the selected environment
	OriginOverlay   Origin = "overlay"    // an overlay file of the selected environment
	OriginContact   Origin = "contact"    // info.contact.name
	OriginOwners    Origin = "codeowners" // a line of CODEOWNERS
	OriginInherited Origin = "inherited"  // from the object around it
	OriginDerived   Origin = "derived"    // computed from other declared values
	OriginDefault   Origin = "default"    // configuration, or weir's own default
)

// Value is a declared value with its origin and place. The zero Value is unknown,
// which is not the same as empty.
type Value[T any] struct {
	V      T                `json:"value"`
	Origin Origin           `json:"origin,omitempty"`
	Key    string           `json:"key,omitempty"` // as written, "x-owner" or "tag owner:"
	At     finding.Position `json:"at,omitzero"`
}

// Known reports whether the value was declared or has a default.
func (v Value[T]) Known() bool { return v.Origin != "" }

// Or returns v if it is known, else w.
func (v Value[T]) Or(w Value[T]) Value[T] {
	if v.Known() {
		return v
	}
	return w
}

// Identity names a node of the catalog whatever road led to it: the file, relative
// to the root, and the JSON pointer inside it after following every reference.
type Identity struct {
	File    string `json:"file"`
	Pointer string `json:"pointer"`
}

func (id Identity) String() string { return id.File + "#" + id.Pointer }

// Application is one AsyncAPI document.
type Application struct {
	Title       string
	ID          string // the URN under id, or empty
	Version     string // info.version
	Spec        string // the AsyncAPI version as normalised, "3.0.0"
	Description string
	File        string
	Tags        []Tag
	Owner       Value[Owner]
	System      Value[string]
	Servers     []*Server    // in the order of the document
	Channels    []*Channel   // in the order of the document
	Operations  []*Operation // in the order of the document
	Waivers     []Waiver
	At          finding.Position // of info.title, else of the document

	node *Node
	doc  *document
}

// Name is what the application is called in lists: its title, else its file.
func (a *Application) Name() string {
	if a.Title != "" {
		return a.Title
	}
	return a.File
}

// Owner is who answers for a thing.
type Owner struct {
	Team    string `json:"team"`
	Contact string `json:"contact,omitempty"`
	OnCall  string `json:"oncall,omitempty"`
}

func (o Owner) String() string { return o.Team }

// Tag is one tag of an object.
type Tag struct {
	Name        string
	Description string
	At          finding.Position
}

// Server is a broker (or cluster) that an application talks to.
type Server struct {
	Key               string
	Identity          Identity
	URL               string // 2.x url, or 3.x host and pathname
	Protocol          string // lower case, as written: kafka, kafka-secure, amqp, ...
	Tags              []Tag
	SchemaRegistryURL Value[string]
	Security          []string // types of the security schemes, sorted
	Description       string
	At                finding.Position

	node *Node
}

// Environments are the names that select this server: its key and its env: tags.
func (s *Server) Environments() []string {
	names := []string{s.Key}
	for _, t := range s.Tags {
		if n, ok := strings.CutPrefix(t.Name, "env:"); ok && n != s.Key {
			names = append(names, n)
		}
	}
	return names
}

// Channel is a channel as one application sees it: a topic, a topic family, or a
// channel of another protocol. Applications that refer to one channel of another
// document have a Channel each, with equal Identity.
type Channel struct {
	ID       string   // key in the document's channels
	Identity Identity // of the definition
	App      *Application

	// Address is the channel's address as written; 2.x: the key.
	Address string
	// Topic is the Kafka topic: bindings.kafka.topic, else the address. It is empty
	// for a family, for another protocol, and where the address is null.
	Topic string
	// Family is set when the address holds parameters: the channel stands for every
	// topic that matches and for none in particular.
	Family *Family
	// Protocol is kafka for every Kafka spelling, the first other protocol of the
	// channel's servers or bindings otherwise, and empty when nothing tells.
	Protocol string
	// Foreign tells that the channel is defined elsewhere and reached by $ref: it
	// gets rights, never settings. An owned channel is written inline.
	Foreign bool

	Servers []*Server // that the channel is restricted to; none means all

	Partitions Value[int]
	Replicas   Value[int]
	// TopicConfig holds topic settings as the broker spells them. Lists are joined
	// with commas in the broker's canonical order (compact,delete), numbers are
	// plain decimals, sizes in bytes and times in milliseconds as in Kafka.
	TopicConfig map[string]Value[string]
	Overrides   []EnvOverride

	Messages []*Message

	Owner          Value[Owner] // never inherited from an application it is foreign to
	Lifecycle      Value[Lifecycle]
	Classification Value[string] // declared, else inherited; see PII for the fields
	Visibility     Value[string]
	Compatibility  Value[string]
	Managed        Value[bool] // x-managed, default true
	External       Value[bool] // x-external: producer or consumer live outside of the catalog
	SLO            SLO
	Waivers        []Waiver
	ClaimedBy      []Claim // x-producers and x-consumers: names without an operation
	Erasure        Value[string]
	// RetentionReason is why retention is unlimited (x-retention-reason).
	RetentionReason Value[string]

	Title       string
	Summary     string
	Description string
	Tags        []Tag
	Parameters  []Parameter
	At          finding.Position // of the channel's key, or of the $ref

	entry *Node // in the document's own channels
	node  *Node
	defn  *Channel
}

// Kafka reports whether the channel is, or may be, one of Kafka.
func (c *Channel) Kafka() bool { return c.Protocol == "kafka" || c.Protocol == "" }

// OtherProtocol is what the channel is spoken in when it is no topic of Kafka, and
// empty when it is one or may be one. Where nothing tells the protocol and the address
// is no name that Kafka takes, it is unknown.
func (c *Channel) OtherProtocol() string {
	switch {
	case !c.Kafka():
		return c.Protocol
	case c.Topic == "" && c.Family == nil && c.Address != "":
		return "unknown"
	}
	return ""
}

// NotLive is why commands that talk to a cluster have nothing to say about the channel,
// in the words that all of them use. It is empty for a topic.
func (c *Channel) NotLive() string {
	other := c.OtherProtocol()
	switch {
	case other != "":
		return "n/a (protocol " + other + ")"
	case c.Family != nil:
		return "n/a (a family of topics)"
	case c.Topic == "":
		return "n/a (no address)"
	}
	return ""
}

// Name is what the channel is called in lists: its topic, else its address, else
// its key.
func (c *Channel) Name() string {
	switch {
	case c.Topic != "":
		return c.Topic
	case c.Address != "":
		return c.Address
	}
	return c.ID
}

// Definition is the channel as its own document has it: itself when it is owned,
// nil when it is defined in a fragment or in a document that was not loaded.
func (c *Channel) Definition() *Channel {
	if !c.Foreign {
		return c
	}
	return c.defn
}

// CompatibilityOf is the mode that holds for a message of this channel: the
// message's, else the channel's, else the configured default.
func (c *Channel) CompatibilityOf(m *Message) Value[string] {
	return m.Compatibility.Or(c.Compatibility)
}

// Message returns the message with the key, or nil.
func (c *Channel) Message(id string) *Message {
	for _, m := range c.Messages {
		if m.ID == id {
			return m
		}
	}
	return nil
}

// Parameter is a parameter of an address.
type Parameter struct {
	Name        string
	Enum        []string
	Description string
	At          finding.Position
}

// Family is a set of topics: an address with parameters.
type Family struct {
	// Pattern is the address with its parameters, "orders.{region}.v1".
	Pattern string
	// Regex is the anchored expression every topic of the family matches.
	Regex string

	once sync.Once
	re   *regexp.Regexp
}

// Match reports whether the topic belongs to the family.
func (f *Family) Match(topic string) bool {
	f.once.Do(func() { f.re, _ = regexp.Compile(f.Regex) })
	return f.re != nil && f.re.MatchString(topic)
}

// EnvOverride is what a channel changes for one server (x-env-server-overrides).
type EnvOverride struct {
	Server      string // the key of a server
	Partitions  Value[int]
	Replicas    Value[int]
	TopicConfig map[string]Value[string]
	At          finding.Position
}

// Claim is a producer or consumer that a document names without describing it.
type Claim struct {
	Name      string
	Direction Direction
	Env       string // empty means all
	At        finding.Position
}

// Lifecycle is the state of a channel, operation or message.
type Lifecycle struct {
	State      string `json:"state"` // proposed, beta, active, deprecated, retired
	Since      string `json:"since,omitempty"`
	Sunset     string `json:"sunset,omitempty"`
	ReplacedBy string `json:"replaced_by,omitempty"`
}

func (l Lifecycle) String() string { return lifecycleText(l) }

// SLO is x-slo: what an operation, or every consumer of a channel, promises.
type SLO struct {
	LagAge     Value[time.Duration]
	LagRecords Value[int64]
}

// Or takes from t what s does not know.
func (s SLO) Or(t SLO) SLO { return SLO{s.LagAge.Or(t.LagAge), s.LagRecords.Or(t.LagRecords)} }

// Waiver is one entry of x-waivers, as written; package compat judges it.
type Waiver struct {
	Rule        string
	Target      string
	Fingerprint string
	Reason      string
	Until       string // RFC 3339 full-date
	Owner       string
	At          finding.Position
}

// Direction says what an application does with a channel.
type Direction string

// The directions: send means that the application produces, receive that it
// consumes.
const (
	Send    Direction = "send"
	Receive Direction = "receive"
)

// Role is the word for lists: producer or consumer.
func (d Direction) Role() string {
	if d == Send {
		return "producer"
	}
	return "consumer"
}

// Operation is one thing that an application does with one channel.
type Operation struct {
	ID        string // 3.x key; 2.x operationId, else "<channel>.<publish|subscribe>"
	App       *Application
	Direction Direction
	// DirectionOrigin is what the document says: "send", "2.x subscribe", or
	// "2.x publish, perspective client".
	DirectionOrigin string
	Channel         *Channel
	Messages        []*Message // of Channel, in the order of the document

	Group    Value[Name] // of a receive operation
	ClientID Value[Name]
	// Principal has its type, "User:billing".
	Principal       Value[string]
	Transactional   Value[bool]
	TransactionalID Value[string] // a literal, or a prefix when it ends in * or a delimiter
	IsolationLevel  Value[string]
	// ErrorTopics is nil when the operation declares none.
	ErrorTopics      *ErrorTopics
	Reply            *Reply
	StaticMembership Value[bool]
	PublishMode      Value[string]
	SLO              SLO
	Owner            Value[Owner]
	Lifecycle        Value[Lifecycle]
	Waivers          []Waiver

	Summary     string
	Description string
	Tags        []Tag
	At          finding.Position

	node *Node
}

// DLT is the dead-letter topic of a consumer, or nil when it declares none.
func (o *Operation) DLT() *ErrorTopic {
	if o.ErrorTopics == nil {
		return nil
	}
	return o.ErrorTopics.DLT
}

// Name is a declared group or client id. It is a schema in AsyncAPI, so it may name
// one, several, or any that match.
type Name struct {
	Kind    NameKind
	Names   []string // one for a literal, more for a set
	Pattern string   // a regular expression as written
}

// Literal returns the one name that is meant.
func (n Name) Literal() (string, bool) {
	if n.Kind == NameLiteral {
		return n.Names[0], true
	}
	return "", false
}

func (n Name) String() string {
	switch n.Kind {
	case NameLiteral, NameSet:
		return strings.Join(n.Names, ", ")
	case NamePattern:
		return "/" + n.Pattern + "/"
	}
	return "unknown"
}

// Allows reports whether a live name is one of those declared. An unknown name
// allows nothing.
func (n Name) Allows(name string) bool {
	switch n.Kind {
	case NameLiteral, NameSet:
		if slices.Contains(n.Names, name) {
			return true
		}
	case NamePattern:
		re, err := regexp.Compile(n.Pattern)
		return err == nil && re.MatchString(name)
	}
	return false
}

// NameKind says how much a declared name tells.
type NameKind string

// The kinds. Unknown is a schema such as {type: string} that names nothing.
const (
	NameUnknown NameKind = ""
	NameLiteral NameKind = "literal"
	NameSet     NameKind = "set"
	NamePattern NameKind = "pattern"
)

// ErrorTopics are the private topics of one consumer.
type ErrorTopics struct {
	DLT    *ErrorTopic   // nil when none is declared
	Retry  []*ErrorTopic // in the order of the attempts
	Origin Origin
	Key    string
	At     finding.Position
}

// ErrorTopic is a dead-letter or retry topic with the settings declared for it.
type ErrorTopic struct {
	Topic       string
	Partitions  Value[int]
	Replicas    Value[int]
	TopicConfig map[string]Value[string]
	Owner       Value[Owner]
	At          finding.Position
}

// Reply is where the answer to a request goes.
type Reply struct {
	Channel  *Channel // nil when only an address expression is given
	Location string   // runtime expression, $message.header#/replyTo
	Messages []*Message
	At       finding.Position
}

// Message is one kind of message on one channel.
type Message struct {
	ID       string // key in the channel; 2.x: messageId, component key, or name
	Identity Identity
	Name     string
	Title    string

	Key     *Schema // of the Kafka binding; nil when none is declared
	Headers *Schema
	Payload *Schema

	Examples      []Example
	CorrelationID string // runtime expression
	ContentType   Value[string]
	Compatibility Value[string] // declared on the message; see [Channel.CompatibilityOf]
	Lifecycle     Value[Lifecycle]
	// Classification is what the message declares; the fields' marks are in Marks.
	Classification Value[string]
	// Marks are the payload fields that carry x-pii or x-classification.
	Marks   []FieldMark
	Waivers []Waiver
	// SchemaIDLocation is where the schema's id travels: header or payload.
	SchemaIDLocation Value[string]

	Summary     string
	Description string
	Tags        []Tag
	At          finding.Position

	node *Node
}

// FieldMark is a payload field marked as personal or classified.
type FieldMark struct {
	// Path is dotted, with [] for the items of an array: customer.emails[].
	Path           string
	PII            string // category, or "true"
	Classification string
	At             finding.Position
}

// PII returns the marks of personal data.
func (m *Message) PII() []FieldMark {
	var ms []FieldMark
	for _, k := range m.Marks {
		if k.PII != "" {
			ms = append(ms, k)
		}
	}
	return ms
}

// Example is an example of a message, as JSON text; nil parts are absent.
type Example struct {
	Name    string
	Summary string
	Payload []byte
	Headers []byte
	At      finding.Position
}

// SchemaFormat is the language a schema is written in.
type SchemaFormat string

// The formats. Opaque ones can be searched and hashed, not compared.
const (
	FormatJSON     SchemaFormat = "json" // JSON Schema and AsyncAPI's superset of it
	FormatAvro     SchemaFormat = "avro"
	FormatProtobuf SchemaFormat = "protobuf"
	FormatOpenAPI  SchemaFormat = "openapi"
	FormatRAML     SchemaFormat = "raml"
	FormatOpaque   SchemaFormat = "opaque"
)

func countOf(n int, noun string) string {
	s := strconv.Itoa(n) + " " + noun
	if n != 1 {
		s += "s"
	}
	return s
}

func quote(s string) string { return strconv.Quote(s) }

func join(ss []string) string { return strings.Join(ss, ", ") }
