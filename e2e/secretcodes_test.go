package e2e

import (
	"encoding/hex"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"ostiary/internal/doors/wire"
)

var (
	groups  = regexp.MustCompile(`\b[0-9A-Z]{5}(-[0-9A-Z]{5})+\b`)
	message = regexp.MustCompile(`OST1:[0-9A-Z $%*+./:-]+`)
)

// secretCodes adds all that an activation shows, from its text or its JSON:
// activation codes, passwords, registration codes.
func (w *watch) secretCodes(name, shown string) {
	w.t.Helper()
	found := groups.FindAllString(shown, -1)
	if len(found) == 0 {
		w.t.Errorf("%s shows no code: %s", name, shown)
	}
	for _, code := range found {
		plain := strings.ReplaceAll(code, "-", "")
		w.secretText(name, code)
		w.secretText(name, plain)
		if len(plain) == 25 {
			w.secretText(name, plain[5:23]) // the locator before it is no secret
		}
	}
	for _, offer := range message.FindAllString(shown, -1) {
		w.secretText(name, offer)
	}
}

// secretApp adds what an app has: the secret S, and the key that comes from it.
func (w *watch) secretApp(app device, e *exchanged) {
	w.secretSeed(app)
	w.secretBytes("the secret of "+app.Serial, hex.EncodeToString([]byte(string(e.secret))))
}

// activations runs the commands of activations.
func (w *watch) activations(n int, form []string) {
	t, dir := w.t, w.t.TempDir()
	did := func(code int, args []string, allowed ...string) string {
		return w.did(code, append(args, form...), allowed...)
	}
	shows := func(what string, args ...string) string {
		name := fmt.Sprint(what, " ", n)
		out := did(0, args, name)
		w.secretCodes(name, out)
		return out
	}
	serial := decode[wire.NewTokens](w.server, "token", "create", phoneType).Tokens[0].Serial
	password := "the owl " + random(12)
	w.secretText("an activation password", password)
	shows("typed codes", "activation", "offline", serial)
	shows("a letter", "activation", "offline", serial, "--letter", filepath.Join(dir, "letter.pdf"))
	did(0, []string{"activation", "letter-text"})
	shows("a letter in other words", "activation", "offline", serial, "--letter", filepath.Join(dir, "brief.pdf"),
		"--letter-text", writeFile(t, "brief.toml", w.did(0, []string{"activation", "letter-text", "--language", "de"})))
	shows("an image", "activation", "qr", serial, "--out", filepath.Join(dir, "code.png"))
	out := shows("an offer", "activation", "offer", serial, "--password-file", writeFile(t, "password", password))
	offer := wire.Activation{Registration: groups.FindString(out), Password: password}
	did(1, []string{"activation", "confirm", serial, "--otp", "000000"})
	e := newExchange(t, offer)
	w.secretApp(e.complete(w.server), e)
	did(0, []string{"activation", "show", serial})
	did(0, []string{"activation", "reset", serial})
	shows("again", "activation", "offline", serial, "--reason", "device-lost")
	did(0, []string{"activation", "cancel", serial})
	did(0, []string{"activation", "unbind", serial, "--yes"})
	did(2, []string{"activation", "confirm", serial, "--otp", "000000", "--derivation-code", "00000-00000-00000-00000"})
	did(2, []string{"activation", "offline", serial, "--password-file", writeFile(t, "password", password+"\u00e9")})
	codes, passwords := filepath.Join(dir, "codes.csv"), filepath.Join(dir, "passwords.csv")
	did(2, []string{"activation", "batch", "--type", phoneType, "--count", "2", "--out", codes})
	did(0, []string{"activation", "batch", "--type", phoneType, "--count", "2", "--out", codes, "--passwords",
		passwords})
	w.secretCodes(fmt.Sprint("codes made ahead ", n), read(t, codes))
	w.secretCodes(fmt.Sprint("their passwords ", n), read(t, passwords))
}
