// Package fault is the one error type that people see. An Error says what
// happened in words that are safe to show, what to do next, and of which kind
// it is; the cause stays behind it for the log.
//
// Packages return sentinels and wrapped errors among themselves. The code that
// knows what a person tried to do turns them into an Error, and only the edges
// (api, cli, console, radius) turn its Kind into a status, an exit code, a page
// or a packet. An error that is no Error is shown as an internal one.
package fault

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// Kind is the coarse class of an Error, the part that edges branch on.
type Kind uint8

// The kinds. The zero Kind is Internal, so that a forgotten one fails closed.
const (
	Internal        Kind = iota // a defect or a broken part; details only in the log
	Invalid                     // the request can never succeed as it is
	Unauthenticated             // the caller did not prove who it is
	Forbidden                   // the caller may not do this
	NotFound                    // the thing named does not exist
	Conflict                    // the thing is not in the state this needs
	TooLarge                    // the input is over a limit
	Throttled                   // too many requests; later may work
	Unavailable                 // a part is down and nothing was changed; the same request may work later
	Uncertain                   // it was begun, and whether it was done is not known
)

// Error is an error that may be shown.
type Error struct {
	Kind Kind
	// Code is a stable word for programs, such as "serial_ambiguous".
	Code string
	// Text says what happened, as one sentence without secrets.
	Text string
	// Hint says what to do next; it may be empty.
	Hint string
	// Details are further members for machine readers, such as the candidates
	// of an ambiguous serial.
	Details map[string]any
	cause   error
}

// New makes an Error of a kind, with its stable code and its text.
func New(kind Kind, code, text string) *Error {
	return &Error{Kind: kind, Code: code, Text: text}
}

// WithHint adds what to do next and returns the same Error.
func (e *Error) WithHint(hint string) *Error {
	e.Hint = hint
	return e
}

// With adds a member for machine readers and returns the same Error.
func (e *Error) With(name string, value any) *Error {
	if e.Details == nil {
		e.Details = map[string]any{}
	}
	e.Details[name] = value
	return e
}

// Because adds the cause, for the log only, and returns the same Error.
func (e *Error) Because(cause error) *Error {
	e.cause = cause
	return e
}

// Error gives the text with its hint, never the cause.
func (e *Error) Error() string {
	if e.Hint == "" {
		return e.Text
	}
	return e.Text + " " + e.Hint
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.cause }

// Of finds the Error in err. An err that holds none becomes an Internal one
// whose cause is err; nil stays nil.
func Of(err error) *Error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return New(Internal, "internal", "The server could not do this because of an internal error.").
		WithHint("The server's log has the details under this request id.").Because(err)
}

// Sentence makes one of an error's text: upper case, and a full stop.
func Sentence(text string) string {
	if text == "" {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

// Span words a time in the largest unit that divides it: days, hours, minutes or
// seconds. Fractions of seconds are cut off.
func Span(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d%day == 0 && d != 0:
		return Plural(int(d/day), "day", "days")
	case d%time.Hour == 0 && d != 0:
		return Plural(int(d/time.Hour), "hour", "hours")
	case d%time.Minute == 0 && d != 0:
		return Plural(int(d/time.Minute), "minute", "minutes")
	}
	return Plural(int(d/time.Second), "second", "seconds")
}

// Plural counts things: one of them, or another number of many.
func Plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}
