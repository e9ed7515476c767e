package cluster_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/internal/kafkatest"
)

// bearer makes an unsecured token, which test brokers accept and nobody else should.
func bearer(user string, ends time.Time) string {
	enc := base64.RawURLEncoding.EncodeToString
	return enc([]byte(`{"alg":"none"}`)) + "." + enc(fmt.Appendf(nil, `{"sub":%q,"iat":%d,"exp":%d}`, user, time.Now().Unix()-1, ends.Unix())) + "."
}

// TestListeners goes through every way into an Apache Kafka and every way to miss it.
// The embedded broker has one listener at a time and other answers, so there are no
// cases without WEIR_TEST_BROKERS.
func TestListeners(t *testing.T) {
	if kafkatest.Real() == nil {
		return
	}
	secrets := map[string]string{
		"ALICE": kafkatest.AlicePassword, "ADMIN": kafkatest.AdminPassword, "WRONG": "wrong-password",
		"TOKEN": bearer("alice", time.Now().Add(time.Hour)), "OLD": bearer("alice", time.Now().Add(-time.Hour)),
	}
	options := cluster.Options{Getenv: func(k string) (string, bool) { v, ok := secrets[k]; return v, ok }}
	dir := os.Getenv("WEIR_TEST_TLS_DIR")
	ca := cluster.TLS{CA: filepath.Join(dir, "ca.pem")}
	mutual := cluster.TLS{CA: ca.CA, Cert: filepath.Join(dir, "client.pem"), Key: filepath.Join(dir, "client.key")}
	user := func(m cluster.Mechanism, name, secret string) cluster.SASL {
		return cluster.SASL{Mechanism: m, Username: name, Password: cluster.SecretFromEnv(secret)}
	}
	oauth := func(secret string) cluster.SASL {
		return cluster.SASL{Mechanism: cluster.OAuthBearer, Token: cluster.SecretFromEnv(secret)}
	}
	on := func(l kafkatest.Listener) []string {
		return strings.Split(os.Getenv(map[kafkatest.Listener]string{
			kafkatest.Plaintext: "WEIR_TEST_BROKERS", kafkatest.SASL: "WEIR_TEST_SASL_BROKERS",
			kafkatest.SSL: "WEIR_TEST_SSL_BROKERS", kafkatest.SASLSSL: "WEIR_TEST_SASL_SSL_BROKERS",
		}[l]), ",")
	}
	controller := []string{os.Getenv("WEIR_TEST_CONTROLLER")}
	works := cluster.Class(-1)
	tests := []struct {
		name    string
		brokers []string
		proto   cluster.Protocol
		tls     cluster.TLS
		sasl    cluster.SASL
		want    cluster.Class
		text    string
		hint    string
	}{
		{name: "plaintext", brokers: on(kafkatest.Plaintext), want: works},
		{name: "plain", brokers: on(kafkatest.SASL), proto: cluster.SASLPlaintext, sasl: user(cluster.Plain, "alice", "ALICE"), want: works},
		{name: "scram 256", brokers: on(kafkatest.SASL), proto: cluster.SASLPlaintext, sasl: user(cluster.Scram256, "alice", "ALICE"), want: works},
		{name: "scram 512", brokers: on(kafkatest.SASL), proto: cluster.SASLPlaintext, sasl: user(cluster.Scram512, "alice", "ALICE"), want: works},
		{name: "oauthbearer", brokers: on(kafkatest.SASL), proto: cluster.SASLPlaintext, sasl: oauth("TOKEN"), want: works},
		{name: "mutual TLS", brokers: on(kafkatest.SSL), tls: mutual, want: works},
		{name: "sasl over TLS", brokers: on(kafkatest.SASLSSL), tls: ca, sasl: user(cluster.Scram512, "admin", "ADMIN"), want: works},

		{name: "wrong plain password", brokers: on(kafkatest.SASL), proto: cluster.SASLPlaintext, sasl: user(cluster.Plain, "alice", "WRONG"), want: cluster.Unauthenticated, text: "SASL_AUTHENTICATION_FAILED"},
		{name: "wrong scram password", brokers: on(kafkatest.SASL), proto: cluster.SASLPlaintext, sasl: user(cluster.Scram512, "alice", "WRONG"), want: cluster.Unauthenticated, text: "SASL_AUTHENTICATION_FAILED"},
		{name: "unknown user", brokers: on(kafkatest.SASL), proto: cluster.SASLPlaintext, sasl: user(cluster.Scram256, "nobody", "ALICE"), want: cluster.Unauthenticated},
		{name: "expired token", brokers: on(kafkatest.SASL), proto: cluster.SASLPlaintext, sasl: oauth("OLD"), want: cluster.Unauthenticated, hint: "token"},
		{name: "mechanism not offered", brokers: on(kafkatest.SASLSSL), tls: ca, sasl: cluster.SASL{Mechanism: cluster.AWSMSKIAM}, want: cluster.Misconfigured},

		{name: "plaintext client, SASL port", brokers: on(kafkatest.SASL), want: cluster.Misconfigured, hint: "SASL or not"},
		{name: "plaintext client, TLS port", brokers: on(kafkatest.SSL), want: cluster.Misconfigured, text: "speaks TLS", hint: "SSL or SASL_SSL"},
		{name: "TLS client, plaintext port", brokers: on(kafkatest.Plaintext), tls: ca, want: cluster.Misconfigured, text: "does not speak TLS", hint: "PLAINTEXT"},
		{name: "SASL client, plaintext port", brokers: on(kafkatest.Plaintext), proto: cluster.SASLPlaintext, sasl: user(cluster.Plain, "alice", "ALICE"), want: cluster.Misconfigured},
		{name: "no client certificate", brokers: on(kafkatest.SSL), tls: ca, want: cluster.Misconfigured, hint: "client certificate"},
		{name: "unknown authority", brokers: on(kafkatest.SSL), tls: cluster.TLS{Enabled: true}, want: cluster.Misconfigured, text: "unknown authority", hint: "tls.ca"},
		{name: "controller port", brokers: controller, want: cluster.Misconfigured, hint: "controller"},
	}
	for _, tt := range tests {
		if tt.name == "controller port" && strings.HasPrefix(os.Getenv("WEIR_TEST_VERSION"), "2.") {
			continue // with ZooKeeper there is none
		}
		t.Run(tt.name, func(t *testing.T) {
			p := cluster.Profile{Brokers: tt.brokers, SecurityProtocol: tt.proto, TLS: tt.tls, SASL: tt.sasl}
			o := options
			if tt.sasl.Mechanism == cluster.AWSMSKIAM {
				o.Getenv = func(string) (string, bool) { return "eu-west-1", true }
			}
			start := time.Now()
			c, err := cluster.Open(t.Context(), p, o)
			took := time.Since(start).Round(time.Millisecond)
			c.Close()
			var e *cluster.Error
			errors.As(err, &e)
			switch {
			case tt.want == works:
				if err != nil {
					t.Errorf("%v\nhint: %s", err, e.Hint())
				}
				return
			case e == nil:
				t.Fatalf("got %v", err)
			}
			t.Logf("%s: %s: %v | hint: %s", took, e.Code(), err, e.Hint())
			if e.Class != tt.want || !strings.Contains(e.Error(), tt.text) || !strings.Contains(e.Hint(), tt.hint) || e.Hint() == "" {
				t.Errorf("class %v, want %v, text with %q, hint with %q", e.Class, tt.want, tt.text, tt.hint)
			}
			if took > time.Second {
				t.Errorf("took %s", took)
			}
			for _, s := range secrets {
				if strings.Contains(err.Error()+e.Hint(), s) {
					t.Error("the error shows a secret")
				}
			}
		})
	}
}
