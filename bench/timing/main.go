// Command timing asks whether the time of a refusal tells its reason. In one server
// process, over one connection at a time, it presents codes that are refused: of names that
// nobody has, of revoked, PENDING and locked tokens, right and wrong ones. All get the same
// answer. The cases are interleaved: each round takes all of them once, in random order.
// For each case it compares the times with those of the name that nobody has.
//
//	make build && go run ./bench/timing -samples 2500
//
// z is that of the Mann-Whitney test, for ranks do not care how long the longest were: if
// the times are of one distribution, it is below 2 in 95 of 100 cases, and below 4 in all
// but 6 of 100,000.
//
// A token has to be locked first, which takes two minutes.
package main

import (
	"cmp"
	"flag"
	"fmt"
	"log"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"

	"ostiary/bench/process"
)

func main() {
	program := flag.String("program", "bin/ostiary", "the server's `FILE`")
	samples := flag.Int("samples", 2500, "times taken of each case")
	locking := flag.Bool("locked", true, "measure locked tokens, too")
	flag.Parse()
	log.SetFlags(0)
	if err := run(*program, *samples, *locking); err != nil {
		log.Fatal(err)
	}
}

func run(program string, samples int, locking bool) (err error) {
	dir, err := os.MkdirTemp("", "ostiary-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	server, err := process.Start(program, filepath.Join(dir, "data"))
	if err != nil {
		return err
	}
	defer func() {
		_, serr := server.Stop()
		err = cmp.Or(err, serr)
	}()
	s := &setting{server: server, samples: samples, locking: locking}
	if err := s.prepare(); err != nil {
		return err
	}
	for _, recorded := range []bool{true, false} {
		if err := measure(s, recorded); err != nil {
			return err
		}
	}
	return nil
}

// measure takes the times of all cases and prints what they tell.
func measure(s *setting, recorded bool) error {
	c := &caller{setting: s, recorded: recorded}
	defer c.close()
	if recorded {
		fmt.Printf("\nrefusals recorded one by one\n")
	} else {
		fmt.Printf("\nrefusals counted only, because there are too many\n")
		if err := c.exhaust(); err != nil {
			return err
		}
	}
	groups := s.groups(recorded)
	var order []*refusals
	for _, g := range groups {
		for i := range g.cases {
			order = append(order, &g.cases[i])
		}
	}
	for i := range s.samples {
		rand.Shuffle(len(order), func(a, b int) { order[a], order[b] = order[b], order[a] })
		for _, r := range order {
			took, err := c.refused(r, i)
			if err != nil {
				return fmt.Errorf("%s: %w", r.name, err)
			}
			r.took = append(r.took, took)
		}
	}
	for _, g := range groups {
		base := g.cases[0].took
		fmt.Printf("  %-44s%9.1f µs\n", g.name, micros(median(base)))
		for _, r := range g.cases[1:] {
			a, b := micros(median(r.took)), micros(median(base))
			fmt.Printf("    %-42s%9.1f µs  %+7.1f µs  ratio %.3f  z %+6.2f\n", r.name, a, a-b, a/b, z(r.took, base))
		}
	}
	return nil
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

func median(all []time.Duration) time.Duration {
	all = slices.Sorted(slices.Values(all))
	return all[len(all)/2]
}

// z is that of the Mann-Whitney test: above zero where the times of a are longer than those
// of b. Equal times share their ranks.
func z(a, b []time.Duration) float64 {
	type sample struct {
		took time.Duration
		ofA  bool
	}
	var all []sample
	for _, took := range a {
		all = append(all, sample{took, true})
	}
	for _, took := range b {
		all = append(all, sample{took, false})
	}
	slices.SortFunc(all, func(x, y sample) int { return cmp.Compare(x.took, y.took) })
	var ranks, ties float64
	for i := 0; i < len(all); {
		end := i
		for end < len(all) && all[end].took == all[i].took {
			end++
		}
		n := float64(end - i)
		ties += n*n*n - n
		for _, s := range all[i:end] {
			if s.ofA {
				ranks += float64(i) + (n+1)/2
			}
		}
		i = end
	}
	n, m := float64(len(a)), float64(len(b))
	u := ranks - n*(n+1)/2
	variance := n * m / 12 * (n + m + 1 - ties/((n+m)*(n+m-1)))
	return (u - n*m/2) / math.Sqrt(variance)
}
