package pskc

// openValues turns the values of the key just read into its fields.
func (p *parser) openValues(k *Key) error {
	if err := p.openSecret(k); err != nil {
		return err
	}
	for i := counterValue; i < valueCount; i++ {
		v := &p.vals[i]
		if !v.seen || p.scope.text != "" {
			continue
		}
		if err := p.openInteger(k, i, v); err != nil {
			return err
		}
	}
	if err := p.openRecord(k); err != nil {
		return err
	}
	return p.checkSecret(k)
}

func (p *parser) openSecret(k *Key) error {
	v := &p.vals[secretValue]
	if !v.seen && p.rec.seen {
		return nil // a record may say why; no key without one may lack its secret
	}
	if !v.seen {
		if k.Reference != "" {
			return p.refuse(ErrUnsupported, "it has no secret: it refers to the external key %s (KeyReference)",
				quote(k.Reference))
		}
		return p.refuse(ErrMalformed, "it has no secret")
	}
	var secret []byte
	if v.hasCipher {
		plain, err := p.decrypt(v, "Secret")
		if err != nil || plain == nil {
			return err
		}
		secret = plain
	} else {
		// Where a file protects its values, a plain secret among them is one
		// that anybody could have put there.
		if (p.enc.macSeen || p.enc.keySeen) && !p.nothingEncrypted() && !p.opt.AllowUnauthenticated {
			return p.refuse(ErrAltered, "its secret is plain in a file that declares encryption")
		}
		if err := p.plainMAC(v); err != nil {
			return err
		}
		var ok bool
		if secret, ok = decodeBase64(make([]byte, 0, len(v.plain)), v.plain); !ok {
			return p.refuse(ErrMalformed, "its secret is not base64")
		}
	}
	k.Secret = secret
	return nil
}

// nothingEncrypted tells whether the file says so, as drafts can, and has kept
// to it so far.
func (p *parser) nothingEncrypted() bool {
	return p.enc.plain && !p.enc.keySeen && !p.enc.macKeySeen && !p.hdr.Encrypted
}

// plainMAC refuses a MAC over a plain value: there is no key to check it with.
// The first drafts have one even where they declare that nothing is encrypted.
func (p *parser) plainMAC(v *value) error {
	switch {
	case !v.hasMAC, p.nothingEncrypted() && p.opt.AllowUnauthenticated:
		return nil
	case p.nothingEncrypted():
		return p.refuse(ErrNoMAC, "a ValueDigest over a plain value, for which the file names no key (option "+
			"AllowUnauthenticated reads it unchecked)")
	}
	return p.refuse(ErrUnsupported, "a ValueMAC over a plain value")
}

// checkSecret applies the bounds of length.
func (p *parser) checkSecret(k *Key) error {
	n := len(k.Secret)
	if !p.vals[secretValue].seen && len(k.Record) > 0 {
		return nil
	}
	if n > p.opt.Limits.SecretBytes {
		return p.refuse(ErrLimit, "secret of %d bits is too long, at most %d are taken", n*8, p.opt.Limits.SecretBytes*8)
	}
	least := p.opt.MinSecret
	if kind, _ := kindOf(k.Algorithm); kind == PIN {
		least = 1
	} else if len(k.Record) > 0 {
		least = min(least, ShortSecret)
	}
	if n < least {
		why := "secret of %d bits is too short, at least %d are demanded"
		if n >= ShortSecret {
			why += " (RFC 4226 section 4, R6; option MinSecret accepts it)"
		}
		return p.refuse(nil, why, n*8, least*8)
	}
	return nil
}

func (p *parser) openInteger(k *Key, i valueName, v *value) error {
	name := valueNames[i]
	b := v.plain
	if v.hasCipher {
		plain, err := p.decrypt(v, name)
		if err != nil || plain == nil {
			return err
		}
		b = plain
	} else {
		if err := p.plainMAC(v); err != nil {
			return err
		}
		if _, _, ok := parseDecimal(b); !ok {
			if b, ok = p.draftInteger(v); !ok {
				return p.refuse(ErrMalformed, "its %s is not a decimal number", name)
			}
		}
	}
	n, neg, ok := decodeInteger(b, i == driftValue)
	signed, fits := n.signed(neg)
	switch {
	case !ok:
		return p.refuse(ErrMalformed, "its %s is not a number", name)
	case n.overflow, !fits && i != counterValue:
		return p.refuse(ErrMalformed, "its %s does not fit 64 bits", name)
	case neg && i != driftValue && i != timeValue:
		return p.refuse(ErrMalformed, "its %s is negative", name)
	}
	switch i {
	case counterValue:
		k.Counter, k.HasCounter = n.n, true
	case timeValue:
		k.Time, k.HasTime = signed, true
	case intervalValue:
		k.Interval, k.HasInterval = n.n, true
	case driftValue:
		k.Drift, k.HasDrift = signed, true
	}
	return nil
}
