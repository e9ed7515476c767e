package cluster

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Names with a meaning of their own in access control lists.
const (
	// EveryUser is the principal of a row that is meant for all users.
	EveryUser = "User:*"
	// AnyHost is the host of a row that is meant for all addresses.
	AnyHost = "*"
	// AnyName is the LITERAL resource name that reaches all resources of a type. As a
	// PREFIXED name it is a plain character.
	AnyName = "*"
	// ClusterName is the only name of a resource of type CLUSTER.
	ClusterName = "kafka-cluster"
)

// ACLRow is one row of a cluster's access control list. It marshals with the names
// that the Kafka protocol uses, such as TRANSACTIONAL_ID and IDEMPOTENT_WRITE.
type ACLRow struct {
	Permission   kmsg.ACLPermissionType      `json:"permission"`
	Principal    string                      `json:"principal"`
	Host         string                      `json:"host"`
	ResourceType kmsg.ACLResourceType        `json:"resource_type"`
	PatternType  kmsg.ACLResourcePatternType `json:"pattern_type"`
	ResourceName string                      `json:"resource_name"`
	Operation    kmsg.ACLOperation           `json:"operation"`
}

// Compare orders rows by resource, principal, permission, operation and host.
func (r ACLRow) Compare(o ACLRow) int {
	return cmp.Or(
		cmp.Compare(r.ResourceType, o.ResourceType),
		cmp.Compare(r.ResourceName, o.ResourceName),
		cmp.Compare(r.PatternType, o.PatternType),
		cmp.Compare(r.Principal, o.Principal),
		cmp.Compare(r.Permission, o.Permission),
		cmp.Compare(r.Operation, o.Operation),
		cmp.Compare(r.Host, o.Host),
	)
}

// String is the row in one line: ALLOW READ on topic orders. (prefixed) for User:a from *.
func (r ACLRow) String() string {
	return fmt.Sprintf("%s %s on %s for %s from %s", r.Permission, r.Operation, r.Resource(), r.Principal, r.Host)
}

// Reaches reports whether the row is about the resource of its type with this name:
// LITERAL means the same name, PREFIXED a name that begins with it, the LITERAL * all
// names. Kafka's StandardAuthorizer passes over the literal * for a name that itself
// begins with a star (seen on 4.3.1).
func (r ACLRow) Reaches(name string) bool {
	switch {
	case r.PatternType == kmsg.ACLResourcePatternTypePrefixed:
		return strings.HasPrefix(name, r.ResourceName)
	case r.ResourceName == AnyName:
		return name == AnyName || !strings.HasPrefix(name, AnyName)
	}
	return r.ResourceName == name
}

// Resource is the row's resource in words.
func (r ACLRow) Resource() string {
	s := ResourceWord(r.ResourceType)
	switch {
	case r.ResourceType == kmsg.ACLResourceTypeCluster:
		return "the cluster"
	case r.PatternType == kmsg.ACLResourcePatternTypePrefixed:
		return s + " " + r.ResourceName + " (prefixed)"
	case r.ResourceName == AnyName:
		return "every " + s
	}
	return s + " " + r.ResourceName
}

// ResourceWord is how people write a resource type: topic, transactional-id.
func ResourceWord(t kmsg.ACLResourceType) string {
	return strings.ReplaceAll(strings.ToLower(t.String()), "_", "-")
}

// ACLResource is a concrete resource that somebody asks about.
type ACLResource struct {
	Type kmsg.ACLResourceType `json:"resource_type"`
	Name string               `json:"resource_name"`
}

func (r ACLResource) String() string {
	if r.Type == kmsg.ACLResourceTypeCluster {
		return "the cluster"
	}
	return ResourceWord(r.Type) + " " + r.Name
}

// ParseACLResource reads topic:NAME, group:NAME, transactional-id:NAME,
// delegation-token:NAME, user:User:NAME and cluster.
func ParseACLResource(s string) (ACLResource, error) {
	word, name, found := strings.Cut(s, ":")
	t, err := kmsg.ParseACLResourceType(aclWord(word))
	if err != nil || t == kmsg.ACLResourceTypeAny || t == kmsg.ACLResourceTypeUnknown {
		return ACLResource{}, fmt.Errorf("unknown resource %q: use topic:NAME, group:NAME, transactional-id:NAME, delegation-token:NAME, user:User:NAME or cluster", s)
	}
	switch {
	case t == kmsg.ACLResourceTypeCluster && (!found || name == "" || name == ClusterName):
		return ACLResource{t, ClusterName}, nil
	case t == kmsg.ACLResourceTypeCluster:
		return ACLResource{}, fmt.Errorf("a cluster has no name but %s: write cluster", ClusterName)
	case name == "":
		return ACLResource{}, fmt.Errorf("resource %q has no name: write %s:NAME", s, ResourceWord(t))
	}
	return ACLResource{t, name}, nil
}

// ParseACLOperation reads an operation in any case, with - or _.
func ParseACLOperation(s string) (kmsg.ACLOperation, error) {
	op, err := kmsg.ParseACLOperation(aclWord(s))
	if err != nil || op == kmsg.ACLOperationUnknown || op == kmsg.ACLOperationAny {
		return 0, fmt.Errorf("unknown operation %q: use one of %s", s, strings.Join(aclWords(aclOperations()), ", "))
	}
	return op, nil
}

// aclWord writes a word as the protocol does: describe-configs is DESCRIBE_CONFIGS.
func aclWord(s string) string {
	switch s = strings.ToUpper(strings.NewReplacer("-", "_", ".", "_").Replace(strings.TrimSpace(s))); s {
	case "TXN", "TRANSACTIONALID":
		return "TRANSACTIONAL_ID"
	case "TOKEN", "DELEGATIONTOKEN":
		return "DELEGATION_TOKEN"
	}
	return s
}

func aclWords(ops []kmsg.ACLOperation) []string {
	out := make([]string, len(ops))
	for i, o := range ops {
		out[i] = strings.ReplaceAll(strings.ToLower(o.String()), "_", "-")
	}
	return out
}

// aclOperations are all operations a row can name.
func aclOperations() []kmsg.ACLOperation {
	return []kmsg.ACLOperation{
		kmsg.ACLOperationAll, kmsg.ACLOperationRead, kmsg.ACLOperationWrite, kmsg.ACLOperationCreate, kmsg.ACLOperationDelete,
		kmsg.ACLOperationAlter, kmsg.ACLOperationDescribe, kmsg.ACLOperationClusterAction, kmsg.ACLOperationDescribeConfigs,
		kmsg.ACLOperationAlterConfigs, kmsg.ACLOperationIdempotentWrite, kmsg.ACLOperationCreateTokens, kmsg.ACLOperationDescribeTokens,
	}
}

// ACLOperationsOf are the operations that mean something on a type of resource, ALL
// aside, as Kafka 4.3.1 asks for them. A broker stores the others as well.
func ACLOperationsOf(t kmsg.ACLResourceType) []kmsg.ACLOperation {
	switch t {
	case kmsg.ACLResourceTypeTopic:
		return []kmsg.ACLOperation{
			kmsg.ACLOperationRead, kmsg.ACLOperationWrite, kmsg.ACLOperationCreate, kmsg.ACLOperationDelete, kmsg.ACLOperationAlter,
			kmsg.ACLOperationDescribe, kmsg.ACLOperationDescribeConfigs, kmsg.ACLOperationAlterConfigs,
		}
	case kmsg.ACLResourceTypeGroup:
		return []kmsg.ACLOperation{
			kmsg.ACLOperationRead, kmsg.ACLOperationDelete, kmsg.ACLOperationDescribe,
			kmsg.ACLOperationDescribeConfigs, kmsg.ACLOperationAlterConfigs,
		}
	case kmsg.ACLResourceTypeCluster:
		return []kmsg.ACLOperation{
			kmsg.ACLOperationCreate, kmsg.ACLOperationAlter, kmsg.ACLOperationDescribe, kmsg.ACLOperationClusterAction,
			kmsg.ACLOperationDescribeConfigs, kmsg.ACLOperationAlterConfigs, kmsg.ACLOperationIdempotentWrite,
		}
	case kmsg.ACLResourceTypeTransactionalId:
		return []kmsg.ACLOperation{kmsg.ACLOperationWrite, kmsg.ACLOperationDescribe}
	case kmsg.ACLResourceTypeDelegationToken:
		return []kmsg.ACLOperation{kmsg.ACLOperationDescribe}
	case kmsg.ACLResourceTypeUser:
		return []kmsg.ACLOperation{kmsg.ACLOperationCreateTokens, kmsg.ACLOperationDescribeTokens}
	default:
		return nil
	}
}

// maxACLFile bounds a dump of rows: 80,000 rows take about 17 MB.
const maxACLFile = 256 << 20

// ReadACLs reads rows from JSON: a list of rows, or an object that holds the list
// under "acls" or "rows". Errors name the row, counted from 1.
func ReadACLs(r io.Reader, name string) ([]ACLRow, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxACLFile+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", name, err)
	case len(text) > maxACLFile:
		return nil, fmt.Errorf("read %s: more than %d MiB", name, maxACLFile>>20)
	}
	var raw []json.RawMessage
	if trimmed := bytes.TrimSpace(text); bytes.HasPrefix(trimmed, []byte("{")) {
		var object struct {
			ACLs *[]json.RawMessage `json:"acls"`
			Rows *[]json.RawMessage `json:"rows"`
		}
		if err := json.Unmarshal(text, &object); err != nil {
			return nil, jsonError(name, text, err)
		}
		list := cmp.Or(object.ACLs, object.Rows)
		if list == nil {
			return nil, fmt.Errorf(`read %s: no rows: expected a list, or an object with "acls"`, name)
		}
		raw = *list
	} else if err := json.Unmarshal(text, &raw); err != nil {
		return nil, jsonError(name, text, err)
	}
	rows := make([]ACLRow, len(raw))
	for i, m := range raw {
		if rows[i], err = readACL(m); err != nil {
			return nil, fmt.Errorf("read %s: row %d: %w", name, i+1, err)
		}
	}
	return rows, nil
}

// jsonError gives an error of the decoder its place.
func jsonError(name string, text []byte, err error) error {
	off := int64(-1)
	if s, ok := errors.AsType[*json.SyntaxError](err); ok {
		off = s.Offset
	} else if u, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		off = u.Offset
	}
	if off < 1 {
		return fmt.Errorf("read %s: %w", name, err)
	}
	head := text[:min(int(off)-1, len(text))]
	line := bytes.Count(head, []byte{'\n'}) + 1
	return fmt.Errorf("read %s:%d:%d: %w", name, line, len(head)-bytes.LastIndexByte(head, '\n'), err)
}

func readACL(m json.RawMessage) (ACLRow, error) {
	var s struct {
		Permission   *string `json:"permission"`
		Principal    *string `json:"principal"`
		Host         *string `json:"host"`
		ResourceType *string `json:"resource_type"`
		PatternType  *string `json:"pattern_type"`
		ResourceName *string `json:"resource_name"`
		Operation    *string `json:"operation"`
	}
	if err := json.Unmarshal(m, &s); err != nil {
		return ACLRow{}, err
	}
	for _, f := range []struct {
		name string
		v    *string
	}{
		{"permission", s.Permission},
		{"principal", s.Principal},
		{"host", s.Host},
		{"resource_type", s.ResourceType},
		{"pattern_type", s.PatternType},
		{"resource_name", s.ResourceName},
		{"operation", s.Operation},
	} {
		if f.v == nil {
			return ACLRow{}, fmt.Errorf("%q is missing", f.name)
		}
	}
	r := ACLRow{Principal: *s.Principal, Host: *s.Host, ResourceName: *s.ResourceName}
	var err error
	if r.Permission, err = kmsg.ParseACLPermissionType(aclWord(*s.Permission)); err != nil || r.Permission <= kmsg.ACLPermissionTypeAny {
		return ACLRow{}, fmt.Errorf("permission %q: use ALLOW or DENY", *s.Permission)
	}
	if r.ResourceType, err = kmsg.ParseACLResourceType(aclWord(*s.ResourceType)); err != nil || r.ResourceType <= kmsg.ACLResourceTypeAny {
		return ACLRow{}, fmt.Errorf("unknown resource_type %q", *s.ResourceType)
	}
	r.PatternType, err = kmsg.ParseACLResourcePatternType(aclWord(*s.PatternType))
	if err != nil || r.PatternType != kmsg.ACLResourcePatternTypeLiteral && r.PatternType != kmsg.ACLResourcePatternTypePrefixed {
		return ACLRow{}, fmt.Errorf("pattern_type %q: use LITERAL or PREFIXED", *s.PatternType)
	}
	if r.Operation, err = ParseACLOperation(*s.Operation); err != nil {
		return ACLRow{}, err
	}
	return r, nil
}

var (
	errACLPrefixedStar = errors.New("PREFIXED * is a plain character: it reaches only names that begin with a star; for everything use the literal *")
	errACLNoName       = errors.New("the resource has no name")
)

// ValidateACL refuses a row that no request can ever match, or that means something
// else than it looks like. Brokers store most of these without a word.
func ValidateACL(r ACLRow) error {
	if err := validatePrincipal(r.Principal); err != nil {
		return err
	}
	if err := validateHost(r.Host); err != nil {
		return err
	}
	if r.Permission != kmsg.ACLPermissionTypeAllow && r.Permission != kmsg.ACLPermissionTypeDeny {
		return fmt.Errorf("permission %s: use ALLOW or DENY", r.Permission)
	}
	if r.PatternType != kmsg.ACLResourcePatternTypeLiteral && r.PatternType != kmsg.ACLResourcePatternTypePrefixed {
		return fmt.Errorf("pattern %s: use literal or prefixed", r.PatternType)
	}
	if err := validateACLName(r); err != nil {
		return err
	}
	ops := ACLOperationsOf(r.ResourceType)
	if r.Operation != kmsg.ACLOperationAll && !slices.Contains(ops, r.Operation) {
		return fmt.Errorf("%s means nothing on a %s: use %s or all", r.Operation, ResourceWord(r.ResourceType), strings.Join(aclWords(ops), ", "))
	}
	return nil
}

func validatePrincipal(p string) error {
	switch t, name, found := strings.Cut(p, ":"); {
	case !found:
		return fmt.Errorf("principal %q has no type: write User:%s", p, p)
	case t != "User":
		return fmt.Errorf("principal %q: brokers know the type User only, in this spelling", p)
	case name == "":
		return fmt.Errorf("principal %q has no name", p)
	}
	return nil
}

func validateHost(h string) error {
	if h == AnyHost {
		return nil
	}
	a, err := netip.ParseAddr(h)
	if err != nil {
		return fmt.Errorf("host %q is no address: brokers compare addresses as text and know neither names nor ranges; use an address or *", h)
	}
	if a.Is6() {
		// Java writes all eight groups, without leading zeros, and the row is compared
		// with that text.
		b := a.As16()
		groups := make([]string, 0, 8)
		for pair := range slices.Chunk(b[:], 2) {
			groups = append(groups, strconv.FormatUint(uint64(binary.BigEndian.Uint16(pair)), 16))
		}
		if full := strings.Join(groups, ":"); h != full {
			return fmt.Errorf("host %q: brokers compare addresses as text; write it as they do: %s", h, full)
		}
	}
	return nil
}

// topicChars reports whether a name, or the beginning of one, has only characters
// that a topic's name may have, and not too many (249).
func topicChars(s string) bool {
	return s != "" && len(s) <= 249 && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '.' && r != '_' && r != '-'
	})
}

func validateACLName(r ACLRow) error {
	prefixed := r.PatternType == kmsg.ACLResourcePatternTypePrefixed
	switch {
	case r.ResourceName == "":
		return errACLNoName
	case r.ResourceType == kmsg.ACLResourceTypeCluster && (prefixed || r.ResourceName != ClusterName):
		return fmt.Errorf("the only name of the cluster is %s, literal", ClusterName)
	case prefixed && r.ResourceName == AnyName:
		return errACLPrefixedStar
	case r.ResourceName == AnyName:
		return nil
	}
	switch r.ResourceType {
	case kmsg.ACLResourceTypeTopic:
		if !topicChars(r.ResourceName) || !prefixed && (r.ResourceName == "." || r.ResourceName == "..") {
			return fmt.Errorf("%q cannot be the name of a topic: letters, digits, dot, underscore and hyphen, at most 249", r.ResourceName)
		}
	case kmsg.ACLResourceTypeUser:
		if !prefixed && !strings.HasPrefix(r.ResourceName, "User:") {
			return fmt.Errorf("user resources are named with their type: write User:%s", r.ResourceName)
		}
	default: // groups, transactional ids and tokens may be called anything
	}
	return nil
}
