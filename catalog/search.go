package catalog

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/weirhq/weir/finding"
)

func itoa(i int) string { return strconv.Itoa(i) }

// Hit is one result of a search.
type Hit struct {
	Kind string `json:"kind"` // channel, message, field, application, owner, operation, group
	Name string `json:"name"`
	// In is the stream or application that the thing belongs to.
	In string `json:"in,omitempty"`
	// Where is what matched: name, tag, owner, description, ...
	Where string           `json:"where"`
	Text  string           `json:"text,omitempty"` // of the match, when it is not the name
	Score int              `json:"score"`
	At    finding.Position `json:"at"`
}

// Search ranks everything that matches all words of the query, best first: names
// before fields, whole words before parts, descriptions last.
func (c *Catalog) Search(query string) []Hit {
	words := strings.Fields(strings.ToLower(query))
	if len(words) == 0 {
		return []Hit{}
	}
	s := &searcher{words: words, seen: map[string]int{}}
	for _, st := range c.Streams() {
		for _, ch := range st.Channels {
			if ch.Foreign && st.Definition() != nil {
				continue
			}
			s.channel(st, ch)
		}
	}
	for _, a := range c.Applications {
		s.add(Hit{Kind: "application", Name: a.Name(), Where: "name", At: a.At}, a.Name(), 90)
		s.add(Hit{Kind: "application", Name: a.Name(), Where: "description", Text: a.Description, At: a.At}, a.Description, 20)
		if a.Owner.Known() {
			s.add(Hit{Kind: "application", Name: a.Name(), Where: "owner", Text: a.Owner.V.Team, At: a.Owner.At}, a.Owner.V.Team, 60)
		}
		for _, op := range a.Operations {
			in := ""
			if op.Channel != nil {
				in = op.Channel.Name()
			}
			s.add(Hit{Kind: "operation", Name: op.ID, In: a.Name(), Where: "name", At: op.At}, op.ID, 70)
			s.add(Hit{Kind: "operation", Name: op.ID, In: a.Name(), Where: "description", Text: op.Summary, At: op.At}, op.Summary+" "+op.Description, 15)
			for _, g := range op.Group.V.Names {
				s.add(Hit{Kind: "group", Name: g, In: in, Where: "name", At: op.Group.At}, g, 75)
			}
			if d := op.DLT(); d != nil {
				s.add(Hit{Kind: "dead-letter topic", Name: d.Topic, In: in, Where: "name", At: d.At}, d.Topic, 75)
			}
		}
	}
	slices.SortStableFunc(s.hits, func(a, b Hit) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Name, b.Name), cmp.Compare(a.In, b.In), a.At.Compare(b.At))
	})
	if s.hits == nil {
		return []Hit{}
	}
	return s.hits
}

type searcher struct {
	words []string
	hits  []Hit
	seen  map[string]int // kind, name and place -> index: the best match of a thing counts
}

func (s *searcher) channel(st *Stream, ch *Channel) {
	kind := "channel"
	s.add(Hit{Kind: kind, Name: st.Name, Where: "name", At: ch.At}, st.Name, 100)
	s.add(Hit{Kind: kind, Name: st.Name, Where: "title", Text: ch.Title, At: ch.At}, ch.Title, 80)
	s.add(Hit{Kind: kind, Name: st.Name, Where: "id", Text: ch.ID, At: ch.At}, ch.ID, 70)
	s.add(Hit{Kind: kind, Name: st.Name, Where: "description", Text: ch.Description, At: ch.At}, ch.Summary+" "+ch.Description, 25)
	for _, t := range ch.Tags {
		s.add(Hit{Kind: kind, Name: st.Name, Where: "tag", Text: t.Name, At: t.At}, t.Name, 60)
	}
	if ch.Owner.Known() {
		s.add(Hit{Kind: kind, Name: st.Name, Where: "owner", Text: ch.Owner.V.Team, At: ch.Owner.At}, ch.Owner.V.Team, 60)
	}
	for _, m := range ch.Messages {
		name := cmpOr(m.Name, m.ID)
		s.add(Hit{Kind: "message", Name: name, In: st.Name, Where: "name", At: m.At}, name, 85)
		s.add(Hit{Kind: "message", Name: name, In: st.Name, Where: "title", Text: m.Title, At: m.At}, m.Title, 65)
		s.add(Hit{Kind: "message", Name: name, In: st.Name, Where: "description", Text: m.Description, At: m.At}, m.Summary+" "+m.Description, 20)
		for _, t := range m.Tags {
			s.add(Hit{Kind: "message", Name: name, In: st.Name, Where: "tag", Text: t.Name, At: t.At}, t.Name, 50)
		}
		for _, part := range [...]*Schema{m.Payload, m.Headers} {
			for _, f := range part.Fields() {
				s.add(Hit{Kind: "field", Name: f.Path, In: st.Name, Where: "name", At: f.At}, f.Path, 55)
				s.add(Hit{Kind: "field", Name: f.Path, In: st.Name, Where: "description", Text: f.Description, At: f.At}, f.Description, 10)
			}
		}
	}
}

// add scores a text: equal beats a whole word beats a beginning beats a part.
func (s *searcher) add(h Hit, text string, weight int) {
	if text == "" {
		return
	}
	low := strings.ToLower(text)
	score := weight
	for _, w := range s.words {
		i := strings.Index(low, w)
		switch {
		case i < 0:
			return
		case low == w:
			score += 30
		case wholeWord(low, w):
			score += 15
		case i == 0 || !isWordByte(low[i-1]):
			score += 8
		}
	}
	h.Score = score
	h.Text = shorten(strings.Join(strings.Fields(h.Text), " "), 120)
	key := h.Kind + "\x00" + h.Name + "\x00" + h.In
	if i, ok := s.seen[key]; ok {
		if s.hits[i].Score < score {
			s.hits[i] = h
		}
		return
	}
	s.seen[key] = len(s.hits)
	s.hits = append(s.hits, h)
}

func wholeWord(text, w string) bool {
	for from := 0; ; {
		i := strings.Index(text[from:], w)
		if i < 0 {
			return false
		}
		i += from
		if (i == 0 || !isWordByte(text[i-1])) && (i+len(w) == len(text) || !isWordByte(text[i+len(w)])) {
			return true
		}
		from = i + 1
	}
}

func isWordByte(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= '0' && b <= '9' || b >= 0x80
}
