package term

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"syscall"

	"github.com/charmbracelet/colorprofile"
	"go.yaml.in/yaml/v4"

	"github.com/weirhq/weir/internal/safetext"
	"github.com/weirhq/weir/internal/suggest"
)

// Format is a value of -o.
type Format string

// The output formats. Gates add the last four.
const (
	TextFormat Format = "text"
	Wide       Format = "wide"
	JSON       Format = "json"
	YAML       Format = "yaml"
	TSV        Format = "tsv"
	Name       Format = "name"
	SARIF      Format = "sarif"
	JUnit      Format = "junit"
	GitHub     Format = "github"
	Markdown   Format = "markdown"
)

// View says how a report looks. Only what the command's formats need is set.
type View struct {
	// Text draws the report. nil draws Table.
	Text func(p *Page)
	// Wide draws it with everything known. nil draws Text.
	Wide func(p *Page)
	// Table is the report as one table; -o tsv is made from it.
	Table func() *Table
	// Names lists what the report is about, for xargs and fzf.
	Names func() []string
}

// Emit writes a whole report to standard output. As JSON (and YAML) it is one
// object that starts with kind and schema_version 1; a kind of "" leaves the
// report as it is. On a closed pipe (head, less) it is content.
func (s *Screen) Emit(f Format, kind string, report any, v View) error {
	p := s.page(s.Width())
	switch f {
	case JSON:
		b, err := envelope(kind, report)
		if err != nil {
			return err
		}
		p.buf.Write(b)
	case YAML:
		b, err := envelope(kind, report)
		if err != nil {
			return err
		}
		if b, err = jsonToYAML(b); err != nil {
			return err
		}
		p.buf.Write(b)
	case TSV:
		v.Table().tsv(p)
	case Name:
		for _, n := range v.Names() {
			p.Line("%s", n)
		}
	default:
		draw := v.Text
		if f == Wide && v.Wide != nil {
			draw = v.Wide
		}
		if draw == nil {
			draw = func(p *Page) { p.Table(v.Table()) }
		}
		draw(p)
	}
	return s.flush(p)
}

// Lines returns a writer of newline-delimited JSON on standard output.
func (s *Screen) Lines() func(v any) error {
	return func(v any) error {
		b, err := marshal(v, "")
		if err != nil {
			return err
		}
		return ignorePipe(writeAll(s.out, b))
	}
}

// Print draws text to standard output at once, for output that grows line by line.
func (s *Screen) Print(draw func(p *Page)) error {
	p := s.page(s.Width())
	draw(p)
	return s.flush(p)
}

func (s *Screen) flush(p *Page) error { return ignorePipe(p.writeTo(s.outStyled)) }

// ErrClosedPipe says that the reader of standard output went away, which ends a
// stream of output and is no failure.
var ErrClosedPipe = errors.New("standard output was closed")

func ignorePipe(err error) error {
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe) {
		return ErrClosedPipe
	}
	return err
}

func writeAll(w io.Writer, b []byte) error {
	_, err := w.Write(b)
	return err
}

// envelope puts kind and schema_version in front of a report's own fields.
func envelope(kind string, report any) ([]byte, error) {
	b, err := marshal(report, "  ")
	if err != nil || kind == "" {
		return b, err
	}
	head := fmt.Sprintf("{\n  \"kind\": %q,\n  \"schema_version\": 1", kind)
	body := bytes.TrimPrefix(b, []byte("{"))
	if len(body) == len(b) {
		return nil, fmt.Errorf("report %s is not an object", kind)
	}
	if bytes.HasPrefix(bytes.TrimSpace(body), []byte("}")) {
		return []byte(head + "\n}\n"), nil
	}
	return append([]byte(head+","), body...), nil
}

// marshal writes JSON without HTML escapes, and with escapes for what JSON allows but a
// terminal obeys.
func marshal(v any, indent string) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return safetext.JSON(b.Bytes()), nil
}

// jsonToYAML keeps the order of keys by going through nodes.
func jsonToYAML(b []byte) ([]byte, error) {
	var n yaml.Node
	if err := yaml.Unmarshal(b, &n); err != nil {
		return nil, fmt.Errorf("convert the report to YAML: %w", err)
	}
	plainStyle(&n)
	b, err := yaml.Marshal(&n)
	return safetext.YAML(b), err
}

func plainStyle(n *yaml.Node) {
	if n.Kind != yaml.ScalarNode {
		n.Style = 0
	} else if n.Tag == "!!str" && !strings.ContainsFunc(n.Value, safetext.Harmful) {
		n.Style = 0
	}
	for _, c := range n.Content {
		plainStyle(c)
	}
}

func stripper(w io.Writer) io.Writer {
	return &colorprofile.Writer{Forward: w, Profile: colorprofile.NoTTY}
}

// FormatFlag is a pflag.Value for -o that accepts only the formats it was given.
type FormatFlag struct {
	Value   *Format
	Allowed []Format
}

// Set validates.
func (f FormatFlag) Set(s string) error {
	if !slices.Contains(f.Allowed, Format(s)) {
		return fmt.Errorf("use %s", f.List())
	}
	*f.Value = Format(s)
	return nil
}

func (f FormatFlag) String() string {
	if f.Value == nil {
		return ""
	}
	return string(*f.Value)
}

// Type names the value in help.
func (f FormatFlag) Type() string { return "format" }

// List is "text, json or tsv".
func (f FormatFlag) List() string {
	names := make([]string, len(f.Allowed))
	for i, a := range f.Allowed {
		names[i] = string(a)
	}
	return suggest.Or(names)
}
