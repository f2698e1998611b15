package api_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ostiary/internal/test/testkit"
)

// A request that is not what the operation takes is answered with a problem
// document that repeats neither code nor password, and changes nothing.
func TestRefusedInput(t *testing.T) {
	t.Parallel()
	key := testkit.HOTP("1")
	s := server(t, key)
	s.User(t, "anna")
	s.Assign(t, "1", "anna")
	code := testkit.Code(t, key, 0)
	wide := strings.Map(func(r rune) rune { return r - '0' + '０' }, code)
	otp := func(text string) object { return object{"serial": "1", "otp": text} }
	const verify, tokens, session = "POST /api/v1/verify", "GET /api/v1/tokens", "POST /api/v1/session"
	for name, c := range map[string]struct {
		op     string
		body   any
		status int
		header []string
	}{
		"not JSON":              {verify, `serial=1&otp=` + code, 400, nil},
		"half a document":       {verify, `{"serial":"1","otp":"` + code, 400, nil},
		"two documents":         {verify, `{"serial":"1","otp":"` + code + `"} {"serial":"1","otp":"` + code + `"}`, 400, nil},
		"empty body":            {verify, ``, 400, nil},
		"otp twice":             {verify, `{"serial":"1","otp":"000000","otp":"` + code + `"}`, 400, nil},
		"array":                 {verify, `[{"serial":"1","otp":"` + code + `"}]`, 422, nil},
		"null":                  {verify, `null`, 422, nil},
		"text":                  {verify, `"` + code + `"`, 422, nil},
		"otp null":              {verify, `{"serial":"1","otp":null}`, 422, nil},
		"otp a number":          {verify, `{"serial":"1","otp":` + strings.TrimLeft(code, "0") + `}`, 422, nil},
		"otp an object":         {verify, `{"serial":"1","otp":{"a":"` + code + `"}}`, 422, nil},
		"otp an array":          {verify, object{"serial": "1", "otp": []string{code}}, 422, nil},
		"otp missing":           {verify, object{"serial": "1"}, 422, nil},
		"otp empty":             {verify, otp(""), 422, nil},
		"otp of 5 digits":       {verify, otp(code[:5]), 422, nil},
		"otp of 7 digits":       {verify, otp(code + "0"), 422, nil},
		"otp of 11 digits":      {verify, otp(code + "00000"), 422, nil},
		"otp with a hard space": {verify, otp(code[:3] + "\u00a0" + code[3:]), 422, nil},
		"otp of spaces":         {verify, otp("      "), 422, nil},
		"otp with a line end":   {verify, otp(code + "\n"), 422, nil},
		"otp with a NUL":        {verify, otp(code + "\x00"), 422, nil},
		"otp full-width":        {verify, otp(wide), 422, nil},
		"otp with a sign":       {verify, otp("+" + code), 422, nil},
		"otp of a megabyte":     {verify, otp(strings.Repeat(code, 1<<18)), 413, nil},
		"serial empty":          {verify, object{"serial": "", "otp": code}, 422, nil},
		"serial null":           {verify, `{"serial":null,"otp":"` + code + `"}`, 422, nil},
		"serial a number":       {verify, `{"serial":1,"otp":"` + code + `"}`, 422, nil},
		"serial too long":       {verify, object{"serial": strings.Repeat("1", 129), "otp": code}, 422, nil},
		"user empty":            {verify, object{"user": "", "otp": code}, 422, nil},
		"user of blanks":        {verify, object{"user": "  ", "otp": code}, 422, nil},
		"user with a NUL":       {verify, object{"user": "anna\x00", "otp": code}, 422, nil},
		"neither":               {verify, object{"otp": code}, 422, nil},
		"both":                  {verify, object{"serial": "1", "user": "anna", "otp": code}, 422, nil},
		"client empty":          {verify, object{"serial": "1", "otp": code, "client": ""}, 422, nil},
		"client a number":       {verify, `{"serial":"1","otp":"` + code + `","client":7}`, 422, nil},
		"client of blanks":      {verify, object{"serial": "1", "otp": code, "client": "  "}, 422, nil},
		"client with a blank":   {verify, object{"serial": "1", "otp": code, "client": "a "}, 422, nil},
		"client with a line":    {verify, object{"serial": "1", "otp": code, "client": "a\nb"}, 422, nil},
		"client turned around":  {verify, object{"serial": "1", "otp": code, "client": "a\u202eb"}, 422, nil},
		"client of 65 bytes":    {verify, object{"serial": "1", "otp": code, "client": strings.Repeat("a", 65)}, 422, nil},
		"client of 66 bytes":    {verify, object{"serial": "1", "otp": code, "client": strings.Repeat("ü", 33)}, 422, nil},
		"client in other case":  {verify, object{"serial": "1", "otp": code, "Client": "a"}, 422, nil},
		"unknown field":         {verify, object{"serial": "1", "otp": code, "force": true}, 422, nil},
		"field in other case":   {verify, object{"Serial": "1", "OTP": code}, 422, nil},
		"flag as text":          {verify, object{"serial": "1", "otp": code, "resynchronize": "false"}, 422, nil},
		"deep":                  {verify, `{"serial":` + strings.Repeat("[", 1500) + strings.Repeat("]", 1500) + `}`, 422, nil},
		"deep and open":         {verify, strings.Repeat("[", 4000), 400, nil},
		"form":                  {verify, `serial=1&otp=` + code, 415, []string{"Content-Type", "application/x-www-form-urlencoded"}},
		"XML":                   {verify, `<otp>` + code + `</otp>`, 415, []string{"Content-Type", "application/xml"}},
		"query on verify":       {verify + "?serial=1", otp(code), 422, nil},
		"unknown parameter":     {tokens + "?force=1", nil, 422, nil},
		"parameter twice":       {tokens + "?serial=1&serial=2", nil, 422, nil},
		"parameter twice same":  {tokens + "?limit=1&limit=1", nil, 422, nil},
		"half an escape":        {tokens + "?serial=%zz", nil, 422, nil},
		"semicolon":             {tokens + "?serial=1;state=VALID", nil, 422, nil},
		"limit 0":               {tokens + "?limit=0", nil, 422, nil},
		"limit too high":        {tokens + "?limit=1001", nil, 422, nil},
		"limit no number":       {tokens + "?limit=ten", nil, 422, nil},
		"unknown state":         {tokens + "?state=LOST", nil, 422, nil},
		"cursor no number":      {tokens + "?after=abc", nil, 422, nil},
		"cursor negative":       {tokens + "?after=-1", nil, 422, nil},
		"audit cursor":          {"GET /api/v1/audit?after=x", nil, 422, nil},
		"resync one code":       {"POST /api/v1/tokens/1/resync", object{"otp1": code}, 422, nil},
		"resync steps": {"POST /api/v1/tokens/1/resync", object{"otp1": code, "otp2": code, "steps": 121}, 422,
			nil},
		"resync counter":      {"POST /api/v1/tokens/1/resync", `{"otp1":"` + code + `","otp2":"` + code + `","counter":-1}`, 422, nil},
		"resync huge counter": {"POST /api/v1/tokens/1/resync", `{"otp1":"` + code + `","otp2":"` + code + `","counter":99999999999999999999999}`, 422, nil},
		"resync fraction":     {"POST /api/v1/tokens/1/resync", `{"otp1":"` + code + `","otp2":"` + code + `","counter":1.5}`, 422, nil},
		"state unknown":       {"POST /api/v1/tokens/1/state", object{"state": "LOST"}, 422, nil},
		"state lower case":    {"POST /api/v1/tokens/1/state", object{"state": "valid"}, 422, nil},
		"state reason long": {"POST /api/v1/tokens/1/state",
			object{"state": "REVOKED_TOKEN_LOST", "reason": strings.Repeat("x", 501)}, 422, nil},
		"state reason control": {"POST /api/v1/tokens/1/state", object{"state": "REVOKED_TOKEN_LOST", "reason": "a\nb"},
			422, nil},
		"serial too long path": {"GET /api/v1/tokens/" + strings.Repeat("1", 129), nil, 422, nil},
		"user name long":       {"POST /api/v1/users", object{"name": strings.Repeat("a", 129)}, 422, nil},
		"user name blank":      {"POST /api/v1/users", object{"name": " bert"}, 422, nil},
		"key of no role":       {"POST /api/v1/keys", object{"name": "k", "role": "none"}, 422, nil},
		"key of root":          {"POST /api/v1/keys", object{"name": "k", "role": "root"}, 422, nil},
		"key help desk": {"POST /api/v1/keys", object{"name": "k", "role": "verifier", "help_desk": true}, 422,
			nil},
		"key name":            {"POST /api/v1/keys", object{"name": "a/b", "role": "verifier"}, 422, nil},
		"session no name":     {session, object{"name": "", "password": s.RootPassword}, 422, nil},
		"session no password": {session, object{"name": "ROOT", "password": ""}, 422, nil},
		"session malformed":   {session, `{"name":"ROOT","password":"` + s.RootPassword, 400, nil},
		"session password":    {session, object{"name": "ROOT", "password": []string{s.RootPassword}}, 422, nil},
		"session long": {session, object{"name": "ROOT", "password": strings.Repeat(s.RootPassword, 200)}, 413,
			nil},
	} {
		t.Run(name, func(t *testing.T) {
			method, path, _ := strings.Cut(c.op, " ")
			unchanged(t, s, func() {
				callers := []string{testkit.Root}
				if strings.HasPrefix(c.op, verify) {
					callers = []string{testkit.Root, testkit.Verifier}
				}
				for _, caller := range callers {
					if caller == testkit.Verifier && name == "otp of 7 digits" {
						continue // looks like any wrong code to it
					}
					a := s.Do(t, caller, method, path, c.body, c.header...)
					if a.Status != c.status {
						t.Errorf("answer %d, want %d: %s", a.Status, c.status, a.Body)
					}
					a.Problem(t)
					for _, secret := range []string{code, wide, strings.TrimLeft(code, "0"), s.RootPassword} {
						if strings.Contains(a.Body, secret) || strings.Contains(fmt.Sprint(a.Header), secret) {
							t.Errorf("the answer repeats a code or password: %s", a.Body)
						}
					}
				}
			})
		})
	}
	valid(t, s.Do(t, testkit.Verifier, "POST", "/api/v1/verify", otp(code)), true)
	if log := s.Log.String(); strings.Contains(log, code) || strings.Contains(log, s.RootPassword) {
		t.Error("the log holds a code or password")
	}
}

// To a verifier a wrong length is as wrong as any wrong code, and is not
// counted.
func TestWrongLengthForVerifier(t *testing.T) {
	t.Parallel()
	key := testkit.HOTP("1")
	s := server(t, key)
	valid(t, verify(t, s, testkit.Verifier, "1", "1234567"), false)
	if e := s.LastEntry(t); e.Reason != "malformed" || s.Token(t, "1").Condition.Failures != 0 {
		t.Errorf("the log says %s; %d failures", e.Raw, s.Token(t, "1").Condition.Failures)
	}
	status(t, verify(t, s, testkit.Admin, "1", "1234567"), 422, "otp_length")
}

// A code that is too short and has letters in it breaks two bounds of the schema; what
// is wrong with it is said once.
func TestWhatIsNoCodeIsSaidOnce(t *testing.T) {
	t.Parallel()
	s := server(t, testkit.HOTP("1"))
	a := verify(t, s, testkit.Admin, "1", "abc")
	want := []string{"body.otp: a code has 6 to 10 digits; spaces between them are ignored"}
	if diff := cmp.Diff(want, a.Problem(t).Fields); diff != "" {
		t.Error(diff)
	}
}

// From outside nothing tells an unknown serial or user from a wrong code.
func TestRefusalsLookAlike(t *testing.T) {
	t.Parallel()
	key, lost, other := testkit.HOTP("1"), testkit.HOTP("lost"), testkit.TOTP("two")
	s := server(t, key, lost, testkit.HOTP("two"), other, testkit.OCRA("ocra"))
	s.SetState(t, "lost", 1)
	s.User(t, "anna")
	var first testkit.Answer
	for i, body := range []object{
		{"serial": "1", "otp": testkit.Wrong(t, key, 0, 1)[0]}, {"serial": "nobody's", "otp": "123456"},
		{"serial": "lost", "otp": testkit.Code(t, lost, 0)},
		{"serial": "two", "otp": testkit.Code(t, testkit.HOTP("two"), 0)}, {"serial": "ocra", "otp": "123456"},
		{"serial": "1", "otp": "12345678"},
		{"user": "anna", "otp": "123456"}, {"user": "nobody", "otp": "123456"},
	} {
		a := s.Do(t, testkit.Verifier, http.MethodPost, "/api/v1/verify", body)
		valid(t, a, false)
		a.Header.Del("X-Request-Id")
		a.Header.Del("Date")
		if i == 0 {
			first = a
		}
		if fmt.Sprint(a.Header) != fmt.Sprint(first.Header) {
			t.Errorf("%v: headers %v, want %v", body, a.Header, first.Header)
		}
	}
}

func TestUnknownRoutes(t *testing.T) {
	t.Parallel()
	s := server(t)
	for _, op := range []string{"POST /", "GET /api/v1/nothing", "GET /api/v1/verify", "PUT /api/v1/tokens/1",
		"GET /api/v2/tokens", "POST /healthz",
		"GET /docs", "GET /schemas/Token.json", "GET /debug/pprof/", "POST /api/v1/tokens/1/2/unlock",
		"GET /api/v1/tokens/"} {
		method, path, _ := strings.Cut(op, " ")
		a := s.Do(t, testkit.Root, method, path, nil)
		if !slices.Contains([]int{404, 405}, a.Status) {
			t.Errorf("%s: %d", op, a.Status)
		}
		status(t, a, 404, "no_operation")
	}
}
