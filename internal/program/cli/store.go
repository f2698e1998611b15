package cli

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"ostiary/internal/program/cmdline"
	"ostiary/internal/program/serve"
)

func newStore(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "store",
		Short:   "Move the database of a stopped server, or fence its codes",
		Long:    "Move the database of a stopped server to another one, or fence its codes.",
		Example: `  ostiary store copy --data /var/lib/ostiary --to postgres://ostiary@db1,db2/ostiary`,
	}
	cmd.AddCommand(newStoreCopy(a), newStoreFence(a))
	cmdline.MakeGroup(cmd)
	return cmd
}

// copiedJSON is the answer with --json.
type copiedJSON struct {
	From    string        `json:"from"`
	To      string        `json:"to"`
	Already bool          `json:"already"`
	Rows    int64         `json:"rows"`
	Tables  []copiedTable `json:"tables"`
}

type copiedTable struct {
	Name string `json:"name"`
	Rows int64  `json:"rows"`
	Sum  string `json:"sha256"`
}

func newStoreCopy(a *app) *cobra.Command {
	var from serve.Config
	var to, password string
	cmd := &cobra.Command{
		Use:         "copy --to URL|DIR",
		Short:       "Move the database to PostgreSQL, or back into a file",
		Annotations: map[string]string{cmdline.OnlyGlobalFlags: "data json"},
		Long: `Move the database of a stopped server: --to names a PostgreSQL database
(postgres://USER@HOST[,HOST]/NAME) or the data directory of a file. All of it is
copied as it is and compared: tokens with their counters, users, keys, settings and
the audit log. The key file (kek) stays the same; --to DIR gets a copy of it.

Only the copy lives afterwards. The old database is kept, but no server starts with
it: two that live would accept each code twice. What was interrupted is finished by
the same command; what lives already at --to is never overwritten.

Before --to URL, create an empty database there; the server is checked as by ostiary
serve. Then start the server with it in --database. If the old database is one of
PostgreSQL, name it with --database, and stop all servers of it.

--json prints the tables with the number of their rows and their SHA-256.`,
		Example: `  ostiary store copy --data /var/lib/ostiary --to postgres://ostiary@db1,db2/ostiary \
    --to-file /etc/ostiary/password
  ostiary store copy --data /var/lib/ostiary --to /srv/ostiary
  ostiary store copy --data /var/lib/ostiary --database postgres://ostiary@db1,db2/ostiary \
    --database-file /etc/ostiary/password --to /srv/ostiary`,
		Args: cmdline.Arguments(),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			target, err := targetOf(cmd, to, password)
			if err != nil {
				return err
			}
			if from.Data, err = a.stopped(cmd, from); err != nil {
				return err
			}
			target.NoStandby = from.NoStandby
			if from.Database != "" || target.Database == "" || cmd.Flags().Changed("database-file") {
				if err := checkDatabase(cmd, from); err != nil {
					return err
				}
			}
			return a.copyStore(cmd, from, target)
		},
	}
	flags := cmd.Flags()
	addDatabaseFlags(flags, &from)
	flags.StringVar(&to, "to", "", "`URL` of an empty PostgreSQL database, or DIR, where the database is to be")
	flags.StringVar(&password, "to-file", "", "`FILE` with the password of a URL in --to in its only line")
	return cmd
}

// targetOf reads where a database is moved to.
func targetOf(cmd *cobra.Command, to, password string) (c serve.Config, err error) {
	url := strings.HasPrefix(to, "postgres://") || strings.HasPrefix(to, "postgresql://")
	switch {
	case to == "":
		return c, cmdline.Mistakef(cmd, "--to is missing: the URL of a PostgreSQL database, or a directory")
	case !url && strings.Contains(to, "://"):
		// It is not repeated, because it may hold a password.
		return c, cmdline.Mistakef(cmd, "--to is neither a directory nor a URL of PostgreSQL (postgres://USER@HOST/NAME)")
	case !url && password != "":
		return c, cmdline.Mistakef(cmd, "--to-file needs a URL in --to")
	case !url:
		return serve.Config{Data: to}, nil
	}
	c = serve.Config{Database: to, DatabaseFile: password}
	if err := serve.CheckDatabase(c); err != nil {
		return c, cmdline.Mistakef(cmd, "--to: %v", err)
	}
	return c, nil
}

func (a *app) copyStore(cmd *cobra.Command, from, to serve.Config) error {
	at := &copyState{}
	shown := startProgress(a.Stderr, at.line)
	done, err := serve.Copy(cmd.Context(), serve.Copying{From: from, To: to, Progress: at.set})
	shown.stop()
	switch {
	case errors.Is(err, serve.ErrSame):
		return cmdline.Mistakef(cmd, "--to is where the database is")
	case err != nil:
		return err
	case a.json:
		out := copiedJSON{From: done.From, To: done.To, Already: done.Already, Rows: done.Rows(), Tables: []copiedTable{}}
		for _, t := range done.Tables {
			out.Tables = append(out.Tables, copiedTable{t.Name, t.Rows, hex.EncodeToString(t.Sum[:])})
		}
		return a.printJSON(out)
	}
	start := "ostiary serve --data " + cmdline.ShellQuote(from.Data) + " --database " + cmdline.ShellQuote(to.Database)
	if to.Database == "" {
		start = "ostiary serve --data " + cmdline.ShellQuote(to.Data)
	}
	what := "Moved to " + done.To + "; all rows were compared."
	switch {
	case done.Already:
		what = "It was moved to " + done.To + " before. Nothing was changed."
	case len(done.Tables) > 0:
		what = fmt.Sprintf("Moved to %s: %s of %s, all compared.", done.To, cmdline.Plural(int(done.Rows()), "row", "rows"),
			cmdline.Plural(len(done.Tables), "table", "tables"))
	}
	return cmp.Or(a.say(nil, "%s", what), a.say(nil, "No server starts with the old database any more."),
		a.say(nil, "Start the server with: %s", start))
}

// copyState is how far a copy is.
type copyState struct {
	mu        sync.Mutex
	table     string
	done, all int64
}

func (s *copyState) set(table string, done, all int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.table, s.done, s.all = table, done, all
}

func (s *copyState) line(time.Duration) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == 0 {
		return "the databases are opened and checked"
	}
	verb := "copied"
	if s.done > s.all/2 {
		verb = "compared"
	}
	return fmt.Sprintf("%d %%, table %s is %s", s.done*100/s.all, s.table, verb)
}

func newStoreFence(a *app) *cobra.Command {
	var cfg serve.Config
	var reason string
	cmd := &cobra.Command{
		Use:         "fence --reason TEXT",
		Short:       "Refuse all codes that may have been used before now",
		Annotations: map[string]string{cmdline.OnlyGlobalFlags: "data json"},
		Long: `Refuse all codes that may have been used before now: for a database that may have
forgotten codes which it had accepted. That is so if a standby of PostgreSQL took over
that was not in step, or if the database was put back to an earlier time. All servers
of the database must be stopped.

TOTP tokens accept only codes from now on: their users wait up to a minute and a half.
HOTP tokens need two consecutive codes, once (ostiary token resync). Temporary codes
and enrolment links are revoked, and open activations are cancelled: issue them again.
The command prints how many there are, what is known to be lost, and what a fence
cannot cover. The audit log has it as database.restored.

It is ostiary database accept --fence. A second time in a row it does nothing (exit
code 2).

--json prints the numbers as JSON.`,
		Example: `  ostiary store fence --data /var/lib/ostiary --database postgres://ostiary@db1,db2/ostiary \
    --reason "db1 was lost, and db2 was not in step"`,
		Args: cmdline.Arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.accept(cmd, cfg, reason, true) },
	}
	addDatabaseFlags(cmd.Flags(), &cfg)
	addTakeBackFlag(cmd.Flags(), &cfg)
	cmd.Flags().StringVar(&reason, "reason", "", "`TEXT` for the audit log: why the codes are fenced")
	return cmd
}
