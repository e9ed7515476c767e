package dlt

import (
	"bufio"
	"bytes"
	"encoding/base64"
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

// archiveLine is one line of an archive. Keys it does not know are ignored, so that archives of other tools and of
// later releases can be read.
type archiveLine struct {
	Topic         string          `json:"topic"`
	Partition     *int32          `json:"partition"`
	Offset        *int64          `json:"offset"`
	TimestampMS   *int64          `json:"timestamp_ms"`
	TimestampType string          `json:"timestamp_type"`
	Key           *[]byte         `json:"key_b64"`
	Value         *[]byte         `json:"value_b64"`
	Headers       []archiveHeader `json:"headers"`
}

type archiveHeader struct {
	Name  string  `json:"name"`
	Value *[]byte `json:"value_b64"`
}

func bytesOf(p *[]byte) []byte {
	if p == nil {
		return nil
	}
	if *p == nil {
		return []byte{}
	}
	return *p
}

func optional(b []byte) *[]byte {
	if b == nil {
		return nil
	}
	return &b
}

// maxLine bounds one line of an archive: the largest record Kafka is ever configured for, in base64, with headers.
const maxLine = 256 << 20

// ReadArchive reads an NDJSON archive of records, as [ArchiveWriter] writes it. It stops at the first line it cannot
// read and names it.
func ReadArchive(r io.Reader, name string) iter.Seq2[*Record, error] {
	return func(yield func(*Record, error) bool) {
		br := bufio.NewReaderSize(r, 1<<20)
		for line := 1; ; line++ {
			b, err := readLine(br)
			if len(bytes.TrimSpace(b)) > 0 {
				rec, perr := parseLine(b)
				if perr != nil {
					yield(nil, fmt.Errorf("read archive %s:%d: %w", name, line, perr))
					return
				}
				if !yield(rec, nil) {
					return
				}
			}
			if errors.Is(err, io.EOF) {
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
				return nil, fmt.Errorf("the line is longer than %d MiB", maxLine>>20)
			}
			continue
		}
		if line == nil {
			return part, err
		}
		return append(line, part...), err
	}
}

func parseLine(b []byte) (*Record, error) {
	var l archiveLine
	if err := json.Unmarshal(b, &l); err != nil {
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			return nil, fmt.Errorf("not JSON at column %d: %w", syntax.Offset, err)
		}
		if _, ok := errors.AsType[base64.CorruptInputError](err); ok {
			return nil, fmt.Errorf("not base64: %w", err)
		}
		return nil, err
	}
	if l.Topic == "" || l.Partition == nil || l.Offset == nil {
		return nil, errors.New("want topic, partition and offset")
	}
	rec := &Record{
		Topic: l.Topic, Partition: *l.Partition, Offset: *l.Offset, TimestampMS: -1, TimestampType: l.TimestampType,
		Key: bytesOf(l.Key), Value: bytesOf(l.Value),
	}
	if l.TimestampMS != nil {
		rec.TimestampMS = *l.TimestampMS
	}
	for _, h := range l.Headers {
		rec.Headers = append(rec.Headers, Header{h.Name, bytesOf(h.Value)})
	}
	return rec, nil
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
		Topic: r.Topic, Partition: &r.Partition, Offset: &r.Offset, TimestampMS: &r.TimestampMS, TimestampType: r.TimestampType,
		Key: optional(r.Key), Value: optional(r.Value), Headers: make([]archiveHeader, 0, len(r.Headers)),
	}
	for _, h := range r.Headers {
		l.Headers = append(l.Headers, archiveHeader{h.Name, optional(h.Value)})
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
