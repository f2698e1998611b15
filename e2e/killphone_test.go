package e2e

import (
	"crypto/rand"
	mathrand "math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ostiary/activation"
	"ostiary/internal/doors/wire"
	"ostiary/oath"
)

const killPhones = 8

// app is a device in the middle of an activation over a line that breaks.
type app struct {
	serial   string
	exchange *activation.Exchange // nil before the offer is known
	secret   activation.Secret    // nil before the answer to the request
	next     uint64
	confirm  []byte // nil before it is sent
	otp      string // in it
	done     bool

	before activation.Secret // of the epoch before
	used   uint64            // one above what the epoch before has shown
}

// killPhone is a server that dies while phones are activated.
type killPhone struct {
	*server
	other  *server // on the same database, if there is one: the phones go on there
	vector *activation.Vector
	apps   []*app
	desk   string
	cut    [3]int // how often the server died before the answer to an offer, a request, a confirmation
	killed atomic.Bool
	steps  atomic.Int64 // that were answered in this round
}

// TestItem8KillActivations kills the server in the middle of activations (protocol, item
// 8): each phone, which says again what was not answered, ends with the new epoch; a
// phone that was told "accepted" is; the epoch before is the old one until then, and
// gone after it; no code is good twice. OSTIARY_SOAK_KILLS makes it more often.
func TestItem8KillActivations(t *testing.T) {
	t.Parallel()
	k := newKillPhones(t, newData(t))
	k.rush(soakKills(t) / 6)
}

// rush activates phones again and again, and kills the server each time.
func (k *killPhone) rush(rounds int) {
	t := k.t
	t.Helper()
	k.create(killPhones)
	for range rounds {
		k.round()
	}
	k.logSize() // recomputes the log
	t.Logf("cut short before the answer to the offer, the request, the confirmation: %v", k.cut)
	if k.cut == [3]int{} {
		t.Error("no activation was cut short")
	}
}

// newKillPhones is a server with a type of phones, and alice, who will have some.
func newKillPhones(t *testing.T, data string) *killPhone {
	t.Helper()
	k := &killPhone{server: start(t, data)}
	k.phoneType()
	k.vector = k.staticVector("sheet")
	k.ok("user", "add", "alice")
	k.desk = k.key("desk", "admin")
	return k
}

// phoneType makes a profile and the token type that has it.
func (s *server) phoneType() {
	s.t.Helper()
	s.ok("profile", "create", "sheet", "--file", "../examples/profiles/plain.toml")
	s.ok("type", "create", "phone", "--kind", "software", "--algorithm", "HOTP", "--prefix", "EXP", "--activation",
		"one-step", "--profile", "sheet")
}

// create makes tokens for so many phones.
func (k *killPhone) create(n int) {
	k.t.Helper()
	made := decode[wire.NewTokens](k.server, "token", "create", "phone", "--count", strconv.Itoa(n), "--user", "alice")
	for _, tok := range made.Tokens {
		k.apps = append(k.apps, &app{serial: tok.Serial})
	}
	if len(k.apps) != n {
		k.t.Fatalf("%d tokens", len(k.apps))
	}
}

func (s *server) staticVector(profile string) *activation.Vector {
	s.t.Helper()
	m, err := activation.ReadMessage(s.ok("profile", "show", profile, "--static-vector"))
	if err != nil {
		s.t.Fatal(err)
	}
	v, err := activation.ParseVector(m.Payload)
	if err != nil {
		s.t.Fatal(err)
	}
	return v
}

// round activates all phones, kills the server in it, and lets them go on.
func (k *killPhone) round() {
	k.t.Helper()
	k.killed.Store(false)
	k.steps.Store(0)
	var wg sync.WaitGroup
	for _, a := range k.apps {
		*a = app{serial: a.serial, before: a.secret, used: a.next}
		wg.Go(func() { k.goOn(a) })
	}
	// Each phone takes three steps. So whatever the speed of the machine, some are cut.
	die := mathrand.Int64N(int64(3 * len(k.apps)))
	for end := time.Now().Add(patience); k.steps.Load() < die; time.Sleep(100 * time.Microsecond) {
		if time.Now().After(end) {
			k.t.Fatalf("%d of %d steps are answered", k.steps.Load(), die)
		}
	}
	k.killed.Store(true)
	k.kill()
	wg.Wait()
	k.server, k.other = k.instead(k.other)
	k.killed.Store(false)
	for _, a := range k.apps {
		switch {
		case a.exchange == nil:
			k.cut[0]++
		case a.secret == nil:
			k.cut[1]++
		case !a.done:
			k.cut[2]++
		}
		k.beforeTheEnd(a)
		wg.Go(func() { k.goOn(a) })
	}
	wg.Wait()
	for _, a := range k.apps {
		k.judge(a)
	}
}

// instead gives who goes on in the place of a server that was killed: the other one, if there
// is one, and the one that was killed is that from then on. It is started again.
func (s *server) instead(other *server) (goesOn, another *server) {
	again := start(s.t, s.data)
	if other == nil {
		return again, nil
	}
	return other, again
}

// beforeTheEnd checks the old epoch of a phone whose confirmation was never sent.
func (k *killPhone) beforeTheEnd(a *app) {
	k.t.Helper()
	if a.confirm != nil || a.before == nil {
		return
	}
	if valid, err := k.as(k.desk).tryVerify(a.serial, k.code(a.before, a.serial, a.used)); err != nil || !valid {
		k.t.Errorf("%s: before the confirmation the old epoch refuses: %v", a.serial, err)
	}
	a.used++
}

// goOn takes the steps that are left. A step that is not answered is taken again,
// with the same words, the next time.
func (k *killPhone) goOn(a *app) {
	by := k.as(k.desk)
	if a.exchange == nil {
		if _, err := by.try(http.MethodPost, "/api/v1/tokens/"+a.serial+"/activation/reset", "application/json", []byte(`{"interval":true,"successes":true}`)); k.broke(err) {
			return
		}
		r, err := by.try(http.MethodPost, "/api/v1/tokens/"+a.serial+"/activation", "application/json", []byte(`{"route":"online"}`))
		if k.broke(err) {
			return
		}
		code, err := activation.ParseRegistrationCode(into[wire.Activation](k.t, r).Registration)
		if err != nil {
			k.t.Error(err)
			return
		}
		if a.exchange, err = activation.NewExchange(code, activation.Device{Type: activation.Web, Name: "a phone"},
			rand.Reader); err != nil {
			k.t.Error(err)
			return
		}
		k.steps.Add(1)
	}
	if a.secret == nil && !k.take(a) {
		return
	}
	if a.confirm == nil {
		a.otp = k.code(a.secret, a.serial, a.next)
		a.next++
		var err error
		if a.confirm, err = a.exchange.Confirm(activation.Confirmation{OTP: activation.Secret(a.otp)}); err != nil {
			k.t.Error(err)
			return
		}
	}
	body, ok := k.post("/api/v1/activate/confirm", a.confirm)
	if !ok {
		return
	}
	result, err := a.exchange.Result(a.confirm, body)
	if err != nil || !result.Accepted {
		k.t.Errorf("%s: confirmation %+v, %v", a.serial, result, err)
	}
	a.done = true
	k.steps.Add(1)
}

func (k *killPhone) take(a *app) bool {
	body, ok := k.post("/api/v1/activate", a.exchange.Request())
	if !ok {
		return false
	}
	got, err := a.exchange.Open(body)
	if err != nil {
		k.t.Errorf("%s: %v", a.serial, err)
		return false
	}
	if a.secret, err = k.vector.OpenCode(string(got.FAD.Code),
		activation.CodeInput{Serial: a.serial, Counters: got.Counters}); err != nil {
		k.t.Errorf("%s: %v", a.serial, err)
		return false
	}
	if got.Counters != nil {
		a.next = got.Counters[0]
	}
	k.steps.Add(1)
	return true
}

// post sends what a device sends; ok is false if the server is dead.
func (k *killPhone) post(path string, body []byte) (answer []byte, ok bool) {
	r, err := k.as("").try(http.MethodPost, path, "application/cbor", body)
	if k.broke(err) {
		return nil, false
	}
	if r.status != http.StatusOK {
		k.t.Errorf("%s: %d %s", path, r.status, r.body)
		return nil, false
	}
	return r.body, true
}

// broke tells whether a request ended with the server; any other end is an error.
func (k *killPhone) broke(err error) bool {
	if err != nil && !k.killed.Load() && !os.IsTimeout(err) {
		k.t.Error(err)
	}
	return err != nil
}

// code is a one-time password of a phone's.
func (k *killPhone) code(secret activation.Secret, serial string, counter uint64) string {
	key, err := k.vector.AppKey(secret, serial, 1, nil)
	if err != nil {
		k.t.Error(err)
		return ""
	}
	scanner, err := oath.NewScanner(key, oath.SHA1, 6)
	if err != nil {
		k.t.Error(err)
		return ""
	}
	return scanner.Code(counter)
}

func (k *killPhone) judge(a *app) {
	k.t.Helper()
	if !a.done {
		k.t.Errorf("%s was not activated", a.serial)
		return
	}
	by := k.as(k.desk)
	if by.verify("serial", a.serial, a.otp) {
		k.t.Errorf("%s: the code that confirmed it logs in", a.serial)
	}
	for a.next < uint64(k.tokenNext(a.serial)) { // what the epoch before used up meanwhile
		a.next++
	}
	if !by.verify("serial", a.serial, k.code(a.secret, a.serial, a.next)) {
		k.t.Errorf("%s: the new phone is refused", a.serial)
	}
	a.next++
	if a.before != nil && by.verify("serial", a.serial, k.code(a.before, a.serial, a.used+5)) {
		k.t.Errorf("%s: the old phone is accepted", a.serial)
	}
	for _, path := range []string{"/api/v1/tokens/" + a.serial + "/unlock", "/api/v1/users/alice/unlock"} {
		k.local().json(http.MethodPost, path, nil)
	}
}

// tokenNext is the counter at which a token stands, by the log.
func (k *killPhone) tokenNext(serial string) (next float64) {
	k.t.Helper()
	for _, e := range k.entries("code.verified", "activation.confirmed") {
		if after, _ := e["after"].(map[string]any); serialOf(e) == serial && e["outcome"] == "accepted" {
			next, _ = after["next"].(float64)
			return next // the log is read from its end
		}
	}
	return 0
}
