package api_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"ostiary/internal/core/token"
	"ostiary/internal/doors/wire"
	"ostiary/internal/engine/credentials"
	"ostiary/internal/test/testkit"
)

// ended waits for the end of a job.
func ended(t *testing.T, s *testkit.Server, id int64) (j wire.Job) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		a := s.Do(t, testkit.Admin, http.MethodGet, fmt.Sprintf("/api/v1/jobs/%d", id), nil)
		status(t, a, http.StatusOK, "")
		if a.JSON(t, &j); j.Status != "running" {
			return j
		}
	}
	t.Fatalf("job %d does not end: %+v", id, j)
	return j
}

// A job is previewed, begun with the numbers of its preview, done, and told row by row.
func TestJobs(t *testing.T) {
	t.Parallel()
	s := testkit.NewServer(t)
	s.Import(t, testkit.HOTP("1"), testkit.HOTP("2"), testkit.HOTP("3"), testkit.HOTP("77"))
	s.SetState(t, "2", token.RevokedLost)
	change := object{"kind": "state", "state": "REVOKED_TOKEN_OTHER", "reason": "old", "filter": object{"kind": "hardware",
		"state": "VALID", "unused_since": "2030-01-01T00:00:00Z"}}
	var p wire.JobPreview
	preview := func() {
		t.Helper()
		a := s.Do(t, testkit.Admin, http.MethodPost, "/api/v1/jobs/preview", change)
		status(t, a, http.StatusOK, "")
		a.JSON(t, &p)
	}
	start := func(code string, want int) testkit.Answer {
		t.Helper()
		change["number"], change["digest"] = p.Number, p.Digest
		a := s.Do(t, testkit.Admin, http.MethodPost, "/api/v1/jobs", change)
		delete(change, "number")
		delete(change, "digest")
		status(t, a, want, code)
		return a
	}
	preview()
	if p.Number != 3 || len(p.First) != 3 || p.States[0] != (wire.JobStateCount{State: "VALID", Tokens: 3}) {
		t.Errorf("preview %+v", p)
	}
	s.Import(t, testkit.HOTP("78"))
	start("job_changed", http.StatusConflict)
	preview()
	var j wire.Job
	start("", http.StatusCreated).JSON(t, &j)
	j = ended(t, s, j.ID)
	if j.Status != "done" || j.Changed != 4 || j.State != "REVOKED_TOKEN_OTHER" || j.Reason != "old" ||
		j.Actor != "key:admin" || j.Ended == nil {
		t.Errorf("the job %+v", j)
	}
	var rows wire.JobRows
	s.Do(t, testkit.Admin, http.MethodGet, fmt.Sprintf("/api/v1/jobs/%d/rows?limit=3", j.ID), nil).JSON(t, &rows)
	if len(rows.Rows) != 3 || rows.Rows[1].Serial != "3" || rows.Rows[1].Outcome != "changed" || rows.Next == nil {
		t.Errorf("rows %+v", rows)
	}
	further := fmt.Sprintf("/api/v1/jobs/%d/rows?after=%s", j.ID, *rows.Next)
	s.Do(t, testkit.Admin, http.MethodGet, further, nil).JSON(t, &rows)
	if len(rows.Rows) != 1 || rows.Rows[0].Serial != "78" || rows.Next != nil {
		t.Errorf("further rows %+v", rows)
	}
	status(t, s.Do(t, testkit.Admin, http.MethodPost, fmt.Sprintf("/api/v1/jobs/%d/cancel", j.ID), nil),
		http.StatusConflict, "job_ended")
	status(t, s.Do(t, testkit.Admin, http.MethodGet, "/api/v1/jobs/99/rows", nil), http.StatusNotFound, "job_not_found")

	// A list, and tokens by their serials.
	s.User(t, "anna")
	change = object{"kind": "assign", "list": []object{{"line": 2, "serial": "77", "user": "anna"},
		{"line": 3, "serial": "99", "user": "anna"}}}
	preview()
	if p.Number != 1 || p.Refused != 1 || p.Rows[0].Line != 3 || p.First[0].Gets != "anna" {
		t.Errorf("preview of a list %+v", p)
	}
	start("", http.StatusCreated).JSON(t, &j)
	if j = ended(t, s, j.ID); j.Changed != 1 || j.Refused != 1 || j.Total != 2 {
		t.Errorf("the job of a list %+v", j)
	}
	change = object{"kind": "label", "label": "box", "tokens": []object{{"serial": "1", "manufacturer": "Acme"}}}
	preview()
	start("", http.StatusCreated).JSON(t, &j)
	ended(t, s, j.ID)
	if label := s.Token(t, "1").Label; label != "box" {
		t.Errorf("the label is %q", label)
	}
	var list wire.JobList
	s.Do(t, testkit.Admin, http.MethodGet, "/api/v1/jobs?limit=2", nil).JSON(t, &list)
	if len(list.Jobs) != 2 || list.Jobs[0].ID != j.ID || list.Next == nil {
		t.Errorf("jobs %+v", list)
	}
	change = object{"kind": "state", "tokens": []object{{"serial": "1"}}}
	status(t, s.Do(t, testkit.Admin, http.MethodPost, "/api/v1/jobs/preview", change), http.StatusUnprocessableEntity,
		"state")
}

// To delete several tokens takes a proof of the last minutes, to delete one does not.
func TestDeletingManyTakesAFreshProof(t *testing.T) {
	t.Parallel()
	s := testkit.NewServer(t)
	s.Import(t, testkit.HOTP("1"), testkit.HOTP("2"), testkit.HOTP("3"))
	session, _ := added(t, s, "Anna", "admin")
	s.Clock.Advance(credentials.FreshFor)
	start := func(serials ...string) testkit.Answer {
		t.Helper()
		var all []object
		for _, serial := range serials {
			all = append(all, object{"serial": serial})
		}
		change := object{"kind": "delete", "tokens": all}
		a := as(t, s, session, http.MethodPost, "/api/v1/jobs/preview", change)
		status(t, a, http.StatusOK, "")
		var p wire.JobPreview
		a.JSON(t, &p)
		change["number"], change["digest"] = p.Number, p.Digest
		return as(t, s, session, http.MethodPost, "/api/v1/jobs", change)
	}
	status(t, start("1", "2"), http.StatusForbidden, "proof_needed")
	a := start("3")
	status(t, a, http.StatusCreated, "")
	status(t, as(t, s, session, http.MethodPost, "/api/v1/session/proof", object{"password": chosenPassword}),
		http.StatusOK, "")
	a = start("1", "2")
	status(t, a, http.StatusCreated, "")
	var j wire.Job
	a.JSON(t, &j)
	if j = ended(t, s, j.ID); j.Changed != 2 {
		t.Errorf("the job %+v", j)
	}
}
