package commands

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kgo"
)

// recordFilter selects records by key, headers and an expression; all of them have to agree.
type recordFilter struct {
	key     string
	headers []string
	text    string

	byKey bool   // an empty key is a key
	where *where // nil without an expression
}

func (f *recordFilter) bind(c *cobra.Command) {
	fs := c.Flags()
	fs.StringVar(&f.key, "key", "", "only records with exactly this key")
	fs.StringArrayVar(&f.headers, "header", nil, "only records with this header, NAME or NAME=VALUE, repeatable")
	fs.StringVar(&f.text, "where", "", "only records for which this CEL expression holds")
}

// compile reads the flags, once they are set.
func (f *recordFilter) compile(c *cobra.Command) (err error) {
	f.byKey = c.Flags().Changed("key")
	f.where, err = newWhere(f.text)
	return err
}

func (f *recordFilter) all() bool { return !f.byKey && len(f.headers) == 0 && f.where == nil }

// match judges a record; decoded is its value as JSON where it was written otherwise.
func (f *recordFilter) match(k *kgo.Record, decoded []byte) bool {
	if f.byKey && (k.Key == nil || string(k.Key) != f.key) {
		return false
	}
	for _, want := range f.headers {
		name, value, exact := strings.Cut(want, "=")
		if !slices.ContainsFunc(k.Headers, func(h kgo.RecordHeader) bool {
			return h.Key == name && (!exact || string(h.Value) == value)
		}) {
			return false
		}
	}
	return f.where.match(k, decoded)
}
