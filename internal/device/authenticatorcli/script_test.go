package authenticatorcli

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"ostiary/activation"
	"ostiary/internal/formats/profilefile"
	"ostiary/internal/formats/qr"
	"ostiary/internal/test/activationtest"
)

var update = flag.Bool("update", false, "write golden files anew")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		program: func() { os.Exit(Main(os.Args[1:], OS())) },
	})
}

// TestScripts runs the command line as a person does, against a server that is played
// by package activation. Besides the usual commands of testscript there are:
//
//	profile NAME [fresh]   start a server with the example profile; URL is where it is,
//	                       static.vector its static vector. With fresh it draws new
//	                       secrets whatever the profile says
//	letter SERIAL          begin an activation: CODE, ERC and password.txt, and the
//	                       code image letter.png
//	offer SERIAL           begin an online activation: REGISTRATION and password.txt,
//	                       and the code image offer.png
//	confirms SERIAL        type what the last output shows into the server's page
//	accepts SERIAL APP [QUESTION]
//	                       the server takes the code of the last output, which
//	                       may also be refused: ! accepts
//	later SECONDS          the server's clock is that much ahead; NOW is its time
//	breaks N|off           the server breaks the line at its Nth request from now
//	types FILE CMD         run a command on a terminal, and type the lines of the file
//	                       as it asks; what the terminal shows is in terminal.out
//	exits N CMD...         run a command that must exit with code N
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:           "testdata",
		UpdateScripts: *update,
		Setup: func(env *testscript.Env) error {
			env.Setenv("TZ", "UTC")
			env.Setenv("OSTIARY_VAULT", filepath.Join(env.WorkDir, "home", "vault"))
			env.Values[playedKey{}] = &played{t: t}
			return os.WriteFile(filepath.Join(env.WorkDir, "pin.txt"), []byte("283947\n"), 0o600)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"profile": cmdProfile, "letter": cmdLetter, "offer": cmdOffer, "confirms": cmdConfirms,
			"accepts": cmdAccepts, "later": cmdLater, "breaks": cmdBreaks, "types": cmdTypes, "exits": cmdExits,
		},
	})
}

type playedKey struct{}

// played is the server of one script.
type played struct {
	*activationtest.Server
	t     *testing.T
	fresh bool
	// broken counts down to the request at which the line breaks.
	broken atomic.Int32
}

func (p *played) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if p.broken.Load() > 0 && p.broken.Add(-1) == 0 {
		p.broken.Store(1) // and stays so
		panic(http.ErrAbortHandler)
	}
	p.Server.ServeHTTP(w, r)
}

func serverOf(ts *testscript.TestScript) *played { return ts.Value(playedKey{}).(*played) }

func write(ts *testscript.TestScript, name string, content []byte) {
	ts.Check(os.WriteFile(ts.MkAbs(name), content, 0o600))
}

func cmdProfile(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: profile NAME [fresh]")
	}
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "examples", "profiles", args[0]+".toml"))
	ts.Check(err)
	profile, err := profilefile.ParseProfile(bytes.NewReader(text))
	ts.Check(err)
	profile.Rules.Argon2id = activation.Argon2id{Time: 1, Memory: 64, Parallelism: 1} // fast
	profile.ID[0], profile.Key[0], profile.IssuerKey[0] = 1, 2, 3
	p := serverOf(ts)
	p.Server, p.fresh = activationtest.New(p.t, profile, time.Now), len(args) == 2
	h := httptest.NewServer(p)
	ts.Defer(h.Close)
	ts.Setenv("URL", h.URL)
	ts.Setenv("FINGERPRINT", p.Vector.Fingerprint())
	write(ts, "static.vector", p.Vector.Bytes())
	paste, err := activation.Message{Type: activation.TypeVector, Payload: p.Vector.Bytes()}.Paste()
	ts.Check(err)
	write(ts, "pasted.vector", append([]byte(paste), '\n'))
}

func cmdLetter(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: letter SERIAL")
	}
	p := serverOf(ts)
	l := p.Letter(p.t, args[0], p.fresh)
	ts.Setenv("CODE", activation.Group(string(l.Code)))
	ts.Setenv("ERC", l.ERC)
	write(ts, "password.txt", append(l.Password, '\n'))
	write(ts, "code.txt", append([]byte(activation.Group(string(l.Code))), '\n'))
	body, err := activation.QRBody{Serial: l.Serial, Code: l.Code, ERC: l.ERC, UserID: "Ann Example",
		Challenge: "4711"}.Encode()
	ts.Check(err)
	draw(ts, "letter.png", string(body), qr.M)
}

func cmdOffer(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: offer SERIAL")
	}
	p := serverOf(ts)
	code, password := p.Offer(p.t, args[0], p.fresh)
	ts.Setenv("REGISTRATION", activation.Group(string(code.Text())))
	write(ts, "registration.txt", append(code.Text(), '\n'))
	write(ts, "password.txt", append(password, '\n'))
	payload, err := activation.Offer{Server: ts.Getenv("URL"), Code: code}.Encode()
	ts.Check(err)
	text, _, err := activation.Message{Type: activation.TypeOffer, Payload: payload}.QR()
	ts.Check(err)
	draw(ts, "offer.png", string(text), qr.M)
}

func draw(ts *testscript.TestScript, name, text string, level qr.Level) {
	code, err := qr.Encode(text, level)
	ts.Check(err)
	var b bytes.Buffer
	ts.Check(code.PNG(&b, 4))
	write(ts, name, b.Bytes())
}

func cmdConfirms(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: confirms SERIAL")
	}
	var c activation.Confirmation
	for line := range strings.Lines(ts.ReadFile("stdout")) {
		name, value, _ := strings.Cut(line, "  ")
		switch value := activation.Secret(strings.TrimSpace(value)); name {
		case "One-time password":
			c.OTP = value
		case "Next one-time password":
			c.Next = value
		case "Derivation code":
			c.Derivation = value
		}
	}
	if len(c.OTP) == 0 {
		ts.Fatalf("the last output confirms nothing")
	}
	if err := serverOf(ts).Confirm(args[0], c); (err != nil) != neg {
		ts.Fatalf("confirmation: %v", err)
	}
}

func cmdAccepts(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: accepts SERIAL APP [QUESTION]")
	}
	p := serverOf(ts)
	index, err := strconv.Atoi(args[1])
	ts.Check(err)
	question := ""
	if len(args) == 3 {
		question = args[2]
	}
	code := strings.TrimSpace(ts.ReadFile("stdout"))
	if p.Use(p.t, args[0], index, activation.Secret(code), question) == neg {
		ts.Fatalf("the code is accepted: %t", neg)
	}
}

func cmdLater(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: later SECONDS")
	}
	by, err := time.ParseDuration(args[0] + "s")
	ts.Check(err)
	p := serverOf(ts)
	p.Now = func() time.Time { return time.Now().Add(by) }
	ts.Setenv("NOW", p.Now().UTC().Format(time.RFC3339))
}

func cmdBreaks(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: breaks N|off")
	}
	n, _ := strconv.Atoi(args[0]) // off is 0
	serverOf(ts).broken.Store(int32(n))
}

// cmdTypes gives a command a terminal by the program script.
func cmdTypes(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: types FILE CMD")
	}
	path, err := exec.LookPath("script")
	if err != nil {
		ts.Fatalf("this test needs a terminal: install the Debian package bsdutils, for the program script")
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // not to wait for ever
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "-qec", args[1], os.DevNull)
	cmd.Dir = ts.MkAbs(".")
	for _, name := range []string{"PATH", "HOME", "TZ", "OSTIARY_VAULT"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	in, err := cmd.StdinPipe()
	ts.Check(err)
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	lines := strings.SplitAfter(strings.TrimSuffix(ts.ReadFile(args[0]), "\n")+"\n", "\n")
	var shown []byte
	asked := 0
	for b := make([]byte, 1<<10); ; {
		n, err := out.Read(b)
		shown = append(shown, b[:n]...)
		if err != nil {
			break
		}
		if text := string(shown[asked:]); len(lines) > 1 &&
			(strings.HasSuffix(text, ": ") || strings.HasSuffix(text, "[y/N] ")) {
			asked = len(shown)
			_, err := in.Write([]byte(lines[0]))
			ts.Check(err)
			lines = lines[1:]
		}
	}
	err = cmd.Wait()
	write(ts, "terminal.out", bytes.ReplaceAll(shown, []byte("\r"), nil))
	if (err != nil) != neg || ctx.Err() != nil {
		ts.Fatalf("%v\n%s", errors.Join(err, ctx.Err()), shown)
	}
}

func cmdExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits N COMMAND...")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, not %s", code, args[0])
	}
}
