package catalog

import (
	"cmp"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// dialect is the draft of JSON Schema that a schema is written in; empty where
// nothing says so. One that is not known is kept as it was written.
type dialect string

const (
	draft4    dialect = "http://json-schema.org/draft-04/schema#"
	draft6    dialect = "http://json-schema.org/draft-06/schema#"
	draft7    dialect = "http://json-schema.org/draft-07/schema#"
	draft2019 dialect = "https://json-schema.org/draft/2019-09/schema"
	draft2020 dialect = "https://json-schema.org/draft/2020-12/schema"
)

// dialectOf reads $schema.
func dialectOf(uri string) dialect {
	plain := func(s string) string {
		_, s, _ = strings.Cut(strings.TrimSuffix(s, "#"), "://")
		return s
	}
	for _, d := range [...]dialect{draft4, draft6, draft7, draft2019, draft2020} {
		if plain(uri) == plain(string(d)) {
			return d
		}
	}
	if plain(uri) == "json-schema.org/schema" {
		return draft2020
	}
	return dialect(uri)
}

// mediaDialect reads the version of a schemaFormat.
func mediaDialect(media string) dialect {
	if media == "" || formatOf(media) != FormatJSON {
		return ""
	}
	for _, v := range [...]struct {
		name string
		d    dialect
	}{{"2020-12", draft2020}, {"2019-09", draft2019}, {"draft-07", draft7}, {"draft-06", draft6}, {"draft-04", draft4}} {
		if strings.Contains(media, v.name) {
			return v.d
		}
	}
	return ""
}

// siblings reports whether keywords beside a $ref count.
func (d dialect) siblings() bool { return d == draft2019 || d == draft2020 }

// idKey is the keyword by which a schema names itself.
func (d dialect) idKey() string {
	if d == draft4 {
		return "id"
	}
	return "$id"
}

// scan is what a file says of dialects and of names of schemas, looked up once.
type scan struct {
	once    sync.Once
	dialect bool // anything in it names one
	ids     bool // anything in it names itself
	named   sync.Map
}

func (f *file) scanned() *scan {
	f.scan.once.Do(func() {
		var walk func(n *Node)
		walk = func(n *Node) {
			for _, k := range n.kids {
				switch k.Key {
				case "$schema", "schemaFormat":
					f.scan.dialect = true
				case "$id":
					f.scan.ids = true
				}
				walk(k)
			}
		}
		walk(f.root)
	})
	return &f.scan
}

// dialectAt is the dialect that is written at a schema or around it: $schema, or the
// schemaFormat of the payload that it is in.
func dialectAt(n *Node) dialect {
	if f := n.root().file; f != nil && !f.scanned().dialect {
		return ""
	}
	for ; n != nil; n = n.parent {
		if d := ownDialect(n); d != "" {
			return d
		}
		if n.Key == "schema" || n.Key == "payload" {
			if d := mediaDialect(n.parent.Get("schemaFormat").Text()); d != "" {
				return d
			}
		}
	}
	return ""
}

func ownDialect(n *Node) dialect {
	if n.file != nil && n.file.major != 0 {
		return "" // an AsyncAPI document is no schema
	}
	if s := n.Get("$schema").Text(); s != "" {
		return dialectOf(s)
	}
	return ""
}

// moreThanRef reports whether a node that holds $ref is a schema of its own: since
// 2019-09 what stands beside $ref counts. in is the dialect where none is written.
func moreThanRef(n *Node, in dialect) bool {
	return besideRef(n) && cmp.Or(dialectAt(n), in).siblings()
}

// besideRef reports whether keywords that can matter stand beside $ref.
func besideRef(n *Node) bool {
	return slices.ContainsFunc(n.kids, func(k *Node) bool {
		switch k.Key {
		case "$ref", "$schema", "$id", "$comment", "title", "description", "$defs", "definitions":
			return false
		}
		return true
	})
}

// also is the target of a reference that is one keyword of a schema among others.
func (s *store) also(n *Node) *Node {
	if _, ok := refOf(n); !ok {
		return nil
	}
	return s.step(n).node
}

// embedded follows a reference to a schema of the same file that names itself with
// $id, nil when it leads elsewhere. The names of one payload count in that payload
// only.
func (s *store) embedded(n *Node, ref string, depth int) *resolution {
	f := n.root().file
	if f == nil || !f.scanned().ids {
		return nil
	}
	var around []*Node // that name themselves, nearest first
	for a := n; a != nil; a = a.parent {
		if hasID(a) {
			around = append(around, a)
		}
	}
	if len(around) == 0 {
		return nil
	}
	at := around[0]
	loc, frag, _ := strings.Cut(ref, "#")
	if loc != "" {
		base := f.base()
		for _, a := range slices.Backward(around) {
			base = joinID(base, a)
		}
		u, err := base.Parse(loc)
		if err != nil {
			return nil
		}
		if at = f.named(around[len(around)-1])[u.String()]; at == nil {
			return nil
		}
	}
	if u, err := url.PathUnescape(frag); err == nil {
		frag = u
	}
	switch {
	case frag == "":
		return &resolution{node: at}
	case !strings.HasPrefix(frag, "/"):
		return &resolution{kind: refAnchor, what: "#" + frag}
	}
	if r := s.pointer(at, frag, depth); r.node != nil {
		return r
	}
	return nil
}

// hasID reports whether a schema names itself; up to draft 7 a $id with only a
// fragment is an anchor.
func hasID(n *Node) bool {
	id := n.Get("$id").Text()
	return id != "" && !strings.HasPrefix(id, "#")
}

func (f *file) base() *url.URL { return &url.URL{Scheme: "weir", Path: "/" + f.name} }

func joinID(base *url.URL, n *Node) *url.URL {
	u, err := base.Parse(n.Get("$id").Text())
	if err != nil {
		return base
	}
	u.Fragment, u.RawFragment = "", ""
	return u
}

// named are the schemas at and below top that name themselves, by absolute URL.
func (f *file) named(top *Node) map[string]*Node {
	if m, ok := f.scan.named.Load(top); ok {
		return m.(map[string]*Node) //nolint:forcetypeassert // nothing else is stored
	}
	m := map[string]*Node{}
	var walk func(n *Node, base *url.URL)
	walk = func(n *Node, base *url.URL) {
		if hasID(n) {
			base = joinID(base, n)
			if _, taken := m[base.String()]; !taken {
				m[base.String()] = n
			}
		}
		for _, k := range n.kids {
			if !dataKeys[k.Key] {
				walk(k, base)
			}
		}
	}
	walk(top, f.base())
	f.scan.named.Store(top, m)
	return m
}
