package activations_test

import (
	"bytes"
	"crypto/hpke"
	"crypto/rand"
	"crypto/sha256"
	"strings"
	"sync"
	"testing"
	"time"

	"ostiary/activation"
	"ostiary/internal/codec/cbor"
	"ostiary/internal/core/audit"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/activations"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/seal"
	"ostiary/internal/test/testkit"
)

var device1 = activation.Device{Type: activation.Android, Name: "Pixel of Ann"}

// phone is a device in an online activation.
type phone struct {
	*scene
	exchange *activation.Exchange
	password activation.Secret
}

func (s *scene) offer() activations.Started {
	s.Helper()
	return s.start(s.request(activations.Online))
}

func (s *scene) phone(st activations.Started) *phone {
	s.Helper()
	return &phone{s, must[*activation.Exchange](s)(activation.NewExchange(st.Registration, device1, rand.Reader)),
		st.Password}
}

var deviceOrigin = audit.Origin{Actor: "device", Source: "198.51.100.7:1234"}

func (s *scene) take(body []byte) ([]byte, error) {
	return s.k.Activations.Take(s.Context(), body, deviceOrigin)
}

// activated takes the offer and makes a device of it.
func (p *phone) activated(old *device) *device {
	p.Helper()
	answer, err := p.take(p.exchange.Request())
	if err != nil {
		p.Fatal(err)
	}
	got := must[*activation.Delivery](p)(p.exchange.Open(answer))
	if got.Time != p.k.Clock.Now().Unix() || got.FAD.Label != "alice" || got.FAD.Vector.Hash() != p.vector.Hash() {
		p.Errorf("delivered: %+v", got)
	}
	in := activation.CodeInput{Serial: got.FAD.Serial, Password: p.password, Counters: got.Counters}
	return p.device(must[activation.Secret](p)(p.vector.OpenCode(string(got.FAD.Code), in)), got.Counters, old)
}

func (p *phone) confirm(c activation.Confirmation) (activation.Result, error) {
	p.Helper()
	body := must[[]byte](p)(p.exchange.Confirm(c))
	answer, err := p.k.Activations.ConfirmOnline(p.Context(), body, deviceOrigin)
	if err != nil {
		return activation.Result{}, err
	}
	return p.exchange.Result(body, answer)
}

func TestOnline(t *testing.T) {
	t.Parallel()
	for name, edits := range map[string][]func(*activation.Profile){
		"events": nil, "time, password, bound": {timed, password, bound}, "same key": {sameKey},
		"eight applications": {many},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := setUp(t, edits...)
			var old *device
			for round := range 3 {
				s.k.Clock.Advance(time.Hour)
				st := s.offer()
				if st.Code != nil || st.QRBody != nil || st.ERC != "" {
					t.Errorf("an offer shows what is for the device: %+v", st)
				}
				p := s.phone(st)
				d := p.activated(old)
				newKey := s.vector.Profile().Rules.NewKey
				if old != nil && newKey && !old.logsIn() {
					t.Error("the old epoch ends before the new one is confirmed")
				}
				if round == 2 { // typed into the page instead
					if r, err := s.confirm(d.confirmation()); err != nil || !r.Accepted {
						t.Fatalf("%+v, %v", r, err)
					}
				} else if r, err := p.confirm(d.confirmation()); err != nil || !r.Accepted {
					t.Fatalf("round %d: %+v, %v", round, r, err)
				}
				if c := s.token().Condition; c.State != token.Valid || c.Epoch != int64(round+1) {
					t.Errorf("round %d: %+v", round, c)
				}
				if !d.logsIn() || old != nil && newKey && old.logsIn() {
					t.Errorf("round %d: the new device is to log in, and the old one not", round)
				}
				s.k.Unlock(t, s.serial)
				old = d
			}
			o, err := s.k.Activations.Show(t.Context(), s.request("").Token)
			if err != nil || len(o.Activations) != 3 || !o.Activations[0].Live || o.Activations[1].Live ||
				o.Activations[1].DeviceName != device1.Name ||
				o.Standing.Successes != 2 || o.Activations[2].Again {
				t.Errorf("%+v, %v", o, err)
			}
		})
	}
}

// The identical request gets the same for ten minutes, also after a restart; another
// one gets nothing.
func TestTakenOnce(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	st := s.offer()
	p := s.phone(st)
	d := p.activated(nil)
	s.k.Reopen(t)
	s.k.Clock.Advance(10*time.Minute - time.Second)
	again := p.activated(nil)
	if !bytes.Equal(d.Secret, again.Secret) {
		t.Error("another secret")
	}
	_, err := s.take(s.phone(st).exchange.Request())
	refused(t, "another device with the code", err, "offer_ended")
	s.k.Clock.Advance(2 * time.Second)
	_, err = s.take(p.exchange.Request())
	refused(t, "after ten minutes", err, "offer_ended")
	if r, err := p.confirm(d.confirmation()); err != nil || !r.Accepted {
		t.Fatalf("%+v, %v", r, err)
	}
	s.k.Clock.Advance(time.Hour)
	p = s.phone(s.offer())
	if r, err := p.confirm(p.activated(d).confirmation()); err != nil || !r.Accepted {
		t.Fatalf("%+v, %v", r, err)
	}
	_, err = s.take(p.exchange.Request())
	refused(t, "the identical request after the confirmation", err, "offer_ended")
}

// An offer is given to nobody once it has expired or was cancelled, nor if the token
// can be activated no more.
func TestNotTaken(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		do    func(*scene)
		fault string
	}{
		"expired": {func(s *scene) { s.k.Clock.Advance(7 * 24 * time.Hour) }, "offer_ended"},
		"broken":  {func(s *scene) { s.k.SetState(s, s.serial, token.RevokedBroken) }, "token_refuses"},
		"cancelled": {func(s *scene) {
			_, _ = s.k.Activations.Cancel(s.Context(), s.request("").Token,
				testkit.Origin)
		}, "registration_code"},
		"superseded": {func(s *scene) { s.start(s.request(activations.Offline)) }, "registration_code"},
		"deleted": {func(s *scene) {
			if _, err := s.k.Lifecycle.Delete(s.Context(), s.request("").Token, testkit.Origin); err != nil {
				s.Fatal(err)
			}
		}, "registration_code"},
	} {
		s := setUp(t)
		p := s.phone(s.offer())
		c.do(s)
		_, err := s.take(p.exchange.Request())
		refused(t, name, err, c.fault)
	}
}

// The identical confirmation gets the same answer; what comes after the end is
// refused.
func TestConfirmedAgain(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	p := s.phone(s.offer())
	d := p.activated(nil)
	wrong := activation.Confirmation{OTP: activation.Secret("000000")}
	for range 3 {
		if r, err := p.confirm(wrong); err != nil || r.Accepted || r.TriesLeft != 4 {
			t.Errorf("the same wrong one: %+v, %v", r, err)
		}
	}
	if r, err := s.confirm(wrong); err != nil || r.TriesLeft != 3 { // all doors count together
		t.Errorf("typed: %+v, %v", r, err)
	}
	right := d.confirmation()
	for range 3 {
		if r, err := p.confirm(right); err != nil || !r.Accepted {
			t.Errorf("the same right one: %+v, %v", r, err)
		}
	}
	if c := s.token().Condition; c.Epoch != 1 {
		t.Errorf("%+v", c)
	}
	_, err := p.confirm(activation.Confirmation{OTP: activation.Secret(d.code(1))})
	refused(t, "another one", err, "offer_ended")

	p = func() *phone { s.k.Clock.Advance(time.Hour); return s.phone(s.offer()) }()
	p.activated(nil)
	for left := 4; left >= 0; left-- {
		c := activation.Confirmation{OTP: activation.Secret("00000" + string(rune('0'+left)))}
		for range 2 {
			if r, err := p.confirm(c); err != nil || r.Accepted || r.TriesLeft != left {
				t.Fatalf("%+v, %v, want %d left", r, err, left)
			}
		}
	}
}

// Item 7: a flipped bit in a message is refused, and nothing changes.
func TestItem7FlippedBits(t *testing.T) {
	t.Parallel()
	s := setUp(t, bound)
	p := s.phone(s.offer())
	flip := func(what string, body []byte, send func([]byte) ([]byte, error)) {
		t.Helper()
		before := s.k.Dump(t)
		for i := 0; i < len(body)*8; i += 1 + len(body)/40 {
			spoilt := bytes.Clone(body)
			spoilt[i/8] ^= 1 << (i % 8)
			s.k.Clock.Advance(6 * time.Second) // under the throttle
			if answer, err := send(spoilt); err == nil || answer != nil {
				t.Fatalf("%s with bit %d flipped is accepted", what, i)
			}
		}
		if after := s.k.Dump(t); after != before {
			t.Errorf("%s: %s", what, testkit.Changes(before, after))
		}
	}
	flip("the request", p.exchange.Request(), s.take)
	d := p.activated(nil)
	confirm := must[[]byte](t)(p.exchange.Confirm(d.confirmation()))
	flip("the confirmation", confirm,
		func(b []byte) ([]byte, error) { return s.k.Activations.ConfirmOnline(t.Context(), b, deviceOrigin) })
}

// Item 1: what goes over the line is worth nothing to who reads it.
func TestItem1SealedToTheDevice(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	st := s.offer()
	p := s.phone(st)
	answer, err := s.take(p.exchange.Request())
	if err != nil {
		t.Fatal(err)
	}
	thief := s.phone(st) // who has the registration code as well
	if got, err := thief.exchange.Open(answer); err == nil {
		t.Errorf("opened by another device: %+v", got)
	}
	if got, err := s.phone(s.offer()).exchange.Open(answer); err == nil {
		t.Errorf("opened in another exchange: %+v", got)
	}
}

// Unknown and wrong registration codes are refused in the same words, throttled by
// source, and end no offer.
func TestWrongCodes(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	p := s.phone(s.offer())
	other := must[activation.RegistrationCode](t)(activation.NewRegistrationCode(rand.Reader))
	unknown := must[*activation.Exchange](t)(activation.NewExchange(other, device1, rand.Reader)).Request()
	wrong := bytes.Clone(p.exchange.Request())
	wrong[len(wrong)-1] ^= 1
	var texts []string
	for _, body := range [][]byte{unknown, wrong} {
		_, err := s.take(body)
		refused(t, "a wrong code", err, "registration_code")
		texts = append(texts, err.Error())
	}
	if texts[0] != texts[1] {
		t.Errorf("told apart: %q", texts)
	}
	for range 8 {
		_, _ = s.take(wrong)
	}
	_, err := s.take(wrong)
	refused(t, "the eleventh", err, "too_many_wrong")
	elsewhere := deviceOrigin
	elsewhere.Source = "203.0.113.9:1"
	for _, body := range [][]byte{nil, []byte("{}"), bytes.Repeat([]byte{0x81}, 4000)} {
		_, err := s.k.Activations.Take(t.Context(), body, elsewhere)
		refused(t, "no message", err, "activation_message")
	}
	// A confirmation of an offer that nobody took, also by who has the code and makes a
	// MAC over no request.
	offer := s.offer()
	q := s.phone(offer)
	d := cbor.NewDecoder(must[[]byte](t)(q.exchange.Confirm(activation.Confirmation{OTP: activation.Secret("123456")})))
	d.Array()
	message := d.Bytes()
	forged := cbor.AppendBytes(cbor.AppendBytes(cbor.AppendArray(nil, 2), message),
		offer.Registration.MAC("on/conf", make([]byte, 32), message))
	_, err = s.k.Activations.ConfirmOnline(t.Context(), forged, elsewhere)
	refused(t, "not taken, forged", err, "registration_code")
	_, err = s.k.Activations.ConfirmOnline(
		t.Context(), must[[]byte](t)(q.exchange.Confirm(activation.Confirmation{OTP: activation.Secret("123456")})),
		elsewhere)
	refused(t, "not taken", err, "registration_code")
}

// 64 devices with one registration code: one gets it. One device 64 times: it gets
// the same each time.
func TestParallelTaking(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	st := s.offer()
	var wg sync.WaitGroup
	var mu sync.Mutex
	won := map[string]bool{}
	for range 32 {
		p := s.phone(st)
		for range 2 {
			wg.Go(func() {
				answer, err := s.take(p.exchange.Request())
				if err != nil {
					return
				}
				got, err := p.exchange.Open(answer)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				won[string(p.exchange.Request())+string(got.FAD.Code)] = true
			})
		}
	}
	wg.Wait()
	if len(won) != 1 {
		t.Errorf("%d devices got the offer", len(won))
	}
}

func TestParallelConfirming(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	p := s.phone(s.offer())
	d := p.activated(nil)
	c := d.confirmation()
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() { // the identical one is answered "accepted", but swaps once
			if r, err := p.confirm(c); err != nil || !r.Accepted {
				t.Errorf("%+v, %v", r, err)
			}
		})
		wg.Go(func() {
			if s.k.Verify(t, s.serial, string(c.OTP)) {
				t.Error("the code that confirms logs in")
			}
		})
	}
	wg.Wait()
	if got := s.token().Condition; got.Epoch != 1 || got.Next != 1 {
		t.Errorf("%+v", got)
	}
}

// pushes activates by what is sealed for a device's key, and opens it as the device does.
func (s *scene) pushes() (r activations.Request, st activations.Started, fad *activation.FAD, counters []uint64) {
	s.Helper()
	key := must[hpke.PrivateKey](s)(hpke.MLKEM768X25519().GenerateKey())
	message := []byte("a request of the bank's own protocol")
	r = s.request(activations.Pushed)
	r.To = activations.Device{Key: key.PublicKey().Bytes(), Request: message}
	st = s.start(r)
	hash := sha256.Sum256(message)
	recipient := must[*hpke.Recipient](s)(hpke.NewRecipient(st.Sealed.Enc, key, hpke.HKDFSHA256(), hpke.AES256GCM(),
		append([]byte("ostiary/1 xfad"), hash[:]...)))
	fad = must[*activation.FAD](s)(
		activation.ParseFAD(must[[]byte](s)(recipient.Open([]byte("xfad"), st.Sealed.XFAD))))
	if st.Sealed.XERC != nil {
		d := cbor.NewDecoder(must[[]byte](s)(recipient.Open([]byte("xerc"), st.Sealed.XERC)))
		for range d.Array() {
			counters = append(counters, d.Uint())
		}
	}
	return r, st, fad, counters
}

// A bank's server pushes by itself: what is sealed is for that device, and bound to
// what the key came in.
func TestPushed(t *testing.T) {
	t.Parallel()
	s := setUp(t, password)
	r, st, fad, _ := s.pushes()
	if st.Code != nil || st.QRBody != nil || st.Sealed.XERC != nil {
		t.Fatalf("%+v", st)
	}
	in := activation.CodeInput{Serial: fad.Serial, Password: st.Password}
	s.device(must[activation.Secret](t)(fad.Vector.OpenCode(string(fad.Code), in)), nil, nil).accepted()
	r.To.Key = r.To.Key[1:]
	s.k.Clock.Advance(time.Hour)
	_, err := s.k.Activations.Start(t.Context(), r)
	refused(t, "a key that is too short", err, "device_key")
	r.To.Request = nil
	_, err = s.k.Activations.Start(t.Context(), r)
	refused(t, "a key that came in nothing", err, "device_request")
}

// The token's fate meanwhile decides.
func TestMeanwhile(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		do    func(*scene)
		fault string
	}{
		"broken": {func(s *scene) { s.k.SetState(s, s.serial, token.RevokedBroken) }, "token_refuses"},
		"cancelled": {func(s *scene) {
			_, _ = s.k.Activations.Cancel(s.Context(), s.request("").Token,
				testkit.Origin)
		}, "no_open_activation"},
		"expired": {func(s *scene) { s.k.Clock.Advance(7 * 24 * time.Hour) }, "activation_expired"},
		"swept": {func(s *scene) {
			s.k.Clock.Advance(7 * 24 * time.Hour)
			if n, err := s.k.Activations.Expire(s.Context()); n != 1 || err != nil {
				s.Errorf("%d expired, %v", n, err)
			}
		}, "no_open_activation"},
		"another owner": {func(s *scene) {
			s.k.User(s, "bob")
			if _, err := s.k.Lifecycle.Unassign(s.Context(), s.request("").Token, testkit.Origin); err != nil {
				s.Fatal(err)
			}
			s.k.Assign(s, s.serial, "bob")
		}, "other_owner"},
		"ended": {func(s *scene) {
			if _, err := s.k.Lifecycle.SetDates(s.Context(), s.request("").Token,
				lifecycle.DatesRequest{Until: new(s.k.Clock.Now().Add(time.Minute))}, testkit.Origin); err != nil {
				s.Fatal(err)
			}
			s.k.Clock.Advance(time.Minute)
			_, err := s.k.Activations.Start(s.Context(), s.request(activations.Offline))
			refused(s, "another one", err, "token_ended")
		}, "token_ended"},
	} {
		s := setUp(t)
		p := s.phone(s.offer())
		d := p.activated(nil)
		conf := d.confirmation()
		c.do(s)
		_, err := s.confirm(conf)
		refused(t, name+", typed", err, c.fault)
		if _, err := p.confirm(conf); err == nil {
			t.Errorf("%s: accepted online", name)
		}
		if got := s.token().Condition; got.Epoch != 0 || got.State == token.Valid {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// A letter made ahead is for whoever gets the token.
func TestMadeAhead(t *testing.T) {
	t.Parallel()
	s := setUp(t, password)
	made, err := s.k.Activations.Ahead(t.Context(), activations.BatchRequest{Type: "phone", Count: 3, Label: "spare",
		Origin: testkit.Origin})
	if err != nil || len(made.Started) != 3 || made.Missing != 0 {
		t.Fatalf("%+v, %v", made, err)
	}
	for i, st := range made.Started {
		s.serial = st.Token.Identity.Serial
		if st.Token.Label != "spare" || !st.Expires.Equal(testkit.Start.Add(activations.DefaultBatchExpiry)) ||
			st.Password == nil {
			t.Errorf("%d: %+v", i, st)
		}
		d := s.typed(st, st.Password, nil)
		s.k.Assign(t, s.serial, "alice")
		d.accepted()
	}
	for _, r := range []activations.BatchRequest{{Type: "phone", Count: 0}, {Type: "phone", Count: 101},
		{Type: "nonesuch", Count: 1}, {Type: "app-totp", Count: 1}} {
		before := s.k.Dump(t)
		if made, err := s.k.Activations.Ahead(t.Context(), r); err == nil {
			t.Errorf("%+v: %+v", r, made)
		}
		if after := s.k.Dump(t); after != before {
			t.Errorf("%+v: %s", r, testkit.Changes(before, after))
		}
	}
}

func TestNotToBeActivated(t *testing.T) {
	t.Parallel()
	s := setUp(t, once)
	r := s.request(activations.Offline)
	for _, c := range []struct {
		code string
		edit func(*activations.Request)
	}{
		{"route", func(r *activations.Request) { r.Route = "fax" }},
		{"reason", func(r *activations.Request) { r.Reason = "bored" }},
		{"expiry", func(r *activations.Request) { r.Expiry = 366 * 24 * time.Hour }},
		{"token_not_found", func(r *activations.Request) { r.Token.Serial = "EX99999999" }},
	} {
		wrong := r
		c.edit(&wrong)
		_, err := s.k.Activations.Start(t.Context(), wrong)
		refused(t, c.code, err, c.code)
	}
	hotp := testkit.HOTP("H1")
	s.k.Import(t, hotp)
	hardware := r
	hardware.Token.Serial = "H1"
	_, err := s.k.Activations.Start(t.Context(), hardware)
	refused(t, "hardware", err, "no_activation")
	s.activate()
	s.k.Clock.Advance(time.Hour)
	_, err = s.k.Activations.Start(t.Context(), r)
	refused(t, "a second time", err, "no_reactivation")
	if !strings.Contains(err.Error(), "phones") {
		t.Errorf("%v", err)
	}
}

// A token that is on the device of one user is not another's, until it is unbound.
func TestDeviceOfAnother(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	s.k.User(t, "bob")
	assign := func(user string) error {
		_, err := s.k.Lifecycle.Assign(t.Context(), s.request("").Token, user, testkit.Origin)
		return err
	}
	unassign := func() {
		t.Helper()
		if _, err := s.k.Lifecycle.Unassign(t.Context(), s.request("").Token, testkit.Origin); err != nil {
			t.Fatal(err)
		}
	}
	s.activate()
	unassign()
	refused(t, "bob's", assign("bob"), "device_of_another")
	if err := assign("alice"); err != nil {
		t.Errorf("alice's again: %v", err)
	}
	unassign()
	if _, err := s.k.Activations.Unbind(t.Context(), s.request("").Token, testkit.Origin); err != nil {
		t.Fatal(err)
	}
	if err := assign("bob"); err != nil {
		t.Errorf("unbound: %v", err)
	}
	// One from a letter made ahead is its user's from the confirmation on.
	s.serial = s.create("")
	d := s.typed(s.start(s.request(activations.Offline)), nil, nil)
	s.k.Assign(t, s.serial, "bob")
	d.accepted()
	unassign()
	refused(t, "alice's", assign("alice"), "device_of_another")
}

// keys lets something happen when the secret of an activation is read.
type keys struct {
	activations.Keys
	once sync.Once
	then func()
}

func (k *keys) Open(b seal.Binding, sealed []byte) (seal.Secret, error) {
	if b.Table == "activation" && b.Column == "secret" {
		k.once.Do(k.then)
	}
	return k.Keys.Open(b, sealed)
}

// A token that is reported lost while its activation is begun does not get its old
// secret again.
func TestChangedMeanwhile(t *testing.T) {
	t.Parallel()
	s := setUp(t, sameKey)
	old := s.activate()
	s.k.Clock.Advance(time.Hour)
	var err error
	s.k.Activations, err = activations.New(activations.Config{DB: s.k.DB, Codes: s.k.Engine, Tokens: s.k.Lifecycle,
		Now: s.k.Clock.Now, Marks: s.k.Marks,
		Keys: &keys{Keys: s.k.Keys, then: func() { s.k.SetState(t, s.serial, token.RevokedLost) }}})
	if err != nil {
		t.Fatal(err)
	}
	d := s.typed(s.start(s.request(activations.Offline)), nil, nil)
	if bytes.Equal(d.Secret, old.Secret) {
		t.Error("the secret of a lost device is sent again")
	}
	d.accepted()
}

// Tokens whose letters nobody has, because the batch was killed, get their codes anew;
// the lost ones are worth nothing then. A token that somebody has is refused, and then
// nothing was begun.
func TestBatchIsRunAgainForLostLetters(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	ahead := func(r activations.BatchRequest) (activations.Batch, error) {
		r.Type, r.Origin = "phone", testkit.Origin
		return s.k.Activations.Ahead(t.Context(), r)
	}
	lost := must[activations.Batch](t)(ahead(activations.BatchRequest{Count: 3}))
	var serials []string
	for _, st := range lost.Started {
		serials = append(serials, st.Token.Identity.Serial)
	}
	again := must[activations.Batch](t)(ahead(activations.BatchRequest{Serials: serials}))
	if len(again.Started) != 3 || again.Missing != 0 || again.Why != nil {
		t.Fatalf("%+v", again)
	}
	for i, st := range again.Started {
		if s.serial = serials[i]; st.Token.Identity.Serial != s.serial || bytes.Equal(st.Code, lost.Started[i].Code) ||
			!st.Expires.Equal(lost.Started[i].Expires) {
			t.Errorf("%+v", st)
		}
	}
	if r, err := s.confirm(s.typed(lost.Started[2], nil, nil).confirmation()); err != nil || r.Accepted {
		t.Errorf("a lost letter: %+v, %v", r, err)
	}
	s.typed(again.Started[2], nil, nil).accepted()

	before := s.k.Dump(t)
	for what, c := range map[string]struct {
		r    activations.BatchRequest
		code string
	}{
		"activated":     {activations.BatchRequest{Serials: serials}, "token_used"},
		"of a user":     {activations.BatchRequest{Serials: []string{serials[0], "EX10000001"}}, "token_assigned"},
		"unknown":       {activations.BatchRequest{Serials: []string{serials[0], "EX99999999"}}, "token_not_found"},
		"twice":         {activations.BatchRequest{Serials: []string{serials[0], serials[0]}}, "serials"},
		"none":          {activations.BatchRequest{Serials: []string{}}, "count"},
		"with a number": {activations.BatchRequest{Serials: serials[:1], Count: 1}, "serials"},
	} {
		_, err := ahead(c.r)
		refused(t, what, err, c.code)
	}
	if s.k.Dump(t) != before {
		t.Error("something was begun")
	}
}

// A device key with which nothing can be sealed, because its X25519 part is a point of
// small order, is no message, online and pushed; the offer stays open.
func TestDeviceKeyOfSmallOrderIsRefused(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	offer := s.offer()
	p := s.phone(offer)
	d := cbor.NewDecoder(p.exchange.Request())
	d.Array()
	message := d.Bytes()
	const public = 1216
	key := bytes.Clone(message)
	from := bytes.Index(message, []byte{0x59, public >> 8, public & 0xff}) + 3 // a byte string of that length
	clear(key[from+public-32 : from+public])
	forged := cbor.AppendBytes(cbor.AppendBytes(cbor.AppendArray(nil, 2), key),
		offer.Registration.MAC("on/req", key))
	_, err := s.take(forged)
	refused(t, "online", err, "activation_message")
	r := s.request(activations.Pushed)
	r.To = activations.Device{Key: key[from : from+public], Request: message}
	_, err = s.k.Activations.Start(t.Context(), r)
	refused(t, "pushed", err, "device_key")
	if _, err := s.take(p.exchange.Request()); err != nil {
		t.Errorf("the offer: %v", err)
	}
}
