package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"time"

	"ostiary/bench/process"
	"ostiary/internal/doors/client"
	"ostiary/internal/doors/wire"
	"ostiary/oath"
)

const (
	few      = 20 // names of each case that can be asked for again and again
	wrong    = "000000"
	failures = 10 // that lock
)

// setting is a server with tokens and users of whom codes are refused.
type setting struct {
	server  *process.Server
	samples int
	locking bool
	key     string // of a verifier

	users   map[string][]string // names by case
	serials map[string][]string
}

// refusals are codes that are refused for one reason: sample i under the i-th name, and
// from the first again behind the last.
type refusals struct {
	name  string
	field string // of the request: serial or user
	names []string
	otp   string          // "" for the right code of each
	took  []time.Duration // by sample
}

// group is cases that get the same answer; all others are compared with the first.
type group struct {
	name  string
	cases []refusals
}

func (s *setting) groups(recorded bool) []group {
	once := "once, only counted"
	if recorded {
		once = "once, recorded"
	}
	var all []group
	for _, by := range []struct {
		field string
		names map[string][]string
	}{{"user", s.users}, {"serial", s.serials}} {
		repeated := group{by.field + ": the same names again and again", nil}
		add := func(name, of, otp string) {
			repeated.cases = append(repeated.cases, refusals{name: name, field: by.field, names: by.names[of], otp: otp})
		}
		add("unknown", "unknown", wrong)
		add("unknown, other names", "control", wrong) // what the same gives
		if by.field == "user" {
			add("without tokens", "without", wrong)
		}
		add("revoked", "revoked", wrong)
		add("revoked, right code", "revoked", "")
		add("PENDING", "pending", wrong)
		if s.locking {
			add("locked", "locked", wrong)
			add("locked, right code", "locked", "")
		}
		all = append(all, repeated, group{by.field + ": each name once", []refusals{
			{name: "unknown", field: by.field, names: by.names["unknown "+once], otp: wrong},
			{name: "wrong code, counted", field: by.field, names: by.names[once], otp: wrong},
		}})
	}
	return all
}

// prepare makes the tokens and users, and puts them into their states.
func (s *setting) prepare() error {
	ctx, local := context.Background(), s.server.Local()
	defer local.Close()
	key, err := local.CreateKey(ctx, wire.KeyRequest{Name: "bench", Role: "verifier"})
	if err != nil {
		return err
	}
	s.key = key.Text
	s.users, s.serials = map[string][]string{}, map[string][]string{}
	file := bytes.NewBufferString(`<?xml version="1.0"?><KeyContainer Version="1.0" xmlns="urn:ietf:params:xml:ns:keyprov:pskc">`)
	at := 0
	name := func(of string, n int, token, user bool) {
		for range n {
			at++
			serial, login := fmt.Sprintf("S%07d", at), fmt.Sprintf("u%07d", at)
			s.serials[of], s.users[of] = append(s.serials[of], serial), append(s.users[of], login)
			if token {
				writeKey(file, serial, login)
			} else if user && err == nil {
				_, err = local.AddUser(ctx, login)
			}
		}
	}
	name("unknown", few, false, false)
	name("control", few, false, false)
	name("without", few, false, true)
	name("revoked", few, true, true)
	name("locked", few, true, true)
	for _, once := range []string{"once, recorded", "once, only counted"} {
		name(once, s.samples, true, true)
		name("unknown "+once, s.samples, false, false)
	}
	if err != nil {
		return err
	}
	file.WriteString("</KeyContainer>")
	if _, err := local.Import(ctx, client.Upload{File: file, Name: "bench.pskc", CreateUsers: true}); err != nil {
		return err
	}
	for _, serial := range s.serials["revoked"] {
		if _, err := local.SetState(ctx, client.Selector{Serial: serial}, wire.StateRequest{
			State: "REVOKED_TOKEN_LOST"}); err != nil {
			return err
		}
	}
	if err := s.pending(ctx, local); err != nil {
		return err
	}
	if s.locking {
		return s.lock(ctx, local)
	}
	return nil
}

// pending makes tokens whose first code never comes.
func (s *setting) pending(ctx context.Context, local *client.Client) error {
	for i := range few {
		login := fmt.Sprintf("pending%04d", i)
		if _, err := local.AddUser(ctx, login); err != nil {
			return err
		}
		made, err := local.CreateTokens(ctx, wire.TokenRequest{Type: "app-hotp", User: login})
		if err != nil {
			return err
		}
		s.users["pending"] = append(s.users["pending"], login)
		s.serials["pending"] = append(s.serials["pending"], made.Tokens[0].Serial)
	}
	return nil
}

// lock presents as many wrong codes as lock, and waits for the delay after each.
func (s *setting) lock(ctx context.Context, local *client.Client) error {
	fmt.Println("locking tokens, which takes two minutes …")
	for n := range failures {
		for _, login := range s.users["locked"] {
			if _, err := local.Verify(ctx, wire.VerifyRequest{User: login, OTP: wrong}); err != nil {
				return err
			}
		}
		if n >= 2 && n < failures-1 {
			time.Sleep(time.Second<<(n-2) + 100*time.Millisecond)
		}
	}
	list, err := local.Users(ctx, client.UserFilter{Locked: true}, client.Page{Limit: 1000})
	if err == nil && len(list.Users) != few {
		err = fmt.Errorf("%d users are locked, want %d", len(list.Users), few)
	}
	return err
}

func writeKey(file *bytes.Buffer, serial, login string) {
	fmt.Fprintf(file, `<KeyPackage><DeviceInfo><Manufacturer>BENCH</Manufacturer><SerialNo>%s</SerialNo></DeviceInfo>`+
		`<Key Id="1" Algorithm="urn:ietf:params:xml:ns:keyprov:pskc:hotp"><AlgorithmParameters><ResponseFormat `+
		`Length="6" Encoding="DECIMAL"/></AlgorithmParameters><Data><Secret><PlainValue>%s</PlainValue></Secret>`+
		`<Counter><PlainValue>500</PlainValue></Counter></Data><UserId>%s</UserId></Key></KeyPackage>`+"\n",
		serial, base64.StdEncoding.EncodeToString(seed(serial)), login)
}

// seed is the secret of a token by the number in its name, which is that of its user, too.
func seed(name string) []byte {
	var n uint32
	_, _ = fmt.Sscanf(name[1:], "%d", &n)
	s := []byte("ostiary benchmark!!!")
	binary.BigEndian.PutUint32(s, n)
	return s
}

// right is the code of a token that was never used.
func right(name string) (string, error) { return oath.HOTP(seed(name), 500, oath.SHA1, 6) }
