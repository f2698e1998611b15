package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"ostiary/internal/doors/wire"
)

// phoneMove is a move of activated tokens between hardware, whose servers die.
type phoneMove struct {
	*killPhone
	there    *server
	key      string // of an administrator there
	hardware []device
	used     map[string][]string // codes that were accepted, by serial
}

// TestKillPhoneMove kills the source while it exports activated tokens and while it takes
// the receipt, and the target while it takes them in. After each kill the same command
// goes on; no token is lost, no code counts on both servers, none twice, and each phone
// works at the end where its token is, and is activated again there.
func TestKillPhoneMove(t *testing.T) {
	t.Parallel()
	const phones, before, behind = 24, 700, 900
	const keys = phones + before + behind
	m := &phoneMove{killPhone: newKillPhones(t, newData(t)), there: start(t, newData(t)),
		hardware: hotps(63000001, before+behind), used: map[string][]string{}}
	m.there.phoneType() // its profile has the name of the other one
	m.key = m.there.key("admin", "admin")
	m.imports(writeFile(t, "before.pskc", container(m.hardware[:before]...)), before)
	m.create(phones)
	for _, a := range m.apps {
		m.goOn(a)
	}
	m.imports(writeFile(t, "behind.pskc", container(m.hardware[before:]...)), behind)

	cut := 0
	for range 3 {
		part := m.cutExport(1 + rand.IntN(1_500_000))
		m.server = start(t, m.data)
		moves, states := decode[wire.MoveList](m.server, "move", "list").Moves, count(m.tokens())
		if len(moves) == 0 || states["VALID"]+states["MOVING"] != keys || moves[0].Moving != states["MOVING"] {
			t.Fatalf("after a kill of the source: %v, %+v", states, moves)
		}
		if states["VALID"] > 0 {
			cut++
		}
		for _, a := range m.some() {
			m.presents(a, m.token(a.serial).State == "VALID", false)
		}
		m.there.exits(2, "token", "import", writeFile(t, "part.pskc", part), "--create-users", "--passphrase-file",
			writeFile(t, "phrase", movePhrase))
		m.ok("move", "cancel", moves[0].ID, "--yes")
		for _, a := range m.some() {
			m.presents(a, true, false)
		}
	}
	if t.Logf("%d of 3 kills of the source came before the last token was on its way", cut); cut == 0 {
		t.Error("every kill came too late to show anything")
	}
	file, move := m.exportFile("--all", "--move")
	m.kill()
	m.server = start(t, m.data)
	for _, a := range m.some() {
		m.presents(a, false, false)
	}
	run := m.takeIn(file, keys)
	for _, a := range m.some() {
		m.presents(a, false, true)
	}
	m.confirmKilled(m.there.receipt(run), move, keys)

	if states := count(m.there.tokens()); states["VALID"] != keys {
		t.Errorf("at the target: %v", states)
	}
	profiles := decode[wire.ProfileList](m.there, "profile", "list").Profiles
	if names := fmt.Sprint(names(profiles)); !strings.Contains(names, "sheet-2") || strings.Contains(names, "sheet-3") {
		t.Errorf("the profiles are %s", names)
	}
	for _, a := range m.apps {
		m.presents(a, false, true)
	}
	for _, d := range []device{m.hardware[0], m.hardware[len(m.hardware)-1]} {
		if code := d.code(t, 0); m.local().verify("serial", d.Serial, code) ||
			!m.there.local().verify("serial", d.Serial, code) {
			t.Errorf("the code of %s does not count at the target alone", d.Serial)
		}
	}
	m.auditOK()
	m.there.auditOK()
	m.server, m.desk = m.there, m.key
	for _, a := range m.apps[:3] {
		*a = app{serial: a.serial, before: a.secret, used: a.next}
		m.goOn(a)
		m.judge(a)
	}
	m.there.auditOK()
}

func names(all []wire.Profile) (names []string) {
	for _, p := range all {
		names = append(names, p.Name)
	}
	return names
}

// some are a few phones, from the first to the last.
func (m *phoneMove) some() []*app {
	return []*app{m.apps[0], m.apps[len(m.apps)/2], m.apps[len(m.apps)-1]}
}

// presents shows the next code of a phone to both servers, source first, and demands who
// accepts it. Neither accepts one that was accepted before.
func (m *phoneMove) presents(a *app, here, there bool) {
	m.t.Helper()
	code := m.code(a.secret, a.serial, a.next)
	got := [2]bool{m.local().verify("serial", a.serial, code), m.there.local().verify("serial", a.serial, code)}
	if got != [2]bool{here, there} {
		m.t.Errorf("%s: source and target accept the code: %v, want %v", a.serial, got, [2]bool{here, there})
	}
	if got[0] || got[1] {
		m.used[a.serial] = append(m.used[a.serial], code)
		a.next++
	}
	for _, code := range append(m.used[a.serial], a.otp) {
		if m.local().verify("serial", a.serial, code) || m.there.local().verify("serial", a.serial, code) {
			m.t.Errorf("%s: code %s is accepted again", a.serial, code)
		}
	}
	for _, s := range []*server{m.server, m.there} {
		for _, path := range []string{"/api/v1/tokens/" + a.serial + "/unlock", "/api/v1/users/alice/unlock"} {
			s.local().json(http.MethodPost, path, nil) // it may not be there
		}
	}
}

// takeIn imports the file at the target, which is killed in it until it was published.
func (m *phoneMove) takeIn(file string, keys int) int64 {
	m.t.Helper()
	upload := "--b\r\n"
	for _, field := range [][2]string{{"create_users", "true"}, {"passphrase", movePhrase}} {
		upload += fmt.Sprintf("Content-Disposition: form-data; name=%q\r\n\r\n%s\r\n--b\r\n", field[0], field[1])
	}
	upload += "Content-Disposition: form-data; name=\"file\"; filename=\"move.pskc\"\r\n\r\n" + read(m.t, file) +
		"\r\n--b--\r\n"
	profiles := len(decode[wire.ProfileList](m.there, "profile", "list").Profiles)
	for round := range 4 {
		acknowledged := m.there.killUpload(m.key, upload, round)
		m.there = start(m.t, m.there.data)
		got := m.there.tokens()
		m.t.Logf("round %d: the target has %d tokens", round, len(got))
		if len(got) == keys {
			break
		}
		if users := decode[wire.UserList](m.there, "user", "list").Users; acknowledged || len(got) != 0 || len(users) != 0 {
			m.t.Fatalf("an import that was cut off (acknowledged: %v) left %d tokens, users %+v", acknowledged, len(got), users)
		}
		if n := len(decode[wire.ProfileList](m.there, "profile", "list").Profiles); n != profiles {
			m.t.Errorf("an import that was cut off left %d profiles, there were %d", n, profiles)
		}
		for _, a := range m.some() {
			m.presents(a, false, false)
		}
	}
	rep := into[wire.ImportReport](m.t,
		m.there.as(m.key).raw(http.MethodPost, "/api/v1/imports", "multipart/form-data; boundary=b", upload))
	if rep.Imported+rep.Duplicate != keys {
		m.t.Fatalf("the import at last: %+v", rep)
	}
	return rep.ID
}

// confirmKilled hands in the receipt, kills the source over it, and hands it in again.
func (m *phoneMove) confirmKilled(receipt wire.Receipt, move string, keys int) {
	m.t.Helper()
	cut := make(chan struct{})
	local := m.local()
	go func() {
		defer close(cut)
		_, _ = local.try(http.MethodPost, "/api/v1/moves/confirm", "application/json", encode(m.t, receipt)) // it is killed
	}()
	db := openBeside(m.t, m.data, "ro")
	eventually(m.t, "the first tokens are gone", func() bool {
		var n int
		return db.QueryRow("SELECT count(*) FROM move_token WHERE ended = 1").Scan(&n) == nil && n > 0
	})
	m.kill()
	_ = db.Close()
	<-cut
	m.server = start(m.t, m.data)
	left := count(m.tokens())
	if left["MOVING"] != len(m.tokens()) {
		m.t.Errorf("after a kill over the receipt: %v", left)
	}
	m.t.Logf("the kill over the receipt left %d tokens", left["MOVING"])
	for _, a := range m.some() {
		m.presents(a, false, true)
	}
	for range 2 {
		got := decode[wire.Move](m.server, "move", "confirm", writeFile(m.t, "receipt.json", string(encode(m.t, receipt))))
		if got.ID != move || got.Moved != keys || got.Moving != 0 {
			m.t.Errorf("the receipt once more: %+v", got)
		}
	}
	if n := len(m.tokens()); n != 0 {
		m.t.Errorf("the source has %d tokens", n)
	}
}
