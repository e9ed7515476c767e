package cluster

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

const (
	redacted = "[redacted]"
	// maxSecret bounds what a secret's file or command may yield, in bytes. OAuth
	// tokens with many claims and inline PEM keys stay far below it.
	maxSecret = 256 << 10
	// secretTimeout bounds one run of a command. The client gives authentication no
	// deadline of its own, and a command that asks for a password nobody sees waits for ever.
	secretTimeout = 15 * time.Second
	// secretGrace is how long a command that was told to end may keep its output open.
	secretGrace = 100 * time.Millisecond
)

// errSecretTimeout is why a context of withSecretTimeout ends, unlike one that --timeout ends.
var errSecretTimeout = fmt.Errorf("it did not end within %d s", secretTimeout/time.Second)

func withSecretTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, secretTimeout, errSecretTimeout)
}

type secretKind int

const (
	secretNone secretKind = iota
	secretFile
	secretEnv
	secretCommand
	secretLiteral // only from a Java properties file, where people keep them
)

// Secret is a credential that is named, not held: a file, an environment variable
// or a command that prints it. It is read when it is needed and not before, and
// every way of printing it prints that it is hidden. The zero value is no secret.
type Secret struct {
	// Package fmt calls no method on an unexported field of some other struct and
	// would print the text. A pointer it follows under a verb that does not fit; of a
	// pointer to a pointer it prints the address only.
	v **secretValue
}

type secretValue struct {
	kind secretKind
	ref  string
}

func newSecret(kind secretKind, ref string) Secret {
	v := &secretValue{kind, ref}
	return Secret{&v}
}

func (s Secret) ref() string {
	if s.v == nil {
		return ""
	}
	return (*s.v).ref
}

func (s Secret) kind() secretKind {
	if s.v == nil {
		return secretNone
	}
	return (*s.v).kind
}

// SecretFromFile names a file whose content, less one line end, is the secret.
func SecretFromFile(path string) Secret { return newSecret(secretFile, path) }

// SecretFromEnv names an environment variable.
func SecretFromEnv(name string) Secret { return newSecret(secretEnv, name) }

// SecretFromCommand names a shell command whose standard output, less one line
// end, is the secret.
func SecretFromCommand(command string) Secret { return newSecret(secretCommand, command) }

// ParseSecret reads the short forms @FILE, file:FILE, env:NAME and cmd:COMMAND.
// Anything else is taken for a literal secret and refused: what stands on a command
// line or in a shared file is in shell history, process lists and git. setting is
// the name to use in the message; the value itself is never repeated.
func ParseSecret(setting, s string) (Secret, error) {
	kind, ref := secretNone, ""
	switch {
	case strings.HasPrefix(s, "@"):
		kind, ref = secretFile, s[1:]
	case strings.HasPrefix(s, "file:"):
		kind, ref = secretFile, s[5:]
	case strings.HasPrefix(s, "env:"):
		kind, ref = secretEnv, s[4:]
	case strings.HasPrefix(s, "cmd:"):
		kind, ref = secretCommand, s[4:]
	}
	if kind == secretNone {
		return Secret{}, misconfigured("set", setting, secretHint(setting), "a literal secret is refused, because command lines and shared files are read by others")
	}
	if strings.TrimSpace(ref) == "" {
		return Secret{}, misconfigured("set", setting, secretHint(setting), "the secret's file, variable or command is empty")
	}
	return newSecret(kind, ref), nil
}

func secretHint(setting string) string {
	return fmt.Sprintf("say where it lies: -X %[1]s=@FILE, -X %[1]s=env:NAME or -X %[1]s=cmd:COMMAND", setting)
}

// IsZero says that no secret was named.
func (s Secret) IsZero() bool { return s.v == nil }

// RunsCommand says whether reading the secret runs a command.
func (s Secret) RunsCommand() bool { return s.kind() == secretCommand }

// ResolvePath returns the secret with the path of its file, if it lies in one, resolved
// as [ResolvePath] does.
func (s Secret) ResolvePath(dir, home string) Secret {
	if s.kind() != secretFile {
		return s
	}
	return SecretFromFile(ResolvePath(s.ref(), dir, home))
}

// Origin says where the secret comes from, without what it is: "file /run/pw",
// "env KAFKA_PASSWORD", "command" (its text is hidden: people put secrets in
// arguments), "properties file", or nothing.
func (s Secret) Origin() string {
	switch s.kind() {
	case secretFile:
		return "file " + s.ref()
	case secretEnv:
		return "env " + s.ref()
	case secretCommand:
		return "command"
	case secretLiteral:
		return "properties file"
	case secretNone:
	}
	return ""
}

// Resolve reads the secret of a setting. Errors tell the setting and where it was looked
// for, never what was found, and not what a command wrote to standard error, which may
// echo it.
func (s Secret) Resolve(ctx context.Context, setting string, getenv func(string) (string, bool)) (string, error) {
	const op = "read secret"
	from := setting + " from " + cmp.Or(s.Origin(), "nowhere")
	switch s.kind() {
	case secretNone:
		return "", nil
	case secretLiteral:
		return s.ref(), nil
	case secretEnv:
		if getenv == nil {
			getenv = os.LookupEnv
		}
		v, _ := getenv(s.ref())
		if v == "" {
			return "", misconfigured(op, from, "export "+s.ref()+" with the secret in it before the call", "the environment variable is not set, or empty")
		}
		return v, nil
	case secretFile:
		b, err := ReadFile(ctx, s.ref(), maxSecret)
		if err != nil {
			return "", fileError(op, from, err)
		}
		return nonEmpty(op, from, b)
	case secretCommand:
		b, err := s.run(ctx)
		if e, ok := errors.AsType[*Error](err); ok {
			e.Op, e.What = op, from
		}
		if err != nil {
			return "", err
		}
		return nonEmpty(op, from, b)
	}
	return "", misconfigured(op, from, "", "unknown kind of secret")
}

// run returns what the command prints. Its caller knows what for.
func (s Secret) run(ctx context.Context) ([]byte, error) {
	const hint = "run the command by hand: it must print the secret on standard output and exit 0"
	shell, flag := "sh", "-c"
	if runtime.GOOS == "windows" {
		shell, flag = "cmd", "/C"
	}
	ctx, cancel := withSecretTimeout(ctx)
	defer cancel()
	c := exec.CommandContext(ctx, shell, flag, s.ref()) //nolint:gosec // the operator's own profile names the command
	var out limited
	c.Stdout = &out
	// What the shell has started lives on when the shell is killed, and holds the pipe.
	c.WaitDelay = secretGrace
	err := c.Run()
	if errors.Is(err, exec.ErrWaitDelay) && ctx.Err() == nil {
		err = nil // it has ended well and left something running, an agent perhaps
	}
	if err != nil {
		if out.over { // the command may have died of it, which would hide the cause
			err = fmt.Errorf("more than %d bytes of output", maxSecret)
		}
		if errors.Is(ctx.Err(), context.Canceled) {
			return nil, ctx.Err() // ^C says nothing about the command
		}
		if errors.Is(context.Cause(ctx), errSecretTimeout) {
			return nil, &Error{Class: TimedOut, Err: errSecretTimeout, Remedy: "run the command by hand: it must print the secret and end, and may not wait for an answer"}
		}
		if ctx.Err() != nil {
			return nil, &Error{Class: TimedOut, Err: ctx.Err(), Remedy: hint}
		}
		return nil, &Error{Class: Misconfigured, Err: err, Remedy: hint}
	}
	return out.buf, nil
}

func nonEmpty(op, from string, b []byte) (string, error) {
	b = bytes.TrimSuffix(b, []byte("\n"))
	b = bytes.TrimSuffix(b, []byte("\r"))
	if len(b) == 0 {
		return "", misconfigured(op, from, "", "it is empty")
	}
	return string(b), nil
}

// limited collects at most maxSecret bytes and then refuses more.
type limited struct {
	buf  []byte
	over bool
}

func (l *limited) Write(p []byte) (int, error) {
	if len(l.buf)+len(p) > maxSecret {
		l.over = true
		return 0, fmt.Errorf("more than %d bytes of output", maxSecret)
	}
	l.buf = append(l.buf, p...)
	return len(p), nil
}

// ReadFile reads a file of settings, of at most so many bytes. It ends with ctx even where
// the path is a pipe that nobody writes to: opening one waits for a writer, and nothing
// else interrupts that.
func ReadFile(ctx context.Context, path string, most int64) ([]byte, error) {
	fi, err := os.Stat(path)
	if err != nil || fi.Mode().IsRegular() {
		return readBounded(path, most)
	}
	type result struct {
		b   []byte
		err error
	}
	ch := make(chan result, 1)
	go func() { // left behind, it ends with the process
		b, err := readBounded(path, most)
		ch <- result{b, err}
	}()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case r := <-ch:
		return r.b, r.err
	}
}

// fileError is what went wrong with a file that a setting names.
func fileError(op, what string, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return &Error{Class: TimedOut, Op: op, What: what, Err: err, Remedy: "it is a pipe, and nobody has written to it"}
	}
	return &Error{Class: Misconfigured, Op: op, What: what, Err: bareIO(err), Remedy: "check the path and its rights"}
}

func readBounded(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > most {
		return nil, fmt.Errorf("larger than %d bytes", most)
	}
	return b, nil
}

// bareIO drops the operation and path from a file error, which the caller names.
func bareIO(err error) error {
	if pe, ok := errors.AsType[*os.PathError](err); ok {
		return pe.Err
	}
	return err
}

// String hides the secret.
func (s Secret) String() string {
	if s.IsZero() {
		return ""
	}
	return redacted
}

// GoString hides the secret from %#v.
func (s Secret) GoString() string { return "cluster.Secret(" + s.String() + ")" }

// Format hides the secret from every verb of package fmt.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue hides the secret from package slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText hides the secret from encoders of text and JSON.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalJSON hides the secret; no secret is null.
func (s Secret) MarshalJSON() ([]byte, error) {
	if s.IsZero() {
		return []byte("null"), nil
	}
	return []byte(`"` + redacted + `"`), nil
}

// MarshalYAML hides the secret.
func (s Secret) MarshalYAML() (any, error) {
	if s.IsZero() {
		return nil, nil
	}
	return redacted, nil
}

// UnmarshalYAML reads one of {file: PATH}, {env: NAME}, {command: TEXT}, or the
// short forms of [ParseSecret]. A literal is refused without being repeated.
func (s *Secret) UnmarshalYAML(n *yaml.Node) error {
	const want = "say where the secret lies: {file: PATH}, {env: NAME} or {command: TEXT}"
	switch n.Kind {
	case yaml.ScalarNode:
		v, err := ParseSecret("secret", n.Value)
		if err != nil {
			return errors.New("a literal secret is refused; " + want)
		}
		*s = v
		return nil
	case yaml.MappingNode:
		if len(n.Content) != 2 || n.Content[1].Kind != yaml.ScalarNode || strings.TrimSpace(n.Content[1].Value) == "" {
			return errors.New("exactly one source is needed; " + want)
		}
		kinds := map[string]secretKind{"file": secretFile, "env": secretEnv, "command": secretCommand}
		k, ok := kinds[n.Content[0].Value]
		if !ok {
			return fmt.Errorf("unknown key %q; %s", n.Content[0].Value, want)
		}
		*s = newSecret(k, n.Content[1].Value)
		return nil
	default:
		return errors.New(want)
	}
}
