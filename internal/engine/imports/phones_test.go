package imports_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"ostiary/activation"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/imports"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/store"
	"ostiary/internal/test/testkit"
	"ostiary/pskc"
)

// eventsTwice is a profile with two applications that count events.
func eventsTwice(p *activation.Profile) {
	p.Applications = append(p.Applications, activation.Application{Index: 2, Name: "Vault", Mode: activation.ResponseOnly,
		Suite: testkit.Suite("HOTP-SHA256-8")})
}

// phones are two servers that have types of the same name, with different profiles of the
// same name, and alice's phone, which is activated on the first.
type phones struct {
	*testing.T
	a, b *testkit.Kit
	*testkit.Phone
}

func twoServers(t *testing.T, edits ...func(*activation.Profile)) phones {
	t.Helper()
	p := phones{T: t, a: testkit.New(t), b: testkit.New(t)}
	v := p.a.PhoneType(t, testkit.Profile(t, edits...))
	p.b.PhoneType(t, v.Profile())
	p.a.User(t, "alice")
	p.Phone = p.a.Activate(t, v, p.a.CreatePhone(t, "alice"), nil)
	return p
}

// leaves exports all tokens of the first server.
func (p phones) leaves(more ...func(*lifecycle.ExportRequest)) []byte {
	p.Helper()
	file, _, err := testkit.Export(p, p.a, more...)
	if err != nil {
		p.Fatal(err)
	}
	return file
}

// arrives imports a file on the second server, after a dry run that must foresee it.
func (p phones) arrives(file []byte, want store.RunCounts, more ...func(*imports.Request)) testkit.Report {
	p.Helper()
	dry := testkit.Take(p, p.b, testkit.OpenExport(p, file), append(more, testkit.DryRun)...)
	rep := testkit.Take(p, p.b, testkit.OpenExport(p, file), more...)
	testkit.Ended(p, dry, want)
	testkit.Ended(p, rep, want)
	for n := range dry.Rows {
		if n < len(rep.Rows) && dry.Rows[n] != rep.Rows[n] {
			p.Errorf("a dry run says %+v, and the import %+v", dry.Rows[n], rep.Rows[n])
		}
	}
	return rep
}

// says demands a text in the reason of the only row.
func (p phones) says(rep testkit.Report, text string) {
	p.Helper()
	if len(rep.Rows) != 1 || !strings.Contains(rep.Rows[0].Reason, text) {
		p.Errorf("the rows are %+v, want %q", rep.Rows, text)
	}
}

func (p phones) code(index int) string { return p.Code(p, index, p.a.Clock.Now()) }

// A phone that moves works on at the target alone. Its profile, whose name another one has
// there, is added under the next name; the second time it is found under that name.
func TestPhoneMoves(t *testing.T) {
	t.Parallel()
	p := twoServers(t, eventsTwice)
	used := [2]string{p.code(1), p.code(2)}
	for _, code := range used {
		if !p.a.Verify(t, p.Serial, code) {
			t.Fatal("the phone is refused where it was activated")
		}
	}
	file := p.leaves(testkit.Move)
	rep := p.arrives(file, store.RunCounts{Imported: 1, Assigned: 1, Users: 1}, makeUsers)
	if got := strings.Join(rep.Remarks, "\n"); !strings.Contains(got, "Profile phones of the file is added as phones-2") {
		t.Errorf("the report says %q", got)
	}
	if got := p.b.Token(t, p.Serial); got.Profile != "phones-2" || got.OwnerName != "alice" ||
		got.Condition.State != token.Valid {
		t.Errorf("the token is %+v", got)
	}
	if _, err := p.a.Lifecycle.ConfirmMove(t.Context(), p.b.Receipt(t, rep.ID), testkit.Origin); err != nil {
		t.Fatal(err)
	}
	for _, code := range used {
		if p.b.Verify(t, p.Serial, code) {
			t.Error("a code that was used at the source is accepted at the target")
		}
	}
	for index := range 2 {
		if !p.b.Verify(t, p.Serial, p.code(index+1)) {
			t.Errorf("application %d is refused at the target", index+1)
		}
	}
	if left := p.a.Serials(t, lifecycle.Filter{}); len(left) != 0 {
		t.Errorf("the source has %q", left)
	}
	second := p.a.CreatePhone(t, "alice")
	rep = p.arrives(p.leaves(), store.RunCounts{Imported: 1, Assigned: 1}, makeUsers)
	if got := strings.Join(rep.Remarks, "\n"); !strings.Contains(got, "Profile phones of the file is already here, "+
		"as phones-2") {
		t.Errorf("the second report says %q", got)
	}
	if got := p.b.Token(t, second); got.Profile != "phones-2" || got.Condition.State != token.Pending {
		t.Errorf("the token without a secret is %+v", got)
	}
}

// Whatever names are taken, a profile gets one that is free and that a profile may have.
func TestNameOfAProfileThatComes(t *testing.T) {
	t.Parallel()
	long := "p" + strings.Repeat("x", 29) + "-a" // 32 characters, as many as a name has
	for _, c := range []struct {
		theirs string
		taken  []string
		want   string
	}{
		{"sheet", nil, "sheet"},
		{"sheet", []string{"sheet", "sheet-2", "sheet-4"}, "sheet-3"},
		{long, []string{long}, "p" + strings.Repeat("x", 29) + "-2"},
	} {
		t.Run(c.theirs+" "+c.want, func(t *testing.T) {
			t.Parallel()
			p := phones{T: t, a: testkit.New(t), b: testkit.New(t)}
			profile := testkit.Profile(t)
			v := p.a.PhoneType(t, profile)
			p.b.PhoneType(t, profile)
			made, _, err := p.a.Profiles.Create(t.Context(), c.theirs, profile, testkit.Origin)
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := p.a.Lifecycle.ChangeType(t.Context(), testkit.PhoneType,
				func(typ *token.Type) { typ.Profile = c.theirs }, testkit.Origin); err != nil {
				t.Fatal(err)
			}
			for _, name := range c.taken {
				if _, _, err := p.b.Profiles.Create(t.Context(), name, profile, testkit.Origin); err != nil {
					t.Fatal(err)
				}
			}
			p.a.User(t, "alice")
			p.Phone = p.a.Activate(t, made.Vector, p.a.CreatePhone(t, "alice"), nil)
			p.arrives(p.leaves(), store.RunCounts{Imported: 1, Assigned: 1, Users: 1}, makeUsers)
			if got := p.b.Token(t, p.Serial).Profile; got != c.want {
				t.Errorf("the profile is %s, want %s", got, c.want)
			}
			if got, err := p.b.Profiles.Show(t.Context(), c.want); err != nil || got.Vector.Hash() != made.Vector.Hash() ||
				got.Vector.Hash() == v.Hash() {
				t.Errorf("profile %s is %+v, %v", c.want, got, err)
			}
			if !p.b.Verify(t, p.Serial, p.code(1)) {
				t.Error("the phone is refused")
			}
		})
	}
}

// A phone's token whose serial another one has here gets the next one, and goes on under
// the serial that the phone knows. Its account is here from then on: the same file brings
// a duplicate, and no file a second token of it.
func TestPhoneGetsAnotherSerial(t *testing.T) {
	t.Parallel()
	p := twoServers(t)
	p.b.User(t, "carol")
	if got := p.b.CreatePhone(t, "carol"); got != p.Serial {
		t.Fatalf("the serials %s and %s do not collide", got, p.Serial)
	}
	file := p.leaves()
	p.arrives(file, store.RunCounts{Conflict: 1}, makeUsers)
	rep := p.arrives(file, store.RunCounts{Imported: 1, Renumbered: 1, Assigned: 1, Users: 1}, makeUsers, renumber)
	p.says(rep, "it is EX10000002 now, and its authenticator continues to show EX10000001")
	if got := p.b.Token(t, "EX10000002"); got.DeviceSerial() != p.Serial {
		t.Errorf("its authenticator knows it as %s", got.DeviceSerial())
	}
	if !p.b.Verify(t, "EX10000002", p.code(1)) || p.b.Verify(t, "EX10000001", p.code(1)) {
		t.Error("the code does not count for the token that was renumbered alone")
	}
	p.arrives(file, store.RunCounts{Duplicate: 1}, makeUsers, renumber)
	p.a.Clock.Advance(time.Hour)
	p.a.Activate(t, p.Vector, p.Serial, p.Phone)
	rep = p.arrives(p.leaves(), store.RunCounts{Conflict: 1}, makeUsers, renumber)
	p.says(rep, "its authenticator knows it as EX10000001, as does the one of EX10000002 here")
}

// A series that is at its end gives no serial: the token stays where it is.
func TestPhoneGetsNoSerialAtTheEndOfASeries(t *testing.T) {
	t.Parallel()
	p := twoServers(t)
	p.b.User(t, "carol")
	p.b.CreatePhone(t, "carol")
	if err := p.b.DB.Update(t.Context(), func(tx store.Tx) error {
		return tx.RaiseSeries(testkit.PhoneType, 99_999_999)
	}); err != nil {
		t.Fatal(err)
	}
	p.b.PastLog()
	p.says(p.arrives(p.leaves(), store.RunCounts{Conflict: 1}, makeUsers, renumber), "the series is at its end")
}

// Tokens that this server could not serve, or must not let in, are refused with a reason
// that says what to do.
func TestPhoneIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		typ  func(*token.Type)
		more []func(*imports.Request)
		why  string
	}{
		"a type without activation": {func(typ *token.Type) { typ.Activation, typ.Profile = token.NoActivation, "" },
			[]func(*imports.Request){makeUsers}, "tokens of type phone are not activated here"},
		"another prefix": {func(typ *token.Type) { typ.Prefix, typ.Profile = "PH", "" },
			[]func(*imports.Request){makeUsers}, "is for serials with prefix EX, but the type has prefix PH"},
		"no such user": {func(*token.Type) {}, nil, "--create-users"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := twoServers(t)
			p.b = testkit.New(t)
			if c.why == "--create-users" {
				p.b.PhoneType(t, p.Vector.Profile())
			} else {
				typ := token.Type{Name: testkit.PhoneType, Kind: token.Software, Prefix: "EX", Width: 8,
					Start: token.DefaultStart, Activation: token.OneStep,
					Spec: token.Spec{Algorithm: token.HOTP, Hash: "SHA1", Digits: 6}}
				c.typ(&typ)
				if _, _, err := p.b.Lifecycle.CreateType(t.Context(), typ, testkit.Origin); err != nil {
					t.Fatal(err)
				}
			}
			file := p.leaves(testkit.Move)
			rep := p.arrives(file, store.RunCounts{Refused: 1}, c.more...)
			p.says(rep, c.why)
			if _, _, err := p.b.Imports.Receipt(t.Context(), rep.ID); err == nil {
				t.Error("a token that was refused has a receipt")
			}
			if got := p.b.Serials(t, lifecycle.Filter{}); len(got) != 0 {
				t.Errorf("the target has %q", got)
			}
		})
	}
}

// A phone's token that is here from an earlier activation, or whose further applications
// stand at earlier codes here, is no duplicate of the one that moves: with the receipt the
// other would be gone, and codes that were used there would count again.
func TestPhoneMovesOntoAnEarlierOne(t *testing.T) {
	t.Parallel()
	sameKey := func(p *activation.Profile) { p.Rules.NewKey = false }
	timed := func(p *activation.Profile) { p.Applications[0].Suite = testkit.Suite("TOTP-SHA256-6/30") }
	for name, meanwhile := range map[string]func(phones){
		"a code of application 2": func(p phones) {
			if !p.a.Verify(p, p.Serial, p.code(2)) {
				p.Fatal("application 2 is refused")
			}
		},
		"activated again": func(p phones) {
			p.a.Activate(p, p.Vector, p.Serial, p.Phone)
			p.b.Clock.Advance(time.Minute) // the one here has gone on by its own codes
			if !p.b.Verify(p, p.Serial, p.Code(p, 1, p.b.Clock.Now())) {
				p.Fatal("the copy is refused")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := twoServers(t, sameKey, eventsTwice, timed)
			p.a.Clock.Advance(time.Hour)
			p.b.Clock.Advance(time.Hour)
			p.arrives(p.leaves(), store.RunCounts{Imported: 1, Assigned: 1, Users: 1}, makeUsers)
			p.arrives(p.leaves(), store.RunCounts{Duplicate: 1}, makeUsers)
			meanwhile(p)
			rep := p.arrives(p.leaves(testkit.Move), store.RunCounts{Conflict: 1}, makeUsers, testkit.Replace)
			p.says(rep, "with an earlier activation or counter")
		})
	}
}

// The secret of a token that is activated is never replaced by a file.
func TestPhoneIsNotReplaced(t *testing.T) {
	t.Parallel()
	p := twoServers(t)
	p.arrives(p.leaves(), store.RunCounts{Imported: 1, Assigned: 1, Users: 1}, makeUsers)
	key := testkit.HOTP(p.Serial)
	key.Record = append(key.Record, pskc.Property{Name: "type", Value: testkit.PhoneType})
	key.Manufacturer, key.ID = "", ""
	rep := testkit.Take(t, p.b, testkit.Keys(key), testkit.Replace)
	testkit.Ended(t, rep, store.RunCounts{Conflict: 1})
	p.says(rep, "it is activated on devices: delete it and import again")
	if !p.b.Verify(t, p.Serial, p.code(1)) {
		t.Error("the phone is refused")
	}
}

// A profile that somebody makes here while the import runs, under the name that was free
// when it began: nothing comes in, and the message says what to do.
func TestProfileIsMadeDuringTheImport(t *testing.T) {
	t.Parallel()
	p := twoServers(t)
	file := p.leaves()
	_, err := testkit.Try(p.b, testkit.OpenExport(t, file), makeUsers, func(r *imports.Request) {
		r.Progress = func(store.RunCounts) {
			if _, _, err := p.b.Profiles.Create(t.Context(), "phones-2", p.Vector.Profile(), testkit.Origin); err != nil {
				t.Error(err)
			}
		}
	})
	testkit.IsFault(t, err, fault.Conflict, "import_overtaken")
	if f := fault.Of(err); !strings.Contains(f.Text, "Profile phones-2 was created here") ||
		!strings.Contains(f.Hint, "Import the file again") {
		t.Errorf("it says %q, %q", f.Text, f.Hint)
	}
	if got := p.b.Serials(t, lifecycle.Filter{}); len(got) != 0 {
		t.Errorf("the tokens here are %q", got)
	}
	p.arrives(file, store.RunCounts{Imported: 1, Assigned: 1, Users: 1}, makeUsers)
	if got := p.b.Token(t, p.Serial).Profile; got != "phones-3" {
		t.Errorf("the profile is %s", got)
	}
}

// Two profiles of one file get two names, also where the name of the one is what the other
// would be called here.
func TestTwoProfilesOfOneFile(t *testing.T) {
	t.Parallel()
	p := twoServers(t)
	one := p.Phone
	second, _, err := p.a.Profiles.Create(t.Context(), "phones-2", p.Vector.Profile(), testkit.Origin)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := p.a.Lifecycle.ChangeType(t.Context(), testkit.PhoneType,
		func(typ *token.Type) { typ.Profile = "phones-2" }, testkit.Origin); err != nil {
		t.Fatal(err)
	}
	two := p.a.Activate(t, second.Vector, p.a.CreatePhone(t, "alice"), nil)
	p.arrives(p.leaves(), store.RunCounts{Imported: 2, Assigned: 2, Users: 1}, makeUsers)
	for serial, want := range map[string]string{one.Serial: "phones-2", two.Serial: "phones-2-2"} {
		if got := p.b.Token(t, serial).Profile; got != want {
			t.Errorf("the profile of %s is %s, want %s", serial, got, want)
		}
	}
	for _, phone := range []*testkit.Phone{one, two} {
		if !p.b.Verify(t, phone.Serial, phone.Code(t, 1, p.b.Clock.Now())) {
			t.Errorf("phone %s is refused", phone.Serial)
		}
	}
}

// What happens to the owner here while the import runs: a new name is the token's owner's,
// too; no owner of a token that comes is deleted; no user is made twice. The log tells the
// state in each case, which the kit demands.
func TestOwnerChangesDuringTheImport(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		known bool // alice is here before
		do    func(phones) error
		fails bool
		owner string
	}{
		"renamed": {true, func(p phones) error {
			_, err := p.b.Users.Rename(p.Context(), "alice", "alina", testkit.Origin)
			return err
		}, false, "alina"},
		"deleted": {true, func(p phones) error {
			return p.b.Users.Delete(p.Context(), "alice", testkit.Origin)
		}, true, "alice"},
		"added": {false, func(p phones) error {
			_, err := p.b.Users.Add(p.Context(), "alice", testkit.Origin)
			return err
		}, true, "alice"},
		"another renamed to the name": {false, func(p phones) error {
			_, err := p.b.Users.Rename(p.Context(), "carol", "alice", testkit.Origin)
			return err
		}, true, "alice"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := twoServers(t)
			p.b.User(t, "carol")
			if c.known {
				p.b.User(t, "alice")
			}
			did := false
			rep := testkit.Take(t, p.b, testkit.OpenExport(t, p.leaves(testkit.Move)), makeUsers, func(r *imports.Request) {
				r.Progress = func(store.RunCounts) {
					if did {
						return
					}
					did = true
					if err := c.do(p); (err != nil) != c.fails {
						t.Errorf("meanwhile: %v", err)
					}
				}
			})
			if rep.Imported != 1 || !did {
				t.Fatalf("%+v", rep.Rows)
			}
			if got := p.b.Token(t, p.Serial).OwnerName; got != c.owner {
				t.Errorf("the owner is %s, want %s", got, c.owner)
			}
			if !p.b.VerifyUser(t, c.owner, p.code(1)) {
				t.Error("the phone is refused")
			}
			p.b.Clock.Advance(time.Hour)
			p.b.Activate(t, p.Vector, p.Serial, p.Phone)
		})
	}
}

// What of a file is left over keeps its format and its order; both kinds of file say so.
func TestRemainderOfAFile(t *testing.T) {
	t.Parallel()
	table := "serial,secret,type\nA1," + strings.Repeat("31", 20) + ",hotp\nA2," + strings.Repeat("32", 20) +
		",hotp\nA3," + strings.Repeat("33", 20) + ",hotp\n"
	xml := container(keyPackage("A1", "k1", "hotp", seed, "", ""), keyPackage("A2", "k2", "hotp", seed+"2", "", ""),
		keyPackage("A3", "k3", "hotp", seed+"3", "", ""))
	for name, file := range map[string]string{"table": table, "PSKC": xml} {
		for _, opt := range []imports.FileOptions{{}, {ShortSecrets: true}} {
			var out bytes.Buffer
			kept, err := imports.WriteRemainder(&out, strings.NewReader(file), opt, func(n int) bool { return n == 2 })
			if err != nil || kept != 1 {
				t.Errorf("%s: %d kept, %v", name, kept, err)
			}
			f, err := imports.OpenFile(&out, imports.FileOptions{})
			if err != nil {
				t.Errorf("%s: what is left over does not open: %v", name, err)
				continue
			}
			k := testkit.New(t)
			rep := testkit.Take(t, k, f)
			testkit.Ended(t, rep, store.RunCounts{Imported: 1})
			if got := k.Serials(t, lifecycle.Filter{}); len(got) != 1 || got[0] != "A2" {
				t.Errorf("%s: the tokens are %q", name, got)
			}
			_ = f.Close()
		}
	}
}
