package serve

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ostiary/activation"
	"ostiary/internal/core/authz"
	"ostiary/internal/core/token"
	"ostiary/internal/doors/webhook"
	"ostiary/internal/engine/activations"
	"ostiary/internal/engine/credentials"
	"ostiary/internal/engine/jobs"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/engine/tempcodes"
	"ostiary/internal/engine/tokens"
	"ostiary/internal/store"
	"ostiary/internal/test/cluster"
	"ostiary/internal/test/testkit"
	"ostiary/pskc"
)

var update = flag.Bool("update", false, "keep a database of today's schema in "+keptFolder)

// emptied are the tables that are empty in a database of a stopped server, and why.
var emptied = map[string]string{
	"retired":            "its rows became those of secret",
	"import_replacement": "its rows live as long as an import",
	"quiet_refusal":      "refusals that were only counted are in the log when a server stops",
	"audit_arrival":      "entries have their places when a server stops",
	"audit_stream":       "with SQLite entries need no stream",
	"audit_segment":      "the index begins with 4,096 entries",
	"audit_block":        "the index begins with 4,096 entries",
	"audit_span":         "the index begins with 4,096 entries",
	"code_tally":         "codes are counted with the index",
	"passkey":            "there is no browser here that makes one",
	"passkey_use":        "as passkey",
}

// Today's program fills each table, and what it leaves works, as what is kept of it will have
// to work with later versions. With -update it is kept.
func TestKeep(t *testing.T) {
	t.Parallel()
	for _, database := range []string{"sqlite", "postgres"} {
		t.Run(database, func(t *testing.T) {
			t.Parallel()
			k := unpacked{data: filepath.Join(t.TempDir(), "data")}
			tables := "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
			if database == "postgres" {
				k.url = cluster.Empty(t)
				tables = "SELECT relname::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
			}
			k.fill(t)
			for table := range strings.SplitSeq(k.lines(t, tables), "\n") {
				if k.lines(t, `SELECT CAST(count(*) AS text) FROM "`+table+`"`) == "0" && emptied[table] == "" {
					t.Errorf("table %s is empty: have fill fill it", table)
				}
			}
			if *update {
				k.keep(t, fmt.Sprintf("%s/%04d-%s", keptFolder, k.Schema, database))
			}
			k.works(t)
		})
	}
}

// fill makes the database of a server that was used, and stops it.
func (k *unpacked) fill(t *testing.T) {
	t.Helper()
	clock := &testkit.Clock{}
	clock.Set(testkit.Start)
	// Nobody listens there: what is to be told waits.
	key, err := webhook.ParseKeys(webhook.NewKey().Bytes())
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), Config{Data: k.data, Database: k.url, NoStandby: k.url != "", Now: clock.Now,
		NotifyURL: "http://127.0.0.1:1/", NotifyKeys: key})
	if err != nil {
		t.Fatal(err)
	}
	kit := &testkit.Kit{DB: s.db, Keys: s.database.Keys, Marks: s.marks, Clock: clock, Engine: s.engine,
		Lifecycle: s.lifecycle, Imports: s.imports, Profiles: s.profiles, Activations: s.activations, Users: s.users,
		Temporary: s.temporary, Ledger: s.ledger}
	uses := func(serial, code string) {
		t.Helper()
		if !kit.Verify(t, serial, code) {
			t.Errorf("code %s of token %s is not accepted", code, serial)
		}
		k.Used = append(k.Used, [2]string{serial, code})
	}
	next := func(serial, code string) { k.Next = append(k.Next, [2]string{serial, code}) }

	// Users, and tokens in all states.
	var keys []*pskc.Key
	for n := range 8 {
		keys = append(keys, testkit.HOTP(fmt.Sprint(45000001+n)))
	}
	keys[7].Policy.PIN = &pskc.PINPolicy{UsageMode: "Local"}
	totp := testkit.TOTP("45000011")
	kit.Import(t, append(keys, totp, testkit.OCRA("45000012"))...)
	testkit.Take(t, kit, testkit.Keys(keys[0], testkit.Counter(testkit.HOTP("45000013"), 7))) // a duplicate, which is told
	for _, name := range []string{"alice", "bob", "carol"} {
		kit.User(t, name)
	}
	kit.Assign(t, "45000001", "alice")
	kit.Assign(t, totp.Serial, "bob")
	uses("45000001", testkit.Code(t, keys[0], 0))
	uses("45000002", testkit.Code(t, keys[1], 4))
	next("45000001", testkit.Code(t, keys[0], 1))
	next("45000002", testkit.Code(t, keys[1], 5))
	kit.Verify(t, "45000003", "000000")
	kit.Unlock(t, "45000003")
	kit.SetState(t, "45000004", token.RevokedLost)
	if _, err := s.lifecycle.Delete(t.Context(), testkit.Serial("45000005"), origin); err != nil {
		t.Fatal(err)
	}
	kit.Verify(t, "99", "000000")

	// Moves, in both directions.
	other := testkit.New(t)
	only := func(serials ...string) func(*lifecycle.ExportRequest) {
		return func(r *lifecycle.ExportRequest) { r.Move, r.Serials = true, serials }
	}
	move := func(from, to *testkit.Kit, serial string) int64 {
		t.Helper()
		file, _, err := testkit.Export(t, from, only(serial))
		if err != nil {
			t.Fatal(err)
		}
		return testkit.Take(t, to, testkit.OpenExport(t, file)).ID
	}
	if _, err := s.lifecycle.ConfirmMove(t.Context(), other.Receipt(t, move(kit, other, "45000006")), origin); err != nil {
		t.Fatal(err)
	}
	if _, _, err := testkit.Export(t, kit, only("45000007")); err != nil { // still on its way
		t.Fatal(err)
	}
	other.Import(t, testkit.HOTP("46000001"))
	kit.Receipt(t, move(other, kit, "46000001"))

	// Software tokens: with a link, with several applications, activated, unbound, and on offer.
	if _, err := s.lifecycle.Create(t.Context(), lifecycle.CreateRequest{Type: "app-totp", Count: 1, User: "carol",
		Origin: origin}); err != nil {
		t.Fatal(err)
	}
	vector := kit.PhoneType(t, testkit.Profile(t, func(p *activation.Profile) {
		p.Rules.DeviceBinding = true
		p.Applications = append(p.Applications, activation.Application{Index: 2, Name: "Telephone",
			Mode: activation.ResponseOnly, Suite: testkit.Suite("HOTP-SHA256-8")})
	}))
	serial := kit.CreatePhone(t, "bob")
	phone := kit.Activate(t, vector, serial, nil)
	uses(serial, phone.Code(t, 1, clock.Now()))
	next(serial, phone.Code(t, 1, clock.Now()))
	ended := kit.CreatePhone(t, "carol")
	kit.Activate(t, vector, ended, nil)
	if _, err := s.activations.Unbind(t.Context(), testkit.Serial(ended), origin); err != nil {
		t.Fatal(err)
	}
	if _, err := s.activations.Reset(t.Context(), testkit.Serial(ended), activations.Counts{Successes: true,
		Interval: true}, origin); err != nil {
		t.Fatal(err)
	}
	if _, err := s.activations.Start(t.Context(), activations.Request{Token: testkit.Serial(ended),
		Route: activations.Online, By: authz.Principal{Role: authz.Admin}, Origin: origin}); err != nil {
		t.Fatal(err)
	}

	// Temporary codes, and who administers.
	issued, err := s.temporary.Issue(t.Context(), tempcodes.Request{User: "alice", Count: 2, Hours: 168, Origin: origin})
	if err != nil {
		t.Fatal(err)
	}
	k.User, k.Temporary = "alice", string(issued.Codes[0].Bytes())
	if _, k.Key, err = s.keys.Create(t.Context(), authz.Principal{Role: authz.Root},
		credentials.KeyRequest{Name: "radius", Role: authz.Verifier}, origin); err != nil {
		t.Fatal(err)
	}
	s.keys.Principal(k.Key)
	_, password, err := s.accounts.Add(t.Context(), authz.Principal{Role: authz.Root},
		credentials.AdminRequest{Name: "dora", Role: authz.Admin}, origin)
	var dora credentials.Session
	if err == nil {
		_, dora, err = s.accounts.SignIn(t.Context(), credentials.SignIn{Name: "dora", Password: password,
			Kind: credentials.Bearer}, origin)
	}
	if err == nil {
		_, dora, err = s.accounts.ChangePassword(t.Context(), dora, password, "nineteen paper lanterns", origin)
	}
	if err == nil {
		err = s.accounts.KeepView(t.Context(), dora, store.View{List: "tokens", Name: "lost", Query: "state=lost"})
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := s.keys.SaveUse(t.Context()); err != nil {
		t.Fatal(err)
	}
	if k.Password, err = s.root.SetPassword(t.Context(), origin); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.root.Start(t.Context(), k.Password, origin); err != nil {
		t.Fatal(err)
	}

	// A job of one token.
	batch := jobs.Request{Kind: jobs.Label, Label: "spare", Tokens: []tokens.Selector{testkit.Serial("45000008")},
		Origin: origin}
	preview, err := s.jobs.Preview(t.Context(), batch)
	if err == nil {
		_, err = s.jobs.Start(t.Context(), batch, preview.Number, preview.Digest)
	}
	if err := errors.Join(err, s.jobs.Work(t.Context())); err != nil {
		t.Fatal(err)
	}

	// A seam in the log, and some entries behind it.
	kit.Archive(t)
	clock.Advance(time.Minute)
	uses(totp.Serial, testkit.Code(t, totp, testkit.Step(t, totp, clock.Now())))
	next(totp.Serial, testkit.Code(t, totp, testkit.Step(t, totp, clock.Now().Add(later))))
	k.At = clock.Now()
	if err := s.checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.whole(t)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscan(k.lines(t, "SELECT CAST(count(*) AS text) FROM schema_migration"), &k.Schema); err != nil {
		t.Fatal(err)
	}
}

// keep writes the data directory of a stopped server to a folder of testdata.
func (k *unpacked) keep(t *testing.T, folder string) {
	t.Helper()
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	text, err := json.MarshalIndent(k.known, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{"kept.json": append(text, '\n')}
	for _, name := range []string{"kek", "kek.mark"} {
		if files[name], err = os.ReadFile(filepath.Join(k.data, name)); err != nil {
			t.Fatal(err)
		}
	}
	if k.url != "" {
		files["database.sql.gz"] = pack(t, cluster.Dump(t, k.url))
	} else {
		change(t, k.data, "VACUUM")
		db, err := os.ReadFile(filepath.Join(k.data, "ostiary.db"))
		if err != nil {
			t.Fatal(err)
		}
		files["ostiary.db.gz"] = pack(t, db)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func pack(t *testing.T, content []byte) []byte {
	t.Helper()
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err == nil {
		_, err = w.Write(content)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return packed.Bytes()
}
