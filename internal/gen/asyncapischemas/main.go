// Command asyncapischemas derives the vendored schemas in catalog/specs from an
// unpacked copy of the npm package @asyncapi/specs:
//
//	npm pack @asyncapi/specs@6.11.1 && tar xzf asyncapi-specs-*.tgz
//	go run ./internal/gen/asyncapischemas package catalog/specs
//
// It decides what is stripped and which deviations are applied, and refuses a package
// in which the text of a deviation is not found. There is one function to know:
// [Derive].
package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

var versions = []string{"2.0.0", "2.1.0", "2.2.0", "2.3.0", "2.4.0", "2.5.0", "2.6.0", "3.0.0", "3.1.0"}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: asyncapischemas PACKAGE-DIR OUT-DIR")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "asyncapischemas:", err)
		os.Exit(1)
	}
}

func run(pkg, out string) error {
	files, sums, err := Derive(os.DirFS(pkg))
	if err != nil {
		return err
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(out, name), data, 0o600); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	return os.WriteFile(filepath.Join(out, "SHA256SUMS"), sums, 0o600)
}

// Derive reads the package and returns the files to vendor, and the checksums of the
// originals they were made from.
func Derive(pkg fs.FS) (files map[string][]byte, sums []byte, err error) {
	files = map[string][]byte{}
	var lines []string
	read := func(name string) (any, error) {
		data, err := fs.ReadFile(pkg, name)
		if err != nil {
			return nil, fmt.Errorf("read original: %w", err)
		}
		sum := sha256.Sum256(data)
		lines = append(lines, hex.EncodeToString(sum[:])+"  "+name)
		dec := json.NewDecoder(bytes.NewReader(data))
		dec.UseNumber()
		var v any
		if err := dec.Decode(&v); err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		return strip(v, false), nil
	}
	for _, v := range versions {
		doc, err := read("schemas/" + v + ".json")
		if err != nil {
			return nil, nil, err
		}
		if v >= "3" {
			defs, _ := doc.(map[string]any)["definitions"].(map[string]any)
			if err := patchKey(defs["http://asyncapi.com/bindings/kafka/0.5.0/message.json"]); err != nil {
				return nil, nil, fmt.Errorf("%s: %w", v, err)
			}
		}
		top, _ := doc.(map[string]any)
		defs, _ := top["definitions"].(map[string]any)
		delete(top, "definitions")
		defs[""] = top
		if files[v+".gz"], err = pack(defs); err != nil {
			return nil, nil, err
		}
	}
	all := map[string]any{}
	err = fs.WalkDir(pkg, "bindings", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(p, ".json") {
			return err
		}
		all[p], err = read(p)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	if err := patchKey(all["bindings/kafka/0.5.0/message.json"]); err != nil {
		return nil, nil, err
	}
	if files["bindings.gz"], err = pack(all); err != nil {
		return nil, nil, err
	}
	slices.Sort(lines)
	return files, []byte(strings.Join(lines, "\n") + "\n"), nil
}

// patchKey puts the anyOf of Kafka binding 0.4.0 in place of the oneOf of 0.5.0,
// which refuses every key given by $ref (a $ref matches both of its branches) and
// every Avro key, against the text of the binding.
func patchKey(message any) error {
	m, _ := message.(map[string]any)
	props, _ := m["properties"].(map[string]any)
	key, _ := props["key"].(map[string]any)
	if _, ok := key["oneOf"]; !ok {
		return errors.New("kafka 0.5.0 message key: no oneOf to replace, see the list of deviations")
	}
	branches, _ := key["oneOf"].([]any)
	first, _ := branches[0].(map[string]any)
	ref, _ := first["$ref"].(string) // the bundles name their definitions by their own version
	base := ref[:strings.LastIndex(ref, "/")+1]
	props["key"] = map[string]any{"anyOf": []any{
		map[string]any{"$ref": base + "Reference.json"},
		map[string]any{"$ref": base + "schema.json"},
		map[string]any{"$ref": base + "avroSchema_v1.json"},
	}}
	return nil
}

// strip drops what only people read. names tells that the keys are names.
func strip(v any, names bool) any {
	switch t := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(t))
		for k, x := range t {
			if !names {
				switch k {
				case "description", "examples", "example", "title":
					continue
				}
			}
			out[k] = strip(x, !names && (k == "properties" || k == "patternProperties" || k == "definitions"))
		}
		return out
	case []any:
		for i := range t {
			t[i] = strip(t[i], false)
		}
	}
	return v
}

// pack writes a definition a line, its name before it, so that a reader can leave alone
// what it does not need.
func pack(defs map[string]any) ([]byte, error) {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	for _, id := range slices.Sorted(maps.Keys(defs)) {
		text, err := json.Marshal(defs[id]) // sorts keys, so the result is stable
		if err != nil {
			return nil, err
		}
		if _, err := fmt.Fprintf(z, "%s %s\n", id, text); err != nil {
			return nil, err
		}
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
