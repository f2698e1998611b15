package sqlite

import (
	"database/sql/driver"
	"errors"
	"fmt"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
	"ostiary/internal/store/proof"
)

// readTagged reads the tag of a token and what it is over.
func (r *hotRows) readTagged(id token.ID) (tag []byte, text proof.Text, err error) {
	values := make([]driver.Value, 1+proof.TokenTable.Width())
	ok, err := r.hot.taggedToken.row(values, int64(id))
	if err == nil && !ok {
		err = store.ErrNotFound
	}
	if err != nil {
		return nil, nil, fmt.Errorf("token %d: %w", id, err)
	}
	tag, _ = values[0].([]byte)
	text, err = proof.TextOf(values[1:])
	return tag, text, err
}

// Right reports whether a token carries its tag.
func (r *hotRows) Right(id token.ID) (bool, error) {
	if !r.guard.Begun() {
		return true, nil
	}
	tag, text, err := r.readTagged(id)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	right := err != nil || r.guard.Right(proof.TokenTable.Name, tag, func() []byte { return text })
	if !right {
		_ = r.guard.Forged(proof.TokenTable.Name, fmt.Sprint(id)) // the alarm; the code is judged anew, and refused
	}
	return right, err
}

// Retag writes the tag of a token that its first code has proven.
func (r *hotRows) Retag(id token.ID) error {
	keys := r.guard.Keys()
	if keys == nil {
		return nil
	}
	_, text, err := r.readTagged(id)
	if err != nil {
		return err
	}
	_, err = r.hot.tagToken.exec(keys.Tag(proof.TokenTable.Name, text), int64(id))
	return err
}
