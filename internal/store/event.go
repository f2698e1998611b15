package store

import (
	"time"

	"ostiary/internal/seal"
)

// Event is something that others are to be told of, by one way of telling it. It is written
// in the transaction that it tells of, and removed when it was told.
type Event struct {
	ID      int64
	Message string // the same for all ways
	Way     string
	// Subject is what it is about: what is of one subject is told in the order of its IDs.
	Subject string
	Created time.Time
	Expires time.Time // when it is not worth telling any more
	Due     time.Time // when it is tried, or tried again
	Tries   int       // that were begun
	// Dead says that it is not tried any more, since Ended.
	Dead    bool
	Ended   time.Time
	Problem string // of the last try
	// Body and Secret are sealed (EventBinding). Secret is nil for none, and when it is gone.
	Body, Secret []byte
}

// The columns that are sealed.
const (
	EventBody   = "body"
	EventSecret = "secret"
)

// EventBinding is where a column of an event belongs.
func EventBinding(id int64, column string) seal.Binding {
	return seal.Binding{Table: "event", Column: column, Row: id}
}

// EventCount tells how many events there are.
type EventCount struct {
	Waiting, Dead int
	Oldest        time.Time // of those that wait; zero if none does
}

// EventReader reads events.
type EventReader interface {
	// Event gives those of a message, one for each way.
	Event(message string) ([]Event, error)
	// Events lists those that are dead, or those that are not, the newest first, below the ID
	// before (0: all).
	Events(dead bool, before int64, limit int) ([]Event, error)
	// DueEvents gives up to limit events of a way that are to be tried now: none while an
	// older one of its subject waits, unless that was tried so often.
	DueEvents(way string, now time.Time, patience, limit int) ([]Event, error)
	// CountEvents counts those of all ways, up to so many of each kind.
	CountEvents(most int) (EventCount, error)
	// WaitingEvents counts those of a way that are not dead, up to so many.
	WaitingEvents(way string, most int) (int, error)
	// EventsOverdue tells whether GiveUpEvents and RemoveEvents would find any.
	EventsOverdue(now, before time.Time) (bool, error)
}

// EventWriter writes events.
type EventWriter interface {
	// NextEventID takes a number that no event ever had.
	NextEventID() (int64, error)
	AddEvent(Event) error
	// ClaimEvent begins a try, as long as nobody else has since the event was read: until a
	// time nobody else tries it. ErrConflict otherwise.
	ClaimEvent(e Event, until time.Time) error
	// ToldEvent removes an event that was told; it may be gone.
	ToldEvent(id int64) error
	// PutOffEvent says when an event whose try failed is tried again, and what was wrong;
	// it may be gone.
	PutOffEvent(id int64, due time.Time, problem string) error
	// EndEvent says that an event is not tried any more, and takes its secret away.
	EndEvent(id int64, now time.Time, problem string) error
	// GiveUpEvents ends up to limit events that are not worth telling any more, and says how
	// many.
	GiveUpEvents(now time.Time, limit int) (int64, error)
	// RemoveEvents removes up to limit events that ended before a time.
	RemoveEvents(before time.Time, limit int) error
	// RetryEvent has a dead event tried anew; ErrConflict if it is none.
	RetryEvent(id int64, now, expires time.Time) error
}
