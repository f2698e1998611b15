package e2e

import (
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"ostiary/internal/doors/wire"
	"ostiary/internal/test/cluster"
	"ostiary/pskc"
)

const movePhrase = "seven words that nobody says together here"

// TestMovingScript runs the script that shows a move between two servers whose
// serials overlap. It ends with status 0 only if every step went as it says.
func TestMovingScript(t *testing.T) {
	t.Parallel()
	need(t, "oathtool", "oathtool")
	script := exec.Command("bash", "moving.sh", program)
	if onPostgres {
		script.Args = append(script.Args, cluster.Schema(t), cluster.Schema(t))
	}
	script.Env = environment("TMPDIR=/tmp") // the path of a socket may not be long
	out, err := script.CombinedOutput()
	if err != nil || !strings.HasSuffix(string(out), "\n== Done.\n") {
		t.Errorf("moving.sh: %v\n%s", err, out)
	}
}

// exportFile exports tokens into a new file under movePhrase. It gives the file
// and, with --move, the number of the move.
func (s *server) exportFile(flags ...string) (file, move string) {
	s.t.Helper()
	file = filepath.Join(s.t.TempDir(), "export.pskc")
	done := decode[struct{ Move string }](
		s, append([]string{"token", "export", file, "--passphrase-file", writeFile(s.t, "phrase", movePhrase)},
			flags...)...)
	return file, done.Move
}

// receive imports an exported file, whose every key is good, and gives the
// number of the import.
func (s *server) receive(file string, want int, flags ...string) int64 {
	s.t.Helper()
	rep := decode[wire.ImportReport](
		s, append([]string{"token", "import", file, "--passphrase-file", writeFile(s.t, "phrase", movePhrase)},
			flags...)...)
	if rep.Imported != want || rep.Keys != want {
		s.t.Fatalf("imported %d of %d keys, want %d: %+v", rep.Imported, rep.Keys, want, rep)
	}
	return rep.ID
}

// receipt gives the receipt of an import.
func (s *server) receipt(run int64) wire.Receipt {
	s.t.Helper()
	return into[wire.Receipt](s.t, s.local().json(http.MethodGet, runPath(run)+"/receipt", nil))
}

// exchange moves a token each way between two servers, up to the receipts, and
// begins a move that nothing came of.
func exchange(t testing.TB, here, there *server, comes, goes, stays device) (arrival int64, receipt wire.Receipt,
	open string) {
	t.Helper()
	here.imports(writeFile(t, "here.pskc", container(goes, stays)), 2)
	there.imports(writeFile(t, "there.pskc", container(comes)), 1)
	file, _ := there.exportFile("--move", "--all")
	arrival = here.receive(file, 1, "--batch", sceneBatch)
	file, _ = here.exportFile("--move", "--serial", goes.Serial)
	receipt = there.receipt(there.receive(file, 1))
	_, open = here.exportFile("--move", "--serial", stays.Serial)
	return arrival, receipt, open
}

// moves runs the commands of imports, batches and moves, on both servers.
func (w *watch) moves(n int, form []string) {
	t := w.t
	did := func(code int, args ...string) { w.did(code, append(args, form...)) }
	there := func(code int, args ...string) { w.on(w.other, code, append(args, form...)) }
	devices := hotps(94000001+10*n, 3)
	stays, goes, back := devices[0], devices[1], devices[2]
	w.secretSeed(devices...)
	batch, user := fmt.Sprint("order ", n), fmt.Sprint("listed", n)
	did(0, "token", "import", writeFile(t, "batch.pskc", container(devices...)), "--batch", batch, "--supplier", "ACME")
	did(0, "batch", "list")
	did(0, "batch", "state", batch, "REVOKED_TOKEN_BROKEN", "--reason", "because")
	did(0, "batch", "state", batch, "VALID")
	list := writeFile(t, "list.csv", "serial,user\n"+stays.Serial+","+user+"\n")
	did(1, "token", "assign", "--list", list)
	did(0, "token", "assign", "--list", list, "--create-users")

	phrase, short, wrong := "phrase-"+random(12), random(5), "wrong-"+random(12)
	w.secretText("the passphrase of an export", phrase)
	w.secretText("a short passphrase", short)
	w.secretText("the wrong passphrase of an export", wrong)
	phraseFile, wrongFile := writeFile(t, "phrase", phrase), writeFile(t, "wrong", wrong)
	export := func(code int, phraseFile string, flags ...string) string {
		file := filepath.Join(t.TempDir(), "export.pskc")
		did(code, append([]string{"token", "export", file, "--passphrase-file", phraseFile}, flags...)...)
		if code == 0 {
			w.seen("an exported file", read(t, file))
		}
		return file
	}
	export(2, writeFile(t, "short", short), "--serial", goes.Serial)
	export(0, phraseFile, "--serial", stays.Serial)
	file := export(0, phraseFile, "--serial", goes.Serial, "--move")
	w.secretBytes("the key of a move", moveKey(t, file, phrase))
	there(2, "token", "import", file)
	there(2, "token", "import", file, "--passphrase-file", wrongFile)
	there(0, "token", "import", file, "--passphrase-file", phraseFile, "--dry-run")
	there(0, "token", "import", file, "--passphrase-file", phraseFile)
	did(2, "token", "import", file, "--passphrase-file", phraseFile) // its own export
	run := fmt.Sprint(decode[wire.ImportList](w.other, "import", "list").Imports[0].ID)
	receipt := filepath.Join(t.TempDir(), "receipt.json")
	there(0, "import", "list")
	there(0, "import", "show", run)
	there(0, "import", "rows", run)
	there(0, "import", "receipt", run, receipt)
	w.seen("a receipt", read(t, receipt))
	did(0, "move", "list")
	did(2, "move", "confirm", writeFile(t, "forged.json", substitute(t, read(t, receipt), `"mac":"`, `"mac":"0`)))
	did(0, "move", "confirm", receipt)
	did(0, "move", "confirm", receipt)
	export(0, phraseFile, "--serial", back.Serial, "--move")
	move := decode[wire.MoveList](w.server, "move", "list").Moves[0].ID
	did(2, "move", "cancel", move)
	did(0, "move", "cancel", move, "--yes")
	did(0, "token", "verify", back.Serial, w.otp(back.code(t, 0)))
	there(0, "token", "verify", goes.Serial, w.otp(goes.code(t, 0)))
}

// moveKey reads an exported file as the receiver does, and gives the key, in
// hexadecimal, under which the receipt will be written.
func moveKey(t testing.TB, file, phrase string) string {
	t.Helper()
	r, err := pskc.NewReader(strings.NewReader(read(t, file)), pskc.Options{Passphrase: pskc.Secret(phrase)})
	if err != nil {
		t.Fatal(err)
	}
	key, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range key.Record {
		if fields := strings.Fields(p.Value); p.Name == "move" && len(fields) == 3 {
			return fields[1]
		}
	}
	t.Fatal("the record of the key says nothing of a move")
	return ""
}
