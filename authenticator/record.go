package authenticator

import (
	"encoding/hex"

	"ostiary/activation"
	"ostiary/internal/codec/cbor"
	"ostiary/internal/core/printable"
)

const (
	maxName = 64 // bytes
	maxTime = 1<<53 - 1
)

// account is a record of the vault, opened.
type account struct {
	box
	name   string
	serial string // as issued
	epoch  *epoch
	// pending is an online activation of which it is not known whether the server has
	// taken it; epoch is the new one then.
	pending *pending
}

// epoch is what one activation gave.
type epoch struct {
	vector *activation.Vector
	since  int64 // when it was activated, in unix seconds
	shift  int64 // the server's clock less the device's, in seconds

	salt      []byte // of the PIN
	protected []byte // S under the PIN; nil when it was erased
	failures  int    // tries of the PIN that were spent, level hash alone
	mark      []byte // see box.mark
	bind      []byte // D, sealed; nil without binding

	counters []uint64 // the next of each application that counts events
	// decoys are the counters of the wrong answers, while there are any.
	decoys []uint64
	// repeated says that S was sent again, as far as the device can tell.
	repeated bool
	// first says that it may never have been confirmed: no counters came with it, and no
	// server has said so. Then the server may begin again, and has no counters to send.
	first bool
}

const attemptSize = 8

// pending is an activation of which it is not known whether the server has taken it.
type pending struct {
	server   string       // empty where the user types the proof into the server's page
	exchange [idSize]byte // id of the keptExchange of an online one
	// proof is the confirmation as it is sent. At PIN level none it is not kept, because
	// PIN and S can be searched for with it; the PIN makes the same one again.
	proof   []byte
	attempt [attemptSize]byte // tells one proof from another, and nothing of it
	made    int64             // when the proof was made, in unix seconds of the device
	// events is the counter of the confirming application before the proof.
	events   uint64
	previous *epoch // what comes back if the server refuses; nil if there was none
}

// typed reports whether the user types the proof into the server's page.
func (p *pending) typed() bool { return p.server == "" }

// exchangeText is the id of the exchange as text.
func (p *pending) exchangeText() string { return hex.EncodeToString(p.exchange[:]) }

// wipe overwrites the secrets of an account that is no longer needed.
func (a *account) wipe() { clear(a.key) }

// erase removes the secrets of an epoch. Its event counters stay.
func (e *epoch) erase() {
	clear(e.protected)
	e.salt, e.protected = nil, nil
}

func (a *account) encode() Secret {
	n := 4
	if a.pending != nil {
		n++
	}
	b := cbor.AppendMap(nil, n)
	b = cbor.AppendUint(cbor.AppendUint(b, 0), formatVersion)
	b = cbor.AppendText(cbor.AppendUint(b, 1), a.name)
	b = cbor.AppendText(cbor.AppendUint(b, 2), a.serial)
	b = cbor.AppendBytes(cbor.AppendUint(b, 3), a.epoch.encode())
	if a.pending != nil {
		b = cbor.AppendBytes(cbor.AppendUint(b, 4), a.pending.encode())
	}
	return b
}

func (p *pending) encode() Secret {
	n := 6
	if p.previous != nil {
		n++
	}
	b := cbor.AppendMap(nil, n)
	b = cbor.AppendText(cbor.AppendUint(b, 0), p.server)
	b = cbor.AppendBytes(cbor.AppendUint(b, 1), p.exchange[:])
	b = cbor.AppendBytes(cbor.AppendUint(b, 2), p.proof)
	b = cbor.AppendUint(cbor.AppendUint(b, 3), uint64(p.made))
	if p.previous != nil {
		b = cbor.AppendBytes(cbor.AppendUint(b, 4), p.previous.encode())
	}
	b = cbor.AppendBytes(cbor.AppendUint(b, 5), p.attempt[:])
	return cbor.AppendUint(cbor.AppendUint(b, 6), p.events)
}

func (e *epoch) encode() Secret {
	b := cbor.AppendMap(nil, 12)
	b = cbor.AppendBytes(cbor.AppendUint(b, 0), e.vector.Bytes())
	b = cbor.AppendUint(cbor.AppendUint(b, 1), uint64(e.since))
	b = cbor.AppendUint(cbor.AppendUint(b, 2), zigzag(e.shift))
	b = cbor.AppendBytes(cbor.AppendUint(b, 3), e.salt)
	b = cbor.AppendBytes(cbor.AppendUint(b, 4), e.protected)
	b = cbor.AppendUint(cbor.AppendUint(b, 5), uint64(e.failures))
	b = cbor.AppendBytes(cbor.AppendUint(b, 6), e.mark)
	b = cbor.AppendBytes(cbor.AppendUint(b, 7), e.bind)
	b = appendCounters(cbor.AppendUint(b, 8), e.counters)
	b = appendCounters(cbor.AppendUint(b, 9), e.decoys)
	b = cbor.AppendBool(cbor.AppendUint(b, 10), e.repeated)
	return cbor.AppendBool(cbor.AppendUint(b, 11), e.first)
}

func appendCounters(b []byte, counters []uint64) []byte {
	b = cbor.AppendArray(b, len(counters))
	for _, c := range counters {
		b = cbor.AppendUint(b, c)
	}
	return b
}

// decodeAccount reads what encode wrote. Anything else is [ErrDamaged].
func decodeAccount(b box, plain []byte) (*account, error) {
	a := &account{box: b}
	d := cbor.NewDecoder(plain)
	d.Map()
	d.Key(0)
	if d.Uint() != uint64(b.version) {
		d.Fail(ErrDamaged)
	}
	d.Key(1)
	if a.name = d.Text(); printable.CheckKept(a.name, maxName) != "" {
		d.Fail(ErrDamaged)
	}
	d.Key(2)
	a.serial = d.Text()
	d.Key(3)
	a.epoch = decodeEpoch(d, a.serial)
	if d.Optional(4) {
		a.pending = decodePending(d, b.version, a.serial)
	}
	d.Close()
	if d.End() != nil {
		a.wipe()
		return nil, ErrDamaged
	}
	if b.version == formerVersion {
		a.completeFormer()
	}
	if a.pending != nil && !a.pending.fits(a.epoch) {
		a.wipe()
		return nil, ErrDamaged
	}
	return a, nil
}

// completeFormer gives the pending activation of a record of version 1 what that did
// not say. The proof at level none goes; it is made again as if no code had been made
// since.
func (a *account) completeFormer() {
	if a.pending == nil || a.keepsProof() {
		return
	}
	clear(a.pending.proof)
	a.pending.proof = nil
	if counter := a.confirmingCounter(); counter != nil {
		used := uint64(1)
		if a.epoch.repeated {
			used = 2
		}
		a.pending.events = *counter - min(*counter, used)
	}
}

// fits reports whether a pending activation has what one of its kind has.
func (p *pending) fits(e *epoch) bool {
	unchecked := e.vector.Profile().PIN.Level != activation.PINHashed
	if p.typed() || unchecked {
		return p.proof == nil && (!p.typed() || p.exchange == [idSize]byte{})
	}
	return p.proof != nil
}

// keepsProof reports whether the proof of the account's activation may be kept.
func (a *account) keepsProof() bool { return a.rules().Level == activation.PINHashed }

func decodePending(outer *cbor.Decoder, version byte, serial string) *pending {
	encoded := outer.Bytes()
	defer clear(encoded)
	p := new(pending)
	d := cbor.NewDecoder(encoded)
	d.Map()
	d.Key(0)
	p.server = d.Text()
	d.Key(1)
	copy(p.exchange[:], d.Fixed(idSize))
	d.Key(2)
	p.proof = optionalBytes(d)
	d.Key(3)
	p.made = moment(d)
	if d.Optional(4) {
		p.previous = decodeEpoch(d, serial)
	}
	if version != formerVersion {
		d.Key(5)
		copy(p.attempt[:], d.Fixed(attemptSize))
		d.Key(6)
		p.events = d.Uint()
	}
	d.Close()
	if d.End() != nil {
		outer.Fail(ErrDamaged)
	}
	return p
}

func decodeEpoch(outer *cbor.Decoder, serial string) *epoch {
	encoded := outer.Bytes()
	defer clear(encoded)
	e := new(epoch)
	d := cbor.NewDecoder(encoded)
	d.Map()
	d.Key(0)
	vector, err := activation.ParseKeptVector(d.Bytes())
	if err != nil {
		outer.Fail(ErrDamaged)
		return e
	}
	e.vector = vector
	d.Key(1)
	e.since = moment(d)
	d.Key(2)
	e.shift = unzigzag(d.Uint())
	d.Key(3)
	e.salt = optionalBytes(d)
	d.Key(4)
	e.protected = optionalBytes(d)
	d.Key(5)
	failures := d.Uint()
	d.Key(6)
	e.mark = optionalBytes(d)
	d.Key(7)
	e.bind = optionalBytes(d)
	d.Key(8)
	e.counters = readCounters(d)
	d.Key(9)
	e.decoys = readCounters(d)
	d.Key(10)
	e.repeated = d.Bool()
	d.Key(11)
	e.first = d.Bool()
	d.Close()
	e.failures = int(min(failures, 100))
	if d.End() != nil || !e.whole(serial) {
		outer.Fail(ErrDamaged)
	}
	return e
}

// whole reports whether an epoch fits its vector and the serial.
func (e *epoch) whole(serial string) bool {
	p := e.vector.Profile()
	full, err := e.vector.Serial(serial)
	size := activation.SecretSize
	if p.PIN.Level == activation.PINHashed {
		size += 12 + 16 // nonce and tag
	}
	switch {
	case p.TwoStep || err != nil || full != serial:
		return false
	case e.protected == nil && e.salt != nil, e.protected != nil &&
		(len(e.protected) != size || len(e.salt) != saltSize):
		return false
	case !validShift(e.shift), e.failures > p.PIN.Tries:
		return false
	case len(e.counters) != len(e.vector.EventApplications()), len(e.decoys) != 0 && len(e.decoys) != len(e.counters):
		return false
	}
	return p.Rules.DeviceBinding == (e.bind != nil)
}

func moment(d *cbor.Decoder) int64 {
	t := d.Uint()
	if t > maxTime {
		d.Fail(ErrDamaged)
		return 0
	}
	return int64(t)
}

// optionalBytes reads a byte string of which the empty one stands for none.
func optionalBytes(d *cbor.Decoder) []byte {
	b := d.Bytes()
	if len(b) == 0 {
		return nil
	}
	return b
}

func readCounters(d *cbor.Decoder) (counters []uint64) {
	for range d.Array() {
		counters = append(counters, d.Uint())
	}
	d.Close()
	return counters
}

// zigzag writes a signed number as an unsigned one.
func zigzag(n int64) uint64 { return uint64(n)<<1 ^ uint64(n>>63) }

func unzigzag(n uint64) int64 { return int64(n>>1) ^ -int64(n&1) }
