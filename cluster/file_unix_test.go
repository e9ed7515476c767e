//go:build unix

package cluster

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// A pipe that nobody writes to holds up whoever opens it, until the run ends.
func TestPipeWithoutAWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := ReadFile(ended, path, 10); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, err := SecretFromFile(path).Resolve(ended, "sasl.password", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("secret: %v", err)
	}
	if _, err := tlsConfig(ended, &TLS{CA: path}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("authorities: %v", err)
	}
	// Those that wait are let go, and those that come late find nothing.
	w, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	// One with a writer is read to its end, as of a process substitution.
	path += "2" // the late must not find it
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	go func() {
		if err := os.WriteFile(path, []byte("written"), 0o600); err != nil {
			t.Error(err)
		}
	}()
	if b, err := ReadFile(t.Context(), path, 10); err != nil || string(b) != "written" {
		t.Errorf("%q, %v", b, err)
	}
}
