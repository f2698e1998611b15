package credentials

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"ostiary/internal/core/fault"
	"ostiary/internal/store"
)

// signer signs in from a source.
func signer(t *testing.T, r *Root) func(source, password string) error {
	return func(source, password string) error {
		from := origin
		from.Source = source
		_, _, err := r.Start(t.Context(), password, from)
		return err
	}
}

func wrong(t *testing.T, what string, err error) {
	t.Helper()
	demand(t, what, err, fault.Unauthenticated, "wrong_password")
}

func throttled(t *testing.T, what string, err error) {
	t.Helper()
	demand(t, what, err, fault.Throttled, "too_many_tries")
}

func right(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("%s: %v", what, err)
	}
}

// Five wrong passwords of one source at once, then one a minute; right ones do not
// count.
func TestTriesAreThrottled(t *testing.T) {
	t.Parallel()
	r, c, password := newRoot(t)
	try := signer(t, r)
	for range 20 {
		right(t, "a right one", try("192.0.2.1:1", password))
	}
	for range 5 {
		wrong(t, "one of the first five", try("192.0.2.1:1", "wrong"))
	}
	before := len(entries(t, r.db))
	throttled(t, "the sixth", try("192.0.2.1:2", "wrong"))
	throttled(t, "the right one", try("192.0.2.1:3", password))
	if after := len(entries(t, r.db)); after != before {
		t.Error("throttled tries fill the log")
	}
	c.advance(time.Minute - time.Millisecond)
	throttled(t, "a moment too soon", try("192.0.2.1:4", password))
	c.advance(time.Millisecond)
	right(t, "a minute later", try("192.0.2.1:4", password))
	wrong(t, "the one that is free", try("192.0.2.1:4", "wrong"))
	throttled(t, "another at once", try("192.0.2.1:4", password))
}

// Addresses of one IPv6 network are one source.
func TestTriesOfANetworkAreThrottled(t *testing.T) {
	t.Parallel()
	r, _, _ := newRoot(t)
	try := signer(t, r)
	for i := range 5 {
		wrong(t, "one of the first five", try(fmt.Sprintf("[2001:db8::%x]:1", i+1), "wrong"))
	}
	throttled(t, "the sixth", try("[2001:db8::9]:1", "wrong"))
	wrong(t, "another network", try("[2001:db8:0:1::9]:1", "wrong"))
}

// Whoever guesses from many addresses does not close the sign-in for others.
func TestSignInIsNotClosedFromOutside(t *testing.T) {
	t.Parallel()
	r, c, password := newRoot(t)
	try := signer(t, r)
	right(t, "the administrator, before", try("198.51.100.1:1", password))
	for i := range 10 { // 20 wrong ones, that is all that is free under the name
		for range 2 {
			wrong(t, "a guess", try(fmt.Sprintf("192.0.2.%d:1", i), "wrong"))
		}
	}
	throttled(t, "a source that has sent a wrong one", try("192.0.2.3:1", "wrong"))
	right(t, "a source without a wrong one", try("203.0.113.1:1", password))
	for i := 10; ; i++ { // the reserve, too
		err := try(fmt.Sprintf("192.0.2.%d:1", i), "wrong")
		if f := fault.Of(err); f != nil && f.Kind == fault.Throttled {
			break
		}
		wrong(t, "a guess from one more address", err)
		if i > 40 {
			t.Fatal("guesses from ever more addresses are not bounded")
		}
	}
	throttled(t, "a source that nobody knows", try("203.0.113.2:1", password))
	right(t, "the administrator", try("198.51.100.1:1", password))
	wrong(t, "the administrator errs", try("198.51.100.1:1", "wrong"))
	right(t, "and is right again", try("198.51.100.1:1", password))
	c.advance(2 * time.Second)
	right(t, "a source that nobody knows, when the reserve grew", try("203.0.113.2:1", password))
	c.advance(rightFor)
	signIns := func() (s signIns) {
		if err := r.db.View(t.Context(), func(rd store.Reader) (err error) {
			s, err = readSignIns(rd, "198.51.100.1", RootName)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return s
	}
	if s := signIns(); c.Now().Before(s.right) {
		t.Error("a source is known for ever")
	}
}

// Tries at once do not get past the bound together.
func TestParallelTriesAreThrottled(t *testing.T) {
	t.Parallel()
	r, _, _ := newRoot(t)
	try := signer(t, r)
	var mu sync.Mutex
	looked := 0
	var all sync.WaitGroup
	for range 40 {
		all.Go(func() {
			err := try("192.0.2.1:1", "wrong")
			mu.Lock()
			defer mu.Unlock()
			if f := fault.Of(err); f != nil && f.Kind == fault.Unauthenticated {
				looked++
			}
		})
	}
	all.Wait()
	if most := 5 + cap(r.hashing) - 1; looked < 5 || looked > most {
		t.Errorf("%d passwords were looked at, want 5 to %d", looked, most)
	}
}
