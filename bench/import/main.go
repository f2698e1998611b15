// Command import measures the import of a seed file of 10,000 keys (AES-128-CBC,
// HMAC-SHA-1) into a running server, from the start of `ostiary token import` to
// its end, when all is committed. Side by side it measures how long python-pskc
// takes to read the same file and do nothing with it.
//
//	make build && go run ./bench/import
//
// It needs the Debian package python3-pskc, which also writes the file.
package main

import (
	"bufio"
	"bytes"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

//go:embed keys.py
var script string

func main() {
	keys := flag.Int("keys", 10_000, "keys in the file")
	rounds := flag.Int("rounds", 5, "measurements of each, in turn")
	program := flag.String("ostiary", "bin/ostiary", "the program")
	flag.Parse()
	log.SetFlags(0)
	if err := run(*program, *keys, *rounds); err != nil {
		log.Fatal(err)
	}
}

func run(program string, keys, rounds int) error {
	dir, err := os.MkdirTemp("", "ostiary-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	file, key := filepath.Join(dir, "keys.pskc"), filepath.Join(dir, "key.hex")
	fmt.Printf("python-pskc writes %d keys …\n", keys)
	if _, err := python("write", file, key, strconv.Itoa(keys)); err != nil {
		return err
	}
	var reads, imports, ratios []float64
	var peak int
	for i := range rounds {
		start := time.Now()
		if _, err := python("read", file, key, strconv.Itoa(keys)); err != nil {
			return err
		}
		read := time.Since(start).Seconds()
		imported, kib, err := importOnce(program, filepath.Join(dir, strconv.Itoa(i)), file, key, keys)
		if err != nil {
			return err
		}
		reads, imports, ratios = append(reads, read), append(imports, imported), append(ratios, read/imported)
		peak = max(peak, kib)
	}
	for _, s := range [][]float64{reads, imports, ratios} {
		slices.Sort(s)
	}
	m := rounds / 2
	fmt.Printf("\n%d keys, AES-128-CBC, HMAC-SHA-1, medians of %d\n", keys, rounds)
	fmt.Printf("  python-pskc reads       %6.2f s   (with its start)\n", reads[m])
	fmt.Printf("  ostiary token import    %6.2f s   (with its start; all committed)\n", imports[m])
	fmt.Printf("  ratio                   %6.1f     (%.1f to %.1f)\n", ratios[m], ratios[0], ratios[rounds-1])
	fmt.Printf("  server's peak memory    %6d MiB\n", peak/1024)
	return nil
}

// python runs Debian's Python, for which python3-pskc is packaged.
func python(args ...string) ([]byte, error) {
	cmd := exec.Command("/usr/bin/python3", append([]string{"-c", script}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("python3-pskc: %w\n%s", err, stderr.String())
	}
	return out, nil
}

// importOnce starts a server on a new data directory and imports the file. It
// returns the seconds that took and the server's peak resident memory in KiB.
func importOnce(program, data, file, key string, keys int) (seconds float64, peak int, err error) {
	server := exec.Command(program, "serve", "--data", data, "--listen", "127.0.0.1:0")
	out, err := server.StdoutPipe()
	if err != nil {
		return 0, 0, err
	}
	if err := server.Start(); err != nil {
		return 0, 0, err
	}
	defer func() {
		err = errors.Join(err, server.Process.Signal(os.Interrupt), server.Wait())
	}()
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "Listening") {
			break
		}
	}
	start := time.Now()
	report, err := exec.Command(program, "token", "import", file, "--key-hex-file", key, "--data", data).CombinedOutput()
	seconds = time.Since(start).Seconds()
	if err != nil || !bytes.Contains(report, fmt.Appendf(nil, "%d imported", keys)) {
		return 0, 0, fmt.Errorf("import: %w\n%s", err, report)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", server.Process.Pid))
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			peak, err = strconv.Atoi(strings.Fields(rest)[0])
		}
	}
	return seconds, peak, err
}
