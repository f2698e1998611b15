package e2e

import (
	"net/http"
	"strings"
	"syscall"
	"testing"

	"ostiary/internal/doors/wire"
	"ostiary/internal/test/cluster"
)

// TestKillInABatch kills a node whose batch waits for a row. Its code is not used: the other
// node accepts it, once.
func TestKillInABatch(t *testing.T) {
	onlyOnce(t)
	t.Parallel()
	url := cluster.Schema(t)
	a, b := nodes(t, url)
	d := hotp("88000001")
	a.imports(plain(t, d), 1)
	key := a.key("v", "verifier")
	b.known(key)
	h := holdToken(t, url, d.Serial)
	code := d.code(t, 0)
	lost := a.asks(key, "serial", d.Serial, code)
	h.waiting(1)
	a.kill()
	if v := <-lost; v != unknown {
		t.Errorf("a node that was killed says %v", v)
	}
	second := b.asks(key, "serial", d.Serial, code)
	h.waiting(2)
	h.release()
	if v := <-second; v != accepted {
		t.Errorf("a code that no node has decided: %v", v)
	}
	if b.as(key).verify("serial", d.Serial, code) || start(t, a.data).as(key).verify("serial", d.Serial, code) {
		t.Error("it is accepted again")
	}
	b.onceEach([]device{d})
	b.auditOK()
}

// TestKillInAnImport kills a node in the middle of an import. The other node imports the file
// as soon as that one is known to be gone: because it has said nothing for half a minute, or
// has started again. Nothing of the broken import is in its way.
func TestKillInAnImport(t *testing.T) {
	onlyOnce(t)
	t.Parallel()
	const keys = 2400
	url := cluster.Schema(t)
	a, b := nodes(t, url)
	db := openBeside(t, a.data, "rw")
	count := func(query string) (n int) {
		t.Helper()
		if err := db.QueryRow(query).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	const staged = "SELECT count(*) FROM token JOIN import_run r ON r.id = run WHERE r.published = 0"
	key := a.key("admin", "admin")
	for i, gone := range []func(){
		func() { // as half a minute later
			if _, err := db.Exec("UPDATE node SET seen = seen - 30000 WHERE id = (SELECT node FROM import_run " +
				"WHERE published = 0 AND closed = 0)"); err != nil {
				t.Fatal(err)
			}
		},
		func() { a = start(t, a.data) },
	} {
		devices := hotps(89000001+i*keys, keys)
		file := container(devices...)
		begin(a, key, file[:len(file)/2])
		eventually(t, "keys are staged", func() bool { return count(staged) > 0 })
		a.kill()
		path := writeFile(t, "tokens.pskc", file)
		if out := b.exits(2, "token", "import", path); !strings.Contains(out, "Another import is running") {
			t.Errorf("while the import of a node that was killed may go on:\n%s", out)
		}
		gone()
		b.imports(path, keys)
		if n := count(staged); n != 0 {
			t.Errorf("%d keys of the import that was broken are left", n)
		}
		if n := len(b.tokens()); n != (i+1)*keys {
			t.Errorf("%d tokens", n)
		}
		last := devices[keys-1]
		if !b.local().verify("serial", last.Serial, last.code(t, 0)) {
			t.Error("the last key of the file does not verify")
		}
		if i == 0 {
			a = start(t, a.data)
		}
	}
	b.auditOK()
}

// TestKillANodeInActivations kills a node in the middle of activations; the phones go on at
// the other one.
func TestKillANodeInActivations(t *testing.T) {
	onlyOnce(t)
	t.Parallel()
	url := cluster.Schema(t)
	k := newKillPhones(t, newDataOnPostgres(t, url))
	k.other = k.another(url)
	k.other.known(k.desk)
	k.rush(max(5, soakKills(t)/6))
}

// TestKillInAnIntegration kills a node in the middle of the transaction that puts its entries
// into the log. The other node does so: none is missing, and the log is whole.
func TestKillInAnIntegration(t *testing.T) {
	onlyOnce(t)
	t.Parallel()
	url := cluster.Schema(t)
	a, b := nodes(t, url)
	devices := hotps(90000001, 3)
	a.imports(plain(t, devices...), len(devices))
	key := a.key("v", "verifier")
	b.known(key)
	before := b.logSize()
	h := hold(t, url, "LOCK TABLE audit_entry IN SHARE MODE")
	b.signal(syscall.SIGSTOP) // or it could be the one that does it
	for _, d := range devices {
		if !a.as(key).verify("serial", d.Serial, d.code(t, 0)) {
			t.Errorf("a code of %s is refused", d.Serial)
		}
	}
	h.waiting(1)
	a.kill()
	b.signal(syscall.SIGCONT)
	h.release()
	db := openBeside(t, b.data, "ro")
	eventually(t, "the other node puts all entries into the log", func() bool {
		var n, places int64
		if err := db.QueryRow("SELECT (SELECT count(*) FROM audit_arrival), (SELECT max(seq) FROM audit_entry)").Scan(&n,
			&places); err != nil {
			t.Fatal(err)
		}
		return n == 0 && places >= before+int64(len(devices))-1
	})
	rep := into[wire.AuditReport](t, b.local().json(http.MethodPost, "/api/v1/audit/verify", struct{}{}))
	if !rep.OK || rep.Entries < before+int64(len(devices)) {
		t.Errorf("the log verifies: %+v; there were %d entries", rep, before)
	}
	b.onceEach(devices)
	for _, d := range devices {
		if b.as(key).verify("serial", d.Serial, d.code(t, 0)) {
			t.Errorf("the code of %s is accepted again", d.Serial)
		}
	}
}
