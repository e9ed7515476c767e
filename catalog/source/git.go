package source

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Repo is a git repository, read through the installed git.
type Repo struct {
	// Top is the top folder of the work tree, absolute.
	Top string
	// Shallow is true when history was cut (a CI checkout with a fetch depth).
	Shallow bool

	mu    sync.Mutex
	batch *batch
}

// RefError is a commit that cannot be read.
type RefError struct {
	Ref     string
	Shallow bool
	Reason  string
}

func (e *RefError) Error() string {
	if e.Ref == "" {
		return "read git: " + e.Reason
	}
	return fmt.Sprintf("read git:%s: %s", e.Ref, e.Reason)
}

// Code is the class of the failure.
func (*RefError) Code() string { return "usage" }

// Hint says how to get the missing commit.
func (e *RefError) Hint() string {
	if strings.Contains(e.Reason, "safe.directory") {
		return "the repository belongs to another user, as a checkout that a container mounts: that command lets git read it"
	}
	if e.Ref == "" {
		return "run it inside a git work tree, or name a folder instead of git:REF"
	}
	if e.Shallow {
		return "the clone is shallow: fetch the whole history (actions/checkout with fetch-depth: 0, GitLab with GIT_DEPTH: 0, or git fetch --unshallow)"
	}
	return "name a commit, branch or tag that is here; git fetch gets a branch of the remote"
}

// OpenRepo finds the repository that holds dir.
func OpenRepo(ctx context.Context, dir string) (*Repo, error) {
	out, err := git(ctx, dir, "rev-parse", "--show-toplevel", "--is-shallow-repository")
	if err != nil {
		return nil, &RefError{Ref: "", Reason: err.Error()}
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) != 2 {
		return nil, &RefError{Reason: "git gave an unexpected answer"}
	}
	return &Repo{Top: lines[0], Shallow: lines[1] == "true"}, nil
}

// Commit resolves a branch, tag or commit to the full id of a commit.
func (r *Repo) Commit(ctx context.Context, ref string) (string, error) {
	out, err := git(ctx, r.Top, "rev-parse", "--verify", "--quiet", "--end-of-options", ref+"^{commit}")
	if err != nil {
		return "", &RefError{Ref: ref, Shallow: r.Shallow, Reason: "there is no such commit here"}
	}
	return strings.TrimSpace(string(out)), nil
}

// MergeBase returns the best common ancestor of HEAD and a ref: what a pull request
// is compared with.
func (r *Repo) MergeBase(ctx context.Context, ref string) (string, error) {
	base, err := r.Commit(ctx, ref)
	if err != nil {
		return "", err
	}
	out, err := git(ctx, r.Top, "merge-base", base, "HEAD")
	if err != nil {
		return "", &RefError{Ref: ref + "...", Shallow: r.Shallow, Reason: "HEAD and " + ref + " have no common ancestor here"}
	}
	return strings.TrimSpace(string(out)), nil
}

// History lists first-parent commits from commit backwards that changed one of the
// paths (relative to the top), newest first, at most limit. truncated says that there
// are more, or that a shallow clone ends before the history does.
func (r *Repo) History(ctx context.Context, commit string, limit int, paths ...string) (commits []string, truncated bool, err error) {
	args := []string{"log", "--no-show-signature", "--first-parent", "--format=%H", "-n", strconv.Itoa(limit + 1), "--end-of-options", commit, "--"}
	paths, err = r.behind(ctx, commit, paths)
	if err != nil {
		return nil, false, err
	}
	for _, p := range paths {
		args = append(args, ":(top,literal)"+p)
	}
	out, err := git(ctx, r.Top, args...)
	if err != nil {
		return nil, false, &RefError{Ref: commit, Shallow: r.Shallow, Reason: err.Error()}
	}
	commits = strings.Fields(string(out))
	if len(commits) > limit {
		return commits[:limit], true, nil
	}
	return commits, r.Shallow, nil
}

// Renamed returns what a commit renamed, by the new path; against its first parent, and
// nothing for a commit without one.
func (r *Repo) Renamed(ctx context.Context, commit string) (map[string]string, error) {
	if _, err := r.Commit(ctx, commit+"^1"); err != nil {
		return nil, nil //nolint:nilnil,nilerr // the first of all
	}
	out, err := git(ctx, r.Top, "diff-tree", "-r", "-z", "-M", "--diff-filter=R", "--name-status", "--end-of-options", commit+"^1", commit)
	if err != nil {
		return nil, &RefError{Ref: commit, Shallow: r.Shallow, Reason: err.Error()}
	}
	was := map[string]string{}
	for f := strings.Split(string(out), "\x00"); len(f) >= 3; f = f[3:] { // how much alike, before, after
		was[f[2]] = f[1]
	}
	return was, nil
}

// behind adds to paths what they lead to where they are links or lie behind one.
func (r *Repo) behind(ctx context.Context, commit string, paths []string) ([]string, error) {
	args := append([]string{"ls-tree", "-z", "--full-tree", "--end-of-options", commit, "--"}, paths...)
	out, err := git(ctx, r.Top, args...)
	if err != nil {
		return nil, &RefError{Ref: commit, Shallow: r.Shallow, Reason: err.Error()}
	}
	entries := strings.SplitAfter(string(out), "\x00")
	entries = entries[:len(entries)-1]
	if len(entries) == len(paths) && !slices.ContainsFunc(entries, func(e string) bool { return strings.HasPrefix(e, "120000") }) {
		return paths, nil
	}
	t, err := r.Tree(ctx, commit, ".")
	if err != nil {
		return nil, err
	}
	g, all := t.FS.(*gitFS), slices.Clone(paths) //nolint:forcetypeassert // Tree makes no other
	for _, p := range paths {
		if to, err := g.resolve(p); err == nil && to != p {
			all = append(all, to)
		}
	}
	return all, nil
}

// Tree returns the files of a commit below sub (slash-separated, "." for the top).
func (r *Repo) Tree(ctx context.Context, commit, sub string) (*Tree, error) {
	sub = path.Clean(sub)
	args := []string{"ls-tree", "-r", "-l", "-z", "--full-tree", "--end-of-options", commit}
	if sub != "." {
		args = append(args, "--", sub+"/")
	}
	out, err := git(ctx, r.Top, args...)
	if err != nil {
		return nil, &RefError{Ref: commit, Shallow: r.Shallow, Reason: err.Error()}
	}
	g := &gitFS{ctx: ctx, repo: r, dir: filepath.Join(r.Top, filepath.FromSlash(sub)), files: map[string]object{}, dirs: map[string][]string{".": nil}}
	for entry := range strings.SplitSeq(string(out), "\x00") {
		meta, name, ok := strings.Cut(entry, "\t")
		if !ok {
			continue
		}
		f := strings.Fields(meta)
		if len(f) != 4 {
			continue
		}
		if sub != "." {
			if name, ok = strings.CutPrefix(name, sub+"/"); !ok {
				continue
			}
		}
		if f[0] == "160000" {
			g.modules = append(g.modules, name)
			continue
		}
		size, err := strconv.ParseInt(f[3], 10, 64)
		if err != nil {
			continue
		}
		g.add(name, object{f[2], size, f[0] == "120000"})
	}
	for _, m := range g.modules {
		g.addModule(g.dir, m)
	}
	for d := range g.dirs {
		slices.Sort(g.dirs[d])
	}
	return &Tree{FS: g, Paths: []string{"."}, Version: commit}, nil
}

// File returns one file of a commit, by its path from the top; a link is followed as long
// as it stays in the repository, else it is a *NotReadError. A missing one is an error that
// satisfies errors.Is(err, fs.ErrNotExist).
func (r *Repo) File(ctx context.Context, commit, name string) ([]byte, error) {
	out, err := git(ctx, r.Top, "ls-tree", "-z", "--full-tree", "--end-of-options", commit, "--", name)
	if err != nil {
		return nil, &RefError{Ref: commit, Shallow: r.Shallow, Reason: err.Error()}
	}
	f := strings.Fields(string(out))
	if len(f) < 3 || f[1] != "blob" {
		return nil, &fs.PathError{Op: "read", Path: name, Err: fs.ErrNotExist}
	}
	if f[0] == "120000" {
		t, err := r.Tree(ctx, commit, ".")
		if err != nil {
			return nil, err
		}
		return fs.ReadFile(t.FS, name)
	}
	return r.blob(ctx, f[2])
}

// Close ends the helper process.
func (r *Repo) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.batch == nil {
		return nil
	}
	b := r.batch
	r.batch = nil
	return b.close()
}

// blob reads one object.
func (r *Repo) blob(ctx context.Context, id string) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.batch == nil {
		b, err := startBatch(ctx, r.Top)
		if err != nil {
			return nil, err
		}
		r.batch = b
	}
	data, err := r.batch.read(id)
	if err != nil {
		_ = r.batch.close() // its stream may be out of step
		r.batch = nil
	}
	return data, err
}

// batch is a running `git cat-file --batch`.
type batch struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func startBatch(ctx context.Context, dir string) (*batch, error) {
	c := command(ctx, dir, "cat-file", "--batch")
	in, err := c.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := c.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.Start(); err != nil {
		return nil, fmt.Errorf("start git: %w", err)
	}
	return &batch{c, in, bufio.NewReaderSize(out, 64<<10)}, nil
}

func (b *batch) read(id string) ([]byte, error) {
	if _, err := io.WriteString(b.in, id+"\n"); err != nil {
		return nil, fmt.Errorf("read git object %s: %w", id, err)
	}
	head, err := b.out.ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("read git object %s: %w", id, err)
	}
	f := strings.Fields(head)
	if len(f) != 3 || f[1] != "blob" {
		return nil, fmt.Errorf("read git object %s: %s", id, strings.TrimSpace(head))
	}
	size, err := strconv.Atoi(f[2])
	if err != nil || size < 0 {
		return nil, fmt.Errorf("read git object %s: size %q", id, f[2])
	}
	data := make([]byte, size+1) // and the line break behind it
	if _, err := io.ReadFull(b.out, data); err != nil {
		return nil, fmt.Errorf("read git object %s: %w", id, err)
	}
	return data[:size], nil
}

func (b *batch) close() error {
	_ = b.in.Close()
	return b.cmd.Wait()
}

func command(ctx context.Context, dir string, args ...string) *exec.Cmd {
	// A repository is foreign text: its configuration must not start programs here,
	// and git must never ask or take locks.
	c := exec.CommandContext(ctx, "git", append([]string{"--no-pager", "--no-replace-objects", "-c", "core.fsmonitor=false"}, args...)...) //nolint:gosec // arguments are passed as such, refs behind --end-of-options
	c.Dir = dir
	c.Env = append(environ(dir), "GIT_OPTIONAL_LOCKS=0", "GIT_TERMINAL_PROMPT=0", "LC_ALL=C")
	return c
}

// environ is the environment without what a hook of git has in it about its repository:
// below the top of a work tree GIT_DIR makes git take any folder for the top.
func environ(dir string) []string {
	env := os.Environ()
	if gitTop(dir) == "" {
		return env // somebody says where the repository is
	}
	return slices.DeleteFunc(env, func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains([]string{"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"}, name)
	})
}

func git(ctx context.Context, dir string, args ...string) ([]byte, error) {
	c := command(ctx, dir, args...)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	err := c.Run()
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return nil, errors.New("git is not installed")
	case err != nil && errs.Len() > 0:
		return nil, errors.New(strings.TrimPrefix(strings.TrimSpace(errs.String()), "fatal: "))
	case err != nil:
		return nil, fmt.Errorf("git %s: %w", args[0], err)
	}
	return out.Bytes(), nil
}

// gitFS is the tree of one commit.
type gitFS struct {
	ctx     context.Context //nolint:containedctx // fs.FS has no room for one; it lives as long as the command
	repo    *Repo
	dir     string // the root in the work tree
	files   map[string]object
	dirs    map[string][]string // path to sorted names
	modules []string            // paths of submodules
}

// object is a blob of the tree, a file or the text of a link.
type object struct {
	id   string
	size int64 // bytes
	link bool
}

// NotReadError is a file that is there and that the tree of a commit does not give.
type NotReadError struct{ reason, hint string }

func (e *NotReadError) Error() string { return e.reason }

// Hint says how to have it read.
func (e *NotReadError) Hint() string { return e.hint }

func inModule(m string) error {
	return &NotReadError{
		"it lies in the submodule " + m + ", which is not read from a git reference",
		"compare with a folder instead: a checkout of the commit with its submodules",
	}
}

// maxHops bounds the links on the way to one file, as the system does.
const maxHops = 40

// resolve follows the links on the way to a file as the work tree does, as long as
// they stay below the root.
func (g *gitFS) resolve(name string) (string, error) {
	if !fs.ValidPath(name) {
		return "", fs.ErrInvalid
	}
	at, hops := ".", 0
	for rest := strings.Split(name, "/"); len(rest) > 0; {
		part := rest[0]
		rest = rest[1:]
		switch part {
		case "", ".":
			continue
		case "..":
			if at == "." {
				return "", outsideLink(name)
			}
			at = path.Dir(at)
			continue
		}
		next := path.Join(at, part)
		o := g.files[next]
		if !o.link {
			at = next
			continue
		}
		if hops++; hops > maxHops || o.size > 4096 {
			return "", &NotReadError{"it is a link that leads to no end", "correct the link"}
		}
		text, err := g.repo.blob(g.ctx, o.id)
		if err != nil {
			return "", err
		}
		if path.IsAbs(string(text)) {
			return "", outsideLink(name)
		}
		rest = append(strings.Split(string(text), "/"), rest...)
	}
	if m := g.module(at); m != "" && !g.has(at) {
		return "", inModule(m)
	}
	return at, nil
}

func (g *gitFS) has(name string) bool {
	_, isFile := g.files[name]
	_, isDir := g.dirs[name]
	return isFile || isDir
}

// module is the submodule that a path lies in, empty where it lies in none.
func (g *gitFS) module(name string) string {
	for _, m := range g.modules {
		if name == m || strings.HasPrefix(name, m+"/") {
			return m
		}
	}
	return ""
}

func outsideLink(name string) error {
	return &NotReadError{name + " is a link that leaves the root, which is not read", "keep the file below the root, or name a folder that holds both with --ref-root"}
}

// addModule lists what the work tree has of documents in a submodule: left out, they
// would be taken for new ones.
func (g *gitFS) addModule(root, m string) {
	seen := 0
	_ = filepath.WalkDir(filepath.Join(root, filepath.FromSlash(m)), func(p string, d fs.DirEntry, err error) error {
		if seen++; err != nil || seen > 20_000 {
			return fs.SkipAll // an unreadable or huge one: the work tree's own load tells
		}
		switch filepath.Ext(p) {
		case ".yaml", ".yml", ".json":
		default:
			return nil
		}
		if rel, err := filepath.Rel(root, p); err == nil && d.Type().IsRegular() && mentions(p, "asyncapi") {
			g.add(filepath.ToSlash(rel), object{})
		}
		return nil
	})
}

// mentions reports whether a file begins with a text that holds a word.
func mentions(file, word string) bool {
	f, err := os.Open(file)
	if err != nil {
		return false
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 64<<10))
	return err == nil && bytes.Contains(b, []byte(word))
}

func (g *gitFS) add(name string, o object) {
	g.files[name] = o
	for {
		dir := path.Dir(name)
		_, known := g.dirs[dir]
		g.dirs[dir] = append(g.dirs[dir], path.Base(name))
		if known || dir == "." {
			return
		}
		name = dir
	}
}

// Open implements fs.FS.
func (g *gitFS) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	if to, err := g.resolve(name); err == nil {
		if _, ok := g.dirs[to]; ok {
			return &gitDir{g: g, name: name}, nil
		}
	}
	data, err := g.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return &gitFile{info: gitInfo{name: path.Base(name), size: int64(len(data))}, Reader: bytes.NewReader(data)}, nil
}

// ReadFile implements fs.ReadFileFS.
func (g *gitFS) ReadFile(name string) ([]byte, error) {
	to, err := g.resolve(name)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	o, ok := g.files[to]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	if m := g.module(to); m != "" {
		return nil, &fs.PathError{Op: "open", Path: name, Err: inModule(m)}
	}
	data, err := g.repo.blob(g.ctx, o.id)
	if err == nil {
		data, err = g.behindPointer(to, data)
	}
	if err != nil {
		return nil, &fs.PathError{Op: "read", Path: name, Err: err}
	}
	return data, nil
}

// ReadDir implements fs.ReadDirFS.
func (g *gitFS) ReadDir(name string) ([]fs.DirEntry, error) {
	to, err := g.resolve(name)
	if err != nil {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: err}
	}
	names, ok := g.dirs[to]
	if !ok {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: fs.ErrNotExist}
	}
	out := make([]fs.DirEntry, 0, len(names))
	for _, n := range names {
		full := path.Join(to, n)
		_, isDir := g.dirs[full]
		o := g.files[full]
		if o.link && !g.leads(full) {
			continue
		}
		out = append(out, gitInfo{name: n, dir: isDir, link: o.link, size: o.size})
	}
	return out, nil
}

// leads reports whether a link leads to something in the root; the others are passed
// over, as they are in a folder.
func (g *gitFS) leads(link string) bool {
	to, err := g.resolve(link)
	return err == nil && g.has(to)
}

// Stat implements fs.StatFS.
func (g *gitFS) Stat(name string) (fs.FileInfo, error) {
	to, err := g.resolve(name)
	if err != nil {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: err}
	}
	if _, ok := g.dirs[to]; ok {
		return gitInfo{name: path.Base(name), dir: true}, nil
	}
	if o, ok := g.files[to]; ok {
		return gitInfo{name: path.Base(name), size: o.size}, nil
	}
	return nil, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrNotExist}
}

type gitInfo struct {
	name string
	size int64
	dir  bool
	link bool
}

func (i gitInfo) Name() string               { return i.name }
func (i gitInfo) Size() int64                { return i.size }
func (i gitInfo) ModTime() time.Time         { return time.Time{} }
func (i gitInfo) IsDir() bool                { return i.dir }
func (i gitInfo) Sys() any                   { return nil }
func (i gitInfo) Type() fs.FileMode          { return i.Mode().Type() }
func (i gitInfo) Info() (fs.FileInfo, error) { return i, nil }
func (i gitInfo) Mode() fs.FileMode {
	switch {
	case i.dir:
		return fs.ModeDir | 0o555
	case i.link:
		return fs.ModeSymlink | 0o444
	}
	return 0o444
}

type gitFile struct {
	info gitInfo
	*bytes.Reader
}

func (f *gitFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *gitFile) Close() error               { return nil }

type gitDir struct {
	g    *gitFS
	name string
	read int
}

func (d *gitDir) Stat() (fs.FileInfo, error) {
	return gitInfo{name: path.Base(d.name), dir: true}, nil
}
func (d *gitDir) Close() error { return nil }
func (d *gitDir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.name, Err: errors.New("is a directory")}
}

// ReadDir implements fs.ReadDirFile.
func (d *gitDir) ReadDir(n int) ([]fs.DirEntry, error) {
	all, err := d.g.ReadDir(d.name)
	if err != nil {
		return nil, err
	}
	rest := all[d.read:]
	if n > 0 && len(rest) == 0 {
		return nil, io.EOF
	}
	if n > 0 {
		rest = rest[:min(n, len(rest))]
	}
	d.read += len(rest)
	return rest, nil
}
