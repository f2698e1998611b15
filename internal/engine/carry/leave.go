package carry

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"ostiary/activation"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/seal"
	"ostiary/internal/store"
	"ostiary/pskc"
)

// Rows are what the database has of a token that leaves, its secrets sealed.
type Rows struct {
	token        token.Token
	profile      store.Profile
	live         *store.Activation
	applications []store.Application
	past         []store.Activation
	since        store.CountedSince
	unbound      [][]byte
}

// longestWindow is the longest over which limits may be counted (activations.Policy).
const longestWindow = 365 * 24 * time.Hour

// history is how many activations of a token are looked at.
const history = 200

// Gather reads the rows of a token, in the transaction that lets it leave; nil if its
// type has no activation.
func Gather(r store.Reader, t token.Token, now time.Time) (*Rows, error) {
	if t.Profile == "" {
		return nil, nil
	}
	rows := &Rows{token: t}
	var err error
	if rows.profile, err = r.Profile(t.Profile); err != nil {
		return nil, fmt.Errorf("profile %s: %w", t.Profile, err)
	}
	live, err := r.LiveActivation(t.ID)
	if err == nil {
		rows.live = &live
	} else if !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	all, err := r.Activations(t.ID, history)
	if err != nil {
		return nil, err
	}
	since := now.Add(-longestWindow)
	for _, a := range all { // the newest first
		counts := a.Status == store.ActivationConfirmed && a.Ended.After(since) || a.Tries > 0 && a.LastTry.After(since)
		if a.Status == store.ActivationOpen { // it ends here, and its wrong tries count
			a.Status, a.Ended = store.ActivationCancelled, now
		}
		if counts && a.ID != live.ID {
			rows.past = append(rows.past, a)
		}
	}
	slices.Reverse(rows.past)
	if rows.applications, err = r.Applications(t.ID); err != nil {
		return nil, err
	}
	if rows.since, err = r.ActivationReset(t.ID); err != nil {
		return nil, err
	}
	rows.unbound, err = r.UnboundDevices(t.ID, maxUnbound+1)
	if err == nil && len(rows.unbound) > maxUnbound {
		err = fault.New(fault.Conflict, "too_many_devices", fmt.Sprintf("Token %s was bound to more than %d devices "+
			"before; a file cannot carry that many.", t.Identity.Serial, maxUnbound)).
			WithHint("Give its user another token: ostiary token replace.")
	}
	return rows, err
}

// Add puts what was gathered into the record of the key that the token leaves as. The
// caller wipes the key. The secret of the token must be that of its activation.
func (r *Rows) Add(k *pskc.Key, keys Keys, secret seal.Secret) error {
	if r == nil {
		return nil
	}
	vector, err := activation.ParseKeptVector(r.profile.Vector)
	if err != nil {
		return fmt.Errorf("profile %s: %w", r.profile.Name, err)
	}
	l := &Load{Profile: r.profile.Name, Vector: vector, Epoch: r.token.Condition.Epoch, unbound: r.unbound}
	defer l.Wipe()
	if l.Seed, err = keys.Open(store.ProfileBinding(r.profile.Vector), r.profile.Issuer); err != nil {
		return fmt.Errorf("issuer of profile %s: %w", r.profile.Name, err)
	}
	if err := r.addLive(l, keys); err != nil {
		return err
	}
	for _, a := range r.applications {
		l.applications = append(l.applications, stand{a.Index, a.Next, a.Drift})
	}
	for _, a := range r.past {
		l.past = append(l.past, past{Route: a.Route, Status: int(a.Status), Again: count(a.Again), Opened: millis(a.Opened),
			Ended: millis(a.Ended), Tries: a.Tries, LastTry: millis(a.LastTry)})
	}
	l.reset = [3]int64{millis(r.since.Successes), millis(r.since.Failures), millis(r.since.Interval)}
	if err := l.check(); err != nil {
		return err
	}
	if err := r.agree(l, keys, secret); err != nil {
		return err
	}
	return l.write(k)
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (r *Rows) addLive(l *Load, keys Keys) error {
	a := r.live
	if a == nil {
		return nil
	}
	l.live = &live{Route: a.Route, Reason: a.Reason, Actor: a.Actor, Self: a.Self, Owned: a.Owner != 0,
		Opened: millis(a.Opened), Expires: millis(a.Expires), Ended: millis(a.Ended), Tries: a.Tries,
		LastTry: millis(a.LastTry), Again: a.Again, SameSecret: a.SameSecret, Counters: a.Counters,
		DeviceType: a.DeviceType, DeviceName: a.DeviceName}
	for _, s := range []struct {
		column string
		sealed []byte
		into   *seal.Secret
	}{{store.ActivationSecret, a.Secret, &l.secret}, {store.ActivationDevice, a.Device, &l.device},
		{store.ActivationRegistration, a.Offer.Registration, &l.registration}} {
		if s.sealed == nil {
			continue
		}
		var err error
		if *s.into, err = keys.Open(store.ActivationBinding(a.ID, s.column), s.sealed); err != nil {
			return fmt.Errorf("%s of activation %d: %w", s.column, a.ID, err)
		}
	}
	if l.registration.Len() > 0 {
		o := a.Offer
		l.live.Locator, l.live.Request, l.live.Taken = o.Locator, o.Request, millis(o.Taken)
		l.live.Confirm, l.live.TriesLeft = o.Confirm, o.TriesLeft
	}
	return nil
}

// agree demands that what the other server will derive is what is here.
func (r *Rows) agree(l *Load, keys Keys, secret seal.Secret) error {
	if l.live == nil {
		if secret.Len() > 0 {
			return errors.New("it has a secret, but no activation that created it")
		}
		return nil
	}
	same := func(index int, stored seal.Secret) error {
		key, err := l.key(r.token.DeviceSerial(), index)
		if err != nil {
			return err
		}
		defer key.Wipe()
		if !key.Equal(stored) {
			return fmt.Errorf("the key of application %d is not that of its activation", index)
		}
		return nil
	}
	if err := same(ownIndex(l.Vector), secret); err != nil {
		return err
	}
	for _, a := range r.applications {
		stored, err := keys.Open(store.ApplicationBinding(r.token.ID, a.Index), a.Sealed)
		if err != nil {
			return fmt.Errorf("key of application %d: %w", a.Index, err)
		}
		err = same(a.Index, stored)
		stored.Wipe()
		if err != nil {
			return err
		}
	}
	return nil
}

// write puts the load into a record.
func (l *Load) write(k *pskc.Key) error {
	add := func(name, value string) { k.Record = append(k.Record, pskc.Property{Name: name, Value: value}) }
	add(nameProfile, l.Profile)
	add(nameVector, base64.StdEncoding.EncodeToString(l.Vector.Bytes()))
	add(nameEpoch, strconv.FormatInt(l.Epoch, 10))
	for _, f := range []struct {
		name  string
		value any
		there bool
	}{{nameActivation, l.live, l.live != nil}, {nameApplications, l.applications, len(l.applications) > 0},
		{namePast, l.past, len(l.past) > 0}, {nameReset, l.reset, l.reset != [3]int64{}}} {
		if !f.there {
			continue
		}
		text, err := json.Marshal(f.value)
		if err != nil {
			return err
		}
		if f.name == namePast {
			text = l.shorten(text)
		}
		add(f.name, string(text))
	}
	for i, some := range slices.Collect(slices.Chunk(l.unbound, unboundEach)) {
		texts := make([]string, len(some))
		for n, fingerprint := range some {
			texts[n] = base64.StdEncoding.EncodeToString(fingerprint)
		}
		add(namesUnbound[i], strings.Join(texts, " "))
	}
	for _, h := range []struct {
		name   string
		secret seal.Secret
	}{{nameIssuer, l.Seed}, {nameSecret, l.secret}, {nameDevice, l.device}, {nameRegistration, l.registration}} {
		if h.secret.Len() > 0 {
			k.Hidden = append(k.Hidden, pskc.HiddenProperty{Name: h.name, Value: slices.Clone(h.secret.Bytes())})
		}
	}
	return nil
}

// shorten leaves out the oldest until the text fits; what they count for goes to the
// one behind them, so that no limit begins anew by a move. It counts as of the latest.
func (l *Load) shorten(text []byte) []byte {
	for len(text) > maxValue && len(l.past) > 1 {
		first, next := l.past[0], &l.past[1]
		l.past = l.past[1:]
		next.Tries += first.Tries
		next.LastTry = max(next.LastTry, first.LastTry)
		if next.More += first.More; first.confirmed() && first.Again == 1 {
			next.More++
			first.MoreEnded = max(first.MoreEnded, first.Ended)
		}
		next.MoreEnded = max(next.MoreEnded, first.MoreEnded)
		text, _ = json.Marshal(l.past) // numbers and strings always can
	}
	return text
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}
