package tables

import (
	"context"
	"errors"

	"ostiary/internal/store"
	"ostiary/internal/store/proof"
)

// Vouched has the guard take the head, and demands that it bears the MAC and that all that
// it vouches for is so. config is the digest of the small tables as they were before the
// schema was brought up to date; nil if it was. A head without a record vouches for nothing.
func (r *Reader) Vouched(config *[32]byte) error {
	row, err := r.Head()
	if err != nil || row.Record == nil && row.MAC == nil {
		return err
	}
	record, err := r.guard.Keys().Open(row)
	if err != nil {
		return err
	}
	if err := r.dialect.CheckSchema(r.ctx, r.q); err != nil {
		return err
	}
	if config == nil {
		digest, err := r.dialect.ConfigDigest(r.ctx, r.q)
		if err != nil {
			return err
		}
		config = &digest
	}
	if err := r.vouched(record, *config); err != nil {
		return err
	}
	r.guard.Adopt(row, record)
	return nil
}

// Migrated has the record say what the small tables hold now: what they held before the
// schema was brought up to date was checked.
func (t *Tx) Migrated() { t.configAltered, t.configChecked = true, true }

// furtherTags is a setting that says that all rows of proof.FurtherTables are tagged. An
// older version of this program left theirs without.
const (
	furtherTags = "further_tags"
	allTagged   = "2"    // with the tries of activations
	furtherRows = 10_000 // in one transaction
)

// TagFurther tags those rows, as they stand, the first time that the database is opened
// by a version that knows them.
func TagFurther(ctx context.Context, db store.DB) error {
	done := false
	err := db.View(ctx, func(r store.Reader) error {
		value, err := r.Setting(furtherTags)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		done = string(value) == allTagged
		return err
	})
	for err == nil && !done {
		err = db.Update(ctx, func(s store.Tx) error {
			t := s.(*Tx)
			n, err := t.tagUntagged(proof.FurtherTables, furtherRows)
			if done = n < furtherRows; err != nil || !done {
				return err
			}
			if err := t.retagFormer(proof.ActivationTable); err != nil {
				return err
			}
			return t.SetSetting(furtherTags, []byte(allTagged))
		})
	}
	return err
}
