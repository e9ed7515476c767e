package cluster

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/weirhq/weir/internal/suggest"
)

// MaxProperties bounds a properties file, in bytes. PEM chains inside included, real
// ones are a hundredth of it.
const MaxProperties = 1 << 20

// entry is one property with the line it starts on, counted from 1.
type entry struct {
	key, value string
	line       int
}

// ReadProperties reads a Java client properties file, the kind --command-config takes.
// path is only for messages. Security settings that weir cannot honour (Kerberos,
// provider and callback classes) are a misconfigured [Error] with file and line,
// because ignoring them would connect in another way than the owner asked for. Every
// other unknown key gives one warning. Settings that Java itself ignores under the
// file's security.protocol are left out with a warning, as Java does.
func ReadProperties(r io.Reader, path string) (p Profile, warnings []string, err error) {
	entries, line, err := scanProperties(r)
	if err != nil {
		if line > 0 {
			path += ":" + strconv.Itoa(line)
		}
		return Profile{}, nil, &Error{Class: Misconfigured, Op: "read", What: path, Err: bareIO(err), Remedy: "it has to be a Java properties file of key=value lines"}
	}
	pr := propertiesReader{path: path, set: map[string]entry{}}
	pr.p.Source = path
	for _, e := range entries {
		if old, ok := pr.set[e.key]; ok {
			pr.warn(e, "set again; the value of line %d is replaced, as Java does", old.line)
		}
		pr.set[e.key] = e
	}
	for _, e := range entries {
		if pr.set[e.key] != e {
			continue // replaced further down
		}
		if err := pr.apply(e); err != nil {
			return Profile{}, nil, err
		}
	}
	if err := pr.finish(); err != nil {
		return Profile{}, nil, err
	}
	return pr.p, pr.warnings, nil
}

type propertiesReader struct {
	path     string
	p        Profile
	set      map[string]entry
	warnings []string
}

func (pr *propertiesReader) at(e entry) string { return pr.path + ":" + strconv.Itoa(e.line) }

func (pr *propertiesReader) warn(e entry, format string, args ...any) {
	pr.warnings = append(pr.warnings, fmt.Sprintf("%s: %s: %s", pr.at(e), e.key, fmt.Sprintf(format, args...)))
}

func (pr *propertiesReader) refuse(e entry, hint, format string, args ...any) error {
	return misconfigured(pr.at(e), e.key, hint, format, args...)
}

const (
	noExchange = "weir does not run the exchange with an identity provider"
	hintToken  = "set sasl.oauthbearer.token.endpoint.url to a file:// URL that holds the token, or use a weir profile with sasl.token {command: ...}"
)

// Callback handlers that only say what weir does by itself.
const (
	iamCallback   = "software.amazon.msk.auth.iam.IAMClientCallbackHandler"
	oauthCallback = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginCallbackHandler"
	// oauthSecured is the same handler under its name before Kafka 4.0.
	oauthSecured = "org.apache.kafka.common.security.oauthbearer.secured.OAuthBearerLoginCallbackHandler"
)

func (pr *propertiesReader) apply(e entry) error {
	literal := newSecret(secretLiteral, e.value)
	if strings.Contains(e.value, "${") && strings.Contains(e.value, "}") && pr.set["config.providers"].line > 0 {
		return pr.refuse(e, "write the value, or put the settings in a weir profile with file, env or command", "it refers to a config provider, which weir cannot run")
	}
	switch e.key {
	case "sasl.jaas.config":
		return pr.jaas(e)
	case "sasl.client.callback.handler.class":
		if e.value == iamCallback {
			return nil
		}
		return pr.refuse(e, "use PLAIN, SCRAM, a token or AWS IAM through their login modules", "weir cannot run the Java class %s", e.value)
	case "sasl.login.callback.handler.class":
		if e.value == oauthCallback || e.value == oauthSecured {
			return nil // judged with the token endpoint in finish
		}
		return pr.refuse(e, "give the token by a weir profile: sasl.token {command: ...}", "weir cannot run the Java class %s", e.value)
	case "sasl.oauthbearer.token.endpoint.url":
		// Java reads the token from a file when the URL says so.
		if u, err := url.Parse(e.value); err == nil && u.Scheme == "file" && u.Path != "" {
			pr.p.SASL.Token = SecretFromFile(u.Path)
			return nil
		}
		return pr.refuse(e, hintToken, noExchange)
	case "ssl.key.password":
		pr.p.TLS.KeyPassword = literal
		return nil
	case "ssl.keystore.password":
		pr.p.TLS.Keystore.Password = literal
		return nil
	case "ssl.truststore.password":
		pr.p.TLS.Truststore.Password = literal
		return nil
	case "ssl.keystore.key":
		pr.p.TLS.keyPEM = newSecret(secretLiteral, linesOfPEM(e.value))
		return nil
	case "ssl.keystore.certificate.chain":
		pr.p.TLS.certPEM = linesOfPEM(e.value)
		return nil
	case "ssl.truststore.certificates":
		pr.p.TLS.caPEM = linesOfPEM(e.value)
		return nil
	case "bootstrap.servers", "security.protocol", "sasl.mechanism", "client.id",
		"ssl.keystore.location", "ssl.keystore.type", "ssl.truststore.location", "ssl.truststore.type",
		"ssl.endpoint.identification.algorithm":
		for _, prop := range properties() {
			if prop.Name != e.key {
				continue
			}
			if err := prop.set(&pr.p, strings.TrimSpace(e.value)); err != nil {
				return pr.refuse(e, "values: "+prop.Values, "%w", err)
			}
		}
		return nil
	}
	if why := unhonoured(e); why != "" {
		return pr.refuse(e, "take it out if the cluster does not need it", "%s", why)
	}
	if near := suggest.Nearest(e.key, append(knownX(), "sasl.jaas.config")); near != "" {
		pr.warn(e, "ignored: weir has no such setting; did you mean %s?", near)
		return nil
	}
	pr.warn(e, "ignored: weir has no such setting")
	return nil
}

// linesOfPEM breaks PEM text that was joined with spaces, as lines ended by a backslash
// are, so that header, body and footer stand on lines of their own.
func linesOfPEM(s string) string {
	const begin, end, dashes = "-----BEGIN ", "-----END ", "-----"
	var b strings.Builder
	for rest := s; ; {
		_, after, ok := strings.Cut(rest, begin)
		if !ok && b.Len() > 0 {
			return b.String()
		}
		label, after, named := strings.Cut(after, dashes)
		body, after, ended := strings.Cut(after, end)
		if !ok || !named || !ended {
			return s // not PEM: whoever reads it says so
		}
		_, rest, _ = strings.Cut(after, dashes)
		if !strings.Contains(body, ":") { // the headers of old encrypted keys need their lines
			body = "\n" + strings.Join(strings.Fields(body), "\n") + "\n"
		}
		b.WriteString(begin + label + dashes + body + end + label + dashes + "\n")
	}
}

// unhonoured names the security settings whose meaning weir would change by ignoring
// them. The defaults Java tools write out are harmless and pass.
func unhonoured(e entry) string {
	switch {
	case strings.HasPrefix(e.key, "sasl.kerberos."):
		return "Kerberos is not supported"
	case strings.HasPrefix(e.key, "sasl.login.refresh."), strings.HasPrefix(e.key, "sasl.login.retry."),
		strings.HasPrefix(e.key, "sasl.login.connect."), strings.HasPrefix(e.key, "sasl.login.read."):
		return "" // timings of Java's background login
	case e.key == "ssl.protocol", e.key == "ssl.enabled.protocols":
		if strings.Contains(e.value, "TLSv1.2") || strings.Contains(e.value, "TLSv1.3") || e.value == "TLS" {
			return ""
		}
		return "weir speaks TLS 1.2 and 1.3 only"
	case e.key == "ssl.keymanager.algorithm", e.key == "ssl.trustmanager.algorithm":
		return ""
	case strings.HasPrefix(e.key, "sasl."), strings.HasPrefix(e.key, "ssl."), strings.HasPrefix(e.key, "security."):
		return "weir cannot honour this security setting"
	}
	return ""
}

func (pr *propertiesReader) finish() error {
	p := &pr.p
	proto := p.SecurityProtocol
	if proto == "" {
		proto = Plaintext // Java's default, whatever else the file says
	}
	p.SecurityProtocol = proto
	if !p.UsesSASL() && !p.SASL.IsZero() {
		pr.warnings = append(pr.warnings, fmt.Sprintf("%s: its sasl.* settings have no effect with security.protocol=%s", pr.path, proto))
		p.SASL = SASL{}
	}
	if !p.UsesTLS() && !p.TLS.IsZero() {
		pr.warnings = append(pr.warnings, fmt.Sprintf("%s: its ssl.* settings have no effect with security.protocol=%s", pr.path, proto))
		p.TLS = TLS{}
	}
	for _, s := range []struct {
		store    *Store
		inline   bool
		key, loc string
	}{
		{&p.TLS.Truststore, p.TLS.caPEM != "", "ssl.truststore.certificates", "ssl.truststore.location"},
		{&p.TLS.Keystore, p.TLS.certPEM != "", "ssl.keystore.certificate.chain", "ssl.keystore.location"},
	} {
		switch {
		case s.inline && s.store.File != "":
			return pr.refuse(pr.set[s.key], "keep one of them", "%s is set as well", s.loc)
		case s.inline, s.store.Password.IsZero() && s.store.File == "":
			*s.store = Store{} // a type alone names no store; Java wants it said beside inline PEM
		}
	}
	if !p.UsesSASL() {
		return nil
	}
	if p.SASL.Mechanism == "" {
		return misconfigured("read", pr.path, "set sasl.mechanism", "sasl.mechanism is missing, and Java's default GSSAPI (Kerberos) is not supported")
	}
	if e, ok := pr.set["sasl.jaas.config"]; ok {
		if want := jaasMechanisms(moduleOf(e.value)); len(want) > 0 && !slices.Contains(want, p.SASL.Mechanism) {
			return pr.refuse(e, "make the login module and sasl.mechanism agree", "its login module does not belong to sasl.mechanism=%s", p.SASL.Mechanism)
		}
	}
	return nil
}

const (
	modulePlain = "org.apache.kafka.common.security.plain.PlainLoginModule"
	moduleScram = "org.apache.kafka.common.security.scram.ScramLoginModule"
	moduleOAuth = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule"
	moduleIAM   = "software.amazon.msk.auth.iam.IAMLoginModule"
)

func jaasMechanisms(module string) []Mechanism {
	switch module {
	case modulePlain:
		return []Mechanism{Plain}
	case moduleScram:
		return []Mechanism{Scram256, Scram512}
	case moduleOAuth:
		return []Mechanism{OAuthBearer}
	case moduleIAM:
		return []Mechanism{AWSMSKIAM}
	}
	return nil
}

func moduleOf(jaas string) string {
	f := strings.Fields(jaas)
	if len(f) == 0 {
		return ""
	}
	return f[0]
}

// jaas reads the one entry that sasl.jaas.config holds: a module class, a control flag
// and options, ended by a semicolon (the format of JAAS configuration files).
func (pr *propertiesReader) jaas(e entry) error {
	module, options, err := parseJAAS(e.value)
	if err != nil {
		return pr.refuse(e, `write: MODULE required username="..." password="...";`, "%w", err)
	}
	s := &pr.p.SASL
	opt := func(name string) string {
		v := options[name]
		delete(options, name)
		return v
	}
	switch module {
	case modulePlain, moduleScram:
		s.Username = opt("username")
		if pw := opt("password"); pw != "" {
			s.Password = newSecret(secretLiteral, pw)
		}
		if module == moduleScram {
			s.TokenAuth = strings.EqualFold(opt("tokenauth"), "true")
		}
	case moduleOAuth:
		for k := range options {
			ext, ok := strings.CutPrefix(k, "extension_")
			if !ok {
				continue
			}
			if s.Extensions == nil {
				s.Extensions = map[string]string{}
			}
			s.Extensions[ext] = opt(k)
		}
		if options["clientId"] != "" || options["clientSecret"] != "" {
			return pr.refuse(e, hintToken, noExchange)
		}
		if _, ok := pr.set["sasl.oauthbearer.token.endpoint.url"]; !ok && s.Token.IsZero() {
			return pr.refuse(e, hintToken, "it names no place where the token can be read")
		}
	case moduleIAM:
		s.AWSProfile = opt("awsProfileName")
		opt("awsDebugCreds")
		opt("awsMaxRetries")
	default:
		if strings.HasSuffix(module, ".Krb5LoginModule") {
			return pr.refuse(e, "use PLAIN, SCRAM, a token or AWS IAM", "Kerberos is not supported")
		}
		return pr.refuse(e, "use the Plain, Scram, OAuthBearer or AWS IAM login module", "weir cannot run the login module %s", module)
	}
	if len(options) > 0 {
		// Only the name: the value of an option may be a credential.
		k := slices.Min(slices.Collect(maps.Keys(options)))
		return pr.refuse(e, "take it out if the cluster does not need it", "weir cannot honour the option %s of %s", k, module)
	}
	return nil
}

// parseJAAS splits `Class flag k="v" k2=v2;`. Values are never part of an error.
func parseJAAS(s string) (module string, options map[string]string, err error) {
	toks, err := jaasTokens(s)
	if err != nil {
		return "", nil, err
	}
	if len(toks) < 2 {
		return "", nil, errors.New("a login module and a control flag are needed")
	}
	switch strings.ToLower(toks[1]) {
	case "required", "requisite", "sufficient", "optional":
	default:
		return "", nil, errors.New("the control flag after the login module is missing")
	}
	options = map[string]string{}
	rest := toks[2:]
	for len(rest) > 0 {
		if rest[0] == ";" {
			if len(rest) > 1 {
				return "", nil, errors.New("more than one login module")
			}
			return toks[0], options, nil
		}
		if len(rest) < 3 || rest[1] != "=" {
			return "", nil, errors.New("an option without a value")
		}
		if _, dup := options[rest[0]]; dup {
			return "", nil, fmt.Errorf("the option %s is given twice", rest[0])
		}
		options[rest[0]] = rest[2]
		rest = rest[3:]
	}
	return "", nil, errors.New("the semicolon at the end is missing")
}

func jaasTokens(s string) ([]string, error) {
	var out []string
	for i := 0; i < len(s); {
		switch c := s[i]; c {
		case ' ', '\t', '\n', '\r':
			i++
		case ';', '=':
			out = append(out, string(c))
			i++
		case '"', '\'':
			v, n, err := quoted(s[i:])
			if err != nil {
				return nil, err
			}
			out = append(out, v)
			i += n
		default:
			j := strings.IndexAny(s[i:], " \t\r\n;=\"")
			if j < 0 {
				j = len(s) - i
			}
			out = append(out, s[i:i+j])
			i += j
		}
		if len(out) > 1000 {
			return nil, errors.New("too many options")
		}
	}
	return out, nil
}

// quoted reads a string in quotes with backslash escapes and tells its length.
func quoted(s string) (v string, n int, err error) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
			if i >= len(s) {
				return "", 0, errors.New("a quote is not closed")
			}
			switch s[i] {
			case 'n':
				b.WriteByte('\n')
			case 't':
				b.WriteByte('\t')
			case 'r':
				b.WriteByte('\r')
			default:
				b.WriteByte(s[i])
			}
		case s[0]:
			return b.String(), i + 1, nil
		default:
			b.WriteByte(s[i])
		}
	}
	return "", 0, errors.New("a quote is not closed")
}

// scanProperties reads the syntax of java.util.Properties.load. Java takes every byte for
// a Latin-1 letter; lines that are valid UTF-8 are read as what their writer saw. With an
// error comes the line it is on, or 0.
func scanProperties(r io.Reader) (entries []entry, line int, err error) {
	sc := bufio.NewScanner(io.LimitReader(r, MaxProperties+1))
	sc.Buffer(make([]byte, 0, 4096), MaxProperties+1)
	sc.Split(splitJavaLines)
	var out []entry
	total := 0
	var logical strings.Builder
	start, continued := 0, false
	flush := func() error {
		k, v, err := splitProperty(logical.String())
		if err != nil {
			line = start
			return err
		}
		out = append(out, entry{k, v, start})
		logical.Reset()
		continued = false
		return nil
	}
	for sc.Scan() {
		line++
		total += len(sc.Bytes()) + 1
		if total > MaxProperties {
			return nil, 0, fmt.Errorf("larger than %d bytes", MaxProperties)
		}
		text := strings.TrimLeft(latin1(sc.Text()), " \t\f")
		if !continued {
			if line == 1 {
				text = strings.TrimPrefix(text, "\ufeff")
			}
			if text == "" || text[0] == '#' || text[0] == '!' {
				continue
			}
			start = line
		}
		slashes := len(text) - len(strings.TrimRight(text, `\`))
		if slashes%2 == 1 {
			logical.WriteString(text[:len(text)-1])
			continued = true
			continue
		}
		logical.WriteString(text)
		if err := flush(); err != nil {
			return nil, line, err
		}
	}
	switch err := sc.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return nil, 0, fmt.Errorf("larger than %d bytes", MaxProperties)
	case err != nil:
		return nil, 0, err
	}
	if continued {
		if err := flush(); err != nil {
			return nil, line, err
		}
	}
	return out, 0, nil
}

// latin1 reads what is not UTF-8 as Java does.
func latin1(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	runes := make([]rune, len(s))
	for i := range len(s) {
		runes[i] = rune(s[i])
	}
	return string(runes)
}

// splitJavaLines ends a line at \n, \r or \r\n.
func splitJavaLines(data []byte, atEOF bool) (advance int, token []byte, err error) {
	for i, c := range data {
		switch {
		case c == '\n':
			return i + 1, data[:i], nil
		case c == '\r' && i+1 < len(data):
			if data[i+1] == '\n' {
				return i + 2, data[:i], nil
			}
			return i + 1, data[:i], nil
		case c == '\r' && atEOF:
			return i + 1, data[:i], nil
		}
	}
	if atEOF && len(data) > 0 {
		return len(data), data, nil
	}
	return 0, nil, nil
}

// splitProperty separates key and value at the first unescaped '=', ':' or white space.
func splitProperty(s string) (key, value string, err error) {
	end := len(s)
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' {
			i++
			continue
		}
		if strings.IndexByte("=: \t\f", s[i]) >= 0 {
			end = i
			break
		}
	}
	rest := strings.TrimLeft(s[end:], " \t\f")
	if rest != "" && (rest[0] == '=' || rest[0] == ':') {
		rest = strings.TrimLeft(rest[1:], " \t\f")
	}
	if key, err = unescapeJava(s[:end]); err != nil {
		return "", "", err
	}
	value, err = unescapeJava(rest)
	return key, value, err
}

func unescapeJava(s string) (string, error) {
	if !strings.Contains(s, `\`) {
		return s, nil
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		switch s[i] {
		case 't':
			b.WriteByte('\t')
		case 'n':
			b.WriteByte('\n')
		case 'r':
			b.WriteByte('\r')
		case 'f':
			b.WriteByte('\f')
		case 'u':
			r, n, err := javaRune(s[i+1:])
			if err != nil {
				return "", err
			}
			b.WriteRune(r)
			i += n
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String(), nil
}

// javaRune reads the digits after \u, and the second half of a surrogate pair.
func javaRune(s string) (r rune, n int, err error) {
	hex := func(s string) (rune, bool) {
		if len(s) < 4 {
			return 0, false
		}
		v, err := strconv.ParseUint(s[:4], 16, 16)
		return rune(v), err == nil
	}
	r, ok := hex(s)
	if !ok {
		return 0, 0, errors.New(`a \u escape needs four hexadecimal digits`)
	}
	if utf16.IsSurrogate(r) && strings.HasPrefix(s[4:], `\u`) {
		if low, ok := hex(s[6:]); ok {
			if pair := utf16.DecodeRune(r, low); pair != '\uFFFD' {
				return pair, 10, nil
			}
		}
	}
	return r, 4, nil
}
