package api_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"ostiary/internal/doors/api"
	"ostiary/internal/doors/wire"
	"ostiary/internal/test/testkit"
)

// Some requests take the short way, and only those that every reader of JSON reads
// alike.
func TestShortWayIsForPlainRequests(t *testing.T) {
	t.Parallel()
	s := server(t, testkit.HOTP("1"))
	const plain = `{"serial":"1","otp":"755224"}`
	for name, c := range map[string]struct {
		method, path, body string
		header             http.Header
		want               bool
	}{
		"plain":              {http.MethodPost, "/api/v1/verify", plain, nil, true},
		"by the user":        {http.MethodPost, "/api/v1/verify", `{"otp":"755 224","user":"anna"}`, nil, true},
		"of a client":        {http.MethodPost, "/api/v1/verify", `{"client":"2001:db8::1","user":"anna","otp":"755224"}`, nil, true},
		"client not ASCII":   {http.MethodPost, "/api/v1/verify", `{"client":"ü","user":"anna","otp":"755224"}`, nil, false},
		"client empty":       {http.MethodPost, "/api/v1/verify", `{"client":"","user":"anna","otp":"755224"}`, nil, false},
		"client twice":       {http.MethodPost, "/api/v1/verify", `{"client":"a","client":"a","user":"anna","otp":"755224"}`, nil, false},
		"any answer":         {http.MethodPost, "/api/v1/verify", plain, http.Header{"Accept": {"*/*"}}, true},
		"another operation":  {http.MethodPost, "/api/v1/users", plain, nil, false},
		"another method":     {http.MethodPut, "/api/v1/verify", plain, nil, false},
		"with a query":       {http.MethodPost, "/api/v1/verify?a=b", plain, nil, false},
		"no body":            {http.MethodPost, "/api/v1/verify", "", nil, false},
		"too long":           {http.MethodPost, "/api/v1/verify", plain + strings.Repeat(" ", 4096), nil, false},
		"an escape":          {http.MethodPost, "/api/v1/verify", `{"serial":"\u0031","otp":"755224"}`, nil, false},
		"not ASCII":          {http.MethodPost, "/api/v1/verify", `{"user":"zoë","otp":"755224"}`, nil, false},
		"otp twice":          {http.MethodPost, "/api/v1/verify", `{"serial":"1","otp":"755224","otp":"755224"}`, nil, false},
		"otp missing":        {http.MethodPost, "/api/v1/verify", `{"serial":"1"}`, nil, false},
		"a form":             {http.MethodPost, "/api/v1/verify", plain, http.Header{"Content-Type": {"text/plain"}}, false},
		"packed":             {http.MethodPost, "/api/v1/verify", plain, http.Header{"Content-Encoding": {"gzip"}}, false},
		"asking for CBOR":    {http.MethodPost, "/api/v1/verify", plain, http.Header{"Accept": {"application/cbor"}}, false},
		"something after it": {http.MethodPost, "/api/v1/verify", plain + `{}`, nil, false},
	} {
		r := httptest.NewRequest(c.method, c.path, strings.NewReader(c.body))
		r.Header.Set("Content-Type", "application/json")
		for name, values := range c.header {
			r.Header[name] = values
		}
		if got := s.API.TakesShortWay(r); got != c.want {
			t.Errorf("%s: short way %v, want %v", name, got, c.want)
		}
	}
}

// Both ways give the same answer, whatever it is.
func TestShortWayAnswersAsTheFrameworkDoes(t *testing.T) {
	t.Parallel()
	key := testkit.HOTP("1")
	other := testkit.HOTP("2")
	twin := testkit.TOTP("2")
	s := server(t, key, other, twin)
	s.User(t, "anna")
	s.Assign(t, "1", "anna")
	wrong := testkit.Wrong(t, key, 0, 2)
	for name, c := range map[string]struct {
		caller string
		bodies [2]object // of which each is sent by one way
		status int
	}{
		"accepted": {testkit.Verifier, [2]object{{"serial": "1", "otp": testkit.Code(t, key, 5)},
			{"serial": "1", "otp": testkit.Code(t, key, 6)}}, 200},
		"wrong":     {testkit.Verifier, [2]object{{"user": "anna", "otp": wrong[0]}, {"user": "anna", "otp": wrong[1]}}, 200},
		"unknown":   {testkit.Verifier, [2]object{{"serial": "9", "otp": "123456"}, {"serial": "9", "otp": "123456"}}, 200},
		"ambiguous": {testkit.Admin, [2]object{{"serial": "2", "otp": "123456"}, {"serial": "2", "otp": "123456"}}, 409},
		"too wide": {testkit.Verifier, [2]object{{"serial": "1", "otp": "123456", "resynchronize": true},
			{"serial": "1", "otp": "123456", "resynchronize": true}}, 403},
		"both": {testkit.Verifier, [2]object{{"serial": "1", "user": "anna", "otp": "123456"},
			{"serial": "1", "user": "anna", "otp": "123456"}}, 422},
		"of a client": {testkit.Verifier, [2]object{{"user": "anna", "otp": wrong[0], "client": "192.0.2.66"},
			{"user": "anna", "otp": wrong[1], "client": "::ffff:192.0.2.66"}}, 200},
		"no client": {testkit.Verifier, [2]object{{"user": "anna", "otp": wrong[0], "client": "a "},
			{"user": "anna", "otp": wrong[0], "client": "a "}}, 422},
		"digits": {testkit.Admin, [2]object{{"serial": "1", "otp": "12345678"}, {"serial": "1", "otp": "12345678"}}, 422},
	} {
		var answers [2]testkit.Answer
		for i, accept := range []string{"*/*", "application/json;q=0.9"} {
			answers[i] = s.Do(t, c.caller, http.MethodPost, "/api/v1/verify", c.bodies[i], "Accept", accept)
			if answers[i].Status != c.status {
				t.Errorf("%s: answer %d, want %d: %s", name, answers[i].Status, c.status, answers[i].Body)
			}
			id := answers[i].Header.Get("X-Request-Id")
			answers[i].Body = strings.ReplaceAll(answers[i].Body, id, "ID")
			for _, of := range []string{"X-Request-Id", "Date", "Content-Length"} {
				answers[i].Header.Del(of)
			}
		}
		if answers[0].Body != answers[1].Body || !reflect.DeepEqual(answers[0].Header, answers[1].Header) {
			t.Errorf("%s: by the short way %v %s\nby the framework %v %s", name, answers[0].Header, answers[0].Body,
				answers[1].Header, answers[1].Body)
		}
		s.Clock.Advance(time.Hour)
	}
}

// Where the short parser reads something, the framework's reader reads the same, and
// finds no fault in it.
func FuzzPlainVerify(f *testing.F) {
	for _, text := range []string{`{"serial":"1","otp":"755224"}`, ` { "user" : "anna" , "otp":"755 224" } `,
		`{"otp":"123456","manufacturer":"","key_id":"a","type":"hotp","serial":"s","resynchronize":true}`,
		`{"otp":"123456","resynchronize":false}`, `{"otp":"123456","client":"192.0.2.1"}`,
		`{"client":"::ffff:192.0.2.1","user":"anna","otp":"123456"}`, `{"otp":"123456","client":" "}`,
		`{"otp":"123456","client":"fe80::1%eth0","client":"a"}`, `{"otp":"123456","client":""}`, `{"otp":"123456","otp":"123456"}`, `{"otp":"123456",}`, `{}`, `[]`,
		`{"otp":"12345"}`, `{"serial":"","otp":"123456"}`, `{"otp":"123456"}x`, `{"otp":"123456","a":"b"}`} {
		f.Add([]byte(text))
	}
	description := testkit.NewServer(f).API.Framework().OpenAPI().Components.Schemas
	schema := description.Map()["VerifyRequest"]
	f.Fuzz(func(t *testing.T, text []byte) {
		req, ok := api.ParsePlainVerify(text)
		if !ok {
			return
		}
		var parsed any
		if err := api.StrictJSON.Unmarshal(text, &parsed); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		var found huma.ValidateResult
		huma.Validate(description, schema, huma.NewPathBuffer(nil, 0), huma.ModeWriteToServer, parsed, &found)
		if len(found.Errors) > 0 {
			t.Fatalf("%q: %v", text, found.Errors)
		}
		var want wire.VerifyRequest
		if err := json.Unmarshal(text, &want); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if !reflect.DeepEqual(req, want) {
			t.Fatalf("%q: %+v, want %+v", text, req, want)
		}
	})
}
