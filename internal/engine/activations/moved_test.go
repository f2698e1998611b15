package activations_test

import (
	"strings"
	"testing"
	"time"

	"ostiary/activation"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/activations"
	"ostiary/internal/engine/imports"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/store"
	"ostiary/internal/test/testkit"
)

// other is another server, with a type of the same name and a profile of the same name
// that is another one.
func (s *scene) other() *testkit.Kit {
	s.Helper()
	k := testkit.New(s)
	k.Clock.Set(s.k.Clock.Now())
	k.PhoneType(s, s.vector.Profile())
	return k
}

func createUsers(r *imports.Request) { r.CreateUsers = true }
func newSerials(r *imports.Request)  { r.Renumber = true }

// leave exports all tokens.
func (s *scene) leave(more ...func(*lifecycle.ExportRequest)) []byte {
	s.Helper()
	file, _, err := testkit.Export(s, s.k, more...)
	if err != nil {
		s.Fatal(err)
	}
	return file
}

// take imports a file on another server, whose every key must be imported.
func take(t *testing.T, k *testkit.Kit, file []byte, more ...func(*imports.Request)) testkit.Report {
	t.Helper()
	rep := testkit.Take(t, k, testkit.OpenExport(t, file), append(more, createUsers)...)
	if n := rep.Imported; n != rep.Keys() || n == 0 {
		t.Fatalf("imported %d: %+v", n, rep.Rows)
	}
	return rep
}

// at is the device on the server where its token lives now, under its serial there.
func (d *device) at(k *testkit.Kit, serial string) *device {
	there := *d.scene
	there.k, there.serial = k, serial
	moved := *d
	moved.scene = &there
	return &moved
}

// move moves the token to another server, up to the receipt.
func (d *device) move(more ...func(*imports.Request)) (*device, testkit.Report) {
	d.Helper()
	k := d.other()
	file := d.leave(testkit.Move)
	rep := take(d.T, k, file, more...)
	if _, err := d.k.Lifecycle.ConfirmMove(d.Context(), k.Receipt(d, rep.ID), testkit.Origin); err != nil {
		d.Fatal(err)
	}
	return d.at(k, d.serial), rep
}

// An activated token moves: the phone works on, its codes count at the target alone,
// and a code that was used is used.
func TestActivatedTokenMoves(t *testing.T) {
	t.Parallel()
	for name, edits := range map[string][]func(*activation.Profile){
		"HOTP": nil, "TOTP": {timed}, "bound": {bound}, "several applications": {many}, "same key": {sameKey},
		"bound, same key, several": {many, bound, sameKey},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := setUp(t, edits...).activate()
			if !d.logsIn() {
				t.Fatal("the phone is refused where it was activated")
			}
			used := d.Next[1] - 1
			was := d.token()
			moved, _ := d.move()
			now := moved.token()
			if now.Condition.Epoch != was.Condition.Epoch || now.Condition.Next != was.Condition.Next ||
				now.Condition.Drift != was.Condition.Drift || now.OwnerName != "alice" || now.Profile != "phones-2" {
				t.Errorf("the token is %+v, it was %+v", now, was)
			}
			if left := d.k.Serials(t, lifecycle.Filter{}); len(left) != 0 {
				t.Errorf("the source has %q", left)
			}
			if app, _ := d.vector.Confirming(); app.Suite.Event() {
				next := d.Next[1]
				d.Next[1] = used
				if moved.k.Verify(t, moved.serial, d.code(1)) {
					t.Error("a code that was used at the source is accepted at the target")
				}
				d.Next[1] = next
			}
			if !moved.logsIn() {
				t.Error("the phone is refused at the target")
			}
			again := moved.activateAgain(moved)
			if !again.logsIn() {
				t.Error("activated again, the phone is refused")
			}
			if got := moved.token().Condition.Epoch; got != was.Condition.Epoch+1 {
				t.Errorf("epoch %d", got)
			}
		})
	}
}

// activateAgain activates a device that has an account.
func (s *scene) activateAgain(old *device) *device {
	s.Helper()
	s.k.Clock.Advance(time.Hour)
	st := s.start(s.request(activations.Offline))
	return s.typed(st, st.Password, old).accepted()
}

// All applications of a moved token go on where they stood, and no code of one counts
// twice.
func TestFurtherApplicationsMove(t *testing.T) {
	t.Parallel()
	d := setUp(t, many).activate()
	if !d.k.Verify(t, d.serial, d.code(2)) {
		t.Fatal("application 2 is refused at the source")
	}
	d.Next[2]--
	used := d.code(2)
	moved, _ := d.move()
	if moved.k.Verify(t, moved.serial, used) {
		t.Error("a used code of application 2 is accepted at the target")
	}
	if !moved.k.Verify(t, moved.serial, d.code(2)) {
		t.Error("application 2 is refused at the target")
	}
	if a := moved.k.Application(t, moved.serial, 2); a.Next != 2 {
		t.Errorf("application 2 stands at %d", a.Next)
	}
}

// A profile whose name is taken by another is added under a derived name, once, and the
// report and the log say so.
func TestProfileOfTakenName(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	s.activate()
	k, file := s.other(), s.leave()
	dry := testkit.Take(t, k, testkit.OpenExport(t, file), createUsers, testkit.DryRun)
	if got := strings.Join(dry.Remarks, " "); !strings.Contains(got, "would be added as phones-2") {
		t.Errorf("a dry run says %q", got)
	}
	if all, err := k.Profiles.List(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("after a dry run: %d profiles, %v", len(all), err)
	}
	rep := take(t, k, file)
	if got := strings.Join(rep.Remarks, " "); !strings.Contains(got, "is added as phones-2") {
		t.Errorf("the report says %q", got)
	}
	p, err := k.Profiles.Show(t.Context(), "phones-2")
	if err != nil || p.Vector.Hash() != s.vector.Hash() {
		t.Errorf("the profile: %v", err)
	}
	found := false
	for _, e := range k.Log(t, 0) {
		found = found || e.Action == "profile.created" && e.Subject["other"] == "phones-2" &&
			e.After["fingerprint"] == s.vector.Fingerprint()
	}
	if !found {
		t.Error("the log does not tell of the profile")
	}
	s.serial = s.create("alice")
	s.activate()
	rep = testkit.Take(t, k, testkit.OpenExport(t, s.leave()), createUsers)
	testkit.Ended(t, rep, store.RunCounts{Imported: 1, Duplicate: 1, Assigned: 1})
	if got := strings.Join(rep.Remarks, " "); !strings.Contains(got, "is already here, as phones-2") {
		t.Errorf("the second report says %q", got)
	}
}

// A token that gets another serial goes on working, is activated again on the same
// account, and is a duplicate the second time.
func TestRenumberedTokenKeepsItsAccount(t *testing.T) {
	t.Parallel()
	d := setUp(t, bound).activate()
	k := d.other()
	k.User(t, "carol")
	mine, err := k.Lifecycle.Create(t.Context(), lifecycle.CreateRequest{Type: "phone", Count: 1, User: "carol",
		Origin: testkit.Origin})
	if err != nil {
		t.Fatal(err)
	}
	if got := mine.Tokens[0].Token.Identity.Serial; got != d.serial {
		t.Fatalf("the serials %s and %s do not collide", got, d.serial)
	}
	file := d.leave()
	take(t, k, file, newSerials)
	const serial = "EX10000002"
	if got := k.Token(t, serial); got.DeviceSerial() != d.serial {
		t.Fatalf("its authenticator knows it as %s", got.DeviceSerial())
	}
	moved := d.at(k, serial)
	if !moved.logsIn() {
		t.Error("the phone is refused")
	}
	again := moved.activateAgain(moved)
	if again.Serial != d.Serial || !again.logsIn() {
		t.Errorf("activated again, the phone that knows itself as %s is refused", again.Serial)
	}
	rep := testkit.Take(t, k, testkit.OpenExport(t, d.leave()), createUsers, newSerials, testkit.SkipBad)
	if rep.Imported != 0 {
		t.Errorf("the account is here twice: %+v", rep.Rows)
	}
}

// A token without a secret is carried as such, and activated there for the first time.
func TestPendingTokenMoves(t *testing.T) {
	t.Parallel()
	s := setUp(t, many)
	d := &device{scene: s}
	moved, rep := d.move()
	if len(rep.Series) != 1 || rep.Series[0].Incoming != 1 {
		t.Errorf("series %+v", rep.Series)
	}
	if got := moved.token(); got.Condition.State != token.Pending || got.Condition.Proven() || got.OwnerName != "alice" {
		t.Errorf("the token is %+v", got)
	}
	if !moved.activate().logsIn() {
		t.Error("the phone is refused")
	}
}

// An unbound token is carried, and its device is never bound again.
func TestUnboundDeviceIsRefusedAtTheTarget(t *testing.T) {
	t.Parallel()
	d := setUp(t, bound).activate()
	if _, err := d.k.Activations.Unbind(t.Context(), testkit.Serial(d.serial), testkit.Origin); err != nil {
		t.Fatal(err)
	}
	moved, _ := d.move()
	moved.k.Clock.Advance(time.Hour)
	st := moved.start(moved.request(activations.Offline))
	again := moved.typed(st, st.Password, d)
	again.Device = d.Device
	r, err := again.confirm(again.confirmation())
	if err != nil || r.Accepted {
		t.Errorf("the device that was unbound: %+v, %v", r, err)
	}
	if e := moved.k.LastEntry(t); e.Reason != "unbound_device" {
		t.Errorf("refused because %q", e.Reason)
	}
}

// What limits are counted from comes along.
func TestLimitsAreCountedOn(t *testing.T) {
	t.Parallel()
	d := setUp(t).activate()
	for range 3 {
		d = d.activateAgain(d)
	}
	d.k.Clock.Advance(time.Hour)
	d.start(d.request(activations.Offline))
	if _, err := d.confirm(d.wrongOTP()); err != nil {
		t.Fatal(err)
	}
	show := func(d *device) activations.Overview {
		t.Helper()
		return must[activations.Overview](t)(d.k.Activations.Show(t.Context(), testkit.Serial(d.serial)))
	}
	was := show(d).Standing
	moved, _ := d.move()
	if now := show(moved).Standing; now != was || now.Successes != 3 || now.Failures != 1 {
		t.Errorf("counted are %+v, before the move %+v", now, was)
	}
}

// An open activation ends when a move begins, which is recorded; a plain export changes
// nothing but the log.
func TestOpenActivationEndsWithTheMove(t *testing.T) {
	t.Parallel()
	d := setUp(t).activate()
	d.k.Clock.Advance(time.Hour)
	st := d.start(d.request(activations.Offline))
	d.k.Unchanged(t, func() { d.leave() }, "audit_entry", "audit_head", "checkpoint", "sqlite_sequence")
	ended := -1
	file := d.leave(testkit.Move, func(r *lifecycle.ExportRequest) { r.Begun = func(_ string, n int) { ended = n } })
	if ended != 1 {
		t.Errorf("%d activations ended", ended)
	}
	found := false
	for _, e := range d.k.Log(t, 0) {
		found = found || e.Action == "activation.ended" && e.Reason == "moved" && e.After["activation"] != nil
	}
	if !found {
		t.Error("the log does not tell that the activation ended")
	}
	moves := must[[]store.Move](t)(d.k.Lifecycle.Moves(t.Context(), "", 1))
	if _, err := d.k.Lifecycle.CancelMove(t.Context(), moves[0].ID, testkit.Origin); err != nil {
		t.Fatal(err)
	}
	if !d.logsIn() {
		t.Error("after a move that was cancelled the phone is refused")
	}
	again := d.typed(st, st.Password, d)
	_, err := d.confirm(again.confirmation())
	refused(t, "its letter", err, "no_open_activation")
	_ = file
}
