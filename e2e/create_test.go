package e2e

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ostiary/internal/doors/wire"
)

const (
	creators    = 64
	createRound = 1000 // serials between two kills
)

// TestManyCreators has many callers create tokens at once, over REST and by the
// command line, while others delete what was made and the server is killed and
// started again. No serial is given out twice, not even one that was deleted or
// whose creation nobody was told of. OSTIARY_SOAK_SERIALS says how many are made.
func TestManyCreators(t *testing.T) {
	t.Parallel()
	serials, err := strconv.Atoi(cmp.Or(os.Getenv("OSTIARY_SOAK_SERIALS"), "4000"))
	if err != nil {
		t.Fatalf("OSTIARY_SOAK_SERIALS: %v", err)
	}
	c := &creation{server: start(t, newData(t)), told: map[string]int{}}
	c.key = c.server.key("creator", "admin")
	for upTo := createRound; upTo <= serials; upTo += createRound {
		c.round(upTo, upTo+createRound <= serials)
		if t.Failed() {
			return
		}
	}
	c.judge()
	t.Logf("%d serials told, %d of them deleted, %d creations cut off, %d by commands", len(c.told), c.deleted.Load(),
		c.cut.Load(), c.commands.Load())
	if len(c.told) < serials || c.deleted.Load() == 0 || c.cut.Load() == 0 || c.commands.Load() == 0 {
		t.Error("too little was made, deleted or cut off to show anything")
	}
}

// creation is what the creators were told.
type creation struct {
	*server
	key string

	mu   sync.Mutex
	told map[string]int // how often, by serial

	deleted, cut, commands atomic.Int64
}

// round creates until so many serials were told, and has the server killed in it
// or not.
func (c *creation) round(upTo int, kill bool) {
	c.t.Helper()
	var killed atomic.Bool
	var wg sync.WaitGroup
	for i := range creators {
		wg.Go(func() {
			by := c.as(c.key)
			for n := i; !killed.Load() && c.count() < upTo; n++ {
				create := c.byREST
				if n%16 == 0 { // a process each
					create = c.byCommand
				}
				if !create(by, 1+n%7, &killed) {
					return
				}
			}
		})
	}
	if kill {
		half := c.count() + (upTo-c.count())/2
		eventually(c.t, "half of the round is made", func() bool { return c.count() >= half || c.t.Failed() })
		time.Sleep(time.Duration(rand.Int64N(int64(20 * time.Millisecond))))
		killed.Store(true)
		c.kill()
	}
	wg.Wait()
	if kill {
		c.server = start(c.t, c.data)
		c.logSize() // recomputes the log
	}
}

func (c *creation) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.told)
}

// tell takes note of serials that somebody was told.
func (c *creation) tell(made wire.NewTokens) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, tok := range made.Tokens {
		c.told[tok.Serial]++
	}
}

// byREST creates some tokens and deletes the last of them.
func (c *creation) byREST(by *caller, n int, killed *atomic.Bool) bool {
	a, err := by.try(http.MethodPost, "/api/v1/tokens", "application/json", fmt.Appendf(nil, `{"type":"app-totp","count":%d}`, n))
	if err != nil {
		return c.broke(killed, err)
	}
	made := into[wire.NewTokens](c.t, a)
	if len(made.Tokens) != n {
		c.t.Errorf("%d of %d tokens are made: %+v", len(made.Tokens), n, made)
		return false
	}
	c.tell(made)
	if n < 3 {
		return true
	}
	a, err = by.try(http.MethodDelete, "/api/v1/tokens/"+made.Tokens[n-1].Serial, "", nil)
	if err != nil {
		return c.broke(killed, err)
	}
	if a.status/100 != 2 {
		c.t.Errorf("delete %s: %d %s", made.Tokens[n-1].Serial, a.status, a.body)
		return false
	}
	c.deleted.Add(1)
	return true
}

func (c *creation) byCommand(_ *caller, n int, killed *atomic.Bool) bool {
	r := c.run("token", "create", "app-totp", "--count", strconv.Itoa(n), "--json")
	if r.code != 0 {
		return c.broke(killed, fmt.Errorf("token create ended with %d: %s", r.code, r.err))
	}
	var made wire.NewTokens
	decodeText(c.t, r.out, &made)
	c.tell(made)
	c.commands.Add(1)
	return true
}

// broke judges a connection that broke: only a killed server may do that.
func (c *creation) broke(killed *atomic.Bool, err error) bool {
	if c.cut.Add(1); !killed.Load() {
		c.t.Errorf("while the server runs: %v", err)
	}
	return false
}

// judge compares what was told with what is there, and with the log.
func (c *creation) judge() {
	c.t.Helper()
	for serial, n := range c.told {
		if n != 1 {
			c.t.Errorf("%s was given out %d times", serial, n)
		}
	}
	created, deleted := map[string]int{}, map[string]bool{}
	for _, e := range c.entries("token.created", "token.deleted") {
		if serial := serialOf(e); e["action"] == "token.created" {
			created[serial]++
		} else {
			deleted[serial] = true
		}
	}
	present := c.tokens()
	for serial, n := range created {
		_, there := present[serial]
		if n != 1 || there == deleted[serial] {
			c.t.Errorf("%s was created %d times; deleted %v, there %v", serial, n, deleted[serial], there)
		}
	}
	for serial := range c.told {
		if created[serial] == 0 {
			c.t.Errorf("%s was told, and the log knows nothing of it", serial)
		}
	}
	for serial := range present {
		if created[serial] == 0 {
			c.t.Errorf("%s is there, and the log knows nothing of it", serial)
		}
	}
	highest := slices.Max(slices.Collect(maps.Keys(created)))
	if next := c.seriesNext("app-totp"); next <= highest {
		c.t.Errorf("the next serial is %s, and %s was given out", next, highest)
	}
}

// seriesNext is the next serial of a type.
func (s *server) seriesNext(typeName string) string {
	s.t.Helper()
	list := decode[wire.SeriesList](s, "series", "list")
	i := slices.IndexFunc(list.Series, func(w wire.Series) bool { return w.Type == typeName })
	if i < 0 {
		s.t.Fatalf("type %s has no series: %+v", typeName, list)
	}
	return list.Series[i].Next
}
