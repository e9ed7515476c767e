package source

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// pointer is the text that a commit has in place of a file that Git LFS keeps.
type pointer struct {
	oid  string // sha256, in hex
	size int64  // bytes
}

// most is the largest file that is looked for behind a pointer.
const most = 100 << 20 // bytes

func parsePointer(data []byte) (pointer, bool) {
	if len(data) > 1024 || !bytes.HasPrefix(data, []byte("version https://git-lfs.github.com/spec/")) {
		return pointer{}, false
	}
	var p pointer
	for line := range strings.Lines(string(data)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch key {
		case "oid":
			p.oid, _ = strings.CutPrefix(value, "sha256:")
		case "size":
			p.size, _ = strconv.ParseInt(value, 10, 64)
		}
	}
	_, err := hex.DecodeString(p.oid)
	return p, err == nil && len(p.oid) == 2*sha256.Size
}

// behindPointer returns the file that a pointer of the commit stands for, where it is on
// this machine: as it is in the work tree, or in the store of Git LFS. A pointer that the
// work tree has too, in a checkout without Git LFS, is the same on both sides. Taken for the
// file, any other would make a document look new.
func (g *gitFS) behindPointer(name string, data []byte) ([]byte, error) {
	p, ok := parsePointer(data)
	if !ok {
		return data, nil
	}
	file := filepath.Join(g.dir, filepath.FromSlash(name))
	if now := readUpTo(file, int64(len(data))); bytes.Equal(now, data) {
		return data, nil
	}
	if p.size <= most {
		places := []string{file}
		if out, err := git(g.ctx, g.repo.Top, "rev-parse", "--git-common-dir"); err == nil {
			store := strings.TrimSpace(string(out))
			if !filepath.IsAbs(store) {
				store = filepath.Join(g.repo.Top, store)
			}
			places = append(places, filepath.Join(store, "lfs", "objects", p.oid[:2], p.oid[2:4], p.oid))
		}
		for _, place := range places {
			is := readUpTo(place, p.size)
			if sum := sha256.Sum256(is); hex.EncodeToString(sum[:]) == p.oid {
				return is, nil
			}
		}
	}
	return nil, &NotReadError{
		"Git LFS keeps it, and it is not on this machine",
		"git lfs fetch gets it for a commit, such as git lfs fetch origin main",
	}
}

// readUpTo reads a file of at most so many bytes; nil where there is none, or more.
func readUpTo(file string, size int64) []byte {
	f, err := os.Open(file)
	if err != nil {
		return nil
	}
	defer f.Close()
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() || st.Size() != size {
		return nil
	}
	b, err := io.ReadAll(io.LimitReader(f, size))
	if err != nil {
		return nil
	}
	return b
}
