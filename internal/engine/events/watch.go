package events

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/token"
	"ostiary/internal/seal"
	"ostiary/internal/store"
)

// Watch gives a database in whose transactions each entry of the log that users are to know
// of is also an event.
func (o *Outbox) Watch(db store.DB) store.DB {
	if !o.Tells() {
		return db
	}
	return watched{db, o}
}

type watched struct {
	store.DB
	o *Outbox
}

func (w watched) Update(ctx context.Context, fn func(store.Tx) error) error {
	var posted bool
	err := w.DB.Update(ctx, func(tx store.Tx) error {
		t := &watchedTx{Tx: tx, o: w.o}
		err := fn(t)
		posted = t.posted
		return err
	})
	if err == nil && posted {
		w.o.wakeUp()
	}
	return err
}

func (o *Outbox) wakeUp() {
	for _, wake := range o.wake {
		select {
		case wake <- struct{}{}:
		default: // it will look anyway
		}
	}
}

type watchedTx struct {
	store.Tx
	o      *Outbox
	posted bool
}

func (t *watchedTx) AppendAudit(entries ...[]byte) error {
	if err := t.Tx.AppendAudit(entries...); err != nil {
		return err
	}
	for _, entry := range entries {
		e, ok, err := of(entry)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		t.posted = true
		if _, err := t.o.post(t.Tx, e, seal.Secret{}, time.Time{}); err != nil {
			return err
		}
	}
	return nil
}

// told are the actions of the log that users are told of, and what of an entry's fields
// behind the change goes along. No other field does: the log also has what only helps to
// verify it.
var told = map[audit.Action][]string{
	audit.ActivationStarted:   {"again", "expires", "route", "self_service"},
	audit.ActivationTaken:     {"device_name", "device_type"},
	audit.ActivationConfirmed: {"again", "device_name"},
	audit.TokenUnbound:        {"state"},
	audit.TokenCreated:        {"state"},
	audit.TokenAssigned:       nil,
	audit.TokenUnassigned:     nil,
	audit.TokenReplaced:       {"replaced_by", "state"},
	audit.TokenStateChanged:   {"state"},
	audit.TokenUnlocked:       nil,
	audit.UserUnlocked:        nil,
	audit.CodesIssued:         {"expires", "unused"},
}

// entry is what is read of an entry of the log.
type entry struct {
	Action  audit.Action   `json:"action"`
	Actor   string         `json:"actor"`
	Source  string         `json:"source"`
	Outcome audit.Outcome  `json:"outcome"`
	Reason  string         `json:"reason"`
	Time    time.Time      `json:"time"`
	After   map[string]any `json:"after"`
	Subject struct {
		Type   string `json:"type"`
		Serial string `json:"serial"`
		User   string `json:"user"`
	} `json:"subject"`
}

// of gives the event that an entry is, if it is one: something was done, and it is of a user.
func of(canonical []byte) (e Event, ok bool, err error) {
	name, _, _ := bytes.Cut(bytes.TrimPrefix(canonical, []byte(`{"action":"`)), []byte{'"'})
	fields, ok := told[audit.Action(name)]
	if !ok {
		return e, false, nil
	}
	var is entry
	if err := json.Unmarshal(canonical, &is); err != nil {
		return e, false, fmt.Errorf("read an entry of the log: %w", err)
	}
	if is.Outcome == audit.Refused || is.Subject.User == "" {
		return e, false, nil
	}
	e = Event{Time: is.Time, Kind: Kind(is.Action), User: is.Subject.User, Type: is.Subject.Type,
		Serial: is.Subject.Serial, Source: Source{Actor: is.Actor, Address: is.Source}, Reason: is.Reason}
	for _, field := range fields {
		value, there := is.After[field]
		if !there {
			continue
		}
		if e.Details == nil {
			e.Details = map[string]any{}
		}
		e.Details[field] = value
	}
	switch {
	case is.Action == audit.TokenStateChanged && e.Details["state"] == token.RevokedLost.String():
		e.Kind = Lost
	case is.Action == audit.ActivationStarted:
		e.Reason, _ = is.After["reason"].(string)
	}
	return e, true, nil
}
