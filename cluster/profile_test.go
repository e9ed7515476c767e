package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"
)

const canary = "hunter2-do-not-print"

// TestSecretNeverPrints feeds a profile whose every secret is a known literal through
// all ways Go prints a value.
func TestSecretNeverPrints(t *testing.T) {
	s := newSecret(secretLiteral, canary)
	p := Profile{
		Name: "prod", Brokers: []string{"b:9092"},
		TLS:  TLS{KeyPassword: s, Keystore: Store{File: "k.p12", Password: s}, Truststore: Store{File: "t.jks", Password: s}, keyPEM: s},
		SASL: SASL{Mechanism: Plain, Username: "u", Password: s, Token: s},
	}
	js, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	ym, err := yaml.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(h).Info("x", "profile", p, "secret", s, "pointer", &s)
	}
	out := string(js) + string(ym) + log.String()
	for _, v := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%T"} {
		out += fmt.Sprintf(v, p) + fmt.Sprintf(v, &p) + fmt.Sprintf(v, s) + fmt.Sprintf(v, &s)
	}
	if strings.Contains(out, canary) || strings.Contains(out, fmt.Sprintf("%x", canary)) {
		t.Errorf("the secret was printed:\n%s", out)
	}
	if !strings.Contains(string(js), redacted) || !strings.Contains(string(ym), redacted) {
		t.Errorf("that a secret is set must show:\n%s\n%s", js, ym)
	}
}

func TestSecretResolve(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pw")
	if err := os.WriteFile(file, []byte("from file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := func(k string) (string, bool) {
		v, ok := map[string]string{"PW": "from env", "EMPTY": ""}[k]
		return v, ok
	}
	tests := []struct {
		in, want, err string
	}{
		{"@" + file, "from file", ""},
		{"file:" + file, "from file", ""},
		{"env:PW", "from env", ""},
		{"cmd:echo from command", "from command", ""},
		{"env:EMPTY", "", "read secret sasl.password from env EMPTY: the environment variable is not set, or empty"},
		{"env:NONE", "", "read secret sasl.password from env NONE: the environment variable is not set, or empty"},
		{"@" + file + ".no", "", "read secret sasl.password from file " + file + ".no: no such file"},
		{"cmd:echo " + canary + " >&2; echo " + canary + "; exit 3", "", "read secret sasl.password from command: exit status 3"},
		{"cmd:true", "", "read secret sasl.password from command: it is empty"},
		{"cmd:head -c 300000 /dev/zero", "", "output"},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			s, err := ParseSecret("x", tt.in)
			if err != nil {
				t.Fatal(err)
			}
			got, err := s.Resolve(t.Context(), "sasl.password", env)
			if got != tt.want || !errContains(err, tt.err) {
				t.Errorf("got %.40q, %v; want %q, error with %q", got, err, tt.want, tt.err)
			}
			if err != nil && strings.Contains(err.Error(), canary) {
				t.Errorf("the error repeats the secret: %v", err)
			}
		})
	}
}

// TestSecretCommandEnds meets commands whose children outlive the shell and hold its output.
func TestSecretCommandEnds(t *testing.T) {
	soon, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	// The command's own limit, sooner.
	own, cancelOwn := context.WithTimeoutCause(t.Context(), 100*time.Millisecond, errSecretTimeout)
	defer cancelOwn()
	cancelled, cancelNow := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancelNow)
	for _, tt := range []struct {
		name, command string
		ctx           context.Context
		want          string
		is            error
	}{
		{"timeout", "sleep 10; echo late", soon, "", context.DeadlineExceeded},
		{"its own limit", "sleep 10; echo late", own, "", errSecretTimeout},
		{"cancelled", "sleep 10; echo late", cancelled, "", context.Canceled},
		{"an agent stays", "sleep 10 & echo token", t.Context(), "token", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			began := time.Now()
			got, err := SecretFromCommand(tt.command).Resolve(tt.ctx, "sasl.password", nil)
			if got != tt.want || !errors.Is(err, tt.is) {
				t.Errorf("got %q, %v; want %q, %v", got, err, tt.want, tt.is)
			}
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
}

func errContains(err error, want string) bool {
	if want == "" || err == nil {
		return (err == nil) == (want == "")
	}
	return strings.Contains(err.Error(), want)
}

func TestApplyX(t *testing.T) {
	tests := []struct {
		x    []string
		want Profile
		err  string
		hint string
	}{
		{
			// A kcat line as people paste it, the password excepted.
			x: []string{"security.protocol=sasl_ssl", "sasl.mechanisms=SCRAM-SHA-512", "sasl.username=a", "sasl.password=env:PW", "ssl.ca.location=/ca.pem", "api.version.request=true"},
			want: Profile{
				SecurityProtocol: SASLSSL, TLS: TLS{CA: "/ca.pem"},
				SASL: SASL{Mechanism: Scram512, Username: "a", Password: SecretFromEnv("PW")},
			},
		},
		{
			x:    []string{"bootstrap.servers=a:1, b:2,a:1", "ssl.endpoint.identification.algorithm=none", "ssl.keystore.location=k.jks", "ssl.keystore.type=jks"},
			want: Profile{Brokers: []string{"a:1", "b:2"}, TLS: TLS{Verify: VerifyCA, Keystore: Store{File: "k.jks", Type: "JKS"}}},
		},
		{x: []string{"enable.ssl.certificate.verification=false"}, want: Profile{TLS: TLS{Verify: VerifyNone}}},
		{x: []string{"sasl.password=" + canary}, err: "a literal secret is refused", hint: "-X sasl.password=@FILE, -X sasl.password=env:NAME or -X sasl.password=cmd:COMMAND"},
		{x: []string{"sasl.pasword=" + canary}, err: "unknown property", hint: "did you mean sasl.password?"},
		{x: []string{"sasl.mechanism=GSSAPI"}, err: "GSSAPI (Kerberos) is not supported", hint: "SCRAM-SHA-256"},
		{x: []string{"security.protocol=TLS"}, err: "unknown security protocol", hint: "SASL_SSL"},
		{x: []string{"sasl.jaas.config=x password=" + canary}, err: "not possible here", hint: "--command-config"},
		{x: []string{"zzz=1"}, err: "unknown property", hint: "-X list"},
	}
	for _, tt := range tests {
		t.Run(strings.Join(tt.x, " "), func(t *testing.T) {
			var p Profile
			var err error
			for _, x := range tt.x {
				k, v, _ := strings.Cut(x, "=")
				if err = ApplyX(&p, k, v); err != nil {
					break
				}
			}
			if tt.err == "" {
				if err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(tt.want, p, allowSecrets); d != "" {
					t.Errorf("profile (-want +got):\n%s", d)
				}
				return
			}
			e, ok := err.(*Error) //nolint:errorlint // the concrete type is the contract here
			if !ok || e.Class != Misconfigured || !strings.Contains(e.Error(), tt.err) || !strings.Contains(e.Hint(), tt.hint) {
				t.Fatalf("got %v (hint %q), want %q (hint %q)", err, hintOf(err), tt.err, tt.hint)
			}
			if strings.Contains(e.Error()+e.Hint(), canary) {
				t.Errorf("the error repeats the value: %v", e)
			}
		})
	}
}

var allowSecrets = cmp.AllowUnexported(Secret{}, secretValue{}, TLS{})

func hintOf(err error) string {
	if e, ok := err.(interface{ Hint() string }); ok {
		return e.Hint()
	}
	return ""
}

func TestXKeysAreSortedAndUnique(t *testing.T) {
	seen := map[string]bool{}
	prev := ""
	for _, k := range XKeys() {
		if k.Name < prev {
			t.Errorf("%s after %s", k.Name, prev)
		}
		prev = k.Name
		for _, n := range append([]string{k.Name}, k.Aliases...) {
			if seen[n] {
				t.Errorf("%s twice", n)
			}
			seen[n] = true
		}
		if k.Help == "" || k.Values == "" {
			t.Errorf("%s has no help or values", k.Name)
		}
	}
}

func TestReadProperties(t *testing.T) {
	tests := []struct {
		name, in string
		want     Profile
		warnings []string
		err      string
	}{
		{
			name: "scram with escapes and continuation",
			in: "# people's file\n" +
				"bootstrap.servers = a\\:9093,\\\n    b:9093\n" +
				"security.protocol:SASL_SSL\r\n" +
				"sasl.mechanism SCRAM-SHA-256\n" +
				`sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required \` + "\n" +
				`   username="alice" \` + "\n" +
				`   password="p\\"q\u0021;=";` + "\n" +
				"ssl.truststore.location=/t.jks\nssl.truststore.password=" + canary + "\n" +
				"ssl.endpoint.identification.algorithm=\nclient.id=me\n",
			want: Profile{
				Source: "f.properties", Brokers: []string{"a:9093", "b:9093"}, SecurityProtocol: SASLSSL, ClientID: "me",
				TLS:  TLS{Verify: VerifyCA, Truststore: Store{File: "/t.jks", Password: newSecret(secretLiteral, canary)}},
				SASL: SASL{Mechanism: Scram256, Username: "alice", Password: newSecret(secretLiteral, `p"q!;=`)},
			},
		},
		{
			name: "aws iam",
			in: "security.protocol=SASL_SSL\nsasl.mechanism=AWS_MSK_IAM\n" +
				"sasl.jaas.config=software.amazon.msk.auth.iam.IAMLoginModule required awsProfileName=\"ops\";\n" +
				"sasl.client.callback.handler.class=software.amazon.msk.auth.iam.IAMClientCallbackHandler\n",
			want: Profile{Source: "f.properties", SecurityProtocol: SASLSSL, SASL: SASL{Mechanism: AWSMSKIAM, AWSProfile: "ops"}},
		},
		{
			name: "oauth token in a file",
			in: "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=OAUTHBEARER\n" +
				"sasl.oauthbearer.token.endpoint.url=file:///run/token\n" +
				"sasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required extension_logicalCluster='lkc-1';\n",
			want: Profile{Source: "f.properties", SecurityProtocol: SASLPlaintext, SASL: SASL{Mechanism: OAuthBearer, Token: SecretFromFile("/run/token"), Extensions: map[string]string{"logicalCluster": "lkc-1"}}},
		},
		{
			name:     "java ignores what the protocol does not use",
			in:       "bootstrap.servers=a:1\nsasl.mechanism=PLAIN\nssl.keystore.location=k\nacks=all\nacks=1\n",
			want:     Profile{Source: "f.properties", Brokers: []string{"a:1"}, SecurityProtocol: Plaintext},
			warnings: []string{"f.properties:5: acks: set again", "f.properties:5: acks: ignored", "its sasl.* settings have no effect", "its ssl.* settings have no effect"},
		},
		{name: "kerberos", in: "security.protocol=SASL_SSL\nsasl.mechanism=GSSAPI\n", err: "f.properties:2 sasl.mechanism: the SASL mechanism GSSAPI"},
		{name: "kerberos key", in: "\nsasl.kerberos.service.name=kafka\n", err: "f.properties:2 sasl.kerberos.service.name: Kerberos"},
		{name: "provider class", in: "security.providers=com.x.Y\n", err: "f.properties:1 security.providers: weir cannot honour"},
		{name: "callback class", in: "sasl.login.callback.handler.class=com.x.Y\n", err: "cannot run the Java class com.x.Y"},
		{name: "kerberos module", in: "sasl.jaas.config=com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true;\n", err: "f.properties:1 sasl.jaas.config: Kerberos is not supported"},
		{name: "foreign module", in: "sasl.jaas.config=com.x.Module required;\n", err: "cannot run the login module com.x.Module"},
		{name: "module against mechanism", in: "security.protocol=SASL_SSL\nsasl.mechanism=PLAIN\nsasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required username=\"a\" password=\"" + canary + "\";\n", err: "f.properties:3 sasl.jaas.config: its login module does not belong"},
		{name: "role arn", in: "sasl.jaas.config=software.amazon.msk.auth.iam.IAMLoginModule required awsRoleArn=\"arn\";\n", err: "cannot honour the option awsRoleArn"},
		{name: "open quote", in: "sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required password=\"" + canary + "\n", err: "a quote is not closed"},
		{name: "identity provider", in: "sasl.oauthbearer.token.endpoint.url=https://idp/token\n", err: "does not run the exchange"},
		{name: "bad escape", in: "client.id=\\u12\n", err: "f.properties:1: a \\u escape"},
		{name: "too long", in: strings.Repeat("x", MaxProperties+1), err: "f.properties: larger than 1048576 bytes"},
		{
			name: "identity provider in the module", err: "f.properties:1 sasl.jaas.config: weir does not run the exchange",
			in: "sasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required clientId=a clientSecret=" + canary + ";\n",
		},
		{
			// Java wants the type said; without a value of their own the lines are joined with spaces.
			name: "inline PEM",
			in: "security.protocol=SSL\nssl.truststore.type=PEM\nssl.keystore.type=PEM\n" +
				"ssl.truststore.certificates=-----BEGIN X-----\\nAB\\nCD\\n-----END X-----\n" +
				"ssl.keystore.certificate.chain=-----BEGIN X----- \\\n AB \\\n CD \\\n -----END X-----\n" +
				"ssl.keystore.key=-----BEGIN Y----- AB CD -----END Y-----\n",
			want: Profile{Source: "f.properties", SecurityProtocol: SSL, TLS: TLS{
				caPEM: "-----BEGIN X-----\nAB\nCD\n-----END X-----\n", certPEM: "-----BEGIN X-----\nAB\nCD\n-----END X-----\n",
				keyPEM: newSecret(secretLiteral, "-----BEGIN Y-----\nAB\nCD\n-----END Y-----\n"),
			}},
		},
		{
			name: "inline PEM and a file", in: "security.protocol=SSL\nssl.keystore.location=k.p12\nssl.keystore.certificate.chain=x\n",
			err: "f.properties:3 ssl.keystore.certificate.chain: ssl.keystore.location is set as well",
		},
		{
			name: "a type without a store", in: "security.protocol=SSL\nssl.keystore.type=JKS\nssl.truststore.type=JKS\n",
			want: Profile{Source: "f.properties", SecurityProtocol: SSL},
		},
		{
			name: "Latin-1, as Java reads it", in: "client.id=gr\xfcn\n",
			want: Profile{Source: "f.properties", SecurityProtocol: Plaintext, ClientID: "grün"},
		},
		{
			name: "short file URL", in: "security.protocol=SASL_SSL\nsasl.mechanism=OAUTHBEARER\nsasl.oauthbearer.token.endpoint.url=file:/run/a%20b\n",
			want: Profile{Source: "f.properties", SecurityProtocol: SASLSSL, SASL: SASL{Mechanism: OAuthBearer, Token: SecretFromFile("/run/a b")}},
		},
		{
			name: "misspelt", in: "securty.protocol=SSL\n",
			want:     Profile{Source: "f.properties", SecurityProtocol: Plaintext},
			warnings: []string{"f.properties:1: securty.protocol: ignored: weir has no such setting; did you mean security.protocol?"},
		},
		{name: "config provider", in: "config.providers=f\nclient.id=${f:/x:y}\n", err: "refers to a config provider"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, warnings, err := ReadProperties(strings.NewReader(tt.in), "f.properties")
			if !errContains(err, tt.err) {
				t.Fatalf("error %v, want %q", err, tt.err)
			}
			if err != nil {
				if strings.Contains(err.Error()+hintOf(err), canary) {
					t.Errorf("the error repeats a secret: %v", err)
				}
				return
			}
			if d := cmp.Diff(tt.want, got, allowSecrets); d != "" {
				t.Errorf("profile (-want +got):\n%s", d)
			}
			if len(warnings) != len(tt.warnings) {
				t.Fatalf("warnings %q, want %q", warnings, tt.warnings)
			}
			for i, w := range tt.warnings {
				if !strings.Contains(warnings[i], w) {
					t.Errorf("warning %q, want %q", warnings[i], w)
				}
			}
		})
	}
}

func FuzzReadProperties(f *testing.F) {
	f.Add("a=b\\\n c\nsasl.jaas.config=x required a=\"b\\\"\";\n\\u00e4 : 1")
	f.Fuzz(func(_ *testing.T, s string) {
		_, _, _ = ReadProperties(strings.NewReader(s), "f")
	})
}

func TestProfileYAML(t *testing.T) {
	const good = `
brokers: [a:9092, "b:9093"]
tls: {ca: ca.pem, verify: CA}
sasl: {mechanism: scram-sha-256, username: u, password: {command: "vault read"}}
cluster_id: abc
protected: true
`
	var p Profile
	if err := yaml.Load([]byte(good), &p, yaml.WithV4Defaults()); err != nil {
		t.Fatal(err)
	}
	p.ResolvePaths("/etc/weir", "/home/a")
	want := Profile{
		Brokers: []string{"a:9092", "b:9093"}, TLS: TLS{CA: "/etc/weir/ca.pem", Verify: VerifyCA},
		SASL: SASL{Mechanism: Scram256, Username: "u", Password: SecretFromCommand("vault read")}, ClusterID: "abc", Protected: true,
	}
	if d := cmp.Diff(want, p, allowSecrets); d != "" {
		t.Errorf("profile (-want +got):\n%s", d)
	}
	if err := p.Validate(); err != nil {
		t.Error(err)
	}
	if p.Protocol() != SASLSSL {
		t.Errorf("credentials must not travel without TLS unless asked: %s", p.Protocol())
	}
	for in, wantErr := range map[string]string{
		"sasl: {password: " + canary + "}":            "literal secret is refused",
		"sasl: {password: {file: a, env: b}}":         "exactly one source",
		"sasl: {password: {vault: a}}":                `unknown key "vault"`,
		"sasl: {mechanism: GSSAPI}":                   "GSSAPI",
		"security_protocol: TLS":                      "unknown security protocol",
		"sasl:\n  username: u\n  password: " + canary: "line 3",
	} {
		var p Profile
		err := yaml.Load([]byte(in), &p, yaml.WithV4Defaults())
		if !errContains(err, wantErr) || strings.Contains(fmt.Sprint(err), canary) {
			t.Errorf("%q: error %v, want %q", in, err, wantErr)
		}
	}
}

func TestValidate(t *testing.T) {
	pw := SecretFromEnv("PW")
	tests := []struct {
		p   Profile
		err string
	}{
		{Profile{Brokers: []string{"a"}}, ""},
		{Profile{Brokers: []string{"[::1]:9092", "[::1]", "::1"}}, ""},
		{Profile{}, "no broker is named"},
		{Profile{Brokers: []string{"a:0"}}, "port"},
		{Profile{Brokers: []string{":9092"}}, "host is missing"},
		{Profile{Brokers: []string{"a@b:1"}}, "not a broker address"},
		{Profile{Brokers: []string{"::1:29092"}}, "an IPv6 address with a port is written [ADDRESS]:PORT"},
		{Profile{Brokers: []string{"PLAINTEXT://a:1"}}, ""},
		{Profile{Brokers: []string{"ssl://a:1,b:1"}, SecurityProtocol: SSL}, ""},
		{Profile{Brokers: []string{"b:1", "SSL://a:1"}}, `"SSL://a:1" contradicts the connection's security protocol, PLAINTEXT`},
		{Profile{Brokers: []string{"PLAINTEXT://a:1"}, TLS: TLS{CA: "x"}}, "contradicts the connection's security protocol, SSL"},
		{Profile{Brokers: []string{"SASL_SSL://a:1"}, SecurityProtocol: SSL}, "contradicts"},
		{Profile{Brokers: []string{"INTERNAL://a:1"}}, `"INTERNAL" is not a security protocol`},
		{Profile{Brokers: []string{"://a:1"}}, `"" is not a security protocol`},
		{Profile{Brokers: []string{"SSL://"}, SecurityProtocol: SSL}, "not a broker address"},
		{Profile{Brokers: []string{"a"}, SecurityProtocol: Plaintext, TLS: TLS{CA: "x"}}, "contradicts the tls"},
		{Profile{Brokers: []string{"a"}, SecurityProtocol: SSL, SASL: SASL{Username: "x"}}, "contradicts the sasl"},
		{Profile{Brokers: []string{"a"}, SASL: SASL{Username: "x"}}, "needs a mechanism"},
		{Profile{Brokers: []string{"a"}, SASL: SASL{Mechanism: Plain, Password: pw}}, "needs a user name"},
		{Profile{Brokers: []string{"a"}, SASL: SASL{Mechanism: Plain, Username: "x"}}, "needs a password"},
		{Profile{Brokers: []string{"a"}, SASL: SASL{Mechanism: OAuthBearer}}, "needs a token"},
		{Profile{Brokers: []string{"a"}, SecurityProtocol: SASLPlaintext, SASL: SASL{Mechanism: AWSMSKIAM}}, "over TLS only"},
		{Profile{Brokers: []string{"a"}, TLS: TLS{Cert: "x"}}, "needs its key"},
		{Profile{Brokers: []string{"a"}, TLS: TLS{Keystore: Store{Type: "JKS"}}}, "without a file"},
	}
	for _, tt := range tests {
		if err := tt.p.Validate(); !errContains(err, tt.err) {
			t.Errorf("%+v: %v, want %q", tt.p, err, tt.err)
		}
	}
}
