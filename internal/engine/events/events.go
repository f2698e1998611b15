// Package events tells other systems what happens to users and their tokens, so that a user
// learns of it, and of what somebody else did in the user's name.
//
// What is to be told is a row in the transaction of the change itself (the outbox), so it is
// there if and only if the change is. It follows from the change's entry in the audit log:
// Watch gives a database that looks at each entry that is appended. So no service posts
// anything, and none can forget to; package audit is the one list of what happens. Only the
// password of an activation is in no entry: it is posted by Outbox.PostPassword.
//
// A row is for one way of telling (Way), and is written only if the server has that way: a
// server that tells nobody writes none. So many wait at most (maxWaiting); what comes beyond
// is counted and not kept. Nothing here fails a change or makes it wait.
//
// A worker (Run) reads what is due, claims it by a conditional write, sends it, and removes
// it. Several servers may work on one database: the claim decides who sends, and it has an
// end, so that another server goes on if one dies. Whoever dies between sending and removing
// makes it be sent again: at least once, with one ID. What fails is tried again after growing
// times until it is too old, and is kept as dead for a while, without its secret. What is of
// one user is sent in its order, but a message that was refused again and again does not hold
// up those behind it.
//
// The body and the secret are sealed with the place of their row: whoever writes to the
// database can remove an event, but not make one, change one or read one.
package events

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/seal"
	"ostiary/internal/store"
)

// Kind says what happened. The words are those of the audit log, but for Lost and Password,
// which the log tells as a change of a state and not at all.
type Kind string

// The kinds that are no action of the audit log.
const (
	Lost     Kind = "token.lost"
	Password Kind = "activation.password"
	Test     Kind = "test"
)

// Event is what is told. Its JSON is the body of the message, with the password of an
// activation beside it; docs/events.md has its schema.
type Event struct {
	ID      string         `json:"id"`
	Time    time.Time      `json:"time"`
	Kind    Kind           `json:"kind"`
	User    string         `json:"user,omitempty"`
	Type    string         `json:"type,omitempty"`
	Serial  string         `json:"serial,omitempty"`
	Source  Source         `json:"source"`
	Reason  string         `json:"reason,omitempty"`
	Details map[string]any `json:"details,omitempty"`
}

// Source says who did it, and from where.
type Source struct {
	Actor   string `json:"actor"`
	Address string `json:"address,omitempty"`
}

// Message is an event as it is sent.
type Message struct {
	ID   string
	Body []byte // JSON
}

// Way is a way of telling others.
type Way interface {
	// Name is that of the rows in the database.
	Name() string
	// Send tells a message. It honours ctx. Its error has no secret in it: it is shown.
	Send(ctx context.Context, m Message) error
}

// Keys seals and opens what is in the rows.
type Keys interface {
	Seal(b seal.Binding, s seal.Secret) ([]byte, error)
	Open(b seal.Binding, sealed []byte) (seal.Secret, error)
}

const (
	maxWaiting = 20_000             // of one way
	maxAge     = 3 * 24 * time.Hour // until an event is dead
	keepDead   = 30 * 24 * time.Hour
)

// Config holds what an Outbox needs. DB and Keys are required.
type Config struct {
	DB   store.DB
	Keys Keys
	Ways []Way
	Log  *slog.Logger
	Now  func() time.Time
	// MaxWaiting bounds the events of a way that wait; zero means 20,000.
	MaxWaiting int
	// First is the time from the first try to the second; zero means a second.
	First time.Duration
}

// Outbox holds what is to be told, and tells it. It is safe for concurrent use.
type Outbox struct {
	db    store.DB
	keys  Keys
	ways  []Way
	log   *slog.Logger
	now   func() time.Time
	most  int
	first time.Duration
	wake  []chan struct{} // for each way: something was posted
	stats stats
}

// New makes an Outbox.
func New(cfg Config) (*Outbox, error) {
	if cfg.DB == nil || cfg.Keys == nil {
		return nil, errors.New("events: DB and Keys are required")
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.MaxWaiting == 0 {
		cfg.MaxWaiting = maxWaiting
	}
	if cfg.First == 0 {
		cfg.First = time.Second
	}
	o := &Outbox{db: cfg.DB, keys: cfg.Keys, ways: cfg.Ways, log: cfg.Log, now: cfg.Now, most: cfg.MaxWaiting,
		first: cfg.First}
	for range cfg.Ways {
		o.wake = append(o.wake, make(chan struct{}, 1))
	}
	return o, nil
}

// Tells reports whether anybody is told anything.
func (o *Outbox) Tells() bool { return o != nil && len(o.ways) > 0 }

// PostPassword tells the password of an activation, in the transaction that begins it. The
// password is kept until it was told, but not beyond expires. ErrFull if it would not be kept:
// nobody else would ever know it.
func (o *Outbox) PostPassword(tx store.Tx, e Event, password seal.Secret, expires time.Time) error {
	e.Kind = Password
	if kept, err := o.post(tx, e, password, expires); err != nil || kept {
		return err
	}
	return ErrFull
}

// ErrFull says that too many events wait.
var ErrFull = errors.New("too many events wait to be sent")

// post writes an event for each way. kept is false if all ways have too many.
func (o *Outbox) post(tx store.Tx, e Event, secret seal.Secret, expires time.Time) (kept bool, err error) {
	now := o.stamp()
	e.ID = rand.Text()
	body, err := json.Marshal(e)
	if err != nil {
		return false, err
	}
	if last := now.Add(maxAge); expires.IsZero() || expires.After(last) {
		expires = last
	}
	for _, way := range o.ways {
		waiting, err := tx.WaitingEvents(way.Name(), o.most)
		if err != nil {
			return kept, err
		}
		if waiting >= o.most {
			o.drop(e.Kind)
			continue
		}
		row := store.Event{Message: e.ID, Way: way.Name(), Subject: subject(e), Created: now, Due: now, Expires: expires}
		if row.ID, err = tx.NextEventID(); err != nil {
			return kept, err
		}
		if row.Body, err = o.keys.Seal(store.EventBinding(row.ID, store.EventBody), seal.NewSecret(body)); err != nil {
			return kept, err
		}
		if secret.Len() > 0 {
			if row.Secret, err = o.keys.Seal(store.EventBinding(row.ID, store.EventSecret), secret); err != nil {
				return kept, err
			}
		}
		if err := tx.AddEvent(row); err != nil {
			return kept, fmt.Errorf("post event %s: %w", e.Kind, err)
		}
		kept = true
	}
	return kept, nil
}

// testMessage is one that is about nobody.
func testMessage(origin audit.Origin, now time.Time) (m Message, err error) {
	e := Event{ID: rand.Text(), Time: now, Kind: Test, Source: Source{Actor: origin.Actor, Address: origin.Source}}
	m.ID = e.ID
	m.Body, err = json.Marshal(e)
	return m, err
}

// subject is what an event is about, for the order: the user, or the token.
func subject(e Event) string {
	if e.User != "" {
		return "user " + e.User
	}
	return "token " + e.Type + " " + e.Serial
}

// open reads the body of a row, and the message with its secret.
func (o *Outbox) open(row store.Event) (e Event, m Message, err error) {
	body, err := o.keys.Open(store.EventBinding(row.ID, store.EventBody), row.Body)
	if err != nil {
		return e, m, err
	}
	if err := json.Unmarshal(body.Bytes(), &e); err != nil {
		return e, m, err
	}
	m = Message{ID: e.ID, Body: body.Bytes()}
	if e.ID != row.Message {
		return e, m, seal.ErrOpen
	}
	if e.Kind != Password {
		return e, m, nil
	}
	if row.Secret == nil {
		return e, m, errNoSecret
	}
	password, err := o.keys.Open(store.EventBinding(row.ID, store.EventSecret), row.Secret)
	if err != nil {
		return e, m, err
	}
	defer password.Wipe()
	m.Body, err = json.Marshal(struct {
		Event
		Password string `json:"password"`
	}{e, string(password.Bytes())})
	return e, m, err
}

var errNoSecret = errors.New("its password is gone")

func (o *Outbox) stamp() time.Time { return o.now().UTC().Truncate(time.Millisecond) }

// Stats is how the outbox does.
type Stats struct {
	Waiting, Dead         int
	Oldest                time.Time // of those that wait; zero if none does
	Sent, Failed, Dropped int64     // by this server, since its start
}

type stats struct {
	now                   atomic.Pointer[store.EventCount]
	sent, failed, dropped atomic.Int64
}

// Stats tells how the outbox does; what waits, as it was some seconds ago.
func (o *Outbox) Stats() Stats {
	s := Stats{Sent: o.stats.sent.Load(), Failed: o.stats.failed.Load(), Dropped: o.stats.dropped.Load()}
	if n := o.stats.now.Load(); n != nil {
		s.Waiting, s.Dead, s.Oldest = n.Waiting, n.Dead, n.Oldest
	}
	return s
}

func (o *Outbox) drop(kind Kind) {
	o.stats.dropped.Add(1)
	o.log.Error("an event is not told: too many wait", "kind", string(kind), "waiting", o.most)
}
