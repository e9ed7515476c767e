package catalog

// markWalker finds fields that are marked as personal or classified, in JSON Schema
// and in Avro.
type markWalker struct {
	b     *builder
	on    map[*Node]bool // nodes on the way down, against cycles
	marks []FieldMark
}

func (w *markWalker) walk(n *Node, at string, depth int) {
	n = w.b.st.deref(n)
	if n == nil || n.Kind != Map || w.on[n] || depth > 40 || len(w.marks) > 500 {
		return
	}
	w.on[n] = true
	defer delete(w.on, n)
	if m := mark(n); m != nil && at != "" {
		m.Path = at
		w.marks = append(w.marks, *m)
	}
	join := func(name string) string {
		if at == "" {
			return name
		}
		return at + "." + name
	}
	for _, p := range n.Get("properties").Children() {
		w.walk(p, join(p.Key), depth+1)
	}
	if f := n.Get("fields"); f != nil && f.Kind == List {
		for _, c := range f.kids {
			name := join(c.Get("name").Text())
			if m := mark(c); m != nil {
				m.Path = name
				w.marks = append(w.marks, *m)
			}
			t := c.Get("type")
			for _, u := range t.Children() {
				if t.Kind == List {
					w.walk(u, name, depth+1)
				}
			}
			w.walk(t, name, depth+1)
		}
	}
	if it := n.Get("items"); it != nil {
		if it.Kind == List {
			for _, c := range it.kids {
				w.walk(c, at+"[]", depth+1)
			}
		} else {
			w.walk(it, at+"[]", depth+1)
		}
	}
	for _, key := range [...]string{"allOf", "anyOf", "oneOf"} {
		for _, c := range n.Get(key).Children() {
			w.walk(c, at, depth+1)
		}
	}
	w.walk(w.b.st.also(n), at, depth+1)
}

func mark(n *Node) *FieldMark {
	var m FieldMark
	if x := n.Get("x-pii"); x != nil && x.Value != "" && x.Value != "false" {
		m.PII, m.At = x.Value, x.Pos()
	} else if x := n.Get("x-sap-dpp-is-potentially-personal"); x != nil && x.Value == "true" {
		m.PII, m.At = "true", x.Pos()
	} else if x := n.Get("confluent:tags"); x != nil {
		for _, t := range x.Children() {
			if t.Value == "PII" {
				m.PII, m.At = "true", x.Pos()
			}
		}
	}
	if c := classification(n); c.Known() {
		m.Classification = c.V
		if m.At.IsZero() {
			m.At = c.At
		}
	}
	if m.PII == "" && m.Classification == "" {
		return nil
	}
	return &m
}
