// Package boot keeps the garbage collector away while the program starts.
//
// The initialisers of the libraries allocate 3 MB and the command tree under 1 MB;
// with Go's first collection at 4 MB a run of `weir --help` or of a shell completion
// would pay a fifth of its time for collecting what it is about to give back. The
// package decides nothing else and refuses to be imported by anything but cmd.
// The function to know is [Done].
//
// It imports only runtime/debug, so that Go's order of initialisation (sorted by
// import path among those whose imports are ready) runs it before the large ones. If
// that ever changes, starting gets slower, which TestStartUp tells.
package boot

import "runtime/debug"

// percent lets the heap grow to 16 MB before the first collection.
const percent = 400

// before is the user's setting: GOGC, or 100.
var before = debug.SetGCPercent(percent)

// Done gives the collector its setting back. It is called before a command runs, so
// that the memory of a long run is what GOGC says.
func Done() { debug.SetGCPercent(before) }
