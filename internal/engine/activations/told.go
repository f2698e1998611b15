package activations

import (
	"time"

	"ostiary/activation"
	"ostiary/internal/core/token"
	"ostiary/internal/store"
)

// Event is something that the user of a token is to be told of, without any secret:
// whoever took an offer or typed a letter first looks like the user, and the user alone
// can tell that it was somebody else.
type Event struct {
	Kind   EventKind
	Time   time.Time
	Serial string
	Type   string // of the token
	User   string // empty for nobody's
	Route  Route
	Reason Reason
	Again  bool // not the first activation of the token
	Self   bool // the user began it
	// DeviceType and DeviceName are what the device of an Online one said of itself.
	// They are zero before one took it, and for other routes.
	DeviceType activation.DeviceType
	DeviceName string
}

// EventKind says what happened.
type EventKind string

// The events.
const (
	Begun     EventKind = "activation.begun"     // somebody may activate a device
	Taken     EventKind = "activation.taken"     // a device has taken the offer
	Confirmed EventKind = "activation.confirmed" // its codes count from now on
	Unbound   EventKind = "token.unbound"        // the device has ended for good
)

// told tells of an event, after what it is about was committed.
func (s *Service) told(kind EventKind, t token.Token, a store.Activation) {
	if s.tell == nil {
		return
	}
	s.tell(Event{Kind: kind, Time: s.stamp(), Serial: t.Identity.Serial, Type: t.Identity.Type, User: t.OwnerName,
		Route: Route(a.Route), Reason: Reason(a.Reason), Again: a.Again, Self: a.Self,
		DeviceType: activation.DeviceType(a.DeviceType), DeviceName: a.DeviceName})
}
