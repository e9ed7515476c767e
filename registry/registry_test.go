package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
)

func serve(t *testing.T, h http.HandlerFunc, o Options) *Client {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	o.URL = srv.URL
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestFailures(t *testing.T) {
	status := func(code int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(code)
			_, _ = io.WriteString(w, body)
		}
	}
	for _, tt := range []struct {
		name string
		h    http.HandlerFunc
		want Class
	}{
		{"unauthenticated", status(401, `{"error_code":40101,"message":"no"}`), Unauthenticated},
		{"unauthorized", status(403, `{"error_code":40301,"message":"no"}`), Unauthorized},
		{"not a registry", status(404, `<html>`), Failed},
		{"broken", status(500, `{"error_code":50001,"message":"store"}`), Failed},
		{"unreachable behind a proxy", status(502, ``), Unreachable},
		{"too many requests", status(429, ``), Unreachable},
		{"no json", status(200, `<html>`), Failed},
		{"slow", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, Timeout},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := serve(t, tt.h, Options{Timeout: 200 * time.Millisecond})
			_, err := c.Numbers(t.Context(), "orders-value")
			e, ok := errors.AsType[*Error](err)
			if !ok || e.Class != tt.want {
				t.Fatalf("got %v, want class %s", err, tt.want)
			}
			if (tt.name == "not a registry" || tt.name == "no json") && !strings.Contains(e.Error(), "no schema registry answers here") {
				t.Errorf("got %v", err)
			}
		})
	}
	t.Run("unknown subject", func(t *testing.T) {
		c := serve(t, status(404, `{"error_code":40401,"message":"Subject not found"}`), Options{})
		if ns, err := c.Numbers(t.Context(), "orders-value"); err != nil || ns != nil {
			t.Errorf("got %v, %v", ns, err)
		}
	})
	t.Run("nobody there", func(t *testing.T) {
		srv := httptest.NewServer(http.NotFoundHandler())
		srv.Close()
		c, err := New(Options{URL: srv.URL})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Subjects(t.Context())
		if e, ok := errors.AsType[*Error](err); !ok || e.Class != Unreachable {
			t.Errorf("got %v", err)
		}
	})
}

func TestAddresses(t *testing.T) {
	for _, tt := range []struct {
		o    Options
		want string
	}{
		{Options{URL: "ftp://x"}, "is no http or https address"},
		{Options{URL: "http://u:secret@x"}, "the address holds credentials"},
		{Options{URL: "::u:secret@x"}, `"***@x" is no http`},
		{Options{URL: "http://registry.example.com", Password: "p"}, "credentials would travel in the clear"},
	} {
		_, err := New(tt.o)
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %v, want %s", tt.o.URL, err, tt.want)
		}
	}
}

func TestCredentialsAndReferences(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if u, p, ok := r.BasicAuth(); !ok || u != "ada" || p != "pw" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		type m = map[string]any
		answers := map[string]any{
			"/subjects/a/versions":   []int{1, 3, 2},
			"/subjects/a/versions/3": m{"subject": "a", "version": 3, "schema": "A", "references": []m{{"name": "b.avsc", "subject": "b", "version": 1}}},
			"/subjects/b/versions/1": m{"subject": "b", "version": 1, "schema": "B", "references": []m{{"name": "a.avsc", "subject": "a", "version": 3}, {"name": "c", "subject": "c", "version": 9}}},
			"/subjects/c/versions/9": m{"subject": "c", "version": 9, "schemaType": "PROTOBUF", "schema": "C"},
			"/config/a":              m{"compatibilityLevel": "FULL_TRANSITIVE"},
		}
		a, ok := answers[r.URL.Path]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			a = m{"error_code": 40401, "message": "not found"}
		}
		_ = json.NewEncoder(w).Encode(a)
	}, Options{Username: "ada", Password: "pw"})
	ctx := t.Context()
	ns, err := c.Numbers(ctx, "a")
	if err != nil {
		t.Fatal(err)
	}
	v, err := c.Version(ctx, "a", ns[0])
	if err != nil {
		t.Fatal(err)
	}
	ref, err := c.Resolve(ctx, v, "c")
	if err != nil {
		t.Fatal(err)
	}
	if d := gocmp.Diff(&Version{Subject: "c", Number: 9, Format: "protobuf", Text: "C"}, ref); d != "" {
		t.Errorf("reference of a reference (-want +got):\n%s", d)
	}
	if _, err := c.Resolve(ctx, v, "nothing"); err == nil {
		t.Error("a reference that is not there was found")
	}
	if l, err := c.Level(ctx, "a"); err != nil || l != "FULL_TRANSITIVE" {
		t.Errorf("level %q, %v", l, err)
	}
}

// TestRealRegistry speaks to the registry of `make kafka-registry-up`; without its
// address there is nothing to speak to.
func TestRealRegistry(t *testing.T) {
	url := os.Getenv("WEIR_TEST_REGISTRY")
	if url == "" {
		return
	}
	ctx := t.Context()
	subject := fmt.Sprintf("weir-%d", time.Now().UnixNano())
	post := func(method, path, body string) {
		req, err := http.NewRequestWithContext(ctx, method, url+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/vnd.schemaregistry.v1+json")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			b, _ := io.ReadAll(resp.Body)
			t.Fatalf("%s %s: %s %s", method, path, resp.Status, b)
		}
	}
	post("POST", "/subjects/"+subject+"-ref/versions", `{"schema":"{\"type\":\"record\",\"name\":\"Money\",\"fields\":[]}"}`)
	post("POST", "/subjects/"+subject+"/versions", `{"schema":"{\"type\":\"record\",\"name\":\"O\",\"fields\":[{\"name\":\"m\",\"type\":\"Money\"}]}","references":[{"name":"Money","subject":"`+subject+`-ref","version":1}]}`)
	post("PUT", "/config/"+subject, `{"compatibility":"FULL"}`)
	c, err := New(Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	v, err := c.Version(ctx, subject, 1)
	if err != nil {
		t.Fatal(err)
	}
	ref, err := c.Resolve(ctx, v, "Money")
	if err != nil || !strings.Contains(ref.Text, "Money") {
		t.Errorf("reference %+v, %v", ref, err)
	}
	if l, err := c.Level(ctx, subject); err != nil || l != "FULL" {
		t.Errorf("level %q, %v", l, err)
	}
	if l, err := c.Level(context.WithoutCancel(ctx), subject+"-ref"); err != nil || l == "" {
		t.Errorf("level of the registry %q, %v", l, err)
	}
	if ns, err := c.Numbers(ctx, subject+"-nothing"); err != nil || len(ns) > 0 {
		t.Errorf("versions of nothing: %v, %v", ns, err)
	}
}
