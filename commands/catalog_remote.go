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
// also after a redirect. A host may be written as host, host:port or the URL of one.
func fetchFrom(hosts []string) func(ctx context.Context, ref string) ([]byte, error) {
	hosts = slices.Clone(hosts)
	for i, h := range hosts {
		if u, err := url.Parse(h); err == nil && u.Host != "" {
			hosts[i] = u.Host
		}
	}
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
		if e, ok := errors.AsType[*url.Error](err); ok {
			return nil, e.Err // the URL is told with it
		}
		if err != nil {
			return nil, err
		}
		defer func() { _ = resp.Body.Close() }()
		if resp.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("the server answers %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
		}
		b, err := io.ReadAll(io.LimitReader(resp.Body, remoteBytes+1))
		if err == nil && len(b) > remoteBytes {
			err = errors.New("larger than 16 MiB")
		}
		return b, err
	}
}
