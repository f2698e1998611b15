// Activations measures what it costs a server to begin activations with activation
// passwords: one after the other, and many at once.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"ostiary/bench/process"
	"ostiary/internal/doors/client"
	"ostiary/internal/doors/wire"
)

func main() {
	program := flag.String("program", "bin/ostiary", "the server's `FILE`")
	n := flag.Int("n", 32, "how `MANY` at once")
	flag.Parse()
	if err := run(*program, *n); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(program string, n int) error {
	dir, err := os.MkdirTemp("", "ostiary-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	fmt.Printf("%d activations of type mobile-totp: Argon2id over 19 MiB, 2 passes each\n", n)
	alone, before, after, err := measure(program, filepath.Join(dir, "alone"), n, false)
	if err != nil {
		return err
	}
	fmt.Printf("  one after the other  %6.0f ms, peak memory %4d MiB, %d MiB before\n", alone, after/1024, before/1024)
	together, before, after, err := measure(program, filepath.Join(dir, "together"), n, true)
	if err != nil {
		return err
	}
	fmt.Printf("  all at once          %6.0f ms, peak memory %4d MiB, %d MiB before\n", together, after/1024,
		before/1024)
	fmt.Printf("  time at once / one after the other %.2f; %d at once without a bound would need %d MiB\n",
		together/alone, n, n*19)
	return nil
}

// measure begins n activations on a new server. Times are in ms, memory in KiB.
func measure(program, data string, n int, together bool) (ms float64, before, after int, err error) {
	s, err := process.Start(program, data)
	if err != nil {
		return 0, 0, 0, err
	}
	ctx := context.Background()
	count := n
	made, err := s.Local().CreateTokens(ctx, wire.TokenRequest{Type: "mobile-totp", Count: &count})
	if err != nil {
		return 0, 0, 0, errors.Join(err, s.Kill())
	}
	if before, err = s.Peak(); err != nil {
		return 0, 0, 0, errors.Join(err, s.Kill())
	}
	start := time.Now()
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i, t := range made.Tokens {
		begin := func() {
			_, errs[i] = s.Local().Activate(ctx, client.Selector{Serial: t.Serial},
				wire.ActivationRequest{Route: "offline"})
		}
		if together {
			wg.Go(begin)
		} else {
			begin()
		}
	}
	wg.Wait()
	ms = float64(time.Since(start).Microseconds()) / 1000
	after, err = s.Stop()
	return ms, before, after, errors.Join(append(errs, err)...)
}
