package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/weirhq/weir/catalog"
)

const (
	remoteTime  = 10 * time.Second
	remoteBytes = 16 << 20
)

// fetchFrom reads remote references, from the hosts that were allowed and no other,
// also after a redirect.
func fetchFrom(hosts []string) func(ctx context.Context, ref string) ([]byte, error) {
	allowed := func(u *url.URL) error {
		if u.Scheme != "https" && u.Scheme != "http" || !slices.Contains(hosts, u.Hostname()) && !slices.Contains(hosts, u.Host) {
			return fmt.Errorf("fetch from %s: %w", u.Host, catalog.ErrNotAllowed)
		}
		return nil
	}
	client := &http.Client{Timeout: remoteTime, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if len(via) > 5 {
			return errors.New("too many redirects")
		}
		return allowed(r.URL)
	}}
	return func(ctx context.Context, ref string) ([]byte, error) {
		u, err := url.Parse(ref)
		if err != nil {
			return nil, err
		}
		if err := allowed(u); err != nil {
			return nil, err
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, ref, http.NoBody)
		if err != nil {
			return nil, err
		}
		resp, err := client.Do(req)
		if err != nil {
			return nil, err
		}
		defer func() { _ = resp.Body.Close() }()
		if resp.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("fetch %s: %s", u.Redacted(), resp.Status)
		}
		b, err := io.ReadAll(io.LimitReader(resp.Body, remoteBytes+1))
		if err == nil && len(b) > remoteBytes {
			err = fmt.Errorf("fetch %s: larger than 16 MiB", u.Redacted())
		}
		return b, err
	}
}
