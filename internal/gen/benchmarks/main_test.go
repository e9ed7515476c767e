package main

import (
	"os/exec"
	"strings"
	"testing"
)

// Every promise names a benchmark that exists.
func TestPromisesNameBenchmarks(t *testing.T) {
	out, err := exec.Command("git", "grep", "-hoE", "^func Benchmark[A-Za-z0-9]+", "--", ":/*_test.go").Output()
	if err != nil {
		t.Skipf("not in a git tree: %v", err)
	}
	have := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		have[strings.TrimPrefix(strings.TrimSpace(line), "func Benchmark")] = true
	}
	for _, p := range promises {
		for _, f := range []figure{p.figure, p.floor} {
			top, _, _ := strings.Cut(strings.TrimSuffix(f.bench, "@real"), "/")
			if top != "" && !have[top] {
				t.Errorf("%s: there is no Benchmark%s", p.what, top)
			}
		}
	}
}

func TestTable(t *testing.T) {
	rs, err := read(strings.NewReader(`goos: linux
BenchmarkHelp/weir-2   100   16000000 ns/op   14.50 median-ms
BenchmarkHelp/weir-2   100   16000000 ns/op   16.00 median-ms
BenchmarkHelp/weir-2   100   16000000 ns/op   13.00 median-ms
BenchmarkReplay-2   1   16 ns/op   79.00 %ofbest
cluster: real
BenchmarkReplay-2   1   16 ns/op   80.00 %ofbest
`))
	if err != nil {
		t.Fatal(err)
	}
	got := table([]promise{
		{family: "F", what: "help", figure: figure{"Help/weir", "median-ms"}, limit: 15},
		{family: "F", what: "missed", figure: figure{"Replay", "%ofbest"}, limit: 80, atLeast: true},
		{family: "F", what: "reached", figure: figure{"Replay@real", "%ofbest"}, limit: 80, atLeast: true, floor: figure{"Bare", "bare/s"}, floorIs: "bare"},
		{family: "F", what: "not run", figure: figure{"Nope", "ns/op"}, limit: 1e6},
	}, rs)
	want := `
### F

| promise | limit | measured | floor | |
|---|---|---|---|---|
| help | at most 15 ms | 14.5 ms (median of 3) |  | held |
| missed | at least 80 % | 79 % (1 run) |  | **not held** |
| reached | at least 80 % | 80 % (1 run) | bare: not measured | held |
| not run | at most 1 ms | not measured |  |  |

`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
