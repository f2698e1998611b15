package activation

import (
	"bytes"
	"reflect"
	"testing"
)

// Item 10 of docs/protocol.md, Tests that must hold: every decoder is fuzzed. What
// it accepts is written again as the same bytes.

func FuzzParseVector(f *testing.F) {
	for _, v := range profiles() {
		f.Add(v.Bytes())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := ParseVector(b)
		if err != nil {
			return
		}
		p := v.Profile()
		again, err := p.Vector()
		if err != nil || !bytes.Equal(again.Bytes(), b) {
			t.Errorf("%x is written as %x, %v", b, again.Bytes(), err)
		}
	})
}

func FuzzParseSuite(f *testing.F) {
	for _, s := range []string{"HOTP-SHA1-6", "TOTP-SHA512-10/3600", "OCRA-1:HOTP-SHA512-8:C-QH64-T1M", "invalid"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if s, err := ParseSuite(text); err == nil && (s.String() != text || s.KeySize() == 0) {
			t.Errorf("%q is read as %+v", text, s)
		}
	})
}

func FuzzSerial(f *testing.F) {
	v := vector()
	for _, s := range []string{testSerial, "10000001", "fdm 1", "FDL1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := v.Serial(text)
		if err != nil {
			return
		}
		if again, err := v.Serial(s); err != nil || again != s || !validSerial(s) {
			t.Errorf("%q is read as %q and then as %q, %v", text, s, again, err)
		}
	})
}

func FuzzOpenCode(f *testing.F) {
	v := []*Vector{vector(noPassword), vector(decimal, noPassword)}
	for _, v := range v {
		f.Add(string(must(v.MakeCode(testSecret, input(v)))))
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, v := range v {
			s, err := v.OpenCode(text, input(v))
			if err != nil {
				continue
			}
			code := must(v.MakeCode(s, input(v)))
			if again, err := v.readCode(text); err != nil || again != string(code) {
				t.Errorf("%q is read as %q, whose secret gives %q", text, again, string(code))
			}
		}
	})
}

func FuzzReadERC(f *testing.F) {
	v := vector(events)
	f.Add(must(v.MakeERC(testSerial, []uint64{1, 2})))
	f.Fuzz(func(t *testing.T, text string) {
		counters, err := v.ReadERC(testSerial, text)
		if err != nil {
			return
		}
		erc, err := v.MakeERC(testSerial, counters)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := v.ReadERC(testSerial, erc); err != nil || !reflect.DeepEqual(again, counters) {
			t.Errorf("%q is read as %v", text, counters)
		}
	})
}

func FuzzParseFAD(f *testing.F) {
	o := testOnline(f, vector(events, noPassword), 1, 2)
	f.Add([]byte(must(o.fad.Encode())))
	f.Fuzz(func(t *testing.T, b []byte) {
		fad, err := ParseFAD(b)
		if err != nil {
			return
		}
		if again, err := fad.Encode(); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%x is written as %x, %v", b, []byte(again), err)
		}
	})
}

// The messages of the online exchange, behind a MAC that a fuzzer cannot make.
func FuzzOnline(f *testing.F) {
	o := testOnline(f, vector(events, noPassword), 1, 2)
	confirm := must(
		o.exchange.Confirm(
			Confirmation{OTP: Secret("123456"), Next: Secret("654321"), Derivation: Secret("ABCDEFGHJKMNPQRSTVWX")}))
	done := must(must(OpenConfirm(confirm, o.code, o.request.Hash())).Answer(Result{TriesLeft: 4}))
	for _, b := range [][]byte{o.exchange.Request(), o.answer, confirm, done} {
		f.Add(b)
		message, _, err := unpack(b)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(message)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		again := func(what string, written []byte, err error) {
			if err != nil || !bytes.Equal(written, b) {
				t.Errorf("%s: %x is written as %x, %v", what, b, written, err)
			}
		}
		if message, auth, err := unpack(b); err == nil {
			again("body", pack(message, auth), nil)
		}
		if r, err := parseRequest(b); err == nil {
			_, _ = hpkeKEM().NewPublicKey(r.public)
			again("request", edited(t, b, setText(1, r.locator)), nil)
		}
		if s, now, err := parseAnswer(b); err == nil {
			again("answer", s.encode(now), nil)
		}
		if c, locator, err := parseConfirmation(b); err == nil {
			written, err := c.encode(locator)
			again("confirmation", written, err)
		}
		if r, err := parseResult(b); err == nil {
			written, err := r.encode()
			again("result", written, err)
		}
		if counters, err := parseCounters(b); err == nil {
			again("counters", encodeCounters(counters), nil)
		}
		_, _ = Locator(pack(b, make([]byte, 32)))
	})
}

func FuzzResumeExchange(f *testing.F) {
	f.Add([]byte(must(testExchange(f, testCode()).State())))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := ResumeExchange(b)
		if err != nil {
			return
		}
		if again, err := e.State(); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%x is written as %x, %v", b, []byte(again), err)
		}
	})
}

func FuzzTypedCodes(f *testing.F) {
	f.Add(string(testCode().Text()))
	f.Add(string(must(DerivationCode(testSecret, testSerial, bytesOf("device", DeviceSecretSize)))))
	f.Fuzz(func(t *testing.T, text string) {
		if c, err := ParseRegistrationCode(text); err == nil {
			if again, err := ParseRegistrationCode(Group(string(c.Text()))); err != nil ||
				!bytes.Equal(again.Text(), c.Text()) {
				t.Errorf("%q: %v", text, err)
			}
		}
		if d, err := OpenDerivationCode(text, testSecret, testSerial); err == nil {
			if code, err := readDerivationCode(text); err != nil ||
				code != string(must(DerivationCode(testSecret, testSerial, d))) {
				t.Errorf("%q: %v", text, err)
			}
		}
		_ = CheckPassword(text)
	})
}

func FuzzReadMessage(f *testing.F) {
	m := Message{TypeOffer, must(Offer{"https://ostiary.example", testCode()}.Encode())}
	qr, _, err := m.QR()
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []Secret{qr, must(m.Paste()), must(m.Link("http://[::1]:8080"))} {
		f.Add(string(s))
	}
	f.Fuzz(func(t *testing.T, text string) {
		m, err := ReadMessage(text)
		if err != nil {
			return
		}
		qr, _, err := m.QR()
		if err != nil {
			t.Fatal(err)
		}
		if again, err := ReadMessage(string(qr)); err != nil || again.Type != m.Type ||
			!bytes.Equal(again.Payload, m.Payload) {
			t.Errorf("%q: %v", text, err)
		}
	})
}

func FuzzParseOffer(f *testing.F) {
	f.Add([]byte(must(Offer{"https://ostiary.example", testCode()}.Encode())))
	f.Fuzz(func(t *testing.T, b []byte) {
		o, err := ParseOffer(b)
		if err != nil {
			return
		}
		if again, err := o.Encode(); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%x is written as %x, %v", b, []byte(again), err)
		}
	})
}

func FuzzReadQRBody(f *testing.F) {
	f.Add(
		"<QRCode><SN>FDM1</SN><AC>0123456789ABCDEFGHJKMNPQRSTVWX</AC><ERC>012345678912</ERC><USERID>&lt;a&amp;b</USERID><CHALLENGE>1</CHALLENGE></QRCode>")
	f.Add("<QRCode>\n<AC>01234-56789-ABCDE-FGHJK-MNPQR-STVWX</AC> <SN>1</SN></QRCode>")
	f.Fuzz(func(t *testing.T, text string) {
		b, err := ReadQRBody(text)
		if err != nil {
			return
		}
		out, err := b.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if again, err := ReadQRBody(string(out)); err != nil || !reflect.DeepEqual(again, b) {
			t.Errorf("%q is read as %+v and then as %+v, %v", text, b, again, err)
		}
	})
}

func FuzzParseSealed(f *testing.F) {
	for _, counters := range [][]uint64{{1, 2}, nil} {
		f.Add(testOnline(f, vector(events, noPassword), counters...).sealed.Encode())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := ParseSealed(b); err == nil && !bytes.Equal(s.Encode(), b) {
			t.Errorf("%x is written as %x", b, s.Encode())
		}
	})
}
