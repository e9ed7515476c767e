package cluster_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/finding"
	"github.com/weirhq/weir/internal/kafkatest"
)

func aclRow(principal string, op kmsg.ACLOperation, topic string) cluster.ACLRow {
	r := cluster.ACLRow{
		Permission: kmsg.ACLPermissionTypeAllow, Principal: principal, Host: "*", Operation: op, ResourceType: kmsg.ACLResourceTypeTopic,
		PatternType: kmsg.ACLResourcePatternTypeLiteral, ResourceName: topic,
	}
	if name, prefixed := strings.CutSuffix(topic, "…"); prefixed {
		r.PatternType, r.ResourceName = kmsg.ACLResourcePatternTypePrefixed, name
	}
	return r
}

func deny(r cluster.ACLRow) cluster.ACLRow {
	r.Permission = kmsg.ACLPermissionTypeDeny
	return r
}

func about(rows []cluster.ACLRow, prefix string) []cluster.ACLRow {
	return slices.DeleteFunc(rows, func(r cluster.ACLRow) bool { return !strings.HasPrefix(r.ResourceName, prefix) })
}

func statuses(c *cluster.ACLChange) []string {
	var out []string
	for _, s := range c.Steps {
		out = append(out, s.Status)
	}
	return out
}

func TestGrantAndRevoke(t *testing.T) {
	k := kafkatest.Start(t)
	c := dial(t, k)
	read := aclRow("User:a", kmsg.ACLOperationRead, k.Name("orders"))
	prefix := aclRow("User:b", kmsg.ACLOperationWrite, k.Name("orders.…"))
	other := aclRow("User:c", kmsg.ACLOperationRead, k.Name("orders"))

	have, err := c.ACLs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	change, err := cluster.PlanGrant(have, []cluster.ACLRow{read, prefix, other})
	if err != nil || change.Pending() != 3 {
		t.Fatalf("plan %+v, %v", change, err)
	}
	if err := c.CreateACLs(t.Context(), change); err != nil {
		t.Fatal(err)
	}
	if shown, err := c.ACLsSettled(t.Context(), change); err != nil || !shown {
		t.Fatalf("shown %v, %v", shown, err)
	}
	have, err = c.ACLs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]cluster.ACLRow{read, other, prefix}, about(slices.Clone(have), k.Prefix)); d != "" {
		t.Errorf("rows (-want +got):\n%s", d)
	}
	again, err := cluster.PlanGrant(have, []cluster.ACLRow{read})
	if err != nil || again.Pending() != 0 || again.Count(cluster.ACLExists) != 1 {
		t.Errorf("second grant plans %+v, %v", again, err)
	}

	// Revoking one row takes this row only, though others are about the same name.
	gone := cluster.PlanRevoke(have, []cluster.ACLRow{read, prefix})
	if err := c.DeleteACLs(t.Context(), gone); err != nil {
		t.Fatal(err)
	}
	if shown, err := c.ACLsSettled(t.Context(), gone); err != nil || !shown {
		t.Fatalf("shown %v, %v", shown, err)
	}
	left, err := c.ACLs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]cluster.ACLRow{other}, about(left, k.Prefix)); d != "" {
		t.Errorf("rows (-want +got):\n%s", d)
	}
	twice := cluster.PlanRevoke(have, []cluster.ACLRow{read})
	if err := c.DeleteACLs(t.Context(), twice); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{cluster.ACLAbsent}, statuses(twice)); d != "" {
		t.Errorf("a row that is gone already (-want +got):\n%s", d)
	}
}

func TestGrantWithoutRight(t *testing.T) {
	k := kafkatest.Start(t, kafkatest.On(kafkatest.SASL))
	c := asAlice(t, k)
	if _, err := c.ACLs(t.Context()); !unauthorised(err) || !strings.Contains(err.Error(), "DESCRIBE on Cluster") {
		t.Errorf("list: %v, want unauthorised, with the right that is missing", err)
	}
	change, err := cluster.PlanGrant(nil, []cluster.ACLRow{aclRow("User:a", kmsg.ACLOperationRead, k.Name("t"))})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.CreateACLs(t.Context(), change); !unauthorised(err) || !strings.Contains(err.Error(), "ALTER on Cluster") {
		t.Errorf("grant: %v, want unauthorised, with the right that is missing", err)
	}
	if d := cmp.Diff([]string{cluster.ACLFailed}, statuses(change)); d != "" {
		t.Error(d)
	}
}

func unauthorised(err error) bool {
	e, ok := errors.AsType[*cluster.Error](err)
	return ok && e.Class == cluster.Unauthorised
}

func TestPlanNotes(t *testing.T) {
	read := aclRow("User:a", kmsg.ACLOperationRead, "orders.placed")
	plan, err := cluster.PlanGrant([]cluster.ACLRow{deny(aclRow("User:*", kmsg.ACLOperationAll, "orders.…"))}, []cluster.ACLRow{read})
	if err != nil {
		t.Fatal(err)
	}
	if len(plan.Notes) != 1 || !strings.Contains(plan.Notes[0], "gives nothing: DENY ALL on topic orders. (prefixed) for User:* from * wins") {
		t.Errorf("notes %q: the DENY is not told", plan.Notes)
	}
	wide := aclRow("User:a", kmsg.ACLOperationAll, "*")
	revoke := cluster.PlanRevoke([]cluster.ACLRow{read, wide}, []cluster.ACLRow{read})
	if want := []string{"User:a keeps READ on topic orders.placed: ALLOW ALL on every topic for User:a from *"}; !slices.Equal(revoke.Notes, want) {
		t.Errorf("notes %q, want %q", revoke.Notes, want)
	}
	revoke = cluster.PlanRevoke([]cluster.ACLRow{read}, []cluster.ACLRow{read})
	if len(revoke.Notes) != 1 || !strings.Contains(revoke.Notes[0], "open to everyone afterwards") {
		t.Errorf("notes %q: the last row is not told", revoke.Notes)
	}
	if _, err := cluster.PlanGrant(nil, []cluster.ACLRow{aclRow("billing", kmsg.ACLOperationRead, "t")}); err == nil {
		t.Error("a principal without a type is planned")
	}
}

func TestBundles(t *testing.T) {
	topic := kmsg.ACLResourceTypeTopic
	literal := kmsg.ACLResourcePatternTypeLiteral
	q := cluster.ACLRequest{
		Permission: kmsg.ACLPermissionTypeAllow, Principals: []string{"User:a"},
		Patterns: []cluster.ACLPattern{{Type: topic, Name: "t", Pattern: literal}, {Type: kmsg.ACLResourceTypeGroup, Name: "g", Pattern: literal}, {Type: kmsg.ACLResourceTypeTransactionalId, Name: "x", Pattern: literal}},
	}
	text := func(rows []cluster.ACLRow) []string {
		var out []string
		for _, r := range rows {
			out = append(out, r.String())
		}
		return out
	}
	if d := cmp.Diff([]string{"ALLOW WRITE on topic t for User:a from *", "ALLOW WRITE on transactional-id x for User:a from *"}, text(cluster.ProducerACLs(q))); d != "" {
		t.Errorf("producer (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"ALLOW READ on topic t for User:a from *", "ALLOW READ on group g for User:a from *"}, text(cluster.ConsumerACLs(q))); d != "" {
		t.Errorf("consumer (-want +got):\n%s", d)
	}
}

func TestACLFilter(t *testing.T) {
	rows := []cluster.ACLRow{
		aclRow("User:a", kmsg.ACLOperationRead, "orders"), aclRow("User:b", kmsg.ACLOperationRead, "ord…"),
		aclRow("User:*", kmsg.ACLOperationRead, "*"), deny(aclRow("User:a", kmsg.ACLOperationRead, "orders.placed")),
	}
	pattern := func(name string, p kmsg.ACLResourcePatternType) cluster.ACLFilter {
		return cluster.ACLFilter{Patterns: []cluster.ACLPattern{{Type: kmsg.ACLResourceTypeTopic, Name: name, Pattern: p}}}
	}
	tests := map[string]struct {
		f    cluster.ACLFilter
		want []int
	}{
		"all":       {cluster.ACLFilter{}, []int{0, 1, 2, 3}},
		"literal":   {pattern("orders", kmsg.ACLResourcePatternTypeLiteral), []int{0}},
		"prefixed":  {pattern("ord", kmsg.ACLResourcePatternTypePrefixed), []int{1}},
		"match":     {pattern("orders", kmsg.ACLResourcePatternTypeMatch), []int{0, 1, 2}},
		"any":       {pattern("ord", kmsg.ACLResourcePatternTypeAny), []int{1}},
		"type":      {pattern("", kmsg.ACLResourcePatternTypeLiteral), []int{0, 1, 2, 3}},
		"principal": {cluster.ACLFilter{Principals: []string{"User:a"}}, []int{0, 3}},
		"deny":      {cluster.ACLFilter{Permission: kmsg.ACLPermissionTypeDeny}, []int{3}},
		"host":      {cluster.ACLFilter{Hosts: []string{"10.0.0.1"}}, nil},
		"operation": {cluster.ACLFilter{Operations: []kmsg.ACLOperation{kmsg.ACLOperationWrite}}, nil},
	}
	for name, tt := range tests {
		want := []cluster.ACLRow{}
		for _, i := range tt.want {
			want = append(want, rows[i])
		}
		if d := cmp.Diff(want, tt.f.Select(rows)); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

func TestAuditACLs(t *testing.T) {
	w := kmsg.ACLOperationWrite
	rows := []cluster.ACLRow{
		aclRow("User:orders", w, "orders.placed"), aclRow("User:legacy", kmsg.ACLOperationAll, "orders.…"), // two writers
		aclRow("User:one", w, "payments.done"), aclRow("User:ops", w, "*"), // one, and an administrator
		aclRow("User:*", kmsg.ACLOperationRead, "payments.done"),
		aclRow("User:x", kmsg.ACLOperationRead, "pay…"), // ends inside a word
		aclRow("User:gone", kmsg.ACLOperationRead, "orders.old"),
		aclRow("Role:x", kmsg.ACLOperationRead, "orders.placed"),
		aclRow("User:star", kmsg.ACLOperationRead, "*…"),
		aclRow("User:both", kmsg.ACLOperationRead, "…"),
	}
	rows[len(rows)-1].ResourceName = "o" // reaches orders and other
	found, skipped := cluster.NewACLSet(rows, cluster.ACLAssumptions{}).Audit(cluster.ACLAudit{
		Topics:     []string{"payments.done", "orders.placed", "other.thing"},
		SkipGroups: "not all groups may be seen",
		Owner:      func(topic string) string { return "team-" + topic[:2] },
		Admins:     []string{"User:ops"},
	})
	r := finding.NewReport(found, skipped)
	var got []string
	for _, f := range r.Findings {
		got = append(got, f.Rule+": "+f.Message)
	}
	want := []string{
		`acl/matches-nothing: ALLOW READ on topic orders.placed for Role:x from *: principal "Role:x": brokers know the type User only, in this spelling`,
		"acl/prefix-overreach: User:both has READ on topics of 2 owners: team-or (orders.placed), team-ot (other.thing)",
		"acl/prefix-overreach: ALLOW READ on topic * (prefixed) for User:star from * reaches only names that begin with a star",
		"acl/prefix-overreach: prefix pay ends inside a word and reaches payments.done",
		"acl/stale: topic orders.old does not exist, and User:gone has ALLOW READ on it",
		"acl/wildcard-principal: everybody has READ on topic payments.done",
		"acl/wildcard-resource: User:legacy has ALL on topic orders. (prefixed)",
		"own/single-producer: 2 principals can write: User:legacy, User:orders",
	}
	slices.Sort(want)
	slices.Sort(got)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("findings (-want +got):\n%s", d)
	}
	if len(r.Skipped) != 1 || r.Skipped[0].Reason != "not all groups may be seen" {
		t.Errorf("skipped %+v", r.Skipped)
	}
}

func TestGrantPartly(t *testing.T) {
	k := kafkatest.Start(t, kafkatest.Embedded())
	c := dial(t, k)
	// The first request answers row by row, the second is cut off.
	requests := 0
	k.Fake().ControlKey(int16(kmsg.CreateACLs), func(req kmsg.Request) (kmsg.Response, error, bool) {
		k.Fake().KeepControl()
		if requests++; requests > 1 {
			return nil, errors.New("cut"), true
		}
		r, ok := req.(*kmsg.CreateACLsRequest)
		if !ok {
			return nil, nil, false
		}
		resp, ok := r.ResponseKind().(*kmsg.CreateACLsResponse)
		if !ok {
			return nil, nil, false
		}
		for i := range r.Creations {
			result := kmsg.NewCreateACLsResponseResult()
			if i == 1 {
				result.ErrorCode, result.ErrorMessage = kerr.PolicyViolation.Code, new("no such\n right here")
			}
			resp.Results = append(resp.Results, result)
		}
		return resp, nil, true
	})
	var rows []cluster.ACLRow
	for i := range 2100 {
		rows = append(rows, aclRow("User:a", kmsg.ACLOperationRead, fmt.Sprintf("%s%04d", k.Prefix, i)))
	}
	change, err := cluster.PlanGrant(nil, rows)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.CreateACLs(t.Context(), change); err == nil {
		t.Error("a request that was cut off is no success")
	}
	counts := map[string]int{}
	for _, s := range change.Steps {
		counts[s.Status]++
	}
	// One row refused, the second batch unknown, the third never sent.
	if d := cmp.Diff(map[string]int{cluster.ACLCreated: 999, cluster.ACLFailed: 1001, cluster.ACLNotTried: 100}, counts); d != "" {
		t.Errorf("steps (-want +got):\n%s", d)
	}
	if got := change.Steps[1].Error; !strings.Contains(got, "POLICY_VIOLATION") || !strings.Contains(got, "(no such right here)") {
		t.Errorf("error %q: code and text of the broker are missing", got)
	}
	if got := change.Steps[1500].Error; !strings.HasPrefix(got, "not known whether it was done: ") {
		t.Errorf("error %q of a row that was sent and not answered", got)
	}
}
