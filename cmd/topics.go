package cmd

import "github.com/weirhq/weir/internal/term"

// topics are the pages of `weir help TOPIC`.
var topics = []struct{ name, short, text string }{
	{"exit-codes", "what the exit codes mean", `
Exit codes

  0    done; an empty list is a success
  1    the operation failed
  2    wrong usage, bad configuration or unreadable catalog, or refused because no
       confirmation was given
  3    a gate did not pass: findings at or above --fail-on, incompatible, lag over
       its limit, DLT not empty, drift, pending changes where asked, replay paused
       by its breaker
  4    partly done; what was and was not done is listed
  5    not authenticated or not authorised
  6    cluster or registry unreachable, or timed out; a retry may help
  130  interrupted; the first ^C stops cleanly, the second at once

A gate (3) is not an error: its report on standard output says why, and nothing is
printed on standard error.`},
	{"environment", "the variables weir reads", `
Environment

  WEIR_BROKERS            brokers to connect to, with the variables below
  WEIR_SECURITY_PROTOCOL  PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL
  WEIR_SASL_MECHANISM     PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER, AWS_MSK_IAM
  WEIR_SASL_USERNAME      user name
  WEIR_SASL_PASSWORD      password
  WEIR_SASL_TOKEN         bearer token for OAUTHBEARER
  WEIR_TLS_CA             PEM file of certificate authorities
  WEIR_TLS_CERT           PEM file of the client certificate
  WEIR_TLS_KEY            PEM file of the client key
  WEIR_COMMAND_CONFIG     Java client properties file
  WEIR_PROFILE            profile to connect with
  WEIR_CONFIG             user configuration file
  KAFKA_BROKERS           brokers, if nothing else names any

  NO_COLOR                no colours if not empty
  CLICOLOR, CLICOLOR_FORCE, TERM=dumb, COLUMNS
                          as everywhere
  LC_ALL, LC_CTYPE, LANG  marks are ASCII where the locale is not UTF-8
  WEIR_NO_ANIMATION       no moving progress line
  XDG_CONFIG_HOME         where the user file lies: weir/config.yaml below it
  XDG_STATE_HOME          where the audit log and local journals lie

Connection settings come whole from one source. See weir help config.`},
	{"output", "formats, streams and JSON", `
Output

Standard output holds the result and nothing else; progress, questions, warnings,
logs and errors go to standard error. What is written does not depend on the
terminal; only colours, widths, grouped digits and relative times do.

  -o text      for people (the default)
  -o wide      text with more columns
  -o json      one document with kind and schema_version; snake_case names with
               units (retention_ms); null for unknown; sorted. Streams of records
               are one document a line.
  -o yaml      the same as YAML
  -o tsv       a header and tab-separated rows, exact numbers
  -o name      names only, one a line, for xargs and fzf

Gates also know sarif, junit, github and markdown. The JSON Schema of every kind lies
in schemas/output of the source; fields are added, never renamed or removed.

With -o json an error is one line of JSON, the last line of standard error:

  {"error":{"code":"unreachable","exit":6,"message":"...","hint":"..."}}

Exit 0, 3 and 4: the document on standard output and no error line. Refused for
want of confirmation (2), a catalog with load errors (2), interrupted (130): the
plan, the report or what was done on standard output, and one error line. All
others: standard output is empty.`},
	{"config", "profiles, files and precedence", `
Configuration

No file is needed: weir -b HOST:PORT topic list.

Settings: flag, then WEIR_* variable, then weir.yaml (found upwards to the git root;
outside a git tree in the current directory only), then the user file, then the
default. catalog, compat, scope and waivers are a project's and stand in weir.yaml
only; profiles, audit and dlt may stand in either.

The user file is $XDG_CONFIG_HOME/weir/config.yaml, else ~/.config/weir/config.yaml,
else %AppData%\weir\config.yaml; --config or WEIR_CONFIG names another.

Connection settings (brokers, security, credentials, cluster_id, protected,
read_only) come whole from the first of these that is there, never mixed:

  -b (with -X and --command-config only), --profile, WEIR_BROKERS, WEIR_PROFILE,
  the profile named in weir.yaml, the current profile, KAFKA_BROKERS

-b together with --profile works only if the profile pins its cluster_id.
weir config show --origin says which source won.

  current_profile: dev
  profiles:
    dev:
      brokers: [127.0.0.1:19092]
    prod:
      brokers: [kafka-1.prod.example:9093, kafka-2.prod.example:9093]
      security_protocol: SASL_SSL
      sasl:
        mechanism: SCRAM-SHA-512
        username: platform
        password: {command: "pass show kafka/prod"}   # or {file: ...}, {env: ...}
      tls: {ca: prod-ca.pem}
      cluster_id: 5L6g3nShT-eMCtK--X86sw   # refuse any other cluster
      protected: true                      # severe acts ask for the profile's name
      read_only: false                     # true: writes are refused before they are sent

A secret never stands on the command line: -X sasl.password=@FILE, =env:NAME or
=cmd:COMMAND. Unknown keys are errors with their place in the file.`},
}

// viewTopics lists the pages below the help of weir itself.
func viewTopics(p *term.Page) {
	p.Line("")
	section(p, "More help")
	p.Line("  weir <command> --help           help for one command")
	for _, t := range topics {
		p.Line("  weir help %-21s %s", t.name, t.short)
	}
}
