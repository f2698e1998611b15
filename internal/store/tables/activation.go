package tables

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
	"ostiary/internal/store/proof"
	"ostiary/internal/store/query"
)

const activationQuery = `SELECT id, token, profile, owner, route, reason, actor, self <> 0, opened, expires, status, ended, tries, last_try,
	again <> 0, same_secret <> 0, counters, secret, device, device_mark, device_type, device_name,
	coalesce(locator, ''), registration, password, request, taken, answer, confirm, result FROM activation`

func scanActivation(s query.Scanner) (a store.Activation, err error) {
	var opened, expires, ended, lastTry, taken int64
	var counters string
	o := &a.Offer
	err = s.Scan(&a.ID, &a.Token, &a.Profile, &a.Owner, &a.Route, &a.Reason, &a.Actor, &a.Self, &opened, &expires,
		&a.Status, &ended, &a.Tries, &lastTry,
		&a.Again, &a.SameSecret, &counters, &a.Secret, &a.Device, &a.DeviceMark, &a.DeviceType, &a.DeviceName,
		&o.Locator, &o.Registration, &o.Password, &o.Request, &taken, &o.Answer, &o.Confirm, &o.TriesLeft)
	if err != nil {
		return a, err
	}
	a.Opened, a.Expires, a.Ended, a.LastTry, o.Taken = query.Time(opened), query.Time(expires), query.Time(ended),
		query.Time(lastTry), query.Time(taken)
	if counters != "" {
		err = json.Unmarshal([]byte(counters), &a.Counters)
	}
	return a, err
}

// countersText is how counters are kept; empty for none.
func countersText(counters []uint64) (string, error) {
	if counters == nil {
		return "", nil
	}
	text, err := json.Marshal(counters)
	return string(text), err
}

// checkedActivation reads one that somebody gets in by: an index finds its number, and the
// row says whether it is what was asked for.
func (r *Reader) checkedActivation(asked func(store.Activation) bool, where string, arg any) (
	a store.Activation, err error) {
	id, err := query.One(r.ctx, r.q, query.Value[int64], "SELECT id FROM activation WHERE "+where, arg)
	if err == nil {
		a, err = query.One(r.ctx, r.q, scanActivation, activationQuery+" WHERE id = ?", id)
	}
	if err == nil && !asked(a) {
		err = r.misled(proof.ActivationIndex, id)
	}
	if err == nil {
		err = r.check(activationKey(id))
	}
	return a, err
}

func activationKey(id int64) proof.Row { return proof.Row{Table: proof.ActivationTable, ID: id} }

func (r *Reader) OpenActivation(id token.ID) (store.Activation, error) {
	asked := func(a store.Activation) bool { return a.Token == id && a.Status == store.ActivationOpen }
	return r.checkedActivation(asked, "token = ? AND status = 0", int64(id))
}

func (r *Reader) CountOpenActivations() (store.Count, error) {
	n, err := query.One(r.ctx, r.q, query.Value[int], fmt.Sprintf("SELECT count(*) FROM (SELECT token FROM activation %s "+
		"WHERE status = 0 AND token > 0 LIMIT %d) x", r.dialect.Indexed("activation_open"), store.CountedTo+1))
	return store.Count{Number: min(n, store.CountedTo), More: n > store.CountedTo}, err
}

func (r *Reader) LiveActivation(id token.ID) (store.Activation, error) {
	asked := func(a store.Activation) bool { return a.Token == id && a.Status == store.ActivationConfirmed }
	return r.checkedActivation(asked, "token = ? AND status = 1 AND secret IS NOT NULL", int64(id))
}

func (r *Reader) OfferedActivation(locator string) (store.Activation, error) {
	asked := func(a store.Activation) bool { return a.Offer.Locator == locator }
	return r.checkedActivation(asked, "locator = ?", locator)
}

func (r *Reader) Activations(id token.ID, limit int) ([]store.Activation, error) {
	return query.All(r.ctx, r.q, scanActivation, activationQuery+" WHERE token = ? ORDER BY id DESC LIMIT ?", int64(id),
		limit)
}

func (r *Reader) CountActivations(id token.ID, since store.CountedSince) (store.ActivationCounts, error) {
	return query.One(r.ctx, r.q, func(s query.Scanner) (c store.ActivationCounts, err error) {
		var last int64
		err = s.Scan(&c.Successes, &c.Failures, &last)
		c.LastSuccess = query.Time(last)
		return c, err
	}, `SELECT count(*) FILTER (WHERE status = 1 AND again = 1 AND ended >= ?2),
		CAST(coalesce(sum(tries) FILTER (WHERE last_try >= ?3), 0) AS BIGINT),
		coalesce(max(ended) FILTER (WHERE status = 1 AND ended >= ?4), 0) FROM activation WHERE token = ?1`,
		int64(id), query.Millis(since.Successes), query.Millis(since.Failures), query.Millis(since.Interval))
}

func (r *Reader) ActivationReset(id token.ID) (store.CountedSince, error) {
	c, err := query.One(r.ctx, r.q, func(s query.Scanner) (c store.CountedSince, err error) {
		var successes, failures, interval int64
		err = s.Scan(&successes, &failures, &interval)
		return store.CountedSince{Successes: query.Time(successes), Failures: query.Time(failures),
			Interval: query.Time(interval)}, err
	}, "SELECT successes, failures, interval FROM activation_reset WHERE token = ?", int64(id))
	if errors.Is(err, store.ErrNotFound) {
		err = nil
	}
	return c, err
}

func (r *Reader) Unbound(id token.ID, fingerprint []byte) (bool, error) {
	return query.One(r.ctx, r.q, query.Value[bool], "SELECT EXISTS (SELECT 1 FROM unbound_device WHERE token = ? AND "+
		"fingerprint = ?)", int64(id), fingerprint)
}

func (t *Tx) NextActivationID() (int64, error) { return t.dialect.Reserve(t.ctx, t.q, "activation", 1) }

func (t *Tx) AddActivation(a store.Activation) error {
	counters, err := countersText(a.Counters)
	if err != nil {
		return err
	}
	var locator any
	if a.Offer.Locator != "" {
		locator = a.Offer.Locator
	}
	err = t.insertOne(`INSERT INTO activation (id, token, profile, owner, route, reason, actor, self, opened, expires, status,
		again, same_secret, counters, secret, locator, registration, password) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?, ?, ?, ?)`,
		a.ID, int64(a.Token), a.Profile, a.Owner, a.Route, a.Reason, a.Actor, a.Self, query.Millis(a.Opened),
		query.Millis(a.Expires),
		a.Again, a.SameSecret, counters, a.Secret, locator, a.Offer.Registration, a.Offer.Password)
	t.added(activationKey(a.ID))
	return err
}

// forgetSecrets is what goes when an activation ends unconfirmed.
const forgetSecrets = "secret = NULL, registration = NULL, password = NULL, answer = NULL"

func (t *Tx) EndActivation(id int64, status store.ActivationStatus, at time.Time) error {
	if err := t.alter(activationKey(id)); err != nil {
		return err
	}
	return t.changeOne("UPDATE activation SET status = ?1, ended = ?2, "+forgetSecrets+" WHERE id = ?3 AND status = "+
		"0 AND ?1 > 1",
		int64(status), query.Millis(at), id)
}

func (t *Tx) TakeActivation(id int64, by store.Taking) error {
	counters, err := countersText(by.Counters)
	if err != nil {
		return err
	}
	if err := t.alter(activationKey(id)); err != nil {
		return err
	}
	return t.changeOne(`UPDATE activation SET request = ?1, taken = ?2, device_type = ?3, device_name = ?4, counters = ?5, answer = ?6, password = NULL
		WHERE id = ?7 AND status = 0 AND locator IS NOT NULL AND request IS NULL AND expires > ?2 AND tries < ?8`,
		by.Request, query.Millis(by.At), by.DeviceType, by.DeviceName, counters, by.Answer, id, by.Tries)
}

func (t *Tx) FailActivation(id int64, confirm []byte, at time.Time, limit int) (left int, err error) {
	if err := t.alter(activationKey(id)); err != nil {
		return 0, err
	}
	left, err = query.One(t.ctx, t.q, query.Value[int], `UPDATE activation SET tries = tries + 1, last_try = ?2, confirm = coalesce(?3, confirm),
		result = CASE WHEN ?3 IS NULL THEN result ELSE ?4 - tries - 1 END
		WHERE id = ?1 AND status = 0 AND expires > ?2 AND tries < ?4 RETURNING ?4 - tries`, id, query.Millis(at), confirm, limit)
	if errors.Is(err, store.ErrNotFound) {
		return 0, store.ErrConflict
	}
	if err == nil && left == 0 {
		// The registration code stays, so that the device hears that it was the last.
		err = t.changeOne("UPDATE activation SET status = 4, ended = ?2, secret = NULL, password = NULL, answer = "+
			"NULL WHERE id = ?1 AND status = 0", id, query.Millis(at))
	}
	return left, err
}

// swapSQL makes the epoch of an activation the token's. Every condition stands here,
// and the row count is the verdict. swapSharedSQL is that for a secret that stays and
// that others hold, too; AdvanceEvents or AdvanceSeconds follows.
//
//	?1 next  ?2 drift  ?3 now  ?4 token  ?5 to ?8 epoch, next, state, owner as seen
//	?9 whether the secret stays  ?10 activation  ?11 fingerprint of the device
//	?12 the wrong confirmations that end an activation
//	?13 mark  ?14 where the code begins  ?15 the floor as seen
const (
	swapAny = `UPDATE condition SET epoch = epoch + 1, next = ?1, drift = ?2, failures = 0, retry_at = 0, state = 0,
	  twin = CASE ?9 WHEN 0 THEN NULL ELSE twin END
	WHERE token = ?4 AND epoch = ?5 AND next = ?6 AND state = ?7 AND coalesce(owner, 0) = ?8
	  AND state IN (0, 1, 4) AND (not_after = 0 OR not_after > ?3)
	  AND (?9 = 0 OR (state = 0 AND next < ?1))
	  AND EXISTS (SELECT 1 FROM import_run WHERE id = run AND published > 0)
	  AND EXISTS (SELECT 1 FROM activation a WHERE a.id = ?10 AND a.token = ?4 AND a.status = 0 AND a.expires > ?3
	              AND a.tries < ?12 AND a.same_secret = ?9 AND (a.owner = 0 OR a.owner = coalesce(condition.owner, 0)))
	  AND NOT EXISTS (SELECT 1 FROM unbound_device d WHERE d.token = ?4 AND d.fingerprint = ?11)`

	swapSQL = swapAny + " AND (?9 = 0 OR twin IS NULL)"

	swapEventsSQL = swapAny + ` AND twin = ?13 AND EXISTS (SELECT 1 FROM secret s WHERE s.mark = ?13
	  AND s.events <= ?14 AND s.events = ?15)`
	swapSecondsSQL = swapAny + ` AND twin = ?13 AND EXISTS (SELECT 1 FROM secret s WHERE s.mark = ?13
	  AND s.seconds <= ?14 AND s.seconds = ?15)`
)

// swap makes the epoch the token's, or says that it may not be.
func (t *Tx) swap(e store.Epoch) error {
	args := []any{int64(e.Next), e.Drift, query.Millis(e.Now), int64(e.Token), e.Seen.Epoch, int64(e.Seen.Own()),
		int64(e.Seen.State), e.Seen.Owner, e.SameSecret, e.Activation, e.Fingerprint, e.Tries}
	shared := e.Seen.Shared
	if !e.SameSecret || shared.Mark == 0 {
		return t.changeOne(swapSQL, args...)
	}
	write, advance := swapEventsSQL, AdvanceEvents
	if e.Spec.Timed() {
		write, advance = swapSecondsSQL, AdvanceSeconds
	}
	if err := t.changeOne(
		write, append(args, int64(shared.Mark), e.Spec.Begins(e.Next-1), shared.Floor)...); err != nil {
		return err
	}
	t.Effects.Touched.All = true // every holder of the secret
	return t.changeOne(advance, e.Spec.Begins(e.Next), int64(shared.Mark), shared.Floor)
}

func (t *Tx) ConfirmActivation(e store.Epoch) error {
	if err := errors.Join(t.alterToken(e.Token), t.alterLive(e.Token),
		t.alter(activationKey(e.Activation))); err != nil {
		return err
	}
	if err := t.swap(e); err != nil {
		return err
	}
	if err := t.changeOne("UPDATE token SET secret = ?, mark = nullif(?, 0), state_reason = '' WHERE id = ?", e.Sealed,
		int64(e.Mark), int64(e.Token)); err != nil {
		return err
	}
	if err := t.SetApplications(e.Token, e.Applications); err != nil {
		return err
	}
	if _, err := t.Change("UPDATE activation SET secret = NULL, device = NULL WHERE token = ? AND status = 1",
		int64(e.Token)); err != nil {
		return err
	}
	if err := t.rememberUnbound(e.Token, e.Former); err != nil {
		return err
	}
	return t.changeOne(`UPDATE activation SET status = 1, ended = ?2, device = ?3, device_mark = ?4, confirm = ?5, password = NULL,
		owner = coalesce((SELECT c.owner FROM condition c WHERE c.token = activation.token), 0) WHERE id = ?1 AND status = 0`,
		e.Activation, query.Millis(e.Now), e.Device, e.DeviceMark, e.Confirm)
}

// alterLive is alter for the confirmed activations of a token.
func (t *Tx) alterLive(id token.ID) error {
	ids, err := query.All(t.ctx, t.q, query.Value[int64], "SELECT id FROM activation WHERE token = ? AND status = 1",
		int64(id))
	for _, one := range ids {
		err = errors.Join(err, t.alter(activationKey(one)))
	}
	return err
}

func (t *Tx) rememberUnbound(id token.ID, fingerprint []byte) error {
	if fingerprint == nil {
		return nil
	}
	_, err := t.Change("INSERT INTO unbound_device (token, fingerprint) VALUES (?, ?) ON CONFLICT DO NOTHING",
		int64(id), fingerprint)
	return err
}

func (t *Tx) Unbind(id token.ID, epoch int64, sealed []byte, applications []store.Application,
	fingerprint []byte) error {
	if err := errors.Join(t.alterToken(id), t.alterLive(id)); err != nil {
		return err
	}
	if err := t.changeOne("UPDATE condition SET state = CASE state WHEN 0 THEN 4 ELSE state END, twin = NULL WHERE "+
		"token = ? AND epoch = ?", int64(id), epoch); err != nil {
		return err
	}
	if err := t.changeOne("UPDATE token SET secret = ?, mark = NULL WHERE id = ?", sealed, int64(id)); err != nil {
		return err
	}
	if err := t.SetApplications(id, applications); err != nil {
		return err
	}
	if err := t.changeOne("UPDATE activation SET secret = NULL, device = NULL WHERE token = ? AND status = 1 AND "+
		"secret IS NOT NULL", int64(id)); err != nil {
		return err
	}
	return t.rememberUnbound(id, fingerprint)
}

func (t *Tx) SetActivationReset(id token.ID, since store.CountedSince) error {
	_, err := t.Change(`INSERT INTO activation_reset (token, successes, failures, interval) VALUES (?, ?, ?, ?)
		ON CONFLICT (token) DO UPDATE SET successes = excluded.successes, failures = excluded.failures, interval = excluded.interval`,
		int64(id), query.Millis(since.Successes), query.Millis(since.Failures), query.Millis(since.Interval))
	return err
}

// keepsRegistration are the activations that have ended and of which a device may still
// have to learn how: the one that counts, and one whose tries are used up, as long as it
// would have been open.
const keepsRegistration = "(status = 1 AND secret IS NOT NULL OR status = 4 AND expires > ?2)"

func (t *Tx) ExpireActivations(now, answered time.Time) ([]store.Activation, error) {
	ended, err := query.All(t.ctx, t.q, scanActivation, activationQuery+" WHERE status = 0 AND expires <= ? ORDER BY "+
		"id LIMIT 500", query.Millis(now))
	if err != nil {
		return nil, err
	}
	// A forged one takes part in nothing, and keeps no other from ending.
	kept := ended[:0]
	for _, a := range ended {
		err := t.EndActivation(a.ID, store.ActivationExpired, now)
		if errors.Is(err, store.ErrForged) {
			continue
		} else if err != nil {
			return nil, fmt.Errorf("activation %d: %w", a.ID, err)
		}
		kept = append(kept, a)
	}
	forgotten, err := query.All(t.ctx, t.q, query.Value[int64], "SELECT id FROM activation WHERE status > 0 AND ended <= "+
		"?1 AND (answer IS NOT NULL OR registration IS NOT NULL AND NOT "+keepsRegistration+")", query.Millis(answered),
		query.Millis(now))
	if err != nil {
		return nil, err
	}
	for _, id := range forgotten {
		err := t.alter(activationKey(id))
		if err == nil {
			_, err = t.Change("UPDATE activation SET answer = NULL, registration = CASE WHEN "+keepsRegistration+
				" THEN registration END WHERE id = ?1", id, query.Millis(now))
		}
		if err != nil && !errors.Is(err, store.ErrForged) {
			return nil, err
		}
	}
	return kept, nil
}
