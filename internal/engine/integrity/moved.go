package integrity

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/engine/nodes"
	"ostiary/internal/store"
)

// A database is moved in steps, so that never two that accept the same codes are alive,
// wherever the move is interrupted:
//
//	             Source    nothing is changed; Target looks at what is there
//	closed       Depart    the source lives no more; it names the target
//	             (a copy)  the target holds all that the source does, and is closed as well
//	handed over  HandOver  the source is never copied again
//	taken over   Arrive    the target lives
//
// Until it is handed over, the same command begins again with a copy, or the source is taken
// back (Config.TakeBack), which does no harm. From then on only the target can come to life:
// a second copy, made because the first seemed to be lost, could be one too many.

// Move is what a database that is moved knows of that.
type Move struct {
	To     string `json:"to"`             // how the target is named, for people
	From   string `json:"from,omitempty"` // how the source is named; empty in moves of older versions
	Copy   string `json:"copy"`           // drawn for this move
	Handed bool   `json:"handed_over"`
}

// The steps, as the log has them.
const (
	stepClosed = "closed"
	stepHanded = "handed over"
	stepTaken  = "taken over"
	stepBack   = "taken back"
)

func (m Move) entry(step string, now time.Time) []byte {
	return audit.Entry{Time: now, Action: audit.DatabaseMoved, Outcome: audit.Done, Reason: step,
		Origin: audit.Origin{Actor: "system"}, After: []audit.Field{{Name: "copy", Value: m.Copy},
			{Name: "to", Value: m.To}}}.Canonical()
}

// set closes a database, as its log tells.
func (m Move) set(tx store.Tx, step string, now time.Time) error {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return errors.Join(tx.SetMoved(text), tx.AppendAudit(m.entry(step, now)))
}

// open has a database live.
func (m Move) open(tx store.Tx, step string, now time.Time) error {
	return errors.Join(tx.SetMoved(nil), tx.AppendAudit(m.entry(step, now)))
}

// moved gives the move of a database, or nil. Who has found that the small tables are as the
// record says may call it.
func (d *Database) moved(ctx context.Context) (m *Move, err error) {
	err = d.cfg.DB.View(ctx, func(r store.Reader) (err error) {
		m, err = readMove(r)
		return err
	})
	return m, err
}

func readMove(r store.Reader) (*Move, error) {
	text, err := r.Moved()
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil //nolint:nilnil // there is none
	}
	m := new(Move)
	if err == nil {
		err = json.Unmarshal(text, m)
	}
	return m, err
}

// mayLive refuses a database that is moved, unless it is to be taken back. A copy that is not
// finished is never taken: its source may live. A database may have many names, so what is not
// named as the source may be the copy.
func (d *Database) mayLive(m *Move) error {
	const code = "database_moved"
	again := "Run the same ostiary store copy again."
	switch {
	case m == nil:
		return nil
	case m.To == d.cfg.Name && !m.Handed:
		return refuse(code, "The database is a copy that was not finished.", again, nil)
	case d.cfg.TakeBack && (m.Handed || m.From == "" || m.From == d.cfg.Name):
		return nil
	case !m.Handed:
		named := ""
		if m.From != "" {
			named = " with the old database named " + m.From
		}
		return refuse(code, "The database is being moved to "+m.To+", and that is not finished.", again+" To give the move "+
			"up, start the server once with --i-know"+named+".", nil)
	}
	return refuse(code, "The database was moved to "+m.To+", and is not used any more.", "Start the server with that "+
		"one. If it is lost, see Move an existing server in docs/cluster.md: codes that were used there would work here again.",
		nil)
}

// takeBack has a database live that is moved.
func (d *Database) takeBack(ctx context.Context, m *Move) error {
	return d.cfg.DB.Update(ctx, func(tx store.Tx) error { return m.open(tx, stepBack, d.cfg.Now()) })
}

// Source opens a database that is to be moved, and writes nothing that matters. It finds the
// move that was interrupted, or draws a new one.
func Source(ctx context.Context, cfg Config, to string) (*Database, Move, error) {
	m := Move{To: to, From: cfg.Name}
	s, err := look(ctx, cfg.DB)
	if err == nil && !s.used {
		err = fault.New(fault.NotFound, "no_database", "There is no database to copy: it is empty.")
	}
	if err != nil {
		return nil, m, err
	}
	d, err := open(ctx, cfg, false)
	if err != nil {
		return nil, m, err
	}
	before, err := d.moved(ctx)
	switch {
	case err != nil:
		return nil, m, err
	case before != nil && before.Handed && before.To == to:
		return d, *before, nil // the mark may be the target's
	case before != nil && (before.Handed || before.To == cfg.Name):
		return nil, m, d.mayLive(before)
	case before != nil && before.To == to:
		m = *before
	default:
		var id [16]byte
		if _, err := rand.Read(id[:]); err != nil {
			return nil, m, err
		}
		m.Copy = hex.EncodeToString(id[:])
	}
	mark, err := d.readMark()
	if err == nil {
		err = d.behind(ctx, mark)
	}
	return d, m, err
}

// Depart closes the source of a move: from then on no server works on it. alone says that none
// can but this process.
func (d *Database) Depart(ctx context.Context, m Move, alone bool) error {
	if err := d.close(ctx, m, alone); err != nil {
		return err
	}
	return errors.Join(d.Ledger.Checkpoint(ctx), d.KeepMark(ctx))
}

func (d *Database) close(ctx context.Context, m Move, alone bool) error {
	now := d.cfg.Now()
	return d.cfg.DB.Update(ctx, func(tx store.Tx) error {
		all, err := tx.Nodes(time.Time{})
		if err != nil {
			return err
		}
		for _, n := range all {
			if !alone && nodes.Lives(n.Seen, now) {
				return fault.New(fault.Conflict, "server_running", fmt.Sprintf("A server is running on the database: %s, "+
					"seen at %s.", n.Name, n.Seen.Format(time.RFC3339))).WithHint("Stop all servers of the database. One that " +
					"was killed is forgotten after 30 seconds.")
			}
		}
		return m.set(tx, stepClosed, now)
	})
}

// HandOver says in the source that only the copy of this move may live.
func (d *Database) HandOver(ctx context.Context, m Move) error {
	return d.cfg.DB.Update(ctx, func(tx store.Tx) error {
		is, err := readMove(tx)
		if err != nil {
			return err
		}
		if is == nil || is.Copy != m.Copy || is.Handed {
			return errors.New("the source was changed while it was copied")
		}
		m.Handed = true
		return m.set(tx, stepHanded, d.cfg.Now())
	})
}

// Found is what a target holds.
type Found int

// What a target holds.
const (
	Vacant   Found = iota // nothing that anybody misses: it may be emptied
	Complete              // the copy that the source was handed over to
	Alive                 // that copy, which lives already
)

// Target looks at what is where a database is to be moved to. config is the digest of its small
// tables, nil for one that is new. What lives there, or may, is refused.
func (d *Database) Target(ctx context.Context, cfg Config, m Move) (found Found, config *[32]byte, err error) {
	s, err := look(ctx, cfg.DB)
	if err != nil {
		return found, nil, err
	}
	occupied := func(text string) error {
		return fault.New(fault.Conflict, "target_occupied", text).WithHint("Nothing was changed there. Name an empty one.")
	}
	switch {
	case !s.used && m.Handed:
		return found, nil, fault.New(fault.Conflict, "target_lost", "The database was handed over to "+m.To+", and that is "+
			"empty now.").WithHint("Restore it from a backup, or see Move an existing server in docs/cluster.md.")
	case !s.used:
		return Vacant, nil, d.ahead(ctx, cfg.Marks, m)
	case !s.proves || s.record.Genesis != d.key.Genesis():
		return found, nil, occupied("The target " + m.To + " holds another database.")
	}
	if err := d.ahead(ctx, cfg.Marks, m); err != nil {
		return found, nil, err
	}
	t := &Database{cfg: cfg}
	if err := t.known(ctx, s); err != nil {
		return found, nil, err
	}
	there, err := t.moved(ctx)
	if err != nil {
		return found, nil, err
	}
	switch {
	case there == nil && m.Handed:
		return Alive, nil, nil
	case there == nil:
		return found, nil, occupied("The target " + m.To + " holds this database already, and it is in use there.")
	case there.Handed || there.To != m.To || m.Handed && there.Copy != m.Copy:
		return found, nil, occupied("The target " + m.To + " holds a database that was moved to " + there.To + ".")
	case m.Handed:
		return Complete, nil, nil
	}
	return Vacant, &s.record.Config, nil
}

// ahead demands that a source is at least as far as the mark that a target has, if it has one:
// there was a newer database.
func (d *Database) ahead(ctx context.Context, marks Marks, m Move) error {
	if m.Handed {
		return nil // it may be the copy's own
	}
	of := &Database{cfg: d.cfg, key: d.key, Ledger: d.Ledger}
	of.cfg.Marks = marks
	mark, err := of.readMark()
	if errors.Is(err, ErrNoMark) {
		return nil
	} else if err == nil {
		err = of.behind(ctx, mark)
	}
	if f, ok := errors.AsType[*fault.Error](err); ok {
		err = f.WithHint("That is what kek.mark in the data directory of the target says. Name another directory.")
	}
	return err
}

// Arrive has the copy of a move live, after the source was handed over.
func Arrive(ctx context.Context, cfg Config, m Move) error {
	s, err := look(ctx, cfg.DB)
	if err == nil && !s.proves {
		err = errors.New("the copy is gone")
	}
	if err != nil {
		return err
	}
	d := &Database{cfg: cfg}
	if err := d.known(ctx, s); err != nil {
		return err
	}
	mark, err := d.readMark()
	if err == nil {
		err = d.behind(ctx, mark)
	}
	if err != nil {
		return err
	}
	err = cfg.DB.Update(ctx, func(tx store.Tx) error {
		is, err := readMove(tx)
		if err != nil {
			return err
		}
		if is == nil || is.Copy != m.Copy || is.Handed {
			return errors.New("the copy was changed meanwhile")
		}
		return m.open(tx, stepTaken, cfg.Now())
	})
	if err != nil {
		return err
	}
	return errors.Join(d.Ledger.Checkpoint(ctx), d.KeepMark(ctx))
}

// HandedOver tells whether a database, which is opened to be read, says that it was moved and
// is of no more use.
func HandedOver(ctx context.Context, db store.DB) (handed bool, err error) {
	err = db.View(ctx, func(r store.Reader) error {
		m, err := readMove(r)
		handed = m != nil && m.Handed
		return err
	})
	return handed, err
}
