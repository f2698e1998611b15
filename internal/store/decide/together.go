package decide

import (
	"cmp"
	"errors"
	"slices"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
)

// Many reads and writes for many attempts at a time, where each statement is a way to a
// server and back.
type Many interface {
	// LockUsers reads users that no other transaction changes before this one ends. ids rise.
	LockUsers(ids []int64) (map[int64]User, error)
	// LockTokens has no other transaction change tokens before this one ends. ids rise.
	LockTokens(ids []int64) error
	// AcceptMany runs a statement that accepts a code once for each of the lists of its
	// arguments, which are sorted by token, and gives the tokens of those that were accepted.
	AcceptMany(s *Statement, args [][16]int64) (won []int64, err error)
}

// The batch is to be run again, in another transaction.
var (
	// ErrUnordered: with Ordered, or it might wait for one that waits for it.
	ErrUnordered = errors.New("a code was overtaken by another transaction")
	// ErrOvertaken: another transaction changed what this one has read.
	ErrOvertaken = errors.New("a row changed inside the transaction")
)

// All decides attempts in their order. What was judged by rows that were kept, and finds
// others, is Stale at once: to read them here would take a way for each. Those that take one
// conditional write, which is what nearly all right codes do, are tried together: the
// statement is the one that would be run for each, so the database decides each of them all
// the same. All others, and those that it did not accept, are decided one by one.
//
// Batches of several nodes lock rows in one order: users, then tokens, by their numbers.
// Where all attempts are tried together, the statement does so. Before one is decided by
// itself, all tokens of the batch are locked; if that shows too late, ErrUnordered.
func (b *Batch) All(as []*store.Attempt, many Many) ([]store.Outcome, error) {
	outcomes := make([]store.Outcome, len(as))
	won, err := b.together(as, many)
	if err != nil {
		return nil, err
	}
	if !b.Ordered && slices.Contains(won, none) {
		return nil, ErrUnordered
	}
	for i, a := range as {
		switch n := won[i]; {
		case n == late:
			outcomes[i] = store.Outcome{Verdict: store.Stale}
		case n != none:
			p := &a.Proposals[n]
			outcomes[i] = store.Outcome{Verdict: store.Accepted, Index: n, Before: Seen(p).told(), Counted: true}
			b.Changed = append(b.Changed, accepted(a, p, p.Seen))
			err = b.Rows.Append(a.Record(outcomes[i]))
		default:
			outcomes[i], err = b.One(a)
		}
		if err != nil {
			return nil, err
		}
	}
	return outcomes, nil
}

const (
	none = -1 // stands where no proposal is
	late = -2 // stands where what the code was judged by is older than a change
)

// together gives the proposals that were accepted, by their places, for each attempt.
func (b *Batch) together(as []*store.Attempt, many Many) ([]int, error) {
	plain := independent(as)
	for i, a := range as {
		if a.Kept != 0 && a.Kept != b.Kept {
			plain[i] = late
		}
	}
	users := map[int64]User{}
	if ids := usersOf(as); len(ids) > 0 {
		var err error
		if users, err = many.LockUsers(ids); err != nil {
			return nil, err
		}
	}
	args := map[*Statement][][16]int64{}
	for i, n := range plain {
		a, u, write := as[i], users[as[i].UserID], accept
		switch {
		case n < 0:
			continue
		case a.UserID == 0:
		case asWritten(a, u):
			write = acceptOwned
		default:
			plain[i] = none
			continue
		}
		args[write] = append(args[write], demands(a, &a.Proposals[n], &a.Proposals[n].Seen, u))
	}
	if b.Ordered = b.Ordered || slices.Contains(plain, none); b.Ordered {
		if ids := tokensOf(as); len(ids) > 0 {
			if err := many.LockTokens(ids); err != nil {
				return nil, err
			}
		}
	}
	took := map[int64]bool{}
	for _, write := range []*Statement{accept, acceptOwned} {
		all := args[write]
		if len(all) == 0 {
			continue
		}
		slices.SortFunc(all, func(x, y [16]int64) int { return cmp.Compare(x[tokenArgument], y[tokenArgument]) })
		ids, err := many.AcceptMany(write, all)
		if err != nil {
			return nil, err
		}
		for _, id := range ids {
			took[id] = true
		}
	}
	for i, n := range plain {
		switch {
		case n < 0 || took[int64(as[i].Proposals[n].ID)]:
		case as[i].Kept != 0:
			plain[i] = late
		default:
			plain[i] = none
		}
	}
	return plain, nil
}

// usersOf gives the users of attempts, and tokensOf the tokens, in rising order.
func usersOf(as []*store.Attempt) (ids []int64) {
	for _, a := range as {
		if a.UserID != 0 {
			ids = append(ids, a.UserID)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

func tokensOf(as []*store.Attempt) (ids []int64) {
	for _, a := range as {
		for i := range a.Proposals {
			ids = append(ids, int64(a.Proposals[i].ID))
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// tokenArgument is the place of the token, ?4, among the arguments of the conditional write.
const tokenArgument = 3

// asWritten reports whether the user is there under the name, and has no failures that an
// acceptance would clear.
func asWritten(a *store.Attempt, u User) bool {
	return u.There && (a.UserName == "" || a.UserName == u.Name) && u.Standing() == store.Standing{}
}

// independent gives the proposal of each attempt that takes one conditional write, or none:
// also where an earlier attempt is about the same token or user, for that is decided first.
func independent(as []*store.Attempt) []int {
	plain := make([]int, len(as))
	tokens, users := map[token.ID]bool{}, map[int64]bool{}
	for i, a := range as {
		plain[i] = onlyWrite(a)
		if n := plain[i]; n != none && (tokens[a.Proposals[n].ID] || a.UserID != 0 && users[a.UserID]) {
			plain[i] = none
		}
		for j := range a.Proposals {
			tokens[a.Proposals[j].ID] = true
		}
		users[a.UserID] = true
	}
	return plain
}

// onlyWrite gives the proposal of an attempt whose code is right for one token alone, and
// for its own key, which nobody shares; else none.
func onlyWrite(a *store.Attempt) int {
	one := none
	if a.Proof || a.UserID == 0 && a.UserName != "" {
		return none
	}
	for i := range a.Proposals {
		p := &a.Proposals[i]
		if !p.Matched || a.Refusal(p.Seen) != token.NoReason {
			continue
		}
		if one != none || p.Application != 0 || p.Seen.Shared.Mark != 0 {
			return none
		}
		one = i
	}
	return one
}
