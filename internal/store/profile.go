package store

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"ostiary/internal/core/token"
	"ostiary/internal/seal"
)

// Profile is a parameter sheet of software authenticators. It never changes: its
// static vector is in apps and letters. Beside it stand what this server allows by it.
type Profile struct {
	Name    string
	Vector  []byte // the static vector
	Issuer  []byte // sealed for ProfileBinding: the seed of the issuer's Ed25519 key
	Created time.Time
	Retired time.Time // since when no new tokens are made by it; zero while they are
	Limits  token.ActivationLimits
}

// ProfileReader reads profiles.
type ProfileReader interface {
	Profile(name string) (Profile, error)
	// Profiles gives all profiles by name.
	Profiles() ([]Profile, error)
}

// ProfileWriter adds and retires profiles, and sets their limits; nothing changes what
// one is, or removes it.
type ProfileWriter interface {
	// AddProfile adds one that is not retired and has no limits of its own. It returns
	// ErrConflict if the name is taken; the transaction can go on.
	AddProfile(Profile) error
	// SetProfileRetired retires a profile, or takes that back (zero), if it still is as
	// before; ErrConflict otherwise.
	SetProfileRetired(name string, before, after time.Time) error
	// SetProfileLimits sets the limits of a profile, if they still are as before;
	// ErrConflict otherwise. Fractions of seconds are cut off.
	SetProfileLimits(name string, before, after token.ActivationLimits) error
}

// ProfileBinding is where the sealed seed of a profile's issuer belongs: to the
// profile's static vector, by the first 64 bits of its hash.
func ProfileBinding(vector []byte) seal.Binding {
	hash := sha256.Sum256(vector)
	return seal.Binding{Table: "profile", Column: "issuer", Row: int64(binary.BigEndian.Uint64(hash[:]))}
}
