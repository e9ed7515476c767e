package main

// figure is one unit of one benchmark.
type figure struct{ bench, unit string }

// promise is a figure that weir promises its users.
type promise struct {
	family string
	what   string
	figure
	limit   float64 // in the benchmark's unit; 0 for a figure that is only reported
	atLeast bool    // the limit is a lower one
	floor   figure  // what the machine needs for the same without weir
	floorIs string
}

// nothing is the floor of every whole process.
var nothing = figure{"Help/nothing", "median-ms"}

const emptyProgram = "a program that does nothing"

var promises = []promise{
	{family: "Start", what: "`weir --help`, whole process", figure: figure{"Help/weir", "median-ms"}, limit: 15, floor: nothing, floorIs: emptyProgram},
	{family: "Start", what: "a refused connection, whole process", figure: figure{"Unreachable/1", "median-ms"}, limit: 300, floor: nothing, floorIs: emptyProgram},
	{family: "Start", what: "three refused connections, whole process", figure: figure{"Unreachable/3", "median-ms"}, limit: 300, floor: nothing, floorIs: emptyProgram},
	{family: "Start", what: "the tour, whole process", figure: figure{"Tour", "median-ms"}, limit: 60_000},

	{family: "Catalog", what: "streetlights-kafka 3.0, whole process", figure: figure{"CatalogValidate/streetlights-3.0", "median-ms"}, limit: 40, floor: nothing, floorIs: emptyProgram},
	{family: "Catalog", what: "the same, memory", figure: figure{"CatalogValidate/streetlights-3.0", "peak-MB"}, limit: 40},
	{family: "Catalog", what: "streetlights-kafka 2.6, whole process", figure: figure{"CatalogValidate/streetlights-2.6", "median-ms"}, limit: 30, floor: nothing, floorIs: emptyProgram},
	{family: "Catalog", what: "1,000 documents of 8 kB with 10,000 messages and examples, whole process", figure: figure{"CatalogValidate/1000x8kB", "median-ms"}, limit: 2500},
	{family: "Catalog", what: "the same, memory", figure: figure{"CatalogValidate/1000x8kB", "peak-MB"}, limit: 400},
	{family: "Catalog", what: "1,000 documents of 22 kB, whole process", figure: figure{"CatalogValidate/1000x22kB", "median-ms"}},
	{family: "Catalog", what: "the same, memory", figure: figure{"CatalogValidate/1000x22kB", "peak-MB"}},

	{family: "Compatibility", what: "a changed pair of JSON Schemas with its witness, median over the vectors", figure: figure{"Vectors", "µs-median-break"}, limit: 5000},
	{family: "Compatibility", what: "the same, worst pair", figure: figure{"Vectors", "µs-worst"}, limit: 200_000},
	{family: "Compatibility", what: "1,000 messages in 100 documents, 20 of them changed, against a commit, whole process", figure: figure{"CompatCheck", "median-ms"}, limit: 1000, floor: nothing, floorIs: emptyProgram},

	{family: "Plan", what: "10,000 topics and 80,000 rights, none there yet", figure: figure{"Plan/empty", "ns/op"}, limit: 5e9},
	{family: "Plan", what: "the same, nearly all there", figure: figure{"Plan/loaded", "ns/op"}, limit: 5e9},

	{family: "Dead letters", what: "replay of 1 KiB records without a pace, against the best bare transactional copy", figure: figure{"Replay", "%ofbare"}, limit: 80, atLeast: true, floor: figure{"Replay", "bare/s"}, floorIs: "bare copy"},
	{family: "Dead letters", what: "the same on three real brokers", figure: figure{"Replay@real", "%ofbare"}, limit: 80, atLeast: true, floor: figure{"Replay@real", "bare/s"}, floorIs: "bare copy"},
	{family: "Dead letters", what: "memory of a replay of 200,000 records", figure: figure{"ReplayMemory", "peak-MB"}, limit: 320},
	{family: "Dead letters", what: "inspect of 1,000,000 records of 100 B with 6 headers, against a bare consume", figure: figure{"Inspect/100B-6headers", "%ofbare"}, limit: 70, atLeast: true, floor: figure{"Inspect/100B-6headers", "bare/s"}, floorIs: "bare consume"},
	{family: "Dead letters", what: "memory of the whole process", figure: figure{"InspectMemory/100B-6headers", "peak-MB"}, limit: 150},
	{family: "Dead letters", what: "inspect of 200,000 records with a 4 KiB trace, against a bare consume", figure: figure{"Inspect/4KiB-trace", "%ofbare"}, limit: 50, atLeast: true, floor: figure{"Inspect/4KiB-trace", "bare/s"}, floorIs: "bare consume"},
	{family: "Dead letters", what: "memory of the whole process", figure: figure{"InspectMemory/4KiB-trace", "peak-MB"}, limit: 150},

	{family: "Lag", what: "1,000 groups, 18,000 committed partitions, whole process", figure: figure{"Lag/no-age", "median-ms"}, limit: 350, floor: nothing, floorIs: emptyProgram},
	{family: "Lag", what: "the same with ages", figure: figure{"Lag/age", "median-ms"}, limit: 350, floor: nothing, floorIs: emptyProgram},
	{family: "Lag", what: "the same, memory", figure: figure{"Lag/age", "peak-MB"}, limit: 60},
	{family: "Lag", what: "requests after metadata", figure: figure{"ThousandGroups/lag", "requests/op"}, limit: 25},
	{family: "Lag", what: "requests with the ladder of ages", figure: figure{"ThousandGroups/ladder", "requests/op"}, limit: 52},
	{family: "Lag", what: "memory beside the brokers' of 65,000 groups", figure: figure{"ManyGroups/memory", "MiB-live"}},
}
