package cluster

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	hintListener = "the broker hung up on the first request: check that security.protocol fits the listener (TLS or not, SASL or not), and that the port is a broker's and not the controller's"
	hintRetry    = "the cluster may be busy or restarting; try again"
	hintDoctor   = "weir doctor shows which brokers answer"
)

// Classify turns what came back from a cluster that has already answered into an
// [Error] of the right class. op says what was tried ("create topic"), subject on what.
// A nil error stays nil; a cancelled context and an error already classified pass
// through, the latter keeping its own operation.
//
// A connection cut before the first answer is judged by [Open]; here it means that the
// cluster went away.
func Classify(op, subject string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("%s %s: %w", op, subject, err)
	}
	if _, ok := errors.AsType[*Error](err); ok {
		return err
	}
	return classify(op, subject, err)
}

func classify(op, subject string, err error) *Error {
	e := &Error{Op: op, What: subject, Broker: brokerOf(op, err), Err: err}
	if b, ok := errors.AsType[*brokerError](err); ok {
		e.Err = b.err // without the broker, which stands beside it
	}
	if ke, ok := errors.AsType[*kerr.Error](err); ok {
		classifyKafka(e, ke)
		return e
	}
	if classifyTLS(e, err) {
		return e
	}
	switch {
	case isKeyRefused(err):
		return readOnlyError(op, subject)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		e.Class, e.Err, e.Remedy = TimedOut, errors.New("no answer in time"), "raise --timeout, or "+hintDoctor
	case isDial(err):
		e.Class, e.Err, e.Remedy = Unreachable, errors.New(dialReason(err)), hintDoctor
		if dialReason(err) == reasonTimeout {
			e.Class = TimedOut
		}
	case isTimeout(err):
		e.Class, e.Err, e.Remedy = TimedOut, errors.New("no answer in time"), "raise --timeout, or "+hintDoctor
	case isCut(err):
		e.Class, e.Err, e.Remedy = Unreachable, errors.New("the broker closed the connection"), hintRetry
	case strings.Contains(err.Error(), "broker is too old"):
		e.Class, e.Err = Failed, errors.New("the broker is too old for this request")
	case strings.Contains(err.Error(), "controller broker is not available"), strings.Contains(err.Error(), "unknown broker"):
		e.Class, e.Remedy = Unreachable, hintRetry
	}
	return e
}

// brokerOf tells which broker failed, where the error knows it. The subject of the first
// request is its address already.
func brokerOf(op string, err error) string {
	if b, ok := errors.AsType[*brokerError](err); ok {
		return b.broker.String()
	}
	if oe, ok := errors.AsType[*net.OpError](err); ok && oe.Addr != nil && op != opConnect {
		return "broker at " + oe.Addr.String()
	}
	return ""
}

// classifyKafka places an error code of the protocol.
func classifyKafka(e *Error, ke *kerr.Error) {
	e.Err = &kafkaError{ke}
	switch ke.Code {
	case kerr.SaslAuthenticationFailed.Code:
		e.Class, e.Remedy = Unauthenticated, "check user name, password or token and the SASL mechanism"
	case kerr.UnsupportedSaslMechanism.Code:
		e.Class, e.Remedy = Misconfigured, "the listener does not offer this SASL mechanism; ask for one it has"
	case kerr.IllegalSaslState.Code:
		e.Class, e.Remedy = Misconfigured, "the listener does not expect SASL here; check security.protocol"
	case kerr.TopicAuthorizationFailed.Code, kerr.GroupAuthorizationFailed.Code, kerr.ClusterAuthorizationFailed.Code,
		kerr.TransactionalIDAuthorizationFailed.Code, kerr.DelegationTokenAuthorizationFailed.Code:
		*e = *Denied(e.Op, e.What, "", resourceOf(ke), e.Err)
	case kerr.UnknownTopicOrPartition.Code, kerr.UnknownTopicID.Code:
		e.Class, e.Remedy = NotFound, "weir topic list shows what exists and may be seen"
	case kerr.GroupIDNotFound.Code:
		e.Class, e.Remedy = NotFound, "weir group list shows what exists and may be seen"
	case kerr.ResourceNotFound.Code, kerr.TransactionalIDNotFound.Code:
		e.Class = NotFound
	case kerr.RequestTimedOut.Code:
		e.Class, e.Remedy = TimedOut, hintRetry
	case kerr.LeaderNotAvailable.Code, kerr.NotLeaderForPartition.Code, kerr.BrokerNotAvailable.Code,
		kerr.CoordinatorLoadInProgress.Code, kerr.CoordinatorNotAvailable.Code, kerr.NotCoordinator.Code,
		kerr.NotController.Code, kerr.NetworkException.Code, kerr.KafkaStorageError.Code, kerr.ReplicaNotAvailable.Code:
		e.Class, e.Remedy = Unreachable, hintRetry
	case kerr.UnsupportedVersion.Code:
		e.Class, e.Remedy = Failed, "the brokers are too old for this"
	}
}

// kafkaError shows a protocol error by its name and a description in the style of all
// other messages.
type kafkaError struct{ cause *kerr.Error }

func (k *kafkaError) Error() string {
	d := strings.TrimSuffix(k.cause.Description, ".")
	if d == "" {
		return k.cause.Message
	}
	if len(d) > 1 && d[1] >= 'a' && d[1] <= 'z' { // not SASL, ISR and the like
		d = strings.ToLower(d[:1]) + d[1:]
	}
	return k.cause.Message + ": " + d
}

func (k *kafkaError) Unwrap() error { return k.cause }

func resourceOf(ke *kerr.Error) string {
	switch ke.Code {
	case kerr.TopicAuthorizationFailed.Code:
		return "Topic"
	case kerr.GroupAuthorizationFailed.Code:
		return "Group"
	case kerr.TransactionalIDAuthorizationFailed.Code:
		return "TransactionalId"
	case kerr.DelegationTokenAuthorizationFailed.Code:
		return "DelegationToken"
	}
	return "Cluster"
}

// Denied makes the error for a missing right. right and resource are Kafka's words,
// such as CREATE and Topic; an empty right is looked up by the operation, because the
// broker does not tell which one it missed.
func Denied(op, subject, right, resource string, cause error) *Error {
	if right == "" {
		right = rightFor(op, resource)
	}
	what := "not authorised"
	hint := "ask for the missing right"
	if right != "" {
		what += " to " + right
		hint = fmt.Sprintf("ask for %s on %s", right, strings.TrimSpace(resource+" "+subjectOn(resource, subject)))
	}
	hint += "; " + whereRights(right, resource, subject)
	if resource != "" {
		what += " on " + resource
	}
	err := errors.New(what)
	if cause != nil {
		err = &deniedError{what, cause}
	}
	return &Error{Class: Unauthorised, Op: op, What: subject, Err: err, Remedy: hint}
}

// whereRights says what shows the rights that there are. A broker tells a user the own
// rights on a topic that exists and may be described, and on the cluster; all others stand
// in the ACLs only.
func whereRights(right, resource, subject string) string {
	switch {
	case right == "DESCRIBE":
	case resource == "Topic" && subject != "" && right != "CREATE":
		return "weir topic describe " + subject + " shows what this user may do"
	case resource == "Cluster":
		return "weir doctor shows what this user may do on it"
	}
	return "weir acl what-can PRINCIPAL shows what is granted, to those who may list ACLs"
}

func subjectOn(resource, subject string) string {
	if resource == "Topic" || resource == "Group" {
		return subject
	}
	return ""
}

// deniedError says which right is missing and keeps the broker's code for errors.Is.
type deniedError struct {
	text  string
	cause error
}

func (d *deniedError) Error() string { return d.text }
func (d *deniedError) Unwrap() error { return d.cause }

// rightFor tells which right an operation needs on a kind of resource, as Apache Kafka
// 4.3.1 was seen to ask.
func rightFor(op, resource string) string {
	type key struct{ op, resource string }
	return map[key]string{
		{"create topic", "Topic"}: "CREATE", {"create topic", "Cluster"}: "CREATE",
		{"delete topic", "Topic"}: "DELETE", {"purge topic", "Topic"}: "DELETE",
		{"alter topic", "Topic"}: "ALTER_CONFIGS", {"add partitions", "Topic"}: "ALTER",
		{"describe topic", "Topic"}: "DESCRIBE", {"list topics", "Topic"}: "DESCRIBE",
		{"list topic", "Topic"}: "DESCRIBE", {"look for topic", "Topic"}: "DESCRIBE",
		{"list offsets", "Topic"}: "DESCRIBE", {"read the ends of topic", "Topic"}: "DESCRIBE",
		{"look up a time on topic", "Topic"}: "DESCRIBE", {"describe configs", "Topic"}: "DESCRIBE_CONFIGS",
		{"describe configs", "Cluster"}: "DESCRIBE_CONFIGS",
		{"read topic", "Topic"}:         "READ", {"write topic", "Topic"}: "WRITE",
		// An idempotent producer that may write nowhere is told CLUSTER, from InitProducerID.
		{"write topic", "Cluster"}: "WRITE on the topic, or IDEMPOTENT_WRITE",
		{"list groups", "Group"}:   "DESCRIBE", {"describe group", "Group"}: "DESCRIBE",
		{"describe group", "Topic"}: "DESCRIBE", {"fetch offsets", "Group"}: "DESCRIBE",
		{"describe groups", "Group"}: "DESCRIBE", {"read lag", "Group"}: "DESCRIBE",
		{"read lag", "Topic"}: "DESCRIBE", {"export group", "Group"}: "DESCRIBE",
		{"fetch offsets", "Topic"}: "DESCRIBE", {"fetch the offset on topic", "Topic"}: "DESCRIBE",
		{"reset group", "Group"}: "READ", {"reset group", "Topic"}: "READ",
		{"move offsets on topic", "Topic"}: "READ", {"delete offsets on topic", "Topic"}: "READ",
		{"delete group", "Group"}: "DELETE", {"delete offsets of group", "Group"}: "DELETE",
		{"remove members of group", "Group"}: "READ", {"remove members", "Group"}: "READ",
		{"list acls", "Cluster"}: "DESCRIBE", {"alter acls", "Cluster"}: "ALTER",
		{"describe log dirs", "Cluster"}: "DESCRIBE", {"describe cluster", "Cluster"}: "DESCRIBE",
	}[key{op, resource}]
}

// firstError judges the failure of the very first request, when a cut connection means
// that client and listener do not speak the same language.
func firstError(ctx context.Context, p *Profile, subject string, err error) error {
	const op = opConnect
	if cause := context.Cause(ctx); errors.Is(cause, context.Canceled) {
		return fmt.Errorf("%s %s: %w", op, subject, cause)
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e // a secret that could not be read inside authentication
	}
	text := err.Error()
	bad := func(what, hint string) error {
		return &Error{Class: Misconfigured, Op: op, What: subject, Err: errors.New(what), Remedy: hint}
	}
	switch {
	case strings.Contains(text, "tls alert record"):
		return bad("the listener speaks TLS and "+string(p.Protocol())+" does not", "set security.protocol to SSL or SASL_SSL")
	case strings.Contains(text, "beginning of an HTTP response"):
		return bad("an HTTP server answers there", "the port is not a Kafka broker's")
	case strings.Contains(text, "response exceeds BrokerMaxReadBytes"), strings.Contains(text, "correlation ID mismatch"):
		return bad("what answers there does not speak the Kafka protocol", "check that the port is a Kafka broker's")
	case p.UsesTLS() && !p.UsesSASL() && strings.Contains(text, "immediately after a request was issued"),
		p.UsesTLS() && strings.Contains(text, "during api versions negotiation"):
		// The handshake went well, so TLS is not what is wrong.
		return bad("the broker closed the connection before its first answer, inside TLS", hintListener)
	case p.UsesTLS() && (isCut(err) || isRecordHeader(err)):
		return bad("the listener does not speak TLS, or closed the connection during the handshake", "check that the port is the TLS listener; for a listener without TLS set security.protocol to PLAINTEXT or SASL_PLAINTEXT")
	case p.SASL.Mechanism == OAuthBearer && strings.Contains(text, "unexpected data in oauth response"):
		return &Error{Class: Unauthenticated, Op: op, What: subject, Err: errors.New("the broker refused the token"), Remedy: "check that the token is not expired and is meant for this cluster"}
	case p.SASL.Mechanism == AWSMSKIAM && strings.Contains(text, "empty challenge response"):
		return &Error{Class: Unauthenticated, Op: op, What: subject, Err: errors.New("the broker refused the AWS credentials")}
	case strings.Contains(text, "cannot determine the region"), strings.Contains(text, "region") && p.SASL.Mechanism == AWSMSKIAM:
		return bad("the AWS region cannot be told from the address", "set AWS_REGION")
	case isCut(err):
		return bad("the broker closed the connection before its first answer", hintListener)
	}
	e := classify(op, subject, err)
	if e.Class == TimedOut {
		e.Remedy = "the port is open but silent: check that it is a Kafka broker's and whether it wants TLS, or raise --timeout"
	}
	return e
}

// classifyTLS places failures of certificates and handshakes; they never heal.
func classifyTLS(e *Error, err error) bool {
	if he, ok := errors.AsType[x509.HostnameError](err); ok {
		e.Err = errors.New(strings.TrimPrefix(he.Error(), "x509: "))
		e.Remedy = "dial a name the certificate holds, or set tls.server_name or -X ssl.server.name=NAME"
	} else if ua, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		e.Err = errors.New(strings.TrimPrefix(ua.Error(), "x509: "))
		e.Remedy = "name the authority's certificate: tls.ca or -X ssl.ca.location=FILE"
	} else if ci, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		e.Err = errors.New(strings.TrimPrefix(ci.Error(), "x509: "))
		e.Remedy = "the broker's certificate has to be renewed, or the clock of this machine is wrong"
	} else if cv, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		e.Err = fmt.Errorf("the broker's certificate: %w", cv.Err)
	} else if isRecordHeader(err) {
		e.Err = errors.New("the listener does not speak TLS")
		e.Remedy = "set security.protocol to PLAINTEXT or SASL_PLAINTEXT, or dial the TLS port"
	} else if alert, ok := errors.AsType[tls.AlertError](err); ok {
		e.Err = fmt.Errorf("the broker ended the TLS handshake: %s", strings.TrimPrefix(alert.Error(), "tls: "))
		e.Remedy = "the listener may ask for a client certificate: set tls.cert and tls.key, signed by an authority the broker trusts"
	} else if oe, ok := errors.AsType[*net.OpError](err); ok && (oe.Op == "remote error" || oe.Op == "local error") {
		// "local error" is how an old broker's refusal looks: it answers an encrypted
		// handshake with a plain alert (seen on Kafka 2.8).
		e.Err = fmt.Errorf("the broker ended the TLS handshake: %s", strings.TrimPrefix(oe.Err.Error(), "tls: "))
		e.Remedy = "the listener may ask for a client certificate: set tls.cert and tls.key, signed by an authority the broker trusts"
	} else {
		return false
	}
	e.Class = Misconfigured
	return true
}

func isRecordHeader(err error) bool {
	_, ok := errors.AsType[tls.RecordHeaderError](err)
	return ok
}

func isTimeout(err error) bool {
	ne, ok := errors.AsType[net.Error](err)
	return ok && ne.Timeout()
}

func isDial(err error) bool {
	oe, ok := errors.AsType[*net.OpError](err)
	if ok && oe.Op == "dial" {
		return true
	}
	_, ok = errors.AsType[*net.DNSError](err)
	return ok
}

// isCut says that the other side ended the connection.
func isCut(err error) bool {
	if _, ok := errors.AsType[*kgo.ErrFirstReadEOF](err); ok {
		return true
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

const reasonTimeout = "no answer in time"

// dialReason says in a few words why an address did not answer, without the address.
func dialReason(err error) string {
	if err == nil {
		return "not tried"
	}
	if de, ok := errors.AsType[*net.DNSError](err); ok {
		switch {
		case de.IsNotFound:
			return "no such host: " + de.Name
		case de.IsTimeout:
			return "the name service does not answer"
		}
		return "the name cannot be resolved: " + de.Name
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), isTimeout(err):
		return reasonTimeout
	}
	if no, ok := errors.AsType[syscall.Errno](err); ok {
		return no.Error()
	}
	if oe, ok := errors.AsType[*net.OpError](err); ok && oe.Err != nil {
		return oe.Err.Error()
	}
	return err.Error()
}
