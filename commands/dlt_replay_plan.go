package commands

import (
	"context"
	"os"
	"path/filepath"

	"github.com/weirhq/weir/dlt"
	"github.com/weirhq/weir/internal/config"
	"github.com/weirhq/weir/internal/term"
)

// planFile reads the plan of --plan or of the argument, and nothing where none is named.
func (o *dltReplayOptions) planFile() (*dlt.Plan, error) {
	if o.file == "" {
		return nil, nil //nolint:nilnil // no file is named: the journal holds the plan
	}
	f, err := os.Open(filepath.Clean(o.file))
	if err != nil {
		return nil, usage("plans are written by weir dlt plan", "read plan: %v", err)
	}
	defer func() { _ = f.Close() }()
	plan, err := dlt.ReadPlan(f, o.file)
	if err == nil && o.job != "" && o.job != plan.Job {
		err = usage("", "%s is the plan of job %s, not of %s", o.file, plan.Job, o.job)
	}
	return plan, err
}

// planOfJob takes the plan from the journal.
func planOfJob(ctx context.Context, conn *dlt.Conn, job string) (*dlt.Plan, error) {
	state, plan, err := conn.JobState(ctx, job)
	if err != nil {
		return nil, dltFailure("resume", job, err)
	}
	if state.Discard {
		return nil, refused("weir dlt discard does again what it did not do", "resume %s: this is a discard, not a replay", job)
	}
	if plan == nil {
		return nil, usage("pass it with --plan FILE", "resume %s: the plan was too large for the journal", job)
	}
	return plan, nil
}

// show prints the plan with who would get the records today, and refuses where that wants a decision that nobody took.
func (o *dltReplayOptions) show(ctx context.Context, d *Deps, conn *dlt.Conn, plan *dlt.Plan) error {
	now, checks := conn.FanOutNow(ctx, plan, o.job != "")
	if o.format != term.JSON {
		if err := d.Out.Print(func(p *term.Page) { viewDLTPlan(p, now, "", checks...) }); err != nil {
			return err
		}
	}
	return dlt.Unmet(checks)
}

// severeReplay is how many records need the topic's name to be typed.
const severeReplay = 10_000

// ask wants the replay confirmed, and the making of the journal with it.
func (o *dltReplayOptions) ask(ctx context.Context, d *Deps, conn *dlt.Conn, plan *dlt.Plan) error {
	question := "replay " + plan.Topic
	journal, err := conn.NewJournal(ctx, plan.Journal)
	if err != nil {
		return dltFailure("replay", plan.Topic, err)
	}
	if journal != "" {
		question += " and " + journal
	}
	var severe []string
	if plan.Counts.Selected > severeReplay {
		severe = []string{plan.Topic}
	}
	if err := d.confirm(ctx, &o.confirm, question, severe...); err != nil {
		return d.declined(o.format, "dlt_replay", map[string]any{"plan": plan}, err)
	}
	return nil
}

// localJournal is the folder of local journals, with a warning to whoever uses one.
func (d *Deps) localJournal(plan *dlt.Plan) (string, error) {
	cfg, err := d.Config()
	if err != nil {
		return "", err
	}
	dir := localJournals(cfg)
	if dir == "" && plan.Journal == "local" {
		return "", failed("", noHome, "open the local journal: there is no home folder to keep it in; nothing was changed")
	}
	if plan.Journal == "local" {
		d.Log.Warn("the journal is local: list, plan and purge do not see what it replays, and a second plan does it again", "folder", dir)
	}
	return dir, nil
}

// localJournals is the folder of local journals, or "" where there is no home folder.
func localJournals(cfg *config.Config) string {
	if dir := config.StateDir(cfg.Env()); dir != "" {
		return filepath.Join(dir, "dlt")
	}
	return ""
}
