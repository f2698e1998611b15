package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"ostiary/bench/process"
	"ostiary/internal/doors/client"
	"ostiary/internal/doors/wire"
	"ostiary/oath"
)

// million imports a large encrypted file into a server that checks codes
// meanwhile. It tells how the time grows, what the server needs, and how long the
// checks take.
func million(program, dir string, keys int) error {
	fmt.Printf("\n%d keys, AES-128-CBC, HMAC-SHA-1; codes are checked meanwhile\n", keys)
	file := filepath.Join(dir, "many.pskc")
	if err := writeFile(file, keys, true); err != nil {
		return err
	}
	defer os.Remove(file)
	s, err := process.Start(program, filepath.Join(dir, "many"))
	if err != nil {
		return err
	}
	logins, err := newLogins(s, dir)
	if err != nil {
		return errors.Join(err, s.Kill())
	}
	ctx, stop := context.WithCancel(context.Background())
	latencies := make(chan []time.Duration, 1)
	go func() { latencies <- logins.run(ctx) }()
	marks, total, err := upload(s, file, keys)
	stop()
	took := <-latencies
	peak, serr := s.Stop()
	if err = errors.Join(err, serr, logins.err); err != nil {
		return err
	}
	n := len(marks)
	fmt.Printf("  in all                  %6.1f s   (%.0f keys/s)\n", total.Seconds(), float64(keys)/total.Seconds())
	fmt.Printf("  the first tenth         %6.1f s\n", marks[0].Seconds())
	fmt.Printf("  the last tenth          %6.1f s   ratio %.2f, target: at most 1.3\n", marks[n-1].Seconds(),
		marks[n-1].Seconds()/marks[0].Seconds())
	fmt.Printf("  server's peak memory    %6d MiB  target: below 256\n", peak/1024)
	slices.Sort(took)
	at := func(q float64) float64 { return float64(took[int(q*float64(len(took)-1))].Microseconds()) / 1000 }
	fmt.Printf("  codes checked meanwhile %6d     p50 %.1f ms, p99 %.1f ms, target: below 50; longest %.0f ms\n",
		len(took), at(0.5), at(0.99), at(1))
	return nil
}

// upload imports the file and gives the time that each tenth of it took.
func upload(s *process.Server, path string, keys int) (tenths []time.Duration, total time.Duration, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	start := time.Now()
	last, next := start, keys/10
	progress := func(i wire.Import) {
		if i.Keys >= next {
			tenths, last, next = append(tenths, time.Since(last)), time.Now(), next+keys/10
		}
	}
	rep, err := s.Local().Import(context.Background(),
		client.Upload{File: f, Name: "many.pskc", KeyHex: []byte(fmt.Sprintf("%x", fileKey)), Progress: progress})
	total = time.Since(start)
	if err == nil && rep.Imported != keys {
		err = fmt.Errorf("%d of %d keys were imported", rep.Imported, keys)
	}
	if len(tenths) < 10 { // the last event may come before the last keys
		tenths = append(tenths, time.Since(last))
	}
	return tenths, total, err
}

// logins are tokens whose codes are checked, at a steady pace.
type logins struct {
	client *client.Client
	next   []uint64
	err    error
}

const (
	loginTokens = 200
	loginEvery  = 10 * time.Millisecond
)

// loginSecret is that of token i. Each has one of its own: tokens that share one share
// its counter, too.
func loginSecret(i int) []byte { return fmt.Appendf(nil, "bench login %08d", i) }

func newLogins(s *process.Server, dir string) (*logins, error) {
	file := filepath.Join(dir, "logins.pskc")
	f, err := os.Create(file)
	if err != nil {
		return nil, err
	}
	fmt.Fprint(f, `<KeyContainer Version="1.0" xmlns="urn:ietf:params:xml:ns:keyprov:pskc">`)
	for i := range loginTokens {
		fmt.Fprintf(f, `<KeyPackage><DeviceInfo><Manufacturer>LOGIN</Manufacturer><SerialNo>L%d</SerialNo></DeviceInfo><Key Id="1" Algorithm="urn:ietf:params:xml:ns:keyprov:pskc:hotp"><AlgorithmParameters><ResponseFormat Length="6" Encoding="DECIMAL"/></AlgorithmParameters><Data><Secret><PlainValue>%s</PlainValue></Secret></Data></Key></KeyPackage>`, i, base64.StdEncoding.EncodeToString(loginSecret(i)))
	}
	fmt.Fprint(f, "</KeyContainer>")
	if _, err := f.Seek(0, 0); err != nil {
		return nil, err
	}
	defer f.Close()
	ctx := context.Background()
	if _, err := s.Local().Import(ctx, client.Upload{File: f, Name: "logins.pskc"}); err != nil {
		return nil, err
	}
	key, err := s.Local().CreateKey(ctx, wire.KeyRequest{Name: "login", Role: "verifier"})
	if err != nil {
		return nil, err
	}
	c, err := client.New(client.Config{Server: s.URL, Key: key.Text})
	return &logins{client: c, next: make([]uint64, loginTokens)}, err
}

// run checks one right code every loginEvery until ctx ends, each on its own
// connection's time, and gives how long the checks took.
func (l *logins) run(ctx context.Context) (took []time.Duration) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	ticker := time.NewTicker(loginEvery)
	defer ticker.Stop()
	for i := 0; ; i = (i + 1) % loginTokens {
		select {
		case <-ctx.Done():
			wg.Wait()
			return took
		case <-ticker.C:
		}
		counter := l.next[i]
		l.next[i]++
		wg.Go(func() {
			code, err := oath.HOTP(loginSecret(i), counter, oath.SHA1, 6)
			start := time.Now()
			valid := false
			if err == nil {
				valid, err = l.client.Verify(context.Background(),
					wire.VerifyRequest{Serial: fmt.Sprintf("L%d", i), OTP: code})
			}
			mu.Lock()
			defer mu.Unlock()
			took = append(took, time.Since(start))
			if err == nil && !valid {
				err = fmt.Errorf("a right code of L%d was refused", i)
			}
			l.err = errors.Join(l.err, err)
		})
	}
}
