//go:build unix

package main

import (
	"encoding/pem"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/weirhq/weir/internal/kafkatest/account"
	"github.com/weirhq/weir/internal/kafkatest/testcert"
)

const log4j2 = `Configuration:
  status: warn
  Appenders:
    Console:
      name: STDOUT
      PatternLayout:
        pattern: "%d{ISO8601} %p %m (%c)%n"
  Loggers:
    Root:
      level: info
      AppenderRef:
        ref: STDOUT
`

const log4j1 = `log4j.rootLogger=INFO, stdout
log4j.appender.stdout=org.apache.log4j.ConsoleAppender
log4j.appender.stdout.layout=org.apache.log4j.PatternLayout
log4j.appender.stdout.layout.ConversionPattern=%d{ISO8601} %p %m (%c)%n
`

// writeConf writes the properties of all nodes.
func writeConf(st state, sp spec, all []ports) error {
	if err := os.MkdirAll(st.path("conf"), 0o700); err != nil {
		return err
	}
	files := map[string]string{"version": sp.version, "log4j2.yaml": log4j2, "log4j.properties": log4j1}
	zookeeper := ""
	if old(sp.version) {
		free, err := freePorts(1)
		if err != nil {
			return err
		}
		zookeeper = "127.0.0.1:" + strconv.Itoa(free[0])
		files["zk.properties"] = lines(
			"dataDir="+st.path("data", "zk"),
			"clientPortAddress=127.0.0.1",
			"clientPort="+strconv.Itoa(free[0]),
			"admin.enableServer=false",
			"maxClientCnxns=0",
		)
	}
	pems, err := readPEMs(st)
	if err != nil {
		return err
	}
	for n := range all {
		files[nodeName(n+1)+".properties"] = nodeConf(st, sp, all, n, zookeeper, pems)
	}
	for name, text := range files {
		if err := os.WriteFile(st.path("conf", name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// pems are certificates as values of a properties file. A file of its own would do
// for newer brokers; 2.8 wants a password for that, but not for these.
type pems struct{ key, chain, ca string }

func readPEMs(st state) (pems, error) {
	server, err := os.ReadFile(st.path("tls", testcert.Server))
	if err != nil {
		return pems{}, err
	}
	ca, err := os.ReadFile(st.path("tls", testcert.CA))
	if err != nil {
		return pems{}, err
	}
	key, rest := pem.Decode(server)
	if key == nil {
		return pems{}, fmt.Errorf("%s holds no key", testcert.Server)
	}
	return pems{value(pem.EncodeToMemory(key)), value(rest), value(ca)}, nil
}

// value escapes line ends as properties files want them.
func value(b []byte) string { return strings.ReplaceAll(strings.TrimSpace(string(b)), "\n", `\n`) }

func lines(l ...string) string { return strings.Join(l, "\n") + "\n" }

func nodeConf(st state, sp spec, all []ports, n int, zookeeper string, pems pems) string {
	p := all[n]
	replicas, inSync := 1, 1
	if sp.nodes == 3 {
		replicas, inSync = 3, 2
	}
	public := fmt.Sprintf("PLAINTEXT://127.0.0.1:%d,SASL_PLAINTEXT://127.0.0.1:%d,SSL://127.0.0.1:%d,SASL_SSL://127.0.0.1:%d",
		p.plain, p.sasl, p.ssl, p.saslSSL)
	protocols := "PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,SSL:SSL,SASL_SSL:SASL_SSL"

	var c []string
	if zookeeper != "" {
		c = append(c,
			"broker.id="+strconv.Itoa(n+1),
			"zookeeper.connect="+zookeeper,
			"listeners="+public,
			"listener.security.protocol.map="+protocols,
			"authorizer.class.name=kafka.security.authorizer.AclAuthorizer",
		)
	} else {
		var controllers []string
		for _, q := range all {
			controllers = append(controllers, "127.0.0.1:"+strconv.Itoa(q.controller))
		}
		c = append(c,
			"process.roles=broker,controller",
			"node.id="+strconv.Itoa(n+1),
			"controller.quorum.bootstrap.servers="+strings.Join(controllers, ","),
			"controller.listener.names=CONTROLLER",
			fmt.Sprintf("listeners=CONTROLLER://127.0.0.1:%d,%s", p.controller, public),
			"listener.security.protocol.map=CONTROLLER:PLAINTEXT,"+protocols,
			"authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
		)
	}
	c = append(c,
		"advertised.listeners="+public,
		"inter.broker.listener.name=PLAINTEXT",
		"log.dirs="+st.path("data", nodeName(n+1)),
		// ANONYMOUS is who brokers and the plaintext listener's clients are.
		"super.users=User:ANONYMOUS;User:"+account.Admin,
		"allow.everyone.if.no.acl.found=false",
		// A misspelt topic must not come into being by being asked for.
		"auto.create.topics.enable=false",
		"group.initial.rebalance.delay.ms=0",
		"default.replication.factor="+strconv.Itoa(replicas),
		"min.insync.replicas="+strconv.Itoa(inSync),
	)
	// 50 partitions each, the default, cost seconds and file handles.
	internal := map[string][3]string{
		"offsets.topic":         {"replication.factor", "", "num.partitions"},
		"transaction.state.log": {"replication.factor", "min.isr", "num.partitions"},
	}
	if strings.HasPrefix(sp.version, "4.") {
		internal["share.coordinator.state.topic"] = [3]string{"replication.factor", "min.isr", "num.partitions"}
	}
	for topic, keys := range internal {
		c = append(c, topic+"."+keys[0]+"="+strconv.Itoa(replicas), topic+"."+keys[2]+"=10")
		if keys[1] != "" {
			c = append(c, topic+"."+keys[1]+"="+strconv.Itoa(inSync))
		}
	}
	c = append(c, saslConf()...)
	c = append(c,
		"ssl.keystore.type=PEM",
		"ssl.keystore.key="+pems.key,
		"ssl.keystore.certificate.chain="+pems.chain,
		"ssl.truststore.type=PEM",
		"ssl.truststore.certificates="+pems.ca,
		"listener.name.ssl.ssl.client.auth=required",
		"listener.name.ssl.ssl.principal.mapping.rules=RULE:^.*CN=([^,]+).*$/$1/,DEFAULT",
	)
	return lines(c...)
}

// saslConf names every mechanism on both SASL listeners. OAUTHBEARER has no
// validator, so it takes unsigned tokens: right for tests of the plumbing only.
func saslConf() []string {
	var plain strings.Builder
	plain.WriteString("org.apache.kafka.common.security.plain.PlainLoginModule required")
	for user, password := range account.All() {
		fmt.Fprintf(&plain, ` user_%s="%s"`, user, password)
	}
	c := []string{"sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER"}
	for _, l := range []string{"sasl_plaintext", "sasl_ssl"} {
		at := "listener.name." + l + "."
		c = append(c,
			at+"plain.sasl.jaas.config="+plain.String()+";",
			at+"scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;",
			at+"scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;",
			at+"oauthbearer.sasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;",
		)
	}
	return c
}
