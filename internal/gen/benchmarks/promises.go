package main

// figure is one unit of one benchmark.
type figure struct{ bench, unit string }

// promise is a figure that an issue or a guide promises to users.
type promise struct {
	family string
	what   string
	figure
	limit   float64 // in the benchmark's unit; 0 for a figure that is only reported
	atLeast bool    // the limit is a lower one
	floor   figure  // what the machine needs for the same without weir
	floorIs string
}

const (
	ms = 1e6
	s  = 1e9
)

var promises = []promise{}
