package demo

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/weirhq/weir/examples"
)

// The change that somebody proposes in the tour: a total that is a text.
const (
	totalNow      = `"total": {"type": "number", "minimum": 0}`
	totalProposed = `"total": {"type": "string"}`
)

var principal = regexp.MustCompile(`(?m)^ *x-principal: .*\n`)

// writeCatalogs writes the shop's catalog to the tour's folder, its names behind the
// prefix, its topics as large as the cluster allows, and a second time with the
// proposed change. On a shared cluster it declares no principals, so no rights.
func (s *stage) writeCatalogs() error {
	names := []string{
		"groupId: {type: string, const: ", "groupId: {type: string, const: " + s.cfg.Prefix,
		fmt.Sprintf("replicas: %d\n", shopReplicas), fmt.Sprintf("replicas: %d\n", s.replicas),
		fmt.Sprintf("min.insync.replicas: %d\n", inSync(shopReplicas)), fmt.Sprintf("min.insync.replicas: %d\n", inSync(s.replicas)),
	}
	for _, t := range []string{Orders, Payments, Shipments} {
		names = append(names, t, s.name(t))
	}
	prefix := strings.NewReplacer(names...)
	propose := strings.NewReplacer(totalNow, totalProposed)
	return fs.WalkDir(examples.Orders(), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		b, err := fs.ReadFile(examples.Orders(), path)
		if err != nil {
			return err
		}
		text := prefix.Replace(string(b))
		if s.cfg.Prefix != "" {
			text = principal.ReplaceAllString(text, "")
		}
		if err := write(filepath.Join(s.catalog(), path), text); err != nil {
			return err
		}
		return write(filepath.Join(s.proposal(), path), propose.Replace(text))
	})
}

// Catalog is where the tour in a folder keeps the shop's catalog.
func Catalog(dir string) string { return filepath.Join(dir, "shop") }

func (s *stage) catalog() string  { return Catalog(s.cfg.Dir) }
func (s *stage) proposal() string { return filepath.Join(s.cfg.Dir, "proposal") }

func write(file, text string) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	return os.WriteFile(file, []byte(text), 0o600)
}
