package e2e

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"ostiary/internal/doors/wire"
)

// TestSameCode presents one code over many connections at once.
func TestSameCode(t *testing.T) {
	t.Parallel()
	const connections, rounds = 64, 8
	s := start(t, newData(t))
	d := hotp("21000001")
	s.imports(plain(t, d), 1)
	s.ok("user", "add", "alice")
	s.ok("token", "assign", d.Serial, "alice")
	key := s.key("v", "verifier")
	callers := make([]*caller, connections)
	for i := range callers {
		callers[i] = s.as(key)
	}
	codes := d.codes(t, 0, rounds)
	for round, code := range codes {
		var accepted atomic.Int64
		together(connections, func(i int) {
			who, name := "serial", d.Serial
			if i%2 == round%2 {
				who, name = "user", "alice"
			}
			body := fmt.Sprintf(`{%q:%q,"otp":%q}`, who, name, code)
			a, err := callers[i].try(http.MethodPost, "/api/v1/verify", "application/json", []byte(body))
			if err != nil {
				t.Error(err)
				return
			}
			if valid, err := a.verdict(); err != nil {
				t.Error(err)
			} else if valid {
				accepted.Add(1)
			}
		})
		if n := accepted.Load(); n != 1 {
			t.Errorf("a code that came %d times at once was accepted %d times", connections, n)
		}
		if tok := s.token(d.Serial); tok.Counter != uint64(round)+1 {
			t.Errorf("after %d codes the counter is %d", round+1, tok.Counter)
		}
		s.ok("token", "unlock", d.Serial)
		s.ok("user", "unlock", "alice")
	}
	s.auditOK()
}

// together runs n functions at the same moment and waits for all.
func together(n int, do func(i int)) {
	var ready, done sync.WaitGroup
	begin := make(chan struct{})
	ready.Add(n)
	for i := range n {
		done.Go(func() {
			ready.Done()
			<-begin
			do(i)
		})
	}
	ready.Wait()
	close(begin)
	done.Wait()
}

// TestSameToken has two commands assign one token to two users.
func TestSameToken(t *testing.T) {
	t.Parallel()
	s := start(t, newData(t))
	devices := hotps(22000001, 6)
	s.imports(plain(t, devices...), len(devices))
	users := []string{"alice", "bob"}
	for _, u := range users {
		s.ok("user", "add", u)
	}
	for _, d := range devices {
		results := make([]result, len(users))
		together(len(users), func(i int) { results[i] = s.run("token", "assign", d.Serial, users[i]) })
		winner := slices.IndexFunc(results, func(r result) bool { return r.code == 0 })
		if winner < 0 || results[1-winner].code != 2 ||
			!strings.Contains(results[1-winner].err, "assigned to "+users[winner]) {
			t.Errorf("two commands at once: %+v", results)
			continue
		}
		if got := s.token(d.Serial).User; got != users[winner] {
			t.Errorf("%s was told the token is assigned, and it is %s's", users[winner], got)
		}
	}
}

// TestSameDirectory starts several servers on one directory at once.
func TestSameDirectory(t *testing.T) {
	t.Parallel()
	data := newData(t)
	var servers [3]*server
	for i := range servers {
		servers[i] = launch(t, nil, data, "--listen", "127.0.0.1:0")
	}
	var passwords, listening int
	eventually(t, "one server listens and the others are gone", func() bool {
		passwords, listening = 0, 0
		over := 0
		for _, s := range servers {
			if _, ok := s.out.after("ROOT password: "); ok {
				passwords++
			}
			if _, ok := s.out.after("Listening on "); ok {
				listening++
			}
			if s.over() {
				over++
			}
		}
		return listening > 0 && over == len(servers)-1 || over == len(servers)
	})
	if passwords != 1 || listening != 1 {
		t.Errorf("%d servers listen, %d printed a password", listening, passwords)
	}
	for _, s := range servers {
		if s.over() &&
			(s.cmd.ProcessState.ExitCode() != 2 || !strings.Contains(s.log.String(), "another server is running")) {
			t.Errorf("a server that came too late ended with %v:\n%s", s.cmd.ProcessState, s.log.String())
		}
	}
}

// slowUpload is an import whose file comes in parts.
type slowUpload struct {
	body   *io.PipeWriter
	answer chan result
}

// begin sends a file up to a point and leaves the import open.
func begin(s *server, key, part string) *slowUpload {
	return beginForm(s, key, "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"slow.pskc\"\r\n\r\n"+
		part)
}

// beginForm is begin for a whole form, whose boundary is b.
func beginForm(s *server, key, part string) *slowUpload {
	reader, writer := io.Pipe()
	u := &slowUpload{body: writer, answer: make(chan result, 1)}
	req, err := http.NewRequest(http.MethodPost, s.url+"/api/v1/imports", reader)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	req.Header.Set("Content-Type", "multipart/form-data; boundary=b")
	go func() {
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			u.answer <- result{err: err.Error()}
			return
		}
		defer func() { _ = resp.Body.Close() }()
		text, _ := io.ReadAll(resp.Body)
		u.answer <- result{code: resp.StatusCode, out: string(text)}
	}()
	u.send(s.t, part)
	return u
}

func (u *slowUpload) send(t testing.TB, part string) {
	t.Helper()
	if _, err := io.WriteString(u.body, part); err != nil {
		t.Fatal(err)
	}
}

// TestTwoImports begins an import while another one is under way.
func TestTwoImports(t *testing.T) {
	t.Parallel()
	s := start(t, newData(t))
	key := s.key("admin", "admin")
	slow, fast := hotps(23000001, 2400), hotps(23100001, 300)
	file := container(slow...)
	db := openBeside(t, s.data, "ro")
	staged := func(run string) int {
		t.Helper()
		var n int
		if err := db.QueryRow("SELECT count(*) FROM token JOIN import_run r ON r.id = run WHERE r.published " +
			run).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}

	// The first one stands at more than a chunk of its keys.
	first := begin(s, key, file[:len(file)/2])
	eventually(t, "keys of the first import are staged", func() bool { return staged("= 0") > 0 })
	if got := s.tokens(); len(got) != 0 {
		t.Errorf("%d tokens of an unfinished import are listed", len(got))
	}
	d := slow[0]
	if s.local().verify("serial", d.Serial, d.code(t, 0)) {
		t.Error("a token of an unfinished import verifies")
	}
	second := writeFile(t, "second.pskc", container(fast...))
	if out := s.exits(2, "token", "import", second); !strings.Contains(out, "Another import is running") {
		t.Errorf("the second import says:\n%s", out)
	}
	first.send(t, file[len(file)/2:]+"\r\n--b--\r\n")
	_ = first.body.Close()
	if r := <-first.answer; r.code != http.StatusOK || !strings.Contains(r.out, `"imported":2400`) {
		t.Errorf("the first import ends with %d %.300s%s", r.code, r.out, r.err)
	}
	if !s.local().verify("serial", d.Serial, d.code(t, 0)) {
		t.Error("a code that came before its token was there is used up")
	}
	s.imports(second, len(fast))
	if got := s.tokens(); len(got) != len(slow)+len(fast) {
		t.Errorf("%d tokens after two imports", len(got))
	}

	// One whose sender hangs up is as if it had never been.
	gone := container(hotps(23200001, 2400)...)
	third := begin(s, key, gone[:len(gone)/2])
	eventually(t, "keys of the third import are staged", func() bool { return staged("= 0") > 0 })
	_ = third.body.CloseWithError(io.ErrUnexpectedEOF)
	<-third.answer
	eventually(t, "what is left of it is swept", func() bool { return staged("= 0") == 0 })
	if got := s.tokens(); len(got) != len(slow)+len(fast) {
		t.Errorf("%d tokens after an import that was given up", len(got))
	}
	s.imports(writeFile(t, "third.pskc", gone), 2400)
	s.auditOK()
}

// TestSameFileTwice has several commands import one file at once.
func TestSameFileTwice(t *testing.T) {
	t.Parallel()
	s := start(t, newData(t))
	const keys, commands = 400, 3
	file := writeFile(t, "tokens.pskc", container(hotps(24000001, keys)...))
	results := make([]result, commands)
	together(commands, func(i int) { results[i] = s.run("token", "import", file, "--json") })
	imported := 0
	for _, r := range results {
		if r.code == 2 && strings.Contains(r.err, "Another import is running") {
			continue
		}
		var rep wire.ImportReport
		decodeText(t, r.out, &rep)
		if r.code != 0 || rep.Imported != keys && rep.Duplicate != keys {
			t.Errorf("an import ended with %d: %d imported, %d duplicate, %d refused", r.code, rep.Imported,
				rep.Duplicate, rep.Refused)
		}
		imported += rep.Imported
	}
	if imported != keys || len(s.tokens()) != keys {
		t.Errorf("%d keys imported, %d tokens", imported, len(s.tokens()))
	}
}

// TestImportUnderLoad imports a big file while codes are verified.
func TestImportUnderLoad(t *testing.T) {
	t.Parallel()
	s := start(t, newData(t))
	const keys = 5000
	devices := hotps(25000001, 8)
	s.imports(plain(t, devices...), len(devices))
	key := s.key("v", "verifier")
	big := hotps(26000001, keys)
	file := writeFile(t, "big.pskc", container(big...))

	var stop atomic.Bool
	var verified atomic.Int64
	var wg sync.WaitGroup
	for _, d := range devices {
		codes, c := d.codes(t, 0, 20_000), s.as(key)
		wg.Go(func() {
			for _, code := range codes {
				if stop.Load() {
					return
				}
				if valid, err := c.tryVerify(d.Serial, code); err != nil || !valid {
					t.Errorf("token %s during an import: %v, %v", d.Serial, valid, err)
					return
				}
				verified.Add(1)
			}
		})
	}
	eventually(t, "the load runs", func() bool { return verified.Load() > 100 || t.Failed() })
	before := verified.Load()
	s.imports(file, keys)
	during := verified.Load() - before
	stop.Store(true)
	wg.Wait()
	t.Logf("%d codes verified during an import of %d keys", during, keys)
	if during == 0 {
		t.Error("while the file was imported no code was verified")
	}
	if got := s.tokens(); len(got) != keys+len(devices) {
		t.Errorf("%d tokens", len(got))
	}
	last := big[keys-1]
	if !s.local().verify("serial", last.Serial, last.code(t, 0)) {
		t.Error("the last key of the file does not verify")
	}
	s.auditOK()
}
