package commands

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"os"

	"github.com/weirhq/weir/compat"
	"github.com/weirhq/weir/finding"
	"github.com/weirhq/weir/internal/config"
	"github.com/weirhq/weir/registry"
)

// openRegistry makes a client of the registry at an address, with what weir.yaml
// says about credentials and certificates.
func openRegistry(ctx context.Context, d *Deps, address string) (*registry.Client, error) {
	cfg, err := d.Config()
	if err != nil {
		return nil, err
	}
	r, err := cfg.Registry()
	if err != nil {
		return nil, err
	}
	getenv := func(name string) (string, bool) {
		v := cfg.Env().Getenv(name)
		return v, v != ""
	}
	o := registry.Options{URL: address, Username: r.Username, UserAgent: "weir/" + d.Version.Version}
	if o.Password, err = r.Password.Resolve(ctx, "compat.registry.password", getenv); err != nil {
		return nil, err
	}
	if o.Token, err = r.Token.Resolve(ctx, "compat.registry.token", getenv); err != nil {
		return nil, err
	}
	if o.TLS, err = registryTLS(r); err != nil {
		return nil, err
	}
	return registry.New(o)
}

func registryTLS(r config.Registry) (*tls.Config, error) {
	if r.CA == "" && r.Cert == "" && r.Key == "" {
		return nil, nil //nolint:nilnil // nil means the system's settings
	}
	t := &tls.Config{MinVersion: tls.VersionTLS12}
	if r.CA != "" {
		pem, err := os.ReadFile(r.CA)
		if err != nil {
			return nil, usage("compat.registry.ca in weir.yaml", "read the registry's CA: %v", err)
		}
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM(pem) {
			return nil, usage("compat.registry.ca in weir.yaml", "read the registry's CA: %s holds no certificate", r.CA)
		}
	}
	if r.Cert != "" || r.Key != "" {
		pair, err := tls.LoadX509KeyPair(r.Cert, r.Key)
		if err != nil {
			return nil, usage("compat.registry.cert and key in weir.yaml", "read the client certificate: %v", err)
		}
		t.Certificates = []tls.Certificate{pair}
	}
	return t, nil
}

// fromRegistry gives subjects their past in a registry. They read it while they are
// compared, so the caller closes the client after that.
func fromRegistry(ctx context.Context, d *Deps, address string, subjects []compat.Subject) ([]compat.Subject, []finding.Finding, *registry.Client, error) {
	c, err := openRegistry(ctx, d, address)
	if err != nil {
		return nil, nil, nil, err
	}
	out, loose, err := compat.FromRegistry(ctx, c, subjects, compat.TopicNames, true)
	if err != nil {
		c.Close()
		return nil, nil, nil, err
	}
	return out, loose, c, nil
}
