package serve

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"strings"

	"ostiary/internal/core/authz"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/credentials"
	"ostiary/internal/engine/imports"
	"ostiary/internal/engine/tokens"
	"ostiary/oath"
	"ostiary/pskc"
)

// demo is what a visitor can try.
type demo struct {
	aliceCode, bobSerial, bobCode string
	key                           string
}

// samples are the tokens of a demo; their secrets are random.
var samples = []pskc.Key{
	{ID: "900000001", Serial: "900000001", Kind: pskc.HOTP, Hash: "SHA1", Manufacturer: "Sample Works", Model: "Fob"},
	{ID: "900000002", Serial: "900000002", Kind: pskc.HOTP, Hash: "SHA1", Manufacturer: "Sample Works", Model: "Fob"},
	{ID: "900000003", Serial: "900000003", Kind: pskc.TOTP, Hash: "SHA1", Manufacturer: "Sample Works", Model: "Card"},
	{ID: "900000004", Serial: "900000004", Kind: pskc.TOTP, Hash: "SHA256", Manufacturer: "Sample Works",
		Model: "Card"},
	{ID: "900000005", Serial: "900000005", Kind: pskc.TOTP, Hash: "SHA1", Manufacturer: "Sample Works", Model: "Card"},
}

// fillDemo imports sample tokens, makes users, and prepares two codes to try.
func (s *Server) fillDemo(ctx context.Context) error {
	keys := &sampleKeys{}
	if _, err := s.imports.Import(
		ctx, imports.Request{Keys: keys, Label: "demo", Origin: system()}); err != nil {
		return err
	}
	for _, name := range []string{"alice", "bob"} {
		if _, err := s.users.Add(ctx, name, system()); err != nil {
			return err
		}
	}
	for serial, user := range map[string]string{"900000001": "alice", "900000003": "alice", "900000002": "bob"} {
		if _, err := s.lifecycle.Assign(ctx, tokens.Selector{Serial: serial}, user, system()); err != nil {
			return err
		}
	}
	if _, err := s.lifecycle.SetState(ctx, tokens.Selector{Serial: "900000005"}, token.RevokedLost,
		"left on a train", system()); err != nil {
		return err
	}
	_, key, err := s.keys.Create(ctx, authz.Principal{Name: "system", Role: authz.Root},
		credentials.KeyRequest{Name: "demo", Role: authz.Verifier},
		system())
	s.demo = &demo{aliceCode: keys.codes[0], bobSerial: "900000002", bobCode: keys.codes[1], key: key}
	return err
}

// sampleKeys gives the samples with fresh secrets and keeps the first codes of
// the HOTP ones.
type sampleKeys struct {
	next  int
	codes []string
}

func (k *sampleKeys) Next() (*pskc.Key, error) {
	if k.next == len(samples) {
		return nil, io.EOF
	}
	key := samples[k.next]
	k.next++
	key.Secret = make([]byte, 20)
	if _, err := rand.Read(key.Secret); err != nil {
		return nil, err
	}
	if key.Kind == pskc.HOTP {
		code, err := oath.HOTP(key.Secret, 0, oath.SHA1, key.Digits())
		if err != nil {
			return nil, err
		}
		k.codes = append(k.codes, code)
	}
	return &key, nil
}

// print tells a visitor what there is to try.
func (d *demo) print(out io.Writer, address, data string) {
	fmt.Fprintf(out, `
A demo with %d sample tokens and 2 users. All of it is deleted when you stop it with Ctrl-C.

Open the console in a browser, and sign in as ROOT with the password above:

  %s

Try a code, in another terminal:

  %s token verify %s %s --data %s

  curl -s %s/api/v1/verify -H 'Content-Type: application/json' \
    -H 'Authorization: Bearer %s' \
    -d '{"user":"alice","otp":"%s"}'

A code works once: try it again.

`, len(samples), strings.Replace(address, "127.0.0.1", "localhost", 1), os.Args[0], d.bobSerial, d.bobCode, data, address, d.key, d.aliceCode)
}
