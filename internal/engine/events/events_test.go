package events_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ostiary/activation"
	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/events"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/engine/tempcodes"
	"ostiary/internal/seal"
	"ostiary/internal/store"
	"ostiary/internal/test/testkit"
)

// told is a kit that tells a receiver, with anna, who has the token 1.
func told(t *testing.T) (*testkit.Kit, *testkit.Receiver) {
	t.Helper()
	k, r := testkit.New(t), testkit.NewReceiver(t)
	r.Tell(t, k)
	k.Import(t, testkit.HOTP("1"), testkit.HOTP("2"))
	k.User(t, "anna")
	k.Assign(t, "1", "anna")
	send(t, k)
	r.Take()
	return k, r
}

// send tells all that is due.
func send(t *testing.T, k *testkit.Kit) {
	t.Helper()
	for {
		tried, _, err := k.Events.Turn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if tried == 0 {
			return
		}
	}
}

func kinds(all []testkit.Told) (found []string) {
	for _, e := range all {
		found = append(found, strings.TrimSpace(e.Kind+" "+e.Serial))
	}
	return found
}

// What concerns a user is told, with who did it, and nothing of the log that is of no use to
// users. What concerns nobody, or did not happen, is not.
func TestEachChangeIsTold(t *testing.T) {
	t.Parallel()
	k, r := told(t)
	is := func(what string, want ...string) (got []testkit.Told) {
		t.Helper()
		send(t, k)
		if got = r.Take(); !slices.Equal(kinds(got), want) {
			t.Errorf("%s: %q, want %q", what, kinds(got), want)
		}
		for _, e := range got {
			if e.User != "anna" || e.Source.Actor != testkit.Origin.Actor || e.Source.Address != testkit.Origin.Source ||
				!e.Time.Equal(k.Clock.Now().Truncate(time.Millisecond)) || e.ID == "" {
				t.Errorf("%s: %s", what, e.Body)
			}
		}
		return append(got, testkit.Told{})
	}
	for range 3 {
		k.Verify(t, "1", "000000")
	}
	is("wrong codes")
	k.Unlock(t, "1")
	is("unlocked", "token.unlocked 1")
	setState(t, k, "1", token.RevokedLost, "in the river")
	if e := is("lost", "token.lost 1")[0]; e.Reason != "in the river" ||
		e.Details["state"] != "REVOKED_TOKEN_LOST" || e.Type != "hotp" {
		t.Errorf("%s", e.Body)
	}
	_, err := k.Lifecycle.SetState(t.Context(), testkit.Serial("1"), token.RevokedLost, "", testkit.Origin)
	if err == nil {
		t.Error("lost again")
	}
	is("refused")
	setState(t, k, "1", token.Valid, "")
	if e := is("found", "token.state_changed 1")[0]; e.Details["state"] != "VALID" {
		t.Errorf("%s", e.Body)
	}
	setState(t, k, "2", token.RevokedOther, "")
	is("of nobody")
	setState(t, k, "2", token.Valid, "")
	issued, err := k.Temporary.Issue(t.Context(), tempcodes.Request{User: "anna", Count: 2, Hours: 1,
		Origin: testkit.Origin})
	if err != nil {
		t.Fatal(err)
	}
	e := is("temporary codes", "codes.issued")[0]
	if e.Details["unused"] != 2.0 || len(e.Details) != 2 {
		t.Errorf("%s", e.Body)
	}
	for _, code := range issued.Codes {
		if strings.Contains(e.Body, string(code.Bytes())) {
			t.Error("a temporary code is told")
		}
	}
	if _, err := k.Users.Unlock(t.Context(), "anna", testkit.Origin); err != nil {
		t.Fatal(err)
	}
	is("the user is unlocked", "user.unlocked")
	if _, err := k.Lifecycle.Replace(t.Context(), lifecycle.ReplaceRequest{Selector: testkit.Serial("1"), By: "2",
		State: token.RevokedBroken, Origin: testkit.Origin}); err != nil {
		t.Fatal(err)
	}
	is("replaced", "token.assigned 2", "token.replaced 1")
	if _, err := k.Lifecycle.Unassign(t.Context(), testkit.Serial("2"), testkit.Origin); err != nil {
		t.Fatal(err)
	}
	is("unassigned", "token.unassigned 2")
	vector := k.PhoneType(t, testkit.Profile(t, func(*activation.Profile) {}))
	serial := k.CreatePhone(t, "anna")
	is("created", "token.created "+serial)
	k.Activate(t, vector, serial, nil)
	e = is("activated", "activation.started "+serial, "activation.confirmed "+serial)[0]
	if e.Details["route"] != "offline" || e.Details["self_service"] != false {
		t.Errorf("%s", e.Body)
	}
	if _, err := k.Activations.Unbind(t.Context(), testkit.Serial(serial), testkit.Origin); err != nil {
		t.Fatal(err)
	}
	is("unbound", "token.unbound "+serial)
}

func setState(t *testing.T, k *testkit.Kit, serial string, to token.State, reason string) {
	t.Helper()
	if _, err := k.Lifecycle.SetState(t.Context(), testkit.Serial(serial), to, reason, testkit.Origin); err != nil {
		t.Fatal(err)
	}
}

var errStop = errors.New("stop")

// An event is there if its change is, and only then.
func TestAnEventIsOfItsTransaction(t *testing.T) {
	t.Parallel()
	k, _ := told(t)
	entry := audit.Entry{Time: k.Clock.Now(), Action: audit.UserUnlocked, Outcome: audit.Done, Origin: testkit.Origin,
		Subject: audit.Subject{User: "anna"}}
	err := k.DB.Update(t.Context(), func(tx store.Tx) error {
		if err := tx.AppendAudit(entry.Canonical()); err != nil {
			return err
		}
		if rows, err := tx.Events(false, 0, 9); err != nil || len(rows) != 1 {
			t.Errorf("in the transaction: %v, %v", rows, err)
		}
		return errStop
	})
	if n := k.Count(t, "SELECT count(*) FROM event"); n != 0 || !errors.Is(err, errStop) {
		t.Errorf("%d events of what failed, %v", n, err)
	}
}

// A server that tells nobody keeps nothing.
func TestNobodyIsToldByDefault(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	k.Import(t, testkit.HOTP("1"))
	k.User(t, "anna")
	k.Assign(t, "1", "anna")
	if n := k.Count(t, "SELECT count(*) FROM event"); n != 0 {
		t.Errorf("%d events are kept for nobody", n)
	}
	_, err := k.Events.Test(t.Context(), testkit.Origin)
	if fault.Of(err).Code != "no_receiver" {
		t.Errorf("a test without a receiver: %v", err)
	}
}

// A receiver that is down, refuses or redirects loses nothing: the same message comes again,
// later each time, and those of one user in their order.
func TestARefusedEventComesAgain(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusServiceUnavailable, http.StatusNotFound, http.StatusFound} {
		k, r := told(t)
		r.Answer(func(n int) int {
			if n <= 2 {
				return status
			}
			return http.StatusOK
		})
		setState(t, k, "1", token.RevokedLost, "")
		setState(t, k, "1", token.Valid, "")
		for i := range 2 {
			if tried, taken, err := k.Events.Turn(t.Context()); tried != 1 || taken != 0 || err != nil {
				t.Errorf("status %d: %d, %d, %v", status, tried, taken, err)
			}
			if tried, _, _ := k.Events.Turn(t.Context()); tried != 0 {
				t.Errorf("status %d: another try at once", status)
			}
			list, err := k.Events.List(t.Context(), false, 0, 9)
			if err != nil || len(list) != 2 || list[1].Tries != i+1 || !strings.Contains(list[1].Problem, fmt.Sprint(status)) {
				t.Errorf("status %d: %+v, %v", status, list, err)
			}
			k.Clock.Advance(time.Second)
		}
		send(t, k)
		if got := kinds(r.Take()); !slices.Equal(got, []string{"token.lost 1", "token.state_changed 1"}) {
			t.Errorf("status %d: %q", status, got)
		}
		if s := k.Events.Stats(); s.Failed != 2 || s.Sent < 2 {
			t.Errorf("status %d: %+v", status, s)
		}
	}
}

// What is refused for ever holds up nothing for long: neither other users, nor its own.
func TestAPoisonedEventHoldsUpNothing(t *testing.T) {
	t.Parallel()
	k, r := told(t)
	k.User(t, "bert")
	setState(t, k, "1", token.RevokedLost, "")
	setState(t, k, "1", token.Valid, "")
	k.Assign(t, "2", "bert")
	list, err := k.Events.List(t.Context(), false, 0, 9)
	if err != nil || len(list) != 3 {
		t.Fatalf("%+v, %v", list, err)
	}
	poisoned(r, list[2].ID)
	send(t, k)
	if got := kinds(r.Take()); !slices.Equal(got, []string{"token.assigned 2"}) {
		t.Errorf("of others: %q", got)
	}
	for range events.Patience {
		k.Clock.Advance(time.Minute)
		send(t, k)
	}
	if got := kinds(r.Take()); !slices.Equal(got, []string{"token.state_changed 1"}) {
		t.Errorf("behind it: %q", got)
	}
}

// poisoned has a receiver refuse one message.
func poisoned(r *testkit.Receiver, id string) {
	inner := r.Config.Handler
	r.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Header.Get("webhook-id") == id {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		inner.ServeHTTP(w, req)
	})
}

// A server that dies after it has sent sends again, as the same message, when its claim is
// over.
func TestWhatWasSentButNotMarkedComesAgain(t *testing.T) {
	t.Parallel()
	k, r := told(t)
	ctx, die := context.WithCancel(t.Context())
	setState(t, k, "1", token.RevokedLost, "")
	r.Answer(func(int) int { die(); return http.StatusOK }) // it stops before it has the answer
	if tried, _, _ := k.Events.Turn(ctx); tried != 1 {
		t.Errorf("%d were tried", tried)
	}
	k.Reopen(t)
	k.Clock.Advance(events.ClaimFor)
	send(t, k)
	got := r.Take()
	if len(got) != 2 || got[0].ID != got[1].ID || got[0].Body != got[1].Body {
		t.Errorf("%+v", got)
	}
}

// Of several servers one sends each event.
func TestOneServerSends(t *testing.T) {
	t.Parallel()
	k, r := told(t)
	const n = 30
	for i := range n {
		k.User(t, fmt.Sprint("user", i))
		k.DB.Update(t.Context(), func(tx store.Tx) error {
			return tx.AppendAudit(audit.Entry{Time: k.Clock.Now(), Action: audit.UserUnlocked, Outcome: audit.Done,
				Origin: testkit.Origin, Subject: audit.Subject{User: fmt.Sprint("user", i)}}.Canonical())
		})
	}
	k.PastLog()
	var wg sync.WaitGroup
	for range 4 {
		other, err := events.New(events.Config{DB: k.DB, Keys: k.Keys, Ways: []events.Way{r.Way(t)}, Now: k.Clock.Now})
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			for range 4 * n { // also those that another one is at
				if _, _, err := other.Turn(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	seen := map[string]int{}
	for _, e := range r.Take() {
		seen[e.User]++
	}
	for user, times := range seen {
		if times != 1 {
			t.Errorf("%s is told %d times", user, times)
		}
	}
	if len(seen) != n {
		t.Errorf("%d of %d are told", len(seen), n)
	}
}

// While one server sends, no other does; when it has died, another one does.
func TestAClaimEnds(t *testing.T) {
	t.Parallel()
	k, r := told(t)
	setState(t, k, "1", token.RevokedLost, "")
	row := due(t, k)[0]
	if err := k.DB.Update(t.Context(), func(tx store.Tx) error {
		return tx.ClaimEvent(row, k.Clock.Now().Add(events.ClaimFor))
	}); err != nil {
		t.Fatal(err)
	}
	k.Clock.Advance(events.ClaimFor - time.Millisecond)
	send(t, k)
	if got := r.Take(); len(got) != 0 {
		t.Errorf("%+v while another one has it", got)
	}
	k.Clock.Advance(time.Millisecond)
	send(t, k)
	if got := r.Take(); len(got) != 1 {
		t.Errorf("%+v when the other one has died", got)
	}
}

func due(t *testing.T, k *testkit.Kit) (rows []store.Event) {
	t.Helper()
	if err := k.DB.View(t.Context(), func(rd store.Reader) (err error) {
		rows, err = rd.DueEvents("webhook", k.Clock.Now(), events.Patience, 9)
		return err
	}); err != nil || len(rows) == 0 {
		t.Fatalf("%v, %v", rows, err)
	}
	return rows
}

const password = "KX3P-9QRT"

// post posts a password for anna.
func post(t *testing.T, k *testkit.Kit, expires time.Time) error {
	t.Helper()
	return k.DB.Update(t.Context(), func(tx store.Tx) error {
		return k.Events.PostPassword(tx, events.Event{Time: k.Clock.Now(), User: "anna", Serial: "1"},
			seal.NewSecret([]byte(password)), expires)
	})
}

// A password is sealed while it waits, told once, and gone when it was told or is too old. It
// is in no list.
func TestAPasswordIsKeptForAWhile(t *testing.T) {
	t.Parallel()
	k, r := told(t)
	if err := post(t, k, k.Clock.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	row := due(t, k)[0]
	if len(row.Secret) == 0 || strings.Contains(string(row.Secret)+string(row.Body), password) ||
		strings.Contains(string(row.Body), "anna") {
		t.Errorf("%q %q", row.Body, row.Secret)
	}
	list, err := k.Events.List(t.Context(), false, 0, 9)
	if err != nil || len(list) != 1 || list[0].Kind != events.Password ||
		strings.Contains(fmt.Sprintf("%+v", list), password) {
		t.Errorf("%+v, %v", list, err)
	}
	send(t, k)
	if got := r.Take(); len(got) != 1 || got[0].Password != password || got[0].Kind != "activation.password" ||
		got[0].User != "anna" {
		t.Errorf("%+v", got)
	}
	if n := k.Count(t, "SELECT count(*) FROM event"); n != 0 {
		t.Errorf("%d rows are left", n)
	}
	// One that cannot be told.
	r.Answer(func(int) int { return http.StatusInternalServerError })
	if err := post(t, k, k.Clock.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	setState(t, k, "1", token.RevokedLost, "")
	send(t, k)
	k.Clock.Advance(time.Hour)
	k.Events.Tidy(t.Context())
	if n := k.Count(t, "SELECT count(*) FROM event WHERE secret IS NOT NULL"); n != 0 {
		t.Error("the password is still there after the activation has ended")
	}
	dead, err := k.Events.List(t.Context(), true, 0, 9)
	if err != nil || len(dead) != 1 || dead[0].Kind != events.Password || dead[0].Unreadable || dead[0].Problem == "" {
		t.Fatalf("%+v, %v", dead, err)
	}
	if err := k.Events.Retry(t.Context(), dead[0].ID, testkit.Origin); fault.Of(err).Code != "event_password_gone" {
		t.Errorf("again: %v", err)
	}
	// The other event lives for longer, and can be sent again when it is dead.
	k.Clock.Advance(events.MaxAge)
	k.Events.Tidy(t.Context())
	if n := k.Events.Stats(); n.Dead != 1 || n.Waiting != 1 { // as it was before
		t.Errorf("%+v", n)
	}
	r.Answer(func(int) int { return http.StatusOK })
	size := k.LogSize(t)
	if n, err := k.Events.RetryAll(t.Context(), testkit.Origin); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	k.Recorded(t, size, audit.EventsRetried, `done "" map[] map[] map[events:1]`)
	send(t, k)
	if got := kinds(r.Take()); !slices.Equal(got, []string{"token.lost 1"}) {
		t.Errorf("%q", got)
	}
	k.Clock.Advance(30*24*time.Hour + time.Second)
	k.Events.Tidy(t.Context())
	if n := k.Count(t, "SELECT count(*) FROM event"); n != 0 {
		t.Errorf("%d dead ones are kept for ever", n)
	}
}

// An event that waits is sent at once if somebody wants it.
func TestRetry(t *testing.T) {
	t.Parallel()
	k, r := told(t)
	r.Answer(func(int) int { return http.StatusInternalServerError })
	setState(t, k, "1", token.RevokedLost, "")
	send(t, k)
	r.Answer(func(int) int { return http.StatusOK })
	list, err := k.Events.List(t.Context(), false, 0, 9)
	if err != nil || len(list) != 1 {
		t.Fatalf("%+v, %v", list, err)
	}
	send(t, k)
	if n := r.Seen(); n != 0 {
		t.Errorf("%d before its time", n)
	}
	size := k.LogSize(t)
	if err := k.Events.Retry(t.Context(), list[0].ID, testkit.Origin); err != nil {
		t.Fatal(err)
	}
	k.Recorded(t, size, audit.EventsRetried, `done "" map[] map[] map[event:`+list[0].ID+"]")
	send(t, k)
	if got := r.Take(); len(got) != 1 || got[0].ID != list[0].ID {
		t.Errorf("%+v", got)
	}
	if err := k.Events.Retry(t.Context(), list[0].ID, testkit.Origin); fault.Of(err).Code != "event_not_found" {
		t.Errorf("one that was sent: %v", err)
	}
}

// When too many wait, changes go on, and what is not told is counted. An activation whose
// password nobody would ever know is not begun.
func TestTooManyEvents(t *testing.T) {
	t.Parallel()
	k, r := testkit.New(t), testkit.NewReceiver(t)
	few, err := events.New(events.Config{DB: k.DB, Keys: k.Keys, Ways: []events.Way{r.Way(t)}, Now: k.Clock.Now,
		MaxWaiting: 2})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := few.Watch(k.DB).Update(t.Context(), func(tx store.Tx) error {
			return tx.AppendAudit(audit.Entry{Time: k.Clock.Now(), Action: audit.UserUnlocked, Outcome: audit.Done,
				Origin: testkit.Origin, Subject: audit.Subject{User: "bert"}}.Canonical())
		}); err != nil {
			t.Fatal(err)
		}
	}
	k.PastLog()
	if s := few.Stats(); s.Dropped != 1 {
		t.Errorf("%+v", s)
	}
	if err := k.DB.Update(t.Context(), func(tx store.Tx) error {
		return few.PostPassword(tx, events.Event{User: "anna"}, seal.NewSecret([]byte(password)),
			k.Clock.Now().Add(time.Hour))
	}); !errors.Is(err, events.ErrFull) {
		t.Errorf("a password: %v", err)
	}
}

// A row that somebody else wrote or changed is not told, and is shown as such.
func TestForgedEvents(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]string{
		"changed":   "UPDATE event SET body = x'00'",
		"exchanged": "UPDATE event SET body = (SELECT body FROM event o WHERE o.id > event.id) WHERE secret IS NOT NULL",
		"renamed":   "UPDATE event SET message = 'M' || message",
		"password":  "UPDATE event SET secret = x'01'",
	} {
		k, r := told(t)
		if err := post(t, k, k.Clock.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		if name != "password" {
			setState(t, k, "1", token.RevokedLost, "")
		}
		k.Exec(t, change)
		send(t, k)
		dead, err := k.Events.List(t.Context(), true, 0, 9)
		if err != nil || len(dead) == 0 {
			t.Errorf("%s: %+v, %v", name, dead, err)
		}
		got := r.Take()
		if name == "exchanged" && len(got) == 1 && got[0].Kind == "token.lost" {
			got = nil // it has its own body
		}
		if len(got) != 0 {
			t.Errorf("%s: %+v", name, got)
		}
		if n, err := k.Events.RetryAll(t.Context(), testkit.Origin); n != 0 || err != nil {
			t.Errorf("%s: %d are sent again, %v", name, n, err)
		}
		for _, e := range dead {
			if err := k.Events.Retry(t.Context(), e.ID, testkit.Origin); err == nil {
				t.Errorf("%s: it is sent again", name)
			}
		}
	}
}

// The worker sends what is posted at once, rests while nothing is taken, and goes on.
func TestTheWorkerGoesOn(t *testing.T) {
	t.Parallel()
	k, r := told(t)
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { k.Events.Run(ctx) })
	defer wg.Wait()
	defer stop()
	wait := func(what string, n int) {
		t.Helper()
		var got []testkit.Told
		for end := time.Now().Add(20 * time.Second); len(got) < n && time.Now().Before(end); time.Sleep(time.Millisecond) {
			k.Clock.Advance(time.Millisecond)
			got = append(got, r.Take()...)
		}
		if len(got) != n {
			t.Errorf("%s: %d", what, len(got))
		}
	}
	begun := time.Now()
	setState(t, k, "1", token.RevokedLost, "")
	wait("at once", 1)
	if took := time.Since(begun); took > 4*time.Second { // a look comes every five
		t.Errorf("it took %v", took)
	}
	r.Answer(func(n int) int { return map[bool]int{true: 500, false: 204}[n < 4] })
	setState(t, k, "1", token.Valid, "")
	wait("after some refusals", 1)
}
