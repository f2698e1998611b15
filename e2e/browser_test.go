package e2e

import (
	"testing"

	"ostiary/internal/test/browser"
)

// TestEnrolmentInBrowser: a user opens the link, scans, types the first code; the link
// does not work again; and every error that a browser may see is a page.
func TestEnrolmentInBrowser(t *testing.T) {
	t.Parallel()
	s := start(t, newData(t))
	need(t, "oathtool", "oathtool")
	serial, link := s.enrolling("app-totp")
	browser.Run(t, "enrol.mjs", s.url, link, serial)
	if got := s.tokens()[serial]; got.State != "VALID" {
		t.Errorf("the token is %+v", got)
	}
	s.auditOK()
}
