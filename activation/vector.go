package activation

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"ostiary/internal/codec/cbor"
	"ostiary/internal/core/printable"
)

// Vector is a static vector: a valid profile with its encoding and its hash. It is
// never changed; [Profile.Vector] and [ParseVector] make it.
type Vector struct {
	profile Profile
	encoded []byte
	hash    [32]byte
}

// newVector takes a valid profile and its encoding.
func newVector(p *Profile, encoded []byte) *Vector {
	v := &Vector{profile: *p, encoded: encoded, hash: sha256.Sum256(encoded)}
	v.profile.Applications = slices.Clone(p.Applications)
	return v
}

// ParseVector reads a static vector. The error is [ErrVector] with the reason, or
// [ErrVersion].
func ParseVector(b []byte) (*Vector, error) { return parseVector(b, printable.Check) }

// ParseKeptVector is [ParseVector] for a vector that was read, or made, and kept before:
// its names may be what earlier versions of this package took, among them characters that
// are not to be seen.
func ParseKeptVector(b []byte) (*Vector, error) { return parseVector(b, printable.CheckKept) }

func parseVector(b []byte, shown func(text string, most int) (reason string)) (*Vector, error) {
	p, err := decodeProfile(b)
	if err != nil {
		return nil, refusal(ErrVector, err)
	}
	if reason := p.check(shown); reason != "" {
		return nil, &detail{ErrVector, reason}
	}
	return newVector(p, slices.Clone(b)), nil
}

// Bytes returns a copy of the encoding.
func (v *Vector) Bytes() []byte { return slices.Clone(v.encoded) }

// Hash returns the profile hash, SHA-256 of the encoding.
func (v *Vector) Hash() [32]byte { return v.hash }

// Fingerprint returns the first 20 hexadecimal digits of the hash in groups of
// four, for people to compare: "3fa8 0c11 9d42 …".
func (v *Vector) Fingerprint() string {
	groups := make([]string, 5)
	for i := range groups {
		groups[i] = hex.EncodeToString(v.hash[2*i : 2*i+2])
	}
	return strings.Join(groups, " ")
}

// Profile returns a copy of the profile.
func (v *Vector) Profile() Profile {
	p := v.profile
	p.Applications = slices.Clone(p.Applications)
	return p
}

// Application returns the application of an index, or [ErrApplication].
func (v *Vector) Application(index int) (Application, error) {
	for _, a := range v.profile.Applications {
		if a.Index == index {
			return a, nil
		}
	}
	return Application{}, ErrApplication
}

// Confirming returns the application whose code confirms an activation: the first
// of mode ResponseOnly. A vector for two-step activation may have none: ok is false.
func (v *Vector) Confirming() (app Application, ok bool) {
	for _, a := range v.profile.Applications {
		if a.Mode == ResponseOnly {
			return a, true
		}
	}
	return Application{}, false
}

// EventApplications returns the applications that count events, in the order of
// their indexes, which is the order of the counters of an ERC.
func (v *Vector) EventApplications() []Application {
	var apps []Application
	for _, a := range v.profile.Applications {
		if a.Suite.Event() {
			apps = append(apps, a)
		}
	}
	return apps
}

// oneStep returns ErrTwoStep if the profile is not for one-step activation.
func (v *Vector) oneStep() error {
	if v.profile.TwoStep {
		return ErrTwoStep
	}
	return nil
}

// encode writes a valid profile as a static vector.
func (p *Profile) encode() []byte {
	n := 10
	if p.TwoStep {
		n++
	}
	b := cbor.AppendMap(nil, n)
	b = cbor.AppendUint(cbor.AppendUint(b, 0), version1)
	b = cbor.AppendBytes(cbor.AppendUint(b, 1), p.ID[:])
	b = cbor.AppendText(cbor.AppendUint(b, 2), p.Prefix)
	b = cbor.AppendBytes(cbor.AppendUint(b, 3), p.Key[:])
	b = cbor.AppendBytes(cbor.AppendUint(b, 4), p.IssuerKey[:])
	b = cbor.AppendArray(cbor.AppendUint(b, 5), len(p.Applications))
	for _, a := range p.Applications {
		b = cbor.AppendMap(b, 4)
		b = appendInt(b, 1, a.Index)
		b = cbor.AppendText(cbor.AppendUint(b, 2), a.Name)
		b = appendInt(b, 3, int(a.Mode))
		b = cbor.AppendText(cbor.AppendUint(b, 4), a.Suite.String())
	}
	b = cbor.AppendMap(cbor.AppendUint(b, 6), 6)
	b = appendInt(b, 1, p.PIN.Min)
	b = appendInt(b, 2, p.PIN.Max)
	b = appendFlag(b, 3, p.PIN.RefuseWeak)
	b = appendInt(b, 4, p.PIN.Tries)
	b = appendInt(b, 5, int(p.PIN.Penalty))
	b = appendInt(b, 6, int(p.PIN.Level))
	b = cbor.AppendMap(cbor.AppendUint(b, 7), 7)
	b = appendInt(b, 1, int(p.Rules.Format))
	b = appendFlag(b, 2, p.Rules.Password)
	b = appendFlag(b, 3, p.Rules.CheckPassword)
	b = appendFlag(b, 4, p.Rules.DeviceBinding)
	b = appendFlag(b, 5, p.Rules.NewKey)
	b = cbor.AppendArray(cbor.AppendUint(b, 6), 3)
	for _, v := range []int{p.Rules.Argon2id.Time, p.Rules.Argon2id.Memory, p.Rules.Argon2id.Parallelism} {
		b = cbor.AppendUint(b, uint64(v))
	}
	b = appendFlag(b, 7, p.Rules.Reactivation)
	if p.TwoStep {
		b = cbor.AppendMap(cbor.AppendUint(b, 8), 1)
		b = appendFlag(b, 1, p.SecureChannel)
	}
	b = cbor.AppendText(cbor.AppendUint(b, 9), p.Name)
	return cbor.AppendText(cbor.AppendUint(b, 10), p.Issuer)
}

func appendInt(b []byte, key uint64, v int) []byte {
	return cbor.AppendUint(cbor.AppendUint(b, key), uint64(v))
}

func appendFlag(b []byte, key uint64, v bool) []byte {
	return cbor.AppendBool(cbor.AppendUint(b, key), v)
}

// decodeProfile reads a static vector without its rules.
func decodeProfile(b []byte) (*Profile, error) {
	p := new(Profile)
	d := cbor.NewDecoder(b)
	d.Map()
	readVersion(d)
	d.Key(1)
	copy(p.ID[:], d.Fixed(len(p.ID)))
	d.Key(2)
	p.Prefix = d.Text()
	d.Key(3)
	copy(p.Key[:], d.Fixed(len(p.Key)))
	d.Key(4)
	copy(p.IssuerKey[:], d.Fixed(len(p.IssuerKey)))
	d.Key(5)
	for range d.Array() {
		if len(p.Applications) > maxApplications {
			break // more than any profile has; the count fails at the end
		}
		p.Applications = append(p.Applications, decodeApplication(d))
	}
	d.Close()
	d.Key(6)
	p.PIN = decodePIN(d)
	d.Key(7)
	p.Rules = decodeRules(d)
	if d.Optional(8) {
		p.TwoStep = true
		d.Map()
		d.Key(1)
		p.SecureChannel = d.Bool()
		d.Close()
	}
	d.Key(9)
	p.Name = d.Text()
	d.Key(10)
	p.Issuer = d.Text()
	d.Close()
	return p, d.End()
}

func decodeApplication(d *cbor.Decoder) (a Application) {
	d.Map()
	a.Index = readInt(d, 1)
	d.Key(2)
	a.Name = d.Text()
	a.Mode = Mode(readChoice(d, 3))
	d.Key(4)
	suite, err := ParseSuite(d.Text())
	if err != nil {
		d.Fail(&detail{ErrVector, "unknown suite"})
	}
	a.Suite = suite
	d.Close()
	return a
}

func decodePIN(d *cbor.Decoder) (r PINRules) {
	d.Map()
	r.Min = readInt(d, 1)
	r.Max = readInt(d, 2)
	r.RefuseWeak = readFlag(d, 3)
	r.Tries = readInt(d, 4)
	r.Penalty = Penalty(readChoice(d, 5))
	r.Level = PINLevel(readChoice(d, 6))
	d.Close()
	return r
}

func decodeRules(d *cbor.Decoder) (r Rules) {
	d.Map()
	r.Format = CodeFormat(readChoice(d, 1))
	r.Password = readFlag(d, 2)
	r.CheckPassword = readFlag(d, 3)
	r.DeviceBinding = readFlag(d, 4)
	r.NewKey = readFlag(d, 5)
	d.Key(6)
	d.Array()
	r.Argon2id.Time = small(d, 1<<16)
	r.Argon2id.Memory = small(d, 1<<16)
	r.Argon2id.Parallelism = small(d, 1<<16)
	d.Close()
	r.Reactivation = readFlag(d, 7)
	d.Close()
	return r
}
