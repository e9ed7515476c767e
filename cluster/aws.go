package cluster

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/sasl/aws"
)

const (
	opAWS = "get AWS credentials"
	// imdsTimeout is short: outside EC2 nobody answers at the metadata address.
	imdsTimeout = time.Second
)

// awsChain finds AWS credentials in the order of AWS's own tools: environment, web
// identity, shared files, container, instance. It is written here because the SDK that
// does it adds 2.9 MB and half a megabyte of start-up to a binary that most people run
// against other clusters. What needs the SDK proper (single sign-on, assumed roles) is
// left to the AWS command line, which prints credentials on request.
type awsChain struct {
	profile string
	lookup  func(string) (string, bool)
}

func (c awsChain) env(name string) string {
	lookup := c.lookup
	if lookup == nil {
		lookup = os.LookupEnv
	}
	v, _ := lookup(name)
	return v
}

func awsError(subject, hint string, err error) error {
	return &Error{Class: Misconfigured, Op: opAWS, What: subject, Err: err, Remedy: hint}
}

func (c awsChain) credentials(ctx context.Context) (aws.Auth, error) {
	if c.profile == "" {
		a := aws.Auth{AccessKey: c.env("AWS_ACCESS_KEY_ID"), SecretKey: c.env("AWS_SECRET_ACCESS_KEY"), SessionToken: c.env("AWS_SESSION_TOKEN")}
		if a.AccessKey != "" && a.SecretKey != "" {
			return a, nil
		}
		if f := c.env("AWS_WEB_IDENTITY_TOKEN_FILE"); f != "" {
			return c.webIdentity(ctx, f, c.env("AWS_ROLE_ARN"), c.env("AWS_ROLE_SESSION_NAME"))
		}
	}
	named := cmp.Or(c.profile, c.env("AWS_PROFILE"))
	settings, err := c.shared(ctx, cmp.Or(named, "default"))
	if err != nil {
		return aws.Auth{}, err
	}
	if settings == nil && named != "" {
		return aws.Auth{}, awsError("profile "+named, "aws configure list-profiles shows the known ones", errors.New("no such profile in the AWS configuration"))
	}
	switch {
	case settings["aws_access_key_id"] != "" && settings["aws_secret_access_key"] != "":
		return aws.Auth{AccessKey: settings["aws_access_key_id"], SecretKey: settings["aws_secret_access_key"], SessionToken: settings["aws_session_token"]}, nil
	case settings["web_identity_token_file"] != "":
		return c.webIdentity(ctx, settings["web_identity_token_file"], settings["role_arn"], settings["role_session_name"])
	case settings["credential_process"] != "":
		return c.process(ctx, "credential_process", SecretFromCommand(settings["credential_process"]))
	case settings["role_arn"] != "" || settings["sso_session"] != "" || settings["sso_start_url"] != "" || settings["login_session"] != "":
		return c.awsCommand(ctx, cmp.Or(named, "default"))
	case c.env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") != "" || c.env("AWS_CONTAINER_CREDENTIALS_FULL_URI") != "":
		return c.container(ctx)
	}
	return c.instance(ctx)
}

// shared reads one profile of the two shared files; nil when neither has it.
func (c awsChain) shared(ctx context.Context, name string) (map[string]string, error) {
	home := cmp.Or(c.env("HOME"), c.env("USERPROFILE"))
	var out map[string]string
	section := "profile " + name
	if name == "default" {
		section = name
	}
	for _, f := range []struct{ path, section string }{
		{cmp.Or(c.env("AWS_CONFIG_FILE"), filepath.Join(home, ".aws", "config")), section},
		{cmp.Or(c.env("AWS_SHARED_CREDENTIALS_FILE"), filepath.Join(home, ".aws", "credentials")), name},
	} {
		b, err := ReadFile(ctx, f.path, MaxProperties)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, awsError(f.path, "", bareIO(err))
		}
		for k, v := range iniSection(b, f.section) {
			if out == nil {
				out = map[string]string{}
			}
			out[k] = v
		}
	}
	return out, nil
}

// iniSection reads the settings of one section of an AWS configuration file.
func iniSection(b []byte, section string) map[string]string {
	var out map[string]string
	in := false
	sc := bufio.NewScanner(bytes.NewReader(b))
	sc.Buffer(nil, MaxProperties)
	for sc.Scan() {
		line := strings.TrimSpace(sc.Text())
		switch {
		case line == "" || line[0] == '#' || line[0] == ';':
		case line[0] == '[':
			name, _, _ := strings.Cut(line[1:], "]")
			in = strings.Join(strings.Fields(strings.ReplaceAll(name, `"`, "")), " ") == section
			if in && out == nil {
				out = map[string]string{}
			}
		case in:
			if k, v, ok := strings.Cut(line, "="); ok {
				out[strings.ToLower(strings.TrimSpace(k))] = strings.TrimSpace(v)
			}
		}
	}
	return out
}

// awsKeys is the shape in which containers, instances and processes hand out keys.
type awsKeys struct {
	AccessKeyID     string `json:"AccessKeyId"`
	SecretAccessKey string
	Token           string // containers and instances
	SessionToken    string // processes
}

func parseAWSKeys(b []byte, subject string) (aws.Auth, error) {
	var k awsKeys
	if err := json.Unmarshal(b, &k); err != nil || k.AccessKeyID == "" || k.SecretAccessKey == "" {
		// The answer itself is not shown: it may hold half of a key.
		return aws.Auth{}, awsError(subject, "", errors.New("the answer holds no credentials"))
	}
	return aws.Auth{AccessKey: k.AccessKeyID, SecretKey: k.SecretAccessKey, SessionToken: cmp.Or(k.SessionToken, k.Token)}, nil
}

func (c awsChain) process(ctx context.Context, subject string, command Secret) (aws.Auth, error) {
	out, err := command.Resolve(ctx, subject, c.lookup)
	if err != nil {
		return aws.Auth{}, awsError(subject, "run it by hand to see what it says", errors.Unwrap(err))
	}
	return parseAWSKeys([]byte(out), subject)
}

// awsCommand asks the AWS command line, which knows single sign-on and assumed roles.
func (c awsChain) awsCommand(ctx context.Context, profile string) (aws.Auth, error) {
	const hint = "the profile needs the AWS command line (single sign-on or an assumed role): install it and log in, or set credential_process"
	path, err := exec.LookPath("aws")
	if err != nil {
		return aws.Auth{}, awsError("profile "+profile, hint, errors.New("the aws command is not installed"))
	}
	cmd := exec.CommandContext(ctx, path, "configure", "export-credentials", "--profile", profile, "--format", "process")
	out, err := cmd.Output()
	if err != nil {
		if ee, ok := errors.AsType[*exec.ExitError](err); ok {
			err = errors.New(strings.TrimSpace("aws configure export-credentials: " + ee.String()))
		}
		return aws.Auth{}, awsError("profile "+profile, "run aws sso login --profile "+profile+", or the login your organisation uses", err)
	}
	return parseAWSKeys(out, "profile "+profile)
}

// container asks the agent of ECS or EKS.
func (c awsChain) container(ctx context.Context) (aws.Auth, error) {
	const subject = "from the container's agent"
	target := c.env("AWS_CONTAINER_CREDENTIALS_FULL_URI")
	if rel := c.env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"); rel != "" {
		target = "http://169.254.170.2" + rel
	}
	u, err := url.Parse(target)
	if err != nil || !containerHostAllowed(u) {
		return aws.Auth{}, awsError(subject, "", errors.New("AWS_CONTAINER_CREDENTIALS_FULL_URI must be https or point at this host or the agent"))
	}
	token := c.env("AWS_CONTAINER_AUTHORIZATION_TOKEN")
	if f := c.env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"); f != "" {
		if token, err = SecretFromFile(f).Resolve(ctx, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", c.lookup); err != nil {
			return aws.Auth{}, err
		}
	}
	header := http.Header{}
	if token != "" {
		header.Set("Authorization", token)
	}
	b, err := ask(ctx, http.MethodGet, u.String(), header, nil)
	if err != nil {
		return aws.Auth{}, awsError(subject, "", err)
	}
	return parseAWSKeys(b, subject)
}

// containerHostAllowed follows AWS's rule, so that a planted variable cannot make weir
// send the agent's token elsewhere in the clear.
func containerHostAllowed(u *url.URL) bool {
	if u.Scheme == "https" {
		return true
	}
	if u.Scheme != "http" {
		return false
	}
	if u.Hostname() == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(u.Hostname())
	if err != nil {
		return false
	}
	return ip.IsLoopback() || ip == netip.MustParseAddr("169.254.170.2") ||
		ip == netip.MustParseAddr("169.254.170.23") || ip == netip.MustParseAddr("fd00:ec2::23")
}

// instance asks the metadata service of EC2, version 2.
func (c awsChain) instance(ctx context.Context) (aws.Auth, error) {
	none := func(err error) (aws.Auth, error) {
		return aws.Auth{}, awsError("", "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or sasl.aws_profile", err)
	}
	if strings.EqualFold(c.env("AWS_EC2_METADATA_DISABLED"), "true") {
		return none(errors.New("no credentials in environment, shared files or container"))
	}
	base := strings.TrimSuffix(cmp.Or(c.env("AWS_EC2_METADATA_SERVICE_ENDPOINT"), "http://169.254.169.254"), "/")
	ctx, cancel := context.WithTimeout(ctx, imdsTimeout)
	defer cancel()
	token, err := ask(ctx, http.MethodPut, base+"/latest/api/token", http.Header{"X-Aws-Ec2-Metadata-Token-Ttl-Seconds": {"300"}}, nil)
	if err != nil {
		return none(errors.New("no credentials in environment, shared files, container or instance"))
	}
	header := http.Header{"X-Aws-Ec2-Metadata-Token": {string(token)}}
	const path = "/latest/meta-data/iam/security-credentials/"
	role, err := ask(ctx, http.MethodGet, base+path, header, nil)
	if err != nil {
		return none(fmt.Errorf("the instance has no role: %w", err))
	}
	name, _, _ := strings.Cut(strings.TrimSpace(string(role)), "\n")
	b, err := ask(ctx, http.MethodGet, base+path+url.PathEscape(name), header, nil)
	if err != nil {
		return none(err)
	}
	return parseAWSKeys(b, "from the instance")
}

// webIdentity exchanges a Kubernetes service account's token at STS.
func (c awsChain) webIdentity(ctx context.Context, file, role, session string) (aws.Auth, error) {
	const subject = "by web identity"
	token, err := SecretFromFile(file).Resolve(ctx, "web identity token", c.lookup)
	if err != nil {
		return aws.Auth{}, err
	}
	if role == "" {
		return aws.Auth{}, awsError(subject, "", errors.New("AWS_ROLE_ARN is not set"))
	}
	endpoint := cmp.Or(c.env("AWS_ENDPOINT_URL_STS"), "https://sts.amazonaws.com")
	if region := cmp.Or(c.env("AWS_REGION"), c.env("AWS_DEFAULT_REGION")); region != "" && c.env("AWS_ENDPOINT_URL_STS") == "" {
		endpoint = "https://sts." + region + ".amazonaws.com"
		if strings.HasPrefix(region, "cn-") {
			endpoint += ".cn"
		}
	}
	form := url.Values{
		"Action": {"AssumeRoleWithWebIdentity"}, "Version": {"2011-06-15"}, "RoleArn": {role},
		"RoleSessionName": {cmp.Or(session, "weir")}, "WebIdentityToken": {token},
	}
	b, err := ask(ctx, http.MethodPost, endpoint, http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, strings.NewReader(form.Encode()))
	if err != nil {
		return aws.Auth{}, awsError(subject, "", err)
	}
	var r struct {
		Credentials struct {
			AccessKeyID     string `xml:"AccessKeyId"`
			SecretAccessKey string
			SessionToken    string
		} `xml:"AssumeRoleWithWebIdentityResult>Credentials"`
	}
	if err := xml.Unmarshal(b, &r); err != nil || r.Credentials.AccessKeyID == "" {
		return aws.Auth{}, awsError(subject, "", errors.New("the answer holds no credentials"))
	}
	return aws.Auth{AccessKey: r.Credentials.AccessKeyID, SecretKey: r.Credentials.SecretAccessKey, SessionToken: r.Credentials.SessionToken}, nil
}

// ask sends one request and returns the body of a good answer. An error names host and
// status, never the body, the query or a header, where tokens travel.
func ask(ctx context.Context, method, target string, header http.Header, body io.Reader) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return nil, errors.New("the address is not valid")
	}
	req.Header = header
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		if ue, ok := errors.AsType[*url.Error](err); ok {
			err = ue.Err
		}
		return nil, fmt.Errorf("ask %s: %w", req.URL.Host, err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxSecret))
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", req.URL.Host, err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("ask %s: status %d", req.URL.Host, resp.StatusCode)
	}
	return b, nil
}
