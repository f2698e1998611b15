// Command lists measures the first page of every list and filter, on a large database,
// and what searches of the audit log cost those who log in meanwhile.
//
//	go run ./bench/lists -tokens 1000000 -entries 2000000
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"ostiary/bench/process"
	"ostiary/internal/doors/wire"
)

func main() {
	program := flag.String("program", "bin/ostiary", "the server's `FILE`")
	size := size{}
	flag.IntVar(&size.tokens, "tokens", 1_000_000, "number of tokens")
	flag.IntVar(&size.entries, "entries", 2_000_000, "number of entries of the audit log")
	pages := flag.Int("pages", 15, "first pages asked for of each list")
	rounds := flag.Int("rounds", 3, "measurements of logins with and without searches, in turn")
	length := flag.Duration("length", 5*time.Second, "length of one such measurement")
	flag.Parse()
	log.SetFlags(0)
	if err := run(*program, size, *pages, *rounds, *length); err != nil {
		log.Fatal(err)
	}
}

func run(program string, size size, pages, rounds int, length time.Duration) error {
	dir, err := os.MkdirTemp("", "ostiary-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	data := filepath.Join(dir, "data")
	keys, err := prepare(program, data)
	if err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	begun := time.Now()
	if err := fill(data, size); err != nil {
		return fmt.Errorf("fill the database: %w", err)
	}
	fmt.Printf("%d tokens and %d entries were written in %s\n", size.tokens, size.entries,
		time.Since(begun).Round(time.Second))
	s, err := process.Start(program, data)
	if err != nil {
		return err
	}
	defer func() { _ = s.Kill() }()
	begun = time.Now()
	if err := indexed(data, size); err != nil {
		return err
	}
	fmt.Printf("the log was indexed in %s\n\n", time.Since(begun).Round(time.Second))
	if err := measureLists(s.URL, keys, pages); err != nil {
		return err
	}
	if err := measureLogins(s.URL, keys, rounds, length); err != nil {
		return err
	}
	_, err = s.Stop()
	return err
}

// callers are the API keys of the benchmark.
type callers struct{ admin, desk, login string }

// prepare lets a server make the database, with keys and the tokens that log in.
func prepare(program, data string) (c callers, err error) {
	s, err := process.Start(program, data)
	if err != nil {
		return c, err
	}
	defer func() { _ = s.Kill() }()
	if err := importLogins(s.Local()); err != nil {
		return c, err
	}
	for _, k := range []struct {
		key  *string
		made wire.KeyRequest
	}{
		{&c.admin, wire.KeyRequest{Name: "lists", Role: "super_admin"}},
		{&c.desk, wire.KeyRequest{Name: "desk", Role: "operator", HelpDesk: true}},
		{&c.login, wire.KeyRequest{Name: "login", Role: "verifier"}},
	} {
		made, err := s.Local().CreateKey(context.Background(), k.made)
		if err != nil {
			return c, err
		}
		*k.key = made.Text
	}
	_, err = s.Stop()
	return c, err
}
