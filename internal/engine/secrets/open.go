package secrets

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"

	"ostiary/internal/seal"
	"ostiary/internal/store"
)

// integritySetting holds the wrapped integrity key and the name of the database.
const integritySetting = "integrity_key"

type integrity struct {
	Genesis seal.Genesis
	Key     seal.WrappedIntegrity
}

// Open opens the Marker of a database, whose integrity key it makes the first time.
func Open(ctx context.Context, db store.DB, kek seal.KEK) (*Marker, error) {
	var kept integrity
	err := db.Update(ctx, func(tx store.Tx) error {
		text, err := tx.Setting(integritySetting)
		if err == nil {
			return json.Unmarshal(text, &kept)
		}
		if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		_, _ = rand.Read(kept.Genesis[:]) // never fails (crypto/rand)
		if kept.Key, err = seal.NewIntegrity(ctx, kek, kept.Genesis, 1); err != nil {
			return err
		}
		if text, err = json.Marshal(kept); err != nil {
			return err
		}
		return tx.SetSetting(integritySetting, text)
	})
	if err != nil {
		return nil, fmt.Errorf("integrity key: %w", err)
	}
	key, err := seal.OpenIntegrity(ctx, kek, kept.Genesis, kept.Key)
	if err != nil {
		return nil, err
	}
	h, err := key.Hasher(seal.Twin)
	if err != nil {
		return nil, err
	}
	return NewMarker(h), nil
}
