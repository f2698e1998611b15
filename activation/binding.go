package activation

import "io"

// DeviceSecretSize is the length of the device secret D in bytes.
const DeviceSecretSize = 10

// NewDeviceSecret draws the device secret D, 10 bytes, which goes into all keys
// with device binding.
func NewDeviceSecret(random io.Reader) (Secret, error) { return draw(random, DeviceSecretSize) }

// DerivationCode tells the server D under the secret S of the epoch: 20 characters
// without separators; print it with [Group]. The error is [ErrKeySize].
func DerivationCode(secret Secret, serial string, device Secret) (Secret, error) {
	panic("not built yet")
}

// OpenDerivationCode reads a derivation code as it was typed and returns D. The
// error is [ErrKeySize], [ErrDerivationEmpty], [ErrDerivationCharacter],
// [ErrDerivationLength] or [ErrDerivationInvalid].
func OpenDerivationCode(typed string, secret Secret, serial string) (Secret, error) {
	panic("not built yet")
}

// DeviceDisplay returns what consoles and audit logs show for a device secret: 8
// characters of a hash. The error is [ErrKeySize].
func DeviceDisplay(device Secret) (string, error) { panic("not built yet") }
