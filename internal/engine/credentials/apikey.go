package credentials

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
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

// keyParts is what the stored hash of a key is over; hash is that of its secret. The end
// of a key that has one is a part more, so that it is neither moved nor taken away.
func keyParts(k store.APIKey, hash []byte) [][]byte {
	helpDesk := []byte{0}
	if k.HelpDesk {
		helpDesk[0] = 1
	}
	parts := [][]byte{[]byte(k.ID), []byte(k.Name), []byte(k.Role), helpDesk, hash}
	if !k.Expires.IsZero() {
		parts = append(parts, binary.BigEndian.AppendUint64(nil, uint64(k.Expires.UnixMilli())))
	}
	return parts
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
// because every request brings one; Create and Revoke go to the database first. What
// another node has changed there is known after Reload.
type Keys struct {
	db     store.DB
	hasher *seal.Hasher
	now    func() time.Time

	// changing is held from before the database is read or changed until byID is as it
	// says, so that no older reading takes the place of a newer change.
	changing sync.Mutex

	mu   sync.RWMutex
	byID map[string]*workingKey
}

// workingKey is a key that was not revoked.
type workingKey struct {
	store.APIKey
	use use
	// proven is the hash of the secret, once one was right under the keyed hash, which
	// would be made anew for every request otherwise. The key cannot change in memory.
	proven atomic.Pointer[[sha256.Size]byte]
}

// right reports whether a secret is the key's.
func (w *workingKey) right(h *seal.Hasher, secret string) bool {
	sum := sha256.Sum256([]byte(secret))
	if proven := w.proven.Load(); proven != nil {
		return subtle.ConstantTimeCompare(proven[:], sum[:]) == 1
	}
	if len(w.Hash) != sha256.Size || !h.Check(w.Hash, keyParts(w.APIKey, sum[:])...) {
		return false
	}
	w.proven.Store(&sum)
	return true
}

// expired reports whether the key has ended by itself.
func expired(k store.APIKey, now time.Time) bool {
	return !k.Expires.IsZero() && !now.Before(k.Expires)
}

// OpenKeys reads the working keys of a database. hasher makes keyed hashes of
// seal.KeyHash.
func OpenKeys(ctx context.Context, db store.DB, hasher *seal.Hasher, now func() time.Time) (*Keys, error) {
	k := &Keys{db: db, hasher: hasher, now: now, byID: map[string]*workingKey{}}
	return k, k.Reload(ctx)
}

// Reload reads the working keys again. What is known of the use of those that are the same
// stays.
func (k *Keys) Reload(ctx context.Context) error {
	k.changing.Lock()
	defer k.changing.Unlock()
	var all []store.APIKey
	err := k.db.View(ctx, func(r store.Reader) (err error) {
		if err = r.CheckSettings(); err == nil {
			all, err = r.APIKeys()
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("read the API keys: %w", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	before := k.byID
	k.byID = make(map[string]*workingKey, len(all))
	for _, key := range all {
		if !key.Revoked.IsZero() {
			continue
		}
		w := before[key.ID]
		if w == nil || !sameKey(w.APIKey, key) {
			w = newWorkingKey(key)
		}
		k.byID[key.ID] = w
	}
	return nil
}

// sameKey reports whether two rows are of one key, and let the same callers do the same.
func sameKey(a, b store.APIKey) bool {
	return bytes.Equal(a.Hash, b.Hash) && a.Name == b.Name && a.Role == b.Role && a.HelpDesk == b.HelpDesk &&
		a.Expires.Equal(b.Expires)
}

// List gives all keys, the revoked ones last. When those that work were last used is as
// of now.
func (k *Keys) List(ctx context.Context) (all []store.APIKey, err error) {
	err = k.db.View(ctx, func(r store.Reader) error {
		all, err = r.APIKeys()
		return err
	})
	k.mu.RLock()
	defer k.mu.RUnlock()
	for i := range all {
		if w := k.byID[all[i].ID]; w != nil && w.use.last().After(all[i].LastUsed) {
			all[i].LastUsed = w.use.last()
		}
	}
	return all, err
}

// Principal tells whose key it is. ok is false for a key that is unknown, wrong,
// revoked or expired.
func (k *Keys) Principal(text string) (p authz.Principal, ok bool) {
	key, now := k.find(text), k.now()
	if key == nil || expired(key.APIKey, now) {
		return p, false
	}
	key.use.note(now)
	role, err := authz.ParseRole(key.Role)
	return authz.Principal{Name: "key:" + key.Name, ID: key.ID, Role: role, HelpDesk: key.HelpDesk}, err == nil
}

// find gives the key of a text, if it is right and was not revoked.
func (k *Keys) find(text string) *workingKey {
	id, secret, ok := parseKey(text)
	if !ok {
		return nil
	}
	k.mu.RLock()
	key := k.byID[id]
	k.mu.RUnlock()
	if key == nil || !key.right(k.hasher, secret) {
		return nil
	}
	return key
}

const maxKeyName = 64

// KeyRequest is a key that is to be made.
type KeyRequest struct {
	Name     string
	Role     authz.Role
	HelpDesk bool
	// Expires is when it ends by itself; zero for never.
	Expires time.Time
}

// Create makes a key and returns its text, which cannot be had again. by may
// only make keys of roles below its own.
func (k *Keys) Create(ctx context.Context, by authz.Principal, r KeyRequest, origin audit.Origin) (
	store.APIKey, string, error) {
	name, role, helpDesk, created := r.Name, r.Role, r.HelpDesk, k.now().UTC().Truncate(time.Millisecond)
	switch {
	case !plainName(name):
		return store.APIKey{}, "", fault.New(fault.Invalid, "key_name", fmt.Sprintf("A key's name has 1 to %d characters of A-Z "+
			"a-z 0-9 . _ -.", maxKeyName))
	case role == authz.None || role == authz.Root:
		return store.APIKey{}, "", fault.New(fault.Invalid, "key_role", "A key's role is one of verifier, portal, "+
			"operator, admin and super_admin.")
	case helpDesk && role != authz.Operator:
		return store.APIKey{}, "", fault.New(fault.Invalid, "key_help_desk", "The help-desk set is for the "+
			"role operator.")
	case !r.Expires.IsZero() && !r.Expires.After(created):
		return store.APIKey{}, "", fault.New(fault.Invalid, "key_expires", fmt.Sprintf("The expiry of the key, %s, is "+
			"not in the future.", r.Expires.Format(time.RFC3339)))
	case !by.Outranks(role):
		return store.APIKey{}, "",
			fault.New(fault.Forbidden, "role_too_high", fmt.Sprintf("As %s you can create keys only for lower roles.", by.Role))
	}
	id, text, hash, err := newKey()
	if err != nil {
		return store.APIKey{}, "", err
	}
	key := store.APIKey{ID: id, Name: name, Role: role.String(), HelpDesk: helpDesk, Created: created}
	if !r.Expires.IsZero() {
		key.Expires = r.Expires.UTC().Truncate(time.Millisecond)
	}
	keyed := k.hasher.Sum(keyParts(key, hash[:])...)
	key.Hash = keyed[:]
	k.changing.Lock()
	defer k.changing.Unlock()
	err = k.db.Update(ctx, func(tx store.Tx) error {
		if err := tx.AddAPIKey(key); err != nil {
			return err
		}
		after := []audit.Field{{Name: "hash", Value: audit.Mark(key.Hash)}, {Name: "help_desk", Value: helpDesk},
			{Name: "id", Value: id}, {Name: "role", Value: key.Role}}
		if !key.Expires.IsZero() {
			after = append(after, audit.Field{Name: "expires", Value: audit.Stamp(key.Expires)})
		}
		return tx.AppendAudit(audit.Entry{Time: key.Created, Action: audit.KeyCreated, Outcome: audit.Done,
			Origin: origin, Subject: audit.Subject{Other: name}, After: after}.Canonical())
	})
	if errors.Is(err, store.ErrConflict) {
		err = fault.New(fault.Conflict, "key_exists", fmt.Sprintf("Key %s already exists.", name)).
			WithHint("Revoke it first, or choose another name.").Because(err)
	}
	if err != nil {
		return store.APIKey{}, "", err
	}
	k.mu.Lock()
	k.byID[id] = newWorkingKey(key)
	k.mu.Unlock()
	return key, text, nil
}

// Revoke ends the working key of this name. by may only revoke keys of roles
// below its own.
func (k *Keys) Revoke(ctx context.Context, by authz.Principal, name string, origin audit.Origin) error {
	var id string
	k.changing.Lock()
	defer k.changing.Unlock()
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
				return fault.New(fault.Forbidden, "role_too_high", fmt.Sprintf("As %s you can revoke only keys of lower "+
					"roles only.", by.Role))
			}
			id = key.ID
			if err := errors.Join(tx.RevokeAPIKey(id, k.now()), k.noteUse(tx, id)); err != nil {
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
