package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/doors/api"
	"ostiary/internal/doors/client"
	"ostiary/internal/doors/wire"
	"ostiary/internal/engine/users"
	"ostiary/internal/program/cmdline"
	"ostiary/internal/program/serve"
)

// auditLog is the log of a server, or that of a data directory whose server is stopped.
type auditLog interface {
	Audit(context.Context, client.AuditFilter, client.Page) (wire.AuditList, error)
	VerifyAudit(ctx context.Context, checkpoints []string) (wire.AuditReport, error)
}

// logDatabase is where the database of a stopped server is, if it is not a file.
type logDatabase struct{ serve.Config }

func (d *logDatabase) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&d.Database, "database", "", "`URL` of the PostgreSQL database of a stopped server, as for serve")
	flags.StringVar(&d.DatabaseFile, "database-file", "", "`FILE` with the password of --database in its only line")
}

// withLog is withServer for what can be read without one. of is filled by the flags.
func (a *app) withLog(of *logDatabase, do func(*cobra.Command, auditLog, []string) error) func(*cobra.Command,
	[]string) error {
	return func(cmd *cobra.Command, args []string) (err error) {
		where, err := a.place(cmd)
		if err != nil {
			return err
		}
		if err := checkDatabase(cmd, of.Config); err != nil {
			return err
		}
		if of.Database != "" && where.data == "" {
			return cmdline.Mistakef(cmd, "--database is for the stopped server of a data directory: give --data DIR")
		}
		if where.data != "" {
			cfg := of.Config
			cfg.Data = where.data
			log, err := serve.OpenLog(cmd.Context(), cfg)
			switch {
			case err == nil:
				read := "its files are read"
				if of.Database != "" {
					read = "its database is read"
				}
				a.note("The server of %s is stopped: %s.", where.data, read)
				if !log.Keyed {
					a.note("There is no key file: signatures are checked by the key that the database names.")
				}
				return errors.Join(do(cmd, stoppedLog{log}, args), log.Close())
			case !errors.Is(err, serve.ErrRunning) && !errors.Is(err, fs.ErrNotExist) &&
				!errors.Is(err, fs.ErrPermission):
				return err
			}
		}
		err = a.withServer(func(cmd *cobra.Command, c *client.Client, args []string) error {
			return do(cmd, c, args)
		})(cmd, args)
		if _, refused := errors.AsType[*client.Error](err); err != nil && !refused && where.data != "" &&
			of.Database == "" && serve.InPostgres(where.data) {
			err = cmdline.WithHint(err, inPostgres)
		}
		return err
	}
}

// stoppedLog reads the files of a server that is stopped.
type stoppedLog struct{ *serve.Log }

func (l stoppedLog) Audit(ctx context.Context, f client.AuditFilter, p client.Page) (list wire.AuditList, err error) {
	q := audit.Filter{Serial: f.Serial, Action: audit.Action(f.Action), Outcome: audit.Outcome(f.Outcome),
		Reason: f.Reason, Actor: f.Actor, ActorID: f.ActorID, From: f.From, To: f.To}
	if f.User != "" {
		if q.User, err = users.Canonical(f.User); err != nil {
			return list, err
		}
	}
	before, limit := int64(0), p.Limit
	if limit == 0 {
		limit = 100
	}
	if p.After != "" {
		if before, err = strconv.ParseInt(p.After, 10, 64); err != nil || before < 1 {
			return list, fmt.Errorf("--after %s: the cursor is not one that was printed", cmdline.ShellQuote(p.After))
		}
	}
	rows, next, err := l.List(ctx, q, before, limit)
	if err != nil {
		return list, err
	}
	archives, err := l.Archives(ctx)
	if err != nil {
		return list, err
	}
	return api.AuditList(rows, next, q, archives)
}

func (l stoppedLog) VerifyAudit(ctx context.Context, checkpoints []string) (report wire.AuditReport, err error) {
	rep, err := l.Verify(ctx, checkpoints...)
	if err != nil {
		return report, err
	}
	archives, err := l.Archives(ctx)
	out := api.AuditReport(rep, l.VerifierKey(), archives)
	if err == nil && l.Behind != nil {
		out.OK, out.Mark = false, markText(l.Behind)
	}
	return out, err
}

// markText says what does not fit between a database and its mark.
func markText(behind error) string {
	f, ok := errors.AsType[*fault.Error](behind)
	switch {
	case !ok:
		return behind.Error()
	case f.Code == "database_older":
		return "The database is older than the mark beside its key file (kek.mark). " + f.Text
	}
	return f.Text
}
