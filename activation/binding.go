package activation

import (
	"crypto/subtle"
	"io"

	"ostiary/internal/codec/kdf"
	"ostiary/internal/codec/typedcode"
)

// DeviceSecretSize is the length of the device secret D in bytes.
const DeviceSecretSize = 10

const (
	derivationSize    = 20 // characters: 80 bits of D, 20 of check
	deviceDisplaySize = 8  // characters
)

// NewDeviceSecret draws the device secret D, 10 bytes, which goes into all keys
// with device binding.
func NewDeviceSecret(random io.Reader) (Secret, error) { return draw(random, DeviceSecretSize) }

// DerivationCode tells the server D under the secret S of the epoch: 20 characters
// without separators; print it with [Group]. The serial is as issued. The error is
// [ErrKeySize].
func DerivationCode(secret Secret, serial string, device Secret) (Secret, error) {
	if len(secret) != SecretSize || len(device) != DeviceSecretSize {
		return nil, ErrKeySize
	}
	pad := bindPad(secret, serial)
	defer clear(pad)
	bits := make([]byte, DeviceSecretSize)
	subtle.XORBytes(bits, device, pad)
	return typedcode.AppendBase32(nil, append(bits, bindMAC(secret, serial, device)...), derivationSize), nil
}

// OpenDerivationCode reads a derivation code as it was typed and returns D. The
// error is [ErrKeySize], [ErrDerivationEmpty], [ErrDerivationCharacter],
// [ErrDerivationLength] or [ErrDerivationInvalid].
func OpenDerivationCode(typed string, secret Secret, serial string) (Secret, error) {
	if len(secret) != SecretSize {
		return nil, ErrKeySize
	}
	code, err := readDerivationCode(typed)
	if err != nil {
		return nil, err
	}
	bits := typedcode.DecodeBase32(code)
	pad := bindPad(secret, serial)
	defer clear(pad)
	device := make(Secret, DeviceSecretSize)
	subtle.XORBytes(device, bits[:DeviceSecretSize], pad)
	given, want := first20(bits[DeviceSecretSize:]), first20(bindMAC(secret, serial, device))
	if subtle.ConstantTimeEq(given, want) != 1 {
		clear(device)
		return nil, ErrDerivationInvalid
	}
	return device, nil
}

// readDerivationCode returns a typed derivation code in canonical form.
func readDerivationCode(typed string) (string, error) {
	code, err := typedcode.CanonicalBase32(typed)
	switch {
	case err != nil:
		return "", ErrDerivationCharacter
	case code == "":
		return "", ErrDerivationEmpty
	case len(code) != derivationSize:
		return "", ErrDerivationLength
	}
	return code, nil
}

func bindPad(secret Secret, serial string) []byte {
	return kdf.Key(secret, "bind/pad", DeviceSecretSize, []byte(serial))
}

func bindMAC(secret Secret, serial string, device Secret) []byte {
	key := kdf.Key(secret, "bind", kdf.Size, []byte(serial))
	defer clear(key)
	return kdf.MAC(key, device)
}

func first20(b []byte) int32 { return int32(b[0])<<12 | int32(b[1])<<4 | int32(b[2])>>4 }

// DeviceDisplay returns what consoles and audit logs show for a device secret: 8
// characters of a hash. The error is [ErrKeySize].
func DeviceDisplay(device Secret) (string, error) {
	if len(device) != DeviceSecretSize {
		return "", ErrKeySize
	}
	return string(typedcode.AppendBase32(nil, kdf.Hash("ostiary/1 device", device), deviceDisplaySize)), nil
}
