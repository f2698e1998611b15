// Command lists measures the first page of every list and filter, on a large database,
// and what searches of the audit log cost those who log in meanwhile.
//
//	go run ./bench/lists -tokens 1000000 -entries 2000000
//
// With -data DIR the database stays there, and a further run takes it as it is. With
// -postgres it is copied to a PostgreSQL of its own, and that is measured. With -database
// URL it is one that "ostiary store copy" has filled, and logins are left out.
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
	p := plan{}
	flag.BoolVar(&p.postgres, "postgres", false, "measure a copy of the database in PostgreSQL")
	flag.StringVar(&p.database, "database", "", "`URL` of a PostgreSQL that has the database already; DIR is its server's")
	flag.StringVar(&p.data, "data", "", "`DIR` of the database, to be kept; a temporary one by default")
	flag.IntVar(&p.pages, "pages", 7, "first pages asked for of each list in a row")
	flag.IntVar(&p.repeats, "repeats", 3, "how often each list is measured; the smallest median counts")
	flag.BoolVar(&p.all, "all", false, "print all pairs of filters of the log, not only the slowest")
	flag.IntVar(&p.rounds, "rounds", 3, "measurements of logins with and without searches, in turn")
	flag.DurationVar(&p.length, "length", 5*time.Second, "length of one such measurement")
	flag.Parse()
	log.SetFlags(0)
	if err := run(*program, size, p); err != nil {
		log.Fatal(err)
	}
}

// plan is what is to be measured.
type plan struct {
	data           string
	database       string
	postgres       bool
	pages, repeats int
	all            bool
	rounds         int
	length         time.Duration
}

func run(program string, size size, p plan) error {
	data := p.data
	if data == "" {
		dir, err := os.MkdirTemp("", "ostiary-bench-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		data = filepath.Join(dir, "data")
	}
	_, err := os.Stat(filepath.Join(data, "ostiary.db"))
	filled := err == nil
	var flags []string
	if p.database != "" {
		filled, flags = true, []string{"--database", p.database, "--no-standby"}
	}
	keys, err := prepare(program, data, filled, flags)
	if err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	begun := time.Now()
	if !filled {
		if err := fill(data, size); err != nil {
			return fmt.Errorf("fill the database: %w", err)
		}
		fmt.Printf("%d tokens and %d entries were written in %s\n", size.tokens, size.entries,
			time.Since(begun).Round(time.Second))
	}
	s, err := process.Start(program, data, flags...)
	if err != nil {
		return err
	}
	defer func() { _ = s.Kill() }()
	if p.database == "" {
		begun = time.Now()
		if err := indexed(data, size); err != nil {
			return err
		}
		fmt.Printf("the log was indexed in %s\n", time.Since(begun).Round(time.Second))
	}
	if p.postgres {
		there, end, err := moved(program, s, data)
		if err != nil {
			return err
		}
		s = there
		defer func() { _ = end() }()
	}
	fmt.Println()
	if err := measureLists(s, keys, p); err != nil {
		return err
	}
	if p.database == "" { // else nobody knows the counters of the tokens
		if err := measureLogins(s, data, keys, p); err != nil {
			return err
		}
	}
	_, err = s.Stop()
	return err
}

// callers are the API keys of the benchmark.
type callers struct{ admin, desk, login string }

// prepare lets a server make the database, with the tokens that log in, unless it is
// there; and keys for this run.
func prepare(program, data string, filled bool, flags []string) (c callers, err error) {
	s, err := process.Start(program, data, flags...)
	if err != nil {
		return c, err
	}
	defer func() { _ = s.Kill() }()
	if !filled {
		if err := importLogins(s.Local()); err != nil {
			return c, err
		}
	}
	run := time.Now().Format("-20060102-150405")
	for _, k := range []struct {
		key  *string
		made wire.KeyRequest
	}{
		{&c.admin, wire.KeyRequest{Name: "lists" + run, Role: "super_admin"}},
		{&c.desk, wire.KeyRequest{Name: "desk" + run, Role: "operator", HelpDesk: true}},
		{&c.login, wire.KeyRequest{Name: "login" + run, Role: "verifier"}},
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
