package integrity

import (
	"cmp"
	"context"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/store"
)

// Behind holds a database that Read opened against the mark beside the key file. The
// error is as Open gives it: of kind ErrRefused if the database is an older copy or
// another one, or the mark is lost or damaged; nil for one
// of an older version, which kept no mark.
func (d *Database) Behind(ctx context.Context, marks Marks) error {
	if d.key == nil {
		return nil // of an older version, which kept no mark
	}
	read := &Database{cfg: d.cfg, key: d.key, Ledger: d.Ledger, found: d.found}
	read.cfg.Marks = marks
	m, err := read.readMark()
	if err == nil {
		err = read.behind(ctx, m)
	}
	if away, merr := read.moved(ctx); merr != nil || away != nil {
		err = cmp.Or(merr, read.mayLive(away))
	}
	return err
}

// mayFence refuses to accept a database that is not behind its mark: nothing of it was
// lost. With fence it may be accepted all the same, for whoever put the mark back as
// well, or accepted it before without; but not a second time in a row.
func (d *Database) mayFence(ctx context.Context, fence bool) error {
	fenced := false
	err := d.cfg.DB.View(ctx, func(r store.Reader) error {
		head, err := r.AuditHead()
		if err != nil || head.Size() == 0 {
			return err
		}
		last, err := r.AuditEntries(head.Size()-1, 1)
		if err != nil || len(last) == 0 {
			return err
		}
		e, err := new(audit.Parser).Parse(last[0].Entry)
		if err != nil {
			return err
		}
		flag, _ := e.After.Find("fenced")
		fenced = string(e.Action) == string(audit.DatabaseRestored) && string(flag) == "true"
		return nil
	})
	switch {
	case err != nil:
		return err
	case fenced:
		return fault.New(fault.Conflict, "nothing_to_accept", "The database was already accepted with --fence, and "+
			"nothing happened since. Nothing was lost, and nothing was changed.").WithHint("Start the server.")
	case !fence:
		return fault.New(fault.Conflict, "nothing_to_accept", "The database is the one that this server wrote last: "+
			"nothing was lost, there is nothing to accept, and nothing was changed.").WithHint(
			"If kek.mark was also restored from a backup, add --fence.")
	}
	return nil
}
