package cluster

import (
	"context"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/aws"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// credentialReuse is how long one token serves new connections, so that opening three
// brokers does not run the command three times.
const credentialReuse = time.Minute

// saslMechanism prepares authentication. Every secret is read once here, so that a
// missing one is reported as what it is and not as a failed connection.
func saslMechanism(ctx context.Context, s *SASL, o Options) (sasl.Mechanism, error) {
	switch s.Mechanism {
	case OAuthBearer:
		token, extensions := s.Token, s.Extensions
		r := &reused[oauth.Auth]{now: o.Now, fetch: func(ctx context.Context) (oauth.Auth, error) {
			t, err := token.Resolve(ctx, "sasl.token", o.Getenv)
			return oauth.Auth{Token: t, Extensions: extensions}, err
		}}
		if _, err := r.get(ctx); err != nil {
			return nil, err
		}
		return oauth.Oauth(r.get), nil
	case AWSMSKIAM:
		c := awsChain{profile: s.AWSProfile, lookup: o.Getenv}
		r := &reused[aws.Auth]{now: o.Now, fetch: c.credentials}
		if _, err := r.get(ctx); err != nil {
			return nil, err
		}
		return aws.ManagedStreamingIAM(r.get), nil
	case Plain, Scram256, Scram512:
	}
	password, err := s.Password.Resolve(ctx, "sasl.password", o.Getenv)
	if err != nil {
		return nil, err
	}
	switch s.Mechanism {
	case Scram256:
		return scram.Auth{User: s.Username, Pass: password, IsToken: s.TokenAuth}.AsSha256Mechanism(), nil
	case Scram512:
		return scram.Auth{User: s.Username, Pass: password, IsToken: s.TokenAuth}.AsSha512Mechanism(), nil
	case Plain, OAuthBearer, AWSMSKIAM:
	}
	return plain.Auth{User: s.Username, Pass: password}.AsMechanism(), nil
}

// reused hands out a credential that takes time to get, a minute long.
type reused[T any] struct {
	fetch func(context.Context) (T, error)
	now   func() time.Time

	mu    sync.Mutex
	last  T
	until time.Time
}

func (r *reused[T]) get(ctx context.Context) (T, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.now != nil && r.now().Before(r.until) {
		return r.last, nil
	}
	ctx, cancel := withSecretTimeout(ctx)
	defer cancel()
	v, err := r.fetch(ctx)
	if err != nil {
		return v, err
	}
	r.last = v
	if r.now != nil {
		r.until = r.now().Add(credentialReuse)
	}
	return v, nil
}
