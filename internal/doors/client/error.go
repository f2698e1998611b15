package client

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"

	"ostiary/internal/doors/wire"
)

// Error is a server's refusal: its problem document.
type Error struct{ wire.Problem }

// Error gives what happened and what to do next.
func (e *Error) Error() string {
	if e.Hint == "" {
		return e.Detail
	}
	return e.Detail + " " + e.Hint
}

// readProblem makes an Error of an answer that is no success. Something between
// here and the server may have sent it, so a body in another form is not shown.
func readProblem(resp *http.Response) error {
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if kind == "application/problem+json" {
		if e, ok := decodeProblem(io.LimitReader(resp.Body, maxProblem)); ok {
			e.Status = resp.StatusCode
			return e
		}
	}
	e := &Error{}
	e.Problem = wire.Problem{Status: resp.StatusCode, Title: http.StatusText(resp.StatusCode), Code: "foreign_answer",
		Detail: fmt.Sprintf("The answer was %d %s, but not in the form of an Ostiary server.", resp.StatusCode,
			http.StatusText(resp.StatusCode)),
		Hint: "Check the server address, and any proxy in front of the server."}
	if to := resp.Header.Get("Location"); to != "" && resp.StatusCode/100 == 3 {
		e.Detail = fmt.Sprintf("The server redirects to %q, which is not followed.", to)
		e.Hint = "If that is the right server, give its address."
	}
	return e
}

// decodeProblem reads a problem document.
func decodeProblem(r io.Reader) (*Error, bool) {
	e := &Error{}
	err := json.NewDecoder(r).Decode(&e.Problem)
	return e, err == nil && e.Detail != ""
}
