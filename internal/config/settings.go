package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/weirhq/weir/cluster"
)

// Settings lists every setting in force with its origin, in a fixed order. Secrets
// appear only as where they lie.
func (c *Config) Settings() []Setting {
	var out []Setting
	from := func(origin string) func(key, value string) {
		return func(key, value string) {
			if value != "" {
				out = append(out, Setting{key, masked(value), origin})
			}
		}
	}
	from(fileState(c.User.Path))("config.user", c.UserPath)
	from("found upwards from the current directory")("config.project", c.Project.Path)
	if p, err := c.Connection(); err != nil {
		from("-")("connection", "none: "+err.Error())
	} else {
		add := from(p.Source)
		add("connection.profile", p.Name)
		p.Each(func(key, value string) { add("connection."+key, value) })
		// That a guard is off is worth a line.
		if !p.Protected {
			add("connection.protected", "false")
		}
		if !p.ReadOnly {
			add("connection.read_only", "false")
		}
	}
	project := from(c.Project.Path)
	leaves("catalog", reflect.ValueOf(c.Project.Catalog), project)
	compat := c.Project.Compat
	compat.Registry, _ = c.Registry() // the settings are the same where they are refused
	leaves("compat", reflect.ValueOf(compat), project)
	leaves("scope", reflect.ValueOf(c.Project.Scope), project)
	leaves("waivers", reflect.ValueOf(c.Project.Waivers), project)
	either := func(inProject bool) func(key, value string) {
		if inProject {
			return project
		}
		return from(c.User.Path)
	}
	either(c.Project.Audit.File != "")("audit.file", c.Audit().File)
	either(c.Project.Audit.Topic != "")("audit.topic", c.Audit().Topic)
	inProject := c.Project.DLT.Dialects.Kind != 0
	dialects := &c.User.DLT.Dialects
	if inProject {
		dialects = &c.Project.DLT.Dialects
	}
	for i, d := range dialects.Content {
		for _, name := range under([]*yaml.Node{d}, "name") {
			either(inProject)(fmt.Sprintf("dlt.dialects[%d].name", i), name.Value)
		}
	}
	return out
}

// Each hands over every setting of a profile that is set, by the name that files have for
// it, and the security protocol that follows where none is written. Secrets appear only as
// where they lie.
func (p *Profile) Each(add func(key, value string)) {
	q := *p
	q.SecurityProtocol = p.Protocol()
	leaves("", reflect.ValueOf(q), func(key, value string) {
		if value != "" {
			add(strings.TrimPrefix(key, "."), masked(value))
		}
	})
	for _, part := range p.TLS.Inline() {
		add("tls."+part, "PEM in the properties file")
	}
}

// userinfo is what some write into an address although weir refuses it there.
var userinfo = regexp.MustCompile(`//[^/\s]*@`)

func masked(value string) string { return userinfo.ReplaceAllString(value, "//***@") }

// leaves hands over every setting below a key that is set, by the names that files have
// for it: what is added to a type shows without being added here.
func leaves(key string, v reflect.Value, add func(key, value string)) {
	if s, ok := reflect.TypeAssert[cluster.Secret](v); ok {
		add(key, s.Origin())
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			name, opts, _ := strings.Cut(f.Tag.Get("yaml"), ",")
			switch {
			case name == "-" || !f.IsExported():
			case strings.Contains(opts, "inline"):
				leaves(key, v.Field(i), add)
			default:
				leaves(key+"."+name, v.Field(i), add)
			}
		}
	case reflect.Map:
		names := v.MapKeys()
		slices.SortFunc(names, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		for _, n := range names {
			leaves(key+"."+n.String(), v.MapIndex(n), add)
		}
	case reflect.Slice:
		if list, ok := reflect.TypeAssert[[]string](v); ok {
			add(key, strings.Join(list, ","))
			return
		}
		for i := range v.Len() {
			leaves(fmt.Sprintf("%s[%d]", key, i), v.Index(i), add)
		}
	default:
		if !v.IsZero() {
			add(key, fmt.Sprint(v.Interface()))
		}
	}
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
