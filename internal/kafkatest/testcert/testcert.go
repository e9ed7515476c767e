// Package testcert makes the certificates of a test cluster: one authority, a
// server for localhost, and two clients whose common name is their principal.
//
// It decides names and lifetimes; it refuses nothing and protects nothing: the
// keys are for clusters that live as long as a test run.
//
// The two names to know are [Write] and [ServerConfig].
package testcert

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// The files that Write makes in its folder. A broker reads a key and its
// certificate from one file, which is server.pem.
const (
	CA         = "ca.pem"
	Server     = "server.pem"
	ClientCert = "client.pem" // common name alice: no rights
	ClientKey  = "client.key"
	AdminCert  = "admin.pem" // common name admin: a super user
	AdminKey   = "admin.key"
)

const lifetime = 30 * 24 * time.Hour

// Write makes a new authority and everything it signs in dir, valid from an hour
// before now.
func Write(dir string, now time.Time) error {
	a, err := newAuthority(now)
	if err != nil {
		return fmt.Errorf("make certificates: %w", err)
	}
	server, serverKey, err := a.issue("localhost", x509.ExtKeyUsageServerAuth)
	if err != nil {
		return fmt.Errorf("make certificates: %w", err)
	}
	files := map[string][]byte{CA: a.pem, Server: append(serverKey, server...)}
	for _, c := range []struct{ name, cert, key string }{
		{"alice", ClientCert, ClientKey},
		{"admin", AdminCert, AdminKey},
	} {
		cert, key, err := a.issue(c.name, x509.ExtKeyUsageClientAuth)
		if err != nil {
			return fmt.Errorf("make certificates: %w", err)
		}
		files[c.cert], files[c.key] = cert, key
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return fmt.Errorf("make certificates: %w", err)
		}
	}
	return nil
}

// ServerConfig reads what Write made and returns the settings of a listener.
// With clientCerts a client must show a certificate of the same authority.
func ServerConfig(dir string, clientCerts bool) (*tls.Config, error) {
	file := filepath.Join(dir, Server)
	cert, err := tls.LoadX509KeyPair(file, file)
	if err != nil {
		return nil, fmt.Errorf("read server certificate: %w", err)
	}
	cfg := &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	if clientCerts {
		if cfg.ClientCAs, err = pool(dir); err != nil {
			return nil, err
		}
		cfg.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return cfg, nil
}

// ClientConfig trusts the authority in dir and shows the admin's certificate
// where it is asked for one.
func ClientConfig(dir string) (*tls.Config, error) {
	roots, err := pool(dir)
	if err != nil {
		return nil, err
	}
	cert, err := tls.LoadX509KeyPair(filepath.Join(dir, AdminCert), filepath.Join(dir, AdminKey))
	if err != nil {
		return nil, fmt.Errorf("read client certificate: %w", err)
	}
	return &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}, nil
}

func pool(dir string) (*x509.CertPool, error) {
	ca, err := os.ReadFile(filepath.Join(dir, CA))
	if err != nil {
		return nil, fmt.Errorf("read authority: %w", err)
	}
	p := x509.NewCertPool()
	if !p.AppendCertsFromPEM(ca) {
		return nil, errors.New("read authority: " + CA + " holds no certificate")
	}
	return p, nil
}

type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
	now  time.Time
}

func newAuthority(now time.Time) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	t, err := template("weir test authority", now)
	if err != nil {
		return nil, err
	}
	t.IsCA, t.BasicConstraintsValid, t.KeyUsage = true, true, x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &authority{cert: cert, key: key, pem: encode("CERTIFICATE", der), now: now}, nil
}

// issue returns a certificate and its PKCS #8 key, both PEM.
func (a *authority) issue(name string, use x509.ExtKeyUsage) (cert, key []byte, err error) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	t, err := template(name, a.now)
	if err != nil {
		return nil, nil, err
	}
	t.KeyUsage, t.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{use}
	if use == x509.ExtKeyUsageServerAuth {
		// Brokers dial each other with the certificate they listen with.
		t.ExtKeyUsage = append(t.ExtKeyUsage, x509.ExtKeyUsageClientAuth)
		t.DNSNames, t.IPAddresses = []string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1)}
	}
	der, err := x509.CreateCertificate(rand.Reader, t, a.cert, k.Public(), a.key)
	if err != nil {
		return nil, nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		return nil, nil, err
	}
	return encode("CERTIFICATE", der), encode("PRIVATE KEY", keyDER), nil
}

func template(name string, now time.Time) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.Add(lifetime),
	}, nil
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
