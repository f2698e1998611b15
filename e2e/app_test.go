package e2e

import (
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"testing"
	"time"

	"ostiary/activation"
	"ostiary/internal/doors/wire"
)

// exchanged is an online activation whose app is package activation.
type exchanged struct {
	*activation.Exchange
	t        testing.TB
	password string
	secret   activation.Secret // S, once the offer is taken
}

func newExchange(t testing.TB, offer wire.Activation) *exchanged {
	t.Helper()
	code, err := activation.ParseRegistrationCode(offer.Registration)
	if err != nil {
		t.Fatal(err)
	}
	e, err := activation.NewExchange(code, activation.Device{Type: activation.Desktop, Name: "on the desk"},
		rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &exchanged{Exchange: e, t: t, password: offer.Password}
}

// confirmation is the body that confirms by a one-time password.
func (e *exchanged) confirmation(otp string) string {
	e.t.Helper()
	body, err := e.Confirm(activation.Confirmation{OTP: activation.Secret(otp)})
	if err != nil {
		e.t.Fatal(err)
	}
	return string(body)
}

// complete takes the offer, and gives the token that the app has become.
func (e *exchanged) complete(s *server) device {
	e.t.Helper()
	send := func(path, body string) []byte {
		a := s.as("").raw(http.MethodPost, path, "application/cbor", body)
		if a.status != http.StatusOK {
			e.t.Fatalf("%s: %d %s", path, a.status, a.body)
		}
		return a.body
	}
	got, err := e.Open(send("/api/v1/activate", string(e.Request())))
	if err != nil {
		e.t.Fatal(err)
	}
	v, serial := got.FAD.Vector, got.FAD.Serial
	if e.secret, err = v.OpenCode(string(got.FAD.Code),
		activation.CodeInput{Serial: serial, Password: activation.Secret(e.password),
			Counters: got.Counters}); err != nil {
		e.t.Fatal(err)
	}
	key, err := v.AppKey(e.secret, serial, 1, nil)
	if err != nil {
		e.t.Fatal(err)
	}
	app := device{Serial: serial, Kind: "totp", Seed: hex.EncodeToString(key), Digits: 6, Interval: 30, Hash: "SHA256"}
	confirm := e.confirmation(app.at(e.t, time.Now(), 0))
	result, err := e.Result([]byte(confirm), send("/api/v1/activate/confirm", confirm))
	if err != nil || !result.Accepted {
		e.t.Fatalf("confirmed: %+v, %v", result, err)
	}
	return app
}
