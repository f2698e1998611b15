package authenticator_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"ostiary/activation"
	"ostiary/authenticator"
	"ostiary/internal/codec/cbor"
	"ostiary/internal/formats/profilefile"
	"ostiary/oath"
)

// hotp gives n codes of a key from a counter on.
func hotp(key activation.Secret, from uint64, n int) (codes []string) {
	for i := range n {
		codes = append(codes, must(oath.HOTP(key, from+uint64(i), oath.SHA1, 6)))
	}
	return codes
}

// bank is the example profile with eight applications, made cheap.
func bank(t testing.TB) func(*activation.Profile) {
	t.Helper()
	text, err := os.ReadFile("../examples/profiles/bank.toml")
	if err != nil {
		t.Fatal(err)
	}
	read, err := profilefile.ParseProfile(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return func(p *activation.Profile) {
		id, key, issuer := p.ID, p.Key, p.IssuerKey
		*p = read
		p.ID, p.Key, p.IssuerKey, p.Prefix = id, key, issuer, "FDM"
		p.Rules.Argon2id = activation.Argon2id{Time: 1, Memory: 8, Parallelism: 1}
	}
}

// Eight applications side by side, each on a key and a counter of its own.
func TestEightApplications(t *testing.T) {
	t.Parallel()
	s, d := pair(t, bank(t))
	id := activate(t, s, d).Account.ID
	p := authenticator.Secret(pin)
	fields := []authenticator.Field{{"1", "DE89 3704 0044"}, {"2", "100.00"}, {"3", ""}}
	signed := hex.EncodeToString(fieldsHash(fields))
	for round := range 3 {
		later(s, d, 2*time.Minute)
		for index := 1; index <= 8; index++ {
			app := must(s.Vector.Application(index))
			var code authenticator.Code
			var err error
			question := ""
			switch app.Mode {
			case activation.ResponseOnly:
				code, err = d.Code(id, p, index)
			case activation.ChallengeResponse:
				question = "4711" + "081" + strconv.Itoa(round)
				if index == 5 {
					question = "aZ09" + strconv.Itoa(round)
				}
				code, err = d.Answer(id, p, index, question[:3]+" -"+question[3:])
			case activation.Signature:
				question = signed
				code, err = d.Sign(id, p, index, fields)
			}
			if err != nil {
				t.Fatalf("application %d: %v", index, err)
			}
			if code.Application.Index != index || len(code.Text) != app.Suite.Digits ||
				code.Until.IsZero() != (app.Suite.Period == 0) {
				t.Errorf("application %d: %+v", index, code)
			}
			if !s.Use(t, serial, index, code.Text, question) {
				t.Errorf("application %d, round %d: the server refuses the code", index, round)
			}
			if index != 4 && s.Use(t, serial, index, code.Text, question) { // 4 has neither counter nor time
				t.Errorf("application %d: the code works twice", index)
			}
		}
	}
	a := d.only(t)
	if len(a.Counters) != 4 || a.Counters[2] != 3 || a.Counters[5] != 3 || a.Counters[6] != 3 || a.Counters[8] != 3 {
		t.Errorf("counters %v", a.Counters)
	}
}

// fieldsHash is what a signature signs, written out by hand.
func fieldsHash(fields []authenticator.Field) []byte {
	b := cbor.AppendArray([]byte("ostiary/1 fields"), len(fields))
	for _, f := range fields {
		b = cbor.AppendText(cbor.AppendText(cbor.AppendArray(b, 2), f.Label), f.Value)
	}
	sum := sha256.Sum256(b)
	return sum[:]
}

func TestFieldsHash(t *testing.T) {
	t.Parallel()
	// 0x82 array of two; 0x82 array, 0x61 text "1", 0x62 text "ab"; and "2", "".
	want := sha256.Sum256([]byte("ostiary/1 fields\x82\x82\x611\x62ab\x82\x612\x60"))
	if got := fieldsHash([]authenticator.Field{{"1", "ab"}, {"2", ""}}); !bytes.Equal(got, want[:]) {
		t.Errorf("%x, want %x", got, want)
	}
}

func TestFieldsRefused(t *testing.T) {
	t.Parallel()
	s, d := pair(t, events, func(p *activation.Profile) {
		p.Applications = append(
			p.Applications, activation.Application{Index: 6, Name: "Plain", Mode: activation.Signature,
				Suite: suite("OCRA-1:HOTP-SHA1-6:QH64")})
	})
	id := activate(t, s, d).Account.ID
	one := func(label, value string) []authenticator.Field { return []authenticator.Field{{label, value}} }
	for name, c := range map[string]struct {
		index  int
		fields []authenticator.Field
		want   error
	}{
		"none":              {5, nil, authenticator.ErrFieldCount},
		"nine":              {5, make([]authenticator.Field, 9), authenticator.ErrFieldCount},
		"no label":          {5, one("", "x"), authenticator.ErrFieldLabel},
		"another label":     {5, one("amount", "x"), authenticator.ErrFieldLabel},
		"from 0":            {5, one("0", "x"), authenticator.ErrFieldLabel},
		"from 2":            {5, one("2", "x"), authenticator.ErrFieldLabel},
		"out of order":      {5, []authenticator.Field{{"2", "x"}, {"1", "y"}}, authenticator.ErrFieldLabel},
		"twice":             {5, []authenticator.Field{{"1", "x"}, {"1", "y"}}, authenticator.ErrFieldLabel},
		"space in front":    {5, one("1", " x"), authenticator.ErrFieldValue},
		"space behind":      {5, one("1", "x "), authenticator.ErrFieldValue},
		"a space":           {5, one("1", " "), authenticator.ErrFieldValue},
		"not ASCII":         {5, one("1", "10 €"), authenticator.ErrFieldValue},
		"line break":        {5, one("1", "a\nb"), authenticator.ErrFieldValue},
		"too long":          {5, one("1", strings.Repeat("x", 41)), authenticator.ErrFieldValue},
		"no counter":        {6, one("1", "x"), authenticator.ErrFieldSuite},
		"one-time password": {1, one("1", "x"), authenticator.ErrMode},
		"challenge":         {4, one("1", "x"), authenticator.ErrMode},
		"not there":         {3, one("1", "x"), activation.ErrApplication},
		"negative":          {-1, one("1", "x"), activation.ErrApplication},
		"good":              {5, []authenticator.Field{{"1", ""}, {"2", strings.Repeat("x", 40)}, {"3", "a b"}}, nil},
		"eight": {0, []authenticator.Field{{"1", "a"}, {"2", "b"}, {"3", "c"}, {"4", "d"}, {"5", "e"}, {"6", "f"},
			{"7", "g"}, {"8", "h"}},
			nil},
	} {
		if _, err := d.Sign(id, authenticator.Secret(pin), c.index, c.fields); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestChallenges(t *testing.T) {
	t.Parallel()
	s, d := pair(t, func(p *activation.Profile) {
		for i, text := range []string{"OCRA-1:HOTP-SHA1-6:QN08", "OCRA-1:HOTP-SHA256-8:QH10-T30S",
			"OCRA-1:HOTP-SHA512-10:C-QA06"} {
			p.Applications = append(
				p.Applications, activation.Application{Index: 2 + i, Name: text, Mode: activation.ChallengeResponse,
					Suite: suite(text)})
		}
	})
	id := activate(t, s, d).Account.ID
	for _, c := range []struct {
		index     int
		challenge string
		want      error
	}{
		{2, "", authenticator.ErrChallengeEmpty}, {2, " - ", authenticator.ErrChallengeEmpty},
		{2, "123", authenticator.ErrChallengeShort},
		{2, "1-2-3", authenticator.ErrChallengeShort}, {2, "123456789", authenticator.ErrChallengeLong},
		{2, "1234a", authenticator.ErrChallengeCharacter},
		{2, "1234", nil}, {2, "1234 5678", nil}, {0, "12345678", nil},
		{3, "abc-DEF-0123", nil}, {3, "abcg", authenticator.ErrChallengeCharacter},
		{3, "00000000000", authenticator.ErrChallengeLong},
		{4, "aZ09", nil}, {4, "aZ0.", authenticator.ErrChallengeCharacter},
		{4, "aZ0é", authenticator.ErrChallengeCharacter}, {4, "aaaaaaa", authenticator.ErrChallengeLong},
		{1, "1234", authenticator.ErrMode}, {5, "1234", activation.ErrApplication},
	} {
		counter := d.only(t).Counters[4]
		code, err := d.Answer(id, authenticator.Secret(pin), c.index, c.challenge)
		if !errors.Is(err, c.want) {
			t.Errorf("%d %q: %v, want %v", c.index, c.challenge, err, c.want)
		}
		if err != nil {
			continue
		}
		// RFC 6287 by package oath, from the key alone.
		o := must(oath.ParseSuite(code.Application.Name))
		in := oath.Input{Question: strings.NewReplacer(" ", "", "-", "").Replace(c.challenge)}
		switch c.index {
		case 3:
			in.Step = uint64(d.now.Unix() / 30)
		case 4:
			in.Counter = counter
		}
		if want := must(o.Response(s.Key(t, serial, code.Application.Index), in)); string(code.Text) != want {
			t.Errorf("%d %q: %s, want %s", c.index, c.challenge, string(code.Text), want)
		}
	}
}

// A clock before the first time step makes no codes.
func TestClockUnset(t *testing.T) {
	t.Parallel()
	s, d := pair(t)
	id := activate(t, s, d).Account.ID
	d.now = time.Unix(0, 0)
	d.refused(t, activation.ErrTime, func() error { _, err := d.Code(id, authenticator.Secret(pin), 0); return err })
	fresh := newDevice(t, "fresh", s)
	fresh.now = time.Unix(-5, 0) // offline; a server would tell the time
	fresh.refused(t, activation.ErrTime, func() error {
		_, err := fresh.Activate(letter(s, s.Letter(t, serial, false)), choice(pin))
		return err
	})
}

// Many at once: no event is shown twice, and none is lost.
func TestCodesAtOnce(t *testing.T) {
	t.Parallel()
	s, d := pair(t, events)
	id := activate(t, s, d).Account.ID
	const n = 32
	codes := make(chan string, n)
	for range n {
		go func() {
			c, err := d.Code(id, authenticator.Secret(pin), 1)
			if err != nil {
				t.Error(err)
			}
			codes <- string(c.Text)
		}()
	}
	got := map[string]bool{}
	for range n {
		got[<-codes] = true
	}
	for i, want := range hotp(s.Key(t, serial, 1), 1, n) {
		if !got[want] {
			t.Errorf("event %d was not shown", i)
		}
	}
}

// A clock that goes mad while an activation is under way spoils no record.
func TestClockGoesBack(t *testing.T) {
	t.Parallel()
	s, d := pair(t)
	a := unconfirmed(t, s, d)
	for _, at := range []time.Time{time.Unix(-5, 0), time.Unix(1<<60, 0), start.Add(time.Hour)} {
		d.now = at
		s.Now = func() time.Time { return start.Add(time.Hour) }
		err := d.Confirm(t.Context(), a.ID, authenticator.Secret(other))
		if _, lerr := d.List(); lerr != nil {
			t.Fatalf("%v: %v after %v", at, lerr, err)
		}
	}
	if got := d.only(t); got.Unconfirmed {
		t.Errorf("%+v", got)
	}
}

// The counter is stored before a code is seen: with a storage that fails there is no
// code, and whatever was seen is below what is stored.
func TestCounterIsStoredFirst(t *testing.T) {
	t.Parallel()
	s, d := pair(t, events)
	id := activate(t, s, d).Account.ID
	key := s.Key(t, serial, 1)
	for range 5 {
		stored := uint64(0)
		d.storage.wrote = func(string) {
			probe := newDevice(t, "probe", s)
			probe.storage.records = d.storage.records
			stored = probe.only(t).Counters[1]
		}
		c := d.code(t, id, pin, 0)
		d.storage.wrote = nil
		if got := hotp(key, stored-1, 1)[0]; got != string(c) {
			t.Errorf("the code is not that of the counter before the stored %d", stored)
		}
	}
}
