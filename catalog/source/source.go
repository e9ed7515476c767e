// Package source says where the documents of a catalog come from: a folder, or the
// tree of a git commit. Both are an [fs.FS] rooted at the catalog's root.
//
// It decides what the root is, and that nothing leaves it: no path, no link, no
// reference. It refuses to change a work tree, to fetch, and to read a commit that a
// shallow clone does not have. git is read through the installed program.
//
// The two types to know are [Tree] and [Repo].
package source

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Tree is a root and the paths in it that were asked for.
type Tree struct {
	// FS is the root. Links that leave it cannot be opened.
	FS fs.FS
	// Dir is the root on disk, absolute; empty for a git tree.
	Dir string
	// Paths are the files and folders asked for, relative to the root, slash-separated.
	Paths []string
	// Version names the tree for people: empty for a folder, the commit for a git tree.
	Version string

	close func() error
}

// Close releases the tree.
func (t *Tree) Close() error {
	if t == nil || t.close == nil {
		return nil
	}
	return t.close()
}

// Where says how the root is found.
type Where struct {
	// Cwd is the current directory, absolute.
	Cwd string
	// RefRoot is --ref-root; it wins.
	RefRoot string
	// ConfigDir is the folder of weir.yaml, absolute, or empty.
	ConfigDir string
	// Paths are the arguments: files and folders, relative to Cwd or absolute. None
	// means Cwd, or ConfigDir where Defaults are used.
	Paths []string
	// Defaults are catalog.paths of weir.yaml, relative to ConfigDir.
	Defaults []string
}

// OutsideError is a path that lies above or beside the root.
type OutsideError struct{ Path, Root string }

func (e *OutsideError) Error() string {
	return fmt.Sprintf("open %s: it lies outside of the catalog's root %s", e.Path, e.Root)
}

// Hint names the flag that moves the root.
func (e *OutsideError) Hint() string { return "name a common folder with --ref-root" }

// Code is the class of the failure.
func (*OutsideError) Code() string { return "usage" }

// RootError is a root that is no folder.
type RootError struct {
	Dir string
	Err error
}

func (e *RootError) Error() string { return "open folder " + e.Dir + ": " + plain(e.Err) }
func (e *RootError) Unwrap() error { return e.Err }

// Code is the class of the failure.
func (*RootError) Code() string { return "usage" }

func plain(err error) string {
	if errors.Is(err, fs.ErrNotExist) {
		return "there is no such folder"
	}
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err.Error()
	}
	return err.Error()
}

// Open finds the root and opens it as a folder. The root is --ref-root, else the
// folder of weir.yaml, else the top of the git tree, else the common parent of the
// paths.
func Open(w Where) (*Tree, error) {
	paths := w.absolute()
	root, err := w.root(paths)
	if err != nil {
		return nil, err
	}
	rel := make([]string, len(paths))
	for i, p := range paths {
		if rel[i], err = inside(root, p); err != nil {
			return nil, err
		}
	}
	r, err := os.OpenRoot(root)
	if err != nil {
		return nil, &RootError{Dir: root, Err: err}
	}
	return &Tree{FS: r.FS(), Dir: root, Paths: rel, close: r.Close}, nil
}

func (w Where) absolute() []string {
	base, list := w.Cwd, w.Paths
	if len(list) == 0 && len(w.Defaults) > 0 {
		base, list = w.ConfigDir, w.Defaults
	}
	if len(list) == 0 {
		list = []string{"."}
	}
	out := make([]string, len(list))
	for i, p := range list {
		if !filepath.IsAbs(p) {
			p = filepath.Join(base, p)
		}
		out[i] = filepath.Clean(p)
	}
	return out
}

func (w Where) root(paths []string) (string, error) {
	if w.RefRoot != "" {
		root := w.RefRoot
		if !filepath.IsAbs(root) {
			root = filepath.Join(w.Cwd, root)
		}
		return resolve(root)
	}
	for _, root := range []string{w.ConfigDir, gitTop(paths[0])} {
		if root == "" {
			continue
		}
		r, err := resolve(root)
		if err != nil {
			return "", err
		}
		if !slices.ContainsFunc(paths, func(p string) bool { _, err := inside(r, p); return err != nil }) {
			return r, nil
		}
		return r, outsideOf(r, paths)
	}
	common := paths[0]
	if fi, err := os.Stat(common); err != nil || !fi.IsDir() {
		common = filepath.Dir(common)
	}
	for _, p := range paths[1:] {
		for {
			if _, err := inside(common, p); err == nil {
				break
			}
			up := filepath.Dir(common)
			if up == common {
				break
			}
			common = up
		}
	}
	return resolve(common)
}

func outsideOf(root string, paths []string) error {
	for _, p := range paths {
		if _, err := inside(root, p); err != nil {
			return err
		}
	}
	return nil
}

func resolve(dir string) (string, error) {
	r, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return "", &RootError{Dir: dir, Err: err}
	}
	return r, nil
}

// inside returns p relative to root with slashes. The folder of p is resolved first,
// so that a root reached through a link still contains its files.
func inside(root, p string) (string, error) {
	real := p
	if r, err := filepath.EvalSymlinks(p); err == nil {
		real = r
	} else if r, err := filepath.EvalSymlinks(filepath.Dir(p)); err == nil {
		real = filepath.Join(r, filepath.Base(p))
	}
	rel, err := filepath.Rel(root, real)
	if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return "", &OutsideError{Path: p, Root: root}
	}
	return filepath.ToSlash(rel), nil
}

// gitTop is the nearest folder upwards that holds .git, or "".
func gitTop(p string) string {
	for d := p; ; d = filepath.Dir(d) {
		if _, err := os.Lstat(filepath.Join(d, ".git")); err == nil {
			return d
		}
		if filepath.Dir(d) == d {
			return ""
		}
	}
}

// Prefix is where the root lies in the repository that holds it, slash-separated and with
// a slash behind it: what CI reads of a file starts there. It is empty at the top, outside
// of a repository and for a git tree.
func (t *Tree) Prefix() string {
	if t.Dir == "" {
		return ""
	}
	rel, err := inside(gitTop(t.Dir), t.Dir)
	if err != nil || rel == "." {
		return ""
	}
	return rel + "/"
}

// Digest is a fingerprint of the names and contents of files of the tree, in hex.
func (t *Tree) Digest(names []string) (string, error) {
	h := sha256.New()
	for _, name := range names {
		b, err := fs.ReadFile(t.FS, name)
		if err != nil {
			return "", err
		}
		_, _ = h.Write([]byte(name + "\x00"))
		_, _ = h.Write(b)
	}
	return hex.EncodeToString(h.Sum(nil)[:16]), nil
}
