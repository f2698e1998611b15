package activation

// Vector is a static vector: a valid profile with its encoding and its hash. It is
// never changed; [Profile.Vector] and [ParseVector] make it.
type Vector struct {
	profile Profile
	encoded []byte
	hash    [32]byte
}

// ParseVector reads a static vector. The error is [ErrVector] with the reason, or
// [ErrVersion].
func ParseVector(b []byte) (*Vector, error) { panic("not built yet") }

// Bytes returns a copy of the encoding.
func (v *Vector) Bytes() []byte { panic("not built yet") }

// Hash returns the profile hash, SHA-256 of the encoding.
func (v *Vector) Hash() [32]byte { return v.hash }

// Fingerprint returns the first 20 hexadecimal digits of the hash in groups of
// four, for people to compare: "3fa8 0c11 9d42 …".
func (v *Vector) Fingerprint() string { panic("not built yet") }

// Profile returns a copy of the profile.
func (v *Vector) Profile() Profile { panic("not built yet") }

// Application returns the application of an index, or [ErrApplication].
func (v *Vector) Application(index int) (Application, error) { panic("not built yet") }

// Confirming returns the application whose code confirms an activation: the first
// of mode ResponseOnly. A vector for two-step activation may have none: ok is false.
func (v *Vector) Confirming() (app Application, ok bool) { panic("not built yet") }

// EventApplications returns the applications that count events, in the order of
// their indexes, which is the order of the counters of an ERC.
func (v *Vector) EventApplications() []Application { panic("not built yet") }

// Serial reads a serial as it was typed: the whole of it, or the number without
// the prefix. Case, spaces and hyphens do not matter. It returns the serial as
// issued. The error is [ErrSerialEmpty], [ErrSerial] or [ErrPrefix].
func (v *Vector) Serial(typed string) (string, error) { panic("not built yet") }
