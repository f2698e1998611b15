package overview

import (
	"context"
	"sync"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/engine/ledger"
	"ostiary/internal/store"
)

// RecentDays is how many days Recent is about, today included.
const RecentDays = 30

// freshRecent is for how long what was counted is shown to everybody who asks.
const freshRecent = time.Minute

// Recent is what a server has to tell of its last days, but for its tokens.
type Recent struct {
	AsOf time.Time
	// Codes are by the day, in the server's zone; a day without a code is there, too.
	Codes []Period
	// Whole is false as long as old entries of the log are being counted.
	Whole           bool
	OpenActivations store.Count
	First           FirstSteps
}

// FirstSteps is what is done with a new server, one step after the other. What was done once
// stays done.
type FirstSteps struct {
	RootPassword  bool // another one than was printed at the first start
	Administrator bool // beside ROOT
	Imported      bool // there are tokens
	Assigned      bool
	Verified      bool // a code was accepted
	Key           bool // there is an API key
	Checkpoint    bool // somebody got one, to keep it elsewhere
}

// Done reports whether all steps are.
func (f FirstSteps) Done() bool {
	return f == FirstSteps{true, true, true, true, true, true, true}
}

// recent is kept for all who ask.
type recent struct {
	mu   sync.Mutex // held by the request that counts
	last Recent
}

// Recent counts once a minute at most: the codes by what the log's index counts by the hour,
// the activations by the index of those that are open, up to store.CountedTo.
func (s *Service) Recent(ctx context.Context) (Recent, error) {
	s.recent.mu.Lock()
	defer s.recent.mu.Unlock()
	now := s.cfg.Now()
	if last := s.recent.last; !last.AsOf.IsZero() && now.Sub(last.AsOf) < freshRecent && !now.Before(last.AsOf) {
		return last, nil
	}
	out := Recent{AsOf: now, First: s.recent.last.First}
	today := dayOf(now)
	from := today.AddDate(0, 0, 1-RecentDays)
	counts, whole, err := s.Codes(ctx, from, now.Add(time.Millisecond))
	if err != nil {
		return Recent{}, err
	}
	out.Whole = whole
	counted := map[time.Time]Period{}
	for _, p := range Periods(counts, dayOf) {
		counted[p.Begin] = p
	}
	for at := from; !at.After(today); at = at.AddDate(0, 0, 1) {
		p := counted[at]
		p.Begin = at
		out.Codes = append(out.Codes, p)
	}
	if err := s.cfg.DB.Browse(ctx, func(r store.Reader) (err error) {
		if out.OpenActivations, err = r.CountOpenActivations(); err == nil && !out.First.Done() {
			out.First, err = firstSteps(r)
		}
		return err
	}); err != nil {
		return Recent{}, err
	}
	s.recent.last = out
	return out, nil
}

// dayOf is the beginning of a time's day, in the server's zone.
func dayOf(at time.Time) time.Time {
	at = at.Local()
	return time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, at.Location())
}

func firstSteps(r store.Reader) (f FirstSteps, err error) {
	// The first password has an entry, too. Of entries that were archived nothing is known.
	set, _, err := r.FindAudit(audit.Filter{Action: audit.RootPasswordSet}, 0, 2)
	if err != nil {
		return f, err
	}
	f.RootPassword = len(set) != 1
	if len(set) == 1 {
		entry, err := ledger.Decode(set[0])
		if err != nil {
			return f, err
		}
		after, _ := entry["after"].(map[string]any)
		f.RootPassword = after["chosen"] == true
	}
	admins, err := r.Admins()
	if err != nil {
		return f, err
	}
	f.Administrator = len(admins) > 0
	tokens, err := r.Tokens(store.TokenFilter{Limit: 1})
	if err != nil {
		return f, err
	}
	f.Imported = len(tokens) > 0
	held, err := r.CountTokens(store.TokenFilter{Held: true})
	if err != nil {
		return f, err
	}
	f.Assigned = held.Number > 0
	accepted, _, err := r.FindAudit(audit.Filter{Action: audit.CodeVerified, Outcome: audit.Accepted}, 0, 1)
	if err != nil {
		return f, err
	}
	f.Verified = len(accepted) > 0
	keys, err := r.APIKeys()
	if err != nil {
		return f, err
	}
	f.Key = len(keys) > 0
	given, err := ledger.Given(r)
	f.Checkpoint = !given.IsZero()
	return f, err
}
