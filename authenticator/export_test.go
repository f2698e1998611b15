package authenticator

// PlainRecord opens a record as whoever has the platform's key can, and returns what is
// in it, with the device secret of binding beside it.
func (v *Vault) PlainRecord(name string, record []byte) []byte {
	id, label := name[:2*idSize], labelAccount
	if name[2*idSize:] == exchangeSuffix {
		label = labelExchange
	}
	b, plain, err := v.open(record, id, label)
	if err != nil || label == labelExchange {
		return plain
	}
	a, err := decodeAccount(b, plain)
	if err != nil {
		return plain
	}
	bind, _ := a.deviceSecret(a.epoch)
	return append(plain, bind...)
}

// FormerRecord rewrites the record of an account as the program wrote it before: with
// version 1, and with the proof, which a Confirmation at hand makes.
func (v *Vault) FormerRecord(name string, record []byte, proof []byte) []byte {
	b, plain, err := v.open(record, name[:2*idSize], labelAccount)
	if err != nil {
		panic(err)
	}
	a, err := decodeAccount(b, plain)
	if err != nil {
		panic(err)
	}
	if a.pending != nil {
		a.pending.proof = proof
	}
	former := formerAccount(a)
	sealed, err := v.encrypt(labelKey(b, labelAccount), former, b.bound(formerVersion))
	if err != nil {
		panic(err)
	}
	return formerHeader(b, sealed)
}
