package commands

import (
	"github.com/spf13/cobra"

	"github.com/weirhq/weir/internal/term"
)

func newDLTResume(d *Deps) *cobra.Command {
	o := &dltReplayOptions{}
	c := &cobra.Command{
		Use:   "resume JOB",
		Short: "Go on with a replay that stopped",
		Long: doc(`
			Take the job over, whoever holds it, read from the journal how far it came, and go on. Nothing that was
			written is written again. The plan comes from the journal, or from --plan where it was too large for it.`),
		Example: doc(`
			# After a crash
			$ weir dlt resume 20260131-081500-1a2b3c4d

			# With the plan file
			$ weir dlt resume 20260131-081500-1a2b3c4d --plan plan.json`),
		Annotations: map[string]string{Next: "weir dlt list"},
		Args:        exactly("JOB"),
		RunE: func(c *cobra.Command, args []string) error {
			o.job = args[0]
			if err := o.validate(); err != nil {
				return err
			}
			return runDLTReplay(c.Context(), d, o)
		},
	}
	flagFormat(c, &o.format, term.TextFormat, term.JSON)
	o.bind(c.Flags())
	c.Flags().StringVar(&o.file, "plan", "", "the plan file, where the journal does not hold it")
	return c
}
