// Package registry reads a schema registry: subjects, versions, references and
// compatibility levels, through the REST API that Confluent's registry set and the
// others speak.
//
// It decides how the registry is reached and what its answers mean, and classes what
// goes wrong. It refuses to write, to skip the verification of a certificate, and to
// send credentials in the clear unless the address is of this machine. The two types
// to know are [Client] and [Version].
package registry

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/sr"
)

// Options say how a registry is reached.
type Options struct {
	// URL is the root of the API, http or https.
	URL string
	// Username and Password are for basic authentication, Token is a bearer token.
	// Give the one or the other, or none.
	Username, Password, Token string
	// TLS holds a private CA and a client certificate; nil means the system's.
	TLS *tls.Config
	// Timeout bounds one request; 0 means 10 s.
	Timeout time.Duration
	// UserAgent names the program.
	UserAgent string
}

// Limits of what a registry may answer.
const (
	defaultTimeout = 10 * time.Second
	maxAnswer      = 64 << 20 // bytes
	maxReferences  = 2000     // schemas that one version reaches
)

// Client reads one registry. It is safe for concurrent use and remembers what it read:
// a version never changes.
type Client struct {
	sr   *sr.Client
	name string
	idle func()

	mu   sync.Mutex
	seen map[key]*Version
}

type key struct {
	subject string
	version int
}

// Version is one version of a subject.
type Version struct {
	Subject string
	Number  int
	// Format is avro, json or protobuf.
	Format     string
	Text       string
	References []Reference
}

// Reference is a schema that another one names.
type Reference struct {
	Name    string // as the text names it: a full name, a path, a URL
	Subject string
	Version int
}

// Class says what kind of failure an error is.
type Class string

// The classes, in the words of the JSON error line.
const (
	Failed          Class = "failed"
	Misconfigured   Class = "misconfigured"
	Unauthenticated Class = "unauthenticated"
	Unauthorized    Class = "unauthorized"
	NotFound        Class = "not_found"
	Unreachable     Class = "unreachable"
	Timeout         Class = "timeout"
)

// Error is a failure of the registry or of the way to it.
type Error struct {
	Class  Class
	Op     string
	Err    error
	Remedy string
}

func (e *Error) Error() string { return e.Op + ": " + e.Err.Error() }

// Unwrap gives errors.Is and errors.As the cause.
func (e *Error) Unwrap() error { return e.Err }

// Code is the class.
func (e *Error) Code() string { return string(e.Class) }

// Hint says what to do next, or nothing.
func (e *Error) Hint() string { return e.Remedy }

// New returns a client. Nothing is sent.
func New(o Options) (*Client, error) {
	bad := func(err error, remedy string) error {
		return &Error{Class: Misconfigured, Op: "reach registry", Err: err, Remedy: remedy}
	}
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, bad(fmt.Errorf("%q is no http or https address", redact(o.URL)), "write registry:https://host:port")
	}
	if u.User != nil {
		return nil, bad(errors.New("the address holds credentials"), "set compat.registry.username and password in weir.yaml, the password from a file or a variable")
	}
	secret := o.Password != "" || o.Token != ""
	if secret && u.Scheme == "http" && !isLocal(u.Hostname()) {
		return nil, bad(errors.New("credentials would travel in the clear"), "use an https address")
	}
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: o.TLS, ForceAttemptHTTP2: true,
		DialContext: (&net.Dialer{Timeout: 3 * time.Second}).DialContext, MaxIdleConnsPerHost: 8,
	}
	hc := &http.Client{Transport: bounded{transport}, Timeout: o.Timeout, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if r.URL.Host != u.Host {
			return fmt.Errorf("the registry redirects to %s", r.URL.Host)
		}
		return nil
	}}
	opts := []sr.ClientOpt{sr.URLs(strings.TrimSuffix(o.URL, "/")), sr.HTTPClient(hc)}
	if o.UserAgent != "" {
		opts = append(opts, sr.UserAgent(o.UserAgent))
	}
	switch {
	case o.Token != "":
		opts = append(opts, sr.BearerToken(o.Token))
	case o.Username != "":
		opts = append(opts, sr.BasicAuth(o.Username, o.Password))
	}
	c, err := sr.NewClient(opts...)
	if err != nil {
		return nil, bad(err, "")
	}
	return &Client{sr: c, name: u.Host, seen: map[key]*Version{}, idle: transport.CloseIdleConnections}, nil
}

// Close lets go of idle connections. The client can be used on.
func (c *Client) Close() { c.idle() }

// redact drops what might be a password from an address that does not parse.
func redact(s string) string {
	if i := strings.LastIndexByte(s, '@'); i >= 0 {
		return "***" + s[i:]
	}
	return s
}

func isLocal(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// bounded cuts answers that are larger than any schema.
type bounded struct{ next http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.next.RoundTrip(r)
	if err == nil {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(resp.Body, maxAnswer), resp.Body}
	}
	return resp, err
}

// Name is the registry's host, for people.
func (c *Client) Name() string { return c.name }

// Subjects lists the subjects, sorted.
func (c *Client) Subjects(ctx context.Context) ([]string, error) {
	names, err := c.sr.Subjects(ctx)
	if err != nil {
		return nil, c.fail("list subjects", err)
	}
	slices.Sort(names)
	return names, nil
}

// Numbers lists the versions of a subject, newest first; none when there is no such
// subject.
func (c *Client) Numbers(ctx context.Context, subject string) ([]int, error) {
	ns, err := c.sr.SubjectVersions(ctx, subject)
	if err != nil {
		if e := c.fail("list versions of "+subject, err); e.Class != NotFound {
			return nil, e
		}
		return nil, nil
	}
	slices.Sort(ns)
	slices.Reverse(ns)
	return ns, nil
}

// Version reads one version.
func (c *Client) Version(ctx context.Context, subject string, number int) (*Version, error) {
	k := key{subject, number}
	c.mu.Lock()
	v := c.seen[k]
	c.mu.Unlock()
	if v != nil {
		return v, nil
	}
	s, err := c.sr.SchemaByVersion(ctx, subject, number)
	if err != nil {
		return nil, c.fail(fmt.Sprintf("read %s version %d", subject, number), err)
	}
	v = &Version{Subject: subject, Number: number, Text: s.Schema.Schema, Format: strings.ToLower(s.Type.String())}
	for _, r := range s.References {
		v.References = append(v.References, Reference{Name: r.Name, Subject: r.Subject, Version: r.Version})
	}
	c.mu.Lock()
	c.seen[k] = v
	c.mu.Unlock()
	return v, nil
}

// ByID reads the schema that has a global id, the one in front of a record's value. It
// belongs to no one subject, and its number is the id.
func (c *Client) ByID(ctx context.Context, id uint32) (*Version, error) {
	s, err := c.sr.SchemaByID(ctx, int(id))
	if err != nil {
		return nil, c.fail(fmt.Sprintf("read schema %d", id), err)
	}
	v := &Version{Number: int(id), Text: s.Schema, Format: strings.ToLower(s.Type.String())}
	for _, r := range s.References {
		v.References = append(v.References, Reference{Name: r.Name, Subject: r.Subject, Version: r.Version})
	}
	return v, nil
}

// Resolve finds what a text names among the references of a version, and of those it
// refers to in turn: a registry keeps them beside the version, not in the text.
func (c *Client) Resolve(ctx context.Context, v *Version, name string) (*Version, error) {
	queue := []*Version{v}
	seen := map[key]bool{{v.Subject, v.Number}: true}
	for len(queue) > 0 && len(seen) < maxReferences {
		next := queue[0]
		queue = queue[1:]
		for _, r := range next.References {
			k := key{r.Subject, r.Version}
			if seen[k] && r.Name != name {
				continue
			}
			seen[k] = true
			ref, err := c.Version(ctx, r.Subject, r.Version)
			if err != nil {
				return nil, err
			}
			if r.Name == name {
				return ref, nil
			}
			queue = append(queue, ref)
		}
	}
	return nil, fmt.Errorf("%s version %d has no reference named %q", v.Subject, v.Number, name)
}

// Level is the compatibility level in force for a subject, BACKWARD and so on: its
// own, else the registry's.
func (c *Client) Level(ctx context.Context, subject string) (string, error) {
	res := c.sr.Compatibility(sr.WithParams(ctx, sr.DefaultToGlobal), subject)
	if len(res) != 1 {
		return "", &Error{Class: Failed, Op: "read level of " + subject, Err: errors.New("the registry gave no answer")}
	}
	if err := res[0].Err; err != nil {
		e := c.fail("read level of "+subject, err)
		if e.Class != NotFound {
			return "", e
		}
		if res = c.sr.Compatibility(ctx); len(res) != 1 || res[0].Err != nil {
			return "", e
		}
	}
	return res[0].Level.String(), nil
}

const wrongPath = "check the path of the address; Apicurio's is /apis/ccompat/v7"

// fail classes an error.
func (c *Client) fail(op string, err error) *Error {
	e := &Error{Class: Failed, Op: op + " of registry " + c.name, Err: err}
	if re, ok := errors.AsType[*sr.ResponseError](err); ok {
		e.Err = fmt.Errorf("HTTP %d: %s", re.StatusCode, firstOf(re.Message, http.StatusText(re.StatusCode)))
		switch re.StatusCode {
		case http.StatusUnauthorized:
			e.Class, e.Remedy = Unauthenticated, "set compat.registry.username and password, or token, in weir.yaml"
		case http.StatusForbidden:
			e.Class, e.Remedy = Unauthorized, "ask for the right to read the subject"
		case http.StatusNotFound:
			// Only the registry's own codes (40401 subject, 40402 version, 40408 level)
			// say that a thing is missing; any other 404 is not a registry's.
			if e.Class = NotFound; re.ErrorCode/100 != http.StatusNotFound {
				e.Class, e.Err = Failed, errors.New("HTTP 404: no schema registry answers here")
				e.Remedy = wrongPath
			}
		case http.StatusRequestTimeout, http.StatusGatewayTimeout:
			e.Class = Timeout
		case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusTooManyRequests:
			e.Class, e.Remedy = Unreachable, "try again"
		}
		return e
	}
	if _, ok := errors.AsType[*json.SyntaxError](err); ok {
		e.Err, e.Remedy = errors.New("the answer is no JSON: no schema registry answers here"), wrongPath
		return e
	}
	ne, isNet := errors.AsType[net.Error](err)
	_, isCert := errors.AsType[*tls.CertificateVerificationError](err)
	ue, isURL := errors.AsType[*url.Error](err)
	if isURL {
		e.Err = ue.Err // without the address, which may be long
	}
	switch {
	case isCert:
		e.Class, e.Remedy = Misconfigured, "name the registry's CA in compat.registry.ca"
	case errors.Is(err, context.Canceled):
	case errors.Is(err, context.DeadlineExceeded), isNet && ne.Timeout():
		e.Class, e.Remedy = Timeout, "try again, or check the address"
	case isNet:
		e.Class, e.Remedy = Unreachable, "check the address: is the registry up?"
	}
	return e
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
