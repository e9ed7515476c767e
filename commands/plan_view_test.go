package commands

import (
	"flag"
	"fmt"
	"math/bits"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/finding"
	"github.com/weirhq/weir/internal/term"
	"github.com/weirhq/weir/plan"
)

var updateGoldens = flag.Bool("update", false, "write the golden files anew")

func goldenRow(op kmsg.ACLOperation, pattern kmsg.ACLResourcePatternType) *cluster.ACLRow {
	return &cluster.ACLRow{
		Permission: kmsg.ACLPermissionTypeAllow, Principal: "User:billing", Host: "*",
		ResourceType: kmsg.ACLResourceTypeTopic, PatternType: pattern, ResourceName: "orders.order.v1", Operation: op,
	}
}

func goldenResource(typ kmsg.ACLResourceType, op kmsg.ACLOperation, pattern kmsg.ACLResourcePatternType, name string) *cluster.ACLRow {
	r := goldenRow(op, pattern)
	r.ResourceType, r.ResourceName = typ, name
	return r
}

// goldenSteps has one step of every kind, by the name of its golden file.
func goldenSteps() map[string]plan.Step {
	const owner, name = "team-orders", "orders.order.v1"
	literal, prefixed := kmsg.ACLResourcePatternTypeLiteral, kmsg.ACLResourcePatternTypePrefixed
	return map[string]plan.Step{
		"topic-add":          {Op: plan.Create, Kind: plan.TopicKind, Name: name, Owner: owner, Partitions: 12, Replicas: 3, Config: map[string]string{"retention.ms": "604800000", "cleanup.policy": "compact,delete"}, JudgedBy: plan.ByBroker},
		"topic-add-defaults": {Op: plan.Create, Kind: plan.TopicKind, Name: name, Owner: owner, Partitions: -1, Replicas: -1, JudgedBy: plan.ByWeir, NotJudged: "no right to ask: CREATE on Cluster or Topic"},
		"topic-change": {Op: plan.Modify, Kind: plan.TopicKind, Name: name, Owner: owner, Unchanged: 2, JudgedBy: plan.ByBroker, Changes: []plan.Change{
			{Name: "partitions", Op: "grow", Before: new("6"), After: new("12"), Effect: "50% of keys move to another partition"},
			{Name: "max.message.bytes", Op: "set", Before: new("1048588"), After: new("2097152")},
			{Name: "segment.ms", Op: "unset", Before: new("3600000")},
		}},
		"topic-change-data-loss": {Op: plan.Modify, Kind: plan.TopicKind, Name: name, Owner: owner, JudgedBy: plan.ByBroker, Needs: []string{"--allow-data-loss"}, Changes: []plan.Change{
			{Name: "retention.ms", Op: "set", Before: new("1209600000"), After: new("604800000"), Effect: "records older than 7d are deleted", DestroysData: true},
		}},
		"topic-change-policy": {Op: plan.Modify, Kind: plan.TopicKind, Name: name, Owner: owner, JudgedBy: plan.ByBroker, Needs: []string{"--allow-data-loss"}, Changes: []plan.Change{
			{Name: "cleanup.policy", Op: "set", Before: new("delete"), After: new("compact"), Effect: "only the last value of each key is kept, and records without a key are refused", DestroysData: true},
			{Name: "retention.bytes", Op: "unset", Before: new("1073741824"), Effect: "falls back to the cluster's default, which may keep less", DestroysData: true},
		}},
		"topic-change-long": {Op: plan.Modify, Kind: plan.TopicKind, Name: "com.example.international.commerce.orders.order-has-been-placed.v1", Owner: owner, JudgedBy: plan.ByBroker, Changes: []plan.Change{
			{Name: "message.timestamp.after.max.ms", Op: "set", Before: new("9223372036854775807"), After: new("3600000")},
			{Name: "min.insync.replicas", Op: "set", Before: new("1"), After: new("3"), Effect: "acks=all writes stop: a partition has fewer replicas in sync"},
		}},
		"topic-blocked-repartition": {Op: plan.Blocked, Kind: plan.TopicKind, Name: name, Owner: owner, Reason: "66 % of the keys move to another partition: needs --allow-repartition", Changes: []plan.Change{
			{Name: "partitions", Op: "grow", Before: new("4"), After: new("6"), Effect: "66 % of the keys move to another partition"},
		}},
		"topic-blocked-policy":     {Op: plan.Blocked, Kind: plan.TopicKind, Name: name, Owner: owner, JudgedBy: plan.ByBroker, Reason: "the broker refuses: POLICY_VIOLATION: topics of this cluster keep records for 30 days at most"},
		"topic-released":           {Op: plan.Keep, Kind: plan.TopicKind, Name: name, Owner: owner, Reason: "released: x-managed is false, left as it is"},
		"acl-add-group":            {Op: plan.Create, Kind: plan.ACLKind, Name: "User:billing", Owner: owner, ACL: goldenResource(kmsg.ACLResourceTypeGroup, kmsg.ACLOperationRead, literal, "billing"), Why: "receive by Billing"},
		"acl-add-transactional-id": {Op: plan.Create, Kind: plan.ACLKind, Name: "User:billing", Owner: owner, ACL: goldenResource(kmsg.ACLResourceTypeTransactionalId, kmsg.ACLOperationWrite, prefixed, "weir-replay-"), Why: "replay of orders.order.v1.billing.dlt"},
		"topic-delete":             {Op: plan.Delete, Kind: plan.TopicKind, Name: name, Owner: owner, Records: new(int64(1234567)), Groups: []string{"billing", "notifications"}, Needs: []string{"--confirm " + name, "--allow-data-loss"}},
		"topic-add-no-writes":      {Op: plan.Create, Kind: plan.TopicKind, Name: name, Owner: owner, Partitions: 12, Replicas: 1, JudgedBy: plan.ByBroker, Effect: "min.insync.replicas 2 (inherited from the broker) is more than the replication factor 1: every write with acks=all will be refused"},
		"topic-delete-hidden":      {Op: plan.Delete, Kind: plan.TopicKind, Name: name, Owner: owner, Records: new(int64(0)), Groups: []string{"billing"}, GroupsUnknown: "this user may describe some groups at most; others are hidden by the broker", Needs: []string{"--confirm " + name, "--allow-data-loss"}},
		"topic-delete-unknown":     {Op: plan.Delete, Kind: plan.TopicKind, Name: name, Owner: owner},
		"topic-keep":               {Op: plan.Keep, Kind: plan.TopicKind, Name: name, Owner: owner, Reason: "retired: left as it is (--prune=topic deletes it)"},
		"topic-blocked":            {Op: plan.Blocked, Kind: plan.TopicKind, Name: name, Owner: owner, Reason: "partitions 3 -> 2: Kafka cannot reduce partitions"},
		"acl-add":                  {Op: plan.Create, Kind: plan.ACLKind, Name: name, Owner: owner, ACL: goldenRow(kmsg.ACLOperationRead, literal), Why: "receive charge"},
		"acl-delete":               {Op: plan.Delete, Kind: plan.ACLKind, Name: name, Owner: "", ACL: goldenRow(kmsg.ACLOperationWrite, prefixed), Reason: "no declared role asks for it"},
		"acl-blocked":              {Op: plan.Blocked, Kind: plan.ACLKind, Name: "all declared rights", Reason: "the access control lists cannot be read: not authorised to DESCRIBE on Cluster"},
	}
}

func goldenPlan(steps ...plan.Step) *plan.Plan {
	p := &plan.Plan{ClusterID: "c1", Profile: "prod", Protected: true, Catalog: plan.Source{Documents: 4, Commit: "0123456789"}, Steps: steps, Options: plan.Options{Scope: plan.Scope{Prefixes: []string{"orders.", "billing."}}}}
	p.Count()
	return p
}

func goldenPlans() map[string]*plan.Plan {
	all := map[string]*plan.Plan{"none": goldenPlan()}
	for name, s := range goldenSteps() {
		all[name] = goldenPlan(s)
	}
	drift := goldenPlan()
	drift.Drift = []plan.Drift{
		{Kind: "acl", Name: "orders.order.v1", Note: "nobody declared it"},
		{Kind: "config", Name: "orders.order.v1", Owner: "team-orders", Key: "segment.bytes", Live: new("1048576"), Note: "set on the cluster, not declared"},
		{Kind: "replication-factor", Name: "orders.order.v1", Owner: "team-orders", Live: new("2"), Wanted: new("3"), Reassignment: `{"version":1,"partitions":[{"topic":"orders.order.v1","partition":0,"replicas":[1,2,3]}]}`},
		{Kind: "throttle", Name: "orders.order.v1", Owner: "team-orders", Key: "leader.replication.throttled.replicas", Live: new("0:1,0:2"), Note: "left over from a reassignment", Info: true},
		{Kind: "topic", Name: "orders.tmp", Note: "on the cluster, not in the catalog"},
	}
	drift.Notes = []finding.Finding{{Rule: plan.RuleNoPrincipal, Severity: finding.Warning, Position: finding.Position{File: "billing.yaml", Line: 12, Column: 3}, Message: "consumer billing of orders.order.v1 declares no principal: its rights are missing", Hint: "declare x-principal in the operation's Kafka binding"}}
	all["drift"] = drift
	unseen := goldenPlan()
	unseen.Drift = []plan.Drift{{Kind: "topic", Name: "orders.tmp", Note: "on the cluster, not in the catalog"}}
	unseen.Unknown = []plan.Unread{
		{What: plan.UnreadACLs, Reason: "the access control lists cannot be read: not authorised to DESCRIBE on Cluster"},
		{What: plan.UnreadTopics, Reason: "this user may describe some topics at most; others are hidden by the broker"},
	}
	all["unseen"] = unseen
	return all
}

func drawPlan(p *plan.Plan, width int, verbose bool) string {
	pg := term.NewPage(width, true)
	viewPlan(pg, p, "", verbose)
	return pg.Plain()
}

// Every kind of change as it is drawn, narrow and wide.
func TestPlanGoldens(t *testing.T) {
	for name, p := range goldenPlans() {
		for _, width := range []int{80, 120} {
			file := filepath.Join("testdata", "plan", fmt.Sprintf("%s.%d.txt", name, width))
			got := drawPlan(p, width, false)
			for line := range strings.Lines(got) {
				if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > width && !strings.Contains(line, `{"version":1`) {
					t.Errorf("%s: %d columns: %s", file, n, line)
				}
			}
			if *updateGoldens {
				if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), got); d != "" {
				t.Errorf("%s (-want +got):\n%s", file, d)
			}
		}
	}
}

// A plan is drawn as empty if, and only if, it has no steps: every subset of at most
// three kinds, and all of them.
func TestDrawnIffSteps(t *testing.T) {
	var kinds []plan.Step
	for _, s := range goldenSteps() {
		kinds = append(kinds, s)
	}
	for set := range 1 << len(kinds) {
		if n := bits.OnesCount(uint(set)); n > 3 && n < len(kinds) {
			continue
		}
		var steps []plan.Step
		for i := range kinds {
			if set&(1<<i) != 0 {
				steps = append(steps, kinds[i])
			}
		}
		p := goldenPlan(steps...)
		text := drawPlan(p, 80, set%2 == 0)
		drawn := 0
		for line := range strings.Lines(text) {
			if (strings.Contains(line, " topic  ") || strings.Contains(line, " acl    ")) && strings.HasPrefix(line, "  ") {
				drawn++
			}
		}
		if drawn != len(steps) {
			t.Fatalf("%d steps, %d drawn:\n%s", len(steps), drawn, text)
		}
		if said := strings.Contains(text, "No changes."); said != p.Empty() {
			t.Fatalf("says no changes: %v, empty: %v:\n%s", said, p.Empty(), text)
		}
	}
}
