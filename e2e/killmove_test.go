package e2e

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"ostiary/internal/doors/wire"
)

// count is how many tokens are in each state.
func count(tokens map[string]wire.Token) map[string]int {
	states := map[string]int{}
	for _, tok := range tokens {
		states[tok.State]++
	}
	return states
}

// TestKillExport kills the server while it sends tokens that are to live
// elsewhere. Each is MOVING or as it was, and all can be taken back.
func TestKillExport(t *testing.T) {
	t.Parallel()
	const keys = 1500
	s := start(t, newData(t))
	devices := hotps(60000001, keys)
	s.imports(writeFile(t, "tokens.pskc", container(devices...)), keys)
	between := 0
	for round := range 4 {
		part := s.cutExport(1 + rand.IntN(400_000))
		s = start(t, s.data)
		states, moves := count(s.tokens()), decode[wire.MoveList](s, "move", "list").Moves
		if states["VALID"]+states["MOVING"] != keys || len(moves) != round+1 || moves[0].Moving != states["MOVING"] ||
			states["MOVING"] == 0 {
			t.Fatalf("after a kill: %v, %+v", states, moves)
		}
		if states["VALID"] > 0 {
			between++
		}
		for _, d := range []device{devices[0], devices[keys-1]} {
			valid := s.token(d.Serial).State == "VALID"
			if got := s.local().verify("serial", d.Serial, d.code(t, uint64(2*round))); got != valid {
				t.Errorf("token %s is VALID: %v; its code is accepted: %v", d.Serial, valid, got)
			}
		}
		s.exits(2, "token", "import", writeFile(t, "part.pskc", part), "--passphrase-file",
			writeFile(t, "phrase", movePhrase))
		s.ok("move", "cancel", moves[0].ID, "--yes")
		if states := count(s.tokens()); states["VALID"] != keys {
			t.Fatalf("after the move was cancelled: %v", states)
		}
		if d := devices[0]; !s.local().verify("serial", d.Serial, d.code(t, uint64(2*round+1))) {
			t.Errorf("token %s is back, and its code is refused", d.Serial)
		}
	}
	t.Logf("%d of 4 kills came before the last token was on its way", between)
	if between == 0 {
		t.Error("every kill came too late to show anything")
	}
	s.auditOK()
}

// cutExport begins to move all tokens and kills the server when so many bytes
// of the file have come. It gives those.
func (s *server) cutExport(size int) string {
	s.t.Helper()
	local := s.local()
	body := fmt.Sprintf(`{"passphrase":%q,"move":true,"all":true}`, movePhrase)
	req, err := http.NewRequest(http.MethodPost, local.url+"/api/v1/exports", strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := local.client.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK || resp.Header.Get("X-Ostiary-Move") == "" {
		s.t.Fatalf("the export: %d %v", resp.StatusCode, resp.Header)
	}
	part := make([]byte, size)
	n, err := io.ReadFull(resp.Body, part)
	if err != nil {
		s.t.Fatalf("the file has only %d bytes: %v", n, err)
	}
	s.kill()
	return string(part)
}

// TestSameReceipt hands in one receipt over many connections at once, after the
// server was killed over it. Every token goes once.
func TestSameReceipt(t *testing.T) {
	t.Parallel()
	const keys, connections = 1000, 8
	s, other := start(t, newData(t)), start(t, newData(t))
	devices := hotps(61000001, keys)
	s.imports(writeFile(t, "tokens.pskc", container(devices...)), keys)
	file, move := s.exportFile("--all", "--move")
	receipt := other.receipt(other.receive(file, keys))

	cut := make(chan error, 1)
	go func() {
		_, err := s.local().try(http.MethodPost, "/api/v1/moves/confirm", "application/json", encode(t, receipt))
		cut <- err
	}()
	db := openBeside(t, s.data, "ro")
	eventually(t, "the first tokens are gone", func() bool {
		var n int
		return db.QueryRow("SELECT count(*) FROM move_token WHERE ended = 1").Scan(&n) == nil && n > 0
	})
	s.kill()
	_ = db.Close()
	answered := <-cut == nil
	s = start(t, s.data)
	left := count(s.tokens())
	if left["MOVING"] != len(s.tokens()) || answered && left["MOVING"] > 0 {
		t.Errorf("after a kill (the receipt was acknowledged: %v): %v", answered, left)
	}
	t.Logf("the kill left %d of %d tokens", left["MOVING"], keys)

	together(connections, func(i int) {
		var m wire.Move
		if i%2 == 0 {
			m = into[wire.Move](t, s.local().json(http.MethodPost, "/api/v1/moves/confirm", receipt))
		} else {
			m = decode[wire.Move](s, "move", "confirm", writeFile(t, "receipt.json", string(encode(t, receipt))))
		}
		if m.ID != move || m.Moved != keys || m.Moving != 0 {
			t.Errorf("one of several receipts: %+v", m)
		}
	})
	if here, there := s.tokens(), count(other.tokens()); len(here) != 0 || there["VALID"] != keys {
		t.Errorf("%d tokens here, %v there", len(here), there)
	}
	gone := map[string]int{}
	for _, e := range s.entries("token.moved") {
		gone[serialOf(e)]++
	}
	for _, d := range devices {
		if gone[d.Serial] != 1 {
			t.Errorf("the log lets %s go %d times", d.Serial, gone[d.Serial])
		}
	}
	s.auditOK()
}

// TestKillDelivery kills the server during an import that makes users, names a
// batch and replaces secrets. All of it is there afterwards, or nothing.
func TestKillDelivery(t *testing.T) {
	t.Parallel()
	const replaced, fresh = 100, 2400
	s := start(t, newData(t))
	key := s.key("admin", "admin")
	old := hotps(62000001, replaced)
	s.imports(writeFile(t, "old.pskc", container(old...)), replaced)
	rekeyed := slices.Clone(old)
	for i := range rekeyed {
		rekeyed[i].Seed = random(20)
	}
	file := withUsers(container(append(hotps(62100001, fresh), rekeyed...)...))
	form := "--b\r\n"
	for _, field := range [][2]string{{"create_users", "true"}, {"replace", "true"}, {"batch", "late"},
		{"supplier", "ACME"}} {
		form += fmt.Sprintf("Content-Disposition: form-data; name=%q\r\n\r\n%s\r\n--b\r\n", field[0], field[1])
	}
	upload := form + "Content-Disposition: form-data; name=\"file\"; filename=\"late.pskc\"\r\n\r\n" + file +
		"\r\n--b--\r\n"
	before := s.tokens()

	published := false
	for round := 0; round < 5 && !published; round++ {
		acknowledged := s.killUpload(key, upload, round)
		s = start(t, s.data)
		runs := decode[wire.ImportList](s, "import", "list").Imports
		users, batches := decode[wire.UserList](s, "user", "list").Users,
			decode[wire.BatchList](s, "batch", "list").Batches
		if published = len(batches) > 0; published {
			break
		}
		if after := s.tokens(); len(users) != 0 || !reflect.DeepEqual(after, before) {
			t.Fatalf("an import that was cut off left users %+v, %d tokens, %d before", users, len(after), len(before))
		}
		if acknowledged || runs[0].State != "failed" || !strings.Contains(runs[0].Failure, "stopped") {
			t.Errorf("an import that was cut off (acknowledged: %v): %+v", acknowledged, runs[0])
		}
		d := rekeyed[round]
		if s.local().verify("serial", d.Serial, d.code(t, 0)) {
			t.Errorf("a secret of an import that was cut off takes a code")
		}
		if d = old[round+50]; !s.local().verify("serial", d.Serial, d.code(t, 0)) {
			t.Errorf("the secret that was to be replaced takes no code")
		}
		before = s.tokens()
	}
	t.Logf("an import that was killed had been published: %v", published)
	if !published {
		rep := into[wire.ImportReport](
			t, s.as(key).raw(http.MethodPost, "/api/v1/imports", "multipart/form-data; boundary=b", upload))
		if rep.Imported != fresh || rep.Replaced != replaced || rep.Assigned == 0 || rep.Users != 10 {
			t.Errorf("the import at last: %+v", rep.Import)
		}
	}
	batches, users := decode[wire.BatchList](s, "batch", "list").Batches, decode[wire.UserList](s, "user", "list").Users
	if len(s.tokens()) != fresh+replaced || len(batches) != 1 || len(users) != 10 {
		t.Errorf("%d tokens, batches %+v, users %+v", len(s.tokens()), batches, users)
	}
	for i := 90; i < 95; i++ {
		if s.local().verify("serial", old[i].Serial, old[i].code(t, 5)) ||
			!s.local().verify("serial", old[i].Serial, rekeyed[i].code(t, 0)) {
			t.Errorf("token %s does not take codes of its new secret alone", old[i].Serial)
		}
	}
	s.auditOK()
}

// killUpload begins an import and kills the server: in the middle of the file,
// and in later rounds somewhere near to its end. It tells whether the import was
// acknowledged nevertheless.
func (s *server) killUpload(key, upload string, round int) (acknowledged bool) {
	s.t.Helper()
	most := len(upload) * 2 / 3
	u := beginForm(s, key, upload[:most])
	db := openBeside(s.t, s.data, "ro")
	defer func() { _ = db.Close() }()
	eventually(s.t, "keys are staged", func() bool {
		var n int
		err := db.QueryRow("SELECT count(*) FROM token JOIN import_run r ON r.id = run WHERE r.published = 0").Scan(&n)
		return err == nil && n > 0
	})
	if round > 1 {
		go func() {
			_, _ = io.WriteString(u.body, upload[most:]) // the server may be gone
			_ = u.body.Close()
		}()
		time.Sleep(time.Duration(rand.Int64N(int64(200 * time.Millisecond))))
	}
	s.kill()
	_ = u.body.CloseWithError(io.ErrUnexpectedEOF)
	r := <-u.answer
	return r.code == http.StatusOK && strings.Contains(r.out, `"done"`)
}

// withUsers names one of ten users in every tenth key.
func withUsers(file string) string {
	n := 0
	return regexp.MustCompile(`</Data></Key>`).ReplaceAllStringFunc(file, func(end string) string {
		if n++; n%10 != 0 {
			return end
		}
		return fmt.Sprintf("</Data><UserId>late.user%d</UserId></Key>", n/10%10)
	})
}
