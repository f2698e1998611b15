package activation

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"

	"ostiary/internal/test/wasmtest"
)

// Item 11: native and WebAssembly builds agree byte for byte, on all that is read of
// the vectors, refusals included, and on what is made with the same randomness.
// (Encapsulation draws its own; so sealed data is opened alone.)
func TestItem11WasmAgrees(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	set := loadVectors(t)
	for _, file := range sortedKeys(readers) {
		for _, c := range set.files[file].Cases {
			got, err := readers[file](set, c.In)
			fmt.Fprintf(&b, "%s: %s: %s %v\n", file, c.Name, must(json.Marshal(got)), err)
		}
	}
	all := profiles()
	for _, name := range sortedKeys(all) {
		if v := all[name]; v.oneStep() == nil {
			for range 3 {
				transcribe(&b, name, v)
			}
		}
	}
	wasmtest.Agree(t, b.Bytes())
}

// transcribe makes one of everything, with randomness that goes on from what was
// written before.
func transcribe(b *bytes.Buffer, name string, v *Vector) {
	random := stream(name + b.String())
	say := func(what string, x []byte) { fmt.Fprintf(b, "%s: %s %x\n", name, what, x) }
	drawn := must(NewProfile(random))
	say("profile", append(drawn.ID[:], drawn.Key[:]...))

	in := input(v)
	if in.Password != nil {
		in.Password = must(NewPassword(random))
		say("password", in.Password)
	}
	for range v.EventApplications() {
		in.Counters = append(in.Counters, random.Uint64()%MaxCounter)
	}
	secret := must(NewSecret(random))
	code := must(v.MakeCode(secret, in))
	say("code", code)
	say("secret", must(v.OpenCode(string(code), in)))
	erc := ""
	if in.Counters != nil {
		erc = must(v.MakeERC(in.Serial, in.Counters))
	}
	say("QR body", must(QRBody{in.Serial, code, erc, "Zoë", "4711"}.Encode()))
	say("FAD", must((&FAD{Vector: v, Serial: in.Serial, Code: code, Label: "Zoë"}).Encode()))

	device := must(NewDeviceSecret(random))
	derivation := must(DerivationCode(secret, in.Serial, device))
	say("derivation", derivation)
	if !v.profile.Rules.DeviceBinding {
		device, derivation = nil, nil
	}
	for _, app := range v.profile.Applications {
		say("key", must(v.AppKey(secret, in.Serial, app.Index, device)))
	}

	registration := must(NewRegistrationCode(random))
	say("registration", registration.Text())
	offer := Message{TypeOffer, must(Offer{"https://bank.example", registration}.Encode())}
	qr, level, err := offer.QR()
	say(fmt.Sprintf("offer %c %v", level, err), qr)
	say("link", must(offer.Link("https://bank.example")))
	e := must(NewExchange(registration, Device{Android, "Zoë's"}, random))
	say("state", must(e.State()))
	say("request", e.Request())
	confirm := must(e.Confirm(Confirmation{OTP: Secret("123456"), Derivation: derivation}))
	say("confirm", confirm)
	answer := must(must(OpenConfirm(confirm, registration, e.hash())).Answer(Result{TriesLeft: 3}))
	say("answer", answer)
	result, err := e.Result(confirm, answer)
	say(fmt.Sprintf("result %+v %v", result, err), nil)
}
