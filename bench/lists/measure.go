package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"ostiary/internal/doors/client"
	"ostiary/internal/doors/wire"
	"ostiary/oath"
)

// auditFilters are each filter of the log: one that finds much, one that finds
// something rare and one that finds nothing.
func auditFilters() (all [][]string) {
	at := func(ago time.Duration) string {
		return url.QueryEscape(time.Now().Add(-ago).UTC().Format(time.RFC3339))
	}
	const day = 24 * time.Hour
	return [][]string{
		{"serial=S00123456", "serial=nosuch"},
		{"user=user012345", "user=nosuch"},
		{"action=code.verified", "action=user.added", "action=nosuch"},
		{"outcome=accepted", "outcome=refused"},
		{"actor=key:radius", "actor=key:rare", "actor=nosuch"},
		{"actor_id=radius0000", "actor_id=nosuch"},
		{"from=" + at(day), "from=" + at(-day)},
		{"to=" + at(10*day), "to=" + at(1000*day)},
		{"from=" + at(10*day) + "&to=" + at(10*day-time.Hour)},
	}
}

// lists are the paths of all lists, each with its filters.
func lists() (paths []string) {
	add := func(path string, queries ...string) {
		for _, q := range queries {
			paths = append(paths, strings.TrimSuffix(path+"?"+q, "?"))
		}
	}
	add("tokens", "", "after=10900000", "serial=S00123456", "serial=nosuch", "user=user012345", "kind=hardware",
		"kind=software", "type=hotp", "type=ocra", "manufacturer=ACME", "manufacturer=Third", "manufacturer=nosuch",
		"state=VALID", "state=REVOKED_TOKEN_LOST", "state=PENDING", "state=REVOKED_TOKEN_BROKEN", "batch=delivery0",
		"batch=delivery9", "batch=nosuch", "import=1019", "import=999", "expiring=1", "expiring=365",
		"state=REVOKED_TOKEN_LOST&type=hotp", "batch=delivery9&state=REVOKED_TOKEN_LOST",
		"type=totp&manufacturer=Other",
		"expiring=365&state=VALID")
	add("users", "", "after=user150000")
	add("imports", "", "after=1010")
	add("imports/1000/rows", "", "after=90000")
	for _, path := range []string{"batches", "keys", "types", "series", "profiles"} {
		add(path, "")
	}
	add("moves", "", "after=move500")
	add("audit", "", "after=1000")
	filters := auditFilters()
	for i, some := range filters {
		add("audit", some...)
		for _, others := range filters[:i] {
			for _, a := range some {
				for _, b := range others {
					if name, _, _ := strings.Cut(a, "="); !strings.Contains("&"+b, "&"+name+"=") &&
						!(strings.Contains(a, "&") && (strings.HasPrefix(b, "to=") || strings.HasPrefix(b, "from="))) {
						add("audit", b+"&"+a)
					}
				}
			}
		}
	}
	return paths
}

var web = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}

// get asks for a page and throws it away.
func get(ctx context.Context, base, key, path string) (status int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/api/v1/"+path, nil)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+key)
	resp, err := web.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// measureLists prints how long first pages take; of filters of the log in twos only the
// slowest ten.
func measureLists(base string, keys callers, pages int) error {
	type row struct {
		path     string
		p50, max time.Duration
	}
	var rows, twos []row
	for _, path := range lists() {
		var took []time.Duration
		for range pages {
			begun := time.Now()
			status, err := get(context.Background(), base, keys.admin, path)
			if err != nil || status != http.StatusOK && !strings.Contains(path, "import=999") {
				return fmt.Errorf("%s: %d, %w", path, status, err)
			}
			took = append(took, time.Since(begun))
		}
		slices.Sort(took)
		r := row{path, took[len(took)/2], took[len(took)-1]}
		if strings.HasPrefix(path, "audit") && strings.Contains(path, "&") {
			twos = append(twos, r)
		} else {
			rows = append(rows, r)
		}
	}
	slices.SortFunc(twos, func(a, b row) int { return int(b.p50 - a.p50) })
	fmt.Println("| first page of 100 | p50 | max |\n|---|---|---|")
	for _, r := range append(rows, twos[:min(10, len(twos))]...) {
		fmt.Printf("| `%s` | %.1f ms | %.1f ms |\n", r.path, ms(r.p50), ms(r.max))
	}
	fmt.Printf("(and %d more of the log by two filters, none slower)\n", max(0, len(twos)-10))
	return nil
}

const (
	loginTokens = 20_000
	connections = 32
	searchers   = 8
)

// loginSecret is that of token i. Each has one of its own: tokens that share one share
// its counter, too.
func loginSecret(i int) []byte { return fmt.Appendf(nil, "bench lists %08d", i) }

func importLogins(c *client.Client) error {
	var file strings.Builder
	file.WriteString(`<KeyContainer Version="1.0" xmlns="urn:ietf:params:xml:ns:keyprov:pskc">`)
	for i := range loginTokens {
		fmt.Fprintf(&file, `<KeyPackage><DeviceInfo><Manufacturer>LOGIN</Manufacturer><SerialNo>L%d</SerialNo></DeviceInfo>`+
			`<Key Id="1" Algorithm="urn:ietf:params:xml:ns:keyprov:pskc:hotp"><AlgorithmParameters><ResponseFormat Length="6" `+
			`Encoding="DECIMAL"/></AlgorithmParameters><Data><Secret><PlainValue>%s</PlainValue>`+
			`</Secret></Data></Key></KeyPackage>`, i, base64.StdEncoding.EncodeToString(loginSecret(i)))
	}
	file.WriteString("</KeyContainer>")
	_, err := c.Import(context.Background(), client.Upload{File: strings.NewReader(file.String()), Name: "logins.pskc"})
	return err
}

// logins presents right codes on many connections for a while, and gives their rate.
type logins struct {
	client *client.Client
	next   []uint64
}

func (l *logins) run(length time.Duration) (perSecond float64, err error) {
	var n atomic.Int64
	var wg sync.WaitGroup
	errs := make(chan error, connections)
	begun := time.Now()
	for k := range connections {
		wg.Go(func() {
			for i := k; time.Since(begun) < length; i = (i + connections) % loginTokens {
				code, err := oath.HOTP(loginSecret(i), l.next[i], oath.SHA1, 6)
				var valid bool
				if err == nil {
					l.next[i]++
					valid, err = l.client.Verify(context.Background(),
						wire.VerifyRequest{Serial: fmt.Sprintf("L%d", i), OTP: code})
				}
				if err == nil && !valid {
					err = fmt.Errorf("token L%d: a right code is refused", i)
				}
				if err != nil {
					errs <- err
					return
				}
				n.Add(1)
			}
		})
	}
	wg.Wait()
	select {
	case err := <-errs:
		return 0, err
	default:
	}
	return float64(n.Load()) / time.Since(begun).Seconds(), nil
}

// search keeps searching the log until ctx ends.
func search(ctx context.Context, base, key string, answers *[2]atomic.Int64) {
	for i := 0; ctx.Err() == nil; i++ {
		path := fmt.Sprintf("audit?user=user%06d", i*7919%users)
		if i%2 == 0 {
			path = fmt.Sprintf("audit?serial=S%08d", i*7919%1_000_000)
		}
		status, err := get(ctx, base, key, path)
		switch {
		case err != nil:
		case status == http.StatusOK:
			answers[0].Add(1)
		default:
			answers[1].Add(1)
		}
	}
}

// measureLogins prints the rate of logins with and without searches beside them.
func measureLogins(base string, keys callers, rounds int, length time.Duration) error {
	c, err := client.New(client.Config{Server: base, Key: keys.login})
	if err != nil {
		return err
	}
	l := &logins{client: c, next: make([]uint64, loginTokens)}
	if _, err := l.run(length); err != nil { // what is in use is cached from here on
		return err
	}
	var ratios []float64
	fmt.Printf("\n%d connections log in; %d searches of the log by one key run beside them\n", connections, searchers)
	for range rounds {
		alone, err := l.run(length)
		if err != nil {
			return err
		}
		ctx, stop := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		var answers [2]atomic.Int64
		for range searchers {
			wg.Go(func() { search(ctx, base, keys.desk, &answers) })
		}
		beside, err := l.run(length)
		stop()
		wg.Wait()
		if err != nil {
			return err
		}
		ratios = append(ratios, beside/alone)
		fmt.Printf("  alone %.0f /s, beside searches %.0f /s: %.2f; %d searches answered, %d refused\n", alone, beside,
			beside/alone, answers[0].Load(), answers[1].Load())
	}
	slices.Sort(ratios)
	fmt.Printf("  median %.2f; to reach is 0.80\n", ratios[len(ratios)/2])
	return nil
}
