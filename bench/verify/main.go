// Command verify measures POST /api/v1/verify: every request a fresh valid code
// of one of many tokens, every answer after the durable commit. Side by side, in
// the same server process and from the same client, it measures a bare handler
// on net/http, which reads and writes the same JSON, and an empty operation: the same
// router, the same authentication of the caller, the same JSON in and out, and
// nothing decided. Each round is a start of the server, whose first codes are
// measured, too: none of their tokens was used since.
//
//	go run ./bench/verify -tokens 100000 -connections 256,32
//
// With -databases it measures a server on SQLite, one on PostgreSQL, and two on one
// PostgreSQL, in turn, and pgbench beside them.
//
// The server runs in a process of its own (this program, started again), so that
// the client's garbage is not the server's.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"ostiary/bench/process"
)

func main() {
	tokens := flag.Int("tokens", 100_000, "number of HOTP tokens")
	connections := flag.String("connections", "256,32", "numbers of connections, one measurement each")
	seconds := flag.Float64("seconds", 4, "length of one measurement")
	rounds := flag.Int("rounds", 3, "starts of the server, with a measurement of each kind; the medians are printed")
	data := flag.String("data", "", "data directory for the server; a temporary one by default")
	databases := flag.Bool("databases", false, "compare SQLite, PostgreSQL, and two servers on one PostgreSQL")
	server := flag.Bool("server", false, "be the server (used by this program itself)")
	database := flag.String("database", "", "URL of the server's database (used by this program itself)")
	flag.Parse()
	log.SetFlags(0)
	if *server {
		if err := runServer(*data, *database, *tokens); err != nil {
			log.Fatal(err)
		}
		return
	}
	if *databases {
		if err := compareDatabases(*tokens, time.Duration(*seconds*float64(time.Second)), *rounds, *data); err != nil {
			log.Fatal(err)
		}
		return
	}
	if err := run(*tokens, *connections, time.Duration(*seconds*float64(time.Second)), *rounds, *data); err != nil {
		log.Fatal(err)
	}
}

func run(tokens int, connections string, length time.Duration, rounds int, data string) error {
	if data == "" {
		dir, err := os.MkdirTemp("", "ostiary-bench-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		data = dir
	}
	var numbers []int
	for _, c := range strings.Split(connections, ",") {
		n, err := strconv.Atoi(c)
		if err != nil {
			return err
		}
		numbers = append(numbers, n)
	}
	fmt.Printf("importing %d tokens …\n", tokens)
	srv, err := startServer(data, "", tokens)
	if err != nil {
		return err
	}
	srv.stop()
	b := &bench{data: data, numbers: numbers, length: length, results: map[kind][]result{}}
	for _, l := range []**load{&b.verify, &b.empty, &b.bare} {
		*l = &load{counters: make([]uint64, tokens)}
	}
	for range rounds {
		if err := b.round(); err != nil {
			return err
		}
	}
	b.report()
	return nil
}

// bench measures rounds.
type bench struct {
	data    string
	numbers []int // of connections
	length  time.Duration

	verify, empty, bare *load
	results             map[kind][]result // one each round
}

// kind is what is measured, and at how many connections.
type kind struct {
	what        string
	connections int
}

const first, bareHandler, emptyOperation, verify = "first codes", "bare handler", "empty operation", "verify"

// round starts the server and measures each kind once.
func (b *bench) round() error {
	srv, err := startServer(b.data, "", 0)
	if err != nil {
		return err
	}
	defer srv.stop()
	for i, l := range []*load{b.verify, b.empty, b.bare} {
		l.at = []door{{srv.addresses[i], srv.key}}
	}
	measure := func(what string, l *load, n int) error {
		r, err := srv.measure(func() (result, error) { return l.run(n, b.length) })
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		k := kind{what, n}
		b.results[k] = append(b.results[k], r)
		return nil
	}
	if err := measure(first, b.verify, b.numbers[0]); err != nil {
		return err
	}
	// Every token once, so that what follows measures the steady state.
	if _, err := b.verify.all(256); err != nil {
		return fmt.Errorf("warm up: %w", err)
	}
	for _, n := range b.numbers {
		if err := errors.Join(measure(bareHandler, b.bare, n), measure(emptyOperation, b.empty, n),
			measure(verify, b.verify, n)); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) report() {
	for _, n := range b.numbers {
		fmt.Printf("\n%d connections\n", n)
		codes := b.results[kind{verify, n}]
		for _, what := range []string{bareHandler, emptyOperation, verify, first} {
			rs := b.results[kind{what, n}]
			if len(rs) == 0 {
				continue
			}
			m := median(rs)
			fmt.Printf("  %-16s %8.0f /s   p50 %6.2f ms   p99 %6.2f ms   server CPU %5.1f µs", what, m.perSecond,
				ms(m.p50), ms(m.p99), us(m.cpu))
			switch what {
			case bareHandler, emptyOperation:
				fmt.Printf("   verify is %s of it", ratio(codes, rs))
			case first:
				fmt.Printf("   %s of verify", ratio(rs, codes))
			}
			fmt.Println()
		}
	}
}

// ratio is that of the rates of each round: the median, the least and the greatest.
func ratio(of, to []result) string {
	var all []float64
	for i := range of {
		all = append(all, of[i].perSecond/to[i].perSecond)
	}
	slices.Sort(all)
	return fmt.Sprintf("%.2f (%.2f to %.2f)", all[len(all)/2], all[0], all[len(all)-1])
}

func median(rs []result) result {
	rs = slices.SortedFunc(slices.Values(rs), func(a, b result) int { return int(a.perSecond - b.perSecond) })
	return rs[len(rs)/2]
}

func us(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// server is the server's process, seen from outside.
type server struct {
	cmd       *exec.Cmd
	cancel    context.CancelFunc
	addresses [3]string // of verify, the empty operation and the bare handler
	key       string
}

// measure adds the processor time that the server took per request.
func (s *server) measure(run func() (result, error)) (result, error) {
	before, err := process.CPU(s.cmd.Process.Pid)
	if err != nil {
		return result{}, err
	}
	r, err := run()
	if err != nil {
		return r, err
	}
	after, err := process.CPU(s.cmd.Process.Pid)
	r.cpu = (after - before) / time.Duration(r.requests)
	return r, err
}

func startServer(data, database string, tokens int) (*server, error) {
	ctx, cancel := context.WithCancel(context.Background())
	self, err := os.Executable()
	if err != nil {
		cancel()
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, "-server", "-data", data, "-database", database, "-tokens", strconv.Itoa(tokens))
	cmd.Stderr = os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		cancel()
		return nil, err
	}
	s := &server{cmd: cmd, cancel: cancel}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err == nil {
		_, err = fmt.Sscan(line, &s.addresses[0], &s.addresses[1], &s.addresses[2], &s.key)
	}
	if err != nil {
		cancel()
		return nil, fmt.Errorf("server did not start: %w", err)
	}
	return s, nil
}

func (s *server) stop() {
	s.cancel()
	_ = s.cmd.Wait()
}
