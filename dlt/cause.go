package dlt

import (
	"crypto/sha256"
	"encoding/hex"
)

// cause is what triage needs of a record, as views of its bytes.
type cause struct {
	dialect                  int // -1 when none is known
	class                    []byte
	topic, partition, offset []byte
	sig                      []byte // dialect, class, masked message
	masked                   int    // where the masked message begins in sig
}

// id names a cause, the same in every run: a plan takes it with --cause.
func (c *cause) id(d *Decoder) string {
	h := sha256.New()
	if c.dialect >= 0 {
		h.Write([]byte(d.table[c.dialect].name)) // the row's place in the table may change, its name does not
	}
	h.Write([]byte{0})
	h.Write(c.sig[2:])
	return hex.EncodeToString(h.Sum(nil)[:4])
}

// CauseID returns the name of the group a record belongs to.
func (d *Decoder) CauseID(r *Record) string {
	c := d.cause(r, nil)
	return c.id(d)
}

// cause reads what groups a record, without allocating where headers tell it.
func (d *Decoder) cause(r *Record, sig []byte) cause {
	c := cause{dialect: -1}
	var x, o set
	if l := d.layoutOf(r); l != nil && l.single {
		c.dialect, x, o = l.found[0], l.exception, l.first
	} else if s := d.scan(r); len(s.found) > 0 {
		c.dialect = s.found[0]
		x, o = d.newest(s, c.dialect, groupException), d.firstOrigin(s, c.dialect)
	}
	var message []byte
	switch {
	case c.dialect >= 0:
		at := func(st *set, ro role) []byte {
			if i := st[ro]; i >= 0 {
				return r.Headers[i].Value
			}
			return nil
		}
		trace := at(&x, rTrace)
		if trace == nil {
			trace = at(&x, rKeyTrace)
		}
		for _, v := range [...][]byte{rootOf(trace), at(&x, rCauseClass), at(&x, rClass), at(&x, rKeyClass)} {
			if c.class = v; v != nil {
				break
			}
		}
		if message = at(&x, rMessage); message == nil {
			message = at(&x, rKeyMessage)
		}
		c.topic, c.partition, c.offset = at(&o, rTopic), at(&o, rPartition), at(&o, rOffset)
	case d.mayWrap(r):
		dl := d.Decode(r)
		if len(dl.found) == 0 {
			break
		}
		c.dialect = dl.found[0]
		e := dl.Exception
		if e == nil {
			e = &Exception{}
		}
		for _, v := range [...]*string{e.RootClass, e.CauseClass, e.Class} {
			if v != nil {
				c.class = []byte(*v)
				break
			}
		}
		message = []byte(deref(e.Message))
		if o := dl.Origin; o.Known() {
			c.topic = []byte(*o.Topic)
			c.partition, c.offset = le(int64(*o.Partition)), le(*o.Offset)
		}
	}
	sig = append(sig, byte(c.dialect+1), byte((c.dialect+1)>>8)) // #nosec G115 -- at most 256 rows
	sig = append(sig, c.class...)
	sig = append(sig, 0)
	c.masked = len(sig)
	c.sig = mask(sig, message)
	return c
}

func le(n int64) []byte {
	b := make([]byte, 8)
	for i := range b {
		b[i] = byte(n >> (8 * i)) // #nosec G115 -- bytes of a number
	}
	return b
}

// mayWrap reports whether a value or key dialect is worth trying.
func (d *Decoder) mayWrap(r *Record) bool {
	return len(r.Value) > 1 && (r.Value[0] == 0xff || r.Value[0] == 0) || len(r.Key) >= 8 && (r.Key[0] == 0x08 || r.Key[0] == 0x12)
}
