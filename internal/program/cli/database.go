package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ostiary/internal/engine/integrity"
	"ostiary/internal/program/cmdline"
	"ostiary/internal/program/serve"
)

func newDatabase(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "database",
		Short:   "Manage the database of a stopped server",
		Long:    "Manage the database of a stopped server.",
		Example: `  ostiary database accept --data /var/lib/ostiary --reason "disk of 3 March failed"`,
	}
	cmd.AddCommand(newDatabaseAccept(a))
	cmdline.MakeGroup(cmd)
	return cmd
}

// restoredJSON is the answer with --json.
type restoredJSON struct {
	Entries     int64      `json:"entries"`
	From        string     `json:"taken_back_from,omitempty"`
	MarkEntries *int64     `json:"mark_entries"`
	MarkTime    *time.Time `json:"mark_time"`
	Until       *time.Time `json:"until"`
	Lost        *int64     `json:"lost"`
	Fenced      *fenced    `json:"fenced"`
}

type fenced struct {
	TOTP        int `json:"totp"`
	HOTP        int `json:"hotp"`
	Codes       int `json:"temporary_codes"`
	Links       int `json:"enrolment_links"`
	Activations int `json:"activations"`
}

func newDatabaseAccept(a *app) *cobra.Command {
	var cfg serve.Config
	var reason string
	var fence bool
	cmd := &cobra.Command{
		Use:         "accept --data DIR --reason TEXT",
		Short:       "Accept a database that was restored from a backup",
		Annotations: map[string]string{cmdline.OnlyGlobalFlags: "data json"},
		Long: `Accept a database that was restored from a backup, or whose mark (DIR/kek.mark)
was lost. The server must be stopped. Without this command it does not start with
an older copy (exit code 3), because the copy does not contain what happened since:
codes that were used since then would work again.

The command reports what is lost, writes the audit entry database.restored with the
reason, and creates a new mark. It accepts nothing else: a database that was
changed by another program is still refused.

With --fence no code works that may have been used since the copy was made:
TOTP tokens accept only codes from now on, temporary codes and enrolment links are
revoked, open activations are cancelled, and HOTP tokens need two consecutive codes,
once (ostiary token resync).
The command prints what a fence cannot cover. --fence also works if nothing is lost: if
you accepted without it before, or also restored an older mark. A second time in a
row it does nothing (exit code 2).

If the server has a --database, give the same here; all servers of the database
must be stopped.

--json prints the numbers as JSON.`,
		Example: `  ostiary database accept --data /var/lib/ostiary --reason "disk of 3 March failed" --fence`,
		Args:    cmdline.Arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.accept(cmd, cfg, reason, fence)
		},
	}
	addDatabaseFlags(cmd.Flags(), &cfg)
	addTakeBackFlag(cmd.Flags(), &cfg)
	cmd.Flags().StringVar(&reason, "reason", "", "`TEXT` for the audit log: why the database is accepted")
	cmd.Flags().BoolVar(&fence, "fence", false, "refuse all codes that may have been used since the copy was made")
	return cmd
}

// accept takes a database as it is, of a server that is stopped.
func (a *app) accept(cmd *cobra.Command, cfg serve.Config, reason string, fence bool) (err error) {
	if cfg.Data, err = a.stopped(cmd, cfg); err != nil {
		return err
	}
	if err := checkDatabase(cmd, cfg); err != nil {
		return err
	}
	if reason == "" {
		return cmdline.Mistakef(cmd, "--reason is missing: why it is done, for the audit log")
	}
	r, err := serve.Accept(cmd.Context(), cfg, reason, fence)
	if err != nil {
		return err
	}
	return a.tellRestored(r)
}

// stopped gives the data directory of a command that works on the files of a stopped server.
func (a *app) stopped(cmd *cobra.Command, cfg serve.Config) (data string, err error) {
	if data = a.connection.data; data == "" {
		data = a.Getenv(envData)
	}
	switch {
	case cmd.Flags().Changed("server"):
		return "", cmdline.Mistakef(cmd, "--server is not for %s: it works on the files of a stopped server",
			strings.TrimPrefix(cmd.CommandPath(), "ostiary "))
	case data == "":
		return "", cmdline.Mistakef(cmd, "no data directory is given: use --data DIR (or %s)", envData)
	}
	if cfg.Database == "" && serve.InPostgres(data) {
		return "", cmdline.WithHint(fmt.Errorf("there is no database file in %s", data), inPostgres)
	}
	return data, nil
}

// addTakeBackFlag adds what has a database live again that was moved.
func addTakeBackFlag(flags *pflag.FlagSet, cfg *serve.Config) {
	flags.BoolVar(&cfg.TakeBack, "i-know", false, "use a database that was moved to another one: codes that were used there "+
		"work here again, and no server may run there any more; needed once")
}

// inPostgres says where a database is that has no file.
const inPostgres = "if its database is one of PostgreSQL, name it with --database, as for serve"

func (a *app) tellRestored(r integrity.Restored) error {
	if a.json {
		out := restoredJSON{Entries: r.Entries, From: r.From}
		if r.Marked {
			lost := r.Lost()
			out.MarkEntries, out.MarkTime, out.Lost = &r.MarkEntries, &r.MarkTime, &lost
		}
		if !r.Until.IsZero() {
			out.Until = &r.Until
		}
		if r.Fenced != nil {
			out.Fenced = &fenced{TOTP: r.Fenced.Time, HOTP: r.Fenced.Events, Codes: r.Fenced.Codes,
				Links: r.Fenced.Links, Activations: r.Fenced.Activations}
		}
		return a.printJSON(out)
	}
	var err error
	say := func(format string, args ...any) {
		if err == nil {
			err = a.say(nil, format, args...)
		}
	}
	say("Accepted: a database with %s.", cmdline.Plural(int(r.Entries), "audit entry", "audit entries"))
	lost := cmdline.Plural(int(r.Lost()), "entry", "entries")
	switch {
	case r.From != "":
		say("It was moved to %s, and is taken back. What happened there is lost.", r.From)
	case !r.Marked:
		say("It is not known what is lost, because the mark was lost, too.")
	case !r.Behind:
		say("Nothing is lost: it is the database that this server wrote last.")
	case r.Lost() == 0:
		say("It is not known what is lost: this copy is older, and has got entries of its own since.")
	case r.Until.IsZero():
		say("Lost: at least %s, by %s.", lost, cmdline.LocalTime(r.MarkTime))
	default:
		say("Lost: at least %s, from %s to %s or later.", lost, cmdline.LocalTime(r.Until), cmdline.LocalTime(r.MarkTime))
	}
	if f := r.Fenced; f != nil {
		say("Fenced, TOTP tokens that accept only codes from now on: %d", f.Time)
		say("Fenced, HOTP tokens that need two consecutive codes (ostiary token resync): %d", f.Events)
		say("Temporary codes revoked: %d", f.Codes)
		say("Enrolment links revoked: %d", f.Links)
		say("Open activations cancelled: %d", f.Activations)
		if f.Events > 0 {
			say("Once the server runs, ostiary token list --fenced lists those that need two.")
		}
		if r.Marked && !r.Behind && r.From == "" {
			say("If this is an older copy all the same, because an older mark was restored with it or it was accepted " +
				"before, the fence does not cover the following:")
		} else {
			say("The fence does not cover the following:")
		}
		say("- Tokens that were imported after the copy was made: it does not contain them. When their file is imported " +
			"again, their used codes work again.")
		if f.Events > 0 {
			say("- HOTP tokens of which somebody knows two consecutive used codes: these resynchronize the token, and the " +
				"codes used after them work again. Replace such tokens if you can.")
		}
	} else {
		say("Codes that were used since then work again: resynchronize or replace HOTP tokens that were used.")
	}
	if r.Behind || !r.Marked || r.From != "" {
		say("Tokens, users, keys and states are as they were then: docs/operate.md says what to check.")
	}
	return err
}
