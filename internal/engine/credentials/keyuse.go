package credentials

import (
	"context"
	"sync/atomic"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/store"
)

// Every request uses a key, and a write for each would cost what deciding a code costs.
// So the last use is kept in memory, and saved each SaveUseEvery and at the end: after a
// crash it is up to that much behind.

// SaveUseEvery is how far the last use of a key may be behind after a crash.
const SaveUseEvery = 5 * time.Minute

// toldEvery is how often the log tells of one key that it is used after its end.
const toldEvery = time.Hour

// use is when a key was last used, in milliseconds; 0 for never.
type use struct {
	now   atomic.Int64
	saved atomic.Int64 // in the database
	told  atomic.Int64 // when the log was told last that it has expired
}

func newWorkingKey(key store.APIKey) *workingKey {
	w := &workingKey{APIKey: key}
	if !key.LastUsed.IsZero() {
		w.use.now.Store(key.LastUsed.UnixMilli())
		w.use.saved.Store(key.LastUsed.UnixMilli())
	}
	return w
}

func (u *use) note(at time.Time) { u.now.Store(at.UnixMilli()) }

func (u *use) last() time.Time {
	if ms := u.now.Load(); ms != 0 {
		return time.UnixMilli(ms).UTC()
	}
	return time.Time{}
}

// working gives the keys that were not revoked.
func (k *Keys) working() (all []*workingKey) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	for _, w := range k.byID {
		all = append(all, w)
	}
	return all
}

// SaveUse writes when keys were last used, if any was since the last time.
func (k *Keys) SaveUse(ctx context.Context) error {
	at := map[*workingKey]int64{}
	for _, w := range k.working() {
		if now := w.use.now.Load(); now != w.use.saved.Load() {
			at[w] = now
		}
	}
	if len(at) == 0 {
		return nil
	}
	err := k.db.Update(ctx, func(tx store.Tx) error {
		for w, now := range at {
			if err := tx.NoteKeyUse(w.ID, time.UnixMilli(now)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for w, now := range at {
		w.use.saved.Store(now)
	}
	return nil
}

// noteUse writes when a key was last used.
func (k *Keys) noteUse(tx store.Tx, id string) error {
	k.mu.RLock()
	w := k.byID[id]
	k.mu.RUnlock()
	if w == nil || w.use.last().IsZero() {
		return nil
	}
	return tx.NoteKeyUse(id, w.use.last())
}

// TellExpired tells the log of a right key that is used after its end, once an hour for
// each. Who asked is told nothing of it.
func (k *Keys) TellExpired(ctx context.Context, text, source, request string) error {
	key, now := k.find(text), k.now()
	if key == nil || !expired(key.APIKey, now) {
		return nil
	}
	last := key.use.told.Load()
	if last != 0 && now.Sub(time.UnixMilli(last)) < toldEvery || !key.use.told.CompareAndSwap(last, now.UnixMilli()) {
		return nil
	}
	return k.db.Update(ctx, func(tx store.Tx) error {
		return tx.AppendAudit(audit.Entry{Time: now, Action: audit.KeyExpired, Outcome: audit.Refused, Reason: "expired",
			Origin: audit.Origin{Actor: "key:" + key.Name, ActorID: key.ID, Role: key.Role, Source: source,
				Request: request},
			Subject: audit.Subject{Other: key.Name},
			Before:  []audit.Field{{Name: "expires", Value: audit.Stamp(key.Expires)}}}.Canonical())
	})
}

// NextExpiry is when the first of the keys that work now ends; zero if none does.
func (k *Keys) NextExpiry() (next time.Time) {
	now := k.now()
	for _, w := range k.working() {
		if !w.Expires.IsZero() && !expired(w.APIKey, now) && (next.IsZero() || w.Expires.Before(next)) {
			next = w.Expires
		}
	}
	return next
}
