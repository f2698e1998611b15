package carry

import (
	"crypto/sha256"
	"fmt"
	"time"

	"ostiary/internal/core/token"
	"ostiary/internal/engine/profiles"
	"ostiary/internal/seal"
	"ostiary/internal/store"
)

// nobodyHere is the owner of a device that is with a user of the other server, whose
// token came unassigned: nobody gets such a token before the device is unbound.
const nobodyHere = -1

// Owned tells whether the token is on the device of its owner.
func (l *Load) Owned() bool { return l != nil && l.live != nil && l.live.Owned }

// Hash tells profiles apart.
func (l *Load) Hash() [sha256.Size]byte { return l.Vector.Hash() }

// Sealed is the profile as it is added here under a name.
func (l *Load) Sealed(keys Keys, name string, at time.Time) (p store.Profile, err error) {
	p = store.Profile{Name: name, Vector: l.Vector.Bytes(), Created: at}
	p.Issuer, err = keys.Seal(store.ProfileBinding(p.Vector), l.Seed)
	return p, err
}

// Adopt gives a staged token what it brings, under the profile that it has here. The
// applications are as they begin here.
func (l *Load) Adopt(tx store.Tx, keys Keys, t token.Token) (apps []store.Application, err error) {
	if apps, err = l.further(keys, t); err != nil {
		return nil, err
	}
	if err := tx.SetApplications(t.ID, apps); err != nil {
		return nil, err
	}
	adopted := store.Adoption{Unbound: l.unbound, Since: store.CountedSince{Successes: moment(l.reset[0]),
		Failures: moment(l.reset[1]), Interval: moment(l.reset[2])}}
	placed := l.live == nil
	for _, p := range l.past {
		if !placed && p.Opened > l.live.Opened {
			if err := l.adoptLive(tx, keys, t, &adopted); err != nil {
				return nil, err
			}
			placed = true
		}
		for range p.More {
			a := store.Activation{Token: t.ID, Profile: t.Profile, Owner: t.Condition.Owner, Route: p.Route, Actor: "system",
				Opened: moment(p.MoreEnded), Expires: moment(p.MoreEnded), Status: store.ActivationConfirmed,
				Ended: moment(p.MoreEnded), Again: true}
			if a.ID, err = tx.NextActivationID(); err != nil {
				return nil, err
			}
			adopted.Activations = append(adopted.Activations, a)
		}
		a := store.Activation{Token: t.ID, Profile: t.Profile, Owner: t.Condition.Owner, Route: p.Route, Actor: "system",
			Opened: moment(p.Opened), Expires: moment(p.Ended), Status: store.ActivationStatus(p.Status),
			Ended: moment(p.Ended), Tries: p.Tries, LastTry: moment(p.LastTry), Again: p.Again == 1}
		if a.ID, err = tx.NextActivationID(); err != nil {
			return nil, err
		}
		adopted.Activations = append(adopted.Activations, a)
	}
	if !placed {
		if err := l.adoptLive(tx, keys, t, &adopted); err != nil {
			return nil, err
		}
	}
	return apps, tx.AdoptActivations(t.ID, adopted)
}

// further derives and seals the keys of the further applications; of a token without a
// device they are empty.
func (l *Load) further(keys Keys, t token.Token) (apps []store.Application, err error) {
	for _, s := range l.applications {
		app, err := l.Vector.Application(s.Index)
		if err != nil {
			return nil, err
		}
		a := store.Application{Token: t.ID, Index: s.Index, Mode: app.Mode, Spec: profiles.SpecOf(app.Suite), Next: s.Next,
			Drift: s.Drift}
		var key seal.Secret
		if l.live != nil {
			if key, err = l.key(t.DeviceSerial(), s.Index); err != nil {
				return nil, err
			}
		}
		a.Sealed, err = keys.Seal(store.ApplicationBinding(t.ID, s.Index), key)
		key.Wipe()
		if err != nil {
			return nil, err
		}
		apps = append(apps, a)
	}
	return apps, nil
}

func (l *Load) adoptLive(tx store.Tx, keys Keys, t token.Token, adopted *store.Adoption) error {
	v := l.live
	a := store.Activation{Token: t.ID, Profile: t.Profile, Route: v.Route, Reason: v.Reason, Actor: v.Actor, Self: v.Self,
		Opened: moment(v.Opened), Expires: moment(v.Expires), Status: store.ActivationConfirmed, Ended: moment(v.Ended),
		Tries: v.Tries, LastTry: moment(v.LastTry), Again: v.Again, SameSecret: v.SameSecret, Counters: v.Counters,
		DeviceType: v.DeviceType, DeviceName: v.DeviceName, DeviceMark: l.DeviceMark(),
		Offer: store.Offer{Locator: v.Locator, Request: v.Request, Taken: moment(v.Taken), Confirm: v.Confirm,
			TriesLeft: v.TriesLeft}}
	if a.Owner = t.Condition.Owner; v.Owned && a.Owner == 0 {
		a.Owner = nobodyHere
	} else if !v.Owned {
		a.Owner = 0
	}
	var err error
	if a.ID, err = tx.NextActivationID(); err != nil {
		return err
	}
	for _, s := range []struct {
		column string
		secret seal.Secret
		into   *[]byte
	}{{store.ActivationSecret, l.secret, &a.Secret}, {store.ActivationDevice, l.device, &a.Device},
		{store.ActivationRegistration, l.registration, &a.Offer.Registration}} {
		if s.secret.Len() == 0 {
			continue
		}
		if *s.into, err = keys.Seal(store.ActivationBinding(a.ID, s.column), s.secret); err != nil {
			return fmt.Errorf("%s of activation %d: %w", s.column, a.ID, err)
		}
	}
	adopted.Activations = append(adopted.Activations, a)
	return nil
}

// Behind tells whether applications here stand at earlier codes than those that come.
func (l *Load) Behind(here []store.Application) bool {
	if l == nil {
		return false
	}
	next := map[int]uint64{}
	for _, a := range here {
		next[a.Index] = a.Next
	}
	for _, a := range l.applications {
		if next[a.Index] < a.Next {
			return true
		}
	}
	return false
}

// Further tells whether the token has further applications.
func (l *Load) Further() bool { return l != nil && len(l.applications) > 0 }

func moment(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
