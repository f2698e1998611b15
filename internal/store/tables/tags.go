package tables

import (
	"errors"
	"fmt"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
	"ostiary/internal/store/proof"
)

// check demands that a row carries its tag. What this transaction has changed was
// checked before that.
func (r *Reader) check(k proof.Row) error {
	if r.guard == nil || !r.guard.Begun() || r.dirty[k] {
		return nil
	}
	tag, text, err := k.Read(r.ctx, r.q)
	if err == nil && !r.guard.Right(k.Table.Name, tag, func() []byte { return text }) {
		err = r.guard.Forged(k.Table.Name, k.String())
	}
	return err
}

// misled is the error of an index that leads to another row than what was asked for, which
// only somebody else can have written.
func (r *Reader) misled(index string, id int64) error {
	if r.guard == nil || !r.guard.Begun() {
		return store.ErrNotFound
	}
	return r.guard.Forged(index, fmt.Sprint(id))
}

// checkUser is called before the number of a user is written into a row that is tagged: a
// name that somebody else gave to the number would be made good with it.
func (t *Tx) checkUser(id int64) error {
	if id == 0 {
		return nil
	}
	err := t.check(proof.Row{Table: proof.UserTable, ID: id})
	if errors.Is(err, store.ErrNotFound) {
		err = nil // the write says so
	}
	return err
}

// alter is called before a row that carries a tag is changed: it demands that the
// row is right, and has it tagged anew before the commit. A row that is not there
// is left to the write.
func (t *Tx) alter(k proof.Row) error {
	if t.guard.Keys() == nil {
		return nil
	}
	if err := t.check(k); err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	t.dirty[k] = true
	return nil
}

// alterToken is alter for a token, which is forgotten by the cache as well.
func (t *Tx) alterToken(id token.ID) error {
	t.Effects.Touched.Tokens = append(t.Effects.Touched.Tokens, id)
	return t.alter(proof.Row{Table: proof.TokenTable, ID: int64(id)})
}

// added has a new row tagged before the commit.
func (t *Tx) added(k proof.Row) {
	if t.guard.Keys() != nil {
		t.dirty[k] = true
	}
}

// retag writes the tags of the rows that the transaction has changed or added.
func (t *Tx) retag() error {
	keys := t.guard.Keys()
	for k := range t.dirty {
		_, text, err := k.Read(t.ctx, t.q)
		if errors.Is(err, store.ErrNotFound) {
			continue // deleted since
		} else if err != nil {
			return fmt.Errorf("tag %s %s: %w", k.Table.Name, k, err)
		}
		args := append([]any{keys.Tag(k.Table.Name, text)}, k.Args()...)
		if err := t.changeOne(k.Table.WriteSQL(), args...); err != nil {
			return fmt.Errorf("tag %s %s: %w", k.Table.Name, k, err)
		}
	}
	return nil
}
