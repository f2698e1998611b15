package store

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"ostiary/internal/seal"
)

// Profile is a parameter sheet of software authenticators. It never changes: its
// static vector is in apps and letters.
type Profile struct {
	Name    string
	Vector  []byte // the static vector
	Issuer  []byte // sealed for ProfileBinding: the seed of the issuer's Ed25519 key
	Created time.Time
}

// ProfileReader reads profiles.
type ProfileReader interface {
	Profile(name string) (Profile, error)
	// Profiles gives all profiles by name.
	Profiles() ([]Profile, error)
}

// ProfileWriter adds profiles; nothing changes or removes one.
type ProfileWriter interface {
	// AddProfile returns ErrConflict if the name is taken; the transaction can go on.
	AddProfile(Profile) error
}

// ProfileBinding is where the sealed seed of a profile's issuer belongs: to the
// profile's static vector, by the first 64 bits of its hash.
func ProfileBinding(vector []byte) seal.Binding {
	hash := sha256.Sum256(vector)
	return seal.Binding{Table: "profile", Column: "issuer", Row: int64(binary.BigEndian.Uint64(hash[:]))}
}
