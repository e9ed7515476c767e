package commands

// Keys of cobra annotations that the help renderer reads.
const (
	// ExitCodes holds lines about unusual exit codes.
	ExitCodes = "weir/exit-codes"
	// Environ holds lines about environment variables of one command.
	Environ = "weir/environment"
	// Next names the command that usually follows.
	Next = "weir/next"
	// Offline marks a command that never connects.
	Offline = "weir/offline"
)
