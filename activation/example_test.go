package activation_test

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"log"

	"ostiary/activation"
	"ostiary/oath"
)

// newProfile is the parameter sheet of the examples. Real ones keep the default
// Argon2id parameters.
func newProfile(suite string, change func(*activation.Profile)) *activation.Vector {
	p, err := activation.NewProfile(rand.Reader)
	check(err)
	s, err := activation.ParseSuite(suite)
	check(err)
	p.Prefix, p.Name, p.Issuer = "FDM", "Mobile", "Bank of Examples"
	p.Applications = []activation.Application{{Index: 1, Name: "Login", Mode: activation.ResponseOnly, Suite: s}}
	p.Rules.Argon2id = activation.Argon2id{Time: 1, Memory: 64, Parallelism: 1}
	change(p)
	v, err := p.Vector()
	check(err)
	return v
}

// scanner computes and finds the codes that confirm an activation.
func scanner(v *activation.Vector, secret activation.Secret, serial string, device activation.Secret) *oath.Scanner {
	app, _ := v.Confirming()
	key, err := v.AppKey(secret, serial, app.Index, device)
	check(err)
	s, err := oath.NewScanner(key, app.Suite.Hash, app.Suite.Digits)
	check(err)
	return s
}

// otp is the code that the app shows.
func otp(v *activation.Vector, secret activation.Secret, serial string, counter uint64,
	device activation.Secret) string {
	s := scanner(v, secret, serial, device)
	defer s.Wipe()
	return s.Code(counter)
}

// confirms reports whether a code is among ten from a counter on, as the server
// finds it out; then that counter and those below are spent.
func confirms(v *activation.Vector, secret activation.Secret, serial string, counter uint64, device activation.Secret,
	code string) bool {
	s := scanner(v, secret, serial, device)
	defer s.Wipe()
	_, found := s.Find(code, counter, 10)
	return found
}

// confirmsTwice asks for two codes in a row among a thousand.
func confirmsTwice(v *activation.Vector, secret activation.Secret, serial string, counter uint64, code,
	next string) bool {
	s := scanner(v, secret, serial, nil)
	defer s.Wipe()
	_, found := s.FindPair(code, next, counter, 1000)
	return found
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// A first activation offline: serial and activation code come in a letter, the
// password comes by another way, and the first one-time password is typed into the
// server's page.
func Example_offline() {
	vector := newProfile("HOTP-SHA1-6", func(p *activation.Profile) { p.Rules.NewKey = false })
	const serial = "FDM10000001"

	// The server. It keeps the secret, encrypted.
	secret, err := activation.NewSecret(rand.Reader)
	check(err)
	password, err := activation.NewPassword(rand.Reader)
	check(err)
	code, err := vector.MakeCode(secret, activation.CodeInput{Serial: serial, Password: password})
	check(err)
	letter := activation.Group(string(code))
	fmt.Println(len(letter), "characters in the letter,", len(activation.Group(string(password))), "in the message")

	// The app, with what the user typed.
	typedSerial, err := vector.Serial("fdm 1000 0001")
	check(err)
	got, err := vector.OpenCode(letter, activation.CodeInput{Serial: typedSerial, Password: password})
	check(err)
	shown := otp(vector, got, typedSerial, 0, nil)

	// The server again: the epoch counts from now on.
	fmt.Println("confirmed:", confirms(vector, secret, serial, 0, nil, shown))
	// Output:
	// 35 characters in the letter, 11 in the message
	// confirmed: true
}

// The same with a new key at each activation: once the second is confirmed, the
// server forgets the first secret, and the old device is worth nothing. Here the
// code travels in a code image.
func Example_newKey() {
	vector := newProfile("HOTP-SHA1-6", func(p *activation.Profile) { p.Rules.Password = false })
	const serial = "FDM10000001"
	var codes []string
	for range 2 {
		secret, err := activation.NewSecret(rand.Reader)
		check(err)
		code, err := vector.MakeCode(secret, activation.CodeInput{Serial: serial})
		check(err)
		image, err := activation.QRBody{Serial: serial, Code: code, UserID: "ann"}.Encode()
		check(err)

		body, err := activation.ReadQRBody(string(image))
		check(err)
		got, err := vector.OpenCode(string(body.Code), activation.CodeInput{Serial: body.Serial})
		check(err)
		fmt.Println("for", body.UserID+":", bytes.Equal(got, secret))
		codes = append(codes, otp(vector, got, serial, 0, nil)+otp(vector, got, serial, 1, nil))
	}
	fmt.Println("the old device shows the same codes:", codes[0] == codes[1])
	// Output:
	// for ann: true
	// for ann: true
	// the old device shows the same codes: false
}

// An online activation with device binding: the app needs the registration code
// and nothing else.
func Example_online() {
	vector := newProfile("HOTP-SHA256-8", func(p *activation.Profile) {
		p.Rules.Password, p.Rules.DeviceBinding = false,
			true
	})
	const serial = "FDM10000001"

	// The server makes an offer and shows it in a session of the user.
	registration, err := activation.NewRegistrationCode(rand.Reader)
	check(err)
	payload, err := activation.Offer{Server: "https://ostiary.example", Code: registration}.Encode()
	check(err)
	image, level, err := activation.Message{Type: activation.TypeOffer, Payload: payload}.QR()
	check(err)
	fmt.Printf("a code image of level %c\n", level)

	// The app scans it and asks the user. It keeps exchange.State until the end.
	message, err := activation.ReadMessage(string(image))
	check(err)
	offer, err := activation.ParseOffer(message.Payload)
	check(err)
	exchange, err := activation.NewExchange(
		offer.Code, activation.Device{Type: activation.Android, Name: "Ann's phone"}, rand.Reader)
	check(err)
	fmt.Println("POST", offer.Server+"/api/v1/activate")

	// The server looks the offer up by its locator.
	locator, err := activation.Locator(exchange.Request())
	check(err)
	request, err := activation.OpenRequest(exchange.Request(), registration)
	check(err)
	fmt.Println("the offer is found:", locator == registration.Locator(), "for", request.Device.Name)
	secret, err := activation.NewSecret(rand.Reader)
	check(err)
	code, err := vector.MakeCode(secret, activation.CodeInput{Serial: serial})
	check(err)
	sealed, err := request.Seal(&activation.FAD{Vector: vector, Serial: serial, Code: code, Label: "ann"}, nil)
	check(err)
	answer, err := request.Answer(sealed, 1_800_000_000)
	check(err)

	// The app knew no profile; it shows this one and asks.
	delivery, err := exchange.Open(answer)
	check(err)
	fad := delivery.FAD
	fmt.Println(fad.Vector.Profile().Issuer, fad.Serial, fad.Label)
	got, err := fad.Vector.OpenCode(string(fad.Code), activation.CodeInput{Serial: fad.Serial})
	check(err)
	device, err := activation.NewDeviceSecret(rand.Reader)
	check(err)
	derivation, err := activation.DerivationCode(got, fad.Serial, device)
	check(err)
	confirm, err := exchange.Confirm(
		activation.Confirmation{OTP: activation.Secret(otp(fad.Vector, got, fad.Serial, 0, device)),
			Derivation: derivation})
	check(err)

	// The server checks the derivation code first, then the one-time password.
	confirmed, err := activation.OpenConfirm(confirm, registration, request.Hash())
	check(err)
	bound, err := activation.OpenDerivationCode(string(confirmed.Derivation), secret, serial)
	check(err)
	done, err := confirmed.Answer(
		activation.Result{Accepted: confirms(vector, secret, serial, 0, bound, string(confirmed.OTP))})
	check(err)

	result, err := exchange.Result(confirm, done)
	check(err)
	fmt.Println("accepted:", result.Accepted)
	// Output:
	// a code image of level M
	// POST https://ostiary.example/api/v1/activate
	// the offer is found: true for Ann's phone
	// Bank of Examples FDM10000001 ann
	// accepted: true
}

// A reactivation offline: the letter has the event counters as well, and the code
// is bound to them.
func Example_reactivationWithERC() {
	vector := newProfile("HOTP-SHA1-6", func(p *activation.Profile) { p.Rules.Password = false })
	const serial = "FDM10000001"

	// The server, which has accepted the codes up to counter 41.
	counters := []uint64{42}
	secret, err := activation.NewSecret(rand.Reader)
	check(err)
	code, err := vector.MakeCode(secret, activation.CodeInput{Serial: serial, Counters: counters})
	check(err)
	erc, err := vector.MakeERC(serial, counters)
	check(err)
	fmt.Println("ERC", activation.Group(erc))

	// The app of the new device.
	read, err := vector.ReadERC(serial, activation.Group(erc))
	check(err)
	got, err := vector.OpenCode(string(code), activation.CodeInput{Serial: serial, Counters: read})
	check(err)
	next, err := vector.StartCounter(read[0], 0, false)
	check(err)
	fmt.Println("it goes on at", next)
	fmt.Println("confirmed:", confirms(vector, secret, serial, 42, nil, otp(vector, got, serial, next, nil)))

	// Without them, or with others, the code is refused.
	_, err = vector.OpenCode(string(code), activation.CodeInput{Serial: serial})
	fmt.Println(err)
	// Output:
	// ERC 00000-00042-50
	// it goes on at 42
	// confirmed: true
	// the activation code is not right: check the code, the serial number and the event counter code, if there is one
}

// A reactivation online that sends the same secret again: the counters come sealed
// (XERC), and the device takes the higher of its own and the server's.
func Example_reactivationWithXERC() {
	vector := newProfile("HOTP-SHA1-6", func(p *activation.Profile) { p.Rules.Password, p.Rules.NewKey = false, false })
	const serial = "FDM10000001"
	secret, err := activation.NewSecret(rand.Reader)
	check(err)
	registration, err := activation.NewRegistrationCode(rand.Reader)
	check(err)
	exchange, err := activation.NewExchange(registration, activation.Device{Type: activation.IOS, Name: "Ann's phone"},
		rand.Reader)
	check(err)

	// The server.
	counters := []uint64{42}
	request, err := activation.OpenRequest(exchange.Request(), registration)
	check(err)
	code, err := vector.MakeCode(secret, activation.CodeInput{Serial: serial, Counters: counters})
	check(err)
	sealed, err := request.Seal(&activation.FAD{Vector: vector, Serial: serial, Code: code}, counters)
	check(err)
	answer, err := request.Answer(sealed, 1_800_000_000)
	check(err)

	// The app, which was configured with this profile and has shown codes up to 49.
	delivery, err := exchange.Open(answer)
	check(err)
	fmt.Println("the profile is ours:", delivery.FAD.Vector.Hash() == vector.Hash())
	got, err := vector.OpenCode(string(delivery.FAD.Code),
		activation.CodeInput{Serial: delivery.FAD.Serial, Counters: delivery.Counters})
	check(err)
	next, err := vector.StartCounter(delivery.Counters[0], 50, true)
	check(err)
	fmt.Println("it goes on at", next)

	// Where the same secret came again, two codes in a row confirm.
	confirm, err := exchange.Confirm(activation.Confirmation{
		OTP:  activation.Secret(otp(vector, got, serial, next, nil)),
		Next: activation.Secret(otp(vector, got, serial, next+1, nil)),
	})
	check(err)
	confirmed, err := activation.OpenConfirm(confirm, registration, request.Hash())
	check(err)
	fmt.Println("confirmed:", confirmsTwice(vector, secret, serial, 42, string(confirmed.OTP), string(confirmed.Next)))
	// Output:
	// the profile is ours: true
	// it goes on at 50
	// confirmed: true
}
