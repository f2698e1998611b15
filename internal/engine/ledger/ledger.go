// Package ledger keeps the audit log in order: it signs checkpoints, sums up
// what was only counted, reads the log for people, and recomputes it.
package ledger

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/seal"
	"ostiary/internal/store"
)

// Keys seals and opens the private signing key.
type Keys interface {
	Seal(b seal.Binding, s seal.Secret) ([]byte, error)
	Open(b seal.Binding, sealed []byte) (seal.Secret, error)
}

const (
	privateSetting  = "audit_signing_key"
	verifierSetting = "audit_verifier_key"
	givenSetting    = "audit_checkpoint_given"
	interval        = time.Minute
	pageRead        = 1000 // entries read in one transaction
)

var signingKey = seal.Binding{Table: "setting", Column: privateSetting, Row: 0}

// Ledger is the keeper of one database's log.
type Ledger struct {
	db     store.DB
	signer *audit.Signer // nil of a log that is only read
	now    func() time.Time
	// verifying bounds the verifications at one time: each takes memory.
	verifying chan struct{}
	// archiving lets archives take turns, and what removes their entries.
	archiving chan struct{}
	// keepMark, which may be nil, is called before checkpoints are removed.
	keepMark func(context.Context) error
	// verifier is the key that checks signatures.
	verifier string
}

// ReadOnly reads the log of a database without opening its signing key: it lists and
// verifies. The key that checks signatures is the one that the database names, which
// whoever could write the file could replace.
func ReadOnly(ctx context.Context, db store.DB) (*Ledger, error) {
	l := &Ledger{db: db, verifying: make(chan struct{}, 1), archiving: make(chan struct{}, 1)}
	err := db.View(ctx, func(r store.Reader) error {
		verifier, err := r.Setting(verifierSetting)
		l.verifier = string(verifier)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("audit verifier key: %w", err)
	}
	return l, nil
}

// Open reads the signing key of a database; see MakeKey.
func Open(ctx context.Context, db store.DB, keys Keys, now func() time.Time) (*Ledger, error) {
	l := &Ledger{db: db, now: now, verifying: make(chan struct{}, 2), archiving: make(chan struct{}, 1)}
	var sealed, verifier []byte
	err := db.View(ctx, func(r store.Reader) (err error) {
		if sealed, err = r.Setting(privateSetting); err == nil {
			verifier, err = r.Setting(verifierSetting)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("audit signing key: %w", err)
	}
	private, err := keys.Open(signingKey, sealed)
	if err != nil {
		return nil, fmt.Errorf("audit signing key: %w", err)
	}
	defer private.Wipe()
	l.signer, err = audit.NewSigner(string(private.Bytes()), string(verifier))
	l.verifier = string(verifier)
	return l, err
}

// MakeKey makes the signing key of a new database and gives the verifier key. It is
// never made anew: a log that was signed by the old one would be no log of this
// server any more. ErrConflict if there is one.
func MakeKey(tx store.Tx, keys Keys) (verifier string, err error) {
	for _, name := range []string{privateSetting, verifierSetting} {
		if _, err := tx.Setting(name); err == nil {
			return "", store.ErrConflict
		} else if !errors.Is(err, store.ErrNotFound) {
			return "", err
		}
	}
	name := make([]byte, 4)
	if _, err := rand.Read(name); err != nil {
		return "", err
	}
	private, public, err := audit.NewSigningKey("ostiary-" + hex.EncodeToString(name))
	if err != nil {
		return "", err
	}
	secret := seal.NewSecret([]byte(private))
	defer secret.Wipe()
	sealed, err := keys.Seal(signingKey, secret)
	if err != nil {
		return "", err
	}
	return public, errors.Join(tx.SetSetting(privateSetting, sealed), tx.SetSetting(verifierSetting, []byte(public)))
}

// Record appends one entry that stands for itself, such as the server's start.
func (l *Ledger) Record(ctx context.Context, e audit.Entry) error {
	e.Time = l.now()
	return l.db.Update(ctx, func(tx store.Tx) error { return tx.AppendAudit(e.Canonical()) })
}

// Run signs a checkpoint every minute in which the log grew, sums up quiet refusals,
// and calls then, until ctx ends. report is told of errors, and Run goes on.
func (l *Ledger) Run(ctx context.Context, then func(context.Context) error, report func(error)) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			err := l.Checkpoint(ctx)
			if err == nil {
				err = then(ctx)
			}
			if err != nil && ctx.Err() == nil {
				report(err)
			}
		}
	}
}

// Checkpoint sums up quiet refusals and, if the log grew since the last
// checkpoint, signs a new one.
func (l *Ledger) Checkpoint(ctx context.Context) error {
	err := l.db.Update(ctx, func(tx store.Tx) error {
		if err := l.sumUp(tx); err != nil {
			return err
		}
		head, err := tx.AuditHead()
		if err != nil {
			return err
		}
		if last, err := tx.LastCheckpoint(); err == nil {
			if c, err := audit.OpenCheckpoint(last, l.signer.VerifierKey()); err == nil && c.Size == head.Size() {
				return errNothingNew
			}
		} else if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		c, err := l.signer.Sign(head, l.now())
		if err != nil {
			return err
		}
		return tx.AddCheckpoint(c.Size, c.Note)
	})
	if err != nil && !errors.Is(err, errNothingNew) {
		return fmt.Errorf("audit checkpoint: %w", err)
	}
	return nil
}

var errNothingNew = errors.New("the log has not grown")

// sumUp turns the counts of quiet refusals into entries.
func (l *Ledger) sumUp(tx store.Tx) error {
	counts, err := tx.QuietRefusals()
	if err != nil || len(counts) == 0 {
		return err
	}
	var entries [][]byte
	for caller, n := range counts {
		entries = append(entries, audit.Entry{Time: l.now(), Action: audit.RefusalsSuppressed, Outcome: audit.Done,
			Origin: audit.Origin{Actor: "system"}, Subject: audit.Subject{Other: caller},
			After: []audit.Field{{Name: "count", Value: n}}}.Canonical())
	}
	return errors.Join(tx.AppendAudit(entries...), tx.ClearQuietRefusals())
}

// Count counts the entries that a filter chooses, as far as lists are counted.
func (l *Ledger) Count(ctx context.Context, f audit.Filter) (store.Count, error) {
	rows, next, err := l.List(ctx, f, 0, store.CountedTo)
	return store.Count{Number: len(rows), More: next > 0}, err
}

// List gives up to limit entries that a filter chooses, the newest first, below the
// place before (0: all), and the place to go on from, 0 at the end. A filtered page
// may be short or empty before the end, when much was looked at in vain.
func (l *Ledger) List(ctx context.Context, f audit.Filter, before int64, limit int) (
	rows []store.AuditRow, next int64, err error) {
	// As entries hold what is no UTF-8.
	f.Serial, f.User = repaired(f.Serial), repaired(f.User)
	err = l.db.Browse(ctx, func(r store.Reader) error {
		rows, next, err = r.FindAudit(f, before, limit)
		return err
	})
	return rows, next, err
}

func repaired(s string) string { return strings.Map(func(r rune) rune { return r }, s) }

// Signed reports whether a checkpoint of this server's says that the log had so many
// entries and this root.
func (l *Ledger) Signed(r store.Reader, size int64, root [32]byte) (bool, error) {
	notes, err := r.CheckpointsOf(size)
	for _, note := range notes {
		if c, err := audit.OpenCheckpoint(note, l.verifier); err == nil && c.Root == root {
			return true, nil
		}
	}
	return false, err
}

// Newest reads the newest checkpoint; that of the empty log if there is none.
func (l *Ledger) Newest(r store.Reader) (audit.Checkpoint, error) {
	note, err := r.LastCheckpoint()
	if errors.Is(err, store.ErrNotFound) {
		return audit.Checkpoint{Root: (&audit.Frontier{}).Root()}, nil
	} else if err != nil {
		return audit.Checkpoint{}, err
	}
	return audit.OpenCheckpoint(note, l.verifier)
}

// Latest gives the newest checkpoint and the key that checks it. It signs one
// first if the log grew since.
func (l *Ledger) Latest(ctx context.Context) (note, verifierKey string, err error) {
	if err := l.Checkpoint(ctx); err != nil {
		return "", "", err
	}
	var given time.Time
	if err = l.db.View(ctx, func(r store.Reader) error {
		if note, err = r.LastCheckpoint(); err == nil {
			given, err = Given(r)
		}
		return err
	}); err != nil {
		return "", "", err
	}
	if now := l.now(); now.Sub(given) >= givenEvery {
		if err := l.db.Update(ctx, func(tx store.Tx) error {
			return tx.SetSetting(givenSetting, []byte(now.UTC().Format(time.RFC3339)))
		}); err != nil {
			return "", "", err
		}
	}
	return note, l.signer.VerifierKey(), nil
}

// givenEvery is how far Given may be behind: who asks for checkpoints each minute makes the
// database write no more than once in that time.
const givenEvery = 24 * time.Hour

// Given tells when somebody last got a checkpoint, to a day; zero for never.
func Given(r store.Reader) (at time.Time, err error) {
	text, err := r.Setting(givenSetting)
	if errors.Is(err, store.ErrNotFound) {
		return at, nil
	} else if err != nil {
		return at, err
	}
	return time.Parse(time.RFC3339, string(text))
}
