package wire

import "time"

// Event is an event that was not sent yet, without any secret.
type Event struct {
	ID         string     `json:"id" doc:"Receivers get it as webhook-id."`
	Kind       string     `json:"kind,omitempty"`
	Time       time.Time  `json:"time" doc:"When it happened."`
	User       string     `json:"user,omitempty"`
	Type       string     `json:"type,omitempty"`
	Serial     string     `json:"serial,omitempty"`
	Way        string     `json:"way" doc:"How it is sent."`
	Tries      int        `json:"tries"`
	Due        *time.Time `json:"due,omitempty" doc:"When it is tried again."`
	Expires    *time.Time `json:"expires,omitempty" doc:"When it is given up."`
	GivenUp    *time.Time `json:"given_up,omitempty" doc:"When it was given up. It is removed 30 days later."`
	Problem    string     `json:"problem,omitempty" doc:"Why the last try failed."`
	Unreadable bool       `json:"unreadable,omitempty" doc:"The row is not as this server wrote it: somebody has changed the database. It is not sent."`
}

// EventList is a page of events, the newest first.
type EventList struct {
	Events []Event `json:"events" nullable:"false"`
	Next   *string `json:"next"`
}

// EventRetry says how many events are sent again.
type EventRetry struct {
	Retried int `json:"retried"`
}

// EventTest is what became of a message that only tests the receiver.
type EventTest struct {
	ID      string `json:"id"`
	Way     string `json:"way"`
	Taken   bool   `json:"taken"`
	Millis  int64  `json:"milliseconds" doc:"How long it took."`
	Problem string `json:"problem,omitempty"`
}

// EventTestList is one for each way of sending.
type EventTestList struct {
	Tests []EventTest `json:"tests" nullable:"false"`
}
