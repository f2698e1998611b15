package activation

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"ostiary/internal/codec/cbor"
)

// online is one online activation up to the answer.
type online struct {
	vector   *Vector
	code     RegistrationCode
	exchange *Exchange
	request  *Request
	fad      *FAD
	counters []uint64
	sealed   *Sealed
	answer   []byte
}

func testOnline(t testing.TB, v *Vector, counters ...uint64) *online {
	t.Helper()
	o := &online{vector: v, code: testCode(), counters: counters}
	o.exchange = testExchange(t, o.code)
	var err error
	if o.request, err = OpenRequest(o.exchange.Request(), o.code); err != nil {
		t.Fatal(err)
	}
	ac, err := v.MakeCode(testSecret, input(v, counters...))
	if err != nil {
		t.Fatal(err)
	}
	o.fad = &FAD{Vector: v, Serial: testSerial, Code: ac, Label: "ann"}
	if o.sealed, err = o.request.Seal(o.fad, counters); err != nil {
		t.Fatal(err)
	}
	if o.answer, err = o.request.Answer(o.sealed, 1_800_000_000); err != nil {
		t.Fatal(err)
	}
	return o
}

func TestOnline(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		v        *Vector
		counters []uint64
	}{
		"time":                 {vector(), nil},
		"events":               {vector(events, noPassword), []uint64{7, MaxCounter}},
		"events, first time":   {vector(events, noPassword), nil},
		"decimal, same key":    {vector(events, decimal, sameKey), []uint64{0, 1}},
		"bound, with password": {vector(bound, checkedPassword), nil},
	} {
		o := testOnline(t, c.v, c.counters...)
		if got := o.request.Device; got != (Device{Android, "Pixel of Ann"}) {
			t.Errorf("%s: device %+v", name, got)
		}
		if locator, err := Locator(o.exchange.Request()); err != nil || locator != o.code.Locator() {
			t.Errorf("%s: locator %q, %v", name, locator, err)
		}
		got, err := o.exchange.Open(o.answer)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got.Time != 1_800_000_000 || !reflect.DeepEqual(got.Counters, c.counters) || got.FAD.Serial != testSerial ||
			got.FAD.Label != "ann" {
			t.Errorf("%s: %+v", name, got)
		}
		in := input(c.v, got.Counters...)
		secret, err := got.FAD.Vector.OpenCode(string(got.FAD.Code), in)
		if err != nil || !bytes.Equal(secret, testSecret) {
			t.Errorf("%s: %x, %v", name, []byte(secret), err)
		}
		confirm, err := o.exchange.Confirm(
			Confirmation{OTP: Secret("123456"), Next: Secret("6543210987"),
				Derivation: Secret("abcde-fghjk-mnpqr-stvwx")})
		if err != nil {
			t.Fatal(err)
		}
		server, err := OpenConfirm(confirm, o.code, o.request.Hash())
		if err != nil {
			t.Fatal(err)
		}
		want := Confirmation{OTP: Secret("123456"), Next: Secret("6543210987"),
			Derivation: Secret("ABCDEFGHJKMNPQRSTVWX")}
		if !reflect.DeepEqual(server.Confirmation, want) {
			t.Errorf("%s: %+v", name, server)
		}
		for _, result := range []Result{{true, 0}, {false, 0}, {false, 4}, {false, 99}} {
			done, err := server.Answer(result)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := o.exchange.Result(confirm, done); err != nil || got != result {
				t.Errorf("%s: %+v, %v, want %+v", name, got, err, result)
			}
		}
	}
}

// A server with an exchange of its own seals to a key and whatever it came in.
func TestSealToAKey(t *testing.T) {
	t.Parallel()
	o := testOnline(t, vector(events, noPassword), 1, 2)
	public := o.exchange.private().PublicKey().Bytes()
	request := [32]byte{1, 2, 3}
	for _, counters := range [][]uint64{{1, 2}, nil} {
		s, err := Seal(public, request, o.fad, counters)
		if err != nil {
			t.Fatal(err)
		}
		fad, got, err := s.open(o.exchange.private(), request)
		if err != nil || !reflect.DeepEqual(got, counters) || !bytes.Equal(fad.Code, o.fad.Code) {
			t.Errorf("%v: opened as %v, %v", counters, got, err)
		}
		if _, _, err := s.open(o.exchange.private(), [32]byte{1, 2, 4}); !errors.Is(err, ErrSealed) {
			t.Errorf("of another request: %v", err)
		}
	}
	for _, key := range [][]byte{nil, public[1:], append([]byte{0}, public...)} {
		if _, err := Seal(key, request, o.fad, nil); !errors.Is(err, ErrKeySize) {
			t.Errorf("a key of %d bytes: %v", len(key), err)
		}
	}
	if _, err := Seal(public, request, o.fad, []uint64{1}); !errors.Is(err, ErrCounter) {
		t.Errorf("too few counters: %v", err)
	}
}

// What the server stored answers the identical request with a new time.
func TestAnswerAgain(t *testing.T) {
	t.Parallel()
	o := testOnline(t, vector(events, noPassword), 1, 2)
	again, err := OpenRequest(o.exchange.Request(), o.code)
	if err != nil || again.Hash() != o.request.Hash() {
		t.Fatal(err)
	}
	kept, err := ParseSealed(o.sealed.Encode())
	if err != nil || !reflect.DeepEqual(kept, o.sealed) {
		t.Fatalf("kept as %+v, %v", kept, err)
	}
	answer, err := again.Answer(kept, 1_800_000_060)
	if err != nil {
		t.Fatal(err)
	}
	got, err := o.exchange.Open(answer)
	if err != nil || got.Time != 1_800_000_060 || len(got.Counters) != 2 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestExchangeIsResumed(t *testing.T) {
	t.Parallel()
	o := testOnline(t, vector(), nil...)
	state, err := o.exchange.State()
	if err != nil {
		t.Fatal(err)
	}
	e, err := ResumeExchange(state)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(e.Request(), o.exchange.Request()) {
		t.Error("another request")
	}
	if got, err := e.Open(o.answer); err != nil || got.FAD.Serial != testSerial {
		t.Error(got, err)
	}
	other := testExchange(t, must(NewRegistrationCode(stream("other"))))
	otherKey := must(hpkeKEM().NewPrivateKey(bytesOf("other key", 32)))
	for name, e := range map[string]*Exchange{"other code": {other.code, o.exchange.private, o.exchange.message},
		"other key": newExchange(o.code, otherKey, o.exchange.message)} {
		if _, err := ResumeExchange(must(e.State())); !errors.Is(err, ErrMessage) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, b := range map[string][]byte{"nothing": nil, "cut off": state[:len(state)-1],
		"a request": o.exchange.message} {
		if _, err := ResumeExchange(b); !errors.Is(err, ErrMessage) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A message of one exchange is worth nothing in another, nor in another place.
func TestMessagesBelongToTheirExchange(t *testing.T) {
	t.Parallel()
	o := testOnline(t, vector(), nil...)
	otherCode := must(NewRegistrationCode(stream("other")))
	second, err := NewExchange(o.code, Device{Android, "Pixel of Ann"}, stream("second device"))
	if err != nil {
		t.Fatal(err)
	}
	otherRequest := must(OpenRequest(second.Request(), o.code))
	confirm := must(o.exchange.Confirm(Confirmation{OTP: Secret("123456")}))
	otherConfirm := must(o.exchange.Confirm(Confirmation{OTP: Secret("123457")}))
	done := must(must(OpenConfirm(confirm, o.code, o.request.Hash())).Answer(Result{Accepted: true}))
	for name, err := range map[string]error{
		"request, other code":    errOf(OpenRequest(o.exchange.Request(), otherCode)),
		"request, no code":       errOf(OpenRequest(o.exchange.Request(), RegistrationCode{})),
		"confirm, other code":    errOf(OpenConfirm(confirm, otherCode, o.request.Hash())),
		"confirm, no code":       errOf(OpenConfirm(confirm, RegistrationCode{}, o.request.Hash())),
		"confirm, other request": errOf(OpenConfirm(confirm, o.code, otherRequest.Hash())),
		"request as confirm":     errOf(OpenConfirm(o.exchange.Request(), o.code, o.request.Hash())),
		"confirm as request":     errOf(OpenRequest(confirm, o.code)),
		"answer, other request":  errOf(second.Open(o.answer)),
		"confirm as answer":      errOf(o.exchange.Open(confirm)),
		"result as answer":       errOf(o.exchange.Open(done)),
		"result, other confirm":  errOf(o.exchange.Result(otherConfirm, done)),
		"answer as result":       errOf(o.exchange.Result(confirm, o.answer)),
		"confirm as its result":  errOf(o.exchange.Result(confirm, confirm)),
		"result, other code": errOf((&Exchange{otherCode, o.exchange.private, o.exchange.message}).Result(
			confirm, done)),
		"locator of another code": errOf(OpenRequest(pack(second.message, otherCode.MAC(labelRequest, second.message)),
			otherCode)),
	} {
		if !errors.Is(err, ErrAuth) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A server's sealed data for one request does not open in another, even where
	// the MAC is right.
	moved := must(otherRequest.Answer(o.sealed, 1_800_000_000))
	if _, err := second.Open(moved); !errors.Is(err, ErrSealed) {
		t.Error(err)
	}
}

// errOf is the second of two results.
func errOf[T any](_ T, err error) error { return err }

// Whoever has the right MAC may still send nonsense.
func TestAuthenticNonsense(t *testing.T) {
	t.Parallel()
	o := testOnline(t, vector(events, noPassword), 1, 2)
	hash := o.request.Hash()
	request := func(edit func(*cborMap)) error {
		m := mapOf(t, o.exchange.message)
		edit(m)
		b := m.encode()
		return errOf(OpenRequest(pack(b, o.code.MAC(labelRequest, nil, b)), o.code))
	}
	answerBody, _, err := unpack(o.answer)
	if err != nil {
		t.Fatal(err)
	}
	answer := func(edit func(*cborMap)) error {
		m := mapOf(t, answerBody)
		edit(m)
		b := m.encode()
		return errOf(o.exchange.Open(pack(b, o.code.MAC(labelResponse, hash[:], b))))
	}
	confirmBody, _, err := unpack(
		must(
			o.exchange.Confirm(
				Confirmation{OTP: Secret("123456"), Next: Secret("654321"),
					Derivation: Secret("ABCDEFGHJKMNPQRSTVWX")})))
	if err != nil {
		t.Fatal(err)
	}
	confirm := func(edit func(*cborMap)) error {
		m := mapOf(t, confirmBody)
		edit(m)
		b := m.encode()
		return errOf(OpenConfirm(pack(b, o.code.MAC(labelConfirm, hash[:], b)), o.code, hash))
	}
	text := func(key uint64, s string) func(*cborMap) {
		return func(m *cborMap) { m.set(key, cbor.AppendText(nil, s)) }
	}
	number := func(key, v uint64) func(*cborMap) {
		return func(m *cborMap) { m.set(key, cbor.AppendUint(nil, v)) }
	}
	octets := func(key uint64, b []byte) func(*cborMap) {
		return func(m *cborMap) { m.set(key, cbor.AppendBytes(nil, b)) }
	}
	drop := func(key uint64) func(*cborMap) { return func(m *cborMap) { m.drop(key) } }
	for _, f := range []func(func(*cborMap)) error{request, answer, confirm} {
		if err := f(func(*cborMap) {}); err != nil {
			t.Fatalf("unchanged: %v", err)
		}
		if err := f(number(0, 2)); !errors.Is(err, ErrVersion) {
			t.Errorf("version 2: %v", err)
		}
		for name, edit := range map[string]func(*cborMap){"version 0": number(0, 0), "no version": drop(0),
			"one key more": number(9, 0), "text for version": text(0, "1"), "no key 1": drop(1), "no key 2": drop(2)} {
			if err := f(edit); !errors.Is(err, ErrMessage) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	for name, err := range map[string]error{
		"small locator":         request(text(1, strings.ToLower(o.code.Locator()))),
		"short locator":         request(text(1, "ABCD")),
		"short key":             request(octets(2, make([]byte, 1215))),
		"key that is none":      request(octets(2, bytes.Repeat([]byte{0xff}, 1216))),
		"device type 6":         request(number(3, 6)),
		"device type 256":       request(number(3, 256)),
		"no device name":        request(text(4, "")),
		"long device name":      request(text(4, strings.Repeat("x", 65))),
		"device name":           request(text(4, "a\u2066b")),
		"short nonce":           request(octets(5, make([]byte, 15))),
		"short encapsulation":   answer(octets(1, make([]byte, 1119))),
		"empty XERC":            answer(octets(3, nil)),
		"time 0":                answer(number(4, 0)),
		"time 2^53":             answer(number(4, 1<<53)),
		"no time":               answer(drop(4)),
		"OTP of 5":              confirm(text(2, "12345")),
		"OTP of 11":             confirm(text(2, "12345678901")),
		"OTP of letters":        confirm(text(2, "12345a")),
		"derivation code":       confirm(text(3, "ABCDEFGHJKMNPQRSTVW")),
		"small derivation code": confirm(text(3, "abcdefghjkmnpqrstvwx")),
		"next OTP":              confirm(text(4, "")),
	} {
		if !errors.Is(err, ErrMessage) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, err := range map[string]error{
		"other encapsulation":   answer(octets(1, make([]byte, 1120))),
		"XERC for XFAD":         answer(octets(2, o.sealed.XERC)),
		"XFAD for XERC":         answer(octets(3, o.sealed.XFAD)),
		"XFAD cut off":          answer(octets(2, o.sealed.XFAD[:20])),
		"XERC of no ciphertext": answer(octets(3, []byte{1})),
	} {
		if !errors.Is(err, ErrSealed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Without its XERC the rest opens, and the code is refused: it is bound to it.
	m := mapOf(t, answerBody)
	m.drop(3)
	b := m.encode()
	got, err := o.exchange.Open(pack(b, o.code.MAC(labelResponse, hash[:], b)))
	if err != nil || got.Counters != nil {
		t.Fatal(got, err)
	}
	if _, err := got.FAD.Vector.OpenCode(string(got.FAD.Code), input(o.vector)); !errors.Is(err, ErrCodeInvalid) {
		t.Error(err)
	}
}

func TestSealRefusals(t *testing.T) {
	t.Parallel()
	o := testOnline(t, vector(events, noPassword), 1, 2)
	time := vector(noPassword)
	timeCode := must(time.MakeCode(testSecret, input(time)))
	for name, c := range map[string]struct {
		fad      FAD
		counters []uint64
		want     error
	}{
		"one counter":     {*o.fad, []uint64{1}, ErrCounter},
		"great counter":   {*o.fad, []uint64{1, MaxCounter + 1}, ErrCounter},
		"unasked counter": {FAD{Vector: time, Serial: testSerial, Code: timeCode}, []uint64{1}, ErrERCUnexpected},
		"two-step":        {FAD{Vector: vector(twoStep), Serial: testSerial, Code: timeCode}, nil, ErrTwoStep},
		"label": {FAD{Vector: time, Serial: testSerial, Code: timeCode, Label: strings.Repeat("x", 41)},
			nil, ErrUserID},
		"serial":             {FAD{Vector: time, Serial: "X", Code: timeCode}, nil, ErrSerial},
		"code cut off":       {FAD{Vector: time, Serial: testSerial, Code: timeCode[1:]}, nil, ErrCodeLength},
		"code of the other":  {FAD{Vector: vector(decimal), Serial: testSerial, Code: timeCode}, nil, ErrCodeCharacter},
		"no code":            {FAD{Vector: time, Serial: testSerial}, nil, ErrCodeEmpty},
		"label of two lines": {FAD{Vector: time, Serial: testSerial, Code: timeCode, Label: "a\nb"}, nil, ErrUserID},
	} {
		if s, err := o.request.Seal(&c.fad, c.counters); !errors.Is(err, c.want) || s != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, now := range []int64{-1, 0, 1 << 53} {
		if _, err := o.request.Answer(o.sealed, now); !errors.Is(err, ErrTime) {
			t.Errorf("time %d: %v", now, err)
		}
	}
	confirm := must(OpenConfirm(must(o.exchange.Confirm(Confirmation{OTP: Secret("123456")})), o.code,
		o.request.Hash()))
	for _, n := range []int{-1, 100} {
		if _, err := confirm.Answer(Result{TriesLeft: n}); !errors.Is(err, ErrMessage) {
			t.Errorf("%d tries: %v", n, err)
		}
	}
}

func TestExchangeRefusals(t *testing.T) {
	t.Parallel()
	for name, d := range map[string]Device{"type": {6, "x"}, "no name": {Web, ""},
		"long name": {Web, strings.Repeat("x", 65)}, "name": {Web, "a\nb"}} {
		if _, err := NewExchange(testCode(), d, stream("x")); !errors.Is(err, ErrDevice) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := NewExchange(RegistrationCode{}, Device{Web, "x"}, stream("x")); !errors.Is(err, ErrRegistrationEmpty) {
		t.Error(err)
	}
	e := testExchange(t, testCode())
	for name, c := range map[string]struct {
		c    Confirmation
		want error
	}{
		"no OTP":         {Confirmation{}, ErrOTP},
		"spaced OTP":     {Confirmation{OTP: Secret("123 456")}, ErrOTP},
		"next":           {Confirmation{OTP: Secret("123456"), Next: Secret("12345")}, ErrOTP},
		"derivation":     {Confirmation{OTP: Secret("123456"), Derivation: Secret("ABC")}, ErrDerivationLength},
		"derivation two": {Confirmation{OTP: Secret("123456"), Derivation: Secret("U")}, ErrDerivationCharacter},
	} {
		if _, err := e.Confirm(c.c); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What is sealed is read as strictly as what is not.
func TestParseFAD(t *testing.T) {
	t.Parallel()
	o := testOnline(t, vector(noPassword))
	good := must(o.fad.Encode())
	text := func(key uint64, s string) func(*cborMap) {
		return func(m *cborMap) { m.set(key, cbor.AppendText(nil, s)) }
	}
	for name, c := range map[string]struct {
		edit func(*cborMap)
		want error
	}{
		"version 2":       {func(m *cborMap) { m.set(0, []byte{2}) }, ErrVersion},
		"no vector":       {func(m *cborMap) { m.set(1, cbor.AppendBytes(nil, nil)) }, ErrVector},
		"two-step vector": {func(m *cborMap) { m.set(1, cbor.AppendBytes(nil, vector(twoStep).Bytes())) }, ErrTwoStep},
		"vector of text":  {text(1, "x"), ErrMessage},
		"whole serial":    {text(2, testSerial), ErrMessage},
		"no number":       {text(2, ""), ErrMessage},
		"16 digits":       {text(2, "1234567890123456"), ErrMessage},
		"grouped code":    {text(3, Group(string(o.fad.Code))), ErrMessage},
		"small code":      {text(3, strings.ToLower(string(o.fad.Code))), ErrMessage},
		"short code":      {text(3, string(o.fad.Code[1:])), ErrMessage},
		"empty label":     {text(4, ""), ErrMessage},
		"long label":      {text(4, strings.Repeat("x", 41)), ErrMessage},
		"label":           {text(4, "\u200b"), ErrMessage},
		"one key more":    {text(5, "x"), ErrMessage},
		"no code":         {func(m *cborMap) { m.drop(3) }, ErrMessage},
	} {
		m := mapOf(t, good)
		c.edit(m)
		if _, err := ParseFAD(m.encode()); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	m := mapOf(t, good)
	m.drop(4)
	if f, err := ParseFAD(m.encode()); err != nil || f.Label != "" {
		t.Error(f, err)
	}
}
