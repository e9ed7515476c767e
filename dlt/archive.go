package dlt

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
)

// JSONHeader is a header in JSON: null and empty stay apart.
type JSONHeader struct {
	Name  string  `json:"name"`
	Value *[]byte `json:"value_b64"`
}

func jsonHeaders(hs []Header) []JSONHeader {
	out := make([]JSONHeader, 0, len(hs))
	for _, h := range hs {
		j := JSONHeader{Name: h.Name}
		if h.Value != nil {
			j.Value = &h.Value
		}
		out = append(out, j)
	}
	return out
}

// archiveLine is one line of an archive as it is written; lineReader reads it.
type archiveLine struct {
	Topic         string       `json:"topic"`
	Partition     int32        `json:"partition"`
	Offset        int64        `json:"offset"`
	TimestampMS   int64        `json:"timestamp_ms"`
	TimestampType string       `json:"timestamp_type"`
	Key           *[]byte      `json:"key_b64"`
	Value         *[]byte      `json:"value_b64"`
	Headers       []JSONHeader `json:"headers"`
}

func optional(b []byte) *[]byte {
	if b == nil {
		return nil
	}
	return &b
}

// maxLine bounds one line of an archive: the largest record Kafka is ever configured for, in base64, with headers.
const maxLine = 256 << 20

// ArchiveError says what an archive does not hold, and where.
type ArchiveError struct {
	Name         string
	Line, Column int // from 1; no column where something is missing
	Reason       string
	hint         string
}

func (e *ArchiveError) Error() string {
	if e.Column == 0 {
		return fmt.Sprintf("read archive %s:%d: %s", e.Name, e.Line, e.Reason)
	}
	return fmt.Sprintf("read archive %s:%d:%d: %s", e.Name, e.Line, e.Column, e.Reason)
}

// Code is the class of the failure.
func (e *ArchiveError) Code() string { return "usage" }

// Hint says what to do next.
func (e *ArchiveError) Hint() string {
	return cmp.Or(e.hint, "an archive holds one record a line, as weir dlt export writes it")
}

// ReadArchive reads an NDJSON archive of records, as [ArchiveWriter] writes it. It stops at the first line that does not
// hold a whole record, with an [ArchiveError] that names it.
func ReadArchive(r io.Reader, name string) iter.Seq2[*Record, error] {
	return func(yield func(*Record, error) bool) {
		br := bufio.NewReaderSize(r, 1<<20)
		for line := 1; ; line++ {
			b, err := readLine(br)
			if len(bytes.TrimSpace(b)) > 0 && (err == nil || errors.Is(err, io.EOF)) {
				rec, perr := parseLine(b)
				if perr != nil {
					perr.Name, perr.Line = name, line
					yield(nil, perr)
					return
				}
				if !yield(rec, nil) {
					return
				}
			}
			if errors.Is(err, io.EOF) {
				return
			}
			if long, ok := errors.AsType[*ArchiveError](err); ok {
				long.Name, long.Line = name, line
				yield(nil, long)
				return
			}
			if err != nil {
				yield(nil, fmt.Errorf("read archive %s:%d: %w", name, line, err))
				return
			}
		}
	}
}

func readLine(br *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := br.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			if line = append(line, part...); len(line) > maxLine {
				return nil, &ArchiveError{Reason: fmt.Sprintf("the line is longer than %d MiB", maxLine>>20)}
			}
			continue
		}
		if line == nil {
			return part, err
		}
		return append(line, part...), err
	}
}

// ArchiveWriter writes records as NDJSON, one a line, with every byte kept: null stays null, empty stays empty,
// headers keep their order and repeats.
type ArchiveWriter struct {
	w   *bufio.Writer
	enc *json.Encoder
	n   int64
}

// NewArchiveWriter returns a writer on w. Close flushes it.
func NewArchiveWriter(w io.Writer) *ArchiveWriter {
	bw := bufio.NewWriterSize(w, 1<<18)
	enc := json.NewEncoder(bw)
	enc.SetEscapeHTML(false)
	return &ArchiveWriter{w: bw, enc: enc}
}

// Write appends one record.
func (a *ArchiveWriter) Write(r *Record) error {
	l := archiveLine{
		Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, TimestampMS: r.TimestampMS, TimestampType: r.TimestampType,
		Key: optional(r.Key), Value: optional(r.Value), Headers: jsonHeaders(r.Headers),
	}
	if err := a.enc.Encode(l); err != nil {
		return fmt.Errorf("write archive: %w", err)
	}
	a.n++
	return nil
}

// Count returns how many records were written.
func (a *ArchiveWriter) Count() int64 { return a.n }

// Close flushes what is buffered.
func (a *ArchiveWriter) Close() error {
	if err := a.w.Flush(); err != nil {
		return fmt.Errorf("write archive: %w", err)
	}
	return nil
}
