// Weir governs an event platform on Apache Kafka from the terminal and from CI.
package main

import (
	"os"

	"github.com/weirhq/weir/cmd"
)

// Set by the release build; `go install` leaves them empty and the build info counts.
var version, commit, date string

func main() {
	os.Exit(cmd.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Environ(), cmd.Build{Version: version, Commit: commit, Date: date}))
}
