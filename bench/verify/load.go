package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"ostiary/bench/wireread"
	"ostiary/oath"
)

// load presents codes at the addresses of one or more servers. It knows every token's seed and the next
// counter there; the empty operation and the bare handler use up no code, so each has
// counters of its own.
type load struct {
	at       []door
	counters []uint64
}

// door is where a server takes codes, and the key that it wants.
type door struct{ address, key string }

type result struct {
	perSecond float64
	p50, p99  time.Duration
	requests  int
	cpu       time.Duration // of the server, per request
	postgres  time.Duration // of PostgreSQL's processes, per request
}

// run keeps n connections busy for a while. Connection k uses the tokens k,
// k+n, k+2n …, in an order that jumps over the database's pages.
func (l *load) run(n int, length time.Duration) (result, error) {
	deadline := time.Now().Add(length)
	return l.until(n, func(int) bool { return time.Now().After(deadline) })
}

// all presents one code of every token.
func (l *load) all(n int) (result, error) {
	return l.until(n, func(i int) bool { return i > len(l.counters)/n })
}

func (l *load) until(n int, done func(i int) bool) (result, error) {
	var wg sync.WaitGroup
	took := make([][]time.Duration, n)
	errs := make([]error, n)
	start := time.Now()
	for k := range n {
		wg.Go(func() { took[k], errs[k] = l.connection(k, n, done) })
	}
	wg.Wait()
	elapsed := time.Since(start)
	all := slices.Concat(took...)
	slices.Sort(all)
	if err := errors.Join(errs...); err != nil || len(all) == 0 {
		return result{}, fmt.Errorf("no answers: %w", err)
	}
	return result{perSecond: float64(len(all)) / elapsed.Seconds(), p50: all[len(all)/2], p99: all[len(all)*99/100],
		requests: len(all)}, nil
}

func (l *load) connection(k, n int, done func(int) bool) ([]time.Duration, error) {
	at := l.at[k%len(l.at)]
	conn, err := net.Dial("tcp", at.address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	in := bufio.NewReaderSize(conn, 4096)
	mine := (len(l.counters)-k-1)/n + 1
	var request, body []byte
	took := make([]time.Duration, 0, 1<<16)
	for i := 0; !done(i); i++ {
		t := k + (i*7919%mine)*n
		code, err := oath.HOTP(seed(t), l.counters[t], oath.SHA1, 6)
		if err != nil {
			return nil, err
		}
		l.counters[t]++
		body = fmt.Appendf(body[:0], `{"serial":"%s","otp":"%s"}`, serial(t), code)
		request = fmt.Appendf(request[:0], "POST /api/v1/verify HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer "+
			"%s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", at.key, len(body), body)
		sent := time.Now()
		if _, err := conn.Write(request); err != nil {
			return nil, err
		}
		answer, err := wireread.Answer(in)
		if err != nil {
			return nil, err
		}
		took = append(took, time.Since(sent))
		if !bytes.HasPrefix(answer, []byte(`{"valid":true}`)) {
			return nil, fmt.Errorf("token %s, counter %d: %s", serial(t), l.counters[t]-1, answer)
		}
	}
	return took, nil
}
