package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/audit/archive"
	"ostiary/internal/doors/api"
	"ostiary/internal/doors/client"
	"ostiary/internal/doors/wire"
	"ostiary/internal/program/cmdline"
	"ostiary/internal/program/serve"
)

func newAuditArchive(a *app) *cobra.Command {
	var before, out string
	cmd := &cobra.Command{
		Use:   "archive --before DATE --out FILE",
		Short: "Move old entries from the database to a file",
		Long: `Move the entries up to the last checkpoint before DATE to a file, and remove them
from the database. "audit verify" continues from there, and proves the
earlier entries with the file: keep it, with a copy elsewhere. A date is written as
2027-01-31, which is the beginning of that day, or with its time as
2027-01-31T18:00:00+01:00.

The file is written with mode 0600, synced, read back and checked; only then are the
entries removed. Run an interrupted command again: if FILE exists and is an archive of
this log, the command continues with it. Another file is never overwritten.

The key needs the role super_admin. When the server of --data is stopped, its database
is opened.`,
		Example: `  ostiary audit archive --before 2027-01-01 --out audit-2026.archive`,
		Args:    cmdline.Arguments(),
		RunE: func(cmd *cobra.Command, args []string) error {
			at, err := momentArg(cmd, "before", before, 0)
			switch {
			case err != nil:
				return err
			case before == "":
				return cmdline.Mistakef(cmd, "--before is missing: the date up to which entries are archived")
			case out == "":
				return cmdline.Mistakef(cmd, "--out is missing: the file for the archive")
			}
			return a.withArchiver(func(cmd *cobra.Command, log archiver) error {
				return a.archive(cmd.Context(), log, at, out)
			})(cmd, args)
		},
	}
	cmd.Flags().StringVar(&before, "before", "", "archive entries up to the last checkpoint before this `DATE`")
	cmd.Flags().StringVar(&out, "out", "", "`FILE` to write, or one that this command wrote before")
	return cmd
}

// archiver is the log of a server, or that of a data directory whose server is stopped.
type archiver interface {
	VerifierKey(context.Context) (string, error)
	ArchiveAudit(ctx context.Context, before time.Time, w io.Writer) error
	RemoveArchived(context.Context, wire.ArchiveRemoval) (wire.Archive, error)
}

// withArchiver is withLog for what changes the log.
func (a *app) withArchiver(do func(*cobra.Command, archiver) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		where, err := a.place(cmd)
		if err != nil {
			return err
		}
		if where.data != "" {
			log, err := serve.OpenStopped(cmd.Context(), where.data)
			switch {
			case err == nil:
				a.note("The server of %s is stopped: its database is opened.", where.data)
				return errors.Join(do(cmd, stoppedArchiver{log}), log.Close())
			case !errors.Is(err, serve.ErrRunning) && !errors.Is(err, fs.ErrNotExist) &&
				!errors.Is(err, fs.ErrPermission):
				return err
			}
		}
		return a.withServer(func(cmd *cobra.Command, c *client.Client, _ []string) error { return do(cmd, c) })(cmd, args)
	}
}

// stoppedArchiver archives the log of a server that is stopped.
type stoppedArchiver struct{ log *serve.Stopped }

func (s stoppedArchiver) VerifierKey(context.Context) (string, error) {
	return s.log.VerifierKey(), nil
}

func (s stoppedArchiver) ArchiveAudit(ctx context.Context, before time.Time, w io.Writer) error {
	return s.log.WriteArchive(ctx, before, w)
}

func (s stoppedArchiver) RemoveArchived(ctx context.Context, r wire.ArchiveRemoval) (a wire.Archive, err error) {
	removal, err := api.ArchiveRemoval(r, audit.Origin{Actor: "local:" + strconv.Itoa(os.Getuid()), Role: "root",
		Source: "local"})
	if err != nil {
		return a, err
	}
	done, err := s.log.RemoveArchived(ctx, removal)
	if err != nil {
		return a, err
	}
	return api.Archive(done), nil
}

// archive writes the file, or takes the one that an interrupted command left, and has
// the entries removed.
func (a *app) archive(ctx context.Context, log archiver, before time.Time, out string) error {
	key, err := log.VerifierKey(ctx)
	if err != nil {
		return err
	}
	var checked archive.Archive
	check := func(path string) (err error) {
		checked, err = checkArchive(path, key)
		return err
	}
	if there := absent(out); there != nil {
		if err := check(out); errors.Is(err, archive.ErrForeign) {
			return there
		} else if err != nil {
			return cmdline.WithHint(&inputError{fmt.Errorf("%s already exists, and is not an archive of this log as it is "+
				"here (%w)", out, err)}, "name another file with --out, and keep this one until you know whose it is")
		}
		a.note("%s already exists and is an archive of this log: only the entries in it are removed. For later "+
			"ones, name another file.", out)
	} else if _, err := writeChecked(out, func(w io.Writer) error { return log.ArchiveAudit(ctx, before, w) },
		check); err != nil {
		return err
	}
	done, err := log.RemoveArchived(ctx, wire.ArchiveRemoval{Before: before, To: checked.To,
		SHA256: checked.File.String()})
	if err != nil {
		return cmdline.WithHint(err, "the entries are in "+out+"; run the command again, which removes from the "+
			"database those that are still there")
	}
	return a.say(done, "Archived: the entries %d to %d, older than %s, are in %s (SHA-256 %s), and no longer in the "+
		"database.", done.From, done.To-1, cmdline.LocalTime(done.Until), out, done.SHA256)
}

// checkArchive checks one file.
func checkArchive(path, key string) (got archive.Archive, err error) {
	chain, err := archive.NewChain(key)
	if err != nil {
		return got, err
	}
	return takeFile(chain, path)
}

func takeFile(chain *archive.Chain, path string) (got archive.Archive, err error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return got, &inputError{fmt.Errorf("%s is not a regular file", path)}
	}
	file, err := os.Open(path)
	if err != nil {
		return got, &inputError{err}
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	got, err = chain.Take(bufio.NewReaderSize(file, 1<<20))
	if errors.Is(err, archive.ErrForeign) {
		err = cmdline.WithHint(&inputError{fmt.Errorf("%s is not an archive of an audit log, or a newer program wrote it; %w",
			path, err)}, "give a file that was written with: ostiary audit archive --before DATE --out FILE")
	}
	return got, err
}

// archiveFiles are files that "audit verify" is given.
type archiveFiles struct {
	paths []string
	key   string // that checks them without a server
}

// alone checks files without a server.
func (f archiveFiles) alone(a *app, notes []string) error {
	chain, err := archive.NewChain(f.key, notes...)
	if err != nil {
		return err
	}
	type checked struct {
		File string `json:"file"`
		wire.Archive
	}
	all := []checked{}
	for _, path := range f.paths {
		got, err := takeFile(chain, path)
		if _, ok := errors.AsType[*inputError](err); ok {
			return err
		} else if err != nil {
			if err := a.say(map[string]any{"ok": false, "problem": path + ": " + err.Error()},
				"The archive %s is NOT intact: %v", path, err); err != nil {
				return err
			}
			return errNo
		}
		all = append(all, checked{path, wire.Archive{From: got.From, To: got.To, Until: got.Until,
			SHA256: got.File.String()}})
	}
	if a.json {
		err = a.printJSON(map[string]any{"ok": true, "archives": all})
	}
	for _, c := range all {
		if err == nil && !a.json {
			err = a.say(nil, "The archive %s is intact: entries %d to %d, older than %s.", c.File, c.From, c.To-1,
				cmdline.LocalTime(c.Until))
		}
	}
	return errors.Join(err, uncovered(chain.Unmet()))
}

// beside checks files beside the log that they belong to, and the checkpoints that need
// them. What does not fit goes into the report.
func (f archiveFiles) beside(rep *wire.AuditReport, notes []string) (unmet []int, err error) {
	old := make([]string, len(rep.ArchivedCheckpoints))
	for i, n := range rep.ArchivedCheckpoints {
		old[i] = notes[n]
	}
	chain, err := archive.NewChain(rep.VerifierKey, old...)
	if err != nil {
		return nil, err
	}
	for _, path := range f.paths {
		got, err := takeFile(chain, path)
		if _, ok := errors.AsType[*inputError](err); ok {
			return nil, err
		}
		if err == nil && !known(rep.Archives, got) {
			err = errors.New("it is signed by this server, but is not the file whose entries were removed")
		}
		if err != nil {
			rep.OK = false
			if rep.Problem == "" {
				rep.Problem = "the archive " + path + ": " + err.Error()
			}
			return nil, nil
		}
	}
	for _, i := range chain.Unmet() {
		unmet = append(unmet, rep.ArchivedCheckpoints[i])
	}
	return unmet, nil
}

func known(all []wire.Archive, got archive.Archive) bool {
	for _, a := range all {
		if a.SHA256 == got.File.String() {
			return true
		}
	}
	return false
}

// uncovered says that checkpoints need an archive that was not given.
func uncovered(which []int) error {
	if len(which) == 0 {
		return nil
	}
	return cmdline.WithHint(fmt.Errorf("checkpoint %d of those given could not be checked: the entries are archived "+
		"that it was signed over", which[0]+1), "also give the archive: --archive FILE, once for each file, the oldest first")
}
