package dlt

// builtin is the table of dialects. Each row is what one framework writes, with the constants of its source, and has a
// file of its own: a new one begins as a copy of dialect_karafka.go and a line here. Order matters only for equals: an
// earlier row wins when two dialects stand at the same place of a record.
func builtin() []dialect {
	return []dialect{
		spring(), springRetry(), cloudStream(), cloudStreamEmbedded(), connect(), bakdata(), streams(), bakdataAvro(), kstreamplify(),
		shareGroup(), smallrye(), smallryeRetry(), watermill(), karafka(), wolverine(), silverback(), brighter(), confluentRule(), uber(),
	}
}
