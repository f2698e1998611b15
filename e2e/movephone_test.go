package e2e

import (
	"encoding/base64"
	"encoding/hex"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"ostiary/internal/doors/wire"
	"ostiary/pskc"
)

// A phone goes on with a server that its token moved to: its codes count there alone, a
// code that was used is used, and it is activated again there. A third server that takes
// the same file in has a receipt that is refused.
func TestPhoneMoves(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, algorithm, hash, prefix string }{
		{"plain", "HOTP", "SHA1", "EXP"}, {"bound", "TOTP", "SHA256", "EXB"}, {"bank", "TOTP", "SHA256", "BNK"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			sheet := "../examples/profiles/" + c.name + ".toml"
			old := withProfile(t, sheet, c.algorithm, c.hash, c.prefix)
			mine := newPhone(t)
			a := old.offline()
			old.confirm(mine.activate(a.Password, old.typed(a)...))
			used := old.later(mine)
			if !old.login.verify("serial", old.serial, used) {
				t.Fatal("the phone is refused where it was activated")
			}
			// The other servers have a profile of this name that is another one.
			receiver := func() *phones {
				s := start(t, newData(t))
				s.ok("profile", "create", "sheet", "--file", sheet)
				s.ok("type", "create", "phone", "--kind", "software", "--algorithm", c.algorithm, "--hash", c.hash,
					"--prefix", c.prefix, "--activation", "one-step", "--profile", "sheet")
				return &phones{s, s.as(s.key("login", "verifier")), old.serial, old.vector}
			}
			there, third := receiver(), receiver()
			file, _ := old.exportFile("--move", "--all")
			if old.login.verify("serial", old.serial, old.later(mine)) {
				t.Error("a code is accepted at the source while the token moves")
			}
			run := there.receive(file, 1, "--create-users")
			defer hiddenNowhere(t, file, old.server, there.server)
			if there.login.verify("serial", there.serial, used) {
				t.Error("a code that was used at the source is accepted at the target")
			}
			there.unlock()
			if !there.login.verify("serial", there.serial, there.later(mine)) {
				t.Error("the phone is refused at the target")
			}
			old.ok("move", "confirm", there.receiptFile(run))
			second := third.receive(file, 1, "--create-users")
			old.exits(2, "move", "confirm", third.receiptFile(second))
			if old.login.verify("serial", old.serial, old.later(mine)) {
				t.Error("a code is accepted at the source after the move")
			}
			b := there.offline()
			there.confirm(mine.activate(b.Password, there.typed(b)...))
			if !there.login.verify("serial", there.serial, there.later(mine)) {
				t.Error("activated again at the target, the phone is refused")
			}
			there.auditOK()
			old.auditOK()
		})
	}
}

// A phone whose token got another serial by the move is activated again with what the
// command shows and with what the letter has printed: the serial that the phone knows.
func TestRenumberedPhoneIsActivatedAgain(t *testing.T) {
	t.Parallel()
	need(t, "pdftotext", "poppler-utils")
	old := withProfile(t, "../examples/profiles/plain.toml", "HOTP", "SHA1", "EXP")
	mine := newPhone(t)
	old.confirm(mine.activate("", old.typed(old.offline())...))
	s := start(t, newData(t))
	s.phoneType()
	s.ok("user", "add", "carol")
	s.ok("token", "create", "phone", "--user", "carol") // has the serial of alice's
	file, _ := old.exportFile("--move", "--all")
	old.ok("move", "confirm", s.receiptFile(s.receive(file, 1, "--create-users", "--new-serials")))
	const here = "EXP10000002"
	there := &phones{s, s.as(s.key("login", "verifier")), here, old.vector}
	there.logsIn(mine, 1, true)

	letter := writeFile(t, "letter", "") + ".pdf"
	for _, shown := range []func() string{
		func() string { return s.ok("activation", "offline", here) },
		func() string {
			s.ok("activation", "reset", here, "--interval")
			s.ok("activation", "offline", here, "--letter", letter)
			text, err := exec.Command("pdftotext", "-layout", letter, "-").Output()
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(text), "Serial number (Server: "+here+")") {
				t.Errorf("the letter does not have the serial of the server:\n%s", text)
			}
			return string(text)
		},
	} {
		text := shown()
		serial := regexp.MustCompile(`(?m)^(?:Serial)? *(EXP[0-9]{8})$`).FindStringSubmatch(text)
		code := regexp.MustCompile(`(?m)^(?:Activation code)? *((?:[0-9A-Z]{5}-){5}[0-9A-Z]{5})$`).FindStringSubmatch(text)
		erc := regexp.MustCompile(`(?m)^(?:Event counter code)? *([0-9]{5}-[0-9-]+)$`).FindStringSubmatch(text)
		if serial == nil || code == nil || erc == nil {
			t.Fatalf("serial %q, code %q, event counter code %q in:\n%s", serial, code, erc, text)
		}
		if serial[1] != old.serial {
			t.Errorf("shown is the serial %s, and the phone knows %s", serial[1], old.serial)
		}
		done := mine.activate("", "--static-vector-file", there.vector, "--serial", serial[1], "--code", code[1], "--erc",
			erc[1])
		if !done.Again {
			t.Error("it is another account beside the one of the phone")
		}
		there.confirm(done)
		mine.ok("confirm", "--keep")
		there.logsIn(mine, 1, true)
	}
	if n := len(decode[wire.Activation](s, "activation", "offline", here).DeviceSerial); n == 0 {
		t.Error("the answer does not have the serial of the phone")
	}
	s.auditOK()
}

// A move that is cancelled leaves the phone as it was.
func TestPhoneStaysWhenAMoveIsCancelled(t *testing.T) {
	t.Parallel()
	p := withProfile(t, "../examples/profiles/plain.toml", "HOTP", "SHA1", "EXP")
	mine := newPhone(t)
	p.confirm(mine.activate("", p.typed(p.offline())...))
	_, move := p.exportFile("--move", "--all")
	p.logsIn(mine, 1, false)
	p.ok("move", "cancel", move, "--yes")
	p.unlock()
	p.logsIn(mine, 2, true)
	p.auditOK()
}

// receiptFile is the receipt of an import as a file.
func (s *server) receiptFile(run int64) string {
	s.t.Helper()
	file := writeFile(s.t, "receipt", "") + ".json"
	s.ok("import", "receipt", strconv.FormatInt(run, 10), file)
	return file
}

// hiddenNowhere demands that no secret of a file is in a log of the servers, or in what
// they answer of the import.
func hiddenNowhere(t *testing.T, file string, servers ...*server) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := pskc.NewReader(f, pskc.Options{Passphrase: pskc.Secret(movePhrase)})
	if err != nil {
		t.Fatal(err)
	}
	key, err := r.Next()
	if err != nil || len(key.Hidden) < 2 {
		t.Fatalf("%d hidden properties, %v", len(key.Hidden), err)
	}
	for _, s := range servers {
		said := s.log.String() + s.ok("audit", "list", "--json", "--limit", "1000") + s.ok("import", "list", "--json")
		for _, h := range key.Hidden {
			for _, text := range []string{string(h.Value), hex.EncodeToString(h.Value),
				base64.StdEncoding.EncodeToString(h.Value)} {
				if strings.Contains(said, text) {
					t.Errorf("%s of the file is in what the server on %s says", h.Name, s.data)
				}
			}
		}
	}
}
