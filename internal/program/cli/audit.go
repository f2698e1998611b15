package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"ostiary/internal/core/audit"
	"ostiary/internal/doors/client"
	"ostiary/internal/doors/wire"
	"ostiary/internal/program/cmdline"
)

func newAudit(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Read the audit log, and verify its integrity",
		Long: `Read the audit log, and verify its integrity.

Every change and every checked code is an entry, bound to those before it. A
checkpoint is a signed statement of what the log was at a time: keep checkpoints
where nobody who can reach the server can reach them, and "audit verify" proves
that nothing before them was changed.`,
		Example: `  ostiary audit list --serial 12345678
  ostiary audit checkpoint > checkpoint.txt
  ostiary audit verify --checkpoint checkpoint.txt`,
	}
	cmd.AddCommand(newAuditList(a), newAuditActions(a), newAuditVerify(a), newAuditCheckpoint(a), newAuditArchive(a))
	cmdline.MakeGroup(cmd)
	return cmd
}

func newAuditList(a *app) *cobra.Command {
	var filter client.AuditFilter
	var database logDatabase
	var from, to string
	var pages pageFlags
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the audit log, newest first",
		Long: fmt.Sprintf(`List the audit log, newest first, 100 entries at a time. The rest is listed
with --after and the cursor that is printed. --json shows complete entries.

With several filters, only entries that match all are listed. "ostiary audit actions"
lists the actions. An ACTOR is one of: %s.
A date is written as 2027-01-31, or with its time as 2027-01-31T18:00:00+01:00; a day
given to --to is included.

When the server of --data is stopped, its files are read, or its --database.`, actorForms),
		Example: `  ostiary audit list --limit 20
  ostiary audit list --serial 12345678
  ostiary audit list --user alice --outcome refused --from 2027-01-01 --to 2027-01-31
  ostiary audit list --actor key:radius --action code.verified --json`,
		Args: cmdline.Arguments(),
		RunE: a.withLog(&database, func(cmd *cobra.Command, log auditLog, _ []string) (err error) {
			page, err := pages.page(cmd)
			if err != nil {
				return err
			}
			if filter.Outcome != "" {
				if err := cmdline.OneOf(cmd, "outcome", filter.Outcome, "done", "accepted", "refused"); err != nil {
					return err
				}
			}
			if err := knownFacets(cmd, filter); err != nil {
				return err
			}
			if filter.From, err = momentArg(cmd, "from", from, 0); err != nil {
				return err
			}
			if filter.To, err = momentArg(cmd, "to", to, 1); err != nil {
				return err
			}
			if stopped, ok := log.(stoppedLog); ok && stopped.Behind != nil {
				a.note("Warning: %s", markText(stopped.Behind))
			}
			empty := nothingFits(filter, page.After)
			var archives []wire.Archive
			l := listing[wire.AuditEntry]{name: "entries", empty: empty,
				header: []string{"TIME", "ACTION", "OUTCOME", "REASON", "SUBJECT", "ACTOR"}, row: a.auditRow,
				fetch: func(ctx context.Context, p client.Page) ([]wire.AuditEntry, *string, error) {
					list, err := auditPage(ctx, log, filter, p)
					archives = append(archives, list.Archives...)
					return list.Entries, list.Next, err
				}, more: func() (name string, value any) {
					if len(archives) > 0 {
						name, value = "archives", archives
					}
					return name, value
				}}
			if err := printList(cmd.Context(), a, l, page, false); err != nil || a.json {
				return err
			}
			for _, f := range archives {
				a.note("Entries before %s are in an archive: %d to %d, the file with SHA-256 %s",
					cmdline.LocalTime(f.Until), f.From,
					f.To-1, f.SHA256)
			}
			return nil
		}),
	}
	flags := cmd.Flags()
	flags.StringVar(&filter.Serial, "serial", "", "only entries about the token with this `SERIAL`")
	flags.StringVar(&filter.User, "user", "", "only entries about this `USER`, and about tokens assigned or unassigned; before a rename under the "+
		"name of that time (ostiary user show)")
	flags.StringVar(&filter.Action, "action", "", "only entries of this `ACTION`, such as token.assigned")
	flags.StringVar(&filter.Outcome, "outcome", "", "only entries with this `OUTCOME`: done, accepted or refused")
	flags.StringVar(&filter.Reason, "reason", "", "only entries with exactly this `REASON`, such as wrong or replayed")
	flags.StringVar(&filter.Actor, "actor", "", "only what this `ACTOR` did, such as key:radius or local:0")
	flags.StringVar(&filter.ActorID, "actor-id", "", "only what the API key of this `ID` did")
	flags.StringVar(&from, "from", "", "only entries from this `DATE` on")
	flags.StringVar(&to, "to", "", "only entries up to this `DATE`")
	database.addFlags(flags)
	pages.addPart(cmd)
	return a.addCSV(cmd)
}

// momentArg reads a date, which is the beginning of so many days later, or a time.
// Empty is no time.
func momentArg(cmd *cobra.Command, flag, s string, days int) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if at, err := time.ParseInLocation(time.DateOnly, s, time.Local); err == nil {
		return at.AddDate(0, 0, days), nil
	}
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return at, cmdline.Mistakef(cmd, "--%s %s: a date is written as 2027-01-31, or as "+
			"2027-01-31T18:00:00+01:00", flag, cmdline.ShellQuote(s))
	}
	return at, nil
}

// auditPage gives the next page that is not empty: a filtered page is empty when
// nothing fits in the part of the log that was looked at.
func auditPage(ctx context.Context, log auditLog, filter client.AuditFilter, p client.Page) (
	list wire.AuditList, err error) {
	for {
		list, err = log.Audit(ctx, filter, p)
		if err != nil || len(list.Entries) > 0 || list.Next == nil {
			return list, err
		}
		p.After = *list.Next
	}
}

func (a *app) auditRow(e wire.AuditEntry) []string {
	text := func(m map[string]any, name string) string {
		s, _ := m[name].(string)
		return s
	}
	when := text(e.Entry, "time")
	if t, err := time.Parse(time.RFC3339, when); err == nil {
		when = a.at(t)
	}
	subject, _ := e.Entry["subject"].(map[string]any)
	who := text(subject, "serial")
	switch user := text(subject, "user"); {
	case who != "" && user != "":
		who += " (" + user + ")"
	case user != "":
		who = user
	case who == "":
		who = text(subject, "other")
	}
	if hidden, _ := e.Entry["hidden"].(bool); hidden && who == "" {
		who = "(hidden)"
	}
	after, _ := e.Entry["after"].(map[string]any)
	if to := text(after, "user"); to != "" {
		who += " (now " + to + ")"
	}
	actor := text(e.Entry, "actor")
	if id := text(e.Entry, "actor_id"); id != "" {
		actor += " (" + id + ")"
	}
	return []string{when, text(e.Entry, "action"), text(e.Entry, "outcome"), text(e.Entry, "reason"), who, actor}
}

func newAuditVerify(a *app) *cobra.Command {
	var files []string
	var archives archiveFiles
	var database logDatabase
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Verify the integrity of the audit log, and that the state matches it",
		Long: `Recompute the whole audit log and compare it with the checkpoints that the
server signed, and with those given with --checkpoint. Then compare the database
with the log: the counter, failures, state, owner and dates of every token,
users, temporary codes, API keys with their roles, the password of ROOT, types,
series and profiles. A row that does not match is named, with the entry that does not
match. Exit code 0 means that everything matches, 1 that something does not, 2 that it
could not be checked.

Only checkpoints that were kept elsewhere prove that the server itself did not change
the log.

Entries that were archived are checked in their files: --archive, once for each, the
oldest first. An old checkpoint may need them. With --verifier-key, which "audit
checkpoint" printed, files are checked without a server.

When the server of --data is stopped, its files are read, or its --database; other
servers of that may run. The database is then also
compared with the mark beside the key file (kek.mark): a copy older than the mark does
not match. Without the key file, signatures are checked with the key that the database
names, and there is no mark.`,
		Example: `  ostiary audit verify
  ostiary audit verify --checkpoint 2026-01.txt --checkpoint 2026-02.txt
  ostiary audit verify --data /var/lib/ostiary --database postgres://ostiary@db1/ostiary
  ostiary audit verify --archive audit-2026.archive --verifier-key "$KEY"`,
		Args: cmdline.Arguments(),
		RunE: func(cmd *cobra.Command, args []string) error {
			if archives.key != "" && len(archives.paths) == 0 {
				return cmdline.Mistakef(cmd, "--verifier-key is for files: give --archive FILE, too")
			}
			if archives.key != "" && audit.CheckVerifierKey(archives.key) != nil {
				return cmdline.Mistakef(cmd, "--verifier-key is not a key that \"ostiary audit checkpoint\" printed")
			}
			checkpoints := make([]string, len(files))
			for i, file := range files {
				note, err := a.readSmall(file, maxCheckpointFile)
				if err != nil {
					return err
				}
				if checkpoints[i] = string(note); !audit.IsCheckpoint(checkpoints[i]) {
					return cmdline.WithHint(fmt.Errorf("%s is not a checkpoint: it does not begin with the line "+
						`"ostiary audit/…", or no signature follows`, file),
						"give a file that was written with: ostiary audit checkpoint > FILE")
				}
			}
			if archives.key != "" {
				return archives.alone(a, checkpoints)
			}
			return a.withLog(&database, func(cmd *cobra.Command, log auditLog, _ []string) error {
				rep, err := log.VerifyAudit(cmd.Context(), checkpoints)
				if err != nil {
					return err
				}
				unmet, err := archives.beside(&rep, checkpoints)
				if err != nil {
					return err
				}
				if err := a.sayVerified(rep); err != nil {
					return err
				}
				return uncovered(unmet)
			})(cmd, args)
		},
	}
	database.addFlags(cmd.Flags())
	cmd.Flags().StringArrayVar(&archives.paths, "archive", nil, "`FILE` with archived entries; may be repeated, the oldest first")
	cmd.Flags().StringVar(&archives.key, "verifier-key", "", "check the files alone, by this `KEY`")
	cmd.Flags().StringArrayVar(&files, "checkpoint", nil, "`FILE` with a checkpoint that was kept elsewhere; may be repeated")
	return cmd
}

func newAuditCheckpoint(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "checkpoint",
		Short: "Sign and print the newest checkpoint, to keep elsewhere",
		Long: `Have the server sign a checkpoint of the audit log as it is now, and print it on
standard output, to be kept elsewhere. The key that checks its signature is
printed on standard error; it stays the same for the life of the server.`,
		Example: `  ostiary audit checkpoint > checkpoint.txt
  ostiary audit checkpoint --json`,
		Args: cmdline.Arguments(),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			cp, err := c.Checkpoint(cmd.Context())
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(cp)
			}
			if _, err := fmt.Fprint(a.Stdout, cp.Checkpoint); err != nil {
				return err
			}
			a.note("Verifier key: %s", cp.VerifierKey)
			return nil
		}),
	}
}
