package activations

import (
	"errors"

	"ostiary/activation"
	"ostiary/internal/core/fault"
	"ostiary/internal/store"
)

// StatusWord is how a status is written.
func StatusWord(s store.ActivationStatus) string {
	words := [...]string{store.ActivationOpen: "open", store.ActivationConfirmed: "confirmed",
		store.ActivationCancelled:  "cancelled",
		store.ActivationSuperseded: "superseded", store.ActivationTriesUsed: "tries_used",
		store.ActivationExpired: "expired"}
	if int(s) < len(words) {
		return words[s]
	}
	return "unknown"
}

// DeviceType is how a device type is written.
func DeviceType(t activation.DeviceType) string {
	switch t {
	case activation.Android:
		return "Android"
	case activation.IOS:
		return "iOS"
	case activation.Desktop:
		return "desktop"
	case activation.Web:
		return "web"
	case activation.DedicatedHardware:
		return "dedicated hardware"
	}
	return "other"
}

// input are the errors of package activation that whoever asked has caused.
var input = map[error]string{
	activation.ErrPassword:           "activation_password",
	activation.ErrPasswordUnexpected: "activation_password_unexpected",
	activation.ErrTwoStep:            "two_step",
	activation.ErrKeySize:            "device_key",
	activation.ErrMessage:            "device_key",
}

// worded makes a fault of an error of package activation that is one of the caller's.
func worded(err error) error {
	for is, code := range input {
		if errors.Is(err, is) {
			return fault.New(fault.Invalid, code, fault.Sentence(is.Error())).Because(err)
		}
	}
	return err
}
