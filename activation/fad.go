package activation

// FAD is full activation data: all that a device without a profile needs. It never
// travels unsealed, see [Request.Seal].
type FAD struct {
	Vector *Vector
	Serial string // as issued: prefix and number
	Code   Secret // the activation code
	Label  string // user label, at most 40 bytes, shown; may be empty
}

// Encode returns the encoding. The error is [ErrTwoStep], [ErrUserID], or what
// [Vector.Serial] and [Vector.OpenCode] say of serial and code.
func (f *FAD) Encode() (Secret, error) { panic("not built yet") }

// ParseFAD reads full activation data. It does not check the code's check symbols;
// [Vector.OpenCode] does. The error is [ErrMessage], [ErrVersion], [ErrTwoStep] or
// [ErrVector].
func ParseFAD(b []byte) (*FAD, error) { panic("not built yet") }
