package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"ostiary/internal/doors/wire"
	"ostiary/internal/test/cluster"
)

// asks presents a code to a node, and gives the answer when it comes.
func (s *server) asks(key, who, name, otp string) <-chan verdict {
	c, said := s.as(key), make(chan verdict, 1)
	go func() {
		a, err := c.try(http.MethodPost, "/api/v1/verify", "application/json",
			encode(s.t, map[string]string{who: name, "otp": otp}))
		said <- judge(s.t, a, err)
	}()
	return said
}

// known waits until a node knows a key that another one has made.
func (s *server) known(key string) {
	s.t.Helper()
	eventually(s.t, "the key is known", func() bool {
		return s.as(key).json(http.MethodPost, "/api/v1/verify",
			wire.VerifyRequest{Serial: "nobody's", OTP: "00000000"}).status == http.StatusOK
	})
}

// TestTwoImporters has two nodes import at once: two files, then one file. One of them may be
// told that another import is running, and asks again; no key is missing, and none is there
// twice.
func TestTwoImporters(t *testing.T) {
	onlyOnce(t)
	t.Parallel()
	const keys = 1200
	a, b := nodes(t, cluster.Schema(t))
	first, second, both := hotps(85000001, keys), hotps(85100001, keys), hotps(85200001, keys)
	for _, files := range [][2]string{
		{container(first...), container(second...)},
		{container(both...), container(both...)},
	} {
		var reports [2]wire.ImportReport
		together(2, func(i int) {
			s, file := [2]*server{a, b}[i], writeFile(t, fmt.Sprint(i, ".pskc"), files[i])
			eventually(t, "a file is imported", func() bool {
				r := s.run("token", "import", file, "--json")
				if r.code == 2 && strings.Contains(r.err, "Another import is running") {
					return false
				}
				if r.code != 0 {
					t.Errorf("an import ended with %d: %s%s", r.code, r.out, r.err)
					return true
				}
				decodeText(t, r.out, &reports[i])
				return true
			})
		})
		same := files[0] == files[1]
		if n := reports[0].Imported + reports[1].Imported; same && n != keys || !same && n != 2*keys {
			t.Errorf("%d and %d keys are imported; the same file: %t", reports[0].Imported, reports[1].Imported, same)
		}
	}
	if n := len(a.tokens()); n != 3*keys {
		t.Errorf("%d tokens", n)
	}
	last := both[keys-1]
	code := last.code(t, 0)
	if !b.local().verify("serial", last.Serial, code) || a.local().verify("serial", last.Serial, code) {
		t.Error("a code of the last key is not accepted once")
	}
	a.auditOK()
}

// TestUserIsLockedMeanwhile has a right code wait at one node while a wrong one, at the other,
// begins a delay of its user: the code is refused. The token itself has no delay.
func TestUserIsLockedMeanwhile(t *testing.T) {
	onlyOnce(t)
	t.Parallel()
	url := cluster.Schema(t)
	a, b := nodes(t, url)
	devices := hotps(86000001, 2)
	a.imports(plain(t, devices...), 2)
	failing, other := devices[0], devices[1]
	a.ok("user", "add", "alice")
	a.ok("token", "assign", failing.Serial, "alice")
	key := a.key("v", "verifier")
	b.known(key)
	user := func() wire.User {
		t.Helper()
		return into[wire.User](t, a.local().json(http.MethodGet, "/api/v1/users/alice", nil))
	}
	delayed := func() bool { is := user(); return is.RetryAt != nil && time.Now().Before(*is.RetryAt) }
	const enough = 4 // the next one delays codes for 4 seconds
	eventually(t, "the user has so many wrong codes, and no delay", func() bool {
		switch {
		case delayed():
			return false
		case user().Failures == enough:
			return true
		}
		<-b.asks(key, "user", "alice", "00000000")
		return false
	})
	a.ok("token", "assign", other.Serial, "alice")
	right := other.codes(t, 0, 2)

	h := holdToken(t, url, failing.Serial)
	wrong := b.asks(key, "user", "alice", "00000000")
	h.waiting(1)
	waits := a.asks(key, "user", "alice", right[0])
	h.waiting(2)
	h.release()
	if v := <-wrong; v != refused {
		t.Errorf("the wrong code: %v", v)
	}
	if v := <-waits; v != refused {
		t.Errorf("a code that waited while its user got a delay: %v", v)
	}
	if is := user(); is.Failures != enough+1 {
		t.Errorf("%d wrong codes", is.Failures)
	}
	a.ok("user", "unlock", "alice")
	if !b.as(key).verify("user", "alice", right[0]) || a.as(key).verify("user", "alice", right[0]) {
		t.Error("the code that was refused is not accepted once")
	}
	a.auditOK()
}

// TestTokenIsDeletedMeanwhile has one node delete a token while the other one decides a code
// of it: the code is refused if it comes second, and accepted if it comes first.
func TestTokenIsDeletedMeanwhile(t *testing.T) {
	onlyOnce(t)
	t.Parallel()
	url := cluster.Schema(t)
	a, b := nodes(t, url)
	devices := hotps(87000001, 2)
	a.imports(plain(t, devices...), 2)
	key := a.key("v", "verifier")
	b.known(key)
	for i, d := range devices {
		want := []verdict{refused, accepted}[i]
		var code <-chan verdict
		gone := make(chan answer, 1)
		steps := []func(){
			func() {
				c := b.local()
				go func() {
					a, err := c.try(http.MethodDelete, "/api/v1/tokens/"+d.Serial, "", nil)
					if err != nil {
						t.Error(err)
					}
					gone <- a
				}()
			},
			func() { code = a.asks(key, "serial", d.Serial, d.code(t, 0)) },
		}
		h := holdToken(t, url, d.Serial)
		steps[i]()
		h.waiting(1)
		steps[1-i]()
		h.waiting(2)
		h.release()
		if v := <-code; v != want {
			t.Errorf("step %d: the code: %v, want %v", i, v, want)
		}
		if a := <-gone; a.status != http.StatusOK {
			t.Errorf("step %d: the deletion: %d %s", i, a.status, a.body)
		}
		for _, s := range []*server{a, b} {
			if s.as(key).verify("serial", d.Serial, d.code(t, 1)) {
				t.Errorf("step %d: a code of a token that is deleted is accepted", i)
			}
		}
	}
	b.auditOK()
}
