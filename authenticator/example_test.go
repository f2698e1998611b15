package authenticator_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"ostiary/activation"
	"ostiary/authenticator"
)

// records is a storage for an example. A real one outlives the program, and keeps what
// authenticator.Storage promises.
type records map[string][]byte

func (r records) List() (names []string, err error) {
	for name := range r {
		names = append(names, name)
	}
	return names, nil
}

func (r records) Read(name string) ([]byte, error) {
	if record, ok := r[name]; ok {
		return record, nil
	}
	return nil, fs.ErrNotExist
}

func (r records) Write(name string, record []byte) error {
	r[name] = record
	return nil
}

func (r records) Remove(name string) error {
	delete(r, name)
	return nil
}

// A token is activated by a letter, and shows a code.
func Example() {
	// What the letter says; the static vector comes with the app.
	vector, serial, code := exampleLetter()

	key := make(authenticator.Secret, 32) // kept by the platform
	_, _ = rand.Read(key)                 // it never fails
	platform, err := authenticator.KeyBytes(key)
	if err != nil {
		panic(err)
	}
	vault, err := authenticator.Open(authenticator.Config{Storage: records{}, Platform: platform, Random: rand.Reader,
		Now: time.Now, Vector: vector})
	if err != nil {
		panic(err)
	}

	done, err := vault.Activate(authenticator.Offline{Serial: serial, Code: code},
		authenticator.Choice{Name: "My bank", PIN: authenticator.Secret("283947")})
	if err != nil {
		panic(err)
	}
	fmt.Println("Type", string(done.Confirmation.OTP), "into the server's page.")

	_, err = vault.Code(done.Account.ID, authenticator.Secret("283948"), 0)
	if wrong, ok := errors.AsType[*authenticator.PINError](err); ok {
		fmt.Println("Wrong PIN,", wrong.TriesLeft, "tries left.")
	}
	next, err := vault.Code(done.Account.ID, authenticator.Secret("283947"), 0)
	if err != nil {
		panic(err)
	}
	fmt.Println("The next code is", string(next.Text)+".")

	// Output:
	// Type 560567 into the server's page.
	// Wrong PIN, 4 tries left.
	// The next code is 288669.
}

// exampleLetter plays the server.
func exampleLetter() (*activation.Vector, string, authenticator.Secret) {
	p := sheet(func(p *activation.Profile) { p.Applications[0].Suite = suite("HOTP-SHA1-6") })
	vector := must(p.Vector())
	secret := activation.Secret("0123456789abcdef")
	return vector, "FDM10000001", must(vector.MakeCode(secret, activation.CodeInput{Serial: "FDM10000001"}))
}
