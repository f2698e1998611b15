package selfservice_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"ostiary/activation"
	"ostiary/internal/core/audit"
	"ostiary/internal/core/authz"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/credentials"
	"ostiary/internal/engine/selfservice"
	"ostiary/internal/engine/tempcodes"
	"ostiary/internal/store"
	"ostiary/internal/test/testkit"
)

func tempRequest(user string) tempcodes.Request {
	return tempcodes.Request{User: user, Count: 1, Hours: 1, Origin: testkit.Origin}
}

// A code opens one session, and is worth nothing anywhere after that.
func TestACodeOpensOneSession(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	code := s.code(s.one)
	var opened atomic.Int32
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			if _, _, err := s.try("Alice", code); err == nil {
				opened.Add(1)
			}
		})
	}
	all.Wait()
	if n := opened.Load(); n != 1 {
		t.Errorf("one code opened %d sessions", n)
	}
	if s.k.VerifyUser(t, "alice", code) {
		t.Error("the code that opened a session is accepted at a login")
	}
}

// Whatever is wrong with a sign-in, the answer is the same, and it counts as at a login.
func TestRefusedSignInsAreAlike(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	wrong := testkit.Wrong(t, s.one, 0, 1)[0]
	want := ""
	for _, in := range [][2]string{{"alice", wrong}, {"nobody", wrong}, {"", wrong}, {"alice", "12"}, {" x", "abcdef"},
		{"bob", s.code(s.one)}} {
		_, _, err := s.try(in[0], in[1])
		refused(t, in[0], err, "self_sign_in")
		if err == nil || want != "" && err.Error() != want {
			t.Errorf("%q: %v, want %q", in, err, want)
		} else {
			want = err.Error()
		}
	}
	if u := s.k.FindUser(t, "alice"); u.Failures != 1 {
		t.Errorf("alice has %d wrong codes, want 1", u.Failures)
	}
	// A locked user hears what a stranger hears.
	for range 30 {
		s.k.Clock.Advance(minutes(10))
		s.k.VerifyUser(t, "alice", wrong)
	}
	_, _, err := s.try("alice", s.code(s.two))
	refused(t, "a locked user", err, "self_sign_in")
}

// A source that is wrong too often waits, whoever it names.
func TestSourcesAreThrottled(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	for range 20 {
		_, _, err := s.try("nobody", "000000")
		refused(t, "a stranger", err, "self_sign_in")
	}
	_, _, err := s.try("alice", s.code(s.one))
	refused(t, "the right code after many wrong ones", err, "too_many_tries")
	s.k.Clock.Advance(minutes(1))
	s.signIn("alice", s.code(s.one))
}

// A session is known on every node, and ends with what it stands on.
func TestSessionsEnd(t *testing.T) {
	t.Parallel()
	ends := map[string]func(s *scene, text string, v selfservice.Session){
		"ten minutes without use": func(s *scene, _ string, _ selfservice.Session) { s.k.Clock.Advance(minutes(10)) },
		"fifteen minutes": func(s *scene, text string, _ selfservice.Session) {
			for range 2 {
				s.k.Clock.Advance(minutes(7))
				if !s.alive(text) {
					s.Error("it ended too early")
				}
			}
			s.k.Clock.Advance(minutes(1))
		},
		"token lost":       func(s *scene, _ string, _ selfservice.Session) { s.k.SetState(s, "1001", token.RevokedLost) },
		"token unassigned": func(s *scene, _ string, _ selfservice.Session) { must(s, unassign(s, "1001")) },
		"user locked": func(s *scene, _ string, _ selfservice.Session) {
			s.k.Exec(s, "UPDATE user SET failures = 10 WHERE name = 'alice'")
			s.k.PastLog()
		},
		"user renamed": func(s *scene, _ string, _ selfservice.Session) {
			_, err := s.k.Users.Rename(s.Context(), "alice", "alicia", testkit.Origin)
			must(s, err)
		},
		"signed out": func(s *scene, _ string, v selfservice.Session) {
			must(s, s.s.SignOut(s.Context(), v, source, "r"))
			must(s, s.s.SignOut(s.Context(), v, source, "r")) // again is no error
		},
		"row changed": func(s *scene, _ string, _ selfservice.Session) {
			s.k.Exec(s, "UPDATE session SET factor = 'token 2'")
		},
		"row prolonged": func(s *scene, _ string, _ selfservice.Session) {
			s.k.Exec(s, "UPDATE session SET started = started + 60000")
		},
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := setUp(t)
			text, v := s.signIn("alice", s.code(s.one))
			if other, ok, err := s.service().Session(t.Context(), text); err != nil || !ok || other.User.Name != "alice" {
				t.Fatalf("at another node: %v, %v, %v", other, ok, err)
			}
			end(s, text, v)
			if s.alive(text) {
				t.Error("the session goes on")
			}
		})
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func unassign(s *scene, serial string) error {
	_, err := s.k.Lifecycle.Unassign(s.Context(), testkit.Serial(serial), testkit.Origin)
	return err
}

// A deleted user's session ends, and another user of that name does not have it.
func TestASessionEndsWithItsUser(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	text, _ := s.signIn("bob", s.temporary("bob"))
	must(t, unassign(s, "2001"))
	must(t, s.k.Users.Delete(t.Context(), "bob", testkit.Origin))
	if s.alive(text) {
		t.Error("the session outlives its user")
	}
	s.k.User(t, "bob")
	if s.alive(text) {
		t.Error("another user has the session")
	}
}

// What a session may do depends on what opened it.
func TestWhatSessionsMayDo(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	s.addPhone()
	ctx := t.Context()
	_, temp := s.signIn("alice", s.temporary("alice"))
	if temp.By != selfservice.ByCode {
		t.Fatalf("the session is opened by %s", temp.By)
	}
	_, err := s.s.Try(ctx, temp, "1001", s.code(s.one), source, "r")
	refused(t, "try a code", err, "self_forbidden")
	_, err = s.s.Fix(ctx, temp, "1001", "000000", "000001", source, "r")
	refused(t, "fix", err, "self_forbidden")
	err = s.s.StartActivation(ctx, temp, s.phone, "", s.code(s.one), source, "r")
	refused(t, "begin an activation", err, "self_forbidden")
	_, err = s.s.NewApp(ctx, temp, source, "r")
	refused(t, "a new app", err, "self_forbidden")
	if all, err := s.s.Tokens(ctx, temp); err != nil || len(all) != 3 {
		t.Errorf("tokens: %d, %v", len(all), err)
	}
	must(t, s.s.ReportLost(ctx, temp, "1001", source, "r"))
	s.state("1001", token.RevokedLost)
	refused(t, "report it again", s.s.ReportLost(ctx, temp, "1001", source, "r"), "state_unchanged")

	_, v := s.signIn("alice", s.code(s.two))
	_, err = s.s.Try(ctx, v, "1002", s.code(s.two), source, "r")
	refused(t, "try the token that opened the session", err, "self_same_token")
	for _, serial := range []string{"2001", "none", ""} {
		_, err = s.s.Token(ctx, v, selfservice.See, serial)
		refused(t, "a token of "+serial, err, "token_not_found")
		refused(t, "report "+serial, s.s.ReportLost(ctx, v, serial, source, "r"), "token_not_found")
	}
	s.state("2001", token.Valid)
}

// Tokens are tried and fixed, not too far.
func TestTryAndFix(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	ctx := t.Context()
	_, v := s.signIn("alice", s.code(s.one))
	if d, err := s.s.Try(ctx, v, "1002", testkit.Code(t, s.two, 0), source, "r"); err != nil || !d.Valid {
		t.Errorf("a right code: %+v, %v", d, err)
	}
	if d, err := s.s.Try(ctx, v, "1002", testkit.Code(t, s.two, 0), source, "r"); err != nil || d.Valid ||
		d.Reason != token.Replayed {
		t.Errorf("the same again: %+v, %v", d, err)
	}
	fix := func(at uint64) bool {
		ok, err := s.s.Fix(ctx, v, "1002", testkit.Code(t, s.two, at), testkit.Code(t, s.two, at+1), source, "r")
		must(t, err)
		return ok
	}
	if fix(150) {
		t.Error("two codes far ahead fix the token")
	}
	if !fix(60) || fix(60) {
		t.Error("two codes fix the token once")
	}
}

// "This was not me" ends all sessions, and the token.
func TestDisown(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	one, _ := s.signIn("alice", s.code(s.one))
	two, v := s.signIn("alice", s.temporary("alice"))
	bobs, _ := s.signIn("bob", s.temporary("bob"))
	must(t, s.s.Disown(t.Context(), v, "1002", source, "r"))
	if s.alive(one) || s.alive(two) || !s.alive(bobs) {
		t.Error("not all sessions of the user have ended, or others have, too")
	}
	s.state("1002", token.RevokedLost)
	s.state("1001", token.Valid)
}

// A link opens one action, once; opening the page of another purpose is refused.
func TestLinks(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	s.addPhone(func(p *activation.Profile) { p.Rules.Password = true })
	ctx := t.Context()
	issue := func(r selfservice.LinkRequest) (selfservice.Link, error) {
		r.User, r.By, r.Origin = "Alice", s.admin, testkit.Origin
		return s.s.IssueLink(ctx, r)
	}
	l, err := issue(selfservice.LinkRequest{For: selfservice.ForActivation, Serial: s.phone})
	must(t, err)
	if l.User != "alice" || l.Password.Len() == 0 {
		t.Errorf("the link is for %s, with a password of %d bytes", l.User, l.Password.Len())
	}
	var used atomic.Int32
	var all sync.WaitGroup
	var v selfservice.Session
	for range 8 {
		all.Go(func() {
			if _, session, err := s.s.UseLink(ctx, string(l.Text.Bytes()), source, "r"); err == nil {
				used.Add(1)
				v = session
			}
		})
	}
	all.Wait()
	if used.Load() != 1 {
		t.Fatalf("the link was used %d times", used.Load())
	}
	if o, err := s.s.Offer(ctx, v, s.phone); err != nil || !o.Open || o.Registration.Text() == nil {
		t.Errorf("the offer: %+v, %v", o.Open, err)
	}
	_, err = s.s.Offer(ctx, v, "1001")
	refused(t, "another token", err, "self_forbidden")
	_, err = s.s.Tokens(ctx, v)
	refused(t, "the tokens", err, "self_forbidden")
	_, err = s.s.Password(ctx, v, s.phone, source, "r")
	refused(t, "the password", err, "self_forbidden")
	_, _, err = s.s.UseLink(ctx, "nonesuch", source, "r")
	refused(t, "an unknown link", err, "self_link")

	l, err = issue(selfservice.LinkRequest{For: selfservice.ForApp})
	must(t, err)
	if s.alive(string(l.Text.Bytes())) {
		t.Error("a link is a session")
	}
	s.k.Clock.Advance(minutes(30))
	_, _, err = s.s.UseLink(ctx, string(l.Text.Bytes()), source, "r")
	refused(t, "an old link", err, "self_link")

	for code, r := range map[string]selfservice.LinkRequest{
		"link_for": {For: "other"}, "link_serial": {For: selfservice.ForApp, Serial: "1001"},
		"token_not_found": {For: selfservice.ForActivation, Serial: "2001"},
		"no_activation":   {For: selfservice.ForActivation, Serial: "1001"},
	} {
		_, err = issue(r)
		refused(t, code, err, code)
	}
	s.s = s.service(func(c *selfservice.Config) { c.Policy = selfservice.Policy{} })
	_, err = issue(selfservice.LinkRequest{For: selfservice.ForApp})
	refused(t, "no type for apps", err, "no_app_tokens")
	s.s = s.service(func(c *selfservice.Config) { c.Policy.Off = true })
	_, err = issue(selfservice.LinkRequest{For: selfservice.ForApp})
	refused(t, "self-service is off", err, "self_service_off")
}

// A new app is proven before it counts, and one that was not proven makes room for the next.
func TestNewApp(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	ctx := t.Context()
	_, v := s.signIn("alice", s.code(s.one))
	create := func() string {
		made, err := s.s.NewApp(ctx, v, source, "r")
		must(t, err)
		if !strings.HasPrefix(string(made.URI.Bytes()), "otpauth://totp/") {
			t.Error("there is no key")
		}
		serial := made.Token.Identity.Serial
		key := testkit.KeyOf(t, serial, string(made.URI.Bytes()))
		if ok, err := s.s.ProveApp(ctx, v, serial, testkit.Wrong(t, key, testkit.Step(t, key, s.k.Clock.Now()), 1)[0], source,
			"r"); ok || err != nil {
			t.Errorf("a wrong code: %v, %v", ok, err)
		}
		s.k.Clock.Advance(minutes(1))
		if serial == "AT10000001" {
			return serial // and never proven
		}
		code := testkit.Code(t, key, testkit.Step(t, key, s.k.Clock.Now()))
		if ok, err := s.s.ProveApp(ctx, v, serial, code, source, "r"); !ok || err != nil {
			t.Errorf("the right code: %v, %v", ok, err)
		}
		s.state(serial, token.Valid)
		return serial
	}
	first, second, third := create(), create(), create()
	_, err := s.s.Token(ctx, v, selfservice.See, first)
	refused(t, "the one that was begun", err, "token_not_found")
	s.state(second, token.Valid)
	s.state(third, token.Valid)
	_, err = s.s.ProveApp(ctx, v, "1002", "000000", source, "r")
	refused(t, "a token that was not created here", err, "token_not_found")
}

// An activation needs a code of another token, and its password is shown on demand, in the
// session that began it alone, until a device has it.
func TestActivation(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	s.addPhone(func(p *activation.Profile) { p.Rules.Password = true })
	ctx := t.Context()
	opener := s.code(s.one)
	_, before := s.signIn("alice", opener)
	refused(t, "the code that opened the session", s.s.StartActivation(ctx, before, s.phone, "", opener, source, "r"),
		"code_refused")
	must(t, s.s.StartActivation(ctx, before, s.phone, "", s.code(s.two), source, "r"))
	o, err := s.s.Offer(ctx, before, s.phone)
	if err != nil || !o.Open || !o.Self || !o.Password || o.Registration.Text() == nil {
		t.Fatalf("the offer: %+v, %v", o, err)
	}
	password, err := s.s.Password(ctx, before, s.phone, source, "r")
	if err != nil || password.Len() == 0 {
		t.Fatalf("the password: %v", err)
	}
	shown := string(password.Bytes())
	if e := s.k.LastEntry(t); e.Action != string(audit.PasswordShown) || strings.Contains(e.Raw, shown) {
		t.Errorf("the log has %s", e.Raw)
	}
	s.k.Clock.Advance(minutes(1))
	_, temp := s.signIn("alice", s.temporary("alice"))
	_, later := s.signIn("alice", s.code(s.one))
	for _, other := range []selfservice.Session{temp, later} {
		if o, err := s.s.Offer(ctx, other, s.phone); err != nil || o.Open || o.Registration.Text() != nil {
			t.Errorf("another session (%s) has the offer: %v", other.By, err)
		}
		_, err = s.s.Password(ctx, other, s.phone, source, "r")
		refused(t, "the password in another session", err, "self_forbidden")
	}
	s.s = s.service(func(c *selfservice.Config) { c.Policy.ShowPassword = false })
	_, err = s.s.Password(ctx, before, s.phone, source, "r")
	refused(t, "the password where it is not shown", err, "self_forbidden")

	// What the help desk begins is taken up by a temporary code.
	s.offer(s.phone)
	if o, err := s.s.Offer(ctx, temp, s.phone); err != nil || !o.Open || o.Self || o.Registration.Text() == nil {
		t.Errorf("the offer of the help desk: %+v, %v", o, err)
	}
	if o, err := s.s.Offer(ctx, temp, "1001"); err != nil || o.Open {
		t.Errorf("a fob has an offer: %v", err)
	}
}

// Where the password is sent to the user, no page shows it.
func TestAPasswordThatIsSentIsNotShown(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	testkit.NewReceiver(t).Tell(t, k)
	s := setUpOn(t, k)
	s.addPhone(func(p *activation.Profile) { p.Rules.Password = true })
	_, v := s.signIn("alice", s.code(s.one))
	must(t, s.s.StartActivation(t.Context(), v, s.phone, "", s.code(s.two), source, "r"))
	if o, err := s.s.Offer(t.Context(), v, s.phone); err != nil || !o.Password || !o.PasswordSent {
		t.Errorf("the offer: %+v, %v", o, err)
	}
	_, err := s.s.Password(t.Context(), v, s.phone, source, "r")
	refused(t, "the password", err, "self_forbidden")
	s.offer(s.phone) // the help desk tells its own
	if o, err := s.s.Offer(t.Context(), v, s.phone); err != nil || o.PasswordSent {
		t.Errorf("the offer of the help desk: %+v, %v", o, err)
	}
}

// What happened is told of the user alone, 90 days long, and of nobody who had the name before.
func TestPast(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	ctx := t.Context()
	_, err := s.k.Users.Rename(ctx, "bob", "robert", testkit.Origin)
	must(t, err)
	s.k.Clock.Advance(minutes(1))
	s.k.User(t, "bob")
	_, v := s.signIn("bob", s.temporary("bob"))
	all, next, err := s.s.Past(ctx, v, 0)
	if err != nil || next != 0 {
		t.Fatal(err, next)
	}
	var told []string
	for _, e := range all {
		told = append(told, string(e.Action))
		mine := e.Action == audit.CodeVerified || e.Action == audit.SelfSignedIn
		if e.Mine != mine || mine != (e.Source == "192.0.2.7") {
			t.Errorf("%+v", e)
		}
	}
	if got := strings.Join(told, " "); got != "self.signed_in code.verified codes.issued user.added" {
		t.Errorf("it tells %s", got)
	}
	s.k.Clock.Advance(91 * 24 * 60 * minutes(1))
	_, v = s.signIn("bob", s.temporary("bob"))
	if all, _, err = s.s.Past(ctx, v, 0); err != nil || len(all) != 3 {
		t.Errorf("after 91 days: %d, %v", len(all), err)
	}
}

// A user who is an administrator gets no token here, and no link from the help desk: tokens
// are an administrator's second factor.
func TestAdministratorsAreNotArmed(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	s.k.PastLog()
	must(t, s.k.DB.Update(t.Context(), func(tx store.Tx) error {
		return tx.AddAdmin(store.Admin{ID: "a1", Name: "alice", Role: authz.Admin.String(), Created: s.k.Clock.Now()})
	}))
	_, v := s.signIn("alice", s.code(s.one))
	_, err := s.s.NewApp(t.Context(), v, source, "r")
	refused(t, "a new app", err, "administrators_token")
	by := testkit.Origin
	by.Role = authz.Operator.String()
	_, err = s.s.IssueLink(t.Context(), selfservice.LinkRequest{User: "alice", For: selfservice.ForApp, Origin: by})
	refused(t, "a link", err, "administrators_token")
}

func TestNewDemandsItsParts(t *testing.T) {
	t.Parallel()
	if _, err := selfservice.New(selfservice.Config{}); err == nil {
		t.Error("a service without parts")
	}
}

// The log has who came in, by what, and what a link was for.
func TestTheLogTellsOfSessions(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	_, v := s.signIn("alice", s.code(s.one))
	s.k.Recorded(t, 0, audit.SelfSignedIn, `done "" map[user:alice] map[] map[by:token]`)
	must(t, s.s.SignOut(t.Context(), v, source, "r"))
	s.k.Recorded(t, 0, audit.SelfSignedOut, `done "" map[user:alice] map[] map[by:token]`)
	l, err := s.s.IssueLink(t.Context(), selfservice.LinkRequest{User: "alice", For: selfservice.ForApp,
		Origin: testkit.Origin})
	must(t, err)
	mark := s.k.LastEntry(t).After["link"]
	s.k.Recorded(t, 0, audit.LinkIssued, fmt.Sprintf(
		`done "" map[user:alice] map[] map[expires:2026-03-01T12:30:15Z for:app link:%v]`, mark))
	if text := string(l.Text.Bytes()); strings.Contains(s.k.LastEntry(t).Raw, text) {
		t.Error("the log has the link")
	}
}

// What an administrator's phone is to be activated by is not seen by a temporary code, which
// a help desk issues.
func TestATemporaryCodeActivatesNoAdministratorsPhone(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	s.addPhone()
	s.offer(s.phone)
	_, temp := s.signIn("alice", s.temporary("alice"))
	if o, err := s.s.Offer(t.Context(), temp, s.phone); err != nil || !o.Open {
		t.Fatalf("alice's own: %+v, %v", o, err)
	}
	must(t, s.k.DB.Update(t.Context(), func(tx store.Tx) error {
		is := store.Admin{ID: "a1", Name: "alice", Role: authz.SuperAdmin.String(), Password: "x", Created: s.k.Clock.Now()}
		return errors.Join(tx.AddAdmin(is), tx.AppendAudit(audit.Entry{Time: is.Created, Action: audit.AdminAdded,
			Outcome: audit.Done, Origin: testkit.Origin, Subject: audit.Subject{Other: is.Name},
			After: append(credentials.AdminFields(is), audit.Field{Name: "id", Value: is.ID})}.Canonical()))
	}))
	if o, err := s.s.Offer(t.Context(), temp, s.phone); err != nil || o.Open || o.Registration.Text() != nil {
		t.Errorf("an administrator's: %+v, %v", o, err)
	}
	_, own := s.signIn("alice", s.code(s.one))
	if o, err := s.s.Offer(t.Context(), own, s.phone); err != nil || !o.Open {
		t.Errorf("by a code of a token: %+v, %v", o, err)
	}
}

// Who has begun an activation of a token cannot end it after the token was reported lost.
func TestALostTokenHasNoOpenActivation(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	s.addPhone()
	_, v := s.signIn("alice", s.code(s.one))
	must(t, s.s.StartActivation(t.Context(), v, s.phone, "", s.code(s.two), source, "r"))
	must(t, s.s.ReportLost(t.Context(), v, s.phone, source, "r"))
	s.state(s.phone, token.RevokedLost)
	if o, err := s.s.Offer(t.Context(), v, s.phone); err == nil && o.Open {
		t.Errorf("the activation is open: %+v", o)
	}
}
