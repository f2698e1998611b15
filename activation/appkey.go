package activation

import "ostiary/internal/codec/kdf"

// AppKey derives the key of an application, for package oath, from the secret S of
// an epoch. bind is the device secret D with device binding, otherwise nil. The
// error is [ErrTwoStep], [ErrApplication], [ErrKeySize], or one of [Vector.Serial].
func (v *Vector) AppKey(secret Secret, serial string, index int, bind Secret) (Secret, error) {
	if err := v.oneStep(); err != nil {
		return nil, err
	}
	app, err := v.Application(index)
	if err != nil {
		return nil, err
	}
	if serial, err = v.Serial(serial); err != nil {
		return nil, err
	}
	size := 0
	if v.profile.Rules.DeviceBinding {
		size = DeviceSecretSize
	}
	if len(secret) != SecretSize || len(bind) != size {
		return nil, ErrKeySize
	}
	return kdf.Key(secret, "app", app.Suite.KeySize(), []byte(serial), []byte{byte(index)}, bind), nil
}
