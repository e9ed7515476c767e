package dlt

// wrapped is what a dialect that lives in the value or in the key tells, and the bytes it was wrapped around.
type wrapped struct {
	origin        *Origin
	timestampType *string
	exception     *Exception
	trace         traceFacts
	description   *string
	attempts      *int64
	embedded      embedded

	value    []byte
	hasValue bool // value is the original one, byte for byte
	key      []byte
	hasKey   bool
	lossy    string // why the original cannot be restored
}

type (
	valueFunc func(*Record) (wrapped, bool)
	keyFunc   func(*Record) (wrapped, bool)
)

// wrapped takes what a value or key dialect tells; newest says that no header tells of a later death.
func (d *Decoder) wrapped(out *DeadLetter, r *Record, i int, w wrapped, newest bool) {
	row := &d.table[i]
	out.restored = w
	out.EmbeddedHeaders = w.embedded
	if w.embedded != nil {
		out.PayloadValue = &w.value
	}
	if w.lossy != "" {
		out.Unrecoverable = new(w.lossy)
	}
	if !newest {
		out.EarlierDeath = &EarlierDeath{Dialect: row.name, DeathsInHeaders: 1, Origin: w.origin}
		return
	}
	out.Origin, out.OriginTimestampType, out.Exception = w.origin, w.timestampType, w.exception
	out.Description, out.Attempts = w.description, w.attempts
	out.DeathsInHeaders = 1
	if row.failure != "" {
		out.Failure = new(row.failure)
	}
	death := Death{Dialect: row.name, Origin: w.origin}
	if e := w.exception; e != nil {
		e.StacktraceChain = w.trace.chain
		death.Class, death.CauseClass, death.Message = e.Class, e.CauseClass, e.Message
		(&reader{d: d, row: row, r: r, o: emptySet(), x: emptySet(), trace: w.trace}).classify(out)
	}
	out.Deaths = []Death{death}
}
