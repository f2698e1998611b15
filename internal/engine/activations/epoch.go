package activations

import (
	"bytes"
	"fmt"

	"ostiary/activation"
	"ostiary/internal/core/audit"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/profiles"
	"ostiary/internal/seal"
	"ostiary/internal/store"
)

// epoch is what a right confirmation makes of the token.
func (s *Service) epoch(p *pending, m matched, confirm []byte, tries int) (e store.Epoch, err error) {
	e = store.Epoch{Activation: p.a.ID, Token: p.token.ID, Now: s.stamp(),
		Tries: tries, Seen: p.token.Condition, SameSecret: p.a.SameSecret,
		Spec: p.token.Spec, Next: m.next, Drift: m.drift, Fingerprint: m.fingerprint, Confirm: confirm}
	if e.Sealed, e.Mark, err = s.ownKey(p, m); err != nil {
		return e, err
	}
	for _, app := range p.vector.Profile().Applications {
		if app.Index == p.app.Index {
			continue
		}
		further := store.Application{Token: p.token.ID, Index: app.Index, Mode: app.Mode,
			Spec: profiles.SpecOf(app.Suite), Next: p.beginning[app.Index]}
		if p.a.SameSecret || app.Suite.Event() { // a counter never falls
			further.Next = max(further.Next, p.liveNext[app.Index])
		}
		if further.Sealed, err = s.sealKey(
			p, m, app.Index, store.ApplicationBinding(p.token.ID, app.Index)); err != nil {
			return e, err
		}
		e.Applications = append(e.Applications, further)
	}
	if former := fingerprint(p.live); len(p.live) > 0 && !bytes.Equal(former, m.fingerprint) {
		e.Former = former
	}
	if m.device == nil {
		return e, nil
	}
	if e.DeviceMark, err = activation.DeviceDisplay(m.device); err != nil {
		return e, err
	}
	e.Device, err = s.sealed(p.a.ID, store.ActivationDevice, m.device)
	return e, err
}

// recordEpoch tells the log of all that a confirmed activation changed.
func (s *Service) recordEpoch(tx store.AuditWriter, a store.Activation, t token.Token, e store.Epoch,
	origin audit.Origin) error {
	c := t.Condition
	entry := audit.Entry{Time: s.now(), Action: audit.ActivationConfirmed, Outcome: audit.Accepted, Origin: origin,
		Subject: audit.SubjectOf(t),
		Before: append(append(audit.FailureFields(c), audit.CounterFields(c)...),
			audit.Field{Name: "epoch", Value: c.Epoch}, audit.Field{Name: "state", Value: c.State.String()}),
		After: append(audit.CounterFields(token.Condition{Next: e.Next, Drift: e.Drift}), number(a.ID),
			audit.Field{Name: "again", Value: a.Again}, audit.Field{Name: "device", Value: e.DeviceMark},
			audit.Field{Name: "device_name", Value: a.DeviceName},
			audit.Field{Name: "epoch", Value: c.Epoch + 1}, audit.Field{Name: "failures", Value: int64(0)},
			audit.Field{Name: "state", Value: token.Valid.String()})}
	if e.Fingerprint != nil {
		entry.After = append(entry.After, audit.Field{Name: "device_hash", Value: audit.Mark(e.Fingerprint)})
	}
	for _, app := range e.Applications {
		stands := audit.CounterFields(token.Condition{Next: app.Next, Drift: app.Drift})
		entry.Also = append(entry.Also, audit.Change{After: append(stands,
			audit.Field{Name: "application", Value: int64(app.Index)})})
	}
	return tx.AppendAudit(entry.Canonical())
}

// ownKey derives the key that the token itself gets, seals it and marks it.
func (s *Service) ownKey(p *pending, m matched) (sealed []byte, mark token.Mark, err error) {
	key, err := p.appKey(m, p.app.Index)
	if err != nil {
		return nil, 0, err
	}
	defer key.Wipe()
	if mark, err = s.marks.Mark(p.token.Spec, key); err != nil {
		return nil, 0, err
	}
	sealed, err = s.keys.Seal(store.SecretBinding(p.token.ID), key)
	return sealed, mark, err
}

// sealKey derives the key of a further application and seals it. It is marked
// nowhere: serial, index and device go into it, so no other token has it.
func (s *Service) sealKey(p *pending, m matched, index int, where seal.Binding) ([]byte, error) {
	key, err := p.appKey(m, index)
	if err != nil {
		return nil, err
	}
	defer key.Wipe()
	return s.keys.Seal(where, key)
}

func (p *pending) appKey(m matched, index int) (seal.Secret, error) {
	key, err := p.vector.AppKey(p.secret, p.token.DeviceSerial(), index, m.device)
	if err != nil {
		return seal.Secret{}, fmt.Errorf("key of application %d: %w", index, err)
	}
	return seal.NewSecret([]byte(key)), nil
}
