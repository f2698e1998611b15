package api_test

import (
	"net/http"
	"strings"
	"testing"

	"ostiary/internal/doors/wire"
	"ostiary/internal/test/testkit"
)

// The answer to a replacement is that of a creation.
func TestReplaceToken(t *testing.T) {
	t.Parallel()
	s := enrolServer(t)
	s.User(t, "anna")
	s.Import(t, testkit.HOTP("1"), testkit.HOTP("2"))
	s.Assign(t, "1", "anna")
	created(t, s, object{"type": "app-totp", "user": "anna", "label": "phone"})
	replace := func(serial string, body object) (made wire.NewTokens) {
		t.Helper()
		a := s.Do(t, testkit.Admin, http.MethodPost, "/api/v1/tokens/"+serial+"/replace", body)
		status(t, a, http.StatusCreated, "")
		a.JSON(t, &made)
		return made
	}
	n := replace("AT10000001", object{"state": "REVOKED_TOKEN_LOST", "reason": "new phone"}).Tokens[0]
	if n.Serial != "AT10000002" || n.User != "anna" || n.Label != "phone" || n.State != "PENDING" || n.URI != "" {
		t.Errorf("made %+v", n)
	}
	status(t, s.Do(t, testkit.Nobody, http.MethodPost, "/api/v1/enrolment/show", object{"token": linkOf(t, n)}),
		http.StatusOK, "")
	if a := s.Do(t, testkit.Admin, http.MethodGet, "/api/v1/tokens/AT10000001", nil); !strings.Contains(a.Body, `"state":"REVOKED_TOKEN_LOST","state_reason":"new phone",`) {
		t.Errorf("the old one is %s", a.Body)
	}
	if n := replace("1", object{"by": "2"}).Tokens[0]; n.Serial != "2" || n.User != "anna" || n.Enrolment != nil ||
		n.State != "VALID" {
		t.Errorf("gave %+v", n)
	}
	unchanged(t, s, func() {
		const path = "/api/v1/tokens/2/replace"
		status(t, s.Do(t, testkit.Admin, http.MethodPost, path, object{}), http.StatusUnprocessableEntity, "by")
		status(t, s.Do(t, testkit.Admin, http.MethodPost, path, object{"by": "9"}), http.StatusNotFound,
			"token_not_found")
		status(t, s.Do(t, testkit.Admin, http.MethodPost, path, object{"state": "VALID"}),
			http.StatusUnprocessableEntity, "invalid_request")
		status(t, s.Do(t, testkit.Admin, http.MethodPost, "/api/v1/tokens/1/replace", object{"by": "2"}),
			http.StatusConflict, "token_free")
	})
}

func TestTokenDates(t *testing.T) {
	t.Parallel()
	s := testkit.NewServer(t)
	s.Import(t, testkit.HOTP("1"), testkit.HOTP("2"))
	const path = "/api/v1/tokens/1/dates"
	a := s.Do(t, testkit.Admin, http.MethodPost, path,
		object{"valid_from": "2026-03-01T00:00:00+01:00", "valid_until": "2026-03-02T12:00:15Z"})
	if status(t, a, http.StatusOK, ""); !strings.Contains(a.Body, `"valid_from":"2026-02-28T23:00:00Z","valid_until":"2026-03-02T12:00:15Z"`) {
		t.Errorf("the token is %s", a.Body)
	}
	for query, want := range map[string]bool{"?expiring=1": true, "?expiring=1&state=VALID": true,
		"?expiring=1&state=PENDING": false} {
		a := s.Do(t, testkit.HelpDesk, http.MethodGet, "/api/v1/tokens"+query, nil)
		if status(t, a, http.StatusOK, ""); strings.Contains(a.Body, `"serial":"1"`) != want || strings.Contains(a.Body, `"serial":"2"`) {
			t.Errorf("%s lists %s", query, a.Body)
		}
	}
	unchanged(t, s, func() {
		for _, body := range []object{{}, {"valid_until": "tomorrow"}, {"valid_until": ""},
			{"valid_from": "2026-03-01"}, {"valid_until": "2026-02-01T00:00:00Z"}} {
			status(t, s.Do(t, testkit.Admin, http.MethodPost, path, body), http.StatusUnprocessableEntity, "dates")
		}
		for _, days := range []string{"0", "-1", "36501"} {
			status(t, s.Do(t, testkit.Admin, http.MethodGet, "/api/v1/tokens?expiring="+days, nil),
				http.StatusUnprocessableEntity, "invalid_request")
		}
	})
	a = s.Do(t, testkit.Admin, http.MethodPost, path, object{"valid_from": "none", "valid_until": "none"})
	if status(t, a, http.StatusOK, ""); strings.Contains(a.Body, "valid_from") ||
		strings.Contains(a.Body, "valid_until") {
		t.Errorf("the token is %s", a.Body)
	}
}
