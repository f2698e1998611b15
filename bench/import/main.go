// Command import measures the import of seed files into a running server, each
// beside what another program needs just to read the same file:
//
//   - encrypted keys (AES-128-CBC, HMAC-SHA-1) beside python-pskc,
//   - plain keys beside pskctool --info,
//   - many encrypted keys while codes are checked: how the time grows, the
//     server's memory, the time of a check,
//   - four dry runs at once of a signed container: the server's memory.
//
// An import is from the start of `ostiary token import` to its end, when all is
// committed.
//
//	make build && go run ./bench/import
//
// It needs the Debian packages python3-pskc and pskctool.
package main

import (
	"bytes"
	_ "embed"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

//go:embed keys.py
var script string

func main() {
	keys := flag.Int("keys", 100_000, "keys of the files that other programs read")
	rounds := flag.Int("rounds", 3, "measurements of each, in turn")
	withSigned := flag.Bool("signed", true, "measure dry runs of a signed container")
	many := flag.Int("many", 1_000_000, "keys of the large file; 0 leaves it out")
	withPython := flag.Bool("python", true, "measure beside python-pskc, which takes its time")
	program := flag.String("ostiary", "bin/ostiary", "the program")
	flag.Parse()
	log.SetFlags(0)
	dir, err := os.MkdirTemp("", "ostiary-bench-")
	if err != nil {
		log.Fatal(err)
	}
	err = run(*program, dir, *keys, *rounds, *many, *withPython)
	if err == nil && *withSigned {
		err = signed(*program, dir)
	}
	if rerr := os.RemoveAll(dir); err == nil {
		err = rerr
	}
	if err != nil {
		log.Fatal(err)
	}
}

func run(program, dir string, keys, rounds, many int, withPython bool) error {
	key := filepath.Join(dir, "key.hex")
	if err := writeKey(key); err != nil {
		return err
	}
	if rounds > 0 {
		plain := filepath.Join(dir, "plain.pskc")
		if err := writeFile(plain, keys, false); err != nil {
			return err
		}
		if err := beside(program, dir, plain, keys, rounds, "pskctool --info", func() error {
			return exec.Command("pskctool", "--info", plain).Run() // what it prints is thrown away
		}); err != nil {
			return err
		}
		if withPython {
			if err := besidePython(program, dir, key, keys, rounds); err != nil {
				return err
			}
		}
	}
	if many == 0 {
		return nil
	}
	return million(program, dir, many)
}

func besidePython(program, dir, key string, keys, rounds int) error {
	encrypted := filepath.Join(dir, "encrypted.pskc")
	if err := writeFile(encrypted, keys, true); err != nil {
		return err
	}
	return beside(program, dir, encrypted, keys, rounds, "python-pskc", func() error {
		return python("read", encrypted, key, strconv.Itoa(keys))
	}, "--key-hex-file", key)
}

// beside measures the import of a file and another program that reads it, in turn.
func beside(program, dir, file string, keys, rounds int, name string, read func() error, flags ...string) error {
	var reads, imports, ratios []float64
	var peak int
	for range rounds {
		start := time.Now()
		if err := read(); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		took := time.Since(start).Seconds()
		imported, kib, err := importFile(program, filepath.Join(dir, "data"), file, keys, flags...)
		if err != nil {
			return err
		}
		reads, imports, ratios, peak = append(reads, took), append(imports, imported), append(ratios, took/imported),
			max(peak, kib)
	}
	for _, s := range [][]float64{reads, imports, ratios} {
		slices.Sort(s)
	}
	m := rounds / 2
	fmt.Printf("\n%d keys, %s; medians of %d\n", keys, filepath.Base(file), rounds)
	fmt.Printf("  %-24s%6.2f s   reads the file\n", name, reads[m])
	fmt.Printf("  ostiary token import    %6.2f s   imports and commits it\n", imports[m])
	fmt.Printf("  ratio                   %6.2f     (%.2f to %.2f) as fast\n", ratios[m], ratios[0], ratios[rounds-1])
	fmt.Printf("  server's peak memory    %6d MiB\n", peak/1024)
	return nil
}

// python runs Debian's Python, for which python3-pskc is packaged.
func python(args ...string) error {
	cmd := exec.Command("/usr/bin/python3", append([]string{"-c", script}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%w\n%s", err, stderr.String())
	}
	return nil
}
