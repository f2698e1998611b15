package e2e

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ostiary/internal/doors/wire"
	"ostiary/internal/test/cluster"
)

const (
	killTokens  = 40
	killCallers = 16
	killPerUser = 20
	killFile    = 1000 // keys of a seed file, so that an import takes several transactions
)

// TestKill kills the server at random moments while codes are verified and a
// file is imported, and starts it again. OSTIARY_SOAK_KILLS says how often.
func TestKill(t *testing.T) {
	t.Parallel()
	kill(t, start(t, newData(t)), nil, soakKills(t))
}

// TestKillOnPostgres does so where the database goes on.
func TestKillOnPostgres(t *testing.T) {
	onlyOnce(t)
	t.Parallel()
	kill(t, start(t, newDataOnPostgres(t, cluster.Schema(t))), nil, 5)
}

// TestKillANode does so with two servers, of which one goes on.
func TestKillANode(t *testing.T) {
	onlyOnce(t)
	t.Parallel()
	a, b := nodes(t, cluster.Schema(t))
	kill(t, a, b, max(4, soakKills(t)/10))
}

func kill(t *testing.T, s, other *server, kills int) {
	k := newKillRun(t, s, other)
	for range kills {
		k.round()
		if t.Failed() {
			return
		}
	}
	k.compareWithLog()
	t.Logf("%d kills: %d codes acknowledged; of %d requests without an answer %d had counted; of %d imports cut off "+
		"%d had been published",
		kills, k.acknowledged.Load(), k.open, k.openCounted, k.cutImports, k.cutPublished)
	if k.acknowledged.Load() < int64(kills) || k.open == 0 {
		t.Error("the load was too small to show anything")
	}
}

// soakKills is how often a server is to be killed.
func soakKills(t testing.TB) int {
	t.Helper()
	kills, err := strconv.Atoi(cmp.Or(os.Getenv("OSTIARY_SOAK_KILLS"), "30"))
	if err != nil {
		t.Fatalf("OSTIARY_SOAK_KILLS: %v", err)
	}
	return kills
}

// killRun is what the test knows that the server must not forget.
type killRun struct {
	*server
	other *server // on the same database, if there is one: half of the codes are presented there
	key   string
	hands []*hand
	users []string // who hold the tokens

	acknowledged             atomic.Int64
	open, openCounted        int
	cutImports, cutPublished int
}

// hand is one token and what its user was told. One goroutine at a time has it.
type hand struct {
	device
	shown []string // its codes, by counter
	next  uint64   // counter of the first code that was never presented
	floor uint64   // lowest counter that the server may show
	used  []uint64 // counters acknowledged since the last start
	open  bool     // the code of counter next was presented and not answered
}

func newKillRun(t *testing.T, s, other *server) *killRun {
	t.Helper()
	k := &killRun{server: s, other: other}
	devices := hotps(40000001, killTokens)
	k.imports(plain(t, devices...), killTokens)
	for i, d := range devices {
		user := fmt.Sprint("user", i/killPerUser)
		if i%killPerUser == 0 {
			k.ok("user", "add", user)
			k.users = append(k.users, user)
		}
		a := k.local().json(http.MethodPost, "/api/v1/tokens/"+d.Serial+"/assign", wire.AssignRequest{User: user})
		into[wire.Token](t, a)
		k.hands = append(k.hands, &hand{device: d})
	}
	k.key = k.server.key("load", "verifier")
	if other != nil {
		other.known(k.key)
	}
	return k
}

// round runs the load, kills the server in it, starts it and checks.
func (k *killRun) round() {
	k.t.Helper()
	for _, h := range k.hands {
		h.used = nil
		if have := uint64(len(h.shown)); have < h.next+2000 {
			h.shown = append(h.shown, h.codes(k.t, have, 4000)...)
		}
	}
	file := hotps(50000001, killFile)
	stem := "f" + random(4) + "-"
	for i := range file {
		file[i].Serial = stem + file[i].Serial
	}
	published, asked := k.loadAndKill(container(file...))
	k.checkFile()
	k.server, k.other = k.instead(k.other)
	k.checkCounters()
	k.checkCodes()
	if asked {
		k.checkImport(container(file...), published)
	}
	k.logSize() // recomputes the log
}

// loadAndKill returns with the server dead and all callers back. It tells
// whether the import was asked for, and whether its success was acknowledged.
func (k *killRun) loadAndKill(file string) (published, asked bool) {
	k.t.Helper()
	var killed atomic.Bool
	var wg sync.WaitGroup
	for i := range killCallers {
		wg.Go(func() {
			at := [2]*caller{k.as(k.key), k.as(k.key)}
			if k.other != nil {
				at[1] = k.other.as(k.key)
			}
			for n, turn := i, 0; k.press(at[turn%2], k.hands[n], &killed); turn++ {
				if n += killCallers; n >= killTokens {
					n = i
				}
			}
		})
	}
	importAt := time.After(time.Duration(rand.Int64N(int64(350 * time.Millisecond))))
	killAt := time.After(50*time.Millisecond + time.Duration(rand.Int64N(int64(350*time.Millisecond))))
	wg.Go(func() {
		<-importAt
		if asked = !killed.Load(); asked {
			a, err := k.upload(file)
			published = err == nil && a.status == http.StatusOK
		}
	})
	<-killAt
	killed.Store(true)
	k.kill()
	wg.Wait()
	return published, asked
}

// press presents the next code of a token. It reports whether to go on.
func (k *killRun) press(c *caller, h *hand, killed *atomic.Bool) bool {
	valid, err := c.tryVerify(h.Serial, h.shown[h.next])
	switch {
	case err != nil && killed.Load() && c.url == k.url:
		h.open = true
		return false
	case err != nil:
		k.t.Errorf("token %s: %v", h.Serial, err)
		return false
	case !valid:
		k.t.Errorf("token %s: the fresh code of counter %d is refused", h.Serial, h.next)
		return false
	}
	h.used = append(h.used, h.next)
	h.next++
	h.floor = h.next
	k.acknowledged.Add(1)
	return k.other == nil || !killed.Load()
}

// upload imports a file over the socket.
func (k *killRun) upload(file string) (answer, error) {
	const boundary = "part-of-the-form"
	body := "--" + boundary + "\r\nContent-Disposition: form-data; name=\"file\"; filename=\"load.pskc\"\r\n\r\n" +
		file + "\r\n--" + boundary + "--\r\n"
	return k.local().try(http.MethodPost, "/api/v1/imports", "multipart/form-data; boundary="+boundary, []byte(body))
}

// checkFile has SQLite look at the file that the dead server left.
func (k *killRun) checkFile() {
	k.t.Helper()
	if _, there := databases.Load(k.data); there {
		return // it has a server of its own, which was not killed
	}
	db := openBeside(k.t, k.data, "ro")
	defer func() { _ = db.Close() }()
	var verdict string
	if err := db.QueryRow("PRAGMA integrity_check").Scan(&verdict); err != nil || verdict != "ok" {
		k.t.Fatalf("integrity check after a kill: %v\n%s", err, verdict)
	}
	rows, err := db.Query("PRAGMA foreign_key_check")
	if err != nil {
		k.t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	if rows.Next() {
		k.t.Fatal("a foreign key points nowhere after a kill")
	}
	if err := rows.Err(); err != nil {
		k.t.Fatal(err)
	}
}

// checkCounters compares every counter with what was acknowledged. A request
// without an answer may have counted; nothing else may have.
func (k *killRun) checkCounters() {
	k.t.Helper()
	local, found := k.local(), map[string]wire.Token{}
	for _, user := range k.users {
		list := into[wire.TokenList](k.t, local.json(http.MethodGet, "/api/v1/tokens?user="+user, nil))
		for _, tok := range list.Tokens {
			found[tok.Serial] = tok
		}
	}
	for _, h := range k.hands {
		tok, ok := found[h.Serial]
		switch {
		case !ok:
			k.t.Errorf("token %s is gone", h.Serial)
		case tok.Counter < h.floor:
			k.t.Errorf("token %s: counter %d, and %d was acknowledged", h.Serial, tok.Counter, h.floor)
		case tok.Counter > h.floor && !(h.open && tok.Counter == h.next+1):
			k.t.Errorf("token %s: counter %d, and only %d was presented", h.Serial, tok.Counter, h.next)
		case tok.Failures != 0:
			k.t.Errorf("token %s: %d failures, and all its codes were right", h.Serial, tok.Failures)
		}
		h.floor = tok.Counter
	}
}

// checkCodes presents what was used again. Two wrong codes of a token do not
// delay it yet, so it is two of each, the latest; then a fresh one, which must
// count and makes the failures forgotten.
func (k *killRun) checkCodes() {
	var wg sync.WaitGroup
	var open, counted atomic.Int64
	for _, h := range k.hands {
		wg.Go(func() {
			c := k.as(k.key)
			again := append([]uint64{}, h.used...)
			if h.open {
				open.Add(1)
				if h.floor == h.next+1 {
					counted.Add(1)
					again = append(again, h.next)
					h.next++
				}
			}
			h.open = false
			for _, counter := range again[max(0, len(again)-2):] {
				if h.collides(counter) {
					continue
				}
				if valid, err := c.tryVerify(h.Serial, h.shown[counter]); err != nil || valid {
					k.t.Errorf("token %s: the code of counter %d was used before the kill; after it: %v, %v", h.Serial,
						counter, valid, err)
				}
			}
			if valid, err := c.tryVerify(h.Serial, h.shown[h.next]); err != nil || !valid {
				k.t.Errorf("token %s: after a kill the code of counter %d, never used: %v, %v", h.Serial, h.next, valid,
					err)
			}
			h.next++
			h.floor = h.next
		})
	}
	wg.Wait()
	k.open += int(open.Load())
	k.openCounted += int(counted.Load())
}

// collides reports whether a used code is by chance a right one again.
func (h *hand) collides(counter uint64) bool {
	for _, code := range h.shown[h.next : h.next+20] {
		if code == h.shown[counter] {
			return true
		}
	}
	return false
}

// checkImport imports a file again whose import may have been cut off: it was
// published whole or not at all, and nothing of it is in the way.
func (k *killRun) checkImport(file string, published bool) {
	k.t.Helper()
	a, err := k.upload(file)
	if err != nil {
		k.t.Fatal(err)
	}
	rep := into[wire.ImportReport](k.t, a)
	was := rep.Duplicate == killFile && rep.Imported == 0 && rep.Refused == 0
	wasNot := rep.Imported == killFile && rep.Duplicate == 0 && rep.Refused == 0
	if !was && !wasNot || published && !was {
		k.t.Errorf(
			"an import that was acknowledged (%v) and then imported again: %d imported, %d duplicate, %d refused",
			published, rep.Imported, rep.Duplicate, rep.Refused)
	}
	if !published {
		k.cutImports++
		if was {
			k.cutPublished++
		}
	}
}

// compareWithLog reads the whole log: each counter was accepted once, in order,
// up to where the token stands.
func (k *killRun) compareWithLog() {
	k.t.Helper()
	seen := map[string]int{}
	for _, e := range k.entries("code.verified") {
		if e["outcome"] == "accepted" {
			seen[acceptance(e)]++
		}
	}
	total := 0
	for _, h := range k.hands {
		for next := uint64(1); next <= h.floor; next++ {
			if n := seen[fmt.Sprintf("%s %d", h.Serial, next)]; n != 1 {
				k.t.Errorf("token %s: the log has %d entries that accept counter %d", h.Serial, n, next-1)
			}
			total++
		}
	}
	if total != len(seen) {
		k.t.Errorf("the log accepts %d codes, the tokens %d", len(seen), total)
	}
}

// acceptance names the token of an entry and its counter afterwards.
func acceptance(entry map[string]any) string {
	after, _ := entry["after"].(map[string]any)
	return fmt.Sprintf("%s %v", serialOf(entry), after["next"])
}
