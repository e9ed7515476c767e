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
	// One with a writer is read to its end, as of a process substitution.
	w, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	_ = w.Close() // lets go those that wait
	go func() {
		if err := os.WriteFile(path, []byte("written"), 0o600); err != nil {
			t.Error(err)
		}
	}()
	if b, err := ReadFile(t.Context(), path, 10); err != nil || string(b) != "written" {
		t.Errorf("%q, %v", b, err)
	}
}
