package serve

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"ostiary/activation"
	"ostiary/internal/core/audit"
	"ostiary/internal/core/authz"
	"ostiary/internal/engine/activations"
	"ostiary/internal/engine/codes"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/engine/tempcodes"
	"ostiary/internal/seal/filekek"
	"ostiary/internal/store"
	"ostiary/internal/test/cluster"
	"ostiary/internal/test/testkit"
	"ostiary/pskc"
)

// moved is a database with something of all kinds in it, in a data directory whose server is
// stopped.
type moved struct {
	t         *testing.T
	data      string
	hotp, one *pskc.Key // of 900001, and of twins
	next      uint64    // counter of hotp
	phone     *testkit.Phone
	temporary []string // two of alice's codes; the first is used
	now       time.Time

	confirmation activations.Typed // of an activation that is open
}

func newMoved(t *testing.T) *moved {
	t.Helper()
	m := &moved{t: t, data: t.TempDir(), now: testkit.Start, hotp: testkit.HOTP("900001")}
	if err := os.Chmod(m.data, 0o700); err != nil {
		t.Fatal(err)
	}
	// The kit archives its log when the test ends that has it.
	if !t.Run("source", m.fill) {
		t.FailNow()
	}
	if _, err := Accept(t.Context(), m.from(), "the kit has no mark", false); err != nil {
		t.Fatal(err)
	}
	s := m.open(m.from())
	if !m.verify(s, m.hotp, m.next) {
		t.Fatal("no code is accepted before")
	}
	m.next++
	m.close(s)
	return m
}

func (m *moved) fill(t *testing.T) {
	k := testkit.NewIn(t, m.data)
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	k.DefaultProfiles(t)
	m.one = testkit.HOTP("900002")
	other := *m.one
	other.Serial = "900003"
	k.Import(t, m.hotp, testkit.TOTP("900004"), testkit.HOTP("900005"), testkit.HOTP("900006"), testkit.HOTP("900007"),
		testkit.OCRA("900008"))
	k.Import(t, m.one, &other)
	for _, name := range []string{"alice", "bob", "carol"} {
		k.User(t, name)
	}
	k.Assign(t, "900001", "alice")
	k.Assign(t, "900005", "bob")
	if !k.Verify(t, "900001", testkit.Code(t, m.hotp, 0)) || k.Verify(t, "900001", testkit.Code(t, m.hotp, 0)) ||
		k.VerifyUser(t, "bob", "000000") || k.Verify(t, "nobody's", "000000") {
		t.Fatal("codes are not judged as they should")
	}
	m.next = 1
	issued, err := k.Temporary.Issue(ctx, tempcodes.Request{User: "alice", Count: 2, Hours: 168, Origin: testkit.Origin})
	must(err)
	for _, c := range issued.Codes {
		m.temporary = append(m.temporary, string(c.Bytes()))
	}
	if !k.VerifyUser(t, "alice", m.temporary[0]) {
		t.Fatal("a temporary code is refused")
	}
	v := k.PhoneType(t, testkit.Profile(t, func(p *activation.Profile) {
		p.Rules.DeviceBinding = true
		p.Applications = append(p.Applications, activation.Application{Index: 2, Name: "Sign", Mode: activation.ResponseOnly,
			Suite: testkit.Suite("HOTP-SHA1-8")})
	}))
	m.phone = k.Activate(t, v, k.CreatePhone(t, "carol"), nil)
	waits := k.CreatePhone(t, "bob")
	letter, err := k.Activations.Start(ctx, activations.Request{Token: testkit.Serial(waits),
		Route: activations.Offline, By: authz.Principal{Role: authz.Admin}, Origin: testkit.Origin})
	must(err)
	secret, err := v.OpenCode(string(letter.Code), activation.CodeInput{Serial: waits})
	must(err)
	phone := testkit.NewPhone(t, v, waits, secret, nil, nil)
	m.confirmation = testkit.Typed(waits, phone.Confirmation(t, k.Clock.Now(), false))
	_, err = k.Lifecycle.Create(ctx, lifecycle.CreateRequest{Type: "app-totp", Count: 1, Origin: testkit.Origin})
	must(err) // with an enrolment link
	_, err = k.Lifecycle.Delete(ctx, testkit.Serial("900007"), testkit.Origin)
	must(err)
	_, _, err = testkit.Export(t, k, testkit.Move, func(r *lifecycle.ExportRequest) { r.Filter.Serial = "900005" })
	must(err)
	if t.Failed() {
		t.FailNow()
	}
}

func (m *moved) from() Config { return m.in(Config{Data: m.data}) }

// in is a Config with the clock of the test.
func (m *moved) in(c Config) Config {
	c.NoStandby = true
	c.Now = func() time.Time { return m.now }
	return c
}

func (m *moved) open(cfg Config) *Server {
	m.t.Helper()
	s, err := Open(m.t.Context(), cfg)
	if err != nil {
		m.t.Fatal(err)
	}
	return s
}

// close stops a server as an end does, and not a kill.
func (m *moved) close(s *Server) {
	m.t.Helper()
	if err := errors.Join(s.node.Leave(m.t.Context()), s.Close()); err != nil {
		m.t.Fatal(err)
	}
}

func (m *moved) verify(s *Server, k *pskc.Key, counter uint64) bool {
	m.t.Helper()
	return s.verify(m.t, store.Lookup{Serial: k.Serial}, testkit.Code(m.t, k, counter))
}

// lives tells whether a server starts there.
func (m *moved) lives(cfg Config) bool {
	m.t.Helper()
	s, err := Open(m.t.Context(), cfg)
	if err == nil {
		m.close(s)
	}
	return err == nil
}

// works demands that everything is there: what was used is refused, what comes next is
// accepted, and the log and the state are whole.
func (m *moved) works(cfg Config) {
	m.t.Helper()
	s := m.open(cfg)
	defer m.close(s)
	if m.verify(s, m.hotp, m.next-1) {
		m.t.Errorf("a code that was used before works again")
	}
	if !m.verify(s, m.hotp, m.next) || m.verify(s, m.hotp, m.next) {
		m.t.Error("the next code is not accepted once")
	}
	m.next++
	for app := 1; app <= 2; app++ {
		code := m.phone.Code(m.t, app, m.now)
		for i, want := range []bool{true, false} {
			if valid := s.verify(m.t, store.Lookup{Serial: m.phone.Serial}, code); valid != want {
				m.t.Errorf("application %d of a phone, time %d: %t", app, i, valid)
			}
		}
	}
	rep, err := s.ledger.Verify(m.t.Context())
	if err != nil || !rep.Whole() || rep.State.Tokens < 8 {
		m.t.Errorf("audit verify: %+v, %v", rep, err)
	}
	if s.degraded() {
		m.t.Error("the server is degraded")
	}
}

func (m *moved) copy(from, to Config, after func(string) error) (Copied, error) {
	return Copy(m.t.Context(), Copying{From: from, To: to, TestOnlyAfter: after})
}

// refusedAs demands that no server starts there, and that it says so.
func (m *moved) refusedAs(cfg Config, texts ...string) {
	m.t.Helper()
	s, err := Open(m.t.Context(), cfg)
	if err == nil {
		m.close(s)
	}
	if !errors.Is(err, ErrRefused) {
		m.t.Errorf("a start: %v, want it refused", err)
		return
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			m.t.Errorf("a start: %v, want it to say %q", err, text)
		}
	}
}

// A database goes to PostgreSQL, to another one of it, back into a file, and to another file.
// Each time only the last one lives.
func TestCopyMovesADatabase(t *testing.T) {
	t.Parallel()
	m := newMoved(t)
	at := m.from()
	back, file := filepath.Join(t.TempDir(), "back"), filepath.Join(t.TempDir(), "file")
	for i, to := range []Config{{Database: cluster.Schema(t)}, {Database: cluster.Schema(t)}, {Data: back}, {Data: file}} {
		to = m.in(to)
		calls := 0
		done, err := Copy(t.Context(), Copying{From: at, To: to, Progress: func(string, int64, int64) { calls++ }})
		if err != nil {
			t.Fatalf("copy %d: %v", i, err)
		}
		if done.Already || len(done.Tables) < 40 || done.Rows() < 2000 || calls != 2*int(done.Rows()) {
			t.Errorf("copy %d: %+v, %d calls", i, done, calls)
		}
		m.refusedAs(at, "was moved to "+done.To, "Start the server with that one")
		if _, err := Accept(t.Context(), at, "a reason", true); !errors.Is(err, ErrRefused) {
			t.Errorf("database accept of what was moved: %v", err)
		}
		again, err := m.copy(at, to, nil)
		if err != nil || !again.Already || again.Tables != nil {
			t.Errorf("copy %d, a second time: %+v, %v", i, again, err)
		}
		elsewhere := m.in(Config{Data: filepath.Join(t.TempDir(), "elsewhere")})
		if _, err := m.copy(at, elsewhere, nil); !errors.Is(err, ErrRefused) || m.lives(m.from()) {
			t.Errorf("copy %d, to a second target: %v", i, err)
		}
		if to.Data == "" {
			to.Data = at.Data
		}
		m.works(to)
		at = to
	}
	s := m.open(at)
	defer m.close(s)
	if e := s.entry(t, audit.DatabaseMoved); e["reason"] != "taken over" {
		t.Errorf("database.moved is %v", e)
	}
	alice := store.Lookup{User: "alice"}
	if !s.verify(t, alice, m.temporary[1]) || s.verify(t, alice, m.temporary[0]) || s.verify(t, alice, m.temporary[1]) {
		t.Error("the second temporary code is not accepted once, or the first one is again")
	}
	if c, err := s.activations.Confirm(t.Context(), m.confirmation); err != nil || !c.Accepted {
		t.Errorf("an activation that was open before is not confirmed: %+v, %v", c, err)
	}
	twin := *m.one
	twin.Serial = "900003"
	if !m.verify(s, m.one, 3) || m.verify(s, &twin, 3) || !m.verify(s, &twin, 4) {
		t.Error("twins do not count together")
	}
}

var errEnd = errors.New("of the test's own")

// Wherever a move is ended, at most one of the two lives, and it is finished by the same
// command. Before it is handed over, the source can be taken back; then the target, although
// its copy may be whole, never lives.
func TestCopyIsInterrupted(t *testing.T) {
	t.Parallel()
	m := newMoved(t)
	for _, way := range []string{"PostgreSQL", "SQLite"} {
		for _, step := range []string{afterClose, afterCopy, afterVerify, afterHand, afterTake} {
			from, to := m.from(), m.in(Config{Data: filepath.Join(t.TempDir(), "data")})
			served := to
			if way == "PostgreSQL" {
				to = m.in(Config{Database: cluster.Schema(t)})
				served = to
				served.Data = from.Data
			}
			m.interrupted(way+", "+step, from, to, served, step)
			// The next one begins where this one has come to.
			m.data = served.Data
			if way == "PostgreSQL" { // and is a file again
				m.data = filepath.Join(t.TempDir(), "data")
				if _, err := m.copy(served, m.in(Config{Data: m.data}), nil); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	m.works(m.from())
}

func (m *moved) interrupted(name string, from, to, served Config, step string) {
	m.t.Helper()
	end := func(s string) error {
		if s == step {
			return errEnd
		}
		return nil
	}
	if _, err := m.copy(from, to, end); !errors.Is(err, errEnd) {
		m.t.Fatalf("%s: %v", name, err)
	}
	source, target := m.lives(from), m.lives(served)
	if source || target != (step == afterTake) {
		m.t.Errorf("%s: source lives: %t, target lives: %t", name, source, target)
	}
	back := from
	back.TakeBack = true
	unfinished := served
	unfinished.TakeBack = true
	if step != afterTake && m.lives(unfinished) {
		m.t.Errorf("%s: a copy that is not finished is taken", name)
	}
	if step != afterTake && to.Database != "" { // of a second node, which names it in another way
		unfinished.Data, unfinished.Database = m.t.TempDir(), to.Database+"&application_name=other"
		err := os.Chmod(unfinished.Data, 0o700)
		for _, file := range []string{"kek", "kek.mark"} {
			text, rerr := os.ReadFile(filepath.Join(from.Data, file))
			err = errors.Join(err, rerr, os.WriteFile(filepath.Join(unfinished.Data, file), text, 0o600))
		}
		if err != nil {
			m.t.Fatal(err)
		}
		if m.lives(unfinished) {
			m.t.Errorf("%s: a copy that is not finished is taken under another name", name)
		}
	}
	if step == afterClose || step == afterCopy {
		if !m.lives(back) || !m.lives(from) || m.lives(served) {
			m.t.Errorf("%s: the source is not taken back, or the target lives", name)
		}
		m.works(from)
	}
	done, err := m.copy(from, to, nil)
	if err != nil || done.Already != (step == afterTake) {
		m.t.Fatalf("%s, again: %+v, %v", name, done, err)
	}
	if m.lives(from) {
		m.t.Errorf("%s, again: the source lives", name)
	}
	m.works(served)
}

// killAt is set for a process that moves a database and is killed at this row.
const killAt = "OSTIARY_TEST_KILL_AT"

// killed is that process.
func killed() {
	at, _ := strconv.ParseInt(os.Getenv(killAt), 10, 64)
	to := Config{Database: os.Getenv("OSTIARY_TEST_URL"), Data: os.Getenv("OSTIARY_TEST_TO"), NoStandby: true}
	_, err := Copy(context.Background(), Copying{From: Config{Data: os.Getenv("OSTIARY_TEST_FROM")}, To: to,
		Progress: func(_ string, done, _ int64) {
			if done == at {
				_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			}
		}})
	fmt.Fprintln(os.Stderr, "not killed:", err)
	os.Exit(1)
}

// A process that is killed in the middle of a copy, while it writes or reads again, leaves
// nothing that lives, and the next one finishes.
func TestCopyIsKilled(t *testing.T) {
	t.Parallel()
	m := newMoved(t)
	for i, at := range []int{1, 2100, 4100} {
		for _, way := range []string{"PostgreSQL", "SQLite"} {
			from, to := m.from(), Config{Data: filepath.Join(t.TempDir(), "data")}
			if way == "PostgreSQL" {
				to = Config{Database: cluster.Schema(t)}
			}
			self, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), self)
			cmd.Env = append(os.Environ(), fmt.Sprint(killAt, "=", at), "OSTIARY_TEST_URL="+to.Database,
				"OSTIARY_TEST_TO="+to.Data, "OSTIARY_TEST_FROM="+from.Data)
			out, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
				t.Fatalf("%s, %d: %v\n%s", way, i, err, out)
			}
			to = m.in(to)
			served := to
			if served.Data == "" {
				served.Data = m.data
			}
			if m.lives(from) || m.lives(served) {
				t.Errorf("%s, killed at row %d: one of the two lives", way, at)
			}
			if _, err := m.copy(from, to, nil); err != nil {
				t.Fatalf("%s, after a kill at row %d: %v", way, at, err)
			}
			m.works(served)
			m.data = served.Data
			if way == "PostgreSQL" {
				m.data = filepath.Join(t.TempDir(), "data")
				if _, err := m.copy(served, m.in(Config{Data: m.data}), nil); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// What a target holds that is not this copy is left as it is, and the source lives on; so does
// one whose server runs.
func TestCopyIsRefused(t *testing.T) {
	t.Parallel()
	m := newMoved(t)
	refused := func(name string, from, to Config, want string) {
		t.Helper()
		if _, err := m.copy(from, to, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
		if !m.lives(m.from()) {
			t.Errorf("%s: the source does not live any more", name)
		}
	}
	other := m.in(Config{Data: filepath.Join(t.TempDir(), "other")})
	m.close(m.open(other))
	refused("another database", m.from(), other, "holds another database")
	if !m.lives(other) {
		t.Error("the other database does not live any more")
	}
	url := cluster.Schema(t)
	inPostgres := m.in(Config{Data: filepath.Join(t.TempDir(), "p"), Database: url})
	m.close(m.open(inPostgres))
	refused("another database in PostgreSQL", m.from(), m.in(Config{Database: url}), "holds another database")
	if !m.lives(inPostgres) {
		t.Error("the other database does not live any more")
	}
	refused("itself", m.from(), m.from(), ErrSame.Error())
	refused("nothing", m.in(Config{Data: t.TempDir()}), other, "no database to copy")

	backup := copyOf(t, m.data)
	refused("an older copy of it, which lives", m.from(), m.in(Config{Data: backup}), "in use there")
	if !m.lives(m.in(Config{Data: backup})) {
		t.Error("the copy does not live any more")
	}
	if err := os.Remove(filepath.Join(backup, "ostiary.db")); err != nil {
		t.Fatal(err)
	}
	s := m.open(m.from())
	if !m.verify(s, m.hotp, m.next) {
		t.Error("a code is refused")
	}
	m.next++
	if _, err := m.copy(m.from(), other, nil); !errors.Is(err, ErrRunning) {
		t.Errorf("while the server runs: %v", err)
	}
	if err := s.checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.close(s)
	// A directory whose mark says that there was a newer one.
	older := copyOf(t, m.data)
	s = m.open(m.from())
	if !m.verify(s, m.hotp, m.next) {
		t.Error("a code is refused")
	}
	if err := s.checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.close(s)
	newer := t.TempDir()
	mark, err := os.ReadFile(filepath.Join(m.data, "kek.mark"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Chmod(newer, 0o700), os.WriteFile(filepath.Join(newer, "kek.mark"), mark, 0o600),
		filekek.Copy(filepath.Join(m.data, "kek"), filepath.Join(newer, "kek"))); err != nil {
		t.Fatal(err)
	}
	refused("to a directory of a newer one", m.in(Config{Data: older}), m.in(Config{Data: newer}), "older copy")
}

// A PostgreSQL database on which a server runs is not moved; one that was killed is forgotten.
func TestCopyWaitsForServers(t *testing.T) {
	t.Parallel()
	m := newMoved(t)
	at := m.in(Config{Database: cluster.Schema(t)})
	if _, err := m.copy(m.from(), at, nil); err != nil {
		t.Fatal(err)
	}
	at.Data = m.data
	other := at
	other.Data = t.TempDir()
	for _, name := range []string{"kek", "kek.mark"} {
		text, err := os.ReadFile(filepath.Join(m.data, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(other.Data, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(other.Data, 0o700); err != nil {
		t.Fatal(err)
	}
	s := m.open(other)
	to := m.in(Config{Data: filepath.Join(t.TempDir(), "file")})
	if _, err := m.copy(at, to, nil); err == nil || !strings.Contains(err.Error(), "A server is running") {
		t.Errorf("while another server runs: %v", err)
	}
	if !m.verify(s, m.hotp, m.next) {
		t.Error("the other server does not go on")
	}
	m.next++
	// It hangs, and comes back after it was taken for gone.
	m.now = m.now.Add(time.Minute)
	if _, err := m.copy(at, to, nil); err != nil {
		t.Fatal(err)
	}
	valid, err := s.engine.Verify(t.Context(), codes.Request{Lookup: store.Lookup{Serial: m.hotp.Serial},
		OTP: testkit.Code(t, m.hotp, m.next), Origin: origin})
	if valid || !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a server that was left behind says %t, %v", valid, err)
	}
	if !s.overtaken.is() || s.degraded() {
		t.Errorf("it goes on: %t, or takes the database for forged: %t", !s.overtaken.is(), s.degraded())
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	m.works(to)
}
