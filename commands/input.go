package commands

import (
	"errors"
	"io"
	"io/fs"
	"os"
)

// openInput opens a file that the user names; "-" is standard input.
func (d *Deps) openInput(path string) (io.ReadCloser, error) {
	if path == "-" {
		return io.NopCloser(d.Out.In()), nil
	}
	f, err := os.Open(path) // #nosec G304 -- the user names the file
	if errors.Is(err, fs.ErrNotExist) {
		return nil, usage("", "read %s: there is no such file", path)
	}
	if err != nil {
		return nil, failed(path, "", "read file: %w", err)
	}
	return f, nil
}
