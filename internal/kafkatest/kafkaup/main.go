//go:build unix

// Kafkaup starts a real Apache Kafka for the tests, and stops it again: with
// Docker where a daemon runs, else from Maven coordinates with the JDK at hand.
//
// It decides ports, listeners, accounts and certificates, and writes them to
// .kafka/<name>/env (.kafka/env for the default name). It refuses to touch a
// process it did not start, and to be more than a test cluster: data goes when
// the cluster stops.
//
// The two types to know are spec and runtime.
//
//	kafkaup up [-name NAME] [-nodes 1|3] [-version 4.3.1|3.9.1|2.8.2]
//	kafkaup down [-name NAME]
//	kafkaup kill|start [-name NAME] -node N     end one broker hard; start it again
//	kafkaup registry-up | registry-down         an Apicurio Registry
//	kafkaup tools [-version 4.3.1]              print the class path of Kafka's own tools
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const startTimeout = 3 * time.Minute // a cold download of 50 MB included

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "kafkaup:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errors.New("usage: kafkaup up|down|kill|start|registry-up|registry-down|tools [flags]")
	}
	fs := flag.NewFlagSet("kafkaup "+args[0], flag.ContinueOnError)
	name := fs.String("name", "default", "name of the cluster, for several side by side")
	nodes := fs.Int("nodes", 1, "number of brokers, 1 or 3")
	version := fs.String("version", "4.3.1", "version of Apache Kafka: 4.x, 3.9.1 or 2.8.2")
	node := fs.Int("node", 1, "kill, start: which broker")
	if err := fs.Parse(args[1:]); err != nil {
		return err
	}
	if *name == "" || strings.ContainsAny(*name, `/\. `) {
		return fmt.Errorf("-name %q: a plain word is wanted", *name)
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	root, err := filepath.Abs(".kafka")
	if err != nil {
		return err
	}
	st := state{dir: filepath.Join(root, *name)}
	if *name == "default" {
		st.alias = filepath.Join(root, "env")
	}
	switch args[0] {
	case "up":
		return up(ctx, st, spec{nodes: *nodes, version: *version})
	case "down":
		return st.down()
	case "kill":
		return st.kill(nodeName(*node))
	case "start":
		return restart(ctx, st, *node)
	case "tools":
		return tools(ctx, *version)
	case "registry-up":
		return registryUp(ctx, state{dir: filepath.Join(root, "registry")})
	case "registry-down":
		return state{dir: filepath.Join(root, "registry")}.down()
	}
	return fmt.Errorf("unknown command %q", args[0])
}
