package config

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v4"

	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/internal/suggest"
)

// Flags are the settings every command takes from the command line.
type Flags struct {
	Brokers       []string
	X             []string
	CommandConfig string
	Profile       string
	ConfigFile    string
	Timeout       string
	Color         string
	LogFormat     string
	Verbose       bool
	Debug         bool
	Quiet         bool
	NoInput       bool
}

// Environment is where a run happens.
type Environment struct {
	Getenv func(string) string
	// Dir is the current directory, absolute.
	Dir string
	// Home is the home directory, empty if there is none.
	Home string
	// Alone says that weir.yaml is looked for in Dir and nowhere above.
	Alone bool
	// ReadFile reads a file, at most so many bytes; nil means [cluster.ReadFile] without
	// an end.
	ReadFile func(path string, most int64) ([]byte, error)
}

// Setting is one resolved value and where it came from.
type Setting struct {
	Key    string `json:"key"`
	Value  string `json:"value"`
	Origin string `json:"origin"`
}

// Config is the resolved configuration of a run.
type Config struct {
	// Project is weir.yaml, User the user file; both are empty Files when missing.
	Project, User *File
	// Root is the folder of weir.yaml, or "" without one.
	Root string
	// UserPath is where the user file is or would be.
	UserPath string
	// Warnings are about files that work but hold something weir ignores.
	Warnings []string

	env   Environment
	flags *Flags
}

// Load finds and reads the files.
func Load(f *Flags, env Environment) (*Config, error) {
	if env.ReadFile == nil {
		env.ReadFile = func(path string, most int64) ([]byte, error) {
			return cluster.ReadFile(context.Background(), path, most)
		}
	}
	c := &Config{Project: &File{}, User: &File{}, env: env, flags: f}
	c.UserPath = userPath(f, env)
	user, err := read(c.UserPath, env)
	switch {
	case err == nil:
		if err := user.misplaced("the user file", "profile", "catalog", "compat", "scope", "waivers"); err != nil {
			return nil, err
		}
		c.User = user
	case !errors.Is(err, os.ErrNotExist):
		return nil, wrap(err)
	case f.ConfigFile != "" || env.Getenv("WEIR_CONFIG") != "":
		return nil, bad("write the file, or leave out --config and WEIR_CONFIG", "read configuration %s: there is no such file", c.UserPath)
	case isLink(c.UserPath):
		// Somebody has put it there: without it, guards and the audit log would be gone unseen.
		return nil, bad("mend the link, or remove it", "read configuration %s: the link leads to no file", c.UserPath)
	}
	if path := projectPath(env); path != "" {
		if c.Project, err = read(path, env); err != nil {
			return nil, wrap(err)
		}
		if err := c.Project.misplaced("a project's file", "current_profile"); err != nil {
			return nil, err
		}
		c.Root = filepath.Dir(path)
	}
	return c, nil
}

func isLink(path string) bool {
	fi, err := os.Lstat(path)
	return err == nil && fi.Mode()&os.ModeSymlink != 0
}

func wrap(err error) error {
	if _, ok := errors.AsType[*Error](err); ok {
		return err
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err // what ended it explains it better
	}
	return bad("", "read configuration: %s", strings.TrimPrefix(err.Error(), "read configuration "))
}

// userPath is --config, WEIR_CONFIG, or the XDG place (also on macOS), or %AppData%.
func userPath(f *Flags, env Environment) string {
	if p := cmp.Or(f.ConfigFile, env.Getenv("WEIR_CONFIG")); p != "" {
		if !filepath.IsAbs(p) {
			p = filepath.Join(env.Dir, p)
		}
		return p
	}
	if dir := env.Getenv("XDG_CONFIG_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "weir", "config.yaml")
	}
	if runtime.GOOS == "windows" {
		if dir := env.Getenv("AppData"); dir != "" {
			return filepath.Join(dir, "weir", "config.yaml")
		}
	}
	return inHome(env, ".config", "weir", "config.yaml")
}

// inHome is a place in the home folder, or "" without one: a folder that comes with a
// clone must never be taken for the user's own.
func inHome(env Environment, names ...string) string {
	if !filepath.IsAbs(env.Home) {
		return ""
	}
	return filepath.Join(append([]string{env.Home}, names...)...)
}

// StateDir is the folder for what weir remembers (audit log, local journal), or "" where
// there is no home folder.
func StateDir(env Environment) string {
	if dir := env.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "weir")
	}
	if runtime.GOOS == "windows" {
		if dir := env.Getenv("LocalAppData"); dir != "" {
			return filepath.Join(dir, "weir")
		}
	}
	return inHome(env, ".local", "state", "weir")
}

// projectPath finds weir.yaml upwards to the git root; outside a git tree only the
// current directory counts, so that a file in a parent folder of somebody else
// never decides where a command writes.
func projectPath(env Environment) string {
	dir, top := env.Dir, ""
	for d := dir; !env.Alone; d = filepath.Dir(d) {
		if _, err := os.Lstat(filepath.Join(d, ".git")); err == nil {
			top = d
			break
		}
		if filepath.Dir(d) == d {
			break
		}
	}
	for d := dir; ; d = filepath.Dir(d) {
		path := filepath.Join(d, "weir.yaml")
		// A link that leads nowhere is found, so that reading it says so.
		if fi, err := os.Stat(path); err == nil && !fi.IsDir() {
			return path
		} else if _, lerr := os.Lstat(path); err != nil && lerr == nil {
			return path
		}
		if top == "" || d == top {
			return ""
		}
	}
}

// Env returns the environment the configuration was resolved in.
func (c *Config) Env() Environment { return c.env }

// Profiles returns the names of all profiles, sorted; the project's file wins over
// the user's where both define a name.
func (c *Config) Profiles() []string {
	names := slices.Collect(maps.Keys(c.User.Profiles))
	for n := range c.Project.Profiles {
		if _, ok := c.User.Profiles[n]; !ok {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	return names
}

// ProfileNamed returns a profile of the files.
func (c *Config) ProfileNamed(name string) (*Profile, error) { return c.profileNamedBy(name, "") }

// profileNamedBy is ProfileNamed for a name that stands at origin, where the user may
// not look for it; it is empty for a name on the command line.
func (c *Config) profileNamedBy(name, origin string) (*Profile, error) {
	for _, f := range []*File{c.Project, c.User} {
		if p, ok := f.Profiles[name]; ok {
			if f == c.Project && p.RunsCommands() {
				// Whoever clones a repository runs what it says otherwise.
				return nil, bad("keep the profile in "+c.UserPath+", or name a file or a variable instead of a command",
					"profile %s in %s names a command for a secret: a project's file may not start programs", name, f.Path)
			}
			p.ResolvePaths(filepath.Dir(f.Path), c.env.Home)
			return &p, nil
		}
	}
	known := c.Profiles()
	hint := "known profiles: " + strings.Join(known, ", ")
	if len(known) == 0 {
		hint = "no profile is defined; write one into " + c.UserPath + " (see `weir help config`)"
	}
	if origin != "" {
		origin = ", named by " + origin
	}
	return nil, bad(hint, "unknown profile %q%s%s", name, origin, suggest.DidYouMean(name, known))
}

// Audit says where the record of weir's own writes goes, as an absolute path: weir.yaml
// first, then the user file.
func (c *Config) Audit() Audit {
	a, u := c.Project.Audit, c.User.Audit
	return Audit{
		File:  cmp.Or(cluster.ResolvePath(a.File, c.Root, c.env.Home), cluster.ResolvePath(u.File, filepath.Dir(c.UserPath), c.env.Home)),
		Topic: cmp.Or(a.Topic, u.Topic),
	}
}

// Dialects reads the dead-letter dialects of weir.yaml, else of the user file, and
// returns the file and the node that they stand in.
func (c *Config) Dialects(into any) (*File, *yaml.Node, error) {
	f := c.Project
	if f.DLT.Dialects.Kind == 0 {
		f = c.User
	}
	return f, &f.DLT.Dialects, f.decode(&f.DLT.Dialects, into)
}

// Registry returns how weir.yaml says a schema registry is reached, with paths that
// start at its folder.
func (c *Config) Registry() (Registry, error) {
	r := c.Project.Compat.Registry
	if r.Password.RunsCommand() || r.Token.RunsCommand() {
		// As in a profile: whoever clones a repository would run what it says.
		return r, bad("name a file or a variable instead of a command",
			"compat.registry in %s names a command for a secret: a project's file may not start programs", c.Project.Path)
	}
	for _, f := range []*string{&r.CA, &r.Cert, &r.Key} {
		*f = cluster.ResolvePath(*f, c.Root, c.env.Home)
	}
	r.Password, r.Token = r.Password.ResolvePath(c.Root, c.env.Home), r.Token.ResolvePath(c.Root, c.env.Home)
	return r, nil
}

// CurrentProfile returns the name of the profile in force without looking at
// broker addresses, and where it was named.
func (c *Config) CurrentProfile() (name, origin string) {
	switch {
	case c.flags.Profile != "":
		return c.flags.Profile, "--profile"
	case c.env.Getenv("WEIR_PROFILE") != "":
		return c.env.Getenv("WEIR_PROFILE"), "WEIR_PROFILE"
	case c.Project.Profile != "":
		return c.Project.Profile, c.Project.Path
	case c.User.CurrentProfile != "":
		return c.User.CurrentProfile, c.User.Path
	}
	return "", ""
}

// Connection decides the one source of the connection settings:
//
//	-b (with -X and --command-config only) > --profile > WEIR_BROKERS >
//	WEIR_PROFILE > profile of weir.yaml > current profile > KAFKA_BROKERS
func (c *Config) Connection() (*Profile, error) {
	f, getenv := c.flags, c.env.Getenv
	switch {
	case len(f.Brokers) > 0 && f.Profile != "":
		return c.brokersOverProfile()
	case len(f.Brokers) > 0:
		return c.fromFlags()
	case f.CommandConfig != "" && f.Profile == "":
		return c.fromFlags()
	case f.Profile != "":
		if len(f.X) > 0 || f.CommandConfig != "" {
			return nil, bad("put the settings into the profile, or use -b instead of --profile",
				"-X and --command-config cannot be mixed with --profile %s: connection settings come whole from one source", f.Profile)
		}
		return c.ProfileNamed(f.Profile)
	case len(f.X) > 0:
		return c.fromFlags()
	case getenv("WEIR_BROKERS") != "":
		return c.fromEnv("WEIR_BROKERS", true)
	}
	if name, origin := c.CurrentProfile(); name != "" {
		return c.profileNamedBy(name, origin)
	}
	if getenv("KAFKA_BROKERS") != "" {
		return c.fromEnv("KAFKA_BROKERS", false)
	}
	return nil, bad("name the brokers with -b HOST:PORT, or a profile with -C NAME (see `weir help config`); `weir demo up` starts a broker to try things on",
		"no cluster is named")
}

// fromFlags builds a connection from -b, --command-config and -X, in this order.
func (c *Config) fromFlags() (*Profile, error) {
	var p cluster.Profile
	f := c.flags
	if f.CommandConfig != "" {
		path := f.CommandConfig
		if !filepath.IsAbs(path) {
			path = filepath.Join(c.env.Dir, path)
		}
		read, warnings, err := c.readProperties("--command-config", path)
		if err != nil {
			return nil, err
		}
		c.Warnings = append(c.Warnings, warnings...)
		p = read
	}
	for _, x := range f.X {
		k, v, ok := strings.Cut(x, "=")
		if !ok {
			return nil, bad("write -X key=value; `-X list` documents the keys", "%s", withoutValue(x))
		}
		if err := cluster.ApplyX(&p, k, v); err != nil {
			return nil, err
		}
	}
	var from []string
	if len(f.Brokers) > 0 {
		p.Brokers = cluster.ParseBrokers(f.Brokers...)
		from = append(from, "-b")
	}
	if f.CommandConfig != "" {
		from = append(from, "--command-config "+f.CommandConfig)
	}
	if len(f.X) > 0 {
		from = append(from, "-X")
	}
	p.Source = strings.Join(from, " with ")
	if len(f.Brokers) == 0 && len(p.Brokers) == 0 {
		return nil, bad("add -b HOST:PORT", "the settings given name no brokers: connection settings come whole from one source")
	}
	p.ResolvePaths(c.env.Dir, c.env.Home)
	return &Profile{Profile: p}, nil
}

// withoutValue says which -X has no value. Of the argument only a key that is known may
// be shown: whoever writes another sign for = has a secret behind it.
func withoutValue(x string) string {
	key, cut := x, ""
	if i := strings.IndexFunc(x, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("._-", r)
	}); i >= 0 {
		key, cut = x[:i], "..."
	}
	for _, k := range cluster.XKeys() {
		if k.Name == key || slices.Contains(k.Aliases, key) {
			return "-X " + key + cut + " has no value"
		}
	}
	return "-X: an argument has no value"
}

// brokersOverProfile is -b together with --profile: allowed only where the profile
// pins its cluster's id, which is checked when the client connects.
func (c *Config) brokersOverProfile() (*Profile, error) {
	if len(c.flags.X) > 0 || c.flags.CommandConfig != "" {
		return nil, bad("leave one out", "-X and --command-config cannot be mixed with --profile: connection settings come whole from one source")
	}
	p, err := c.ProfileNamed(c.flags.Profile)
	if err != nil {
		return nil, err
	}
	if p.ClusterID == "" {
		return nil, bad("pin cluster_id in the profile, or leave out -b or --profile",
			"-b cannot be mixed with --profile %s: it pins no cluster_id, so its credentials could reach another cluster", p.Name)
	}
	p.Brokers = cluster.ParseBrokers(c.flags.Brokers...)
	p.Source = "-b over " + p.Source
	return p, nil
}

// envKeys are the connection variables that go with WEIR_BROKERS, as -X keys.
var envKeys = []struct{ name, key string }{
	{"WEIR_SECURITY_PROTOCOL", "security.protocol"},
	{"WEIR_SASL_MECHANISM", "sasl.mechanism"},
	{"WEIR_SASL_USERNAME", "sasl.username"},
	{"WEIR_TLS_CA", "ssl.ca.location"},
	{"WEIR_TLS_CERT", "ssl.certificate.location"},
	{"WEIR_TLS_KEY", "ssl.key.location"},
}

func (c *Config) fromEnv(name string, withKeys bool) (*Profile, error) {
	p := cluster.Profile{Brokers: cluster.ParseBrokers(c.env.Getenv(name)), Source: name}
	if withKeys {
		if path := c.env.Getenv("WEIR_COMMAND_CONFIG"); path != "" {
			read, warnings, err := c.readProperties("WEIR_COMMAND_CONFIG", path)
			if err != nil {
				return nil, err
			}
			c.Warnings = append(c.Warnings, warnings...)
			read.Brokers, read.Source = p.Brokers, p.Source
			p = read
		}
		for _, k := range envKeys {
			if v := c.env.Getenv(k.name); v != "" {
				if err := cluster.ApplyX(&p, k.key, v); err != nil {
					if ce, ok := errors.AsType[*cluster.Error](err); ok {
						ce.What = k.name // nobody wrote -X
					}
					return nil, err
				}
			}
		}
		if c.env.Getenv("WEIR_SASL_PASSWORD") != "" {
			p.SASL.Password = cluster.SecretFromEnv("WEIR_SASL_PASSWORD")
		}
		if c.env.Getenv("WEIR_SASL_TOKEN") != "" {
			p.SASL.Token = cluster.SecretFromEnv("WEIR_SASL_TOKEN")
		}
	}
	p.ResolvePaths(c.env.Dir, c.env.Home)
	return &Profile{Profile: p}, nil
}

func (c *Config) readProperties(setting, path string) (cluster.Profile, []string, error) {
	b, err := c.env.ReadFile(path, cluster.MaxProperties)
	if err != nil {
		if pe, ok := errors.AsType[*os.PathError](err); ok {
			err = pe.Err
		}
		if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			return cluster.Profile{}, nil, fmt.Errorf("read %s %s: %w", setting, path, err)
		}
		return cluster.Profile{}, nil, bad("check the path and its rights", "read %s %s: %v", setting, path, err)
	}
	return cluster.ReadProperties(bytes.NewReader(b), path)
}
