package dlt

import "encoding/binary"

// avro reads the few Avro types that the two value dialects use. Both have a fixed schema, so the bytes decide: a
// value that does not fit to its last byte is not one of them.
type avro struct {
	b   []byte
	bad bool
}

func (a *avro) long() int64 {
	n, size := binary.Varint(a.b)
	if size <= 0 {
		a.bad = true
		return 0
	}
	a.b = a.b[size:]
	return n
}

func (a *avro) bytes() []byte {
	n := a.long()
	if a.bad || n < 0 || n > int64(len(a.b)) {
		a.bad = true
		return nil
	}
	v := a.b[:n:n]
	a.b = a.b[n:]
	return v
}

// optional reads the branch of a union [null, T] and reports whether T follows.
func (a *avro) optional() bool {
	switch n := a.long(); {
	case a.bad:
	case n == 1:
		return true
	case n != 0:
		a.bad = true
	}
	return false
}

func (a *avro) text() *string {
	if !a.optional() {
		return nil
	}
	return new(string(a.bytes()))
}

// confluentBody strips the five bytes (zero and the schema's id) that a registry's serializer writes.
func confluentBody(b []byte) ([]byte, bool) {
	if len(b) < 6 || b[0] != 0 {
		return nil, false
	}
	return b[5:], true
}
