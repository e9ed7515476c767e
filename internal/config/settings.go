package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Settings lists every setting in force with its origin, in a fixed order. Secrets
// appear only as where they lie.
func (c *Config) Settings() []Setting {
	var out []Setting
	add := func(key, value, origin string) {
		if value != "" {
			out = append(out, Setting{key, value, origin})
		}
	}
	add("config.user", c.UserPath, fileState(c.User.Path))
	if c.Project.Path != "" {
		add("config.project", c.Project.Path, "found upwards from the current directory")
	}
	p, err := c.Connection()
	if err != nil {
		add("connection", "none: "+err.Error(), "-")
	} else {
		add("connection.profile", p.Name, p.Source)
		add("connection.brokers", strings.Join(p.Brokers, ","), p.Source)
		add("connection.security_protocol", string(p.Protocol()), p.Source)
		add("connection.sasl.mechanism", string(p.SASL.Mechanism), p.Source)
		add("connection.sasl.username", p.SASL.Username, p.Source)
		if !p.SASL.Password.IsZero() {
			add("connection.sasl.password", p.SASL.Password.Origin(), p.Source)
		}
		if !p.SASL.Token.IsZero() {
			add("connection.sasl.token", p.SASL.Token.Origin(), p.Source)
		}
		add("connection.sasl.aws_profile", p.SASL.AWSProfile, p.Source)
		add("connection.tls.ca", p.TLS.CA, p.Source)
		add("connection.tls.cert", p.TLS.Cert, p.Source)
		add("connection.tls.key", p.TLS.Key, p.Source)
		add("connection.tls.truststore", p.TLS.Truststore.File, p.Source)
		add("connection.tls.keystore", p.TLS.Keystore.File, p.Source)
		add("connection.tls.server_name", p.TLS.ServerName, p.Source)
		add("connection.tls.verify", string(p.TLS.Verify), p.Source)
		add("connection.client_id", p.ClientID, p.Source)
		add("connection.cluster_id", p.ClusterID, p.Source)
		add("connection.protected", strconv.FormatBool(p.Protected), p.Source)
		add("connection.read_only", strconv.FormatBool(p.ReadOnly), p.Source)
	}
	project := c.Project.Path
	add("catalog.paths", strings.Join(c.Project.Catalog.Paths, ","), project)
	add("compat.against", c.Project.Compat.Against, project)
	add("compat.mode", c.Project.Compat.Mode, project)
	add("scope.prefixes", strings.Join(c.Project.Scope.Prefixes, ","), project)
	from := func(inProject string) string {
		if inProject == "" {
			return c.User.Path
		}
		return project
	}
	add("audit.file", c.Audit().File, from(c.Project.Audit.File))
	add("audit.topic", c.Audit().Topic, from(c.Project.Audit.Topic))
	return out
}

func fileState(path string) string {
	if path == "" {
		return "not there"
	}
	return "read"
}

// SetCurrentProfile writes current_profile into the user file, keeping the rest of
// it with its comments. The file is replaced in one step, with mode 0600. A profile that
// only a project knows is refused: everywhere else, no command would find it.
func (c *Config) SetCurrentProfile(name string) error {
	if c.UserPath == "" {
		return bad("set HOME or XDG_CONFIG_HOME to a full path, or name a file with --config", "write the current profile: there is no home folder")
	}
	if _, ok := c.User.Profiles[name]; !ok {
		return bad("write it as profile: "+name+" into weir.yaml for all who work on the project, name it with -C, or define it in "+c.UserPath,
			"profile %s stands in %s only, and the current profile counts outside of the project too", name, c.Project.Path)
	}
	var doc yaml.Node
	switch b, err := os.ReadFile(c.UserPath); {
	case err == nil:
		if err := yaml.Unmarshal(b, &doc); err != nil {
			return bad("", "%s", yamlText(c.UserPath, err))
		}
	case !errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("read %s: %w", c.UserPath, err)
	}
	if len(doc.Content) == 0 || doc.Content[0].Kind != yaml.MappingNode {
		doc = yaml.Node{Kind: yaml.DocumentNode, Content: []*yaml.Node{{Kind: yaml.MappingNode, Tag: "!!map"}}}
	}
	m := doc.Content[0]
	set := false
	for i := 0; i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value == "current_profile" {
			m.Content[i+1].SetString(name)
			set = true
		}
	}
	if !set {
		k, v := &yaml.Node{}, &yaml.Node{}
		k.SetString("current_profile")
		v.SetString(name)
		m.Content = append([]*yaml.Node{k, v}, m.Content...)
	}
	b, err := yaml.Marshal(&doc)
	if err != nil {
		return fmt.Errorf("write %s: %w", c.UserPath, err)
	}
	if err := replaceFile(c.UserPath, b); err != nil {
		return fmt.Errorf("write %s: %w", c.UserPath, err)
	}
	c.User.CurrentProfile, c.User.Path = name, c.UserPath
	return nil
}

func replaceFile(path string, b []byte) error {
	// A link into a folder of dotfiles stays one: what it leads to is replaced.
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(dir, ".config-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(tmp.Name()) }()
	if _, err := tmp.Write(b); err != nil {
		_ = tmp.Close()
		return err
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path) // CreateTemp makes files with mode 0600
}
