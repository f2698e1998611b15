package self_test

import (
	"strings"
	"testing"
	"time"

	"ostiary/activation"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/selfservice"
	browsers "ostiary/internal/test/browser"
	"ostiary/internal/test/testkit"
)

// TestSelfInBrowser: every page in Chromium, with scripts and without, in three languages, by
// axe, in both themes, on a phone and at 400 %.
func TestSelfInBrowser(t *testing.T) {
	t.Parallel()
	s := scene(t)
	s.Import(t, testkit.HOTP("1003"))
	s.Assign(t, "1003", "alice")
	s.SetState(t, "1003", token.RevokedLost)
	s.PhoneType(t, testkit.Profile(t, func(p *activation.Profile) { p.Rules.Password = true }))
	phone := s.CreatePhone(t, "alice")
	go func() { // so that the delays after wrong codes end
		for tick := time.NewTicker(time.Second); t.Context().Err() == nil; <-tick.C {
			s.Clock.Advance(3 * time.Second)
		}
	}()
	l, err := s.Config.SelfService.IssueLink(t.Context(), selfservice.LinkRequest{User: "alice", For: selfservice.ForApp,
		Origin: testkit.Origin})
	if err != nil {
		t.Fatal(err)
	}
	codes := func(serial string) string {
		return strings.Join(testkit.Oathtool(t, testkit.SecretOf(serial), "-w", "60"), " ")
	}
	browsers.Run(t, "self.mjs", s.URL, codes("1001"), codes("1002"), phone, string(l.Text.Bytes()))
}
