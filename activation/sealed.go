package activation

import (
	"crypto/hpke"

	"ostiary/internal/codec/cbor"
)

// HPKE (RFC 9180) in base mode; the key of a device is 1216 bytes, an encapsulated
// key 1120.
const (
	hpkePublicSize = 1216
	hpkeEncSize    = 1120
	hpkeSeedSize   = 32
)

func hpkeKEM() hpke.KEM { return hpke.MLKEM768X25519() }

// What the two messages of the context are, as associated data.
var (
	aadXFAD = []byte("xfad")
	aadXERC = []byte("xerc")
)

// sealInfo binds a context to the request it answers.
func sealInfo(request [32]byte) []byte { return append([]byte("ostiary/1 xfad"), request[:]...) }

// Sealed is activation data that only the device of one request opens. It may be
// kept to answer the identical request again.
type Sealed struct {
	Enc  []byte // the encapsulated key, 1120 bytes
	XFAD []byte
	XERC []byte // nil without counters
}

// Seal encrypts activation data, and counters if there are any, to a device's HPKE
// public key of 1216 bytes; request is H of the message that the device made the key
// for, which the context is bound to. It is for a server that has exchanges of its
// own; [Request.Seal] is that of the exchange of this protocol. The encapsulation
// draws randomness of its own. The error is [ErrKeySize], or one of [Request.Seal].
func Seal(public []byte, request [32]byte, fad *FAD, counters []uint64) (*Sealed, error) {
	key, err := hpkeKEM().NewPublicKey(public)
	if err != nil {
		return nil, ErrKeySize
	}
	return seal(key, request, fad, counters)
}

// seal encrypts activation data, and counters if there are any.
func seal(public hpke.PublicKey, request [32]byte, fad *FAD, counters []uint64) (*Sealed, error) {
	plain, err := fad.Encode()
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	if len(counters) != 0 {
		if err := fad.Vector.checkCounters(counters); err != nil {
			return nil, err
		}
	}
	enc, sender, err := hpke.NewSender(public, hpke.HKDFSHA256(), hpke.AES256GCM(), sealInfo(request))
	if err != nil { // its X25519 part is a point of small order
		return nil, &detail{ErrMessage, "public key"}
	}
	s := &Sealed{Enc: enc}
	if s.XFAD, err = sender.Seal(aadXFAD, plain); err != nil {
		return nil, err
	}
	if len(counters) != 0 {
		if s.XERC, err = sender.Seal(aadXERC, encodeCounters(counters)); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// open decrypts activation data. Whatever fails to decrypt is ErrSealed.
func (s *Sealed) open(private hpke.PrivateKey, request [32]byte) (*FAD, []uint64, error) {
	recipient, err := hpke.NewRecipient(s.Enc, private, hpke.HKDFSHA256(), hpke.AES256GCM(), sealInfo(request))
	if err != nil {
		return nil, nil, ErrSealed
	}
	plain, err := recipient.Open(aadXFAD, s.XFAD)
	if err != nil {
		return nil, nil, ErrSealed
	}
	defer clear(plain)
	fad, err := ParseFAD(plain)
	if err != nil || len(s.XERC) == 0 {
		return fad, nil, err
	}
	if plain, err = recipient.Open(aadXERC, s.XERC); err != nil {
		return nil, nil, ErrSealed
	}
	counters, err := parseCounters(plain)
	if err != nil {
		return nil, nil, err
	}
	if err := fad.Vector.checkCounters(counters); err != nil {
		return nil, nil, err
	}
	return fad, counters, nil
}

// Encode writes it for keeping; [ParseSealed] reads it.
func (s *Sealed) Encode() []byte { return s.appendParts(3) }

// encode writes the message of an answer to a request.
func (s *Sealed) encode(time int64) []byte {
	return cbor.AppendUint(cbor.AppendUint(s.appendParts(4), 4), uint64(time))
}

// appendParts begins a map of n keys, and one more with XERC.
func (s *Sealed) appendParts(n int) []byte {
	if len(s.XERC) != 0 {
		n++
	}
	b := cbor.AppendMap(nil, n)
	b = cbor.AppendUint(cbor.AppendUint(b, 0), version1)
	b = cbor.AppendBytes(cbor.AppendUint(b, 1), s.Enc)
	b = cbor.AppendBytes(cbor.AppendUint(b, 2), s.XFAD)
	if len(s.XERC) != 0 {
		b = cbor.AppendBytes(cbor.AppendUint(b, 3), s.XERC)
	}
	return b
}

// ParseSealed reads what [Sealed.Encode] wrote. The error is [ErrMessage] or
// [ErrVersion].
func ParseSealed(b []byte) (*Sealed, error) {
	d := cbor.NewDecoder(b)
	s := readParts(d)
	d.Close()
	if err := d.End(); err != nil {
		return nil, refusal(ErrMessage, err)
	}
	return s, nil
}

// readParts reads what appendParts writes.
func readParts(d *cbor.Decoder) *Sealed {
	s := new(Sealed)
	d.Map()
	readVersion(d)
	d.Key(1)
	s.Enc = d.Fixed(hpkeEncSize)
	d.Key(2)
	s.XFAD = d.Bytes()
	if d.Optional(3) {
		if s.XERC = d.Bytes(); len(s.XERC) == 0 {
			d.Fail(&detail{ErrMessage, "no XERC"})
		}
	}
	return s
}

// parseAnswer reads the message of an answer to a request.
func parseAnswer(message []byte) (s *Sealed, time int64, err error) {
	d := cbor.NewDecoder(message)
	s = readParts(d)
	d.Key(4)
	now := d.Uint()
	if now < 1 || maxTime < now {
		d.Fail(&detail{ErrMessage, "time out of range"})
	}
	d.Close()
	if err := d.End(); err != nil {
		return nil, 0, refusal(ErrMessage, err)
	}
	return s, int64(now), nil
}

func encodeCounters(counters []uint64) []byte {
	b := cbor.AppendArray(nil, len(counters))
	for _, c := range counters {
		b = cbor.AppendUint(b, c)
	}
	return b
}

func parseCounters(b []byte) ([]uint64, error) {
	var counters []uint64
	d := cbor.NewDecoder(b)
	for range d.Array() {
		counters = append(counters, d.Uint())
	}
	d.Close()
	if err := d.End(); err != nil {
		return nil, refusal(ErrMessage, err)
	}
	return counters, nil
}
