package cli

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"ostiary/internal/doors/client"
	"ostiary/internal/doors/wire"
	"ostiary/internal/program/cmdline"
)

func newJob(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "job",
		Short: "Show changes of many tokens and their results; cancel one",
		Long: `Show jobs: changes of many tokens at once, which administrators begin in the
console, and programs by REST. A job is kept for 30 days after its end.`,
		Example: `  ostiary job list
  ostiary job show 12
  ostiary job cancel 12`,
	}
	cmd.AddCommand(newJobList(a), newJobShow(a), newJobRows(a), newJobCancel(a))
	cmdline.MakeGroup(cmd)
	return cmd
}

// jobID reads the number of a job.
func jobID(cmd *cobra.Command, s string) (int64, error) {
	id, err := strconv.ParseInt(s, 10, 64)
	if err != nil || id < 1 {
		return 0, cmdline.Mistakef(cmd, "%s is not the number of a job; ostiary job list shows them",
			cmdline.ShellQuote(s))
	}
	return id, nil
}

// jobWords says what a job does.
func jobWords(j wire.Job) string {
	switch j.Kind {
	case "state":
		return "state " + j.State
	case "label":
		return fmt.Sprintf("label %q", j.Label)
	}
	return j.Kind
}

func jobResult(j wire.Job) string {
	return fmt.Sprintf("%d of %d: %d changed, %d unchanged, %d refused", j.Changed+j.Unchanged+j.Refused, j.Total,
		j.Changed, j.Unchanged, j.Refused)
}

func newJobList(a *app) *cobra.Command {
	var pages pageFlags
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List jobs, the newest first",
		Long:    "List jobs, the newest first.",
		Example: "  ostiary job list --limit 10",
		Args:    cmdline.Arguments(),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			page, err := pages.page(cmd)
			if err != nil {
				return err
			}
			l := listing[wire.Job]{name: "jobs", empty: "No jobs. Administrators begin them in the console.",
				header: []string{"ID", "STARTED", "STATUS", "WHAT", "BY", "RESULT"},
				row: func(j wire.Job) []string {
					return []string{strconv.FormatInt(j.ID, 10), a.at(j.Started), j.Status, jobWords(j), j.Actor, jobResult(j)}
				},
				fetch: func(ctx context.Context, p client.Page) ([]wire.Job, *string, error) {
					list, err := c.Jobs(ctx, p)
					return list.Jobs, list.Next, err
				}}
			return printList(cmd.Context(), a, l, page, pages.all)
		}),
	}
	pages.add(cmd)
	return a.addCSV(cmd)
}

func newJobShow(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "show ID",
		Short:   "Show how far a job is, or its result",
		Long:    "Show how far a job is, or its result. What became of each token: ostiary job rows.",
		Example: "  ostiary job show 12 --json",
		Args:    cmdline.Arguments("ID"),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, args []string) error {
			id, err := jobID(cmd, args[0])
			if err != nil {
				return err
			}
			j, err := c.Job(cmd.Context(), id)
			if err != nil {
				return err
			}
			return a.sayJob(j)
		}),
	}
}

func (a *app) sayJob(j wire.Job) error {
	stopped := ""
	if j.Stopped != "" {
		stopped = " " + j.Stopped
	}
	return a.say(j, "Job %d, %s, by %s, is %s.%s %s", j.ID, jobWords(j), j.Actor, j.Status, stopped, jobResult(j))
}

func newJobRows(a *app) *cobra.Command {
	var pages pageFlags
	cmd := &cobra.Command{
		Use:     "rows ID",
		Short:   "List what became of each token of a job",
		Long:    "List what became of each token of a job.",
		Example: "  ostiary job rows 12 --all --csv",
		Args:    cmdline.Arguments("ID"),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, args []string) error {
			id, err := jobID(cmd, args[0])
			if err != nil {
				return err
			}
			page, err := pages.page(cmd)
			if err != nil {
				return err
			}
			l := listing[wire.JobRow]{name: "rows", empty: "No rows.",
				header: []string{"ROW", "LINE", "SERIAL", "TYPE", "USER", "OUTCOME", "REASON"},
				row: func(r wire.JobRow) []string {
					line := ""
					if r.Line > 0 {
						line = strconv.Itoa(r.Line)
					}
					return []string{strconv.Itoa(r.N), line, r.Serial, r.Type, r.User, r.Outcome, r.Reason}
				},
				fetch: func(ctx context.Context, p client.Page) ([]wire.JobRow, *string, error) {
					rows, err := c.JobRows(ctx, id, p)
					return rows.Rows, rows.Next, err
				}}
			return printList(cmd.Context(), a, l, page, pages.all)
		}),
	}
	pages.add(cmd)
	return a.addCSV(cmd)
}

func newJobCancel(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "cancel ID",
		Short:   "Cancel the rest of a running job",
		Long:    "Cancel a running job, whoever began it. What it has done stays done.",
		Example: "  ostiary job cancel 12",
		Args:    cmdline.Arguments("ID"),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, args []string) error {
			id, err := jobID(cmd, args[0])
			if err != nil {
				return err
			}
			j, err := c.CancelJob(cmd.Context(), id)
			if err != nil {
				return err
			}
			return a.sayJob(j)
		}),
	}
}
