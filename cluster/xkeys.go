package cluster

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/weirhq/weir/internal/suggest"
)

// XKey documents one property that -X accepts.
type XKey struct {
	Name    string   `json:"name"`
	Aliases []string `json:"aliases"`
	// Secret says that the value is @FILE, env:NAME or cmd:COMMAND, never the secret.
	Secret bool   `json:"secret"`
	Values string `json:"values"`
	Help   string `json:"help"`
}

// property is an XKey with what it does to a profile.
type property struct {
	XKey
	set       func(p *Profile, v string) error
	setSecret func(p *Profile, s Secret)
}

// properties is the table behind -X and, for the keys Java knows, behind
// --command-config. It is a function because a package keeps no mutable state.
func properties() []property {
	text := func(name, values, help string, at func(*Profile) *string) property {
		return property{XKey: XKey{Name: name, Values: values, Help: help}, set: func(p *Profile, v string) error {
			*at(p) = v
			return nil
		}}
	}
	secret := func(name, help string, at func(*Profile) *Secret) property {
		return property{XKey: XKey{Name: name, Secret: true, Values: "@FILE, env:NAME, cmd:COMMAND", Help: help}, setSecret: func(p *Profile, s Secret) { *at(p) = s }}
	}
	parsed := func(name, values, help string, set func(*Profile, string) error, aliases ...string) property {
		return property{XKey: XKey{Name: name, Aliases: aliases, Values: values, Help: help}, set: set}
	}
	return []property{
		parsed("bootstrap.servers", "HOST:PORT,...", "brokers to start from", func(p *Profile, v string) error {
			p.Brokers = ParseBrokers(v)
			return nil
		}, "metadata.broker.list", "bootstrap.server"),
		text("client.id", "TEXT", "name in the broker's logs and quotas instead of weir/<version>", func(p *Profile) *string { return &p.ClientID }),
		parsed("security.protocol", "PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL", "how to talk to the brokers; follows from the other keys when left out, and never sends credentials without TLS by itself", func(p *Profile, v string) error {
			x, err := ParseProtocol(v)
			p.SecurityProtocol = x
			return err
		}),
		parsed("sasl.mechanism", "PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER, AWS_MSK_IAM", "how to authenticate", func(p *Profile, v string) error {
			x, err := ParseMechanism(v)
			p.SASL.Mechanism = x
			return err
		}, "sasl.mechanisms"),
		text("sasl.username", "NAME", "user for PLAIN and SCRAM", func(p *Profile) *string { return &p.SASL.Username }),
		secret("sasl.password", "password for PLAIN and SCRAM", func(p *Profile) *Secret { return &p.SASL.Password }),
		secret("sasl.oauthbearer.token", "bearer token for OAUTHBEARER; a command is run for every connection", func(p *Profile) *Secret { return &p.SASL.Token }),
		parsed("sasl.oauthbearer.extensions", "KEY=VALUE,...", "SASL extensions sent with the token", func(p *Profile, v string) error {
			ext, err := parseExtensions(v)
			p.SASL.Extensions = ext
			return err
		}),
		text("sasl.aws.profile", "NAME", "profile of the AWS configuration for AWS_MSK_IAM", func(p *Profile) *string { return &p.SASL.AWSProfile }),
		text("ssl.ca.location", "FILE", "PEM file of the authorities to trust instead of the system's", func(p *Profile) *string { return &p.TLS.CA }),
		text("ssl.certificate.location", "FILE", "PEM file of the client certificate", func(p *Profile) *string { return &p.TLS.Cert }),
		text("ssl.key.location", "FILE", "PEM file of the client key", func(p *Profile) *string { return &p.TLS.Key }),
		secret("ssl.key.password", "password of the client key", func(p *Profile) *Secret { return &p.TLS.KeyPassword }),
		text("ssl.truststore.location", "FILE", "authorities to trust, as PEM, PKCS12 or JKS", func(p *Profile) *string { return &p.TLS.Truststore.File }),
		parsed("ssl.truststore.type", "PEM, PKCS12, JKS", "recognised by the content when left out", func(p *Profile, v string) error {
			return setStoreType(&p.TLS.Truststore, v)
		}),
		secret("ssl.truststore.password", "password of the truststore", func(p *Profile) *Secret { return &p.TLS.Truststore.Password }),
		text("ssl.keystore.location", "FILE", "client certificate and key, as PEM, PKCS12 or JKS", func(p *Profile) *string { return &p.TLS.Keystore.File }),
		parsed("ssl.keystore.type", "PEM, PKCS12, JKS", "recognised by the content when left out", func(p *Profile, v string) error {
			return setStoreType(&p.TLS.Keystore, v)
		}),
		secret("ssl.keystore.password", "password of the keystore", func(p *Profile) *Secret { return &p.TLS.Keystore.Password }),
		text("ssl.server.name", "HOST", "name to expect in the brokers' certificates (weir's own key)", func(p *Profile) *string { return &p.TLS.ServerName }),
		parsed("ssl.endpoint.identification.algorithm", "https, none", "none accepts any host name in a trusted certificate", setEndpointIdentification),
		parsed("enable.ssl.certificate.verification", "true, false", "false accepts any certificate: anyone on the path can read and change the traffic", func(p *Profile, v string) error {
			switch strings.ToLower(v) {
			case "true":
				if p.TLS.Verify == VerifyNone {
					p.TLS.Verify = ""
				}
			case "false":
				p.TLS.Verify = VerifyNone
			default:
				return fmt.Errorf("%q is neither true nor false", v)
			}
			return nil
		}),
		parsed("api.version.request", "true", "accepted because old kcat lines carry it; weir always asks for versions", func(_ *Profile, v string) error {
			if !strings.EqualFold(v, "true") {
				return errors.New("weir cannot work without asking for API versions")
			}
			return nil
		}),
	}
}

func setStoreType(s *Store, v string) error {
	switch t := strings.ToUpper(strings.TrimSpace(v)); t {
	case "PEM", "PKCS12", "JKS":
		s.Type = t
		return nil
	case "P12", "PFX":
		s.Type = "PKCS12"
		return nil
	}
	return fmt.Errorf("unknown store type %q; use PEM, PKCS12 or JKS", v)
}

func setEndpointIdentification(p *Profile, v string) error {
	switch strings.ToLower(strings.TrimSpace(v)) {
	case "https":
		if p.TLS.Verify == VerifyCA {
			p.TLS.Verify = ""
		}
	case "", "none":
		if p.TLS.Verify != VerifyNone {
			p.TLS.Verify = VerifyCA
		}
	default:
		return fmt.Errorf("unknown algorithm %q; use https or none", v)
	}
	return nil
}

func parseExtensions(v string) (map[string]string, error) {
	out := map[string]string{}
	for kv := range strings.SplitSeq(v, ",") {
		k, val, ok := strings.Cut(strings.TrimSpace(kv), "=")
		if !ok || k == "" || k == "auth" {
			return nil, errors.New("extensions are KEY=VALUE,KEY=VALUE, and auth is reserved")
		}
		out[k] = val
	}
	return out, nil
}

// XKeys lists what -X accepts, sorted by name.
func XKeys() []XKey {
	ps := properties()
	out := make([]XKey, len(ps))
	for i, p := range ps {
		out[i] = p.XKey
		if out[i].Aliases == nil {
			out[i].Aliases = []string{}
		}
	}
	slices.SortFunc(out, func(a, b XKey) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// refusedX says why -X cannot take a property that people will paste, and the way
// out. It is empty for all others.
func refusedX(key string) string {
	switch {
	case key == "sasl.jaas.config":
		return "it holds a password: keep it in a file and use --command-config FILE, or set sasl.username and sasl.password=@FILE"
	case strings.HasPrefix(key, "sasl.oauthbearer."):
		return "weir does not run the exchange with an identity provider; give the token: -X sasl.oauthbearer.token=cmd:COMMAND"
	case strings.HasPrefix(key, "sasl.kerberos."):
		return "Kerberos is not supported; use SCRAM, OAUTHBEARER or client certificates"
	case key == "ssl.keystore.key", key == "ssl.key.pem":
		return "it holds a private key: keep it in a file and set ssl.key.location=FILE"
	case key == "ssl.keystore.certificate.chain", key == "ssl.certificate.pem":
		return "keep the certificate in a file and set ssl.certificate.location=FILE"
	case key == "ssl.truststore.certificates", key == "ssl.ca.pem":
		return "keep the certificates in a file and set ssl.ca.location=FILE"
	case strings.HasPrefix(key, "ssl.engine."), strings.HasPrefix(key, "ssl.provider"):
		return "engines and providers are not supported; give the key as a file"
	}
	return ""
}

// ApplyX sets one -X property on the profile: librdkafka's and Java's names alike. An
// unknown key is a misconfigured [Error] with the nearest known one as hint, a literal
// secret one with the three ways to name it. The value is never repeated when the key
// takes a secret or is not known.
func ApplyX(p *Profile, key, value string) error {
	key = strings.TrimSpace(key)
	for _, prop := range properties() {
		if prop.Name != key && !slices.Contains(prop.Aliases, key) {
			continue
		}
		if prop.Secret {
			s, err := ParseSecret(key, value)
			if err != nil {
				return err
			}
			prop.setSecret(p, s)
			return nil
		}
		if err := prop.set(p, strings.TrimSpace(value)); err != nil {
			return &Error{Class: Misconfigured, Op: "set", What: "-X " + key, Err: err, Remedy: "values: " + prop.Values}
		}
		return nil
	}
	if hint := refusedX(key); hint != "" {
		return misconfigured("set", "-X "+key, hint, "not possible here")
	}
	hint := "-X list prints what is known"
	if near := suggest.Nearest(key, knownX()); near != "" {
		hint = "did you mean " + near + "? " + hint
	}
	return misconfigured("set", "-X "+key, hint, "unknown property")
}

func knownX() []string {
	var out []string
	for _, p := range properties() {
		out = append(out, p.Name)
		out = append(out, p.Aliases...)
	}
	return out
}
