package cluster

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestAWSChain walks the sources of credentials in the order of AWS's own tools.
func TestAWSChain(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/agent", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "agent-token" {
			http.Error(w, canary, http.StatusForbidden)
			return
		}
		_, _ = w.Write([]byte(`{"AccessKeyId":"CONTAINER","SecretAccessKey":"s","Token":"t"}`))
	})
	mux.HandleFunc("PUT /latest/api/token", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("imds")) })
	mux.HandleFunc("/latest/meta-data/iam/security-credentials/{role...}", func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("X-Aws-Ec2-Metadata-Token") != "imds":
			http.Error(w, "no", http.StatusUnauthorized)
		case r.PathValue("role") == "":
			_, _ = w.Write([]byte("node\n"))
		default:
			_, _ = w.Write([]byte(`{"AccessKeyId":"INSTANCE","SecretAccessKey":"s","Token":"t"}`))
		}
	})
	mux.HandleFunc("POST /sts/", func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("WebIdentityToken") != "jwt" || r.FormValue("RoleArn") != "arn:aws:iam::1:role/x" {
			http.Error(w, canary, http.StatusForbidden)
			return
		}
		_, _ = w.Write([]byte(`<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>WEB</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`))
	})
	srv := httptest.NewServer(mux)
	defer srv.Close()

	dir := t.TempDir()
	file := func(name, text string) string {
		t.Helper()
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	config := file("config", "[default]\nregion = eu-west-1\n# a comment\n[profile proc]\ncredential_process = echo '{\"Version\":1,\"AccessKeyId\":\"PROC\",\"SecretAccessKey\":\"s\"}'\n[profile broken]\ncredential_process = echo "+canary+"; exit 1\n[profile sso]\nsso_session = x\n")
	creds := file("credentials", "[static]\naws_access_key_id = STATIC\naws_secret_access_key=s\naws_session_token = t\n")
	none := file("none", "")
	jwt := file("jwt", "jwt\n")
	tests := []struct {
		name, profile string
		env           map[string]string
		want, err     string
	}{
		{"environment first", "", map[string]string{"AWS_ACCESS_KEY_ID": "ENV", "AWS_SECRET_ACCESS_KEY": "s", "AWS_PROFILE": "static"}, "ENV", ""},
		{"a named profile beats it", "static", map[string]string{"AWS_ACCESS_KEY_ID": "ENV", "AWS_SECRET_ACCESS_KEY": "s"}, "STATIC", ""},
		{"AWS_PROFILE", "", map[string]string{"AWS_PROFILE": "static"}, "STATIC", ""},
		{"process", "proc", nil, "PROC", ""},
		{"process fails", "broken", nil, "", "exit status 1"},
		{"unknown profile", "nope", nil, "", "no such profile"},
		{"single sign-on without the aws command", "sso", map[string]string{}, "", "aws"},
		{"web identity", "", map[string]string{"AWS_WEB_IDENTITY_TOKEN_FILE": jwt, "AWS_ROLE_ARN": "arn:aws:iam::1:role/x", "AWS_ENDPOINT_URL_STS": srv.URL + "/sts/"}, "WEB", ""},
		{"web identity refused", "", map[string]string{"AWS_WEB_IDENTITY_TOKEN_FILE": jwt, "AWS_ROLE_ARN": "other", "AWS_ENDPOINT_URL_STS": srv.URL + "/sts/"}, "", "status 403"},
		{"container", "", map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": srv.URL + "/agent", "AWS_CONTAINER_AUTHORIZATION_TOKEN": "agent-token"}, "CONTAINER", ""},
		{"container elsewhere", "", map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://192.0.2.1/agent"}, "", "must be https or point at this host"},
		{"instance", "", map[string]string{"AWS_EC2_METADATA_SERVICE_ENDPOINT": srv.URL}, "INSTANCE", ""},
		{"nothing", "", map[string]string{"AWS_EC2_METADATA_DISABLED": "true"}, "", "no credentials"},
	}
	t.Setenv("PATH", "/usr/bin:/bin")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			env := func(k string) (string, bool) {
				v, ok := tt.env[k]
				switch {
				case ok:
				case k == "AWS_CONFIG_FILE":
					return config, true
				case k == "AWS_SHARED_CREDENTIALS_FILE":
					return creds, true
				case k == "HOME":
					return none, true
				}
				return v, ok
			}
			if tt.name == "single sign-on without the aws command" {
				t.Setenv("PATH", dir)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			got, err := awsChain{profile: tt.profile, lookup: env}.credentials(ctx)
			if got.AccessKey != tt.want || !errContains(err, tt.err) {
				t.Errorf("got %q, %v; want %q, error with %q", got.AccessKey, err, tt.want, tt.err)
			}
			if err != nil && (classOf(err) != Misconfigured || strings.Contains(err.Error()+hintOf(err), canary)) {
				t.Errorf("class %v: %v", classOf(err), err)
			}
			if err == nil && got.SecretKey != "s" {
				t.Error("the secret key is missing")
			}
		})
	}
}

func TestEncryptedKeys(t *testing.T) {
	for file, wantErr := range map[string]string{
		"aes256-sha256.pem": "",
		"aes128-sha1.pem":   "",
		"des3.pem":          "not AES-CBC",
		"old-openssl.pem":   "old encrypted form",
	} {
		b, err := os.ReadFile(filepath.Join("testdata", "keys", file))
		if err != nil {
			t.Fatal(err)
		}
		out, err := plainKey(b, "key-pw")
		if !errContains(err, wantErr) || (err == nil && !strings.Contains(string(out), "BEGIN PRIVATE KEY")) {
			t.Errorf("%s: %v", file, err)
		}
		if wantErr != "" {
			continue
		}
		if _, err := plainKey(b, "wrong"); !errContains(err, "password is wrong") {
			t.Errorf("%s with a wrong password: %v", file, err)
		}
		if _, err := plainKey(b, ""); !errContains(err, "no key password is set") {
			t.Errorf("%s without a password: %v", file, err)
		}
	}
}

func FuzzPlainKey(f *testing.F) {
	b, err := os.ReadFile(filepath.Join("testdata", "keys", "aes256-sha256.pem"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(_ *testing.T, b []byte) { _, _ = plainKey(b, "x") })
}
