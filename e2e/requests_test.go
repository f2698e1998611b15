package e2e

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestRefusedRequests asks for verification in ways that can be no code. Each
// is refused with a problem document, changes no token, and records nothing.
func TestRefusedRequests(t *testing.T) {
	t.Parallel()
	s := start(t, newData(t))
	d := hotp("80000001")
	s.imports(plain(t, d), 1)
	s.ok("user", "add", "alice")
	s.ok("token", "assign", d.Serial, "alice")
	code := d.code(t, 0)
	verifier := s.as(s.key("v", "verifier"))
	before, size := s.tokens(), s.logSize()
	const verify = "/api/v1/verify"
	body := func(format string, args ...any) string { return fmt.Sprintf(format, args...) }
	wide := strings.Map(func(r rune) rune { return r - '0' + '\uff10' }, code)

	for _, bad := range []struct {
		name, kind, body string
		status           int
	}{
		{"nothing", "application/json", "", http.StatusBadRequest},
		{"not JSON", "application/json", "serial=80000001&otp=" + code, http.StatusBadRequest},
		{"JSON cut off", "application/json", body(`{"serial":%q,"otp":"%s`, d.Serial, code), http.StatusBadRequest},
		{"a list", "application/json", body(`[{"serial":%q,"otp":%q}]`, d.Serial, code), http.StatusUnprocessableEntity},
		{"null", "application/json", `null`, http.StatusUnprocessableEntity},
		{"nested deeply", "application/json", strings.Repeat("[", 2000), http.StatusBadRequest},
		{"another media type", "text/plain", body(`{"serial":%q,"otp":%q}`, d.Serial, code), http.StatusUnsupportedMediaType},
		{"an unknown field", "application/json", body(`{"serial":%q,"otp":%q,"pin":"1234"}`, d.Serial, code), http.StatusUnprocessableEntity},
		{"no code", "application/json", body(`{"serial":%q}`, d.Serial), http.StatusUnprocessableEntity},
		{"a code of 1 MB", "application/json", body(`{"serial":%q,"otp":%q}`, d.Serial, strings.Repeat("1", 1<<20)), http.StatusRequestEntityTooLarge},
		{"a number", "application/json", body(`{"serial":%q,"otp":12345678}`, d.Serial), http.StatusUnprocessableEntity},
		{"an empty code", "application/json", body(`{"serial":%q,"otp":""}`, d.Serial), http.StatusUnprocessableEntity},
		{"5 digits", "application/json", body(`{"serial":%q,"otp":%q}`, d.Serial, code[:5]), http.StatusUnprocessableEntity},
		{"11 digits", "application/json", body(`{"serial":%q,"otp":"%s000"}`, d.Serial, code), http.StatusUnprocessableEntity},
		{"a blank in it", "application/json", body(`{"serial":%q,"otp":"%s\u00a0%s"}`, d.Serial, code[:4], code[4:]), http.StatusUnprocessableEntity},
		{"a blank behind it", "application/json", body(`{"serial":%q,"otp":"%s "}`, d.Serial, code), http.StatusUnprocessableEntity},
		{"a line break behind it", "application/json", body(`{"serial":%q,"otp":"%s\n"}`, d.Serial, code), http.StatusUnprocessableEntity},
		{"full-width digits", "application/json", body(`{"serial":%q,"otp":%q}`, d.Serial, wide), http.StatusUnprocessableEntity},
		{"neither serial nor user", "application/json", body(`{"otp":%q}`, code), http.StatusUnprocessableEntity},
		{"serial and user", "application/json", body(`{"serial":%q,"user":"alice","otp":%q}`, d.Serial, code), http.StatusUnprocessableEntity},
		{"an empty serial", "application/json", body(`{"serial":"","otp":%q}`, code), http.StatusUnprocessableEntity},
		{"an empty user", "application/json", body(`{"user":"","otp":%q}`, code), http.StatusUnprocessableEntity},
		{"a user of blanks", "application/json", body(`{"user":"  ","otp":%q}`, code), http.StatusUnprocessableEntity},
		{"a user with a null", "application/json", body(`{"user":"ali\u0000ce","otp":%q}`, code), http.StatusUnprocessableEntity},
		{"a serial of 1000 characters", "application/json", body(`{"serial":%q,"otp":%q}`, strings.Repeat("8", 1000), code), http.StatusUnprocessableEntity},
		{"a wide search", "application/json", body(`{"serial":%q,"otp":%q,"resynchronize":true}`, d.Serial, code), http.StatusForbidden},
	} {
		a := verifier.raw(http.MethodPost, verify, bad.kind, bad.body)
		if p := a.problem(t); a.status != bad.status {
			t.Errorf("%s: %d, want %d: %+v", bad.name, a.status, bad.status, p)
		}
		if strings.Contains(string(a.body), code) {
			t.Errorf("%s: the refusal repeats the code: %s", bad.name, a.body)
		}
	}
	for _, bad := range []struct {
		name   string
		caller *caller
		path   string
		status int
	}{
		{"no key", s.as(""), verify, http.StatusUnauthorized},
		{"a key that is none", s.as("ostiary_aaaaaaaaaa_AAAAAAAAAAAAAAAAAAAAAAAAAA"), verify, http.StatusUnauthorized},
		{"a key cut off", s.as(verifier.key[:len(verifier.key)-1]), verify, http.StatusUnauthorized},
		{"an unknown parameter", verifier, verify + "?otp=" + code, http.StatusUnprocessableEntity},
		{"an unknown path", verifier, verify + "/", http.StatusNotFound},
	} {
		a := bad.caller.json(http.MethodPost, bad.path, map[string]string{"serial": d.Serial, "otp": code})
		if p := a.problem(t); a.status != bad.status {
			t.Errorf("%s: %d, want %d: %+v", bad.name, a.status, bad.status, p)
		}
	}
	if after := s.tokens(); !reflect.DeepEqual(after, before) {
		t.Errorf("a refused request changed the token: %+v, was %+v", after, before)
	}
	if got := s.logSize(); got != size {
		t.Errorf("refused requests made %d entries", got-size)
	}

	// A code of another length is one, of another token: it is no failure.
	if verifier.verify("serial", d.Serial, code[:7]) {
		t.Error("7 digits of 8 are accepted")
	}
	a := s.local().json(http.MethodPost, verify, map[string]string{"serial": d.Serial, "otp": code[:7]})
	if p := a.problem(t); !strings.Contains(p.Detail, "8 digits") {
		t.Errorf("7 digits of 8 tell an administrator: %+v", p)
	}
	if tok := s.token(d.Serial); tok.Failures != 0 || tok.Counter != 0 {
		t.Errorf("after codes of another length: %+v", tok)
	}
	if !verifier.verify("user", "alice", code) {
		t.Error("after all that the right code is refused")
	}
}

// TestRefusalsLookAlike compares what a verifier is told about serials that are
// there and serials that are not.
func TestRefusalsLookAlike(t *testing.T) {
	t.Parallel()
	s := start(t, newData(t))
	fob, lost, free, reader := hotp("81000001"), hotp("81000002"), hotp("81000003"), ocra("81000004")
	s.imports(plain(t, fob, lost, free, reader), 4)
	for _, user := range []string{"alice", "bob", "nobody-yet"} {
		s.ok("user", "add", user)
	}
	s.ok("token", "assign", fob.Serial, "alice")
	s.ok("token", "assign", lost.Serial, "bob")
	s.ok("token", "state", lost.Serial, "REVOKED_TOKEN_LOST")
	verifier := s.as(s.key("v", "verifier"))
	ask := func(who, name, otp string) answer {
		a := verifier.json(http.MethodPost, "/api/v1/verify", map[string]string{who: name, "otp": otp})
		if a.header.Get("X-Request-Id") == "" || a.header.Get("Date") == "" {
			t.Errorf("an answer without its own id or date: %v", a.header)
		}
		a.header.Del("X-Request-Id")
		a.header.Del("Date")
		return a
	}
	wrong := ask("serial", fob.Serial, fob.wrong(t, 0, 1)[0])
	if valid, err := wrong.verdict(); valid || err != nil {
		t.Fatalf("a wrong code: %v, %v", valid, err)
	}
	for _, other := range []struct{ name, who, whose, otp string }{
		{"an unknown serial", "serial", "81999999", "12345678"},
		{"a serial of other characters", "serial", "' OR 1=1 --", "12345678"},
		{"a lost token", "serial", lost.Serial, lost.code(t, 0)},
		{"an OCRA token", "serial", reader.Serial, "12345678"},
		{"another length", "serial", free.Serial, "123456"},
		{"a wrong code by user", "user", "alice", fob.wrong(t, 0, 1)[0]},
		{"an unknown user", "user", "mallory", "12345678"},
		{"a user without tokens", "user", "nobody-yet", free.code(t, 0)},
		{"a user whose token is lost", "user", "bob", lost.code(t, 0)},
	} {
		if got := ask(other.who, other.whose, other.otp); !reflect.DeepEqual(got, wrong) {
			t.Errorf("%s: %d %v %s\nand a wrong code: %d %v %s", other.name, got.status, got.header, got.body,
				wrong.status, wrong.header, wrong.body)
		}
	}
	if !verifier.verify("serial", free.Serial, free.code(t, 0)) {
		t.Error("a token that belongs to no user does not verify by serial")
	}
	s.ok("token", "state", lost.Serial, "VALID")
	if !verifier.verify("serial", lost.Serial, lost.code(t, 0)) {
		t.Error("a code that a lost token showed is used up")
	}
}

// TestRefusalTimes shows how long refusals take. It judges nothing: that takes a
// machine that does nothing else.
func TestRefusalTimes(t *testing.T) {
	s := start(t, newData(t))
	devices := hotps(82000001, 150)
	s.imports(plain(t, devices...), len(devices))
	verifier := s.as(s.key("v", "verifier"))
	ask := func(serial, otp string) time.Duration {
		begin := time.Now()
		if verifier.verify("serial", serial, otp) {
			t.Fatalf("the code of %s is accepted", serial)
		}
		return time.Since(begin)
	}
	var wrong, unknown []time.Duration
	for i, d := range devices {
		for n, code := range d.wrong(t, 0, 2) {
			wrong = append(wrong, ask(d.Serial, code))
			unknown = append(unknown, ask(fmt.Sprint(83000000+2*i+n), code))
		}
	}
	// From the 61st on, the log only counts the unknown serials of one caller.
	for _, part := range [][2]int{{0, 60}, {60, len(wrong)}} {
		w, u := wrong[part[0]:part[1]], unknown[part[0]:part[1]]
		slices.Sort(w)
		slices.Sort(u)
		t.Logf("median of %d: a wrong code %v, an unknown serial %v", len(w), w[len(w)/2], u[len(u)/2])
	}
	if tok := s.token(devices[0].Serial); tok.Failures != 2 {
		t.Errorf("after two wrong codes: %+v", tok)
	}
	s.auditOK()
}
