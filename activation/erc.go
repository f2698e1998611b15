package activation

// MaxCounter is the greatest counter an ERC holds: ten digits.
const MaxCounter = 9_999_999_999

// MakeERC writes the counters of the applications that count events, in the order
// of [Vector.EventApplications]: for each the next one that the server accepts. It
// returns digits without separators; print them with [Group]. They are formatted,
// not encrypted; the activation code is bound to them.
//
// The error is [ErrERCUnexpected], [ErrCounter], or one of [Vector.Serial].
func (v *Vector) MakeERC(serial string, counters []uint64) (string, error) { panic("not built yet") }

// ReadERC reads an ERC as it was typed. The error is [ErrERCEmpty],
// [ErrERCCharacter], [ErrERCLength], [ErrERCInvalid], [ErrERCUnexpected], or one of
// [Vector.Serial].
func (v *Vector) ReadERC(serial, typed string) ([]uint64, error) { panic("not built yet") }

// StartCounter returns the counter at which a device goes on after an activation.
// sent is the one that came with the activation; own is the one that the device
// has from an earlier activation of this serial, and known says whether it has one.
// With new keys it is what was sent; where S is sent again it is the higher, and
// one more than 1,000,000 above the device's own is [ErrCounterJump].
func (v *Vector) StartCounter(sent, own uint64, known bool) (uint64, error) {
	panic("not built yet")
}
