package selfservice_test

import (
	"errors"
	"testing"
	"time"

	"ostiary/activation"
	"ostiary/internal/core/authz"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/activations"
	"ostiary/internal/engine/selfservice"
	"ostiary/internal/seal"
	"ostiary/internal/test/testkit"
	"ostiary/pskc"
)

const source = "192.0.2.7:1234"

// scene is a user, alice, with two fobs, and bob with one.
type scene struct {
	*testing.T
	k        *testkit.Kit
	s        *selfservice.Service
	one, two *pskc.Key
	used     map[string]uint64 // counters by serial
	vector   *activation.Vector
	phone    string // alice's token for a phone, once there is one
	admin    authz.Principal
}

func setUp(t *testing.T, edits ...func(*selfservice.Config)) *scene {
	t.Helper()
	return setUpOn(t, testkit.New(t), edits...)
}

func setUpOn(t *testing.T, k *testkit.Kit, edits ...func(*selfservice.Config)) *scene {
	t.Helper()
	s := &scene{T: t, k: k, one: testkit.HOTP("1001"), two: testkit.HOTP("1002"), used: map[string]uint64{},
		admin: authz.Principal{Role: authz.Admin}}
	s.k.Import(t, s.one, s.two, testkit.HOTP("2001"))
	s.k.User(t, "alice")
	s.k.User(t, "bob")
	for serial, user := range map[string]string{"1001": "alice", "1002": "alice", "2001": "bob"} {
		s.k.Assign(t, serial, user)
	}
	s.s = s.service(edits...)
	return s
}

// service is another node on the same database.
func (s *scene) service(edits ...func(*selfservice.Config)) *selfservice.Service {
	s.Helper()
	cfg := selfservice.Config{DB: s.k.DB, Hasher: s.k.Hasher(seal.Session), Codes: s.k.Engine, Lifecycle: s.k.Lifecycle,
		Activations: s.k.Activations, Ledger: s.k.Ledger,
		Policy: selfservice.Policy{AppType: "app-totp", ShowPassword: true}, Now: s.k.Clock.Now}
	for _, edit := range edits {
		edit(&cfg)
	}
	made, err := selfservice.New(cfg)
	if err != nil {
		s.Fatal(err)
	}
	return made
}

// code is the next one of a fob.
func (s *scene) code(k *pskc.Key) string {
	s.Helper()
	s.used[k.Serial]++
	return testkit.Code(s, k, s.used[k.Serial]-1)
}

func (s *scene) try(user, code string) (string, selfservice.Session, error) {
	return s.s.SignIn(s.Context(), selfservice.SignIn{User: user, Code: code, Source: source, Request: "r"})
}

func (s *scene) signIn(user, code string) (string, selfservice.Session) {
	s.Helper()
	text, v, err := s.try(user, code)
	if err != nil {
		s.Fatal(err)
	}
	return text, v
}

// temporary is a code of the help desk.
func (s *scene) temporary(user string) string {
	s.Helper()
	issued, err := s.k.Temporary.Issue(s.Context(), tempRequest(user))
	if err != nil {
		s.Fatal(err)
	}
	return string(issued.Codes[0].Bytes())
}

// alive says whether a session is one.
func (s *scene) alive(text string) bool {
	s.Helper()
	_, ok, err := s.s.Session(s.Context(), text)
	if err != nil {
		s.Fatal(err)
	}
	return ok
}

// refused demands a fault of that code.
func refused(t testing.TB, what string, err error, code string) {
	t.Helper()
	if f, ok := errors.AsType[*fault.Error](err); !ok || f.Code != code {
		t.Errorf("%s: %v, want the fault %s", what, err, code)
	}
}

// addPhone gives alice a token for a phone.
func (s *scene) addPhone(edits ...func(*activation.Profile)) {
	s.Helper()
	s.vector = s.k.PhoneType(s, testkit.Profile(s, edits...))
	s.phone = s.k.CreatePhone(s, "alice")
}

// offer begins an Online activation as the help desk does.
func (s *scene) offer(serial string) {
	s.Helper()
	if _, err := s.k.Activations.Start(s.Context(), activations.Request{Token: testkit.Serial(serial),
		Route: activations.Online, By: s.admin, Origin: testkit.Origin}); err != nil {
		s.Fatal(err)
	}
}

func (s *scene) state(serial string, want token.State) {
	s.Helper()
	if got := s.k.Token(s, serial).Condition.State; got != want {
		s.Errorf("token %s is %s, want %s", serial, got, want)
	}
}

func minutes(n int) time.Duration { return time.Duration(n) * time.Minute }
