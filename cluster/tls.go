package cluster

import (
	"bytes"
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/pavlo-v-chernykh/keystore-go/v4"
	"software.sslmate.com/src/go-pkcs12"
)

const (
	opTLS = "set up TLS"
	// maxStore bounds a file of certificates, in bytes; Java's own truststore has 0.2 MB.
	maxStore = 16 << 20
)

// tlsConfig reads certificates and keys. Whatever is wrong with them is misconfigured
// and names the file.
func tlsConfig(ctx context.Context, t *TLS, getenv func(string) (string, bool)) (*tls.Config, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	cas, err := authorities(ctx, t, getenv)
	if err != nil {
		return nil, err
	}
	if cas != nil {
		cfg.RootCAs = x509.NewCertPool()
		for _, c := range cas {
			cfg.RootCAs.AddCert(c)
		}
	}
	if cfg.Certificates, err = clientCertificates(ctx, t, getenv); err != nil {
		return nil, err
	}
	switch t.Verify {
	case VerifyNone:
		cfg.InsecureSkipVerify = true // asked for by name in the profile
	case VerifyCA:
		cfg.InsecureSkipVerify = true // replaced by the check below, which leaves out the host name
		roots := cfg.RootCAs
		cfg.VerifyConnection = func(cs tls.ConnectionState) error { return verifyChain(cs, roots) }
	case VerifyFull, "":
	}
	return cfg, nil
}

func verifyChain(cs tls.ConnectionState, roots *x509.CertPool) error {
	if len(cs.PeerCertificates) == 0 {
		return errors.New("the broker sent no certificate")
	}
	between := x509.NewCertPool()
	for _, c := range cs.PeerCertificates[1:] {
		between.AddCert(c)
	}
	_, err := cs.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between})
	if err != nil {
		return &tls.CertificateVerificationError{UnverifiedCertificates: cs.PeerCertificates, Err: err}
	}
	return nil
}

// overTLS lays TLS over what a dialler returns.
func overTLS(dial dialFunc, cfg *tls.Config) dialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		raw, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		c := cfg.Clone()
		if c.ServerName == "" {
			host, _, err := net.SplitHostPort(address)
			if err != nil {
				_ = raw.Close()
				return nil, err
			}
			c.ServerName = host
		}
		conn := tls.Client(raw, c)
		ctx, cancel := context.WithTimeout(ctx, dialTimeout)
		defer cancel()
		if err := conn.HandshakeContext(ctx); err != nil {
			_ = raw.Close()
			return nil, err
		}
		return conn, nil
	}
}

// authorities returns the certificates to trust, or nil for the system's.
func authorities(ctx context.Context, t *TLS, getenv func(string) (string, bool)) ([]*x509.Certificate, error) {
	var data []byte
	var subject string
	var password Secret
	switch {
	case t.caPEM != "":
		data, subject = []byte(t.caPEM), "ssl.truststore.certificates"
	case t.CA != "":
		subject = t.CA
	case t.Truststore.File != "":
		subject, password = t.Truststore.File, t.Truststore.Password
	default:
		return nil, nil
	}
	if data == nil {
		var err error
		if data, err = ReadFile(ctx, subject, maxStore); err != nil {
			return nil, fileError(opTLS, subject, err)
		}
	}
	pw, err := password.Resolve(ctx, "tls.truststore.password", getenv)
	if err != nil {
		return nil, err
	}
	var certs []*x509.Certificate
	switch formatOf(data) {
	case formatPEM:
		certs, err = pemCertificates(data)
	case formatJKS:
		certs, err = jksAuthorities(data, pw)
	case formatPKCS12:
		certs, err = pkcs12Authorities(data, pw)
	default:
		err = errFormat
	}
	if err != nil {
		return nil, storeError(subject, "truststore", pw, err)
	}
	if len(certs) == 0 {
		return nil, misconfigured(opTLS, subject, "it must hold the certificate of the authority that signed the brokers' ones", "it holds no trusted certificate")
	}
	return certs, nil
}

// clientCertificates returns what the client may present, or none.
func clientCertificates(ctx context.Context, t *TLS, getenv func(string) (string, bool)) ([]tls.Certificate, error) {
	if t.certPEM == "" && t.Cert == "" && t.Keystore.File == "" {
		if !t.keyPEM.IsZero() {
			return nil, misconfigured(opTLS, "ssl.keystore.key", "set ssl.keystore.certificate.chain too", "a key without its certificate")
		}
		return nil, nil
	}
	keyPassword, err := t.KeyPassword.Resolve(ctx, "tls.key_password", getenv)
	if err != nil {
		return nil, err
	}
	if t.certPEM != "" {
		key, err := t.keyPEM.Resolve(ctx, "ssl.keystore.key", getenv)
		if err != nil {
			return nil, err
		}
		return onePair([]byte(t.certPEM), []byte(key), keyPassword, "ssl.keystore.key")
	}
	read := func(file string) ([]byte, error) {
		b, err := ReadFile(ctx, file, maxStore)
		if err != nil {
			return nil, fileError(opTLS, file, err)
		}
		return b, nil
	}
	if t.Cert != "" {
		cert, err := read(t.Cert)
		if err != nil {
			return nil, err
		}
		key, err := read(t.Key)
		if err != nil {
			return nil, err
		}
		return onePair(cert, key, keyPassword, t.Key)
	}
	data, err := read(t.Keystore.File)
	if err != nil {
		return nil, err
	}
	pw, err := t.Keystore.Password.Resolve(ctx, "tls.keystore.password", getenv)
	if err != nil {
		return nil, err
	}
	var certs []tls.Certificate
	switch formatOf(data) {
	case formatPEM:
		return onePair(data, data, keyPassword, t.Keystore.File)
	case formatJKS:
		if keyPassword == "" {
			keyPassword = pw // Java's default
		}
		certs, err = jksPairs(data, pw, keyPassword)
	case formatPKCS12:
		certs, err = pkcs12Pair(data, pw)
	default:
		err = errFormat
	}
	if err == nil && len(certs) == 0 {
		err = errors.New("it holds no private key with a certificate")
	}
	if err != nil {
		return nil, storeError(t.Keystore.File, "keystore", pw, err)
	}
	return certs, nil
}

var (
	errFormat        = errors.New("neither PEM, PKCS12 nor JKS")
	errStorePassword = errors.New("the password is wrong")
	errNotTrusted    = errors.New("its certificates are not marked as trusted, so that Java does not trust them either")
)

// storeError says what is wrong with a file of certificates or keys, and what to set.
// kind is truststore or keystore.
func storeError(file, kind, password string, err error) error {
	e := &Error{Class: Misconfigured, Op: opTLS, What: file, Err: err}
	switch {
	case errors.Is(err, errStorePassword):
		if password == "" {
			e.Err = errors.New("it needs a password, and none is set")
		}
		e.Remedy = fmt.Sprintf("set ssl.%[1]s.password, or tls.%[1]s.password in a profile", kind)
	case errors.Is(err, errKeyPassword), errors.Is(err, errNoKeyPassword):
		e.Remedy = "set ssl.key.password, or tls.key_password in a profile"
	case errors.Is(err, errFormat):
		e.Remedy = "convert other stores with keytool -importkeystore -deststoretype PKCS12"
	case errors.Is(err, errNotTrusted):
		e.Remedy = "import them with keytool -importcert, or name a PEM file"
	}
	return e
}

type storeFormat int

const (
	formatUnknown storeFormat = iota
	formatPEM
	formatPKCS12
	formatJKS
)

// formatOf looks at the content: Java calls PKCS12 files JKS and the other way round,
// and reads both under either name since Java 9.
func formatOf(b []byte) storeFormat {
	switch {
	case bytes.HasPrefix(b, []byte{0xfe, 0xed, 0xfe, 0xed}):
		return formatJKS
	case bytes.Contains(b, []byte("-----BEGIN ")):
		return formatPEM
	case len(b) > 0 && b[0] == 0x30: // an ASN.1 sequence
		return formatPKCS12
	}
	return formatUnknown
}

func pemCertificates(b []byte) ([]*x509.Certificate, error) {
	var out []*x509.Certificate
	for {
		var block *pem.Block
		if block, b = pem.Decode(b); block == nil {
			return out, nil
		}
		if block.Type != "CERTIFICATE" && block.Type != "TRUSTED CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d: %w", len(out)+1, err)
		}
		out = append(out, c)
	}
}

// onePair joins a certificate chain and its key, both PEM. The error never holds any
// of the key's text.
func onePair(cert, key []byte, password, subject string) ([]tls.Certificate, error) {
	key, err := plainKey(key, password)
	if err != nil {
		return nil, storeError(subject, "keystore", password, err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, &Error{Class: Misconfigured, Op: opTLS, What: subject, Err: errors.New(strings.TrimPrefix(err.Error(), "tls: ")), Remedy: "certificate and key must be PEM and belong together"}
	}
	return []tls.Certificate{pair}, nil
}

// jksStore reads a store. Its digest proves the password and that nothing was changed.
func jksStore(data []byte, password string) (keystore.KeyStore, error) {
	ks := keystore.New(keystore.WithOrderedAliases())
	err := ks.Load(bytes.NewReader(data), []byte(password))
	switch {
	case err == nil:
		return ks, nil
	case strings.Contains(err.Error(), "invalid digest"):
		return ks, errStorePassword
	}
	return ks, fmt.Errorf("read the JKS file: %w", err)
}

func jksAuthorities(data []byte, password string) ([]*x509.Certificate, error) {
	ks, err := jksStore(data, password)
	if err != nil && (password != "" || !errors.Is(err, errStorePassword)) {
		return nil, err
	}
	// Without a password the certificates are readable and unproven: Java takes them too.
	var out []*x509.Certificate
	for _, a := range ks.Aliases() {
		if !ks.IsTrustedCertificateEntry(a) {
			continue
		}
		e, err := ks.GetTrustedCertificateEntry(a)
		if err != nil {
			return nil, err
		}
		c, err := x509.ParseCertificate(e.Certificate.Content)
		if err != nil {
			return nil, fmt.Errorf("entry %s: %w", a, err)
		}
		out = append(out, c)
	}
	return out, nil
}

func jksPairs(data []byte, password, keyPassword string) ([]tls.Certificate, error) {
	ks, err := jksStore(data, password)
	if err != nil {
		return nil, err
	}
	var out []tls.Certificate
	for _, a := range ks.Aliases() {
		if !ks.IsPrivateKeyEntry(a) {
			continue
		}
		e, err := ks.GetPrivateKeyEntry(a, []byte(keyPassword))
		if err != nil {
			return nil, fmt.Errorf("entry %s: %w", a, errKeyPassword)
		}
		key, err := x509.ParsePKCS8PrivateKey(e.PrivateKey)
		if err != nil {
			return nil, fmt.Errorf("entry %s: %w", a, err)
		}
		pair := tls.Certificate{PrivateKey: key}
		for _, c := range e.CertificateChain {
			pair.Certificate = append(pair.Certificate, c.Content)
		}
		if len(pair.Certificate) > 0 {
			out = append(out, pair)
		}
	}
	return out, nil
}

func pkcs12Authorities(data []byte, password string) ([]*x509.Certificate, error) {
	certs, err := pkcs12.DecodeTrustStore(data, password)
	switch {
	case err == nil:
		return certs, nil
	case errors.Is(err, pkcs12.ErrIncorrectPassword):
		return nil, errStorePassword
	case isEmptyPKCS12(err):
		return nil, nil
	}
	// Java keeps a key and what it trusts in one file, if asked to. The library does not
	// tell then which certificate is marked, so all of them count.
	if _, leaf, chain, err := pkcs12.DecodeChain(data, password); err == nil {
		return append(chain, leaf), nil
	}
	if strings.Contains(err.Error(), "not marked as trusted") {
		return nil, errNotTrusted
	}
	return nil, fmt.Errorf("read the PKCS12 file: %w", err)
}

// isEmptyPKCS12 knows the library's word for a store without entries.
func isEmptyPKCS12(err error) bool { return strings.Contains(err.Error(), "this file has 0") }

func pkcs12Pair(data []byte, password string) ([]tls.Certificate, error) {
	key, leaf, chain, err := pkcs12.DecodeChain(data, password)
	switch {
	case err == nil:
	case errors.Is(err, pkcs12.ErrIncorrectPassword):
		return nil, errStorePassword
	case isEmptyPKCS12(err), strings.Contains(err.Error(), "private key missing"):
		return nil, nil
	default:
		return nil, fmt.Errorf("read the PKCS12 file: %w", err)
	}
	// A certificate that was put in before the key comes first, and is not the key's.
	if i := slices.IndexFunc(chain, func(c *x509.Certificate) bool { return isKeyOf(key, c) }); i >= 0 && !isKeyOf(key, leaf) {
		leaf, chain[i] = chain[i], leaf
	}
	if _, ok := key.(crypto.Signer); !ok {
		return nil, errors.New("the PKCS12 file's key cannot sign")
	}
	pair := tls.Certificate{PrivateKey: key, Leaf: leaf, Certificate: [][]byte{leaf.Raw}}
	for _, c := range chain {
		if !slices.ContainsFunc(pair.Certificate, func(raw []byte) bool { return bytes.Equal(raw, c.Raw) }) {
			pair.Certificate = append(pair.Certificate, c.Raw)
		}
	}
	return []tls.Certificate{pair}, nil
}

func isKeyOf(key any, c *x509.Certificate) bool {
	signer, ok := key.(crypto.Signer)
	if !ok {
		return false
	}
	pub, ok := signer.Public().(interface{ Equal(crypto.PublicKey) bool })
	return ok && pub.Equal(c.PublicKey)
}
