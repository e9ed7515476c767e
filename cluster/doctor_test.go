package cluster

import (
	"errors"
	"testing"
)

// TestPlaintextWithoutConnection: what was never opened is neither encrypted nor in the clear.
func TestPlaintextWithoutConnection(t *testing.T) {
	down := &Error{Class: Unreachable, Op: "connect to", Err: errors.New("connection refused")}
	for _, protocol := range []Protocol{SSL, Plaintext} {
		o := Observation{Profile: Profile{SecurityProtocol: protocol, Brokers: []string{"kafka.example:9092"}}, Err: down}
		if c := checkPlaintext(o); c.Status != Skipped || c.Detail != "no connection" {
			t.Errorf("%s: %+v", protocol, c)
		}
	}
}

// TestPasswordInTheClearIsToldWhenRefused: a password that was refused has crossed the
// network like one that was taken.
func TestPasswordInTheClearIsToldWhenRefused(t *testing.T) {
	refused := &Error{Class: Unauthenticated, Op: opConnect, Err: errors.New("SASL_AUTHENTICATION_FAILED")}
	for _, c := range []struct {
		protocol Protocol
		address  string
		status   CheckStatus
		detail   string
	}{
		{SASLPlaintext, "kafka.example:9092", Fail, "the password crosses the network in the clear"},
		{SASLPlaintext, "SASL_PLAINTEXT://127.0.0.1:9092", Pass, "not encrypted, but it does not leave this machine"},
		{SASLSSL, "kafka.example:9093", Pass, "not used: the connection is encrypted"},
	} {
		o := Observation{Profile: Profile{SecurityProtocol: c.protocol, SASL: SASL{Mechanism: Plain}, Brokers: []string{c.address}}, Err: refused}
		if got := checkPlaintext(o); got.Status != c.status || got.Detail != c.detail {
			t.Errorf("%s %s: %+v", c.protocol, c.address, got)
		}
	}
}

// TestRightsOnAClusterNotAsked tells a broker that says nothing from one that did not answer.
func TestRightsOnAClusterNotAsked(t *testing.T) {
	some := []Topic{{Name: "orders"}}
	no := false
	for _, c := range []struct {
		name   string
		o      Observation
		status CheckStatus
		detail string
	}{
		{"not asked", Observation{Topics: &TopicList{Topics: some}}, Skipped, "1 topics visible; on the cluster: the cluster could not be asked"},
		{"not told", Observation{Topics: &TopicList{Topics: some}, Cluster: &Info{}}, Pass, "1 topics visible; on the cluster: the broker does not tell without DESCRIBE on it"},
		{"told", Observation{Topics: &TopicList{Topics: some}, Cluster: &Info{Rights: []string{"ALTER"}}}, Pass, "1 topics visible; on the cluster: ALTER"},
		{"no topic at all", Observation{Topics: &TopicList{Scope: Scope{Complete: &no}}}, Fail, "0 topics visible and others may be hidden; on the cluster: the cluster could not be asked"},
	} {
		if got := checkRights(c.o); got.Status != c.status || got.Detail != c.detail {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}
