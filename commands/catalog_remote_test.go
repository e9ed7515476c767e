package commands

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/weirhq/weir/catalog"
)

// TestFetchFrom asks the hosts that were allowed and no other, however they were named.
func TestFetchFrom(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		t.Error("a host was asked that is not allowed")
	}))
	defer other.Close()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/m.yaml":
			_, _ = w.Write([]byte("M: {}\n"))
		case "/away":
			http.Redirect(w, r, other.URL, http.StatusFound)
		case "/big":
			_, _ = w.Write([]byte(strings.Repeat("x", remoteBytes+1)))
		default:
			http.NotFound(w, r)
		}
	}))
	defer srv.Close()
	host := strings.TrimPrefix(srv.URL, "http://")
	for _, name := range []string{host, srv.URL, srv.URL + "/"} {
		if b, err := fetchFrom([]string{name})(t.Context(), srv.URL+"/m.yaml"); err != nil || string(b) != "M: {}\n" {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
	if _, err := fetchFrom([]string{host})(t.Context(), other.URL); !errors.Is(err, catalog.ErrNotAllowed) {
		t.Errorf("another host: %v", err)
	}
	if _, err := fetchFrom([]string{host})(t.Context(), srv.URL+"/away"); !errors.Is(err, catalog.ErrNotAllowed) {
		t.Errorf("a redirect to another host: %v", err)
	}
	for path, want := range map[string]string{"/gone": "the server answers 404 Not Found", "/big": "larger than 16 MiB"} {
		if _, err := fetchFrom([]string{host})(t.Context(), srv.URL+path); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", path, err, want)
		}
	}
}
