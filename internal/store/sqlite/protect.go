package sqlite

import (
	"context"
	"errors"

	"ostiary/internal/seal"
	"ostiary/internal/store"
	"ostiary/internal/store/tables"
)

// Protect checks the head and what it vouches for, between two transactions: the
// index may be written already.
func (db *DB) Protect(ctx context.Context, key *seal.Integrity, alarm func(store.Alarm)) (bool, error) {
	if err := db.guard.Use(key, alarm); err != nil {
		return false, err
	}
	err := db.writer.line.Between(func() error { return db.adopt(ctx) })
	begun := db.guard.Begun()
	if err != nil || !begun {
		return false, err
	}
	if !db.migrated {
		return true, errors.Join(db.checkIndex(ctx), tables.TagFurther(ctx, db))
	}
	// What the tables held before the migrations was checked; the record is to say
	// what they hold now.
	err = db.Update(ctx, func(s store.Tx) error {
		s.(*tables.Tx).Migrated()
		return s.(*tables.Tx).Index().CheckIndex()
	})
	return true, errors.Join(err, tables.TagFurther(ctx, db))
}

// adopt takes the head that is there for the one that was written last, if it bears
// the MAC and all that it vouches for is so.
func (db *DB) adopt(ctx context.Context) error {
	return db.View(ctx, func(r store.Reader) error { return r.(*tables.Reader).Vouched(&db.before) })
}

func (db *DB) checkIndex(ctx context.Context) error {
	return db.Update(ctx, func(t store.Tx) error { return t.(*tables.Tx).Index().CheckIndex() })
}
