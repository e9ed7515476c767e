// Package cluster turns a connection profile into Kafka clients and reads the
// cluster's state with them.
//
// It decides what a profile means (brokers, TLS, SASL, guards), how long a client
// waits, which class of failure an error belongs to, and when an answer is complete.
// It refuses to hold secrets in a form that can be printed, to write through a
// read-only profile, to talk to a cluster whose id is not the pinned one, and to show
// what it was not allowed to see as empty.
//
// The two types to know are [Profile] and [Conn].
package cluster

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/weirhq/weir/internal/suggest"
)

// Profile holds the settings of one connection. They come whole from one source
// (Source tells which), because brokers of one place with credentials of another is
// how a command reaches the wrong cluster.
type Profile struct {
	// Name is the profile's name; empty for a connection made of flags.
	Name string `json:"name" yaml:"-"`
	// Source says where the settings come from, for people: "-b with -X", "WEIR_BROKERS",
	// "profile prod in /home/a/.config/weir/config.yaml".
	Source string `json:"source" yaml:"-"`

	// Brokers are the addresses to start from, host or host:port (port 9092 when absent). A
	// security protocol before one, as in SSL://host:9093, must be the connection's own.
	Brokers []string `json:"brokers" yaml:"brokers"`
	// SecurityProtocol is PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL. When empty it
	// follows from what else is set, and credentials are never sent without TLS:
	// SASL_PLAINTEXT must be written.
	SecurityProtocol Protocol `json:"security_protocol" yaml:"security_protocol,omitempty"`
	TLS              TLS      `json:"tls" yaml:"tls,omitempty"`
	SASL             SASL     `json:"sasl" yaml:"sasl,omitempty"`
	// ClientID replaces weir/<version> as the name in the broker's logs and quotas.
	ClientID string `json:"client_id,omitempty" yaml:"client_id,omitempty"`

	// ClusterID is the id the cluster must answer with; empty means any.
	ClusterID string `json:"cluster_id,omitempty" yaml:"cluster_id,omitempty"`
	// Protected asks for the profile's name before every destructive act.
	Protected bool `json:"protected" yaml:"protected,omitempty"`
	// ReadOnly refuses every writing request before it leaves the client.
	ReadOnly bool `json:"read_only" yaml:"read_only,omitempty"`
}

// TLS holds the settings of an encrypted connection. CA, Cert and Key are PEM files;
// Truststore and Keystore are the Java world's containers.
type TLS struct {
	// Enabled asks for TLS with the system's certificate authorities when nothing
	// else in this section is set.
	Enabled     bool   `json:"enabled,omitempty" yaml:"enabled,omitempty"`
	CA          string `json:"ca,omitempty" yaml:"ca,omitempty"`
	Cert        string `json:"cert,omitempty" yaml:"cert,omitempty"`
	Key         string `json:"key,omitempty" yaml:"key,omitempty"`
	KeyPassword Secret `json:"key_password,omitzero" yaml:"key_password,omitempty"`
	// ServerName is the name to expect in the brokers' certificates instead of the
	// host dialled.
	ServerName string `json:"server_name,omitempty" yaml:"server_name,omitempty"`
	// Verify is full (default), ca (chain only, any host name) or none.
	Verify     Verify `json:"verify,omitempty" yaml:"verify,omitempty"`
	Truststore Store  `json:"truststore,omitzero" yaml:"truststore,omitempty"`
	Keystore   Store  `json:"keystore,omitzero" yaml:"keystore,omitempty"`

	// Inline PEM, which only Java properties files carry (KIP-651).
	caPEM, certPEM string
	keyPEM         Secret
}

// Store is a file of certificates or keys: PEM, PKCS12 or JKS.
type Store struct {
	File string `json:"file,omitempty" yaml:"file"`
	// Type is PEM, PKCS12 or JKS; when empty it is recognised by the content.
	Type     string `json:"type,omitempty" yaml:"type,omitempty"`
	Password Secret `json:"password,omitzero" yaml:"password,omitempty"`
}

// IsZero says that no store is named.
func (s Store) IsZero() bool { return s == Store{} }

// IsZero says that nothing about TLS is set.
func (t TLS) IsZero() bool { return t == TLS{} }

// Inline names what a Java properties file holds itself, instead of naming a file: ca,
// cert, key.
func (t *TLS) Inline() []string {
	var out []string
	if t.caPEM != "" {
		out = append(out, "ca")
	}
	if t.certPEM != "" {
		out = append(out, "cert")
	}
	if !t.keyPEM.IsZero() {
		out = append(out, "key")
	}
	return out
}

// SASL holds the settings of authentication.
type SASL struct {
	// Mechanism is PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER or AWS_MSK_IAM.
	Mechanism Mechanism `json:"mechanism,omitempty" yaml:"mechanism,omitempty"`
	Username  string    `json:"username,omitempty" yaml:"username,omitempty"`
	Password  Secret    `json:"password,omitzero" yaml:"password,omitempty"`
	// Token is the bearer token of OAUTHBEARER. It is read anew for every connection,
	// so that a command may hand out a fresh one.
	Token Secret `json:"token,omitzero" yaml:"token,omitempty"`
	// Extensions are the SASL extensions of KIP-342 sent with the token, such as
	// logicalCluster.
	Extensions map[string]string `json:"extensions,omitempty" yaml:"extensions,omitempty"`
	// TokenAuth marks username and password as a delegation token (SCRAM only, KIP-48).
	TokenAuth bool `json:"token_auth,omitempty" yaml:"token_auth,omitempty"`
	// AWSProfile names the profile in the AWS configuration for AWS_MSK_IAM; empty
	// means what AWS tools take by default.
	AWSProfile string `json:"aws_profile,omitempty" yaml:"aws_profile,omitempty"`
}

// IsZero says that nothing about SASL is set.
func (s SASL) IsZero() bool {
	return s.Mechanism == "" && s.Username == "" && s.Password.IsZero() && s.Token.IsZero() &&
		len(s.Extensions) == 0 && !s.TokenAuth && s.AWSProfile == ""
}

// Protocol is Kafka's security.protocol.
type Protocol string

// The security protocols of Apache Kafka.
const (
	Plaintext     Protocol = "PLAINTEXT"
	SSL           Protocol = "SSL"
	SASLPlaintext Protocol = "SASL_PLAINTEXT"
	SASLSSL       Protocol = "SASL_SSL"
)

// Mechanism is Kafka's sasl.mechanism.
type Mechanism string

// The mechanisms weir can authenticate with.
const (
	Plain       Mechanism = "PLAIN"
	Scram256    Mechanism = "SCRAM-SHA-256"
	Scram512    Mechanism = "SCRAM-SHA-512"
	OAuthBearer Mechanism = "OAUTHBEARER"
	AWSMSKIAM   Mechanism = "AWS_MSK_IAM"
)

// Verify says how much of a broker's certificate is checked.
type Verify string

// The degrees of verification.
const (
	VerifyFull Verify = "full" // chain and host name; also the meaning of empty
	VerifyCA   Verify = "ca"   // chain only
	VerifyNone Verify = "none" // nothing: anyone on the path can read and change the traffic
)

var (
	protocols  = []Protocol{Plaintext, SSL, SASLPlaintext, SASLSSL}
	mechanisms = []Mechanism{Plain, Scram256, Scram512, OAuthBearer, AWSMSKIAM}
	verifies   = []Verify{VerifyFull, VerifyCA, VerifyNone}
)

// ParseProtocol reads a security protocol in any case.
func ParseProtocol(s string) (Protocol, error) {
	return parseEnum(strings.ToUpper(strings.TrimSpace(s)), protocols, "security protocol")
}

// ParseMechanism reads a SASL mechanism in any case. GSSAPI is refused by name.
func ParseMechanism(s string) (Mechanism, error) {
	up := strings.ToUpper(strings.TrimSpace(s))
	if up == "GSSAPI" {
		return "", errors.New("the SASL mechanism GSSAPI (Kerberos) is not supported; use PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER or AWS_MSK_IAM")
	}
	return parseEnum(up, mechanisms, "SASL mechanism")
}

// ParseVerify reads a degree of certificate verification.
func ParseVerify(s string) (Verify, error) {
	return parseEnum(strings.ToLower(strings.TrimSpace(s)), verifies, "verification")
}

func parseEnum[T ~string](s string, known []T, what string) (T, error) {
	if slices.Contains(known, T(s)) {
		return T(s), nil
	}
	names := make([]string, len(known))
	for i, k := range known {
		names[i] = string(k)
	}
	return "", fmt.Errorf("unknown %s %q; use %s", what, s, suggest.Or(names))
}

// UnmarshalYAML reads a security protocol and refuses an unknown one with its position.
func (p *Protocol) UnmarshalYAML(n *yaml.Node) error { return unmarshalEnum(n, p, ParseProtocol) }

// UnmarshalYAML reads a mechanism and refuses an unknown one with its position.
func (m *Mechanism) UnmarshalYAML(n *yaml.Node) error { return unmarshalEnum(n, m, ParseMechanism) }

// UnmarshalYAML reads a degree of verification and refuses an unknown one.
func (v *Verify) UnmarshalYAML(n *yaml.Node) error { return unmarshalEnum(n, v, ParseVerify) }

func unmarshalEnum[T ~string](n *yaml.Node, out *T, parse func(string) (T, error)) error {
	if n.Kind != yaml.ScalarNode {
		return errors.New("a single word is needed")
	}
	v, err := parse(n.Value)
	if err != nil {
		return err
	}
	*out = v
	return nil
}

// Protocol returns the security protocol that the settings add up to.
func (p *Profile) Protocol() Protocol {
	switch {
	case p.SecurityProtocol != "":
		return p.SecurityProtocol
	case !p.SASL.IsZero():
		return SASLSSL
	case !p.TLS.IsZero():
		return SSL
	}
	return Plaintext
}

// UsesTLS says whether the connection is encrypted.
func (p *Profile) UsesTLS() bool { return p.Protocol() == SSL || p.Protocol() == SASLSSL }

// UsesSASL says whether the connection authenticates by SASL.
func (p *Profile) UsesSASL() bool {
	return p.Protocol() == SASLPlaintext || p.Protocol() == SASLSSL
}

// Validate refuses settings that contradict each other or can never work. The error
// is a misconfigured [Error] that names the setting.
func (p *Profile) Validate() error {
	bad := func(setting, hint, format string, args ...any) error {
		op := "check connection settings"
		if p.Source != "" {
			op += " of " + p.Source
		}
		return misconfigured(op, setting, hint, format, args...)
	}
	if len(p.Brokers) == 0 {
		return bad("brokers", "name at least one HOST:PORT", "no broker is named")
	}
	proto := p.Protocol()
	for _, b := range ParseBrokers(p.Brokers...) {
		if err := checkScheme(b, proto, bad); err != nil {
			return err
		}
		if err := checkAddress(withoutScheme(b)); err != nil {
			return bad("brokers", "write HOST:PORT, several separated by commas", "%q: %w", b, err)
		}
	}
	if !p.UsesTLS() && !p.TLS.IsZero() {
		return bad("security_protocol", "use SSL or SASL_SSL, or take the tls settings out", "%s contradicts the tls settings", proto)
	}
	if !p.UsesSASL() && !p.SASL.IsZero() {
		return bad("security_protocol", "use SASL_SSL or SASL_PLAINTEXT, or take the sasl settings out", "%s contradicts the sasl settings", proto)
	}
	if p.UsesSASL() {
		if err := p.SASL.validate(bad, proto); err != nil {
			return err
		}
	}
	t := &p.TLS
	switch {
	case (t.Cert == "") != (t.Key == "") && t.Keystore.IsZero():
		return bad("tls", "set both cert and key", "a client certificate needs its key, and a key its certificate")
	case !t.Keystore.IsZero() && t.Keystore.File == "", !t.Truststore.IsZero() && t.Truststore.File == "":
		return bad("tls", "set file beside type and password", "a store without a file")
	case t.Cert != "" && !t.Keystore.IsZero():
		return bad("tls", "keep one of them", "both cert and keystore are set")
	case t.CA != "" && !t.Truststore.IsZero():
		return bad("tls", "keep one of them", "both ca and truststore are set")
	}
	return nil
}

func (s *SASL) validate(bad func(setting, hint, format string, args ...any) error, proto Protocol) error {
	switch s.Mechanism {
	case Plain, Scram256, Scram512:
		if s.Username == "" {
			return bad("sasl.username", "", "%s needs a user name", s.Mechanism)
		}
		if s.Password.IsZero() {
			return bad("sasl.password", secretHint("sasl.password"), "%s needs a password", s.Mechanism)
		}
	case OAuthBearer:
		if s.Token.IsZero() {
			return bad("sasl.token", secretHint("sasl.oauthbearer.token"), "OAUTHBEARER needs a token from a file or a command")
		}
	case AWSMSKIAM:
		if proto != SASLSSL {
			return bad("security_protocol", "use SASL_SSL", "AWS_MSK_IAM works over TLS only")
		}
	default:
		return bad("sasl.mechanism", "set it to PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER or AWS_MSK_IAM", "%s needs a mechanism", proto)
	}
	if s.TokenAuth && s.Mechanism != Scram256 && s.Mechanism != Scram512 {
		return bad("sasl.token_auth", "use a SCRAM mechanism", "a delegation token authenticates by SCRAM only")
	}
	return nil
}

// checkScheme takes the prefix of an address copied from a broker's listeners, such as
// SSL://host:9093, for what its writer expects of the connection. Kafka's clients pass over
// it, and so would speak in the clear to whoever asked for TLS.
func checkScheme(address string, proto Protocol, bad func(setting, hint, format string, args ...any) error) error {
	scheme, _, ok := strings.Cut(address, "://")
	if !ok {
		return nil
	}
	named, err := ParseProtocol(scheme)
	switch {
	case err != nil:
		return bad("brokers", "write HOST:PORT alone: the name of a listener is not part of a client's address", "%q: %q is not a security protocol", address, scheme)
	case named != proto:
		return bad("brokers", fmt.Sprintf("set the protocol too: -X security.protocol=%[1]s, WEIR_SECURITY_PROTOCOL=%[1]s or security_protocol: %[1]s in a profile; or write HOST:PORT alone", named),
			"%q contradicts the connection's security protocol, %s", address, proto)
	}
	return nil
}

func withoutScheme(address string) string {
	if _, rest, ok := strings.Cut(address, "://"); ok {
		return rest
	}
	return address
}

// addresses are the brokers as they are dialled, each once.
func (p *Profile) addresses() []string {
	var out []string
	for _, b := range ParseBrokers(p.Brokers...) {
		if b = withoutScheme(b); !slices.Contains(out, b) {
			out = append(out, b)
		}
	}
	return out
}

// checkAddress accepts host, host:port, [v6] and [v6]:port.
func checkAddress(s string) error {
	if s == "" || strings.ContainsAny(s, " ,\t\r\n/@") {
		return errors.New("not a broker address")
	}
	host, port, err := splitAddress(s)
	if err != nil {
		return err
	}
	if host == "" {
		return errors.New("the host is missing")
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return fmt.Errorf("port %q is not between 1 and 65535", port)
	}
	return nil
}

// splitAddress splits a broker address and gives the port 9092 to one without.
func splitAddress(s string) (host, port string, err error) {
	switch {
	case strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]"):
		return s[1 : len(s)-1], "9092", nil
	case !strings.Contains(s, ":"):
		return s, "9092", nil
	case strings.Count(s, ":") > 1 && !strings.HasPrefix(s, "["):
		if _, err := netip.ParseAddr(s); err != nil {
			return "", "", errors.New("too many colons; an IPv6 address with a port is written [ADDRESS]:PORT")
		}
		return s, "9092", nil
	}
	host, port, err = net.SplitHostPort(s)
	if ae, ok := errors.AsType[*net.AddrError](err); ok {
		err = errors.New(ae.Err)
	}
	return host, port, err
}

// ParseBrokers splits a list of addresses at commas and white space and drops
// repetitions. A prefix such as SSL:// stays, for [Profile.Validate] to judge.
func ParseBrokers(lists ...string) []string {
	var out []string
	for _, l := range lists {
		for f := range strings.FieldsFuncSeq(l, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\n' }) {
			if f != "" && !slices.Contains(out, f) {
				out = append(out, f)
			}
		}
	}
	return out
}

// ResolvePaths makes every relative file of the profile relative to dir, the folder
// of the file it was read from, and replaces a leading ~/ by home.
func (p *Profile) ResolvePaths(dir, home string) {
	for _, f := range []*string{&p.TLS.CA, &p.TLS.Cert, &p.TLS.Key, &p.TLS.Truststore.File, &p.TLS.Keystore.File} {
		*f = ResolvePath(*f, dir, home)
	}
	for _, s := range p.secrets() {
		*s = s.ResolvePath(dir, home)
	}
}

// ResolvePath does for one path what [Profile.ResolvePaths] does for all; an empty one
// stays empty.
func ResolvePath(path, dir, home string) string {
	switch {
	case path == "" || filepath.IsAbs(path):
		return path
	case strings.HasPrefix(path, "~/") && home != "":
		return filepath.Join(home, path[2:])
	}
	return filepath.Join(dir, path)
}

// secrets lists every secret of the profile.
func (p *Profile) secrets() []*Secret {
	return []*Secret{
		&p.TLS.KeyPassword, &p.TLS.Truststore.Password, &p.TLS.Keystore.Password, &p.TLS.keyPEM,
		&p.SASL.Password, &p.SASL.Token,
	}
}

// RunsCommands says whether connecting would run a command named in the profile. A
// profile out of a project's file is foreign text until the operator trusts it.
func (p *Profile) RunsCommands() bool {
	return slices.ContainsFunc(p.secrets(), func(s *Secret) bool { return s.RunsCommand() })
}
