package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ostiary/internal/doors/wire"
)

// another starts one more server on the database of one that runs, as docs/cluster.md has it:
// with copies of its key file and its mark. url is how the new one reaches the database, with
// a standby or not.
func (s *server) another(url string, args ...string) *server {
	s.t.Helper()
	data := newData(s.t)
	if err := os.Mkdir(data, 0o700); err != nil {
		s.t.Fatal(err)
	}
	for _, name := range []string{"kek", "kek.mark"} {
		writeTo(s.t, filepath.Join(data, name), read(s.t, filepath.Join(s.data, name)))
	}
	if len(args) == 0 {
		databases.Store(data, url)
	}
	return start(s.t, data, args...)
}

// nodes starts two servers on a database that no standby secures.
func nodes(t testing.TB, url string) (a, b *server) {
	t.Helper()
	a = start(t, newDataOnPostgres(t, url))
	return a, a.another(url)
}

// verdict is what a node says of a code.
type verdict int

const (
	refused  verdict = iota
	accepted         // it is used now
	unused           // 503: it is not used
	unknown          // nobody knows: 500 of that name, or a connection that breaks
)

// judge reads what a node says of a code. Other answers there must not be.
func judge(t testing.TB, a answer, err error) verdict {
	if err != nil {
		return unknown
	}
	valid, none := a.verdict()
	switch {
	case none == nil && valid:
		return accepted
	case none == nil:
		return refused
	case a.status == http.StatusServiceUnavailable && strings.Contains(string(a.body), `"unavailable"`):
		return unused
	case a.status != http.StatusInternalServerError || !strings.Contains(string(a.body), `"outcome_unknown"`):
		t.Errorf("a code is answered %d %s", a.status, a.body)
	}
	return unknown
}

// rush is load at two nodes: each code of each token is presented at both at the same time.
type rush struct {
	t       testing.TB
	key     string
	devices []device
	shown   [][]string // their codes
	begun   sync.WaitGroup
	over    atomic.Bool

	mu    sync.Mutex
	nodes [2]*server
	told  [2]map[verdict]int // how often each node said so
	taken []map[int]int      // of each token, by the code: how often it was accepted
	last  []int              // of each token, the code that was accepted last; -1 for none
}

const rushCodes = 2000 // of each token

// newRush imports tokens, and begins to present their codes.
func newRush(t testing.TB, tokens, first int, a, b *server) *rush {
	t.Helper()
	r := &rush{t: t, devices: hotps(first, tokens), nodes: [2]*server{a, b},
		told: [2]map[verdict]int{{}, {}}, taken: make([]map[int]int, tokens), last: make([]int, tokens),
		shown: make([][]string, tokens)}
	a.imports(writeFile(t, "rush.pskc", container(r.devices...)), tokens)
	r.key = a.key("rush", "verifier")
	for i, d := range r.devices {
		r.taken[i], r.last[i], r.shown[i] = map[int]int{}, -1, d.codes(t, 0, rushCodes)
	}
	b.known(r.key)
	for i := range r.devices {
		r.begun.Go(func() { r.present(i) })
	}
	t.Cleanup(r.stop)
	return r
}

// present presents the codes of a token, until the rush is over. A code is given up when it
// was accepted, or refused after an answer that told nothing; one that is refused otherwise is
// tried again, for a delay after wrong codes may be over then.
func (r *rush) present(i int) {
	callers := [2]*caller{r.nodes[0].as(r.key), r.nodes[1].as(r.key)}
	doubted := false
	for n := 0; n < rushCodes && !r.over.Load(); {
		var said [2]verdict
		together(2, func(at int) {
			a, err := callers[at].try(http.MethodPost, "/api/v1/verify", "application/json",
				encode(r.t, wire.VerifyRequest{Serial: r.devices[i].Serial, OTP: r.shown[i][n]}))
			said[at] = judge(r.t, a, err)
		})
		r.note(i, n, said)
		switch {
		case said[0] == accepted || said[1] == accepted || doubted && said == [2]verdict{}:
			n, doubted = n+1, false
			continue
		case said[0] == unknown || said[1] == unknown:
			doubted = true
		}
		time.Sleep(10 * time.Millisecond) // as a gateway that tries again
	}
}

func (r *rush) note(i, n int, said [2]verdict) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for at, v := range said {
		r.told[at][v]++
		if v == accepted {
			r.taken[i][n]++
			r.last[i] = n
		}
	}
}

// until waits until so many more answers of a kind were given, by a node or by any (-1).
func (r *rush) until(more int, v verdict, at int) {
	r.t.Helper()
	count := func() int {
		r.mu.Lock()
		defer r.mu.Unlock()
		if at < 0 {
			return r.all(v)
		}
		return r.told[at][v]
	}
	want := count() + more
	eventually(r.t, "codes are answered as they are to be", func() bool { return count() >= want })
}

func (r *rush) all(v verdict) int { return r.told[0][v] + r.told[1][v] }

func (r *rush) stop() {
	r.over.Store(true)
	r.begun.Wait()
}

// once holds what was answered against a node: no code was accepted twice, and each that was
// accepted is in the log once, and is not accepted again.
func (r *rush) once(on *server) {
	r.t.Helper()
	r.stop()
	logged := map[string]int{}
	for _, e := range on.entries("code.verified") {
		if e["outcome"] == "accepted" {
			logged[acceptance(e)]++
		}
	}
	for name, n := range logged {
		if n != 1 {
			r.t.Errorf("the log accepts %s %d times", name, n)
		}
	}
	lost, twice, codes := 0, 0, 0
	for i, d := range r.devices {
		for n, times := range r.taken[i] {
			codes++
			if times != 1 {
				twice++
			}
			if logged[fmt.Sprintf("%s %d", d.Serial, n+1)] != 1 {
				lost++
			}
		}
	}
	if lost > 0 || twice > 0 || codes == 0 {
		r.t.Errorf("of %d codes that were accepted, %d are lost and %d were accepted twice", codes, lost, twice)
	}
	for i, d := range r.devices {
		on.local().json(http.MethodPost, "/api/v1/tokens/"+d.Serial+"/unlock", nil)
		if n := r.last[i]; n >= 0 && on.as(r.key).verify("serial", d.Serial, r.shown[i][n]) {
			r.t.Errorf("token %s: code %d is accepted again", d.Serial, n)
		}
	}
	on.auditOK()
	r.t.Logf("%d codes accepted, %d refused, %d answers with 503, %d without an outcome", codes, r.all(refused),
		r.all(unused), r.all(unknown))
}
