package activation

import (
	"fmt"
	"io"

	"ostiary/internal/codec/cbor"
	"ostiary/internal/core/printable"
)

// maxUserID is the length of the longest user label in bytes.
const maxUserID = 40

// FAD is full activation data: all that a device without a profile needs. It never
// travels unsealed, see [Request.Seal].
type FAD struct {
	Vector *Vector
	Serial string // as issued: prefix and number
	Code   Secret // the activation code
	Label  string // user label, at most 40 bytes, shown; may be empty
}

// Format names the serial and nothing else, whatever the verb: package fmt does not
// ask the Code of a FAD behind a pointer how it wants to be printed if the verb
// does not suit the pointer.
func (f FAD) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "FAD of "+f.Serial) }

// Encode returns the encoding. The error is [ErrTwoStep], [ErrUserID], or what
// [Vector.Serial] and [Vector.OpenCode] say of serial and code.
func (f *FAD) Encode() (Secret, error) {
	v := f.Vector
	if err := v.oneStep(); err != nil {
		return nil, err
	}
	serial, err := v.Serial(f.Serial)
	if err != nil {
		return nil, err
	}
	code, err := v.readCode(string(f.Code))
	if err != nil {
		return nil, err
	}
	n := 4
	if f.Label != "" {
		if printable.Check(f.Label, maxUserID) != "" {
			return nil, ErrUserID
		}
		n++
	}
	b := cbor.AppendMap(nil, n)
	b = cbor.AppendUint(cbor.AppendUint(b, 0), version1)
	b = cbor.AppendBytes(cbor.AppendUint(b, 1), v.encoded)
	b = cbor.AppendText(cbor.AppendUint(b, 2), serial[len(v.profile.Prefix):])
	b = cbor.AppendText(cbor.AppendUint(b, 3), code)
	if f.Label != "" {
		b = cbor.AppendText(cbor.AppendUint(b, 4), f.Label)
	}
	return b, nil
}

// ParseFAD reads full activation data. It does not check the code's check symbols;
// [Vector.OpenCode] does. The error is [ErrMessage], [ErrVersion], [ErrTwoStep] or
// [ErrVector].
func ParseFAD(b []byte) (*FAD, error) {
	f := new(FAD)
	d := cbor.NewDecoder(b)
	d.Map()
	readVersion(d)
	d.Key(1)
	vector := d.Bytes()
	d.Key(2)
	number := d.Text()
	d.Key(3)
	code := d.Text()
	if d.Optional(4) {
		if f.Label = d.Text(); d.Err() == nil && printable.Check(f.Label, maxUserID) != "" {
			d.Fail(&detail{ErrMessage, "user label"})
		}
	}
	d.Close()
	if err := d.End(); err != nil {
		return nil, refusal(ErrMessage, err)
	}
	var err error
	if f.Vector, err = ParseVector(vector); err != nil {
		return nil, err
	}
	if err := f.Vector.oneStep(); err != nil {
		return nil, err
	}
	if !validNumber(number) {
		return nil, &detail{ErrMessage, "serial number"}
	}
	f.Serial = f.Vector.profile.Prefix + number
	if canonical, err := f.Vector.readCode(code); err != nil || canonical != code {
		return nil, &detail{ErrMessage, "activation code"}
	}
	f.Code = Secret(code)
	return f, nil
}
