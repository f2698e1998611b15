package authenticator

import (
	"ostiary/internal/codec/cbor"
	"ostiary/internal/codec/kdf"
)

// formerAccount is account.encode as version 1 had it.
func formerAccount(a *account) []byte {
	n := 4
	if a.pending != nil {
		n++
	}
	b := cbor.AppendMap(nil, n)
	b = cbor.AppendUint(cbor.AppendUint(b, 0), formerVersion)
	b = cbor.AppendText(cbor.AppendUint(b, 1), a.name)
	b = cbor.AppendText(cbor.AppendUint(b, 2), a.serial)
	b = cbor.AppendBytes(cbor.AppendUint(b, 3), a.epoch.encode())
	if a.pending == nil {
		return b
	}
	p := a.pending
	n = 4
	if p.previous != nil {
		n++
	}
	inner := cbor.AppendMap(nil, n)
	inner = cbor.AppendText(cbor.AppendUint(inner, 0), p.server)
	inner = cbor.AppendBytes(cbor.AppendUint(inner, 1), p.exchange[:])
	inner = cbor.AppendBytes(cbor.AppendUint(inner, 2), p.proof)
	inner = cbor.AppendUint(cbor.AppendUint(inner, 3), uint64(p.made))
	if p.previous != nil {
		inner = cbor.AppendBytes(cbor.AppendUint(inner, 4), p.previous.encode())
	}
	return cbor.AppendBytes(cbor.AppendUint(b, 4), inner)
}

func labelKey(b box, label string) Secret { return kdf.Key(b.key, label, kdf.Size) }

// formerHeader is what version 1 put around what it sealed.
func formerHeader(b box, sealed []byte) []byte {
	record := cbor.AppendArray(nil, 4)
	record = cbor.AppendUint(record, formerVersion)
	record = cbor.AppendBytes(record, b.id[:])
	record = cbor.AppendBytes(record, b.salt[:])
	return cbor.AppendBytes(record, sealed)
}
