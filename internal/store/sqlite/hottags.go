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
func (d *decision) readTagged(id token.ID) (tag []byte, text proof.Text, err error) {
	values := make([]driver.Value, 1+proof.TokenTable.Width())
	ok, err := d.hot.taggedToken.row(values, int64(id))
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

// rightToken reports whether a token carries its tag.
func (d *decision) rightToken(id token.ID) (bool, error) {
	if !d.guard.Begun() {
		return true, nil
	}
	tag, text, err := d.readTagged(id)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	right := err != nil || d.guard.Right(proof.TokenTable.Name, tag, func() []byte { return text })
	if !right {
		_ = d.guard.Forged(proof.TokenTable.Name, fmt.Sprint(id)) // the alarm; the code is judged anew, and refused
	}
	return right, err
}

// retag writes the tag of a token that its first code has proven.
func (d *decision) retag(id token.ID) error {
	keys := d.guard.Keys()
	if keys == nil {
		return nil
	}
	_, text, err := d.readTagged(id)
	if err != nil {
		return err
	}
	_, err = d.hot.tagToken.exec(keys.Tag(proof.TokenTable.Name, text), int64(id))
	return err
}
