package activation

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// However a value that holds secrets is printed, none shows.
func TestSecretsAreNotPrinted(t *testing.T) {
	t.Parallel()
	v := vector(events)
	o := testOnline(t, v, 1, 2)
	in := input(v, 1, 2)
	delivery := must(o.exchange.Open(o.answer))
	device := Secret(bytesOf("device", DeviceSecretSize))
	derivation := must(DerivationCode(testSecret, testSerial, device))
	confirmation := Confirmation{OTP: Secret("31415926"), Next: Secret("27182818"), Derivation: derivation}
	confirm := must(OpenConfirm(must(o.exchange.Confirm(confirmation)), o.code, o.request.Hash()))
	offer := Offer{"https://ostiary.example", o.code}
	state := must(o.exchange.State())
	seed := must(o.exchange.private().Bytes())
	body := QRBody{Serial: testSerial, Code: o.fad.Code}

	values := []any{
		testSecret, device, []Secret{testSecret}, in, &in, o.fad, *o.fad, delivery, *delivery, body, &body, o.code,
		&o.code, offer, &offer, o.exchange, *o.exchange,
		o.request, *o.request, confirmation, confirm, *confirm, state, derivation, must(offer.Encode()),
		Message{TypeOffer, must(offer.Encode())},
		map[string]any{"exchange": *o.exchange, "code": o.code}, struct{ private RegistrationCode }{o.code},
		struct{ E Exchange }{*o.exchange},
	}
	var out bytes.Buffer
	for _, v := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b", "%t", "%U", "%e"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		b, err := json.Marshal(v)
		if err != nil && !strings.Contains(err.Error(), "unsupported type: func") {
			t.Fatal(err)
		}
		out.Write(b)
		for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
			slog.New(h).Info("m", "v", v)
		}
	}
	b, err := xml.Marshal(testSecret)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(b)
	got := out.String()
	if !strings.Contains(got, redacted) {
		t.Error("nothing redacted")
	}
	text := string(o.code.Text())
	for name, secret := range map[string][]byte{
		"secret": testSecret, "device": device, "password": []byte(testPassword), "activation code": o.fad.Code,
		"R": []byte(text[5:23]), "seed": seed,
		"OTP": []byte("31415926"), "next OTP": []byte("27182818"), "derivation code": derivation,
	} {
		for _, shape := range []string{
			string(secret), base64.StdEncoding.EncodeToString(secret), fmt.Sprintf("%x", secret),
			fmt.Sprintf("%X", secret),
			strings.Trim(fmt.Sprintf("%d", secret), "[]"), strings.Trim(fmt.Sprintf("%o", secret), "[]"),
			strings.Trim(fmt.Sprintf("%b", secret), "[]"),
			strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", secret), "[]byte{"), "}"),
			strings.Trim(fmt.Sprintf("%U", secret), "[]"),
		} {
			if i := strings.Index(got, shape); i >= 0 {
				t.Errorf("%s is printed: %s", name, got[max(0, i-60):i+len(shape)])
			}
		}
	}
}

// Each error is one of its own, says what to do, and no reason hides which it is.
func TestErrorsAreToldApart(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for name, err := range sentinels {
		if other, twice := seen[err.Error()]; twice {
			t.Errorf("%s and %s say the same", name, other)
		}
		seen[err.Error()] = name
	}
	if got := (&detail{ErrVector, "PIN: unknown level"}).Error(); got != ErrVector.Error()+" (PIN: unknown level)" {
		t.Error(got)
	}
}
