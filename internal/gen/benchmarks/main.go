// Benchmarks writes docs/benchmarks.md from what `go test -bench` printed: each
// promise beside its limit, its floor and what was measured.
//
// It decides how figures become verdicts: the median of a benchmark's runs is held
// against the limit. It refuses to fill in a figure that was not measured; such a
// promise says so. Prose between the generated blocks is written by hand and kept.
//
// The types to know are [promise] and [results].
package main

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

func main() {
	in := flag.String("in", "", "file that holds what go test -bench printed")
	stat := flag.String("stat", "", "file that holds what benchstat made of it")
	doc := flag.String("doc", "docs/benchmarks.md", "document to renew")
	machine := flag.String("machine", "", "processor, cores and memory, in words")
	flag.Parse()
	log.SetFlags(0)
	f, err := os.Open(*in)
	check(err)
	defer f.Close()
	rs, err := read(f)
	check(err)
	text, err := os.ReadFile(*doc)
	check(err)
	summary, err := os.ReadFile(*stat)
	check(err)
	for name, body := range map[string]string{
		"machine":   fmt.Sprintf("%s; %s/%s; %s.\n", *machine, runtime.GOOS, runtime.GOARCH, runtime.Version()),
		"promises":  table(promises, rs),
		"benchstat": "```text\n" + strings.TrimSpace(string(summary)) + "\n```\n",
	} {
		text, err = replace(text, name, body)
		check(err)
	}
	check(os.WriteFile(*doc, text, 0o644)) //nolint:gosec // documentation is public
}

func check(err error) {
	if err != nil {
		log.Fatal("benchmarks: ", err)
	}
}

// results are the figures of each benchmark by name and unit, a figure a run. A name
// has no GOMAXPROCS suffix; runs on a real cluster have "@real" behind it.
type results map[string]map[string][]float64

var procs = regexp.MustCompile(`-\d+$`)

// read takes the format of https://go.dev/design/14313-benchmark-format. The
// configuration line `cluster: real` marks what follows, until another one.
func read(r io.Reader) (results, error) {
	rs := results{}
	suffix := ""
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		line := sc.Text()
		if where, ok := strings.CutPrefix(line, "cluster: "); ok {
			suffix = map[bool]string{true: "@real"}[where == "real"]
			continue
		}
		words := strings.Fields(line)
		if len(words) < 4 || !strings.HasPrefix(words[0], "Benchmark") {
			continue
		}
		name := procs.ReplaceAllString(strings.TrimPrefix(words[0], "Benchmark"), "") + suffix
		if rs[name] == nil {
			rs[name] = map[string][]float64{}
		}
		for i := 2; i+1 < len(words); i += 2 {
			v, err := strconv.ParseFloat(words[i], 64)
			if err != nil {
				return nil, fmt.Errorf("%s: %q is no figure", words[0], words[i])
			}
			rs[name][words[i+1]] = append(rs[name][words[i+1]], v)
		}
	}
	return rs, sc.Err()
}

// median returns the middle figure and how many runs there were.
func (rs results) median(f figure) (float64, int) {
	vs := slices.Sorted(slices.Values(rs[f.bench][f.unit]))
	if len(vs) == 0 {
		return 0, 0
	}
	return (vs[(len(vs)-1)/2] + vs[len(vs)/2]) / 2, len(vs)
}

func replace(text []byte, name, body string) ([]byte, error) {
	begin, end := []byte("<!-- begin "+name+" -->\n"), []byte("<!-- end "+name+" -->")
	before, rest, ok := bytes.Cut(text, begin)
	if !ok {
		return nil, fmt.Errorf("the document has no block %s", name)
	}
	_, after, ok := bytes.Cut(rest, end)
	if !ok {
		return nil, fmt.Errorf("the block %s has no end", name)
	}
	return slices.Concat(before, begin, []byte(body), end, after), nil
}

// table draws the promises, a heading a family.
func table(ps []promise, rs results) string {
	var b strings.Builder
	families := map[string][]promise{}
	var order []string
	for _, p := range ps {
		if families[p.family] == nil {
			order = append(order, p.family)
		}
		families[p.family] = append(families[p.family], p)
	}
	for _, family := range order {
		fmt.Fprintf(&b, "\n### %s\n\n| promise | limit | measured | floor | |\n|---|---|---|---|---|\n", family)
		for _, p := range families[family] {
			b.WriteString(row(p, rs))
		}
	}
	b.WriteString("\n")
	return b.String()
}

func row(p promise, rs results) string {
	limit, measured, floor, verdict := "reported", "not measured", "", ""
	if p.limit != 0 {
		limit = map[bool]string{true: "at least ", false: "at most "}[p.atLeast] + p.format(p.limit)
	}
	if v, runs := rs.median(p.figure); runs > 0 {
		measured = fmt.Sprintf("%s (%s)", p.format(v), count(runs))
		if p.limit != 0 {
			verdict = map[bool]string{true: "held", false: "**not held**"}[p.atLeast == (v >= p.limit) || v == p.limit]
		}
	}
	if p.floor.bench != "" {
		floor = "not measured"
		if v, runs := rs.median(p.floor); runs > 0 {
			floor = p.floor.format(v)
		}
		floor = p.floorIs + ": " + floor
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s |\n", p.what, limit, measured, floor, verdict)
}

func count(runs int) string {
	if runs == 1 {
		return "1 run"
	}
	return fmt.Sprintf("median of %d", runs)
}

// units says how a unit of a benchmark is shown.
var units = map[string]struct {
	shown string
	per   float64
}{
	"ns/op":           {"ms", 1e6},
	"median-ms":       {"ms", 1},
	"µs-median-break": {"ms", 1e3},
	"µs-worst":        {"ms", 1e3},
	"peak-MB":         {"MB", 1},
	"requests/op":     {"requests", 1},
	"%ofbest":         {"%", 1},
	"%ofbare":         {"%", 1},
	"MiB-live":        {"MiB", 1},
	"bare/s":          {"records/s", 1},
	"best-bare/s":     {"records/s", 1},
}

func (f figure) format(v float64) string {
	u, ok := units[f.unit]
	if !ok {
		u.shown, u.per = f.unit, 1
	}
	v /= u.per
	if u.shown == "ms" && v >= 1000 {
		u.shown, v = "s", v/1000
	}
	digits := 0
	if v < 100 && v != float64(int64(v)) {
		digits = 1
		if v < 1 {
			digits = 2
		}
	}
	return strconv.FormatFloat(v, 'f', digits, 64) + " " + u.shown
}
