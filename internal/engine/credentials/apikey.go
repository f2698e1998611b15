package credentials

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/authz"
	"ostiary/internal/core/fault"
	"ostiary/internal/seal"
	"ostiary/internal/store"
)

// An API key reads "ostiary_" ‖ id (10 characters) ‖ "_" ‖ secret (26
// characters, 130 random bits). The database keeps a keyed hash of the secret and of
// what the key may do, so that a row that somebody else put there opens nothing; a
// slow hash would add nothing to 130 bits.
const keyPrefix = "ostiary_"

var keyEncoding = base32.StdEncoding.WithPadding(base32.NoPadding)

func newKey() (id, text string, hash [32]byte, err error) {
	raw := make([]byte, 6)
	if _, err := rand.Read(raw); err != nil {
		return "", "", hash, err
	}
	id = strings.ToLower(keyEncoding.EncodeToString(raw))
	secret := rand.Text()
	return id, keyPrefix + id + "_" + secret, sha256.Sum256([]byte(secret)), nil
}

// keyParts is what the stored hash of a key is over; hash is that of its secret.
func keyParts(k store.APIKey, hash []byte) [][]byte {
	helpDesk := []byte{0}
	if k.HelpDesk {
		helpDesk[0] = 1
	}
	return [][]byte{[]byte(k.ID), []byte(k.Name), []byte(k.Role), helpDesk, hash}
}

// UpgradeKeys puts keyed hashes in the place of the plain ones of an older database.
// The keys go on working.
func UpgradeKeys(tx store.Tx, hasher *seal.Hasher) error {
	all, err := tx.APIKeys()
	if err != nil {
		return err
	}
	for _, k := range all {
		if !k.Revoked.IsZero() {
			continue
		}
		keyed := hasher.Sum(keyParts(k, k.Hash)...)
		if err := tx.SetAPIKeyHash(k.ID, k.Hash, keyed[:]); err != nil {
			return fmt.Errorf("API key %s: %w", k.Name, err)
		}
	}
	return nil
}

func parseKey(text string) (id, secret string, ok bool) {
	rest, ok := strings.CutPrefix(text, keyPrefix)
	if !ok {
		return "", "", false
	}
	id, secret, ok = strings.Cut(rest, "_")
	return id, secret, ok && len(id) == 10 && len(secret) == 26
}

// Keys are the API keys of machines. The working ones are kept in memory,
// because every request brings one; Create and Revoke go to the database first.
type Keys struct {
	db     store.DB
	hasher *seal.Hasher
	now    func() time.Time

	mu   sync.RWMutex
	byID map[string]store.APIKey
}

// OpenKeys reads the working keys of a database. hasher makes keyed hashes of
// seal.KeyHash.
func OpenKeys(ctx context.Context, db store.DB, hasher *seal.Hasher, now func() time.Time) (*Keys, error) {
	k := &Keys{db: db, hasher: hasher, now: now, byID: map[string]store.APIKey{}}
	all, err := k.List(ctx)
	for _, key := range all {
		if key.Revoked.IsZero() {
			k.byID[key.ID] = key
		}
	}
	return k, err
}

// List gives all keys, the revoked ones last.
func (k *Keys) List(ctx context.Context) (all []store.APIKey, err error) {
	err = k.db.View(ctx, func(r store.Reader) error {
		all, err = r.APIKeys()
		return err
	})
	return all, err
}

// Principal tells whose key it is. ok is false for a key that is unknown, wrong
// or revoked.
func (k *Keys) Principal(text string) (p authz.Principal, ok bool) {
	id, secret, ok := parseKey(text)
	if !ok {
		return p, false
	}
	k.mu.RLock()
	key, ok := k.byID[id]
	k.mu.RUnlock()
	sum := sha256.Sum256([]byte(secret))
	if !ok || len(key.Hash) != sha256.Size || !k.hasher.Check(key.Hash, keyParts(key, sum[:])...) {
		return p, false
	}
	role, err := authz.ParseRole(key.Role)
	return authz.Principal{Name: "key:" + key.Name, ID: key.ID, Role: role, HelpDesk: key.HelpDesk}, err == nil
}

const maxKeyName = 64

// Create makes a key and returns its text, which cannot be had again. by may
// only make keys of roles below its own.
func (k *Keys) Create(ctx context.Context, by authz.Principal, name string, role authz.Role, helpDesk bool,
	origin audit.Origin) (store.APIKey, string, error) {
	switch {
	case !plainName(name):
		return store.APIKey{}, "", fault.New(fault.Invalid, "key_name", fmt.Sprintf("A key's name is 1 to %d of A-Z "+
			"a-z 0-9 . _ -.", maxKeyName))
	case role == authz.None || role == authz.Root:
		return store.APIKey{}, "", fault.New(fault.Invalid, "key_role", "A key's role is verifier, portal, "+
			"operator, admin or super_admin.")
	case helpDesk && role != authz.Operator:
		return store.APIKey{}, "", fault.New(fault.Invalid, "key_help_desk", "The help-desk set is for the "+
			"role operator.")
	case !by.Outranks(role):
		return store.APIKey{}, "",
			fault.New(fault.Forbidden, "role_too_high", fmt.Sprintf("As %s you can create keys of lower roles only.", by.Role))
	}
	id, text, hash, err := newKey()
	if err != nil {
		return store.APIKey{}, "", err
	}
	key := store.APIKey{ID: id, Name: name, Role: role.String(), HelpDesk: helpDesk,
		Created: k.now().UTC().Truncate(time.Millisecond)}
	keyed := k.hasher.Sum(keyParts(key, hash[:])...)
	key.Hash = keyed[:]
	err = k.db.Update(ctx, func(tx store.Tx) error {
		if err := tx.AddAPIKey(key); err != nil {
			return err
		}
		return tx.AppendAudit(audit.Entry{Time: key.Created, Action: audit.KeyCreated, Outcome: audit.Done,
			Origin: origin, Subject: audit.Subject{Other: name},
			After: []audit.Field{{Name: "hash", Value: audit.Mark(key.Hash)}, {Name: "help_desk", Value: helpDesk},
				{Name: "id", Value: id}, {Name: "role", Value: key.Role}}}.Canonical())
	})
	if errors.Is(err, store.ErrConflict) {
		err = fault.New(fault.Conflict, "key_exists", fmt.Sprintf("Key %s already exists.", name)).
			WithHint("Revoke it first, or take another name.").Because(err)
	}
	if err != nil {
		return store.APIKey{}, "", err
	}
	k.mu.Lock()
	k.byID[id] = key
	k.mu.Unlock()
	return key, text, nil
}

// Revoke ends the working key of this name. by may only revoke keys of roles
// below its own.
func (k *Keys) Revoke(ctx context.Context, by authz.Principal, name string, origin audit.Origin) error {
	var id string
	err := k.db.Update(ctx, func(tx store.Tx) error {
		all, err := tx.APIKeys()
		if err != nil {
			return err
		}
		for _, key := range all {
			if key.Name != name || !key.Revoked.IsZero() {
				continue
			}
			if role, err := authz.ParseRole(key.Role); err != nil || !by.Outranks(role) {
				return fault.New(fault.Forbidden, "role_too_high", fmt.Sprintf("As %s you can revoke keys of lower "+
					"roles only.", by.Role))
			}
			id = key.ID
			if err := tx.RevokeAPIKey(id, k.now()); err != nil {
				return err
			}
			return tx.AppendAudit(audit.Entry{Time: k.now(), Action: audit.KeyRevoked, Outcome: audit.Done,
				Origin: origin, Subject: audit.Subject{Other: name},
				Before: []audit.Field{{Name: "id", Value: id}, {Name: "role", Value: key.Role}}}.Canonical())
		}
		return fault.New(fault.NotFound, "key_not_found", fmt.Sprintf("There is no working key %s.", name)).
			WithHint("ostiary key list lists all keys.")
	})
	if err != nil {
		return err
	}
	k.mu.Lock()
	delete(k.byID, id)
	k.mu.Unlock()
	return nil
}

func plainName(s string) bool {
	if s == "" || len(s) > maxKeyName {
		return false
	}
	for _, c := range []byte(s) {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-') {
			return false
		}
	}
	return true
}
