// Package integrity knows whether the database is the one that this server wrote.
//
// A database is named by its genesis, drawn when it is made, together with all keys
// that it will ever need: none of them is made anew later, because a key that is
// missing from a database with a past was taken away. What the database says of
// itself is checked when it is opened (store.DB.Protect). That it is not an older
// copy of itself, only something outside it can tell: the mark, a few bytes beside
// the key file, which says how far this server has been. It is written after the
// commits that it speaks of, so a crash leaves it behind, never ahead.
//
// Of two equal databases one lives: that to which the other was moved (moved.go).
//
// An older copy is taken by Accept, which the log tells. A database of a version
// without all this is taken on trust as it stands, once its log is proved whole.
package integrity

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/engine/ledger"
	"ostiary/internal/seal"
	"ostiary/internal/store"
)

// ErrRefused says that a database is not the one that the server wrote last. Nothing
// was changed; a person must find out why.
var ErrRefused = errors.New("the database is refused")

// Config holds what it takes to open a database. Alarm may be nil.
type Config struct {
	DB    store.DB
	KEK   seal.KEK
	Marks Marks
	Now   func() time.Time
	Alarm func(store.Alarm)
	// Name is how a Move names this database, and TakeBack has it live although it was moved.
	Name     string
	TakeBack bool
}

// Database is a database that was opened, with its keys.
type Database struct {
	Keys   *seal.Keyring
	Ledger *ledger.Ledger

	cfg Config
	key *seal.Integrity

	// found is the record as it was found: what works in the background writes the next one as
	// soon as the database proves itself. nil of one that was made or upgraded.
	found *audit.Record

	marking sync.Mutex
	stopped bool // the head was another one: the mark stays where it is
}

// Open opens a database: a new one gets its genesis and its keys, one of an older
// version is upgraded, and any other is checked, with the mark. The error is
// ErrRefused where it is not as this server left it.
func Open(ctx context.Context, cfg Config) (*Database, error) {
	d, err := open(ctx, cfg, false)
	if err != nil {
		return nil, err
	}
	away, err := d.moved(ctx)
	if err == nil {
		err = d.mayLive(away)
	}
	if err != nil {
		return d, err
	}
	m, err := d.readMark()
	if err == nil {
		err = d.behind(ctx, m)
	}
	if err == nil && away != nil {
		err = d.takeBack(ctx, away)
	}
	return d, err
}

// Read opens a database to be read, also one that was tampered with: what is wrong is
// told by Ledger.Verify. Nothing is written, and the mark is not looked at.
func Read(ctx context.Context, db store.DB, kek seal.KEK, now func() time.Time) (*Database, error) {
	d := &Database{cfg: Config{DB: db, KEK: kek, Now: now}}
	s, err := look(ctx, db)
	if err != nil {
		return nil, err
	}
	if s.proves {
		if err := d.unwrap(ctx, s.record.Genesis, s.record.Key, s.keys); err != nil {
			return nil, err
		}
		if _, err := db.Protect(ctx, d.key, nil); err != nil {
			return nil, err
		}
	} else if stripped, err := knewRecords(ctx, db); err != nil || stripped {
		return nil, errors.Join(err, refuse("record_gone", "The log was written by a version that authenticates its "+
			"database, but the proof is missing.", findHint, nil))
	}
	if err := d.openKeys(ctx, s.data); err != nil {
		return nil, err
	}
	return d, d.openLedger(ctx)
}

// state is what a database is seen to be before anything is checked.
type state struct {
	record  audit.Record
	proves  bool // it has a record
	used    bool
	keys    []seal.WrappedIntegrity
	data    []seal.DataKey
	genesis []byte // of an upgrade that is under way
}

func look(ctx context.Context, db store.DB) (s state, err error) {
	err = db.View(ctx, func(r store.Reader) (err error) {
		s.record, err = r.Record()
		if s.proves = err == nil; err != nil && !errors.Is(err, store.ErrNotFound) {
			return refuse("damaged", "The head of the audit log cannot be read.", restoreHint, err)
		}
		if s.used, err = r.Used(); err != nil {
			return err
		}
		if s.keys, err = r.IntegrityKeys(); err != nil {
			return err
		}
		if s.data, err = r.DataKeys(); err != nil {
			return err
		}
		if s.genesis, err = r.Setting(genesisSetting); errors.Is(err, store.ErrNotFound) {
			err = nil
		}
		return err
	})
	return s, err
}

// open does all of Open but look at the mark of a database that proves itself. With
// anyMark it does not look at that of another one either.
func open(ctx context.Context, cfg Config, anyMark bool) (*Database, error) {
	s, err := look(ctx, cfg.DB)
	if err != nil {
		return nil, err
	}
	d := &Database{cfg: cfg}
	if s.proves {
		return d, d.known(ctx, s)
	}
	if !anyMark {
		if err := d.mayBegin(s); err != nil {
			return nil, err
		}
	}
	if !s.used {
		return d, d.create(ctx)
	}
	return d, d.upgrade(ctx, s)
}

// mayBegin refuses a database that proves nothing where one was that did.
func (d *Database) mayBegin(s state) error {
	m, err := d.cfg.Marks.Read()
	switch {
	case errors.Is(err, ErrNoMark):
		return nil
	case err != nil:
		return refuse("mark_damaged", "The mark beside the key file cannot be read.", acceptHint, err)
	case m.Size > 0 || m.Commit > 0 || s.used && string(m.Genesis[:]) != string(s.genesis):
		return refuse("database_replaced", "The database is a different one, or of an older version, than the one that "+
			"this server wrote last.", restoreHint, nil)
	}
	return nil
}

const (
	restoreHint = "Put the right files back. If you restored a backup on purpose, accept it: " +
		"ostiary database accept --data DIR --reason TEXT --fence (see Restore in docs/operate.md)."
	acceptHint = "If the mark was lost or you restored a backup, accept the database: " +
		"ostiary database accept --data DIR --reason TEXT --fence (see Restore in docs/operate.md)."
	findHint = "Keep this copy, find out who changed it, and restore a backup."
)

// refuse makes an error that ends a start.
func refuse(code, text, hint string, cause error) error {
	if cause == nil {
		cause = errors.New(code)
	}
	return fault.New(fault.Conflict, code, text).WithHint(hint).Because(fmt.Errorf("%w: %w", ErrRefused, cause))
}

// create makes the genesis and all keys. The mark comes first, so that a database
// that lost all of it is not taken for a new one.
func (d *Database) create(ctx context.Context) error {
	var genesis seal.Genesis
	if _, err := rand.Read(genesis[:]); err != nil {
		return err
	}
	wrapped, err := d.newKey(ctx, genesis)
	if err != nil {
		return err
	}
	data, err := seal.NewDataKey(ctx, d.cfg.KEK, 1)
	if err != nil {
		return err
	}
	if err := d.openKeys(ctx, []seal.DataKey{data}); err != nil {
		return err
	}
	if err := d.writeFirstMark(); err != nil {
		return err
	}
	if _, err := d.cfg.DB.Protect(ctx, d.key, d.alarm); err != nil {
		return d.made(ctx, err)
	}
	err = d.cfg.DB.Update(ctx, func(tx store.Tx) error {
		verifier, err := ledger.MakeKey(tx, d.Keys)
		return errors.Join(err, tx.AddDataKey(data), tx.AddIntegrityKey(wrapped, d.cfg.Now()),
			tx.AppendAudit(d.entry(audit.DatabaseCreated, audit.Field{Name: "data_key", Value: int64(data.ID)},
				audit.Field{Name: "verifier", Value: verifier})), tx.BeginIntegrity())
	})
	if err != nil {
		return d.made(ctx, fmt.Errorf("create the database: %w", err))
	}
	return d.openLedger(ctx)
}

// made words the error of a server that was not the one to make the database: another one has
// done so since it was looked at. Nothing of this one is in it.
func (d *Database) made(ctx context.Context, err error) error {
	if s, lerr := look(ctx, d.cfg.DB); lerr != nil || !s.proves {
		return err
	}
	return refuse("made_elsewhere", "Another server has made the database at the same moment.",
		"Copy kek.mark from its data directory, as you did with kek, and start again.", err)
}

func (d *Database) newKey(ctx context.Context, genesis seal.Genesis) (seal.WrappedIntegrity, error) {
	wrapped, err := seal.NewIntegrity(ctx, d.cfg.KEK, genesis, 1)
	if err == nil {
		d.key, err = seal.OpenIntegrity(ctx, d.cfg.KEK, genesis, wrapped)
	}
	return wrapped, err
}

// entry is one of the system's, with the genesis.
func (d *Database) entry(a audit.Action, after ...audit.Field) []byte {
	genesis := d.key.Genesis()
	after = append(after, audit.Field{Name: "genesis", Value: hex.EncodeToString(genesis[:])},
		audit.Field{Name: "integrity_key", Value: int64(d.key.ID())})
	return audit.Entry{Time: d.cfg.Now(), Action: a, Outcome: audit.Done, Origin: audit.Origin{Actor: "system"},
		After: after}.Canonical()
}

func (d *Database) openKeys(ctx context.Context, data []seal.DataKey) (err error) {
	d.Keys, err = seal.OpenKeyring(ctx, d.cfg.KEK, data)
	return err
}

// RenewKeys takes the data keys as the database has them now: another node may have added
// one.
func (d *Database) RenewKeys(ctx context.Context) error {
	var data []seal.DataKey
	err := d.cfg.DB.View(ctx, func(r store.Reader) (err error) {
		if err = r.CheckSettings(); err == nil {
			data, err = r.DataKeys()
		}
		return err
	})
	if err == nil {
		err = d.Keys.Renew(ctx, data)
	}
	return err
}

func (d *Database) openLedger(ctx context.Context) (err error) {
	if d.Ledger, err = ledger.Open(ctx, d.cfg.DB, d.Keys, d.cfg.Now); err == nil {
		d.Ledger.KeepMarkBy(d.KeepMark)
	}
	return err
}

// known opens a database that proves itself.
func (d *Database) known(ctx context.Context, s state) (err error) {
	d.found = &s.record
	if err := d.unwrap(ctx, s.record.Genesis, s.record.Key, s.keys); err != nil {
		return err
	}
	_, err = d.cfg.DB.Protect(ctx, d.key, d.alarm)
	if errors.Is(err, store.ErrTampered) {
		return refuse("database_tampered", fault.Sentence(err.Error()), findHint, err)
	} else if err != nil {
		return err
	}
	if err := d.openKeys(ctx, s.data); err != nil {
		return err
	}
	return d.openLedger(ctx)
}

// unwrap opens the integrity key of a database.
func (d *Database) unwrap(ctx context.Context, genesis seal.Genesis, id uint32, keys []seal.WrappedIntegrity) (
	err error) {
	for _, k := range keys {
		if k.ID != id {
			continue
		}
		if k.KEK != d.cfg.KEK.ID() {
			return fmt.Errorf("the key-encryption key does not belong to the database: its integrity key is wrapped "+
				"by %s, the key given is %s; put the right key file back", k.KEK, d.cfg.KEK.ID())
		}
		if d.key, err = seal.OpenIntegrity(ctx, d.cfg.KEK, genesis, k); err != nil {
			return refuse("integrity_key", "The integrity key of the database cannot be decrypted.", findHint, err)
		}
		return nil
	}
	return refuse("integrity_key", "The integrity key of the database is missing.", findHint, nil)
}

// Hasher gives keyed hashes of a purpose.
func (d *Database) Hasher(p seal.Purpose) (*seal.Hasher, error) { return d.key.Hasher(p) }
