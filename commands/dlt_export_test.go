package commands

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/weirhq/weir/dlt"
)

// TestWriteArchive: an archive is whole or not there, and none is written over.
func TestWriteArchive(t *testing.T) {
	path := filepath.Join(t.TempDir(), "letters.ndjson")
	broken := errors.New("the connection broke")
	err := writeArchive(path, func(w *dlt.ArchiveWriter) error {
		return errors.Join(w.Write(&dlt.Record{Topic: "orders-dlt"}), broken)
	})
	if !errors.Is(err, broken) {
		t.Errorf("have %v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("half an archive is left: %v", err)
	}
	whole := func(w *dlt.ArchiveWriter) error { return w.Write(&dlt.Record{Topic: "orders-dlt"}) }
	if err := writeArchive(path, whole); err != nil {
		t.Fatal(err)
	}
	if err := writeArchive(path, whole); err == nil {
		t.Error("an archive was written over")
	}
	if info, err := os.Stat(path); err != nil || info.Size() == 0 || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
}
