package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"ostiary/internal/doors/wire"
)

// TestSync watches the server's system calls while it decides a right and a
// wrong code, shows a new secret and takes its first code: the entry of each is written to the log
// of the database, then the
// log is synced, and only then the answer leaves. Killing the process cannot
// show this, because what is written survives the process; what is not synced
// does not survive a power cut.
func TestSync(t *testing.T) {
	onlyFile(t)
	t.Parallel()
	strace := need(t, "strace", "strace")
	data, d := newData(t), hotp("60000001")
	first := start(t, data)
	first.imports(plain(t, d), 1)
	key := first.key("sync", "verifier")
	_, link := first.enrolling("app-hotp")
	_, other := first.enrolling("app-hotp")
	shown := first.show(other)
	first.stop()

	trace := filepath.Join(t.TempDir(), "trace")
	// -D keeps the server the child of the test and puts the tracer beside it.
	s := startBy(t, []string{strace, "-D", "-f", "-y", "-s", "8192", "-o", trace,
		"-e", "trace=pwrite64,write,writev,sendto,sendmsg,fsync,fdatasync,openat"}, data)
	for _, try := range []struct {
		name, path string
		body       any
		verdict    string
	}{
		{"the right code", "verify", wire.VerifyRequest{Serial: d.Serial, OTP: d.code(t, 0)}, `{"valid":true}`},
		{"the wrong code", "verify", wire.VerifyRequest{Serial: d.Serial, OTP: d.wrong(t, 0, 1)[0]}, `{"valid":false}`},
		{"the link", "enrolment/show", wire.EnrolmentRequest{Token: link}, `"uri":"otpauth:`},
		{"the first code", "enrolment/confirm", wire.EnrolmentConfirm{Ticket: shown.Ticket, OTP: appOf(t, shown.Serial, shown.URI).code(t, 0)}, `{"valid":true}`},
	} {
		a := s.as(key).json(http.MethodPost, "/api/v1/"+try.path, try.body)
		if !strings.Contains(string(a.body), try.verdict) {
			t.Fatalf("%s: %s", try.name, a.body)
		}
		request, verdict := a.header.Get("X-Request-Id"), strings.ReplaceAll(try.verdict, `"`, `\"`)
		sent := func(c systemCall) bool {
			return c.onSocket() && strings.Contains(c.text, request) && strings.Contains(c.text, verdict)
		}
		eventually(t, "the trace shows the answer", func() bool { return find(systemCalls(t, trace), 0, sent) != nil })
		if err := checkOrder(systemCalls(t, trace), request, sent); err != nil {
			t.Errorf("%s: %v", try.name, err)
		}
	}
	s.stop()
}

// TestKeyFileIsSyncedBeforeAnythingIsSealed watches the first start: the key file and
// the directory that names it are on the disk before there is a database, which would
// hold what only this key opens.
func TestKeyFileIsSyncedBeforeAnythingIsSealed(t *testing.T) {
	onlyFile(t)
	t.Parallel()
	strace := need(t, "strace", "strace")
	trace := filepath.Join(t.TempDir(), "trace")
	s := startBy(t, []string{strace, "-D", "-f", "-y", "-o", trace, "-e", "trace=openat,write,fsync,fdatasync"},
		newData(t))
	s.stop()
	calls := systemCalls(t, trace)
	on := func(call, path string) func(systemCall) bool {
		whole := regexp.MustCompile(`^` + call + `\(\d+<` + regexp.QuoteMeta(path) + `>`)
		return func(c systemCall) bool {
			return whole.MatchString(c.text) && (!strings.HasSuffix(call, "sync") || strings.HasSuffix(c.text, "= 0"))
		}
	}
	key := filepath.Join(s.data, "kek")
	written := find(calls, 0, on("write", key))
	if written == nil {
		t.Fatal("the trace does not show that the key file is written")
	}
	synced := find(calls, written.end, on("fsync", key))
	if synced == nil {
		t.Fatal("the key file is not synced")
	}
	named := find(calls, synced.end, on("fsync", s.data))
	if named == nil {
		t.Fatal("the directory of the key file is not synced after it")
	}
	// The database itself is made later; SQLite syncs the directory then, too.
	database := find(calls, 0, func(c systemCall) bool {
		return strings.HasPrefix(c.text, "openat(") && strings.Contains(c.text, `/ostiary.db"`) &&
			!strings.Contains(c.text, "ENOENT")
	})
	if database == nil || database.begin < named.end {
		t.Errorf("the database is opened by %+v, before the directory is synced in line %d", database, named.end)
	}
}

// checkOrder wants the entry of a request written, then synced, then answered,
// each begun after the one before it had ended.
func checkOrder(calls []systemCall, request string, sent func(systemCall) bool) error {
	mark := `\"request\":\"` + request + `\"`
	written := find(calls, 0, func(c systemCall) bool { return c.onWAL("pwrite64") && strings.Contains(c.text, mark) })
	if written == nil {
		return fmt.Errorf("the entry of request %s is never written", request)
	}
	synced := find(calls, written.end, func(c systemCall) bool {
		return (c.onWAL("fsync") || c.onWAL("fdatasync")) && strings.HasSuffix(c.text, "= 0")
	})
	if synced == nil {
		return fmt.Errorf("after the entry is written in line %d of the trace there is no sync", written.end)
	}
	if answer := find(calls, 0, sent); answer.begin < synced.end {
		return fmt.Errorf("the answer leaves in line %d of the trace, and the sync ends in line %d", answer.begin,
			synced.end)
	}
	return nil
}

// systemCall is a call of a trace: where it begins and ends, and its line.
type systemCall struct {
	begin, end int
	text       string
}

func (c systemCall) onSocket() bool {
	return regexp.MustCompile(`^(write|writev|sendto|sendmsg)\(\d+<(socket|TCP):`).MatchString(c.text)
}

func (c systemCall) onWAL(name string) bool {
	return regexp.MustCompile(`^` + name + `\(\d+<[^>]*/ostiary\.db-wal>`).MatchString(c.text)
}

// find gives the first call that fits among those begun after a line.
func find(calls []systemCall, after int, fits func(systemCall) bool) *systemCall {
	for i := range calls {
		if calls[i].begin >= after && fits(calls[i]) {
			return &calls[i]
		}
	}
	return nil
}

var resumed = regexp.MustCompile(`^<\.\.\. \w+ resumed>`)

// systemCalls reads a trace. A call that another thread interrupts stands in it
// as two lines, which are put together.
func systemCalls(t testing.TB, trace string) (calls []systemCall) {
	t.Helper()
	text, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	open := map[string]systemCall{} // by thread
	for i, line := range strings.Split(string(text), "\n") {
		thread, call, _ := strings.Cut(strings.TrimSpace(line), " ")
		call = strings.TrimSpace(call)
		if begun, cut := strings.CutSuffix(call, " <unfinished ...>"); cut {
			open[thread] = systemCall{begin: i, text: begun}
			continue
		}
		c := systemCall{begin: i, end: i, text: call}
		if rest := resumed.FindString(call); rest != "" {
			c.begin, c.text = open[thread].begin, open[thread].text+strings.TrimPrefix(call, rest)
		}
		calls = append(calls, c)
	}
	return calls
}
