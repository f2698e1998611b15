package credentials_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"ostiary/internal/core/authz"
	"ostiary/internal/core/fault"
	"ostiary/internal/engine/credentials"
	"ostiary/internal/test/testkit"
)

// Whatever is wrong, the answer is one, and the database does the same.
func TestRefusedSignInsAreAlike(t *testing.T) {
	t.Parallel()
	k, road := testkit.NewWatched(t)
	o := officeIn(t, k)
	o.settled("anna", authz.Admin)
	disabled := o.add("bea", authz.Admin)
	must := must[any](o)
	must(o.accounts.Disable(t.Context(), root, "bea", testkit.Origin))
	locked := o.add("carl", authz.Admin)
	source := 0
	from := func() string { source++; return fmt.Sprintf("198.51.%d.%d:1", source/200, source%200+1) }
	for range 51 { // what is free, and what is spared for sources without a wrong one
		_, _, err := o.tries("carl", "wrong", from(), credentials.Page)
		o.refused("a guess", err, fault.Unauthenticated, "wrong_password")
	}
	texts := map[string]bool{}
	taken := map[string][]string{}
	for name, in := range map[string][2]string{"wrong password": {"anna", "wrong"}, "unknown name": {"nobody", "wrong"},
		"no name": {"\x00", chosen}, "disabled": {"bea", disabled}, "locked": {"carl", locked}} {
		at := from()
		road.Taken()
		text, _, err := o.tries(in[0], in[1], at, credentials.Page)
		for _, s := range road.Taken() {
			// The log is indexed beside, and a locked account has no entry there.
			if !strings.Contains(s.Text, "audit_") {
				taken[name] = append(taken[name], fmt.Sprintf("%.40s, %d", s.Text, s.Changed))
			}
		}
		o.refused(name, err, fault.Unauthenticated, "wrong_password")
		if err != nil {
			texts[err.Error()] = true
		}
		if text != "" {
			t.Errorf("%s gives a session", name)
		}
	}
	if len(texts) != 1 {
		t.Errorf("the answers are %v", texts)
	}
	for name, road := range taken {
		if !slices.Equal(road, taken["wrong password"]) || len(road) < 20 {
			t.Errorf("%s takes another road than a wrong password:\n%q\n%q", name, road, taken["wrong password"])
		}
	}
	o.Clock.Advance(time.Hour)
	o.signsIn("carl", locked) // a lock ends
}

// Too many wrong passwords of one source close the account for that source, and for a
// while; from where the right one came before, it stays open.
func TestASourceIsLocked(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.settled("anna", authz.Admin)
	try := func(source, password string) error {
		_, _, err := o.tries("anna", password, source, credentials.Page)
		return err
	}
	for range 5 {
		o.refused("a guess", try("203.0.113.9:1", "wrong"), fault.Unauthenticated, "wrong_password")
	}
	before := o.LogSize(t)
	o.refused("the right one behind them", try("203.0.113.9:2", chosen), fault.Unauthenticated, "wrong_password")
	if o.LogSize(t) != before {
		t.Error("a locked sign-in fills the log")
	}
	if err := try("192.0.2.1:1", chosen); err != nil {
		t.Errorf("from elsewhere: %v", err)
	}
	o.Clock.Advance(time.Minute)
	if err := try("203.0.113.9:3", chosen); err != nil {
		t.Errorf("a minute later: %v", err)
	}
}

// What somebody typed into the field of the name may be a password.
func TestUnknownNamesAreNotKept(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	const typed = "my secret password in the wrong field"
	o.texts = append(o.texts, typed)
	_, _, err := o.tries(typed, "x", "192.0.2.1:1", credentials.Page)
	o.refused("an unknown name", err, fault.Unauthenticated, "wrong_password")
	if e := o.LastEntry(t); e.Action != "session.started" || e.Outcome != "refused" || e.Reason != "unknown name" {
		t.Errorf("entry %s", e.Raw)
	}
}

// A session ends with all that opened it.
func TestASessionEndsWithWhatOpenedIt(t *testing.T) {
	t.Parallel()
	for name, do := range map[string]func(o *office) error{
		"role": func(o *office) error {
			_, err := o.accounts.SetRole(o.Context(), root, "anna", authz.Operator, false, testkit.Origin)
			return err
		},
		"help desk": func(o *office) error {
			_, err := o.accounts.SetRole(o.Context(), root, "anna", authz.Operator, true, testkit.Origin)
			return err
		},
		"account": func(o *office) error {
			_, err := o.accounts.Disable(o.Context(), root, "anna", testkit.Origin)
			return err
		},
		"password": func(o *office) error {
			password, err := o.accounts.ResetPassword(o.Context(), root, "anna", false, testkit.Origin)
			o.texts = append(o.texts, password)
			return err
		},
		"end": func(o *office) error {
			_, err := o.accounts.EndSessions(o.Context(), root, "anna", "", testkit.Origin)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			text, _ := o.settled("anna", authz.Admin)
			other, _ := o.settled("bea", authz.Admin)
			row := o.Count(t, "SELECT count(*) FROM session")
			o.isAlive("before", text, true)
			if err := do(o); err != nil {
				t.Fatal(err)
			}
			o.isAlive("after", text, false)
			o.isAlive("of another", other, true)
			if left := o.Count(t, "SELECT count(*) FROM session"); left != row-1 {
				t.Errorf("%d rows of %d are left", left, row)
			}
		})
	}
}

// A cookie is no bearer token, nor the other way round, also where somebody changes the row.
func TestKindsOfSessionsAreDistinct(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.PastLog()
	o.settled("anna", authz.Admin)
	password := must[string](o)(o.root.SetPassword(t.Context(), testkit.Origin))
	for name, right := range map[string]string{"anna": chosen, "ROOT": password} {
		for _, kind := range []credentials.Kind{credentials.Bearer, credentials.Page} {
			if name == "ROOT" && kind == credentials.Bearer {
				continue // Root.Start
			}
			text, _, err := o.tries(name, right, "192.0.2.1:1", kind)
			if err != nil {
				t.Fatal(err)
			}
			for _, as := range []credentials.Kind{credentials.Bearer, credentials.Page} {
				if _, ok, err := o.accounts.Session(t.Context(), text, as); ok != (as == kind) || err != nil {
					t.Errorf("%s of %s as %s: %t, %v", kind, name, as, ok, err)
				}
			}
			if p, ok, err := o.root.Principal(t.Context(), text); ok || err != nil {
				t.Errorf("%s of %s is ROOT's: %+v, %v", kind, name, p, err)
			}
		}
	}
	bearer, _, err := o.root.Start(t.Context(), password, testkit.Origin)
	if err != nil {
		t.Fatal(err)
	}
	for _, as := range []credentials.Kind{credentials.Bearer, credentials.Page} {
		if _, ok, err := o.accounts.Session(t.Context(), bearer, as); ok || err != nil {
			t.Errorf("ROOT's token as %s: %t, %v", as, ok, err)
		}
	}
	page, _, err := o.tries("anna", chosen, "192.0.2.1:1", credentials.Page)
	if err != nil {
		t.Fatal(err)
	}
	for column, value := range map[string]string{"kind": "'bearer'", "factor": "'passkey:x'", "fresh": "fresh + 1",
		"source": "'x'", "agent": "'x'", "admin": "''", "name": "'ROOT'", "started": "started + 1"} {
		o.isAlive("before "+column, page, true)
		o.Exec(t, "UPDATE session SET "+column+" = "+value)
		o.isAlive("with another "+column, page, false)
		o.Exec(t, "DELETE FROM session")
		page, _, _ = o.tries("anna", chosen, "192.0.2.1:1", credentials.Page)
	}
}

// A session is idle for 30 minutes, is 12 hours long, and waits for 5 for the second factor.
func TestSessionsOfAccountsEnd(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.settled("anna", authz.Admin)
	idle, _ := o.signsIn("anna", chosen)
	used, s := o.signsIn("anna", chosen)
	if !s.Until.Equal(s.Started.Add(12 * time.Hour)) {
		t.Errorf("until %s from %s", s.Until, s.Started)
	}
	for range 24*2 - 1 {
		o.Clock.Advance(15 * time.Minute)
		o.isAlive("in use", used, true)
	}
	o.isAlive("idle", idle, false)
	o.Clock.Advance(15*time.Minute - time.Millisecond)
	o.isAlive("a moment before its end", used, true)
	o.Clock.Advance(time.Millisecond)
	o.isAlive("after 12 hours", used, false)
	key := o.holds("anna", "1001")
	waiting, s := o.signsIn("anna", chosen)
	o.Clock.Advance(5*time.Minute - time.Millisecond)
	o.isAlive("waiting", waiting, true)
	o.Clock.Advance(time.Millisecond)
	o.isAlive("waited too long", waiting, false)
	_, _, err := o.accounts.ProveCode(t.Context(), s, o.code(key), originOf(s))
	o.refused("a code that comes too late", err, fault.Unauthenticated, "session_ended")
}

func TestSessionsAreListedAndEnded(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	_, me := o.settled("anna", authz.Operator)
	one, s := o.signsIn("anna", chosen)
	two, _ := o.signsIn("anna", chosen)
	list := func() (names []string) {
		for _, s := range must[[]credentials.Session](o)(o.accounts.Sessions(t.Context(), "anna")) {
			names = append(names, s.Name)
		}
		return names
	}
	if all := list(); len(all) != 3 || !slices.Contains(all, s.Name) || strings.Contains(one, s.Name) {
		t.Errorf("the sessions are %q", all)
	}
	n, err := o.accounts.EndSessions(t.Context(), me.Principal, "anna", s.Name, originOf(me)) // one's own
	if n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if e := o.LastEntry(t); e.Action != "session.ended" || e.Before["session"] != s.Name {
		t.Errorf("entry %s", e.Raw)
	}
	o.isAlive("ended", one, false)
	o.isAlive("the other", two, true)
	_, err = o.accounts.EndSessions(t.Context(), root, "anna", s.Name, testkit.Origin)
	o.refused("again", err, fault.NotFound, "session_not_found")
	other, _ := o.settled("bea", authz.Operator)
	_, err = o.accounts.EndSessions(t.Context(), me.Principal, "bea", "", originOf(me))
	o.refused("a colleague's", err, fault.Forbidden, "role_too_high")
	_, err = o.accounts.EndSessions(t.Context(), super, "ROOT", "", testkit.Origin)
	o.refused("ROOT's", err, fault.Forbidden, "role_too_high")
	if n, err := o.accounts.EndSessions(t.Context(), root, "anna", "", testkit.Origin); n != 2 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	o.isAlive("of another", other, true)
	if all := list(); len(all) != 0 {
		t.Errorf("left are %q", all)
	}
}
