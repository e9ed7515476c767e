package cluster

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// CheckStatus is the outcome of one check.
type CheckStatus string

// The outcomes.
const (
	Pass    CheckStatus = "pass"
	Fail    CheckStatus = "fail"
	Skipped CheckStatus = "skipped"
)

// Check is one line of the doctor's report.
type Check struct {
	Name   string      `json:"name"`
	Status CheckStatus `json:"status"`
	Detail string      `json:"detail"`
	// Fix says what to do; empty where nothing is wrong.
	Fix string `json:"fix"`
}

// Observation is everything the doctor looks at. [Observe] gathers it; [Diagnose]
// judges it without asking anybody.
type Observation struct {
	Profile Profile
	// Err is why no connection could be opened; all below is empty then.
	Err error

	ClusterID string
	Seeds     []Seed
	Brokers   []BrokerAnswer
	Cluster   *Info      // nil when it could not be read
	Topics    *TopicList // nil when it could not be read
	TLS       *tls.ConnectionState
	TLSErr    error
	Now       time.Time
}

// BrokerAnswer is how one broker answered at the address it advertises.
type BrokerAnswer struct {
	Broker
	Err error
	// Requests maps the key of each request the broker knows to its newest version.
	Requests map[int16]int16
}

// Observe asks every broker by the address it advertises, the cluster for this user's
// rights, and one listener for its certificate. What fails is part of the observation.
func Observe(ctx context.Context, c *Conn, now time.Time) Observation {
	o := Observation{Profile: c.Profile, ClusterID: c.ClusterID, Seeds: c.Seeds, Now: now, Brokers: make([]BrokerAnswer, len(c.Brokers))}
	// The client must know the brokers before it can be asked for one by its id.
	if err := c.Client.Ping(ctx); err != nil {
		o.Err = Classify(opConnect, subjectOf(c.up), err)
		return o
	}
	var wg sync.WaitGroup
	for i, b := range c.Brokers {
		wg.Go(func() {
			o.Brokers[i] = BrokerAnswer{Broker: b}
			req := kmsg.NewPtrApiVersionsRequest()
			req.ClientSoftwareName, req.ClientSoftwareVersion = "weir", "doctor" // brokers refuse none (KIP-511)
			resp, err := c.Client.Broker(int(b.ID)).Request(ctx, req)
			if err != nil {
				o.Brokers[i].Err = err
				return
			}
			if v, ok := resp.(*kmsg.ApiVersionsResponse); ok && v.ErrorCode == 0 {
				o.Brokers[i].Requests = map[int16]int16{}
				for _, k := range v.ApiKeys {
					o.Brokers[i].Requests[k.ApiKey] = k.MaxVersion
				}
			}
		})
	}
	wg.Go(func() { o.Cluster, _ = c.Cluster(ctx) })
	wg.Go(func() { o.Topics, _ = c.Topics(ctx, TopicsQuery{}) })
	if c.secure != nil && len(c.up) > 0 {
		wg.Go(func() { o.TLS, o.TLSErr = c.handshake(ctx, c.up[0]) })
	}
	wg.Wait()
	return o
}

// handshake opens one more TLS connection to look at it.
func (c *Conn) handshake(ctx context.Context, address string) (*tls.ConnectionState, error) {
	conn, err := overTLS(c.dial, c.secure)(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	t, ok := conn.(*tls.Conn)
	if !ok {
		return nil, errors.New("not a TLS connection")
	}
	s := t.ConnectionState()
	return &s, nil
}

// Diagnose turns an observation into checks, always the same ones in the same order.
func Diagnose(o Observation) []Check {
	return []Check{
		checkSettings(o), checkBrokers(o), checkTLS(o), checkAuthentication(o), checkVersions(o), checkRights(o), checkPlaintext(o), checkClusterID(o),
	}
}

func pass(name, format string, args ...any) Check {
	return Check{Name: name, Status: Pass, Detail: fmt.Sprintf(format, args...)}
}

func fail(name, fix, format string, args ...any) Check {
	return Check{Name: name, Status: Fail, Detail: fmt.Sprintf(format, args...), Fix: fix}
}

func skip(name, format string, args ...any) Check {
	return Check{Name: name, Status: Skipped, Detail: fmt.Sprintf(format, args...)}
}

// failure returns the class of why no connection was opened, and its hint.
func (o *Observation) failure() (class Class, text, hint string) {
	e, ok := errors.AsType[*Error](o.Err)
	if !ok {
		return Failed, fmt.Sprint(o.Err), ""
	}
	return e.Class, e.Error(), e.Remedy
}

// unusable is the error of settings that could not be used, before anybody was asked or
// while a credential was to be read; nil when the way to the brokers failed or nothing did.
func (o *Observation) unusable() *Error {
	if e, ok := errors.AsType[*Error](o.Err); ok && e.Op != opConnect {
		return e
	}
	return nil
}

// another reports that all went well until the cluster named itself.
func (o *Observation) another() bool {
	_, ok := errors.AsType[*pinnedError](o.Err)
	return ok
}

func checkSettings(o Observation) Check {
	const name = "settings"
	if e := o.unusable(); e != nil {
		return fail(name, e.Remedy, "%s", e)
	}
	return pass(name, "complete and readable")
}

func checkBrokers(o Observation) Check {
	const name = "brokers reachable"
	if o.unusable() != nil {
		return skip(name, "not asked: the settings cannot be used")
	}
	if o.another() {
		return pass(name, "a broker answers, of another cluster")
	}
	if o.Err != nil {
		class, text, hint := o.failure()
		switch class {
		case Unreachable, TimedOut:
			return fail(name, hint, "%s", text)
		case Misconfigured, Failed, NotFound, Refused, Unauthorised:
			return fail(name, hint, "%s", text)
		case Unauthenticated:
			return pass(name, "a broker answers, and refuses the credentials")
		}
	}
	var down []string
	for _, b := range o.Brokers {
		if b.Err != nil {
			down = append(down, fmt.Sprintf("broker %d at %s: %s", b.ID, b.Addr(), shortReason(b.Err)))
		}
	}
	if len(down) > 0 {
		return fail(name, "the address is what the broker advertises (advertised.listeners): it must be reachable from here", "%d of %d do not answer: %s", len(down), len(o.Brokers), strings.Join(down, "; "))
	}
	var dead []string
	for _, s := range o.Seeds {
		if s.Err != nil {
			dead = append(dead, s.Address+": "+dialReason(s.Err))
		}
	}
	if len(dead) > 0 {
		return fail(name, "take dead addresses out of "+cmp.Or(o.Profile.Source, "the profile"), "all %d brokers answer, but a configured address does not: %s", len(o.Brokers), strings.Join(dead, "; "))
	}
	return pass(name, "%d of %d answer at the addresses they advertise", len(o.Brokers), len(o.Brokers))
}

func shortReason(err error) string {
	if e, ok := errors.AsType[*Error](Classify("ask", "", err)); ok {
		return e.Err.Error()
	}
	return err.Error()
}

// certificateWarning is how long before its end a broker's certificate is a finding.
const certificateWarning = 14 * 24 * time.Hour

func checkTLS(o Observation) Check {
	const name = "TLS"
	switch {
	case !o.Profile.UsesTLS():
		return skip(name, "%s does not use it", o.Profile.Protocol())
	case o.unusable() != nil:
		return skip(name, "no connection")
	case o.Err != nil:
		class, text, hint := o.failure()
		if class == Misconfigured && !o.another() {
			return fail(name, hint, "%s", text)
		}
		if class == Unauthenticated || o.another() {
			return pass(name, "the handshake succeeds")
		}
		return skip(name, "no connection")
	case o.TLSErr != nil:
		return fail(name, "", "%s", shortReason(o.TLSErr))
	case o.TLS == nil || len(o.TLS.PeerCertificates) == 0:
		return skip(name, "the handshake could not be looked at")
	}
	leaf := o.TLS.PeerCertificates[0]
	left := leaf.NotAfter.Sub(o.Now)
	detail := fmt.Sprintf("%s, certificate of %s ends %s", tls.VersionName(o.TLS.Version), cmp.Or(leaf.Subject.CommonName, "no name"), leaf.NotAfter.UTC().Format(time.DateOnly))
	switch {
	case o.Profile.TLS.Verify == VerifyNone:
		return fail(name, "take verify: none out of the profile and name the authority", "%s, and nothing is verified: anyone on the path can read and change the traffic", detail)
	case left < certificateWarning:
		return fail(name, "renew the broker's certificate", "%s, in %d days", detail, int(left.Hours()/24))
	}
	return pass(name, "%s", detail)
}

func checkAuthentication(o Observation) Check {
	const name = "authentication"
	p := &o.Profile
	who := string(p.SASL.Mechanism)
	if p.SASL.Username != "" {
		who += " as " + p.SASL.Username
	}
	if o.Err != nil && !o.another() {
		class, text, hint := o.failure()
		if class == Unauthenticated {
			return fail(name, hint, "%s", text)
		}
		return skip(name, "no connection")
	}
	switch {
	case p.UsesSASL():
		return pass(name, "%s", who)
	case p.UsesTLS() && (p.TLS.Cert != "" || p.TLS.Keystore.File != "" || p.TLS.certPEM != ""):
		return pass(name, "client certificate")
	}
	return skip(name, "the listener asks for none")
}

// wanted are the requests that make a difference to weir, by the Kafka release that
// brought them.
func wanted() []struct {
	key     kmsg.Key
	version int16
	since   string
	without string
	must    bool
} {
	return []struct {
		key     kmsg.Key
		version int16
		since   string
		without string
		must    bool
	}{
		{kmsg.Metadata, 8, "2.3", "authorised operations", true},
		{kmsg.IncrementalAlterConfigs, 0, "2.3", "changing topic settings", true},
		{kmsg.DescribeCluster, 0, "2.8", "rights on the cluster", false},
		{kmsg.OffsetFetch, 8, "3.0", "offsets of many groups in one request: lag is slower", false},
		{kmsg.ListTransactions, 0, "3.0", "finding hanging transactions", false},
		{kmsg.ListGroups, 5, "3.8", "types of groups", false},
		{kmsg.ConsumerGroupDescribe, 0, "3.7", "groups of the new protocol (KIP-848)", false},
		{kmsg.ShareGroupDescribe, 0, "4.0", "share groups", false},
	}
}

func checkVersions(o Observation) Check {
	const name = "API versions"
	if o.Err != nil {
		return skip(name, "no connection")
	}
	var missing, lost []string
	known := 0
	for _, b := range o.Brokers {
		if len(b.Requests) > 0 {
			known++
		}
	}
	if known == 0 {
		return skip(name, "no broker told what it speaks")
	}
	for _, w := range wanted() {
		lacks := slices.ContainsFunc(o.Brokers, func(b BrokerAnswer) bool {
			v, ok := b.Requests[w.key.Int16()]
			return len(b.Requests) > 0 && (!ok || v < w.version)
		})
		if !lacks {
			continue
		}
		if w.must {
			missing = append(missing, fmt.Sprintf("%s (Kafka %s)", w.without, w.since))
		} else {
			lost = append(lost, fmt.Sprintf("%s (Kafka %s)", w.without, w.since))
		}
	}
	switch {
	case len(missing) > 0:
		return fail(name, "weir needs Apache Kafka 2.8 or newer", "too old for %s", strings.Join(append(missing, lost...), "; "))
	case len(lost) > 0:
		return pass(name, "enough, but without %s", strings.Join(lost, "; "))
	}
	return pass(name, "all %d requests that matter, on %d brokers", len(wanted()), known)
}

func checkRights(o Observation) Check {
	const name = "my rights"
	if o.Err != nil {
		return skip(name, "no connection")
	}
	if o.Topics == nil {
		return skip(name, "the topics could not be read")
	}
	rights := "the broker does not tell without DESCRIBE on it"
	switch {
	case o.Cluster == nil:
		rights = "the cluster could not be asked"
	case o.Cluster.Rights != nil:
		rights = strings.Join(o.Cluster.Rights, " ")
	}
	detail := fmt.Sprintf("%d topics visible; on the cluster: %s", len(o.Topics.Topics), rights)
	if c := o.Topics.Scope.Complete; c != nil && !*c {
		detail = fmt.Sprintf("%d topics visible and others may be hidden; on the cluster: %s", len(o.Topics.Topics), rights)
		if len(o.Topics.Topics) == 0 {
			return fail(name, "ask for DESCRIBE on the topics, and on the cluster to see all groups and ACLs", "%s", detail)
		}
	}
	if o.Cluster == nil {
		return skip(name, "%s", detail)
	}
	return pass(name, "%s", detail)
}

func checkPlaintext(o Observation) Check {
	const name = "plaintext listener"
	// Credentials that were refused have crossed the network.
	if class, _, _ := o.failure(); o.Err != nil && class != Unauthenticated {
		return skip(name, "no connection")
	}
	if o.Profile.UsesTLS() {
		return pass(name, "not used: the connection is encrypted")
	}
	addresses := o.Profile.addresses()
	for _, b := range o.Brokers {
		addresses = append(addresses, b.Addr())
	}
	if !slices.ContainsFunc(addresses, func(a string) bool { return !local(a) }) {
		return pass(name, "not encrypted, but it does not leave this machine")
	}
	if o.Profile.SASL.Mechanism == Plain {
		return fail(name, "use the TLS listener: security.protocol=SASL_SSL", "the password crosses the network in the clear")
	}
	return fail(name, "use a TLS listener: security.protocol=SSL or SASL_SSL", "records and credentials cross the network unencrypted")
}

func local(address string) bool {
	host, _, err := net.SplitHostPort(withPort(address))
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

func checkClusterID(o Observation) Check {
	const name = "cluster id"
	switch {
	case o.Err != nil:
		if _, text, hint := o.failure(); o.another() {
			return fail(name, hint, "%s", text)
		}
		return skip(name, "no connection")
	case o.Profile.ClusterID != "":
		return pass(name, "%s, as pinned", o.ClusterID)
	}
	return skip(name, "%s, not pinned: cluster_id in the profile would refuse any other cluster", orUnknown(o.ClusterID))
}
