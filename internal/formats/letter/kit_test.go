package letter

import (
	"bytes"
	"crypto/sha256"
	"image"
	"image/png"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ostiary/activation"
)

var (
	made    = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	expires = made.AddDate(0, 0, 7)
)

const password = "ABCDE12345"

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// vector is that of a profile with activation passwords, as cheap as rules allow.
func vector(change func(*activation.Profile)) *activation.Vector {
	p := must(activation.NewProfile(rand.NewChaCha8(sha256.Sum256([]byte("profile")))))
	p.Prefix, p.Name, p.Issuer, p.IssuerKey[0] = "FDM", "Examples Mobile", "Bank of Examples", 7
	p.Rules.Argon2id = activation.Argon2id{Time: 1, Memory: 8, Parallelism: 1}
	p.Applications = applications(1)
	change(p)
	return must(p.Vector())
}

// applications are so many that count events.
func applications(n int) (apps []activation.Application) {
	for i := range n {
		apps = append(apps, activation.Application{Index: i + 1, Name: "Login", Mode: activation.ResponseOnly,
			Suite: must(activation.ParseSuite("HOTP-SHA1-6"))})
	}
	return apps
}

// of is the letter of a token.
func of(v *activation.Vector, serial string, counters ...uint64) Letter {
	p := v.Profile()
	in := activation.CodeInput{Serial: serial, Counters: counters}
	if p.Rules.Password {
		in.Password = activation.Secret(password)
	}
	l := Letter{Issuer: p.Issuer, Profile: p.Name, User: "Ann", Serial: serial, Server: "https://otp.example.com",
		Expires:  expires,
		Password: p.Rules.Password, Binding: p.Rules.DeviceBinding}
	l.Code = must(v.MakeCode(bytes.Repeat([]byte{0x5a}, activation.SecretSize), in))
	if counters != nil {
		l.ERC = must(v.MakeERC(serial, counters))
	}
	l.QRBody = must(activation.QRBody{Serial: serial, Code: l.Code, ERC: l.ERC}.Encode())
	return l
}

func plain(p *activation.Profile) { p.Rules.Password = false }

func sample() Letter { return of(vector(plain), "FDM10000001") }

// written is a document in a file.
func written(t testing.TB, letters ...Letter) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, made, letters); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "letters.pdf")
	if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// run runs a program of a Debian package, and gives what it prints.
func run(t testing.TB, pkg, program string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Fatalf("this test needs the program %s: install the Debian package %s", program, pkg)
	}
	cmd := exec.CommandContext(t.Context(), program, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", program, args, err, stderr.Bytes())
	}
	if stderr.Len() > 0 && pkg == "poppler-utils" { // zbarimg misses a bus
		t.Errorf("%s %q complains: %s", program, args, stderr.Bytes())
	}
	return string(out)
}

// textOf is the text of a page, its lines joined by single spaces.
func textOf(t testing.TB, file, page string) string {
	t.Helper()
	return strings.Join(strings.Fields(run(t, "poppler-utils", "pdftotext", "-f", page, "-l", page, file, "-")), " ")
}

// picture is a page as it is printed, in a file.
func picture(t testing.TB, file, page, dpi string) string {
	t.Helper()
	name := strings.TrimSuffix(file, ".pdf") + "-" + page + "-" + dpi
	run(t, "poppler-utils", "pdftoppm", "-png", "-singlefile", "-r", dpi, "-f", page, "-l", page, file, name)
	return name + ".png"
}

func decoded(t testing.TB, file string) image.Image {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	img, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	return img
}
