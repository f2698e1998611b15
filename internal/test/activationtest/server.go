// Package activationtest plays the server of activations on package activation alone:
// it makes letters and offers, answers the online exchange, and checks codes. Only
// tests import it.
package activationtest

import (
	"crypto/sha256"
	"errors"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ostiary/activation"
	"ostiary/oath"
)

// The rules of docs/protocol.md, One-step activation.
const (
	offerTries   = 5
	timeWindow   = 20
	eventWindow  = 10
	repeatWindow = 1000
	storedAnswer = 10 * time.Minute
)

// Server has tokens of one profile.
type Server struct {
	Vector *activation.Vector
	Now    func() time.Time
	// Requests are the bodies of what was posted, in order.
	Requests [][]byte
	// NoCounters makes it forget the counters that a reactivation needs.
	NoCounters bool

	random io.Reader
	mu     sync.Mutex
	tokens map[string]*token
	offers map[string]*offer
}

type token struct {
	serial  string
	live    *epoch
	pending *epoch
}

// epoch is an activation of a token.
type epoch struct {
	secret, device activation.Secret
	repeated       bool
	next           map[int]uint64 // by application: the first counter or step that is accepted
}

type offer struct {
	code     activation.RegistrationCode
	serial   string
	password activation.Secret
	tries    int
	ended    bool
	request  *activation.Request
	sealed   *activation.Sealed
	taken    time.Time
	answers  map[[32]byte]activation.Result
}

// Stream gives the same bytes for the same name: tests are to fail every time or
// never.
func Stream(name string) io.Reader { return rand.NewChaCha8(sha256.Sum256([]byte(name))) }

// New makes a server for a profile.
func New(t testing.TB, p activation.Profile, now func() time.Time) *Server {
	t.Helper()
	vector, err := p.Vector()
	if err != nil {
		t.Fatal(err)
	}
	return &Server{Vector: vector, Now: now, random: Stream(t.Name() + " server"), tokens: map[string]*token{},
		offers: map[string]*offer{}}
}

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// Letter is what a server sends for an offline activation.
type Letter struct {
	Serial   string
	Code     activation.Secret
	ERC      string
	Password activation.Secret
}

// Letter begins an activation of a token and writes its letter. With fresh it draws a
// new secret whatever the profile says.
func (s *Server) Letter(t testing.TB, serial string, fresh bool) Letter {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	l := Letter{Serial: serial, Password: s.newPassword(t)}
	e, counters := s.begin(t, serial, fresh)
	l.Code = must[activation.Secret](t)(
		s.Vector.MakeCode(e.secret, activation.CodeInput{Serial: serial, Password: l.Password, Counters: counters}))
	if counters != nil {
		l.ERC = must[string](t)(s.Vector.MakeERC(serial, counters))
	}
	return l
}

func (s *Server) newPassword(t testing.TB) activation.Secret {
	if !s.Vector.Profile().Rules.Password {
		return nil
	}
	return must[activation.Secret](t)(activation.NewPassword(s.random))
}

// begin makes the pending epoch of a token. Counters are given at reactivation.
func (s *Server) begin(t testing.TB, serial string, fresh bool) (*epoch, []uint64) {
	tok := s.tokens[serial]
	if tok == nil {
		tok = &token{serial: serial}
		s.tokens[serial] = tok
	}
	e := &epoch{next: map[int]uint64{}}
	if tok.live != nil && !s.Vector.Profile().Rules.NewKey && !fresh {
		e.secret, e.repeated = slices.Clone(tok.live.secret), true
	} else {
		e.secret = must[activation.Secret](t)(activation.NewSecret(s.random))
	}
	tok.pending = e
	if tok.live == nil {
		return e, nil
	}
	if e.repeated {
		maps.Copy(e.next, tok.live.next)
	}
	return e, s.counters(tok)
}

// counters are what the device of a reactivation is told, nil for a first one.
func (s *Server) counters(tok *token) (counters []uint64) {
	if tok.live == nil || s.NoCounters {
		return nil
	}
	for _, app := range s.Vector.EventApplications() {
		tok.pending.next[app.Index] = tok.live.next[app.Index]
		counters = append(counters, tok.live.next[app.Index])
	}
	return counters
}

// Offer begins an online activation of a token.
func (s *Server) Offer(t testing.TB, serial string, fresh bool) (activation.RegistrationCode, activation.Secret) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	code := must[activation.RegistrationCode](t)(activation.NewRegistrationCode(s.random))
	s.begin(t, serial, fresh)
	o := &offer{code: code, serial: serial, password: s.newPassword(t), tries: offerTries,
		answers: map[[32]byte]activation.Result{}}
	s.offers[code.Locator()] = o
	return code, o.password
}

// Confirm takes a confirmation that was typed into the server's page.
func (s *Server) Confirm(serial string, c activation.Confirmation) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.confirm(s.tokens[serial], c)
}

// Knows reports whether a confirmation is one of the pending epoch, or of the live one,
// used or not. It uses nothing up.
func (s *Server) Knows(serial string, c activation.Confirmation) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	tok := s.tokens[serial]
	for _, e := range []*epoch{tok.pending, tok.live} {
		if e == nil {
			continue
		}
		unused := *e
		unused.next = map[int]uint64{}
		if _, _, err := s.match(tok, &unused, c); err == nil {
			return true
		}
	}
	return false
}

// Clone is a server that goes on from here on its own.
func (s *Server) Clone() *Server {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &Server{Vector: s.Vector, Now: s.Now, random: s.random, tokens: map[string]*token{},
		offers: map[string]*offer{}}
	for serial, tok := range s.tokens {
		c.tokens[serial] = &token{serial, tok.live.clone(), tok.pending.clone()}
	}
	for locator, o := range s.offers {
		copied := *o
		copied.answers = maps.Clone(o.answers)
		c.offers[locator] = &copied
	}
	return c
}

func (e *epoch) clone() *epoch {
	if e == nil {
		return nil
	}
	c := *e
	c.next = maps.Clone(e.next)
	return &c
}

var errWrong = errors.New("the confirmation is wrong")

func (s *Server) confirm(tok *token, c activation.Confirmation) error {
	e := tok.pending
	if e == nil {
		return errors.New("nothing is pending")
	}
	counter, device, err := s.match(tok, e, c)
	if err != nil {
		return err
	}
	app, _ := s.Vector.Confirming()
	e.device, e.next[app.Index] = device, counter+1
	tok.live, tok.pending = e, nil
	return nil
}

// match finds the counter or step of a confirmation, and the device secret.
func (s *Server) match(tok *token, e *epoch, c activation.Confirmation) (counter uint64, device activation.Secret,
	err error) {
	if s.Vector.Profile().Rules.DeviceBinding {
		if device, err = activation.OpenDerivationCode(string(c.Derivation), e.secret, tok.serial); err != nil {
			return 0, nil, err
		}
		if e.repeated && !slices.Equal(device, tok.live.device) {
			return 0, nil, errors.New("another device")
		}
	}
	app, _ := s.Vector.Confirming()
	key, err := s.Vector.AppKey(e.secret, tok.serial, app.Index, device)
	if err != nil {
		return 0, nil, err
	}
	scanner, err := oath.NewScanner(key, app.Suite.Hash, app.Suite.Digits)
	if err != nil {
		return 0, nil, err
	}
	found := false
	switch from := e.next[app.Index]; {
	case app.Suite.Kind == activation.TOTP:
		step := uint64(s.Now().Unix() / app.Suite.Period)
		first := max(from, step-timeWindow)
		counter, found = scanner.Find(string(c.OTP), first, int(step+timeWindow-first)+1)
	case e.repeated && len(c.Next) != 0:
		counter, found = scanner.FindPair(string(c.OTP), string(c.Next), from, repeatWindow)
		counter++
	case e.repeated:
		return 0, nil, errors.New("two codes are needed")
	default:
		counter, found = scanner.Find(string(c.OTP), from, eventWindow)
		if len(c.Next) != 0 { // the device cannot know that S is new
			counter++
		}
	}
	if !found {
		return 0, nil, errWrong
	}
	return counter, device, nil
}

// Use checks a code of the live epoch, in the windows of an ordinary verify, and
// uses it up. The question is for OCRA.
func (s *Server) Use(t testing.TB, serial string, index int, code activation.Secret, question string) bool {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	tok := s.tokens[serial]
	if tok == nil || tok.live == nil {
		return false
	}
	e := tok.live
	app := must[activation.Application](t)(s.Vector.Application(index))
	key := must[activation.Secret](t)(s.Vector.AppKey(e.secret, serial, index, e.device))
	from, n := e.next[index], eventWindow
	if app.Suite.Period != 0 {
		step := uint64(s.Now().Unix() / app.Suite.Period)
		from = max(from, step-1)
		n = int(step + 2 - from)
	}
	var counter uint64
	var found bool
	switch {
	case app.Suite.Kind != activation.OCRA:
		scanner := must[*oath.Scanner](t)(oath.NewScanner(key, app.Suite.Hash, app.Suite.Digits))
		counter, found = scanner.Find(string(code), from, n)
	case app.Suite.OCRA.Counter: // none here has a time as well
		m, ok, err := app.Suite.OCRA.Find(key, oath.Input{Question: question, Counter: from}, string(code), n, 1)
		counter, found = m.Counter, must[bool](t)(ok, err)
	default:
		in := oath.Input{Question: question}
		if app.Suite.Period != 0 {
			in.Step = from
		}
		m, ok, err := app.Suite.OCRA.Find(key, in, string(code), 1, n)
		counter, found = m.Step, must[bool](t)(ok, err)
	}
	if found {
		e.next[index] = counter + 1
	}
	return found
}

// Next is the first counter or step of an application that the server accepts.
func (s *Server) Next(serial string, index int) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tokens[serial].live.next[index]
}

// Key is the key of an application of the live epoch.
func (s *Server) Key(t testing.TB, serial string, index int) activation.Secret {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.tokens[serial].live
	return must[activation.Secret](t)(s.Vector.AppKey(e.secret, serial, index, e.device))
}

// Secrets are S and D of the live epoch.
func (s *Server) Secrets(serial string) (secret, device activation.Secret) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.tokens[serial].live
	return e.secret, e.device
}

// Answer answers a POST to a path.
func (s *Server) Answer(path string, body []byte) (status int, answer []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Requests = append(s.Requests, slices.Clone(body))
	locator, err := activation.Locator(body)
	if err != nil {
		return http.StatusBadRequest, nil
	}
	o := s.offers[locator]
	if o == nil {
		return http.StatusNotFound, nil
	}
	switch {
	case strings.HasSuffix(path, "/api/v1/activate"):
		answer, err = s.request(o, body)
	case strings.HasSuffix(path, "/api/v1/activate/confirm"):
		answer, err = s.confirmation(o, body)
	default:
		return http.StatusNotFound, nil
	}
	if err != nil {
		return http.StatusConflict, nil
	}
	return http.StatusOK, answer
}

var errOffer = errors.New("the offer is not open")

func (s *Server) request(o *offer, body []byte) ([]byte, error) {
	r, err := activation.OpenRequest(body, o.code)
	if err != nil {
		return nil, err
	}
	if o.request != nil && (o.request.Hash() != r.Hash() || s.Now().Sub(o.taken) > storedAnswer) || o.ended {
		return nil, errOffer
	}
	if o.request == nil {
		tok := s.tokens[o.serial]
		counters := s.counters(tok)
		code, err := s.Vector.MakeCode(tok.pending.secret, activation.CodeInput{Serial: o.serial, Password: o.password,
			Counters: counters})
		if err != nil {
			return nil, err
		}
		if o.sealed, err = r.Seal(&activation.FAD{Vector: s.Vector, Serial: o.serial, Code: code, Label: "ann"},
			counters); err != nil {
			return nil, err
		}
		o.request, o.taken = r, s.Now()
	}
	return r.Answer(o.sealed, s.Now().Unix())
}

func (s *Server) confirmation(o *offer, body []byte) ([]byte, error) {
	if o.request == nil {
		return nil, errOffer
	}
	c, err := activation.OpenConfirm(body, o.code, o.request.Hash())
	if err != nil {
		return nil, err
	}
	if result, again := o.answers[c.Hash()]; again {
		return c.Answer(result)
	}
	if o.ended {
		return nil, errOffer
	}
	result := activation.Result{Accepted: true}
	if err := s.confirm(s.tokens[o.serial], c.Confirmation); err != nil {
		o.tries--
		result = activation.Result{TriesLeft: o.tries}
	}
	o.ended = result.Accepted || o.tries == 0
	o.answers[c.Hash()] = result
	return c.Answer(result)
}

// ServeHTTP answers over HTTP.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 64<<10))
	if err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/cbor" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	status, answer := s.Answer(r.URL.Path, body)
	w.Header().Set("Content-Type", "application/cbor")
	w.WriteHeader(status)
	_, _ = w.Write(answer) // the client may have gone
}
