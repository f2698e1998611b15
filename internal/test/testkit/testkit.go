// Package testkit builds the server's engine on a real database in a temporary
// directory, with a clock that tests move and tokens whose secrets they know.
// Only tests import it.
package testkit

import (
	"context"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/authz"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/activations"
	"ostiary/internal/engine/codes"
	"ostiary/internal/engine/events"
	"ostiary/internal/engine/imports"
	"ostiary/internal/engine/integrity"
	"ostiary/internal/engine/jobs"
	"ostiary/internal/engine/ledger"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/engine/profiles"
	"ostiary/internal/engine/secrets"
	"ostiary/internal/engine/tempcodes"
	"ostiary/internal/engine/tokens"
	"ostiary/internal/engine/users"
	"ostiary/internal/seal"
	"ostiary/internal/seal/filekek"
	"ostiary/internal/store"
	"ostiary/internal/store/sqlite"
	"ostiary/internal/test/blankfile"
)

// Start is what every Clock shows at first. It lies in the middle of a time
// step of 30 and of 60 seconds.
var Start = time.Date(2026, 3, 1, 12, 0, 15, 0, time.UTC)

// Clock is a clock that stands still until it is moved.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// Now gives the time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Set puts the clock to a time.
func (c *Clock) Set(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = at
}

// Origin is who acts in tests.
var Origin = audit.Origin{Actor: "key:test", Role: "verifier", Source: "192.0.2.1:4711", Request: "request-1"}

// Kit is the engine on a database of its own.
type Kit struct {
	Path        string
	DB          store.DB
	Keys        *seal.Keyring
	Marks       *secrets.Marker
	Clock       *Clock
	Engine      *codes.Engine
	Lifecycle   *lifecycle.Service
	Imports     *imports.Service
	Profiles    *profiles.Service
	Activations *activations.Service
	Users       *users.Users
	Temporary   *tempcodes.Codes
	Jobs        *jobs.Service
	Ledger      *ledger.Ledger
	// Ways are those by which Events tells others, from the next Open on.
	Ways   []events.Way
	Events *events.Outbox

	// Hasher gives keyed hashes of a purpose.
	Hasher func(seal.Purpose) *seal.Hasher

	kek    seal.KEK
	marks  memoryMarks
	driver string // of the database; "" for the ordinary one

	mu      sync.Mutex
	alarms  []store.Alarm
	pastLog bool
}

// PastLog says that the test changes rows past the log, so that they need not follow
// from it when the test ends.
func (k *Kit) PastLog() { k.pastLog = true }

// holdsState demands that all that is in the database follows from the log. So every
// test that does something through the engine is a test that its entries tell it.
func (k *Kit) holdsState(t testing.TB) {
	t.Helper()
	if k.pastLog || t.Failed() {
		return
	}
	rep := k.verified(t)
	k.foldsFromAnyPlace(t)
	if t.Failed() {
		return
	}
	k.Archive(t)
	if again := k.verified(t); again.State.Trusted != rep.State.Trusted || again.State.Tokens != rep.State.Tokens {
		t.Errorf("behind a seam the state is %+v, before it was %+v", again.State, rep.State)
	}
}

func (k *Kit) verified(t testing.TB) ledger.Report {
	t.Helper()
	rep, err := k.Ledger.Verify(context.Background())
	if err != nil {
		t.Errorf("verify the log: %v", err)
	}
	if rep.Problem != "" {
		t.Errorf("the log is not whole: %s", rep.Problem)
	}
	for _, f := range rep.State.Findings {
		t.Errorf("the state does not match the log: %s", f)
	}
	return rep
}

// New makes a Kit; everything is closed when the test ends.
func New(t testing.TB) *Kit {
	t.Helper()
	return NewIn(t, t.TempDir())
}

// NewIn is New in a directory.
func NewIn(t testing.TB, dir string) *Kit {
	t.Helper()
	return newIn(t, dir, "")
}

// blank is an empty database whose schema is up to date.
var blank blankfile.File

func newIn(t testing.TB, dir, driver string) *Kit {
	t.Helper()
	k := &Kit{Path: filepath.Join(dir, "ostiary.db"), Clock: &Clock{now: Start}, driver: driver}
	path := filepath.Join(dir, "kek")
	if err := filekek.Create(path); err != nil {
		t.Fatal(err)
	}
	kek, err := filekek.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	k.kek = kek
	blank.Copy(t, k.Path, func(path string) error {
		db, err := sqlite.Open(context.Background(), sqlite.Config{Path: path})
		if err != nil {
			return err
		}
		return db.Close()
	})
	k.Open(t)
	t.Cleanup(func() {
		k.holdsState(t)
		if err := k.DB.Close(); err != nil {
			t.Errorf("close the database: %v", err)
		}
	})
	return k
}

// Reopen closes the database and opens it again, as a restart does.
func (k *Kit) Reopen(t testing.TB) {
	t.Helper()
	if err := k.DB.Close(); err != nil {
		t.Fatal(err)
	}
	k.Open(t)
}

// TryReopen is Reopen of a database that may be refused; then the error says why, and
// the kit has no database to use.
func (k *Kit) TryReopen(t testing.TB) error {
	t.Helper()
	if err := k.DB.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sqlite.Open(context.Background(), sqlite.Config{Path: k.Path, TestOnlyDriver: k.driver})
	if err != nil {
		t.Fatal(err)
	}
	k.DB = db
	_, err = integrity.Open(context.Background(), integrity.Config{DB: db, KEK: k.kek, Marks: &k.marks,
		Now: k.Clock.Now, Alarm: k.raise})
	return err
}

// Open opens a database that the test has closed.
func (k *Kit) Open(t testing.TB) {
	t.Helper()
	ctx := context.Background()
	var err error
	if k.DB, err = sqlite.Open(ctx, sqlite.Config{Path: k.Path, TestOnlyDriver: k.driver}); err != nil {
		t.Fatal(err)
	}
	opened, err := integrity.Open(ctx, integrity.Config{DB: k.DB, KEK: k.kek, Marks: &k.marks, Now: k.Clock.Now,
		Alarm: k.raise})
	if err != nil {
		t.Fatal(err)
	}
	k.Keys, k.Ledger = opened.Keys, opened.Ledger
	k.Hasher = func(p seal.Purpose) *seal.Hasher {
		h, err := opened.Hasher(p)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	if k.Events, err = events.New(events.Config{DB: k.DB, Keys: k.Keys, Ways: k.Ways, Now: k.Clock.Now,
		First: 100 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	k.DB = k.Events.Watch(k.DB)
	k.Marks = secrets.NewMarker(k.Hasher(seal.Twin))
	k.Temporary = tempcodes.New(k.DB, k.Hasher(seal.Code), k.Clock.Now)
	k.Engine = k.NewEngine(t, k.DB, codes.Policy{})
	if k.Lifecycle, err = lifecycle.New(lifecycle.Config{DB: k.DB, Keys: k.Keys,
		Marks: k.Marks, Links: k.Hasher(seal.Link), Unlocked: k.unlocked, Now: k.Clock.Now}); err != nil {
		t.Fatal(err)
	}
	if k.Imports, err = imports.New(
		imports.Config{DB: k.DB, Keys: k.Keys, Marks: k.Marks, Now: k.Clock.Now}); err != nil {
		t.Fatal(err)
	}
	k.Profiles = profiles.New(k.DB, k.Keys, k.Clock.Now)
	if k.Activations, err = activations.New(
		activations.Config{DB: k.DB, Keys: k.Keys, Marks: k.Marks, Codes: k.Engine, Tokens: k.Lifecycle,
			Passwords: k.Events, Now: k.Clock.Now}); err != nil {
		t.Fatal(err)
	}
	k.Users = users.New(k.DB, k.Clock.Now, func(user int64) { k.unlocked(user, 0) })
	if k.Jobs, err = jobs.New(jobs.Config{DB: k.DB, Tokens: k.Lifecycle, Hasher: k.Hasher(seal.Job),
		Now: k.Clock.Now}); err != nil {
		t.Fatal(err)
	}
}

// unlocked tells the engine that the test has put there.
func (k *Kit) unlocked(user int64, id token.ID) { k.Engine.ForgetClients(user, id) }

// Former makes of a closed database one of a version that proved nothing, with an empty
// log. Open then upgrades it, under another integrity key.
func (k *Kit) Former(t testing.TB) {
	t.Helper()
	k.PastLog()
	k.marks = memoryMarks{}
	for _, table := range []string{"token", "user", "enrolment", "activation", "application", "temporary_code"} {
		k.Exec(t, "UPDATE "+table+" SET tag = NULL")
	}
	k.Exec(t, "DELETE FROM key_wrapping; DELETE FROM audit_entry; DELETE FROM checkpoint; "+
		"UPDATE audit_head SET record = NULL, mac = NULL, frontier = x'0000000000000000'")
}

// memoryMarks keeps the mark as long as the kit lives.
type memoryMarks struct {
	mark  integrity.Mark
	there bool
}

func (m *memoryMarks) Read() (integrity.Mark, error) {
	if !m.there {
		return m.mark, integrity.ErrNoMark
	}
	return m.mark, nil
}

func (m *memoryMarks) Write(mark integrity.Mark) error {
	m.mark, m.there = mark, true
	return nil
}

func (k *Kit) raise(a store.Alarm) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.alarms = append(k.alarms, a)
}

// Alarms are those that the database has raised.
func (k *Kit) Alarms() []store.Alarm {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.alarms)
}

// NewEngine makes a second engine, over a wrapped store or with another policy.
func (k *Kit) NewEngine(t testing.TB, s codes.Store, p codes.Policy) *codes.Engine {
	t.Helper()
	e, err := codes.New(codes.Config{Store: s, Keys: k.Keys, Policy: p, Temporary: k.Temporary, Now: k.Clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// User adds a user.
func (k *Kit) User(t testing.TB, name string) {
	t.Helper()
	if _, err := k.Users.Add(context.Background(), name, Origin); err != nil {
		t.Fatal(err)
	}
}

// FindUser gives a user as the database has it.
func (k *Kit) FindUser(t testing.TB, name string) store.User {
	t.Helper()
	u, err := k.Users.Find(context.Background(), name)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// Assign gives a token to a user.
func (k *Kit) Assign(t testing.TB, serial, user string) {
	t.Helper()
	by := Origin
	by.Role = authz.SuperAdmin.String() // who may give administrators tokens, too
	if _, err := k.Lifecycle.Assign(context.Background(), tokens.Selector{Serial: serial}, user, by); err != nil {
		t.Fatal(err)
	}
}

// SetState changes a token's state.
func (k *Kit) SetState(t testing.TB, serial string, state token.State) {
	t.Helper()
	by := Origin
	by.Role = authz.SuperAdmin.String() // who may revoke those of administrators, too
	if _, err := k.Lifecycle.SetState(context.Background(), tokens.Selector{Serial: serial}, state, "",
		by); err != nil {
		t.Fatal(err)
	}
}

// Unlock forgets a token's failures.
func (k *Kit) Unlock(t testing.TB, serial string) {
	t.Helper()
	if _, err := k.Lifecycle.Unlock(context.Background(), tokens.Selector{Serial: serial}, Origin); err != nil {
		t.Fatal(err)
	}
}

// Token gives a token as the database has it.
func (k *Kit) Token(t testing.TB, serial string) token.Token {
	t.Helper()
	found, err := k.Lifecycle.Show(context.Background(), tokens.Selector{Serial: serial})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// Verify presents a code for a serial in the manner of a login.
func (k *Kit) Verify(t testing.TB, serial, otp string) bool {
	t.Helper()
	return k.Present(t, codes.Request{Lookup: store.Lookup{Serial: serial}, OTP: otp})
}

// VerifyUser presents a code under a user's name in the manner of a login.
func (k *Kit) VerifyUser(t testing.TB, user, otp string) bool {
	t.Helper()
	return k.Present(t, codes.Request{Lookup: store.Lookup{User: user}, OTP: otp})
}

// Present is Verify with all that a Request can say. An empty Origin becomes
// that of the tests, and the request an authentication.
func (k *Kit) Present(t testing.TB, r codes.Request) bool {
	t.Helper()
	if r.Origin == (audit.Origin{}) {
		r.Origin, r.Authentication = Origin, true
	}
	valid, err := k.Engine.Verify(context.Background(), r)
	if err != nil {
		t.Fatalf("verify: %v", err)
	}
	return valid
}
