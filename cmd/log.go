package cmd

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"time"

	"github.com/weirhq/weir/internal/term"
)

// logHandler writes log records to standard error: as a line for people, or as JSON
// with --log-format json or -o json, so that everything on standard error can be
// read by one program.
type logHandler struct {
	p     *program
	attrs []slog.Attr
	group string
}

func (h *logHandler) Enabled(_ context.Context, l slog.Level) bool { return l >= h.p.level.Level() }

func (h *logHandler) Handle(_ context.Context, r slog.Record) error {
	attrs := append([]slog.Attr(nil), h.attrs...)
	r.Attrs(func(a slog.Attr) bool {
		if h.group != "" {
			a.Key = h.group + "." + a.Key
		}
		attrs = append(attrs, a)
		return true
	})
	if h.p.flags.LogFormat == "json" || h.p.machine {
		m := map[string]any{"time": r.Time.UTC().Format(time.RFC3339Nano), "level": strings.ToLower(r.Level.String()), "message": r.Message}
		for _, a := range attrs {
			m[a.Key] = a.Value.Resolve().String()
		}
		b, err := json.Marshal(m)
		if err != nil {
			return err
		}
		h.p.screen.JSONLine(b)
		return nil
	}
	var b strings.Builder
	b.WriteString(r.Message)
	for _, a := range attrs {
		b.WriteString(" " + a.Key + "=" + a.Value.Resolve().String())
	}
	style, label := term.Faint, strings.ToLower(r.Level.String())
	switch {
	case r.Level >= slog.LevelError:
		style = term.Bad
	case r.Level >= slog.LevelWarn:
		style, label = term.Warn, "warning"
	}
	h.p.screen.Say("%s %s", term.In(style, "weir: "+label+":"), b.String())
	return nil
}

func (h *logHandler) WithAttrs(as []slog.Attr) slog.Handler {
	c := *h
	c.attrs = append(append([]slog.Attr(nil), h.attrs...), as...)
	return &c
}

func (h *logHandler) WithGroup(name string) slog.Handler {
	c := *h
	c.group = name
	return &c
}
