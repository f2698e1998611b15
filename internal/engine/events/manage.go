package events

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/store"
)

// Shown is an event that was not told yet, as administrators see it: without any secret.
type Shown struct {
	Event
	Number  int64 // events are listed by it
	Way     string
	Tries   int
	Due     time.Time // when it is tried again
	Expires time.Time
	Dead    bool
	Ended   time.Time
	Problem string
	// Unreadable says that the row is not as this server wrote it: only what stands beside
	// its body is known.
	Unreadable bool
}

// List gives the events that wait, or those that are dead, the newest first, below the number
// before (0: all).
func (o *Outbox) List(ctx context.Context, dead bool, before int64, limit int) (list []Shown, err error) {
	var rows []store.Event
	if err := o.db.Browse(ctx, func(r store.Reader) error {
		rows, err = r.Events(dead, before, limit)
		return err
	}); err != nil {
		return nil, err
	}
	for _, row := range rows {
		list = append(list, o.shown(row))
	}
	return list, nil
}

func (o *Outbox) shown(row store.Event) Shown {
	s := Shown{Number: row.ID, Way: row.Way, Tries: row.Tries, Due: row.Due, Expires: row.Expires, Dead: row.Dead,
		Ended: row.Ended, Problem: row.Problem}
	e, m, err := o.open(row)
	clear(m.Body)
	if s.Event = e; err != nil && !errors.Is(err, errNoSecret) {
		s.Event, s.Unreadable = Event{ID: row.Message, Time: row.Created}, true
	}
	return s
}

// Retry sends an event again at once, by all ways that it waits for, or waited for until it
// was given up.
func (o *Outbox) Retry(ctx context.Context, message string, origin audit.Origin) error {
	return o.changed(o.db.Update(ctx, func(tx store.Tx) error {
		rows, err := tx.Event(message)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			return fault.New(fault.NotFound, "event_not_found", "No event with this ID waits, and none was given up lately.").
				WithHint("It may have been sent. See: ostiary events list; ostiary events list --dead")
		}
		for _, row := range rows {
			if err := o.again(tx, row); err != nil {
				return err
			}
		}
		return o.record(tx, origin, audit.Field{Name: "event", Value: message})
	}))
}

// RetryAll sends all events again that were given up, and says how many. Those that cannot be
// sent stay as they are.
func (o *Outbox) RetryAll(ctx context.Context, origin audit.Origin) (n int, err error) {
	for before := int64(0); ; {
		var found int
		var rows []store.Event
		err := o.changed(o.db.Update(ctx, func(tx store.Tx) (err error) {
			found = 0
			if rows, err = tx.Events(true, before, sweepAtOnce); err != nil {
				return err
			}
			for _, row := range rows {
				if o.sendable(row) != nil {
					continue
				}
				if err := o.again(tx, row); err != nil {
					return err
				}
				found++
			}
			if found == 0 {
				return nil
			}
			return o.record(tx, origin, audit.Field{Name: "events", Value: int64(found)})
		}))
		if err != nil {
			return n, err
		}
		n += found
		if len(rows) < sweepAtOnce {
			return n, nil
		}
		before = rows[len(rows)-1].ID
	}
}

// again has a row tried at once.
func (o *Outbox) again(tx store.Tx, row store.Event) error {
	now := o.stamp()
	if !row.Dead {
		return tx.PutOffEvent(row.ID, now, row.Problem)
	}
	if err := o.sendable(row); err != nil {
		return err
	}
	return tx.RetryEvent(row.ID, now, now.Add(maxAge))
}

// sendable says why a dead event cannot be sent.
func (o *Outbox) sendable(row store.Event) error {
	_, m, err := o.open(row)
	clear(m.Body)
	switch {
	case errors.Is(err, errNoSecret):
		return fault.New(fault.Conflict, "event_password_gone", "This event was to deliver an activation password, which was "+
			"deleted when the event was given up.").
			WithHint("Begin the activation again.")
	case err != nil:
		return fault.New(fault.Conflict, "event_unreadable", fmt.Sprintf("Event %s is not as this server wrote it, and is "+
			"not sent.", row.Message)).WithHint("Somebody has changed the database.").Because(err)
	}
	return nil
}

func (o *Outbox) changed(err error) error {
	if err == nil {
		o.wakeUp()
	}
	return err
}

func (o *Outbox) record(tx store.Tx, origin audit.Origin, what audit.Field) error {
	return tx.AppendAudit(audit.Entry{Time: o.now(), Action: audit.EventsRetried, Outcome: audit.Done, Origin: origin,
		After: []audit.Field{what}}.Canonical())
}

// Tested is what became of a message that only tests a way.
type Tested struct {
	ID      string // of the message
	Way     string
	Took    time.Duration
	Problem string // empty if it was taken
}

// Test sends a message by each way at once, past the outbox.
func (o *Outbox) Test(ctx context.Context, origin audit.Origin) (all []Tested, err error) {
	if !o.Tells() {
		return nil, fault.New(fault.Conflict, "no_receiver", "This server sends events to nobody.").
			WithHint("Start it with --notify-url URL and --notify-key-file FILE: ostiary serve --help")
	}
	for _, way := range o.ways {
		m, err := testMessage(origin, o.stamp())
		if err != nil {
			return nil, err
		}
		begun := time.Now()
		sending, end := context.WithTimeout(ctx, sendTimeout)
		err = way.Send(sending, m)
		end()
		t := Tested{ID: m.ID, Way: way.Name(), Took: time.Since(begun)}
		if err != nil {
			t.Problem = err.Error()
		}
		all = append(all, t)
	}
	return all, nil
}
