package activations_test

import (
	"fmt"
	"slices"
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

// On the server that a token moved to it is activated again by each route, also where it
// has another serial there than on the phone: the phone gets what is for its account.
func TestActivatedAgainAtTheTarget(t *testing.T) {
	t.Parallel()
	for name, edits := range map[string][]func(*activation.Profile){
		"events": {password}, "time, bound": {timed, bound, password}, "same key": {sameKey, password},
		"eight applications": {many, bound, password},
	} {
		for _, renumbered := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " ", renumbered), func(t *testing.T) {
				t.Parallel()
				s := setUp(t, edits...)
				d := s.activate()
				moved := d.movedTo(renumbered)
				for n, route := range []func(*device) *device{(*device).byImage, (*device).byPush, (*device).byOffer} {
					moved.k.Clock.Advance(time.Hour)
					old := *moved
					old.Next = map[int]uint64{1: moved.Next[1]}
					moved = route(moved)
					if moved.Serial != d.Serial {
						t.Errorf("route %d: the phone would have the account %s beside %s", n, moved.Serial, d.Serial)
					}
					if got := moved.token().Condition; got.Epoch != int64(n+2) || got.State != token.Valid {
						t.Errorf("route %d: %+v", n, got)
					}
					if !moved.logsIn() {
						t.Errorf("route %d: the phone is refused", n)
					}
					if s.vector.Profile().Rules.NewKey && old.logsIn() {
						t.Errorf("route %d: the keys of before are accepted", n)
					}
					moved.k.Unlock(t, moved.serial)
				}
				if r, err := d.confirm(s.wrongOTP()); err == nil || r.Accepted {
					t.Error("the source takes a confirmation of a token that moved")
				}
			})
		}
	}
}

// movedTo moves the token to a server where its serial is free, or taken.
func (d *device) movedTo(taken bool) *device {
	d.Helper()
	if !taken {
		moved, _ := d.move()
		return moved
	}
	k := d.other()
	k.User(d, "carol")
	k.CreatePhone(d, "carol")
	return d.onward(k)
}

// onward moves the token to a server, where it gets another serial if need be.
func (d *device) onward(k *testkit.Kit) *device {
	d.Helper()
	file := d.leave(testkit.Move, func(r *lifecycle.ExportRequest) { r.Serials = []string{d.serial} })
	rep := take(d.T, k, file, newSerials)
	if _, err := d.k.Lifecycle.ConfirmMove(d.Context(), k.Receipt(d, rep.ID), testkit.Origin); err != nil {
		d.Fatal(err)
	}
	serial := d.serial
	if rep.Renumbered > 0 {
		serial = strings.Fields(strings.TrimPrefix(rep.Rows[0].Reason, "its serial is in use here: it is "))[0]
	}
	return d.at(k, serial)
}

// byImage activates by a code image, whose code is typed into the page.
func (d *device) byImage() *device {
	d.Helper()
	st := d.start(d.request(activations.QR))
	body := must[activation.QRBody](d)(activation.ReadQRBody(string(st.QRBody)))
	if body.Serial != d.Serial {
		d.Errorf("the image is for the account %s, and the phone has %s", body.Serial, d.Serial)
	}
	var counters []uint64
	if body.ERC != "" {
		counters = must[[]uint64](d)(d.vector.ReadERC(body.Serial, body.ERC))
	}
	in := activation.CodeInput{Serial: body.Serial, Password: st.Password, Counters: counters}
	secret := must[activation.Secret](d)(d.vector.OpenCode(string(body.Code), in))
	return d.device(secret, counters, d).accepted()
}

// byPush activates by what is sealed for the device.
func (d *device) byPush() *device {
	d.Helper()
	_, st, fad, counters := d.pushes()
	if fad.Serial != d.Serial || fad.Vector.Hash() != d.vector.Hash() {
		d.Errorf("pushed is the account %s, and the phone has %s", fad.Serial, d.Serial)
	}
	in := activation.CodeInput{Serial: fad.Serial, Password: st.Password, Counters: counters}
	return d.device(must[activation.Secret](d)(fad.Vector.OpenCode(string(fad.Code), in)), counters, d).accepted()
}

// byOffer activates by a registration code, and the device confirms it by itself.
func (d *device) byOffer() *device {
	d.Helper()
	p := d.phone(d.offer())
	next := p.activated(d)
	if r, err := p.confirm(next.confirmation()); err != nil || !r.Accepted {
		d.Fatalf("confirmation: %+v, %v", r, err)
	}
	return next
}

// A device that is unbound at the target is never bound again, there or where the token
// goes on to, nor at the source when it comes home; another device is.
func TestUnboundAtTheTarget(t *testing.T) {
	t.Parallel()
	home := setUp(t, bound).activate()
	d := home.movedTo(true)
	if _, err := d.k.Activations.Unbind(t.Context(), testkit.Serial(d.serial), testkit.Origin); err != nil {
		t.Fatal(err)
	}
	if d.logsIn() {
		t.Error("an unbound device logs in")
	}
	lost := func(d *device) {
		t.Helper()
		d.k.Clock.Advance(time.Hour)
		st := d.start(d.request(activations.Offline))
		back := d.typed(st, st.Password, nil)
		back.Device = home.Device
		if r, err := d.confirm(back.confirmation()); err != nil || r.Accepted {
			t.Errorf("the device that was unbound: %+v, %v", r, err)
		}
		if e := d.k.LastEntry(t); e.Reason != "unbound_device" {
			t.Errorf("refused because %q", e.Reason)
		}
	}
	lost(d)
	other := d.activate()
	if !other.logsIn() {
		t.Error("another device is refused")
	}
	third := other.onward(other.other())
	if !third.logsIn() {
		t.Error("the other device is refused at the third server")
	}
	lost(third)
	back := third.onward(home.k)
	if !back.logsIn() {
		t.Error("the other device is refused where the token began")
	}
	lost(back)
}

// trip is a token that goes from server to server and home, with all codes that its phone
// has shown.
type trip struct {
	*testing.T
	servers []*device // the device as it was where the token was
	used    []string
}

// here uses a few codes on the server where the token is, and demands that none that was
// used before counts on any server.
func (tr *trip) here(d *device) {
	tr.Helper()
	for range 2 {
		code := d.code(1)
		if !d.k.Verify(tr, d.serial, code) {
			tr.Errorf("server %d refuses the phone", len(tr.servers))
		}
		tr.used = append(tr.used, code)
	}
	tr.servers = append(tr.servers, d)
	for n, was := range tr.servers {
		for _, serial := range []string{was.serial, d.serial, d.Serial} {
			for i, code := range tr.used {
				if was.k.Verify(tr, serial, code) {
					tr.Errorf("with the token on server %d, code %d is accepted on server %d again, as %s",
						len(tr.servers), i, n+1, serial)
				}
			}
		}
		for _, serial := range was.k.Serials(tr, lifecycle.Filter{}) {
			was.k.Unlock(tr, serial)
		}
	}
}

// A token that goes from A to B, to C and home to A keeps its epochs, counters, history
// and the account of the phone, and no code counts twice on any of them. At B it gets
// another serial, and keeps that one.
func TestThreeHopsAndHome(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		edits []func(*activation.Profile)
		again bool // it is activated again at B
	}{
		"as it is": {nil, false}, "activated again at B": {nil, true}, "with the same key": {[]func(*activation.Profile){
			sameKey, bound}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := setUp(t, c.edits...).activate()
			show := func(d *device) activations.Overview {
				t.Helper()
				return must[activations.Overview](t)(d.k.Activations.Show(t.Context(), testkit.Serial(d.serial)))
			}
			tr := &trip{T: t}
			tr.here(a)
			b := a.movedTo(true)
			tr.here(b)
			epoch := int64(1)
			if c.again {
				b, epoch = b.activateAgain(b), 2
				tr.here(b)
			}
			was, stood := show(b), b.token().Condition
			third := b.other()
			third.Clock.Set(b.k.Clock.Now())
			d := b.onward(third)
			tr.here(d)
			a.k.Clock.Set(third.Clock.Now())
			home := d.onward(a.k)
			tr.here(home)
			got := home.token()
			if got.Identity.Serial != "EX10000002" || got.DeviceSerial() != a.Serial || got.OwnerName != "alice" ||
				got.Condition.Epoch != epoch || got.Condition.Next < stood.Next+4 {
				t.Errorf("at home it is %+v; it stood at %+v", got, stood)
			}
			if got.Profile != "phones" {
				t.Errorf("at home its profile is %s", got.Profile)
			}
			now := show(home)
			if now.Standing != was.Standing || len(now.Activations) != len(was.Activations) {
				t.Errorf("counted are %+v in %d activations, and at B %+v in %d", now.Standing, len(now.Activations),
					was.Standing, len(was.Activations))
			}
			if c.again && now.Standing.Successes != 1 {
				t.Errorf("%d activations after the first", now.Standing.Successes)
			}
			next := home.activateAgain(home)
			if next.Serial != a.Serial || !next.logsIn() {
				t.Error("activated again at home, the phone is refused")
			}
			for n, kit := range []*testkit.Kit{b.k, third} {
				if slices.Contains(kit.Serials(t, lifecycle.Filter{}), "EX10000002") {
					t.Errorf("server %d has the token, too", n+2)
				}
			}
		})
	}
}

// A phone whose confirmation was answered, but the answer did not arrive, asks again with
// the same bytes. When its token has moved, the server that has it now answers as the one
// before, also a year later: by the offer that came with the token. And it learns that it
// was confirmed by a code that somebody typed.
func TestLateConfirmationAtTheTarget(t *testing.T) {
	t.Parallel()
	for name, typed := range map[string]bool{"sent before": false, "typed": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := setUp(t, bound, timed)
			st := s.offer()
			p := s.phone(st)
			d := p.activated(nil)
			right := d.confirmation()
			if typed {
				if r, err := s.confirm(right); err != nil || !r.Accepted {
					t.Fatalf("%+v, %v", r, err)
				}
			} else if r, err := p.confirm(right); err != nil || !r.Accepted {
				t.Fatalf("%+v, %v", r, err)
			}
			moved := d.movedTo(true)
			there := *p // the address of the server is that of the target now
			there.scene = moved.scene
			_, err := p.confirm(right)
			refused(t, "at the source", err, "registration_code")
			if !typed { // however late: by the message, when its code is long past
				moved.k.Clock.Advance(365 * 24 * time.Hour)
			}
			before := moved.k.Dump(t)
			for i := range 2 {
				if r, err := there.confirm(right); err != nil || !r.Accepted {
					t.Errorf("time %d: %+v, %v", i, r, err)
				}
			}
			wrong := right
			wrong.OTP = s.wrongOTP().OTP
			_, err = there.confirm(wrong)
			refused(t, "another one", err, "offer_ended")
			_, err = there.take(p.exchange.Request())
			refused(t, "the offer once more", err, "offer_ended")
			_, err = there.take(s.phone(st).exchange.Request())
			refused(t, "the offer for another device", err, "offer_ended")
			if after := moved.k.Dump(t); after != before {
				t.Errorf("something was used up:\n%s", testkit.Changes(before, after))
			}
			if !moved.logsIn() {
				t.Error("the phone is refused")
			}
			moved.activateAgain(moved)
			moved.k.Clock.Advance(time.Hour)
			if _, err := moved.k.Activations.Expire(t.Context()); err != nil {
				t.Fatal(err)
			}
			_, err = there.confirm(right)
			refused(t, "of the epoch before", err, "registration_code")
		})
	}
}

// While a token is on its way nothing is done to it at the source that the target would not
// know of: no activation, no unbinding, no other state. When the move is cancelled, the
// phone works as before; when it is not, the token is at the target as it left.
func TestMovingPhoneIsLeftAlone(t *testing.T) {
	t.Parallel()
	for _, cancelled := range []bool{true, false} {
		s := setUp(t, bound)
		d := s.activate()
		pending := s.create("alice")
		file := s.leave(testkit.Move)
		s.k.Clock.Advance(time.Hour)
		was := s.token()
		for _, serial := range []string{s.serial, pending} {
			there := *s
			there.serial = serial
			for _, route := range []activations.Route{activations.Offline, activations.QR, activations.Online} {
				_, err := s.k.Activations.Start(t.Context(), there.request(route))
				refused(t, string(route), err, "token_refuses")
			}
			if _, err := s.k.Activations.Ahead(t.Context(), activations.BatchRequest{Type: testkit.PhoneType,
				Serials: []string{serial}, By: there.request("").By, Origin: testkit.Origin}); err == nil {
				t.Error("codes are made anew for a token that moves")
			}
			if _, err := s.k.Activations.Unbind(t.Context(), testkit.Serial(serial), testkit.Origin); err == nil {
				t.Error("a token that moves is unbound")
			}
			_, err := s.k.Activations.Reset(t.Context(), testkit.Serial(serial), activations.Counts{Interval: true},
				testkit.Origin)
			refused(t, "reset", err, "token_moving")
			for _, to := range []token.State{token.Valid, token.Pending, token.RevokedLost} {
				if _, err := s.k.Lifecycle.SetState(t.Context(), testkit.Serial(serial), to, "", testkit.Origin); err == nil {
					t.Errorf("a token that moves becomes %s", to)
				}
			}
		}
		if got := s.token(); got != was {
			t.Errorf("the token is %+v, it was %+v", got, was)
		}
		if cancelled {
			moves := must[[]store.Move](t)(s.k.Lifecycle.Moves(t.Context(), "", 1))
			if _, err := s.k.Lifecycle.CancelMove(t.Context(), moves[0].ID, testkit.Origin); err != nil {
				t.Fatal(err)
			}
			if !d.logsIn() || s.k.Token(t, pending).Condition.State != token.Pending {
				t.Error("after a move that was cancelled the tokens are not as before")
			}
			d.activateAgain(d)
			continue
		}
		k := s.other()
		take(t, k, file)
		if !d.at(k, s.serial).logsIn() {
			t.Error("the phone is refused at the target")
		}
	}
}

// An activated token whose owner the target does not have, or whose owner can hold no more,
// is refused, and the report says what to do.
func TestRefusedWithoutItsOwnerSaysWhatToDo(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	s.activate()
	k := s.other()
	for _, c := range []struct {
		more []func(*imports.Request)
		want []string
	}{
		{nil, []string{"on the device of user alice", "ostiary user add alice", "--create-users"}},
		{[]func(*imports.Request){testkit.DryRun}, []string{"on the device of user alice", "ostiary user add alice"}},
	} {
		rep := testkit.Take(t, k, testkit.OpenExport(t, s.leave()), c.more...)
		testkit.Ended(t, rep, store.RunCounts{Refused: 1})
		for _, want := range c.want {
			if got := rep.Rows[0].Reason; !strings.Contains(got, want) || strings.Contains(got, "not assigned") {
				t.Errorf("it says %q, want %q", got, want)
			}
		}
	}
	k.User(t, "alice")
	if _, _, err := k.Lifecycle.ChangeType(t.Context(), testkit.PhoneType, func(typ *token.Type) { typ.MaxPerUser = 1 },
		testkit.Origin); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Lifecycle.Create(t.Context(), lifecycle.CreateRequest{Type: testkit.PhoneType, Count: 1, User: "alice",
		Origin: testkit.Origin}); err != nil {
		t.Fatal(err)
	}
	for _, more := range [][]func(*imports.Request){{newSerials}, {newSerials, testkit.DryRun}} {
		rep := testkit.Take(t, k, testkit.OpenExport(t, s.leave()), more...)
		testkit.Ended(t, rep, store.RunCounts{Refused: 1})
		if got := rep.Rows[0].Reason; !strings.Contains(got, "has 1 token of type phone, the maximum") {
			t.Errorf("it says %q", got)
		}
	}
}

// A token that nobody is assigned, but that is on somebody's device, comes without an
// owner, as a dry run says. Nobody gets it there before the device is unbound.
func TestActivatedTokenOfNobodyMoves(t *testing.T) {
	t.Parallel()
	for _, taken := range []bool{false, true} {
		s := setUp(t)
		d := s.activate()
		if _, err := d.k.Lifecycle.Unassign(t.Context(), testkit.Serial(d.serial), testkit.Origin); err != nil {
			t.Fatal(err)
		}
		k, file := d.other(), d.leave()
		serial := d.serial
		if taken {
			k.User(t, "carol")
			serial = "EX10000002"
			k.CreatePhone(t, "carol")
		}
		dry := testkit.Take(t, k, testkit.OpenExport(t, file), newSerials, testkit.DryRun)
		rep := testkit.Take(t, k, testkit.OpenExport(t, file), newSerials)
		if dry.Imported != 1 || rep.Imported != 1 {
			t.Fatalf("taken %v: a dry run says %+v, and the import %+v", taken, dry.Rows, rep.Rows)
		}
		moved := d.at(k, serial)
		if !moved.logsIn() {
			t.Error("the phone is refused")
		}
		k.User(t, "bob")
		_, err := k.Lifecycle.Assign(t.Context(), testkit.Serial(serial), "bob", testkit.Origin)
		refused(t, "to another user", err, "device_of_another")
	}
}
