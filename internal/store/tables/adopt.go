package tables

import (
	"errors"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
	"ostiary/internal/store/query"
)

func (r *Reader) UnboundDevices(id token.ID, limit int) ([][]byte, error) {
	return query.All(r.ctx, r.q, query.Value[[]byte], "SELECT fingerprint FROM unbound_device WHERE token = ? "+
		"ORDER BY fingerprint LIMIT ?", int64(id), limit)
}

// The two ways in which a token has a device serial: its own serial, or its key id.
const (
	accountSQL = "SELECT " + TokenColumns + tokenTables + " WHERE t.profile = ?1 AND t.profile <> '' AND " +
		"t.serial = ?2 AND t.key_id = '' AND (t.run = ?3 OR " + published + ") LIMIT 1"
	givenAccountSQL = "SELECT " + TokenColumns + tokenTables + " WHERE t.profile = ?1 AND t.profile <> '' AND " +
		"t.key_id = ?2 AND t.key_id <> '' AND (t.run = ?3 OR " + published + ") LIMIT 1"
)

func (r *Reader) Account(profile, serial string, run int64) (token.Token, error) {
	t, err := query.One(r.ctx, r.q, scanToken, accountSQL, profile, serial, run)
	if errors.Is(err, store.ErrNotFound) {
		t, err = query.One(r.ctx, r.q, scanToken, givenAccountSQL, profile, serial, run)
	}
	return t, err
}

func (t *Tx) AdoptActivations(id token.ID, adopted store.Adoption) error {
	if _, err := query.One(t.ctx, t.q, query.Value[int64], "SELECT id FROM token t WHERE id = ? AND run > 0 AND NOT "+
		published, int64(id)); errors.Is(err, store.ErrNotFound) {
		return store.ErrConflict
	} else if err != nil {
		return err
	}
	for _, a := range adopted.Activations {
		if err := t.adopt(id, a); err != nil {
			return err
		}
	}
	if adopted.Since != (store.CountedSince{}) {
		if err := t.SetActivationReset(id, adopted.Since); err != nil {
			return err
		}
	}
	for _, fingerprint := range adopted.Unbound {
		if err := t.rememberUnbound(id, fingerprint); err != nil {
			return err
		}
	}
	return nil
}

func (t *Tx) adopt(id token.ID, a store.Activation) error {
	if a.Status == store.ActivationOpen {
		return store.ErrConflict
	}
	counters, err := countersText(a.Counters)
	if err != nil {
		return err
	}
	if a.Offer.Locator != "" {
		taken, err := query.One(t.ctx, t.q, query.Value[bool], "SELECT EXISTS (SELECT 1 FROM activation WHERE locator = ?)",
			a.Offer.Locator)
		if err != nil {
			return err
		} else if taken {
			a.Offer = store.Offer{}
		}
	}
	var locator any
	if a.Offer.Locator != "" {
		locator = a.Offer.Locator
	}
	_, err = t.Change(`INSERT INTO activation (id, token, profile, owner, route, reason, actor, self, opened, expires, status,
		ended, tries, last_try, again, same_secret, counters, secret, device, device_mark, device_type, device_name,
		locator, registration, request, taken, confirm, result)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		a.ID, int64(id), a.Profile, a.Owner, a.Route, a.Reason, a.Actor, a.Self, query.Millis(a.Opened),
		query.Millis(a.Expires), int64(a.Status), query.Millis(a.Ended), a.Tries, query.Millis(a.LastTry), a.Again,
		a.SameSecret, counters, a.Secret, a.Device, a.DeviceMark, a.DeviceType, a.DeviceName, locator,
		a.Offer.Registration, a.Offer.Request, query.Millis(a.Offer.Taken), a.Offer.Confirm, a.Offer.TriesLeft)
	t.added(activationKey(a.ID))
	return err
}
