// Command typedcode measures how often the check of a typed code misses an error:
// a wrong character, or two neighbours swapped. It prints the rate beside the one
// that docs/protocol.md promises.
//
//	go run ./bench/typedcode -n 1000000
//
// The errors are made in many random codes, on all cores. Activation codes are
// those without a password: with one the check is the same.
package main

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"ostiary/activation"
)

const serial = "FDM10000001"

// kind is a kind of typed code.
type kind struct {
	name     string
	alphabet string
	promised float64
	draw     func(*rand.ChaCha8) (string, error)
	accepts  func(string) (bool, error)
}

const (
	letters = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	digits  = "0123456789"
)

func main() {
	n := flag.Int("n", 100_000_000, "errors of each kind of code")
	seed := flag.Uint64("seed", 1, "of the random codes and errors")
	flag.Parse()
	log.SetFlags(0)
	if err := run(*n, *seed); err != nil {
		log.Fatal(err)
	}
}

func run(n int, seed uint64) error {
	kinds, err := kinds()
	if err != nil {
		return err
	}
	fmt.Printf("%-26s %12s %8s %12s %12s\n", "CODE", "ERRORS", "MISSED", "RATE", "PROMISED")
	for _, k := range kinds {
		missed, err := measure(k, n, seed)
		if err != nil {
			return fmt.Errorf("%s: %w", k.name, err)
		}
		fmt.Printf("%-26s %12d %8d %12.3g %12.3g\n", k.name, n, missed, float64(missed)/float64(n), k.promised)
	}
	return nil
}

func kinds() ([]kind, error) {
	base32, err := vector(activation.Base32)
	if err != nil {
		return nil, err
	}
	decimal, err := vector(activation.Decimal)
	if err != nil {
		return nil, err
	}
	secret := make(activation.Secret, activation.SecretSize)
	return []kind{
		activationCode("activation code, base32", letters, base32, 1.0/(1<<22)),
		activationCode("activation code, decimal", digits, decimal, 1e-6),
		{
			"registration code", letters, 1.0 / (1 << 10),
			func(r *rand.ChaCha8) (string, error) {
				c, err := activation.NewRegistrationCode(r)
				return string(c.Text()), err
			},
			func(code string) (bool, error) {
				_, err := activation.ParseRegistrationCode(code)
				return accepted(err, activation.ErrRegistrationInvalid)
			},
		},
		{
			"derivation code", letters, 1.0 / (1 << 20),
			func(r *rand.ChaCha8) (string, error) {
				d, err := activation.NewDeviceSecret(r)
				if err != nil {
					return "", err
				}
				code, err := activation.DerivationCode(secret, serial, d)
				return string(code), err
			},
			func(code string) (bool, error) {
				_, err := activation.OpenDerivationCode(code, secret, serial)
				return accepted(err, activation.ErrDerivationInvalid)
			},
		},
		{
			"ERC", digits, 0,
			func(r *rand.ChaCha8) (string, error) {
				return base32.MakeERC(serial, []uint64{r.Uint64() % (activation.MaxCounter + 1)})
			},
			func(code string) (bool, error) {
				_, err := base32.ReadERC(serial, code)
				return accepted(err, activation.ErrERCInvalid)
			},
		},
	}, nil
}

// vector is a profile whose codes have no password, and which counts events.
func vector(format activation.CodeFormat) (*activation.Vector, error) {
	p, err := activation.NewProfile(rand.NewChaCha8([32]byte{}))
	if err != nil {
		return nil, err
	}
	suite, err := activation.ParseSuite("HOTP-SHA1-6")
	if err != nil {
		return nil, err
	}
	p.Prefix, p.Name, p.Issuer = "FDM", "Benchmark", "Benchmark"
	p.Applications = []activation.Application{{Index: 1, Name: "Login", Mode: activation.ResponseOnly, Suite: suite}}
	p.Rules.Format, p.Rules.Password = format, false
	return p.Vector()
}

func activationCode(name, alphabet string, v *activation.Vector, promised float64) kind {
	in := activation.CodeInput{Serial: serial}
	return kind{
		name, alphabet, promised,
		func(r *rand.ChaCha8) (string, error) {
			secret, err := activation.NewSecret(r)
			if err != nil {
				return "", err
			}
			code, err := v.MakeCode(secret, in)
			return string(code), err
		},
		func(code string) (bool, error) {
			_, err := v.OpenCode(code, in)
			return accepted(err, activation.ErrCodeInvalid)
		},
	}
}

// accepted takes an error apart: the code was accepted, or its check refused it.
// Anything else is a mistake of this program.
func accepted(err, refused error) (bool, error) {
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, refused):
		return false, nil
	}
	return false, err
}

// measure makes n errors, on all cores, and returns how many were missed.
func measure(k kind, n int, seed uint64) (int64, error) {
	workers := runtime.GOMAXPROCS(0)
	var done, missed atomic.Int64
	stop := make(chan struct{})
	var progress sync.WaitGroup
	progress.Go(func() { report(k.name, n, &done, &missed, stop) })
	errs := make([]error, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			share := n / workers
			if w == 0 {
				share += n % workers
			}
			errs[w] = k.work(share, source(k.name, seed, w), &done, &missed)
		})
	}
	wg.Wait()
	close(stop)
	progress.Wait()
	return missed.Load(), errors.Join(errs...)
}

func source(name string, seed uint64, worker int) *rand.ChaCha8 {
	b := binary.BigEndian.AppendUint64([]byte(name), seed)
	return rand.NewChaCha8(sha256.Sum256(binary.BigEndian.AppendUint64(b, uint64(worker))))
}

// errorsOfOne is how many errors are made in one code: few, as one code has a few
// hundred different ones.
const errorsOfOne = 16

func (k kind) work(n int, source *rand.ChaCha8, done, missed *atomic.Int64) error {
	r := rand.New(source)
	for i := 0; i < n; i += errorsOfOne {
		code, err := k.draw(source)
		if err != nil {
			return err
		}
		tries := min(errorsOfOne, n-i)
		for range tries {
			wrong, err := k.accepts(damage(r, code, k.alphabet))
			if err != nil {
				return err
			}
			if wrong {
				missed.Add(1)
			}
		}
		done.Add(int64(tries))
	}
	return nil
}

// damage changes a character, or swaps two neighbours, so that it is another code.
func damage(r *rand.Rand, code, alphabet string) string {
	for {
		b := []byte(code)
		if i := r.IntN(len(b)); i+1 == len(b) || r.IntN(2) == 0 {
			b[i] = alphabet[r.IntN(len(alphabet))]
		} else {
			b[i], b[i+1] = b[i+1], b[i]
		}
		if string(b) != code {
			return string(b)
		}
	}
}

// report prints how far it is, on standard error.
func report(name string, n int, done, missed *atomic.Int64, stop <-chan struct{}) {
	tick := time.NewTicker(5 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
			fmt.Fprintf(os.Stderr, "%s: %d of %d, %d missed\n", name, done.Load(), n, missed.Load())
		}
	}
}
