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

	"ostiary/bench/process"
	"ostiary/internal/doors/client"
	"ostiary/internal/doors/wire"
	"ostiary/oath"
)

// auditFilters are the filters of the log, each with values that find much, something
// rare, and nothing.
func auditFilters() (all [][]string) {
	at := func(ago time.Duration) string {
		return url.QueryEscape(time.Now().Add(-ago).UTC().Format(time.RFC3339))
	}
	const day = 24 * time.Hour
	return [][]string{
		{"serial=S00123456", "serial=nosuch"},
		{"user=user012345", "user=nosuch"},
		{"action=code.verified", "action=token.assigned", "action=user.added", "action=nosuch"},
		{"outcome=accepted", "outcome=refused", "outcome=done"},
		{"actor=key:radius", "actor=key:lists", "actor=key:rare", "actor=nosuch"},
		{"actor_id=radius0000", "actor_id=radius0002", "actor_id=listskey01", "actor_id=nosuch"},
		{"from=" + at(day), "from=" + at(10*day), "from=" + at(-day), "to=" + at(10*day), "to=" + at(1000*day),
			"from=" + at(10*day) + "&to=" + at(10*day-time.Hour)},
	}
}

func daysAgo(n int) string {
	return time.Now().AddDate(0, 0, -n).UTC().Format("2006-01-02T15:04:05Z")
}

// lists are the paths of all lists, each with its filters.
func lists() (paths []string) {
	add := func(path string, queries ...string) {
		for _, q := range queries {
			paths = append(paths, strings.TrimSuffix(path+"?"+q, "?"))
		}
	}
	add("tokens", "", "serial=S00123456", "serial=nosuch", "user=user012345", "kind=hardware",
		"kind=software", "type=hotp", "type=ocra", "manufacturer=ACME", "manufacturer=Third", "manufacturer=nosuch",
		"state=VALID", "state=REVOKED_TOKEN_LOST", "state=PENDING", "state=REVOKED_TOKEN_BROKEN", "batch=delivery0",
		"state=REVOKED_TOKEN_OTHER", "state=MOVING", "batch=delivery9", "batch=nosuch", "import=1019", "import=999",
		"twins=true", "expiring=1", "expiring=365", "user=nosuch",
		"state=REVOKED_TOKEN_LOST&type=hotp", "batch=delivery9&state=REVOKED_TOKEN_LOST",
		"type=totp&manufacturer=Other",
		"expiring=365&state=VALID")
	for _, order := range []string{"user", "serial", "arrival", "expires", "state", "type", "manufacturer"} {
		for _, filter := range []string{"", "kind=hardware", "kind=software", "type=hotp", "manufacturer=Third",
			"state=VALID",
			"state=REVOKED_TOKEN_LOST", "free=true", "locked=true", "batch=delivery9", "import=1019", "search=012345",
			"search=nosuch", "expiring=365", "free=true&kind=hardware&state=VALID", "assigned=true", "never_used=true",
			"unused_since=2026-01-01T00:00:00Z", "serial_prefix=S001", "serial_prefix=S00123", "serial_contains=12345",
			"user_prefix=user1", "user_prefix=user0123", "user_contains=999", "label=nosuch"} {
			for _, way := range []string{"", "desc=true&"} {
				add("tokens", strings.TrimSuffix("sort="+order+"&"+way+filter, "&"))
			}
		}
	}
	add("tokens", "count=true", "count=true&state=VALID", "count=true&state=REVOKED_TOKEN_LOST", "count=true&free=true",
		"count=true&locked=true", "count=true&expiring=365", "count=true&type=totp&manufacturer=Other",
		"count=true&serial_prefix=S001&state=PENDING", "count=true&label=nosuch", "count=true&never_used=true")
	add("users", "count=true", "count=true&search=0123")
	add("audit", "count=true", "count=true&outcome=refused")
	add("overview/codes", "from="+daysAgo(30)+"&to="+daysAgo(-1), "from="+daysAgo(360)+"&to="+daysAgo(-1)+"&by=day")
	add("tokens", "sort=last-used&state=PENDING", "sort=last-used&user=user012345")
	add("users", "", "after=user150000", "locked=true", "without_token=true", "search=0123", "search=nosuch")
	add("imports", "", "after=1010")
	add("imports/1000/rows", "", "after=90000")
	add("batches", "", "after=delivery5")
	for _, path := range []string{"keys", "types", "series", "profiles", "tokens/S00123456", "users/user012345",
		"imports/1000"} {
		add(path, "")
	}
	add("moves", "", "after=move500")
	add("audit", "", "after=1000")
	filters := auditFilters()
	for i, some := range filters {
		add("audit", some...)
		for _, others := range filters[:i] {
			for _, one := range some {
				for _, other := range others {
					add("audit", other+"&"+one)
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

// tooSlow is what a first page must stay below.
const tooSlow = 20 * time.Millisecond

// row is what the first pages of one list took.
type row struct {
	path        string
	median, max time.Duration // on the wall; the median is the smallest of some
	cpu         time.Duration // of the server, for one page
}

func (r row) String() string {
	mark := ""
	if r.median >= tooSlow {
		mark = " **above 20 ms**"
	}
	path := r.path
	if len(path) > 100 {
		path = path[:100] + "…"
	}
	return fmt.Sprintf("| `%s` | %.1f ms | %.1f ms | %.1f ms |%s", path, ms(r.median), ms(r.max), ms(r.cpu), mark)
}

// measure asks for a list some times in a row.
func (r *row) measure(s *process.Server, key string, pages int) error {
	var took []time.Duration
	before, err := s.CPU()
	if err != nil {
		return err
	}
	for range pages {
		begun := time.Now()
		status, err := get(context.Background(), s.URL, key, r.path)
		if err != nil || status != http.StatusOK && !strings.Contains(r.path, "import=999") &&
			!strings.Contains(r.path, "nosuch") {
			return fmt.Errorf("%s: %d, %w", r.path, status, err)
		}
		took = append(took, time.Since(begun))
	}
	after, err := s.CPU()
	slices.Sort(took)
	cpu := (after - before) / time.Duration(pages)
	if median := took[len(took)/2]; r.max == 0 || median < r.median {
		r.median = median
	}
	if r.max == 0 || cpu < r.cpu {
		r.cpu = cpu
	}
	r.max = max(r.max, took[len(took)-1])
	return err
}

// laterPages gives the second pages of the sorted lists that have one, and the pages before
// those.
func laterPages(s *process.Server, key string, paths []string) (later []string, err error) {
	c, err := client.New(client.Config{Server: s.URL, Key: key})
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		list, filter, _ := strings.Cut(path, "?")
		if !strings.HasPrefix(filter, "sort=") || strings.Contains(filter, "nosuch") {
			continue
		}
		q, err := url.ParseQuery(filter)
		if err != nil {
			return nil, err
		}
		f := client.TokenFilter{Sort: q.Get("sort"), Desc: q.Has("desc")}
		if len(q) > 2 || len(q) == 2 && !f.Desc {
			continue // one filter is as good as another to make the cursor
		}
		first, err := c.Tokens(context.Background(), f, client.Page{Limit: 100})
		if err != nil || first.Next == nil {
			return nil, err
		}
		second, err := c.Tokens(context.Background(), f, client.Page{Limit: 100, After: *first.Next})
		if err != nil || second.Previous == nil {
			return nil, err
		}
		for _, cursor := range []string{*first.Next, *second.Previous} {
			later = append(later, list+"?"+filter+"&after="+cursor)
		}
	}
	return later, nil
}

// measureLists prints how long first pages take: of filters of the log in twos the
// slowest, unless all are asked for.
func measureLists(s *process.Server, keys callers, p plan) error {
	paths := lists()
	later, err := laterPages(s, keys.admin, paths)
	if err != nil {
		return err
	}
	paths = append(paths, later...)
	rows := make([]row, len(paths))
	for range p.repeats {
		for i, path := range paths {
			rows[i].path = path
			if err := rows[i].measure(s, keys.admin, p.pages); err != nil {
				return err
			}
		}
	}
	var twos []row
	rows = slices.DeleteFunc(rows, func(r row) bool {
		two := strings.HasPrefix(r.path, "audit?") && strings.Contains(r.path, "&")
		if two {
			twos = append(twos, r)
		}
		return two
	})
	slices.SortFunc(twos, func(a, b row) int { return int(b.median - a.median) })
	fmt.Println("| first page of 100 | median | max | server's processor time |\n|---|---|---|---|")
	for _, r := range rows {
		fmt.Println(r)
	}
	shown := 10
	if p.all {
		shown = len(twos)
	}
	for _, r := range twos[:min(shown, len(twos))] {
		fmt.Println(r)
	}
	fmt.Println()
	summary(fmt.Sprintf("%d lists and filters", len(rows)), rows)
	summary(fmt.Sprintf("%d pairs of filters of the log", len(twos)), twos)
	return nil
}

// summary prints the sum of some rows.
func summary(name string, rows []row) {
	slow := 0
	for _, r := range rows {
		if r.median >= tooSlow {
			slow++
		}
	}
	slices.SortFunc(rows, func(a, b row) int { return int(a.median - b.median) })
	most := slices.MaxFunc(rows, func(a, b row) int { return int(a.cpu - b.cpu) })
	fmt.Printf("%s: median %.1f ms, slowest %.1f ms; processor time at most %.1f ms (%s); %d above 20 ms\n", name,
		ms(rows[len(rows)/2].median), ms(rows[len(rows)-1].median), ms(most.cpu), most.path, slow)
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

// measureLogins prints the rate of logins with and without searches beside them, and
// what part of the server's processor time the searches had: what it took beyond what
// so many logins take alone.
func measureLogins(s *process.Server, data string, keys callers, p plan) error {
	c, err := client.New(client.Config{Server: s.URL, Key: keys.login})
	if err != nil {
		return err
	}
	l := &logins{client: c}
	if l.next, err = loginCounters(data); err != nil {
		return err
	}
	if _, err := l.run(p.length); err != nil { // what is in use is cached from here on
		return err
	}
	measured := func() (perSecond float64, cpu time.Duration, err error) {
		before, err := s.CPU()
		if err != nil {
			return 0, 0, err
		}
		if perSecond, err = l.run(p.length); err != nil {
			return 0, 0, err
		}
		after, err := s.CPU()
		return perSecond, after - before, err
	}
	var ratios []float64
	fmt.Printf("\n%d connections log in; %d searches of the log by one key run beside them\n", connections, searchers)
	for range p.rounds {
		alone, cpu, err := measured()
		if err != nil {
			return err
		}
		each := float64(cpu) / alone
		ctx, stop := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		var answers [2]atomic.Int64
		for range searchers {
			wg.Go(func() { search(ctx, s.URL, keys.desk, &answers) })
		}
		beside, cpu, err := measured()
		stop()
		wg.Wait()
		if err != nil {
			return err
		}
		ratios = append(ratios, beside/alone)
		fmt.Printf("  alone %.0f /s, beside searches %.0f /s: %.2f; %d searches answered, %d refused; "+
			"searches had %.0f %% of the server's processor time\n", alone, beside, beside/alone, answers[0].Load(),
			answers[1].Load(), 100*(1-each*beside/float64(cpu)))
	}
	slices.Sort(ratios)
	fmt.Printf("  median %.2f, least %.2f; target: 0.80 in each\n", ratios[len(ratios)/2], ratios[0])
	return nil
}

// loginCounters gives where each token that logs in stands.
func loginCounters(data string) (next []uint64, err error) {
	db, err := database(data)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	next = make([]uint64, loginTokens)
	rows, err := db.Query("SELECT CAST(substr(t.serial, 2) AS INTEGER), c.next FROM token t JOIN condition c " +
		"ON c.token = t.id WHERE t.manufacturer = 'LOGIN'")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var i int
		var n uint64
		if err := rows.Scan(&i, &n); err != nil {
			return nil, err
		}
		next[i] = n
	}
	return next, rows.Err()
}
