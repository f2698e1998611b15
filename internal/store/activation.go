package store

import (
	"time"

	"ostiary/internal/core/token"
	"ostiary/internal/seal"
)

// ActivationStatus is how an activation stands. The numbers are stored.
type ActivationStatus uint8

// The statuses.
const (
	ActivationOpen       ActivationStatus = iota
	ActivationConfirmed                   // the device has proven it
	ActivationCancelled                   // by command, or as the token ended
	ActivationSuperseded                  // another was begun
	ActivationTriesUsed                   // too many wrong confirmations
	ActivationExpired
)

// Activation is one activation of a token: a secret that a device is to get, and
// what became of it. Of a token at most one is open. The one that counts, the live
// one, is Confirmed and has a Secret; those before it have none.
type Activation struct {
	ID      int64
	Token   token.ID
	Profile string
	// Owner is whose token it was at its beginning, and of a confirmed one at its end;
	// 0 for nobody's.
	Owner   int64
	Route   string
	Reason  string
	Actor   string
	Self    bool // begun by the user
	Opened  time.Time
	Expires time.Time

	Status  ActivationStatus
	Ended   time.Time
	Tries   int // wrong confirmations
	LastTry time.Time

	Again      bool // not the first of this token
	SameSecret bool // the secret of the live one was sent again
	// Counters are where the applications that count events begin, in the order of
	// their indexes; nil for 0.
	Counters []uint64
	// Secret and Device are sealed, see ActivationBinding. Device is the device
	// secret of a bound device.
	Secret, Device []byte

	DeviceMark string // what is shown of Device
	DeviceType int
	DeviceName string

	Offer Offer // of an online one
}

// Offer is the online side of an activation.
type Offer struct {
	Locator      string // finds it; empty if it is not online
	Registration []byte // sealed registration code; none once it is of no more use
	Password     []byte // sealed activation password, until the offer is taken
	Request      []byte // hash of the request that took it
	Taken        time.Time
	Answer       []byte // what the device was given, encrypted to it
	Confirm      []byte // hash of the last confirmation
	TriesLeft    int    // after it
}

// The columns of an activation that hold sealed values.
const (
	ActivationSecret       = "secret"
	ActivationDevice       = "device"
	ActivationRegistration = "registration"
	ActivationPassword     = "password"
)

// ActivationBinding is where a sealed value of an activation belongs.
func ActivationBinding(id int64, column string) seal.Binding {
	return seal.Binding{Table: "activation", Column: column, Row: id}
}

// ActivationCounts is what limits are held against.
type ActivationCounts struct {
	Successes   int // confirmed activations that were not the first
	Failures    int // wrong confirmations
	LastSuccess time.Time
}

// CountedSince is from when on activations of a token are counted.
type CountedSince struct{ Successes, Failures, Interval time.Time }

// ActivationReader reads activations.
type ActivationReader interface {
	// OpenActivation gives the one of a token that is open, whether or not it has
	// expired.
	OpenActivation(id token.ID) (Activation, error)
	// CountOpenActivations counts those that are open, as CountTokens counts tokens.
	CountOpenActivations() (Count, error)
	// LiveActivation gives the one that counts.
	LiveActivation(id token.ID) (Activation, error)
	// OfferedActivation finds an online one, whatever its status.
	OfferedActivation(locator string) (Activation, error)
	// Activations gives those of a token, the newest first.
	Activations(id token.ID, limit int) ([]Activation, error)
	// CountActivations counts those of a token from then on; LastSuccess is the last
	// confirmation since Interval.
	CountActivations(id token.ID, since CountedSince) (ActivationCounts, error)
	// ActivationReset gives what the last resets set; zero times for none.
	ActivationReset(id token.ID) (CountedSince, error)
	// Unbound tells whether a device was bound to the token once and is no more, by
	// the fingerprint of its secret.
	Unbound(id token.ID, fingerprint []byte) (bool, error)
	// UnboundDevices gives the fingerprints of up to limit devices that were bound to a
	// token and are no more.
	UnboundDevices(id token.ID, limit int) ([][]byte, error)
	// Account finds the token of a profile whose authenticator knows it by a serial
	// (token.Token.DeviceSerial), published or staged under run.
	Account(profile, serial string, run int64) (token.Token, error)
}

// Adoption is what a token from another server brings of its activations: those that
// ended, and the live one, with their numbers here.
type Adoption struct {
	Activations []Activation
	Since       CountedSince
	Unbound     [][]byte
}

// ActivationWriter changes activations. What an operation demands stands in its
// write; ErrConflict says that it is not so.
type ActivationWriter interface {
	// NextActivationID reserves a number, never used before.
	NextActivationID() (int64, error)
	// AddActivation adds one that is open. ErrConflict if one of the token is.
	AddActivation(Activation) error
	// AdoptActivations gives a token that is staged what it brings. An offer whose
	// locator is taken here loses it. ErrConflict if the token is published, or one of the
	// activations is open.
	AdoptActivations(id token.ID, a Adoption) error
	// EndActivation ends an open one; its secrets go.
	EndActivation(id int64, status ActivationStatus, at time.Time) error
	// TakeActivation gives an open offer, not taken, not expired and with fewer wrong
	// confirmations than the limit, to a device. The password goes.
	TakeActivation(id int64, by Taking) error
	// FailActivation counts a wrong confirmation of an open, unexpired one that has fewer
	// than limit; with the last of them it ends, and its secrets go. It gives the tries
	// left.
	FailActivation(id int64, confirm []byte, at time.Time, limit int) (left int, err error)
	// ConfirmActivation puts a new epoch in place of the old one; see Epoch.
	ConfirmActivation(Epoch) error
	// Unbind takes the secret and its mark from a token, and the secrets from its
	// applications and its live activation,
	// if the token's epoch is still that, and makes a VALID one PENDING. The sealed
	// secrets are empty ones. The device, if there is one, is never bound again.
	Unbind(id token.ID, epoch int64, sealed []byte, applications []Application, fingerprint []byte) error
	// SetActivationReset says from when on is counted.
	SetActivationReset(id token.ID, since CountedSince) error
	// ExpireActivations ends the open ones that have expired, and forgets what
	// was kept to answer devices again whose activations ended before the time given:
	// the answer of each, and the registration code unless a device may have to learn
	// how it ended, which is so of the live one as long as it is that, and of one whose
	// tries are used up until its time is over. It gives those that it ended.
	ExpireActivations(now, answered time.Time) ([]Activation, error)
}

// Taking is who takes an offer, and what was answered.
type Taking struct {
	Request    []byte
	At         time.Time
	DeviceType int
	DeviceName string
	Counters   []uint64
	Answer     []byte
	Tries      int // wrong confirmations that end an activation
}

// Epoch is what a confirmed activation makes of a token. One conditional write on
// the token decides: that its epoch and counter are still as in Seen, its owner and
// state, too; that it is VALID, reported lost or PENDING, and VALID if the secret is
// that of the old epoch; that it has not ended; that the activation is open, not
// expired and has fewer wrong confirmations than the limit, and the device none that
// was unbound. Then the token is VALID under the
// next epoch, everything of the old one is gone, and so are its failures. Where the
// secret stays and others hold it, too, its floor is demanded and moves as in an
// Attempt; a new secret is the token's alone.
type Epoch struct {
	Activation   int64
	Token        token.ID
	Now          time.Time
	Tries        int // wrong confirmations that end an activation
	Seen         token.Condition
	SameSecret   bool
	Next         uint64 // one above the counter that confirmed it
	Drift        int64
	Sealed       []byte     // the token's secret
	Mark         token.Mark // of it
	Spec         token.Spec // of the token
	Applications []Application
	Device       []byte // sealed; nil without binding
	DeviceMark   string
	Fingerprint  []byte // of the device; nil without binding
	Former       []byte // fingerprint of the device that is bound no more; nil if none
	Confirm      []byte // hash of the confirmation, if it came over the exchange
}
