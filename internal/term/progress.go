package term

import (
	"strings"
	"sync"
	"time"

	"github.com/weirhq/weir/internal/safetext"
)

// Progress reports how far a long job is. The zero value is silent.
type Progress struct {
	line  *progressLine
	say   func(format string, args ...any)
	label string
	now   func() time.Time
	next  time.Time
	start time.Time
}

// progressLine is the last line of standard error. Logs of clients come from their own
// goroutines, so everything that goes there passes its lock.
type progressLine struct {
	mu    sync.Mutex
	s     *Screen
	shown bool
}

// erase takes the line away; the lock is held.
func (l *progressLine) erase() {
	if l.shown {
		_, _ = l.s.err.Write([]byte("\r\x1b[2K"))
		l.shown = false
	}
}

func (l *progressLine) clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.erase()
}

func (l *progressLine) write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.erase()
	return l.s.errStyled.Write(b)
}

func (l *progressLine) show(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = l.s.err.Write([]byte("\r\x1b[2K" + text))
	l.shown = true
}

// Progress starts a progress display on standard error. On a terminal it is one
// line repainted ten times a second at most and erased by [Progress.Done];
// elsewhere one line every ten seconds; with --quiet or WEIR_NO_ANIMATION nothing
// moves.
func (s *Screen) Progress(label string, now func() time.Time) *Progress {
	p := &Progress{label: label, now: now, start: now()}
	switch {
	case s.quiet:
	case s.ErrTTY && s.env("WEIR_NO_ANIMATION") == "" && s.env("TERM") != "dumb":
		p.line = s.progress
	default:
		p.say = s.Say
		p.next = p.start.Add(10 * time.Second)
	}
	return p
}

// Update tells how much is done. A total of 0 or less is not known.
func (p *Progress) Update(done, total int64) {
	if p == nil || (p.line == nil && p.say == nil) {
		return
	}
	t := p.now()
	if t.Before(p.next) {
		return
	}
	page := &Page{People: true}
	rate := float64(done) / max(t.Sub(p.start).Seconds(), 0.001)
	text := p.label + "  " + page.Int(done)
	if total > 0 {
		text += "/" + page.Int(total)
	}
	text += "  " + page.Int(int64(rate)) + "/s"
	if total > done && rate > 0 {
		text += "  " + Duration(time.Duration(float64(total-done)/rate*float64(time.Second))) + " left"
	}
	if p.say != nil {
		p.next = t.Add(10 * time.Second)
		p.say("%s", text)
		return
	}
	p.next = t.Add(100 * time.Millisecond)
	if total > 0 {
		const cells = 20
		n := int(min(done, total) * cells / total)
		text += "  [" + strings.Repeat("#", n) + strings.Repeat(".", cells-n) + "]"
	}
	p.line.show(cut(safetext.Neutralise(text), max(p.line.s.errWidth()-1, 20), ""))
}

// Done takes the line away.
func (p *Progress) Done() {
	if p != nil && p.line != nil {
		p.line.clear()
	}
}
