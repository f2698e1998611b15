package integrity

import (
	"context"
	"encoding/hex"
	"errors"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/store"
)

// Restored is what Accept found and did.
type Restored struct {
	// Marked says that the mark was there and this database's; only then are the
	// numbers of what was lost known.
	Marked bool
	// Behind says that the database was behind the mark. If it was not, and Marked is
	// set, nothing was lost: it was fenced, that is all.
	Behind bool
	// From is where the database was moved to before it was taken back; empty if it was not.
	From string
	// Entries is how many entries the database has, MarkEntries how many it had had at
	// least by MarkTime.
	Entries, MarkEntries int64
	MarkTime             time.Time
	// Until is the time of the newest checkpoint that is there; zero if there is none.
	Until  time.Time
	Fenced *store.Fenced // nil without fence
}

// Lost is how many entries are missing, at least.
func (r Restored) Lost() int64 { return max(0, r.MarkEntries-r.Entries) }

// Accept takes a database that Open refuses for its mark: an older copy, or one whose
// mark was lost. Everything else must be as the server left it. The log tells of it;
// with fence no code works that may have been used since (store.Tx.Fence).
func Accept(ctx context.Context, cfg Config, reason string, fence bool) (r Restored, err error) {
	s, err := look(ctx, cfg.DB)
	if err != nil {
		return r, err
	}
	if !s.used {
		return r, fault.New(fault.NotFound, "no_database", "There is no database to accept: it is empty.").WithHint(
			"Put the backup there first.")
	}
	d, err := open(ctx, cfg, true)
	if err != nil {
		return r, err
	}
	away, err := d.moved(ctx)
	if err == nil {
		err = d.mayLive(away)
	}
	if err != nil {
		return r, err
	}
	m, err := d.readMark()
	// One of an older version was upgraded just now, and has a mark that says nothing.
	if r.Marked = err == nil && s.proves; r.Marked {
		if err = d.behind(ctx, m); err == nil {
			if err := d.mayFence(ctx, fence); err != nil {
				return r, err
			}
		}
		r.Behind = err != nil
		r.MarkEntries, r.MarkTime = m.Size, m.Time
	}
	if err != nil && !errors.Is(err, ErrRefused) {
		return r, err
	}
	now := cfg.Now() // of the fence and of its entry
	err = cfg.DB.Update(ctx, func(tx store.Tx) error {
		head, err := tx.AuditHead()
		if err != nil {
			return err
		}
		newest, err := d.Ledger.Newest(tx)
		if err != nil {
			return err
		}
		r.Entries, r.Until = head.Size(), newest.Time
		root := head.Root()
		e := audit.Entry{Time: now, Action: audit.DatabaseRestored, Outcome: audit.Done, Reason: reason,
			Origin: audit.Origin{Actor: "system"},
			After: []audit.Field{{Name: "entries", Value: r.Entries}, {Name: "fenced", Value: fence},
				{Name: "root", Value: hex.EncodeToString(root[:])}}}
		if r.Marked {
			e.Before = []audit.Field{{Name: "entries", Value: m.Size},
				{Name: "root", Value: hex.EncodeToString(m.Root[:])}}
		}
		if fence {
			fenced, err := tx.Fence(now)
			if err != nil {
				return err
			}
			r.Fenced = &fenced
		}
		if away != nil {
			if away.Handed {
				r.From = away.To
			}
			if err := away.open(tx, stepBack, now); err != nil {
				return err
			}
		}
		// Some that were ended since would be there again.
		return errors.Join(tx.EndSessions(""), tx.AppendAudit(e.Canonical()))
	})
	if err != nil {
		return r, err
	}
	return r, errors.Join(d.Ledger.Checkpoint(ctx), d.KeepMark(ctx))
}
