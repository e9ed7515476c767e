package cluster

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weirhq/weir/internal/suggest"
)

// MaxTopicName is the longest topic name Kafka takes, in bytes.
const MaxTopicName = 249

// CheckTopicName refuses what Apache Kafka refuses as a name, and the names of its own
// topics, which nobody creates by hand. The embedded broker takes any name.
func CheckTopicName(name string) error {
	switch {
	case name == "":
		return errors.New("a topic name cannot be empty")
	case name == "." || name == "..":
		return fmt.Errorf("the topic name cannot be %q", name)
	case len(name) > MaxTopicName:
		return fmt.Errorf("the topic name has %d characters, %d is the most", len(name), MaxTopicName)
	case IsInternalTopic(name):
		return fmt.Errorf("%s is one of Kafka's own topics", name)
	}
	for _, r := range name {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '.' && r != '_' && r != '-' {
			return fmt.Errorf("the topic name holds %q; letters, digits, '.', '_' and '-' are allowed", r)
		}
	}
	return nil
}

// CheckTopicNames checks the names of topics that are to be made together: each has to be
// one, none is named twice, and no two collide. Metrics write '.' as '_', so Kafka refuses
// two names that differ only there.
func CheckTopicNames(names []string) error {
	for i, name := range names {
		if err := CheckTopicName(name); err != nil {
			return fmt.Errorf("create topic: %w", err)
		}
		if slices.Contains(names[:i], name) {
			return fmt.Errorf("topic %s is named twice", name)
		}
		for _, other := range names[:i] {
			if strings.ReplaceAll(other, ".", "_") == strings.ReplaceAll(name, ".", "_") {
				return fmt.Errorf("topics %s and %s collide: '.' and '_' are the same in Kafka's metrics", other, name)
			}
		}
	}
	return nil
}

// IsInternalTopic says whether Kafka keeps its own records under this name. Brokers mark
// only some of them in metadata.
func IsInternalTopic(name string) bool {
	return slices.Contains([]string{"__consumer_offsets", "__transaction_state", "__share_group_state", "__cluster_metadata", "__remote_log_metadata"}, name)
}

// configType is the kind of value a setting takes.
type configType int

const (
	configInt configType = iota // a whole number between min and max
	configRatio
	configBool
	configWords // one of words
	configList  // several of words, comma separated
	configFree
)

type configRule struct {
	name     string
	kind     configType
	min, max int64
	words    []string
}

const (
	maxInt  = math.MaxInt32
	maxLong = math.MaxInt64
)

// topicConfigRules are the settings of a topic in Apache Kafka 2.8 to 4.3 with what the
// broker accepts for them.
func topicConfigRules() []configRule {
	num := func(name string, lowest, highest int64) configRule {
		return configRule{name: name, min: lowest, max: highest}
	}
	flag := func(name string) configRule { return configRule{name: name, kind: configBool} }
	return []configRule{
		{name: "cleanup.policy", kind: configList, words: []string{"compact", "delete"}},
		num("compression.gzip.level", -1, 9),
		num("compression.lz4.level", 1, 17),
		{name: "compression.type", kind: configWords, words: []string{"uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"}},
		num("compression.zstd.level", -131072, 22),
		num("delete.retention.ms", 0, maxLong),
		num("file.delete.delay.ms", 0, maxLong),
		num("flush.messages", 1, maxLong),
		num("flush.ms", 0, maxLong),
		{name: "follower.replication.throttled.replicas", kind: configFree},
		num("index.interval.bytes", 0, maxInt),
		{name: "leader.replication.throttled.replicas", kind: configFree},
		num("local.retention.bytes", -2, maxLong),
		num("local.retention.ms", -2, maxLong),
		num("max.compaction.lag.ms", 1, maxLong),
		num("max.message.bytes", 0, maxInt),
		flag("message.downconversion.enable"),
		{name: "message.format.version", kind: configFree},
		num("message.timestamp.after.max.ms", 0, maxLong),
		num("message.timestamp.before.max.ms", 0, maxLong),
		num("message.timestamp.difference.max.ms", 0, maxLong),
		{name: "message.timestamp.type", kind: configWords, words: []string{"CreateTime", "LogAppendTime"}},
		{name: "min.cleanable.dirty.ratio", kind: configRatio},
		num("min.compaction.lag.ms", 0, maxLong),
		num("min.insync.replicas", 1, maxInt),
		flag("preallocate"),
		flag("remote.log.copy.disable"),
		flag("remote.log.delete.on.disable"),
		flag("remote.storage.enable"),
		num("retention.bytes", -1, maxLong),
		num("retention.ms", -1, maxLong),
		// 1 MiB is the least since Kafka 4.0; older brokers take less, and nobody needs it.
		num("segment.bytes", 1<<20, maxInt),
		num("segment.index.bytes", 4, maxInt),
		num("segment.jitter.ms", 0, maxLong),
		num("segment.ms", 1, maxLong),
		flag("unclean.leader.election.enable"),
	}
}

// vendorPrefixes begin settings of other distributions, which only their brokers judge.
func vendorPrefixes() []string { return []string{"confluent.", "redpanda.", "cloudera."} }

// UnknownConfigError says that weir does not know a topic setting.
type UnknownConfigError struct {
	Name    string
	Nearest string // what may be meant, or empty
}

func (e *UnknownConfigError) Error() string {
	if e.Nearest != "" {
		return fmt.Sprintf("unknown topic setting %s; did you mean %s?", e.Name, e.Nearest)
	}
	return "unknown topic setting " + e.Name
}

// TopicConfigNames lists the settings of a topic that weir knows, sorted.
func TopicConfigNames() []string {
	rules := topicConfigRules()
	out := make([]string, len(rules))
	for i, r := range rules {
		out[i] = r.name
	}
	slices.Sort(out)
	return out
}

// ParseTopicConfig checks a setting and returns its value as the broker wants it.
// Durations (7d, 36h) and sizes (10GiB, 5MB) are turned into milliseconds and bytes;
// lists lose spaces. An unknown name is an [UnknownConfigError], except for the prefixes
// of other vendors.
func ParseTopicConfig(name, value string) (string, error) {
	rules := topicConfigRules()
	i := slices.IndexFunc(rules, func(r configRule) bool { return r.name == name })
	if i < 0 {
		if slices.ContainsFunc(vendorPrefixes(), func(p string) bool { return strings.HasPrefix(name, p) }) {
			return value, nil
		}
		return "", &UnknownConfigError{Name: name, Nearest: suggest.Nearest(name, TopicConfigNames())}
	}
	v, err := rules[i].parse(strings.TrimSpace(value))
	if err != nil {
		return "", fmt.Errorf("%s=%s: %w", name, value, err)
	}
	return v, nil
}

// ParseTopicConfigs reads settings KEY=VALUE as [ParseTopicConfig] does; with allowUnknown
// the broker judges those that weir does not know. The brokers take a key given twice and
// keep one of the values, so that is refused here.
func ParseTopicConfigs(pairs []string, allowUnknown bool) (map[string]string, error) {
	out := map[string]string{}
	for _, pair := range pairs {
		k, v, ok := strings.Cut(pair, "=")
		k = strings.TrimSpace(k)
		if !ok || k == "" {
			return nil, fmt.Errorf("%q: write KEY=VALUE", pair)
		}
		if _, twice := out[k]; twice {
			return nil, fmt.Errorf("the setting %s is given twice", k)
		}
		parsed, err := ParseTopicConfig(k, v)
		if _, unknown := errors.AsType[*UnknownConfigError](err); unknown && allowUnknown {
			parsed, err = v, nil
		}
		if err != nil {
			return nil, err
		}
		out[k] = parsed
	}
	return out, nil
}

// CheckUnset checks the names of settings to unset beside others that are set. A broker
// says yes to unsetting a misspelt setting, so an unknown name is an [UnknownConfigError]
// unless allowUnknown.
func CheckUnset(names []string, set map[string]string, allowUnknown bool) error {
	for i, k := range names {
		if _, both := set[k]; both || slices.Contains(names[:i], k) {
			return fmt.Errorf("the setting %s is named twice", k)
		}
		_, err := ParseTopicConfig(k, "")
		if unknown, ok := errors.AsType[*UnknownConfigError](err); ok && !allowUnknown {
			return unknown
		}
	}
	return nil
}

func (r configRule) parse(v string) (string, error) {
	switch r.kind {
	case configInt:
		n, err := r.number(v)
		if err != nil {
			return "", err
		}
		if n < r.min || n > r.max {
			return "", fmt.Errorf("must be between %d and %d", r.min, r.max)
		}
		return strconv.FormatInt(n, 10), nil
	case configRatio:
		f, err := strconv.ParseFloat(v, 64)
		if err != nil || f < 0 || f > 1 || math.IsNaN(f) {
			return "", errors.New("must be a number between 0 and 1")
		}
		return v, nil
	case configBool:
		if l := strings.ToLower(v); l == "true" || l == "false" {
			return l, nil
		}
		return "", errors.New("must be true or false")
	case configWords:
		if slices.Contains(r.words, v) {
			return v, nil
		}
		return "", errors.New("must be " + suggest.Or(r.words))
	case configList:
		if strings.TrimSpace(v) == "" { // keep everything: neither compacted nor deleted
			return "", nil
		}
		var out []string
		for w := range strings.SplitSeq(v, ",") {
			w = strings.TrimSpace(w)
			if !slices.Contains(r.words, w) {
				return "", errors.New("must be one or more of " + strings.Join(r.words, ", "))
			}
			if !slices.Contains(out, w) {
				out = append(out, w)
			}
		}
		return strings.Join(out, ","), nil
	case configFree:
	}
	return v, nil
}

// number reads a whole number, for .ms settings a duration too, for .bytes a size.
func (r configRule) number(v string) (int64, error) {
	if n, err := strconv.ParseInt(v, 10, 64); err == nil {
		return n, nil
	}
	switch {
	case strings.HasSuffix(r.name, ".ms"):
		return parseMillis(v)
	case strings.HasSuffix(r.name, ".bytes"):
		return parseBytes(v)
	}
	return 0, errors.New("must be a whole number")
}

func parseMillis(v string) (int64, error) {
	scaled, unit := v, time.Duration(1)
	for suffix, u := range map[string]time.Duration{"d": 24, "w": 7 * 24} {
		if s, ok := strings.CutSuffix(v, suffix); ok {
			scaled, unit = s+"h", u
		}
	}
	d, err := time.ParseDuration(scaled)
	if err != nil || d > math.MaxInt64/unit || d < 0 {
		return 0, errors.New("must be milliseconds or a duration such as 7d, 36h or 90s")
	}
	return (d * unit).Milliseconds(), nil
}

func parseBytes(v string) (int64, error) {
	bad := errors.New("must be bytes or a size such as 10GiB or 500MB")
	i := strings.IndexFunc(v, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
	if i <= 0 {
		return 0, bad
	}
	f, err := strconv.ParseFloat(v[:i], 64)
	if err != nil {
		return 0, bad
	}
	units := map[string]float64{
		"b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12,
		"k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40,
		"kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40,
	}
	u, ok := units[strings.ToLower(strings.TrimSpace(v[i:]))]
	if !ok || f*u >= math.MaxInt64 {
		return 0, bad
	}
	return int64(f * u), nil
}
