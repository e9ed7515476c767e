package config

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// world is a home, a project in a git tree and an environment.
type world struct {
	t    *testing.T
	home string
	dir  string
	vars map[string]string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	top := t.TempDir()
	w := &world{t: t, home: filepath.Join(top, "home"), dir: filepath.Join(top, "repo", "sub"), vars: map[string]string{}}
	for _, d := range []string{w.home, w.dir, filepath.Join(top, "repo", ".git")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

func (w *world) write(path, text string) {
	w.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) user(text string) {
	w.write(filepath.Join(w.home, ".config", "weir", "config.yaml"), text)
}

func (w *world) project(text string) {
	w.write(filepath.Join(filepath.Dir(w.dir), "weir.yaml"), text)
}

func (w *world) load(f Flags) (*Config, error) {
	return Load(&f, Environment{Getenv: func(n string) string { return w.vars[n] }, Dir: w.dir, Home: w.home})
}

const twoProfiles = `
current_profile: dev
profiles:
  dev: {brokers: ["dev:9092"]}
  prod:
    brokers: ["prod:9093"]
    security_protocol: SASL_SSL
    sasl: {mechanism: SCRAM-SHA-512, username: ops, password: {env: PW}}
    cluster_id: abc
    protected: true
`

func TestConnectionPrecedence(t *testing.T) {
	w := newWorld(t)
	w.user(twoProfiles)
	w.project("profile: prod\n")
	w.vars["WEIR_BROKERS"] = "env:9092"
	w.vars["WEIR_PROFILE"] = "dev"
	w.vars["KAFKA_BROKERS"] = "kafka:9092"
	flags := Flags{Brokers: []string{"flag:9092"}, Profile: "prod"}

	// Each step takes away what won before and names what wins now.
	steps := []struct {
		broker, source string
		drop           func()
	}{
		{"flag:9092", "-b over profile prod", func() { flags.Profile = "" }},
		{"flag:9092", "-b", func() { flags.Brokers, flags.Profile = nil, "prod" }},
		{"prod:9093", "profile prod", func() { flags.Profile = "" }},
		{"env:9092", "WEIR_BROKERS", func() { delete(w.vars, "WEIR_BROKERS") }},
		{"dev:9092", "profile dev", func() { delete(w.vars, "WEIR_PROFILE") }},
		{"prod:9093", "profile prod", func() { w.project("compat: {mode: FULL}\n") }},
		{"dev:9092", "profile dev", func() { w.user("profiles: {}\n") }},
		{"kafka:9092", "KAFKA_BROKERS", func() { delete(w.vars, "KAFKA_BROKERS") }},
	}
	for i, s := range steps {
		c, err := w.load(flags)
		if err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
		p, err := c.Connection()
		if err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
		if p.Brokers[0] != s.broker || !strings.HasPrefix(p.Source, s.source) {
			t.Errorf("step %d: %v from %q, want %s from %q", i, p.Brokers, p.Source, s.broker, s.source)
		}
		s.drop()
	}
	c, err := w.load(flags)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Connection(); err == nil || !strings.Contains(err.Error(), "no cluster is named") {
		t.Errorf("without any source: %v", err)
	}
}

// Settings of one source never meet those of another.
func TestConnectionIsNeverMixed(t *testing.T) {
	w := newWorld(t)
	w.user(twoProfiles)
	for name, f := range map[string]Flags{
		"-X with --profile":                {Profile: "prod", X: []string{"client.id=x"}},
		"--command-config with --profile":  {Profile: "prod", CommandConfig: "c.properties"},
		"-b over a profile without a pin":  {Profile: "dev", Brokers: []string{"b:1"}},
		"-X without brokers":               {X: []string{"client.id=x"}},
		"-b with -X and --profile":         {Brokers: []string{"b:1"}, Profile: "prod", X: []string{"client.id=x"}},
		"a literal secret":                 {Brokers: []string{"b:1"}, X: []string{"sasl.password=hunter2"}},
		"a profile that does not exist":    {Profile: "prd"},
		"a user file that does not exist":  {ConfigFile: "nowhere.yaml"},
		"-X without a value":               {Brokers: []string{"b:1"}, X: []string{"client.id"}},
		"--command-config that is missing": {CommandConfig: "nowhere.properties"},
	} {
		c, err := w.load(f)
		if err == nil {
			_, err = c.Connection()
		}
		if err == nil {
			t.Errorf("%s: accepted", name)
			continue
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error repeats the secret: %v", name, err)
		}
	}
	// The environment's credentials do not leak into -b.
	w.vars["WEIR_SASL_USERNAME"], w.vars["WEIR_SASL_PASSWORD"] = "u", "p"
	c, err := w.load(Flags{Brokers: []string{"b:1"}})
	if err != nil {
		t.Fatal(err)
	}
	p, err := c.Connection()
	if err != nil || !p.SASL.IsZero() {
		t.Errorf("-b took credentials from the environment: %+v %v", p, err)
	}
}

func TestStrictFiles(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"scope prefix":     {"scope: {prefixes: [acme.sales]}\n", `:1:20: scope.prefixes: "acme.sales" ends in no delimiter`},
		"perspective glob": {"catalog:\n  perspective: [{match: \"x[\", is: client}]\n", `catalog.perspective: match: "x[" is not a pattern`},
		"sources glob":     {"catalog:\n  sources: {\"x[\": {dialect: specmesh}}\n", `catalog.sources: "x[" is not a pattern`},
		"scope glob":       {"scope:\n  ignore: [a, \"[big\"]\n", `:2:15: scope.ignore: "[big" is not a pattern`},
		"unknown key":      {"profiles:\n  dev:\n    borkers: [a]\n", `:3:5: unknown key "borkers"; did you mean "brokers"?`},
		"unknown section":  {"compatt: {}\n", `:1:1: unknown key "compatt"; did you mean "compat"?`},
		"doubled key":      {"profile: a\nprofile: b\n", `:2:1: the key "profile" stands twice`},
		"wrong shape":      {"profiles: [a]\n", `:1:11: a mapping is needed here`},
		"scalar for list":  {"catalog:\n  paths: x\n", `:2:10: a list is needed here`},
		"second document":  {"profile: a\n---\nprofile: b\n", `:2:1: a second YAML document`},
		"alias":            {"profile: &x a\ncurrent_profile: *x\n", `:2:18: aliases are not used in configuration`},
		"literal secret":   {"profiles: {p: {brokers: [a], sasl: {password: hunter2}}}\n", `weir.yaml:1:47: a literal secret is refused`},
		"broken":           {"profiles: {\n", `weir.yaml:2:1: did not find`},
		"tab":              {"profiles:\n\tx: 1\n", `weir.yaml:2:1: found character that cannot start any token; a tab does not indent`},
		"no bool":          {"profiles:\n  p: {brokers: [a], protected: maybe}\n", `weir.yaml:2:32: true or false is needed here, not "maybe"`},
		"no number":        {"compat:\n  history: many\n", `weir.yaml:2:12: a whole number is needed here, not "many"`},
		"unknown word":     {"profiles:\n  p: {brokers: [a], tls: {verify: maybe}}\n", `weir.yaml:2:35: unknown verification "maybe"`},
		"nameless":         {"profiles: {\"\": {brokers: [a]}}\n", `weir.yaml:1:12: an empty name`},
	} {
		w := newWorld(t)
		w.project(c.text)
		_, err := w.load(Flags{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s repeats the secret: %v", name, err)
		}
	}
}

// A cloned repository must not start programs; the operator's own file may.
func TestProjectFileStartsNoPrograms(t *testing.T) {
	const file = "profiles: {p: {brokers: [a], security_protocol: SASL_SSL, sasl: {mechanism: PLAIN, username: u, password: {command: \"touch pwned\"}}}}\n"
	w := newWorld(t)
	w.project(file)
	c, err := w.load(Flags{Profile: "p"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Connection(); err == nil || !strings.Contains(err.Error(), "may not start programs") {
		t.Errorf("project file: %v", err)
	}
	w = newWorld(t)
	w.user(file)
	if c, err = w.load(Flags{Profile: "p"}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Connection(); err != nil {
		t.Errorf("user file: %v", err)
	}
	for _, key := range []string{"password", "token"} {
		w = newWorld(t)
		w.project("compat: {registry: {" + key + ": {command: \"touch pwned\"}}}\n")
		if c, err = w.load(Flags{}); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Registry(); err == nil || !strings.Contains(err.Error(), "may not start programs") {
			t.Errorf("registry %s: %v", key, err)
		}
	}
	w = newWorld(t)
	w.project("compat: {registry: {password: {file: pw}, ca: ca.pem}}\n")
	if c, err = w.load(Flags{}); err != nil {
		t.Fatal(err)
	}
	r, err := c.Registry()
	if want := filepath.Join(c.Root, "pw"); err != nil || r.Password.Origin() != "file "+want || r.CA != filepath.Join(c.Root, "ca.pem") {
		t.Errorf("registry's files: %s and %s, %v", r.Password.Origin(), r.CA, err)
	}
}

// Outside a git tree only the current directory counts.
func TestProjectFileOutsideGit(t *testing.T) {
	w := newWorld(t)
	w.project("profile: prod\n")
	if err := os.RemoveAll(filepath.Join(filepath.Dir(w.dir), ".git")); err != nil {
		t.Fatal(err)
	}
	c, err := w.load(Flags{})
	if err != nil {
		t.Fatal(err)
	}
	if c.Root != "" {
		t.Errorf("took weir.yaml from the parent folder %s", c.Root)
	}
	w.write(filepath.Join(w.dir, "weir.yaml"), "profile: prod\n")
	if c, err = w.load(Flags{}); err != nil || c.Root != w.dir {
		t.Errorf("root %q, %v", c.Root, err)
	}
}

func TestErrorsNameTheVariable(t *testing.T) {
	for name, value := range map[string]string{"WEIR_SECURITY_PROTOCOL": "bogus", "WEIR_COMMAND_CONFIG": "/nowhere"} {
		w := newWorld(t)
		w.vars["WEIR_BROKERS"], w.vars[name] = "a:1", value
		c, err := w.load(Flags{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Connection(); err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "-X") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestProjectFileThatLeadsNowhere(t *testing.T) {
	w := newWorld(t)
	path := filepath.Join(filepath.Dir(w.dir), "weir.yaml")
	if err := os.Symlink(filepath.Join(t.TempDir(), "gone"), path); err != nil {
		t.Fatal(err)
	}
	if _, err := w.load(Flags{}); err == nil || !strings.Contains(err.Error(), "weir.yaml: no such file") {
		t.Errorf("got %v", err)
	}
}

// TestUserFileThatLeadsNowhere: its guards and its audit log would be gone unseen.
func TestUserFileThatLeadsNowhere(t *testing.T) {
	w := newWorld(t)
	w.user("")
	path := filepath.Join(w.home, ".config", "weir", "config.yaml")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := w.load(Flags{}); err != nil {
		t.Errorf("no file at all: %v", err)
	}
	if err := os.Symlink(filepath.Join(t.TempDir(), "gone"), path); err != nil {
		t.Fatal(err)
	}
	if _, err := w.load(Flags{}); err == nil || !strings.Contains(err.Error(), "config.yaml: the link leads to no file") {
		t.Errorf("got %v", err)
	}
}

func TestAlone(t *testing.T) {
	w := newWorld(t)
	w.project("profile: prod\n")
	c, err := Load(&Flags{}, Environment{Getenv: func(string) string { return "" }, Dir: w.dir, Alone: true})
	if err != nil || c.Root != "" {
		t.Errorf("weir.yaml of %q above the folder, %v", c.Root, err)
	}
}

// TestArgumentWithoutValue: what stands behind a wrong sign may be a secret.
func TestArgumentWithoutValue(t *testing.T) {
	w := newWorld(t)
	for x, want := range map[string]string{
		"sasl.password:hunter2": "-X sasl.password... has no value",
		"sasl.password hunter2": "-X sasl.password... has no value",
		"sasl.password":         "-X sasl.password has no value",
		"hunter2":               "-X: an argument has no value",
		"sasl.password.hunter2": "-X: an argument has no value",
		"":                      "-X: an argument has no value",
	} {
		c, err := w.load(Flags{Brokers: []string{"a:1"}, X: []string{x}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Connection(); err == nil || err.Error() != want {
			t.Errorf("-X %q: got %v, want %s", x, err, want)
		}
	}
}

// TestUnknownProfileSaysWhoNamesIt: a name that is not on the command line is hard to find.
func TestUnknownProfileSaysWhoNamesIt(t *testing.T) {
	for origin, set := range map[string]func(*world){
		"WEIR_PROFILE": func(w *world) { w.vars["WEIR_PROFILE"] = "x" },
		"weir.yaml":    func(w *world) { w.project("profile: x\n") },
		"config.yaml":  func(w *world) { w.user("current_profile: x\n") },
	} {
		w := newWorld(t)
		set(w)
		c, err := w.load(Flags{})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Connection()
		if err == nil || !strings.HasPrefix(err.Error(), `unknown profile "x", named by `) || !strings.HasSuffix(err.Error(), origin) {
			t.Errorf("%s: got %v", origin, err)
		}
	}
	w := newWorld(t)
	c, err := w.load(Flags{Profile: "x"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Connection(); err == nil || err.Error() != `unknown profile "x"` {
		t.Errorf("got %v", err)
	}
}

func TestSetCurrentProfileKeepsALink(t *testing.T) {
	w := newWorld(t)
	dotfile := filepath.Join(w.home, "dotfiles", "weir.yaml")
	w.write(dotfile, twoProfiles)
	link := filepath.Join(w.home, ".config", "weir", "config.yaml")
	if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(dotfile, link); err != nil {
		if runtime.GOOS == "windows" {
			t.Skip("Windows lets only those make symbolic links who have the right to")
		}
		t.Fatal(err)
	}
	c, err := w.load(Flags{})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.SetCurrentProfile("prod"); err != nil {
		t.Fatal(err)
	}
	if to, err := os.Readlink(link); err != nil || to != dotfile {
		t.Errorf("the link leads to %q, %v", to, err)
	}
	if b, err := os.ReadFile(dotfile); err != nil || !strings.Contains(string(b), "current_profile: prod") {
		t.Errorf("got %s, %v", b, err)
	}
}

func TestSetCurrentProfileKeepsTheFile(t *testing.T) {
	w := newWorld(t)
	w.user("# mine\nprofiles:\n  dev: {brokers: [\"dev:9092\"]} # the small one\n")
	c, err := w.load(Flags{})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.SetCurrentProfile("dev"); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(c.UserPath)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"# mine", "current_profile: dev", "# the small one"} {
		if !strings.Contains(string(b), want) {
			t.Errorf("%q is gone:\n%s", want, b)
		}
	}
	if fi, err := os.Stat(c.UserPath); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", fi.Mode(), err)
	}
	c2, err := w.load(Flags{})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff("dev", c2.User.CurrentProfile); d != "" {
		t.Error(d)
	}
}

// TestSettingsLeavesNothingOut: a setting that is in force and not shown is looked for in vain.
func TestSettingsLeavesNothingOut(t *testing.T) {
	w := newWorld(t)
	full := strings.NewReplacer("DRIVE", filepath.VolumeName(t.TempDir())).Replace // Windows' full paths begin with one
	w.user(full(`
profiles:
  all:
    brokers: ["a:1", "b:2"]
    client_id: me
    environment: prod
    cluster_id: abc
    protected: true
    tls: {enabled: true, ca: DRIVE/ca, cert: DRIVE/c, key: DRIVE/k, key_password: {env: KP}, server_name: x, verify: ca, truststore: {file: DRIVE/t, type: JKS, password: {file: DRIVE/tp}}, keystore: {file: DRIVE/ks, type: PEM, password: {command: echo hunter2}}}
    sasl: {mechanism: OAUTHBEARER, username: u, password: {env: PW}, token: {env: TOK}, extensions: {logicalCluster: lkc}, token_auth: true, aws_profile: ops}
dlt: {dialects: [{name: house, topic: {header: x-from}}]}
audit: {file: DRIVE/mine.jsonl}
`))
	w.project(full(`
profile: all
catalog:
  paths: [a, b]
  ref_root: .
  allow_remote: [x.example]
  perspective: [{match: "a/*", is: client}]
  env: {prod: {overlays: [o.yaml]}}
  limits: {document_bytes: 5, depth: 6, nodes: 7, files: 8}
  severities: {topic/x: warning}
  sources: {"legacy/*": {dialect: specmesh}}
compat:
  against: registry:https://u:hunter2@reg/x
  mode: FULL
  fail_on: error
  unproven: warn
  content_model: open
  json_format_keyword: annotation
  defaults: required
  protobuf_profile: wire
  history: 3
  registry: {url: "https://reg", username: ru, password: {env: RP}, token: {file: DRIVE/rt}, ca: DRIVE/rca, cert: DRIVE/rc, key: DRIVE/rk}
scope: {prefixes: [a.], ignore: ["b*"]}
waivers: [{rule: r/x, target: t, fingerprint: f, reason: because, until: "2030-01-01", owner: me}]
audit: {topic: audit}
`))
	c, err := w.load(Flags{})
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	origins := map[string]string{}
	for _, s := range c.Settings()[2:] {
		got.WriteString(s.Key + "=" + s.Value + "\n")
		origins[s.Key] = s.Origin
	}
	const want = `connection.profile=all
connection.brokers=a:1,b:2
connection.security_protocol=SASL_SSL
connection.tls.enabled=true
connection.tls.ca=DRIVE/ca
connection.tls.cert=DRIVE/c
connection.tls.key=DRIVE/k
connection.tls.key_password=env KP
connection.tls.server_name=x
connection.tls.verify=ca
connection.tls.truststore.file=DRIVE/t
connection.tls.truststore.type=JKS
connection.tls.truststore.password=file DRIVE/tp
connection.tls.keystore.file=DRIVE/ks
connection.tls.keystore.type=PEM
connection.tls.keystore.password=command
connection.sasl.mechanism=OAUTHBEARER
connection.sasl.username=u
connection.sasl.password=env PW
connection.sasl.token=env TOK
connection.sasl.extensions.logicalCluster=lkc
connection.sasl.token_auth=true
connection.sasl.aws_profile=ops
connection.client_id=me
connection.cluster_id=abc
connection.protected=true
connection.environment=prod
connection.read_only=false
catalog.paths=a,b
catalog.ref_root=.
catalog.allow_remote=x.example
catalog.perspective[0].match=a/*
catalog.perspective[0].is=client
catalog.env.prod.overlays=o.yaml
catalog.limits.document_bytes=5
catalog.limits.depth=6
catalog.limits.nodes=7
catalog.limits.files=8
catalog.severities.topic/x=warning
catalog.sources.legacy/*.dialect=specmesh
compat.against=registry:https://***@reg/x
compat.mode=FULL
compat.fail_on=error
compat.unproven=warn
compat.content_model=open
compat.json_format_keyword=annotation
compat.defaults=required
compat.protobuf_profile=wire
compat.history=3
compat.registry.url=https://reg
compat.registry.username=ru
compat.registry.password=env RP
compat.registry.token=file DRIVE/rt
compat.registry.ca=DRIVE/rca
compat.registry.cert=DRIVE/rc
compat.registry.key=DRIVE/rk
scope.prefixes=a.
scope.ignore=b*
waivers[0].rule=r/x
waivers[0].target=t
waivers[0].fingerprint=f
waivers[0].reason=because
waivers[0].until=2030-01-01
waivers[0].owner=me
audit.file=DRIVE/mine.jsonl
audit.topic=audit
dlt.dialects[0].name=house
`
	if d := cmp.Diff(full(want), got.String()); d != "" {
		t.Errorf("settings (-want +got):\n%s", d)
	}
	for key, file := range map[string]string{"audit.file": c.User.Path, "audit.topic": c.Project.Path, "scope.ignore": c.Project.Path, "dlt.dialects[0].name": c.User.Path, "connection.environment": "profile all in " + c.User.Path} {
		if origins[key] != file {
			t.Errorf("%s comes from %q, want %s", key, origins[key], file)
		}
	}
}
