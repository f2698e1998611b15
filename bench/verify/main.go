// Command verify measures POST /api/v1/verify: every request a fresh valid code
// of one of many tokens, every answer after the durable commit. Side by side, in
// the same server process and from the same client, it measures an empty
// operation: the same router, the same authentication of the caller, the same
// JSON in and out, and nothing decided.
//
//	go run ./bench/verify -tokens 100000 -connections 256,32
//
// The server runs in a process of its own (this program, started again), so that
// the client's garbage is not the server's.
package main

import (
	"bufio"
	"context"
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
	rounds := flag.Int("rounds", 3, "measurements of each kind, in turn; the medians are printed")
	data := flag.String("data", "", "data directory for the server; a temporary one by default")
	server := flag.Bool("server", false, "be the server (used by this program itself)")
	flag.Parse()
	log.SetFlags(0)
	if *server {
		if err := runServer(*data, *tokens); err != nil {
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
	fmt.Printf("importing %d tokens …\n", tokens)
	srv, err := startServer(data, tokens)
	if err != nil {
		return err
	}
	defer srv.stop()
	verifying, nothing := newLoad(srv.verify, tokens, srv.key), newLoad(srv.empty, tokens, srv.key)
	cold, err := srv.measure(func() (result, error) { return verifying.run(256, length) })
	if err != nil {
		return fmt.Errorf("first codes: %w", err)
	}
	fmt.Printf("first codes after the start, 256 connections: %.0f /s\n", cold.perSecond)
	// Every token once, so that what follows measures the steady state.
	if _, err := verifying.all(256); err != nil {
		return fmt.Errorf("warm up: %w", err)
	}
	for _, c := range strings.Split(connections, ",") {
		n, err := strconv.Atoi(c)
		if err != nil {
			return err
		}
		var empty, verify []result
		for range rounds {
			e, err := srv.measure(func() (result, error) { return nothing.run(n, length) })
			if err != nil {
				return fmt.Errorf("empty operation: %w", err)
			}
			v, err := srv.measure(func() (result, error) { return verifying.run(n, length) })
			if err != nil {
				return fmt.Errorf("verify: %w", err)
			}
			empty, verify = append(empty, e), append(verify, v)
		}
		report(n, empty, verify)
	}
	return nil
}

func report(connections int, empty, verify []result) {
	var ratios []float64
	for i := range empty {
		ratios = append(ratios, verify[i].perSecond/empty[i].perSecond)
	}
	slices.Sort(ratios)
	fmt.Printf("\n%d connections\n", connections)
	for _, l := range []struct {
		name string
		rs   []result
	}{{"empty operation", empty}, {"verify", verify}} {
		m := median(l.rs)
		fmt.Printf("  %-16s %8.0f /s   p50 %6.2f ms   p99 %6.2f ms   server CPU %5.1f µs\n", l.name, m.perSecond,
			ms(m.p50), ms(m.p99), float64(m.cpu.Nanoseconds())/1000)
	}
	fmt.Printf("  ratio            %8.2f      (%.2f to %.2f in %d pairs)\n", ratios[len(ratios)/2], ratios[0],
		ratios[len(ratios)-1], len(ratios))
}

func median(rs []result) result {
	rs = slices.SortedFunc(slices.Values(rs), func(a, b result) int { return int(a.perSecond - b.perSecond) })
	return rs[len(rs)/2]
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// server is the server's process, seen from outside.
type server struct {
	cmd           *exec.Cmd
	cancel        context.CancelFunc
	verify, empty string
	key           string
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

func startServer(data string, tokens int) (*server, error) {
	ctx, cancel := context.WithCancel(context.Background())
	self, err := os.Executable()
	if err != nil {
		cancel()
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, "-server", "-data", data, "-tokens", strconv.Itoa(tokens))
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
		_, err = fmt.Sscan(line, &s.verify, &s.empty, &s.key)
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
