package cluster

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"
)

type observation struct {
	ID            string               `json:"id"`
	Everyone      bool                 `json:"allow_everyone_if_no_acl_found"`
	SuperUsers    []string             `json:"super_users"`
	ACLs          []ACLRow             `json:"acls"`
	Principal     string               `json:"principal"`
	Host          string               `json:"host"`
	Operation     kmsg.ACLOperation    `json:"operation"`
	ResourceType  kmsg.ACLResourceType `json:"resource_type"`
	ResourceName  string               `json:"resource_name"`
	Allowed       bool                 `json:"allowed"`
	ClusterAnswer *bool                `json:"authorized_operations"`
}

// TestObservedRights holds the three questions against what a real broker did; there
// are no cases without WEIR_TEST_CONFORMANCE, which names the folder with them.
func TestObservedRights(t *testing.T) {
	root := os.Getenv("WEIR_TEST_CONFORMANCE")
	if root == "" {
		return
	}
	text, err := os.ReadFile(filepath.Join(root, "acl", "matrix.json"))
	if err != nil {
		t.Fatal(err)
	}
	var cases []observation
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) == 0 {
		t.Fatal("no observations")
	}
	for _, o := range cases {
		t.Run(o.ID, func(t *testing.T) {
			o.agrees(t)
		})
	}
	t.Logf("%d observations", len(cases))
}

// agrees holds the three questions against what the broker did.
func (o observation) agrees(t *testing.T) bool {
	t.Helper()
	s := NewACLSet(o.ACLs, ACLAssumptions{AllowEveryone: o.Everyone, SuperUsers: o.SuperUsers})
	r := ACLResource{o.ResourceType, o.ResourceName}
	d := s.Can(o.Principal, o.Host, o.Operation, r)
	type answer struct {
		question string
		allowed  bool
	}
	answers := []answer{
		{"can", d.Allowed},
		{"who-can", askWho(s.WhoCan(o.Operation, r), o)},
		{"what-can on the resource", askWhat(s.WhatCan(o.Principal, o.Host, &r), o)},
	}
	// Among all of a principal's lines, * stands for every name, so that something that
	// is called * has no line of its own.
	if o.ResourceName != AnyName {
		answers = append(answers, answer{"what-can", askWhat(s.WhatCan(o.Principal, o.Host, nil), o)})
	}
	ok := true
	for _, a := range answers {
		if a.allowed != o.Allowed {
			t.Errorf("%s: %s says %v, the broker said %v: %q", o.ID, a.question, a.allowed, o.Allowed, d.Chain)
			ok = false
		}
	}
	if len(d.Chain) == 0 {
		t.Errorf("%s: no reason", o.ID)
	}
	return ok
}

// askWho reads the answer for one principal and host as a person would: the line with
// both names, else the one of all others.
func askWho(lines []ACLPrincipal, o observation) bool {
	for _, p := range []string{o.Principal, EveryUser} {
		for _, h := range []string{o.Host, AnyHost} {
			for _, l := range lines {
				if l.Principal == p && l.Host == h {
					return l.Allowed
				}
			}
		}
	}
	return false
}

// askWhat reads the narrowest line that reaches the resource.
func askWhat(lines []ACLGrant, o observation) bool {
	best, allowed := -1, false
	for _, l := range lines {
		if l.ResourceType != o.ResourceType || l.Operation != o.Operation {
			continue
		}
		rank := -1
		switch {
		case l.PatternType == kmsg.ACLResourcePatternTypePrefixed && strings.HasPrefix(o.ResourceName, l.ResourceName):
			rank = 1 + len(l.ResourceName)
		case l.PatternType == kmsg.ACLResourcePatternTypeLiteral && l.ResourceName == o.ResourceName:
			rank = 1 << 20
		case l.PatternType == kmsg.ACLResourcePatternTypeLiteral && l.ResourceName == AnyName:
			rank = 0
		}
		if rank > best {
			best, allowed = rank, l.Allowed
		}
	}
	return allowed
}

func row(t testing.TB, line string) ACLRow {
	t.Helper()
	// PERMISSION OPERATION TYPE:NAME[…] PRINCIPAL HOST; a name that ends in … is a prefix.
	w := strings.Fields(line)
	if len(w) != 5 {
		t.Fatalf("row %q", line)
	}
	r := ACLRow{Principal: w[3], Host: w[4], PatternType: kmsg.ACLResourcePatternTypeLiteral}
	name, prefixed := strings.CutSuffix(w[2], "…")
	if prefixed {
		r.PatternType = kmsg.ACLResourcePatternTypePrefixed
	}
	res, err := ParseACLResource(name)
	if err != nil {
		t.Fatal(err)
	}
	r.ResourceType, r.ResourceName = res.Type, res.Name
	if r.Permission, err = kmsg.ParseACLPermissionType(w[0]); err != nil {
		t.Fatal(err)
	}
	if r.Operation, err = ParseACLOperation(w[1]); err != nil {
		t.Fatal(err)
	}
	return r
}

func rows(t testing.TB, lines ...string) []ACLRow {
	t.Helper()
	out := make([]ACLRow, len(lines))
	for i, l := range lines {
		out[i] = row(t, l)
	}
	return out
}

func TestCan(t *testing.T) {
	set := rows(t,
		"ALLOW READ topic:orders… User:billing *",
		"DENY READ topic:orders.secret User:* *",
		"ALLOW ALL topic:* User:ops 10.0.0.1",
		"ALLOW WRITE group:g User:odd *",
		"ALLOW CREATE cluster User:maker *",
		"DENY CREATE topic:orders.new User:maker *",
		"ALLOW WRITE topic:a… User:w *",
		"DENY WRITE topic:a User:w *",
		"ALLOW WRITE topic:b User:v *",
		"DENY ALL topic:b… User:v *",
		"ALLOW READ group:* User:odd *",
		"DENY CREATE_TOKENS user:User:odd User:odd *",
	)
	tests := []struct {
		principal, host, op, resource string
		want                          bool
		chain                         string
	}{
		{"User:billing", "1.1.1.1", "read", "topic:orders.placed", true, "ALLOW READ on topic orders (prefixed) for User:billing from *"},
		{"User:billing", "1.1.1.1", "describe", "topic:orders.placed", true, "READ implies DESCRIBE"},
		{"User:billing", "1.1.1.1", "read", "topic:orders.secret", false, "a matching DENY wins"},
		{"User:billing", "1.1.1.1", "describe", "topic:orders.secret", true, "READ implies DESCRIBE"},
		{"User:billing", "1.1.1.1", "READ", "topic:Orders.placed", false, "no row allows READ"},
		{"User:ops", "10.0.0.1", "alter-configs", "topic:x", true, "ALL contains ALTER_CONFIGS"},
		{"User:ops", "10.0.0.2", "alter-configs", "topic:x", false, "no row allows"},
		{"User:odd", "1.1.1.1", "describe", "group:g", true, "WRITE implies DESCRIBE"},
		{"User:maker", "1.1.1.1", "create", "topic:orders.new", true, "asks CREATE on the cluster first"},
		{"User:w", "1.1.1.1", "idempotent_write", "cluster", true, "ALLOW WRITE on topic a (prefixed)"},
		{"User:v", "1.1.1.1", "idempotent_write", "cluster", false, "they cover every WRITE"},
		{"User:odd", "1.1.1.1", "read", "group:any", true, "ALLOW READ on every group"},
		{"User:odd", "1.1.1.1", "read", "group:*", true, "ALLOW READ on every group"},
		{"User:odd", "1.1.1.1", "read", "group:*x", false, "no row of anybody reaches group *x"},
		{"User:odd", "1.1.1.1", "create-tokens", "user:User:odd", true, "tokens of its own"},
		{"User:v", "1.1.1.1", "describe-tokens", "user:User:odd", false, "no row allows DESCRIBE_TOKENS"},
		{"User:v", "1.1.1.1", "describe", "delegation-token:abc", false, "rows do not tell who that is"},
		{"User:root", "1.1.1.1", "alter", "cluster", true, "assumed to be a super user"},
	}
	s := NewACLSet(set, ACLAssumptions{SuperUsers: []string{"User:root"}})
	for _, tt := range tests {
		op, err := ParseACLOperation(tt.op)
		if err != nil {
			t.Fatal(err)
		}
		r, err := ParseACLResource(tt.resource)
		if err != nil {
			t.Fatal(err)
		}
		d := s.Can(tt.principal, tt.host, op, r)
		if d.Allowed != tt.want || !strings.Contains(strings.Join(d.Chain, "\n"), tt.chain) {
			t.Errorf("%s %s %s: %+v, want %v and %q", tt.principal, tt.op, tt.resource, d, tt.want, tt.chain)
		}
	}
	if d := cmp.Diff([]string{"allow.everyone.if.no.acl.found"}, s.Unknown()); d != "" {
		t.Error(d)
	}
	// The order of rows never matters.
	slices.Reverse(set)
	again := NewACLSet(append(set, set...), ACLAssumptions{SuperUsers: []string{"User:root"}})
	if d := cmp.Diff(s.WhatCan("User:billing", "1.1.1.1", nil), again.WhatCan("User:billing", "1.1.1.1", nil)); d != "" {
		t.Error(d)
	}
}

func TestReadACLs(t *testing.T) {
	const one = `{"permission":"allow","principal":"User:a","host":"*","resource_type":"transactional-id","pattern_type":"Prefixed","resource_name":"t-","operation":"Describe_Configs"}`
	want := []ACLRow{{
		Permission: kmsg.ACLPermissionTypeAllow, Principal: "User:a", Host: "*", ResourceType: kmsg.ACLResourceTypeTransactionalId,
		PatternType: kmsg.ACLResourcePatternTypePrefixed, ResourceName: "t-", Operation: kmsg.ACLOperationDescribeConfigs,
	}}
	for _, text := range []string{`[` + one + `]`, ` {"kind":"acl_list","acls":[` + one + `]}`, `{"rows":[` + one + `]}`} {
		got, err := ReadACLs(strings.NewReader(text), "f")
		if err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s:\n%s", text, d)
		}
		back, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := ReadACLs(strings.NewReader(string(back)), "f"); err != nil || !cmp.Equal(want, again) {
			t.Errorf("%s: does not come back: %v", back, err)
		}
	}
	if got, err := ReadACLs(strings.NewReader("[]"), "f"); err != nil || len(got) != 0 {
		t.Errorf("empty list: %v, %v", got, err)
	}
	for text, want := range map[string]string{
		``:                                     `read f: unexpected end of JSON input`,
		`[1]`:                                  `read f: row 1: json: cannot unmarshal number`,
		"[\n {]":                               `read f:2:3: invalid character`,
		`{}`:                                   `read f: no rows: expected a list, or an object with "acls"`,
		`[` + one + `,{"permission":"ALLOW"}]`: `read f: row 2: "principal" is missing`,
		`[` + strings.Replace(one, `"allow"`, `"any"`, 1) + `]`:             `read f: row 1: permission "any": use ALLOW or DENY`,
		`[` + strings.Replace(one, `"Prefixed"`, `"MATCH"`, 1) + `]`:        `read f: row 1: pattern_type "MATCH": use LITERAL or PREFIXED`,
		`[` + strings.Replace(one, `"Describe_Configs"`, `"sing"`, 1) + `]`: `read f: row 1: unknown operation "sing"`,
		`[` + strings.Replace(one, `"transactional-id"`, `"any"`, 1) + `]`:  `read f: row 1: unknown resource_type "any"`,
	} {
		if _, err := ReadACLs(strings.NewReader(text), "f"); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v, want %s…", text, err, want)
		}
	}
}

func TestValidateACL(t *testing.T) {
	good := rows(t,
		"ALLOW READ topic:orders.placed.v1 User:billing *",
		"DENY ALL topic:orders.… User:* 10.0.0.1",
		"ALLOW WRITE transactional-id:weir-replay-… User:CN=a,O=b fe80:0:0:0:0:0:0:1",
		"ALLOW ALTER cluster User:a *", "ALLOW READ topic:* User:a *", "ALLOW CREATE_TOKENS user:User:b User:a *",
	)
	for _, r := range good {
		if err := ValidateACL(r); err != nil {
			t.Errorf("%s: %v", r, err)
		}
	}
	change := func(f func(*ACLRow)) ACLRow {
		r := good[0]
		f(&r)
		return r
	}
	for want, r := range map[string]ACLRow{
		"has no type: write User:billing":      change(func(r *ACLRow) { r.Principal = "billing" }),
		"brokers know the type User only":      change(func(r *ACLRow) { r.Principal = "Role:billing" }),
		"has no name":                          change(func(r *ACLRow) { r.Principal = "User:" }),
		"know neither names nor ranges":        change(func(r *ACLRow) { r.Host = "127.0.0.0/8" }),
		"write it as they do: 0:0:0:0:0:0:0:1": change(func(r *ACLRow) { r.Host = "::1" }),
		"is no address":                        change(func(r *ACLRow) { r.Host = "" }),
		"the resource has no name":             change(func(r *ACLRow) { r.ResourceName = "" }),
		"cannot be the name of a topic":        change(func(r *ACLRow) { r.ResourceName = "bad name!" }),
		"PREFIXED * is a plain character":      change(func(r *ACLRow) { r.PatternType, r.ResourceName = kmsg.ACLResourcePatternTypePrefixed, "*" }),
		"IDEMPOTENT_WRITE means nothing on":    change(func(r *ACLRow) { r.Operation = kmsg.ACLOperationIdempotentWrite }),
		"use literal or prefixed":              change(func(r *ACLRow) { r.PatternType = kmsg.ACLResourcePatternTypeMatch }),
		"use ALLOW or DENY":                    change(func(r *ACLRow) { r.Permission = kmsg.ACLPermissionTypeAny }),
		"the only name of the cluster":         change(func(r *ACLRow) { r.ResourceType, r.Operation = kmsg.ACLResourceTypeCluster, kmsg.ACLOperationAlter }),
		"named with their type": change(func(r *ACLRow) {
			r.ResourceType, r.Operation = kmsg.ACLResourceTypeUser, kmsg.ACLOperationCreateTokens
		}),
	} {
		if err := ValidateACL(r); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", r, err, want)
		}
	}
}

func FuzzReadACLs(f *testing.F) {
	f.Add(`[{"permission":"ALLOW","principal":"User:a","host":"*","resource_type":"TOPIC","pattern_type":"LITERAL","resource_name":"t","operation":"READ"}]`)
	f.Add(`{"acls":[{"permission":"DENY","principal":"User:*","host":"","resource_type":"CLUSTER","pattern_type":"PREFIXED","resource_name":"*","operation":"ALL"}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		rows, err := ReadACLs(strings.NewReader(text), "f")
		if err != nil {
			return
		}
		s := NewACLSet(rows, ACLAssumptions{})
		for _, r := range rows {
			_ = ValidateACL(r)
			res := ACLResource{r.ResourceType, r.ResourceName}
			d := s.Can(r.Principal, r.Host, r.Operation, res)
			if r.Permission == kmsg.ACLPermissionTypeDeny && d.Allowed && d.Reason == ACLAllowed && r.PatternType == kmsg.ACLResourcePatternTypeLiteral &&
				r.Operation != kmsg.ACLOperationCreate && r.Operation != kmsg.ACLOperationIdempotentWrite {
				t.Fatalf("allowed against %s: %+v", r, d)
			}
			s.WhoCan(r.Operation, res)
		}
	})
}

// BenchmarkWhoCan asks 80,000 rows, the size of a large company's cluster.
func BenchmarkWhoCan(b *testing.B) {
	var all []ACLRow
	for i := range 20_000 {
		n := "t" + strings.Repeat("x", i%7) + string(rune('a'+i%26)) + "." + strings.Repeat("y", i%5)
		all = append(all, rows(b, "ALLOW READ topic:"+n+" User:a"+n+" *", "ALLOW WRITE topic:"+n+" User:b"+n+" *",
			"ALLOW READ topic:"+n+"… User:c"+n+" *", "ALLOW READ group:"+n+" User:a"+n+" *")...)
	}
	b.Run("index", func(b *testing.B) {
		for b.Loop() {
			NewACLSet(all, ACLAssumptions{})
		}
	})
	s := NewACLSet(all, ACLAssumptions{})
	b.Run("who", func(b *testing.B) {
		for b.Loop() {
			s.WhoCan(kmsg.ACLOperationWrite, ACLResource{kmsg.ACLResourceTypeTopic, all[1].ResourceName})
		}
	})
}
