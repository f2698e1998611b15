package integrity

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/engine/credentials"
	"ostiary/internal/engine/ledger"
	"ostiary/internal/engine/secrets"
	"ostiary/internal/seal"
	"ostiary/internal/store"
)

const (
	// genesisSetting holds the genesis while an upgrade is under way.
	genesisSetting = "integrity_genesis"
	// formerCodeKey was the key of temporary codes; it comes from the integrity key now.
	formerCodeKey = "temporary_code_key"

	upgradeRows = 10_000 // in one transaction
)

// upgrade makes a database of an older version prove itself. What stands in it is
// taken on trust, if its log is whole. It goes on where it was interrupted.
func (d *Database) upgrade(ctx context.Context, s state) error {
	if err := d.openKeys(ctx, s.data); err != nil {
		return refuse("data_key_missing", fault.Sentence("the keys of the database cannot be decrypted: "+err.Error()),
			findHint, err)
	}
	if stripped, err := knewRecords(ctx, d.cfg.DB); err != nil {
		return err
	} else if stripped {
		return refuse("record_gone", "The log was written by a version that authenticates its database, but the proof is missing.",
			findHint, nil)
	}
	entries, err := d.proveLog(ctx)
	if err != nil {
		return err
	}
	if err := d.beginUpgrade(ctx, s); err != nil {
		return err
	}
	if _, err := d.cfg.DB.Protect(ctx, d.key, d.alarm); err != nil {
		return err
	}
	total, n := int64(0), upgradeRows
	for n == upgradeRows {
		err := d.cfg.DB.Update(ctx, func(tx store.Tx) (err error) {
			n, err = tx.TagRows(upgradeRows)
			return err
		})
		if err != nil {
			return fmt.Errorf("upgrade the database: %w", err)
		}
		total += int64(n)
	}
	if err := d.writeFirstMark(); err != nil {
		return err
	}
	if err := d.cfg.DB.Update(ctx, func(tx store.Tx) error { return d.endUpgrade(tx, entries, total) }); err != nil {
		return fmt.Errorf("upgrade the database: %w", err)
	}
	return d.openLedger(ctx)
}

// entriesAtOnce are read in one page.
const entriesAtOnce = 10_000

// knewRecords tells whether the log has an entry of a version that keeps a record: then
// a database without one was stripped of it, and is not an older version's.
func knewRecords(ctx context.Context, db store.DB) (knew bool, err error) {
	var seams []audit.Seam
	err = db.View(ctx, func(r store.Reader) (err error) {
		seams, err = r.Seams()
		return err
	})
	knew = len(seams) > 0 // an older version archives nothing
	for from, n := int64(0), entriesAtOnce; err == nil && !knew && n == entriesAtOnce; from += int64(n) {
		err = db.View(ctx, func(r store.Reader) error {
			rows, err := r.AuditEntries(from, entriesAtOnce)
			n = len(rows)
			knew = slices.ContainsFunc(rows, func(row store.AuditRow) bool {
				return !bytes.HasSuffix(row.Entry, []byte(`"v":1}`))
			})
			return err
		})
	}
	return knew, err
}

// proveLog recomputes the log of an older database; it gives the number of entries.
func (d *Database) proveLog(ctx context.Context) (entries int64, err error) {
	var head *audit.Frontier
	err = d.cfg.DB.View(ctx, func(r store.Reader) (err error) {
		if head, err = r.AuditHead(); err != nil {
			return err
		}
		beyond, err := r.AuditEntries(0, 1)
		entries = max(head.Size(), int64(len(beyond)))
		return err
	})
	if err != nil {
		return 0, refuse("log_damaged", "The head of the audit log cannot be read.", findHint, err)
	}
	l, err := ledger.Open(ctx, d.cfg.DB, d.Keys, d.cfg.Now)
	if errors.Is(err, store.ErrNotFound) && entries == 0 {
		return 0, nil // its first start was interrupted
	} else if err != nil {
		return 0, refuse("signing_key_missing", "The audit log has entries, but its signing key is missing or "+
			"cannot be decrypted.",
			findHint, err)
	}
	report, err := l.Verify(ctx)
	if err != nil {
		return 0, err
	}
	if report.Problem != "" {
		return 0, refuse("log_not_whole", "The audit log is not intact: "+report.Problem+".", findHint, nil)
	}
	return report.Entries, nil
}

// beginUpgrade makes the integrity key, or opens the one that was made.
func (d *Database) beginUpgrade(ctx context.Context, s state) error {
	if len(s.genesis) == seal.GenesisSize && len(s.keys) > 0 {
		return d.unwrap(ctx, seal.Genesis(s.genesis), s.keys[0].ID, s.keys)
	}
	if s.genesis != nil || len(s.keys) > 0 {
		return refuse("integrity_key", "The head of the audit log is without its record, or the upgrade of "+
			"the database "+
			"without its key.", findHint, nil)
	}
	var genesis seal.Genesis
	if _, err := rand.Read(genesis[:]); err != nil {
		return err
	}
	wrapped, err := d.newKey(ctx, genesis)
	if err != nil {
		return err
	}
	return d.cfg.DB.Update(ctx, func(tx store.Tx) error {
		return errors.Join(tx.AddIntegrityKey(wrapped, d.cfg.Now()), tx.SetSetting(genesisSetting, genesis[:]))
	})
}

// endUpgrade does what is done at once: the few rows of keys and settings, and the
// first record.
func (d *Database) endUpgrade(tx store.Tx, entries, tagged int64) error {
	keys, err := d.key.Hasher(seal.KeyHash)
	if err != nil {
		return err
	}
	passwords, err := d.key.Hasher(seal.Password)
	if err != nil {
		return err
	}
	if err := errors.Join(credentials.UpgradeKeys(tx, keys), credentials.UpgradeRoot(tx, passwords),
		tx.DeleteSetting(genesisSetting)); err != nil {
		return err
	}
	if err := tx.DeleteSetting(formerCodeKey); err != nil && !errors.Is(err, store.ErrConflict) {
		return err
	}
	if missing, err := secrets.FormerKeyMissing(tx); err != nil {
		return err
	} else if missing {
		return refuse("fingerprint_key_missing", "The key for the records of deleted tokens is missing.", findHint, nil)
	}
	if entries == 0 {
		if _, err := ledger.MakeKey(tx, d.Keys); err != nil && !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
	return errors.Join(tx.AppendAudit(d.entry(audit.IntegrityBegun, audit.Field{Name: "entries", Value: entries},
		audit.Field{Name: "rows", Value: tagged})), tx.BeginIntegrity())
}
