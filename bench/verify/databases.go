package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"ostiary/bench/process"
	"ostiary/internal/test/cluster"
)

// place is a database with its servers, which are started anew in each round.
type place struct {
	name     string
	data     []string // one data directory for each server
	database string
	postgres int // the number of PostgreSQL's first process; 0 of SQLite
	load     load
	results  map[int][]result // by the number of connections
	imported time.Duration
}

var compared = []int{256, 32}

// compareDatabases measures codes at servers on different databases. All files are in one
// folder, on one disk.
func compareDatabases(tokens int, length time.Duration, rounds int, data string) (err error) {
	folder, err := os.MkdirTemp(data, "ostiary-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	if err := os.Chmod(folder, 0o777); err != nil { // PostgreSQL is another user
		return err
	}
	server, err := cluster.StartIn(folder)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	pid, err := server.PID()
	if err != nil {
		return err
	}
	var places []*place
	for _, p := range []*place{{name: "SQLite", data: []string{"sqlite"}},
		{name: "PostgreSQL", data: []string{"one"}, database: server.URL(), postgres: pid},
		{name: "PostgreSQL, two servers", data: []string{"one", "other"}, database: server.URL(), postgres: pid}} {
		for i := range p.data {
			p.data[i] = filepath.Join(folder, p.data[i])
		}
		p.load.counters, p.results = make([]uint64, tokens), map[int][]result{}
		places = append(places, p)
	}
	places[2].load.counters = places[1].load.counters // the same tokens
	for _, p := range places[:2] {
		if err := p.fill(tokens); err != nil {
			return err
		}
	}
	if err := secondServer(places[2].data[0], places[2].data[1]); err != nil {
		return err
	}
	for range rounds {
		for _, p := range places {
			if err := p.measure(length); err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
		}
	}
	report(places)
	return reportBench(server)
}

// fill imports tokens.
func (p *place) fill(tokens int) error {
	before, err := p.took(nil)
	if err != nil {
		return err
	}
	begun := time.Now()
	srv, err := startServer(p.data[0], p.database, tokens)
	if err != nil {
		return err
	}
	p.imported = time.Since(begun)
	after, err := p.took([]*server{srv})
	if err != nil {
		return err
	}
	fmt.Printf("%s: started, and %d tokens imported, in %.1f s; CPU %.2f + %.2f s\n", p.name, tokens,
		p.imported.Seconds(), after.servers.Seconds(), (after.postgres - before.postgres).Seconds())
	srv.stop()
	return nil
}

// secondServer makes the data directory of another server on the same database.
func secondServer(of, to string) error {
	if err := os.Mkdir(to, 0o700); err != nil {
		return err
	}
	for _, name := range []string{"kek", "kek.mark"} {
		text, err := os.ReadFile(filepath.Join(of, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(to, name), text, 0o600)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *place) measure(length time.Duration) error {
	p.load.at = nil
	var servers []*server
	for _, data := range p.data {
		srv, err := startServer(data, p.database, 0)
		if err != nil {
			return err
		}
		defer srv.stop()
		servers = append(servers, srv)
		p.load.at = append(p.load.at, door{srv.addresses[0], srv.key})
	}
	if _, err := p.load.all(256); err != nil {
		return fmt.Errorf("warm up: %w", err)
	}
	for _, n := range compared {
		before, err := p.took(servers)
		if err != nil {
			return err
		}
		r, err := p.load.run(n, length)
		if err != nil {
			return err
		}
		after, err := p.took(servers)
		if err != nil {
			return err
		}
		r.cpu = (after.servers - before.servers) / time.Duration(r.requests)
		r.postgres = (after.postgres - before.postgres) / time.Duration(r.requests)
		p.results[n] = append(p.results[n], r)
	}
	return nil
}

// took is processor time.
type took struct{ servers, postgres time.Duration }

func (p *place) took(servers []*server) (t took, err error) {
	for _, srv := range servers {
		of, err := process.CPU(srv.cmd.Process.Pid)
		if err != nil {
			return t, err
		}
		t.servers += of
	}
	if p.postgres != 0 {
		t.postgres, err = process.Family(p.postgres)
	}
	return t, err
}

func report(places []*place) {
	for _, n := range compared {
		fmt.Printf("\n%d connections\n", n)
		for i, p := range places {
			m := median(p.results[n])
			fmt.Printf("  %-24s %8.0f /s   p50 %6.2f ms   p99 %6.2f ms   CPU %5.1f + %5.1f µs", p.name, m.perSecond, ms(m.p50),
				ms(m.p99), us(m.cpu), us(m.postgres))
			if i > 0 {
				fmt.Printf("   %s of %s", ratio(p.results[n], places[i-1].results[n]), places[i-1].name)
			}
			fmt.Println()
		}
	}
	fmt.Printf("\nstart and import: PostgreSQL takes %.2f of the time of SQLite\n",
		places[1].imported.Seconds()/places[0].imported.Seconds())
}

var tps = regexp.MustCompile(`tps = ([0-9.]+) \(`)

// reportBench says what pgbench does on the same server.
func reportBench(server *cluster.Cluster) error {
	if _, err := server.Bench("-i", "-q", "-s", "10"); err != nil {
		return err
	}
	for _, n := range slices.Backward(compared) {
		clients := min(n, 64) // the server takes 100 connections
		out, err := server.Bench("-N", "-c", fmt.Sprint(clients), "-j", "2", "-T", "5")
		if err != nil {
			return err
		}
		found := tps.FindStringSubmatch(out)
		if found == nil {
			return fmt.Errorf("pgbench printed %q", out)
		}
		fmt.Printf("pgbench -N, %d clients: %s transactions a second\n", clients, found[1])
	}
	return nil
}
