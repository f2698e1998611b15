package api

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"ostiary/internal/core/authz"
	"ostiary/internal/doors/wire"
)

// POST /api/v1/verify is the request that matters in number, and the framework takes
// a third of its time. So a plain request, as programs send it, takes a short way:
// parsePlainVerify reads the few forms that all readers of JSON read alike, and
// verify, which the framework calls as well, decides.
//
// Everything else takes the framework's way, from the same first byte: it says what
// is wrong, and in one place. So the short way refuses nothing, and never begins to
// decide before it knows that it can answer.
const (
	verifyPath  = "/api/v1/verify"
	verifyRoute = http.MethodPost + " " + verifyPath

	verifyBody = 4 << 10         // bytes at most
	verifyWait = 5 * time.Second // for them
)

// answered gives a plain request to verify its answer. It gives back every other
// request, as it came; nil says that it was answered.
func (a *API) answered(w http.ResponseWriter, r *http.Request, c caller) *http.Request {
	if r.Method != http.MethodPost || r.URL.Path != verifyPath || r.URL.RawQuery != "" || c.may(authz.Verify) != nil ||
		r.ContentLength < 1 || r.ContentLength > verifyBody || !plainHeader(r.Header) {
		return r
	}
	in, rest := readPlainVerify(w, r)
	if rest != nil {
		return rest
	}
	r.Pattern = verifyRoute
	out, err := a.verify(r.Context(), c, &in)
	if err != nil {
		a.problem(r.Context(), c, err).write(w)
		return nil
	}
	w.Header()["Content-Type"] = jsonType
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(verdicts[out.Body.Valid]) // the client has disconnected if this fails
	return nil
}

var (
	jsonType = []string{"application/json"}
	verdicts = map[bool][]byte{true: []byte(`{"valid":true}` + "\n"), false: []byte(`{"valid":false}` + "\n")}
)

// plainHeader tells whether a request brings JSON and takes it.
func plainHeader(h http.Header) bool {
	accept := h.Get("Accept")
	return h.Get("Content-Type") == "application/json" && h.Get("Content-Encoding") == "" &&
		(accept == "" || accept == "*/*" || accept == "application/json")
}

// readPlainVerify reads the body. Where it is not a plain one, rest is the request with
// the body put back. It is a copy, because net/http decides by the body of its own
// whether the connection can be used again.
func readPlainVerify(w http.ResponseWriter, r *http.Request) (in verifyInput, rest *http.Request) {
	_ = huma.SetReadDeadline(w, time.Now().Add(verifyWait)) // as the framework does
	text := make([]byte, r.ContentLength)
	n, err := io.ReadFull(r.Body, text)
	if err == nil {
		var ok bool
		if in.Body, ok = parsePlainVerify(text); ok {
			clear(text) // it has the code
			return in, nil
		}
	}
	rest = new(http.Request)
	*rest = *r
	rest.Body = putBack{io.MultiReader(bytes.NewReader(text[:n]), failing{err}, r.Body), r.Body}
	return in, rest
}

// putBack is a body whose first bytes were read.
type putBack struct {
	io.Reader
	io.Closer
}

// failing gives the error that was met already, if one was.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) {
	switch {
	case f.err == nil:
		return 0, io.EOF
	case errors.Is(f.err, io.EOF):
		return 0, io.ErrUnexpectedEOF
	}
	return 0, f.err
}

// parsePlainVerify reads a request as programs write it: one object, its members known
// and each there once, its texts of printable ASCII without a backslash, within the
// bounds that the description of the API has. Of anything else it says false, which
// is no refusal. What it reads, any reader of JSON reads in the same way
// (FuzzPlainVerify).
func parsePlainVerify(text []byte) (req wire.VerifyRequest, ok bool) {
	p := plainJSON{rest: text}
	if !p.next('{') {
		return req, false
	}
	for seen := uint(0); ; {
		name, ok := p.text(1, 20)
		if !ok || !p.next(':') || !p.member(&req, name, &seen) {
			return req, false
		}
		if p.next(',') {
			continue
		}
		if !p.next('}') || !p.end() {
			return req, false
		}
		const otp = 1
		return req, seen&otp != 0
	}
}

// member reads the value of a member. seen has a bit for each member that came.
func (p *plainJSON) member(req *wire.VerifyRequest, name string, seen *uint) (ok bool) {
	var bit uint
	switch name {
	case "otp":
		bit = 1
		req.OTP, ok = p.text(6, 24)
		ok = ok && onlyDigits(req.OTP)
	case "serial":
		bit = 2
		req.Serial, ok = p.text(1, 128)
	case "user":
		bit = 4
		req.User, ok = p.text(1, 128)
	case "type":
		bit = 8
		req.Type, ok = p.text(0, 64)
	case "manufacturer":
		bit = 16
		var s string
		s, ok = p.text(0, 128)
		req.Manufacturer = &s
	case "key_id":
		bit = 32
		var s string
		s, ok = p.text(0, 128)
		req.KeyID = &s
	case "resynchronize":
		bit = 64
		req.Resynchronize, ok = p.truth()
	case "client":
		bit = 128
		req.Client, ok = p.text(1, 64)
	}
	ok = ok && *seen&bit == 0
	*seen |= bit
	return ok
}

// onlyDigits tells whether a code is of digits, and of blanks between them.
func onlyDigits(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && c != ' ' {
			return false
		}
	}
	return true
}

// plainJSON reads the tokens of JSON that have one spelling.
type plainJSON struct{ rest []byte }

func (p *plainJSON) blanks() { p.rest = bytes.TrimLeft(p.rest, " \t\r\n") }

// next takes a mark, if it is what comes.
func (p *plainJSON) next(mark byte) bool {
	if p.blanks(); len(p.rest) == 0 || p.rest[0] != mark {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

// end tells whether nothing is left.
func (p *plainJSON) end() bool {
	p.blanks()
	return len(p.rest) == 0
}

// text takes a text of that many characters.
func (p *plainJSON) text(least, most int) (string, bool) {
	if !p.next('"') {
		return "", false
	}
	for i, c := range p.rest {
		switch {
		case c == '"':
			s := string(p.rest[:i])
			p.rest = p.rest[i+1:]
			return s, i >= least && i <= most
		case c < ' ' || c > '~' || c == '\\':
			return "", false
		}
	}
	return "", false
}

// truth takes true or false.
func (p *plainJSON) truth() (value, ok bool) {
	p.blanks()
	if rest, found := bytes.CutPrefix(p.rest, []byte("true")); found {
		p.rest = rest
		return true, true
	}
	rest, found := bytes.CutPrefix(p.rest, []byte("false"))
	p.rest = rest
	return false, found
}
