package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ostiary/internal/doors/wire"
	"ostiary/internal/test/browser"
)

// TestPhoneInTheRiver: a user whose phone is in the river gets a temporary code from the help
// desk, reports the old phone as lost, activates the new one, and signs in with its first code.
func TestPhoneInTheRiver(t *testing.T) {
	t.Parallel()
	p := withProfile(t, "../examples/profiles/plain.toml", "HOTP", "SHA1", "EXP")
	old := newPhone(t)
	p.confirm(old.activate("", p.typed(p.offline())...))

	// The help desk touches it once: a code, and a token for the new phone.
	codes := decode[wire.TemporaryCodes](p.server, "user", "code", "alice")
	made := decode[wire.NewTokens](p.server, "token", "create", "phone", "--user", "alice").Tokens[0]
	p.ok("activation", "offer", made.Serial)

	next := newPhone(t)
	app := filepath.Join(t.TempDir(), "app.json")
	raw, err := json.Marshal([]string{authenticator, "--vault", next.vault})
	if err == nil {
		err = os.WriteFile(app, raw, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	browser.Run(t, "river.mjs", p.url, codes.Codes[0], p.serial, made.Serial, app, next.pin)
	if got := p.token(p.serial).State; got != "REVOKED_TOKEN_LOST" {
		t.Errorf("the old token is %s", got)
	}
	if got := p.token(made.Serial).State; got != "VALID" {
		t.Errorf("the new token is %s", got)
	}
	if p.login.verify("user", "alice", old.otp()) {
		t.Error("the phone in the river signs in")
	}
	var told []string
	for _, action := range []string{"self.signed_in", "token.state_changed", "activation.taken", "activation.confirmed"} {
		if len(p.entries(action)) > 0 {
			told = append(told, action)
		}
	}
	if len(told) != 4 {
		t.Errorf("the log tells only %s", strings.Join(told, ", "))
	}
	p.auditOK()
}
