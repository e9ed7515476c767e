package source

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func run(t *testing.T, dir string, args ...string) string {
	t.Helper()
	c := exec.Command("git", append([]string{"-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"}, args...)...)
	c.Dir = dir
	c.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func TestOpenFindsTheRoot(t *testing.T) {
	top, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(top, "repo/.git/HEAD"), "")
	write(t, filepath.Join(top, "repo/cat/a.yaml"), "a")
	write(t, filepath.Join(top, "repo/cat/b/b.yaml"), "b")
	write(t, filepath.Join(top, "plain/x/x.yaml"), "x")
	write(t, filepath.Join(top, "plain/y/y.yaml"), "y")
	at := func(p string) string { return filepath.Join(top, p) }
	for name, c := range map[string]struct {
		w     Where
		root  string
		paths []string
		fails bool
	}{
		"git top":           {Where{Cwd: at("repo/cat"), Paths: []string{"a.yaml"}}, "repo", []string{"cat/a.yaml"}, false},
		"current directory": {Where{Cwd: at("repo/cat")}, "repo", []string{"cat"}, false},
		"weir.yaml":         {Where{Cwd: at("repo"), ConfigDir: at("repo/cat"), Defaults: []string{"b"}}, "repo/cat", []string{"b"}, false},
		"--ref-root":        {Where{Cwd: at("repo"), RefRoot: "cat/b", Paths: []string{"cat/b/b.yaml"}}, "repo/cat/b", []string{"b.yaml"}, false},
		"above --ref-root":  {Where{Cwd: at("repo"), RefRoot: "cat/b", Paths: []string{"cat/a.yaml"}}, "", nil, true},
		"above weir.yaml":   {Where{Cwd: at("repo"), ConfigDir: at("repo/cat"), Paths: []string{"."}}, "", nil, true},
		"common parent":     {Where{Cwd: at("plain"), Paths: []string{"x/x.yaml", "y"}}, "plain", []string{"x/x.yaml", "y"}, false},
		"one file":          {Where{Cwd: at("plain"), Paths: []string{"x/x.yaml"}}, "plain/x", []string{"x.yaml"}, false},
	} {
		tree, err := Open(c.w)
		if c.fails {
			if _, ok := errors.AsType[*OutsideError](err); !ok {
				t.Errorf("%s: %v, want an OutsideError", name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if tree.Dir != at(c.root) {
			t.Errorf("%s: root %s, want %s", name, tree.Dir, at(c.root))
		}
		if d := cmp.Diff(c.paths, tree.Paths); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		_ = tree.Close()
	}
}

func TestLinksDoNotLeaveTheRoot(t *testing.T) {
	top := t.TempDir()
	write(t, filepath.Join(top, "secret.yaml"), "secret")
	write(t, filepath.Join(top, "cat/a.yaml"), "a")
	if err := os.Symlink("../secret.yaml", filepath.Join(top, "cat/link.yaml")); err != nil {
		t.Fatal(err)
	}
	tree, err := Open(Where{Cwd: top, RefRoot: "cat", Paths: []string{"cat"}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tree.Close() }()
	if b, err := fs.ReadFile(tree.FS, "link.yaml"); err == nil {
		t.Errorf("read %q through a link out of the root", b)
	}
}

func TestGit(t *testing.T) {
	dir := t.TempDir()
	run(t, dir, "init", "-q", "-b", "main")
	write(t, filepath.Join(dir, "cat/a.yaml"), "one")
	write(t, filepath.Join(dir, "cat/sub/b.yaml"), "b")
	write(t, filepath.Join(dir, "other/c d.yaml"), "c")
	if err := os.Symlink("../../../etc/passwd", filepath.Join(dir, "cat/link.yaml")); err != nil {
		t.Fatal(err)
	}
	run(t, dir, "add", "-A")
	run(t, dir, "commit", "-qm", "one")
	write(t, filepath.Join(dir, "cat/a.yaml"), "two\n\x00binary")
	run(t, dir, "commit", "-qam", "two")
	write(t, filepath.Join(dir, "other/c d.yaml"), "c2")
	run(t, dir, "commit", "-qam", "three")
	write(t, filepath.Join(dir, "cat/a.yaml"), "not committed")

	ctx := t.Context()
	repo, err := OpenRepo(ctx, filepath.Join(dir, "cat"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = repo.Close() }()
	head, err := repo.Commit(ctx, "HEAD")
	if err != nil {
		t.Fatal(err)
	}
	tree, err := repo.Tree(ctx, head, ".")
	if err != nil {
		t.Fatal(err)
	}
	if err := fstest.TestFS(tree.FS, "cat/a.yaml", "cat/sub/b.yaml", "other/c d.yaml"); err != nil {
		t.Error(err)
	}
	if b, err := fs.ReadFile(tree.FS, "cat/a.yaml"); err != nil || string(b) != "two\n\x00binary" {
		t.Errorf("%q, %v", b, err)
	}
	if _, err := fs.ReadFile(tree.FS, "cat/link.yaml"); err == nil || !strings.Contains(err.Error(), "leaves the root") {
		t.Errorf("a link out of the root: %v", err)
	}
	sub, err := repo.Tree(ctx, "HEAD~2", "cat")
	if err != nil {
		t.Fatal(err)
	}
	if b, err := fs.ReadFile(sub.FS, "a.yaml"); err != nil || string(b) != "one" {
		t.Errorf("%q, %v", b, err)
	}
	commits, truncated, err := repo.History(ctx, head, 10, "cat/a.yaml")
	if err != nil || len(commits) != 2 || truncated {
		t.Errorf("history %v %v %v", commits, truncated, err)
	}
	if commits, truncated, _ := repo.History(ctx, head, 1, "cat/a.yaml"); len(commits) != 1 || !truncated {
		t.Errorf("cut history %v %v", commits, truncated)
	}
	for _, ref := range []string{"nope", "--upload-pack=x", "HEAD~9"} {
		_, err := repo.Commit(ctx, ref)
		if _, ok := errors.AsType[*RefError](err); !ok {
			t.Errorf("%s: %v", ref, err)
		}
	}
	if b, err := os.ReadFile(filepath.Join(dir, "cat/a.yaml")); err != nil || string(b) != "not committed" {
		t.Errorf("the work tree was touched: %q %v", b, err)
	}
}

func TestShallowClone(t *testing.T) {
	dir := t.TempDir()
	run(t, dir, "init", "-q", "-b", "main", "full")
	full := filepath.Join(dir, "full")
	for _, text := range []string{"one", "two"} {
		write(t, filepath.Join(full, "a.yaml"), text)
		run(t, full, "add", "-A")
		run(t, full, "commit", "-qm", text)
	}
	run(t, dir, "clone", "-q", "--depth", "1", "file://"+full, "shallow")
	repo, err := OpenRepo(t.Context(), filepath.Join(dir, "shallow"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = repo.Commit(t.Context(), "HEAD~1")
	re, ok := errors.AsType[*RefError](err)
	if !ok || !strings.Contains(re.Hint(), "fetch-depth") {
		t.Errorf("%v, hint %v", err, re)
	}
}

func TestForeignRepository(t *testing.T) {
	e := &RefError{Reason: "detected dubious ownership in repository at '/src'\nTo add an exception for this directory, call:\n\n\tgit config --global --add safe.directory /src"}
	if !strings.Contains(e.Hint(), "belongs to another user") {
		t.Errorf("hint %q", e.Hint())
	}
}

func TestLargeFileStorage(t *testing.T) {
	dir := t.TempDir()
	run(t, dir, "init", "-q", "-b", "main")
	const real = "asyncapi: 3.0.0\n"
	sum := sha256.Sum256([]byte(real))
	oid := hex.EncodeToString(sum[:])
	text := fmt.Sprintf("version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n", oid, len(real))
	write(t, filepath.Join(dir, "cat/a.yaml"), text)
	run(t, dir, "add", "-A")
	run(t, dir, "commit", "-qm", "one")
	repo, err := OpenRepo(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = repo.Close() }()
	tree, err := repo.Tree(t.Context(), "HEAD", "cat")
	if err != nil {
		t.Fatal(err)
	}
	read := func() string {
		b, err := fs.ReadFile(tree.FS, "a.yaml")
		if err != nil {
			return err.Error()
		}
		return string(b)
	}
	if got := read(); got != text {
		t.Errorf("a checkout without LFS: %q", got)
	}
	write(t, filepath.Join(dir, "cat/a.yaml"), real)
	if got := read(); got != real {
		t.Errorf("unchanged: %q", got)
	}
	write(t, filepath.Join(dir, "cat/a.yaml"), "asyncapi: 2.6.0\n")
	if got := read(); !strings.Contains(got, "Git LFS keeps it") {
		t.Errorf("changed: %q", got)
	}
	write(t, filepath.Join(dir, ".git/lfs/objects", oid[:2], oid[2:4], oid), "asyncapi: 4.0.0\n")
	if got := read(); !strings.Contains(got, "Git LFS keeps it") {
		t.Errorf("another file in the store: %q", got)
	}
	write(t, filepath.Join(dir, ".git/lfs/objects", oid[:2], oid[2:4], oid), real)
	if got := read(); got != real {
		t.Errorf("in the store: %q", got)
	}
}

func TestGitLinks(t *testing.T) {
	dir := t.TempDir()
	run(t, dir, "init", "-q", "-b", "main")
	write(t, filepath.Join(dir, "cat/real/a.yaml"), "one")
	write(t, filepath.Join(dir, "beside/b.yaml"), "b")
	for link, to := range map[string]string{
		"cat/a.yaml": "real/a.yaml", "cat/twice.yaml": "a.yaml", "cat/folder": "real", "cat/up.yaml": "folder/../real/a.yaml",
		"cat/loop.yaml": "loop.yaml", "cat/gone.yaml": "nothing.yaml", "cat/out.yaml": "../beside/b.yaml", "cat/abs.yaml": "/etc/passwd",
	} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	run(t, dir, "add", "-A")
	run(t, dir, "commit", "-qm", "one")
	write(t, filepath.Join(dir, "cat/real/a.yaml"), "two")
	run(t, dir, "commit", "-qam", "two")
	repo, err := OpenRepo(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = repo.Close() }()
	tree, err := repo.Tree(t.Context(), "HEAD", "cat")
	if err != nil {
		t.Fatal(err)
	}
	if err := fstest.TestFS(tree.FS, "a.yaml", "twice.yaml", "folder", "up.yaml", "real/a.yaml"); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"a.yaml", "twice.yaml", "up.yaml", "folder/a.yaml"} {
		if b, err := fs.ReadFile(tree.FS, name); err != nil || string(b) != "two" {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
	for name, want := range map[string]string{
		"loop.yaml": "leads to no end", "gone.yaml": "does not exist", "out.yaml": "leaves the root", "abs.yaml": "leaves the root",
	} {
		if _, err := fs.ReadFile(tree.FS, name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
	list, err := fs.Glob(tree.FS, "*.yaml")
	if d := cmp.Diff([]string{"a.yaml", "twice.yaml", "up.yaml"}, list); err != nil || d != "" {
		t.Errorf("%v: %s", err, d)
	}
	for _, p := range []string{"cat/a.yaml", "cat/folder/a.yaml"} {
		if commits, _, err := repo.History(t.Context(), "HEAD", 10, p); err != nil || len(commits) != 2 {
			t.Errorf("history of %s: %v, %v", p, commits, err)
		}
	}
}
