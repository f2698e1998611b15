package e2e

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"
)

// Somebody at a gateway's login page guesses as fast as the server answers, under the name
// of a user and by the serial of the user's token. The user signs in from elsewhere
// meanwhile, and only the guesser is locked.
func TestOneClientCannotLockAUserOut(t *testing.T) {
	t.Parallel()
	s := start(t, newData(t))
	d := hotp("14000301")
	s.imports(plain(t, d), 1)
	s.ok("user", "add", "alice")
	s.ok("token", "assign", d.Serial, "alice")
	gateway := s.as(s.key("vpn", "verifier"))
	present := func(client, who, name, otp string) (bool, error) {
		body := fmt.Sprintf(`{%q:%q,"otp":%q,"client":%q}`, who, name, otp, client)
		a, err := gateway.try(http.MethodPost, "/api/v1/verify", "application/json", []byte(body))
		if err != nil {
			return false, err
		}
		return a.verdict()
	}
	guess, right := d.wrong(t, 0, 1)[0], d.code(t, 0)
	over := make(chan struct{})
	var guessing sync.WaitGroup
	for _, who := range [][2]string{{"user", "alice"}, {"serial", d.Serial}} {
		guessing.Go(func() {
			for {
				select {
				case <-over:
					return
				case <-time.After(20 * time.Millisecond):
				}
				if valid, err := present("198.51.100.7", who[0], who[1], guess); valid || err != nil {
					t.Errorf("a guess: %v, %v", valid, err)
					return
				}
			}
		})
	}
	reached := func(what string, is func() bool) {
		t.Helper()
		for end := time.Now().Add(time.Minute); !is(); time.Sleep(100 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("after a minute it is not so that %s: %+v", what, s.token(d.Serial))
			}
		}
	}
	reached("the guesser has used up the share", func() bool {
		return len(s.entriesOf("client_locked")) > 0
	})
	// The delay of the last wrong code is to pass, which no guess makes longer.
	reached("alice signs in", func() bool {
		valid, err := present("2001:db8::20", "user", "alice", right)
		if err != nil {
			t.Fatal(err)
		}
		return valid
	})
	close(over)
	guessing.Wait()
	// A guess may have been under way when the share was used up, and be counted behind alice's code.
	if tok := s.token(d.Serial); tok.Failures > 1 || tok.Locked || tok.Counter != 1 {
		t.Errorf("the token is %+v", tok)
	}
	if valid, err := present("198.51.100.7", "user", "alice", d.code(t, 1)); valid || err != nil {
		t.Errorf("the guesser is not locked: %v, %v", valid, err)
	}
	s.ok("user", "unlock", "alice")
	if valid, err := present("198.51.100.7", "user", "alice", d.code(t, 1)); !valid || err != nil {
		t.Errorf("after the unlock: %v, %v", valid, err)
	}
	s.auditOK()
}

// entriesOf gives the entries of codes that were refused for a reason.
func (s *server) entriesOf(reason string) (found []map[string]any) {
	s.t.Helper()
	for _, e := range s.entries("code.verified") {
		if e["reason"] == reason {
			found = append(found, e)
		}
	}
	return found
}
