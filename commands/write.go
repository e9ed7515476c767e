package commands

import (
	"context"
	"errors"
	"slices"
	"strings"
	"unicode"

	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/internal/term"
)

// confirmation is what a destructive act asks for.
type confirmation struct {
	yes     bool     // --yes
	names   []string // --confirm, repeatable
	dryRun  bool     // --dry-run
	profile cluster.Profile
}

// confirm asks for agreement to what has been shown. A plain act takes --yes or the
// word yes; a severe one takes the typed name or --confirm NAME, which --yes never
// stands for. A protected profile also asks for its own name before severe acts.
func (d *Deps) confirm(ctx context.Context, c *confirmation, question string, severe ...string) error {
	if len(severe) > 0 && c.profile.Protected {
		severe = append(severe, c.profile.Name)
	}
	var missing []string
	for _, name := range severe {
		if !slices.Contains(c.names, name) {
			missing = append(missing, name)
		}
	}
	switch {
	case len(severe) > 0 && len(missing) == 0:
		return nil
	case len(severe) == 0 && c.yes:
		return nil
	case !d.Out.Interactive() && len(severe) > 0:
		return refused("pass"+confirmFlags(missing), "%s: no confirmation was given, nothing was changed", question)
	case !d.Out.Interactive():
		return refused("pass --yes", "%s: no confirmation was given, nothing was changed", question)
	}
	if len(severe) == 0 {
		ok, err := d.Out.Confirm(ctx, question+"?")
		if err == nil && !ok {
			err = refused("", "%s: not confirmed, nothing was changed", question)
		}
		return err
	}
	for _, name := range missing {
		ok, err := d.Out.ConfirmName(ctx, question+"?", name)
		if err != nil {
			return err
		}
		if !ok {
			return refused("", "%s: not confirmed, nothing was changed", question)
		}
	}
	return nil
}

// confirmFlags are ready for a shell: a group's name may hold anything.
func confirmFlags(names []string) string {
	var b strings.Builder
	for _, name := range names {
		if name == "" || strings.ContainsFunc(name, func(r rune) bool {
			return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("._-:/@%+=", r)
		}) {
			name = "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
		}
		b.WriteString(" --confirm " + name)
	}
	return b.String()
}

// declined prints what would have been done where the confirmation is wanting: a program asked for a document, and the
// error line does not tell it.
func (d *Deps) declined(format term.Format, kind string, report any, err error) error {
	if format != term.JSON {
		return err
	}
	if perr := d.Out.Emit(format, kind, report, term.View{}); perr != nil {
		return perr
	}
	return err
}

// showThenConfirm shows a plan and asks for agreement. People see the plan before the
// question; a document for programs is printed only when it ends there, because there
// is one document a run and an act that goes on prints its outcome.
func (d *Deps) showThenConfirm(f term.Format, kind string, report any, v term.View, confirm func() error) error {
	if !structured(f) {
		if err := d.Out.Emit(f, kind, report, v); err != nil {
			return err
		}
		return confirm()
	}
	err := confirm()
	if e, ok := errors.AsType[*Error](err); ok && e.code == RefusedCode {
		if eerr := d.Out.Emit(f, kind, report, v); eerr != nil {
			return eerr
		}
	}
	return err
}

func structured(f term.Format) bool { return f == term.JSON || f == term.YAML }
