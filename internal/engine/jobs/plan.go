package jobs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"maps"
	"slices"
	"strings"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/engine/tokens"
	"ostiary/internal/engine/users"
	"ostiary/internal/store"
)

// Request asks for one change of many tokens. Exactly one of Filter, Tokens and List names
// them; List is for Assign alone, which takes nothing else.
type Request struct {
	Kind   Kind
	State  token.State // that they get, for State, with Reason
	Reason string
	Label  string // for Label
	Filter *lifecycle.Filter
	Tokens []tokens.Selector
	List   []Line
	Origin audit.Origin
}

// Line is a line of a list: who gets which token.
type Line struct {
	Line               int
	Serial, Type, User string
	Refused            string // why it cannot be read; empty for one that can
}

// Preview is what a request means now.
type Preview struct {
	Number int    // how many tokens would be changed
	Digest string // of them, and of their states and users
	States []StateCount
	First  []Planned
	// Refused are the tokens and lines that nothing can be done with, at most so many as First.
	Refused   []store.JobRow
	RefusedOf int // how many there are
}

// StateCount is how many of the tokens have a state.
type StateCount struct {
	State token.State
	N     int
}

// Planned is a token that would be changed.
type Planned struct {
	Token token.Token
	User  string // who would get it; empty if nobody
}

// shown is how many tokens a preview shows.
const shown = 20

// plan is a request with its tokens.
type plan struct {
	Preview
	rows   []store.JobRow
	filter *store.TokenFilter
	states map[token.State]int
	seen   map[token.ID]bool
	sum    hash.Hash
}

// Preview says what a request means now.
func (s *Service) Preview(ctx context.Context, r Request) (Preview, error) {
	p, err := s.plan(ctx, r)
	return p.Preview, err
}

// Start begins a job, if number and digest are still those of the preview.
func (s *Service) Start(ctx context.Context, r Request, number int, digest string) (j store.Job, err error) {
	detail, err := r.detail()
	if err != nil {
		return j, err
	}
	p, err := s.plan(ctx, r)
	switch {
	case err != nil:
		return j, err
	case number != p.Number || digest != p.Digest:
		return j, fault.New(fault.Conflict, "job_changed", fmt.Sprintf("The tokens are not as the preview showed them: it "+
			"had %s, and now there are %d, or one has another state or user. Nothing was changed.",
			fault.Plural(number, "token", "tokens"), p.Number)).WithHint("Look at the preview again.")
	case p.Number == 0:
		return j, fault.New(fault.Invalid, "job_empty", "There is no token to change.")
	}
	detail.Filter = p.filter
	j = store.Job{Kind: string(r.Kind), Total: len(p.rows), Origin: r.Origin, Opened: s.stamp(),
		JobCounts: store.JobCounts{Refused: p.RefusedOf}}
	if j.Detail, err = json.Marshal(detail); err != nil {
		return j, err
	}
	if err := s.cfg.DB.Update(ctx, func(tx store.Tx) error {
		j.ID, err = tx.OpenJob(j)
		return err
	}); err != nil {
		return j, err
	}
	for rows := range slices.Chunk(p.rows, tokens.Chunk) {
		for i := range rows {
			if rows[i].Outcome == "" {
				rows[i].Proof = s.rowProof(j.ID, rows[i])
			}
		}
		if err := s.cfg.DB.Update(ctx, func(tx store.Tx) error { return tx.AddJobRows(j.ID, rows) }); err != nil {
			return j, err
		}
	}
	j.Begun = s.stamp()
	j.Proof = s.jobProof(j)
	err = s.cfg.DB.Update(ctx, func(tx store.Tx) error {
		return errors.Join(tx.BeginJob(j), tx.AppendAudit(audit.Entry{Time: j.Begun, Action: audit.JobStarted,
			Outcome: audit.Done, Reason: r.Reason, Origin: r.Origin, Subject: subject(j.ID), After: []audit.Field{
				{Name: "kind", Value: j.Kind}, {Name: "state", Value: detail.State},
				{Name: "tokens", Value: int64(p.Number)}}}.Canonical()))
	})
	if err == nil {
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
	return j, err
}

func (s *Service) stamp() time.Time { return s.cfg.Now().UTC().Truncate(time.Millisecond) }

// detail checks what is to be done.
func (r Request) detail() (d Detail, err error) {
	if r.Kind == State {
		d.State, d.Reason = r.State.String(), r.Reason
	}
	if r.Kind == Label {
		d.Label = r.Label
	}
	e, err := d.edit(r.Kind, store.JobRow{User: "anybody"})
	if err != nil {
		return d, fault.New(fault.Invalid, "job_kind", fault.Sentence(err.Error())).Because(err)
	}
	return d, e.Check()
}

// plan finds the tokens of a request.
func (s *Service) plan(ctx context.Context, r Request) (p plan, err error) {
	p = plan{states: map[token.State]int{}, seen: map[token.ID]bool{}, sum: sha256.New()}
	fmt.Fprintf(p.sum, "%s\n", r.Kind)
	given := 0
	for _, yes := range []bool{r.Filter != nil, len(r.Tokens) > 0, len(r.List) > 0} {
		if yes {
			given++
		}
	}
	switch {
	case r.Kind.Needs() == "":
		return p, fault.New(fault.Invalid, "job_kind", "There is no such kind of job: it is state, label, unassign, delete "+
			"or assign.")
	case given != 1 || (r.Kind == Assign) != (len(r.List) > 0):
		return p, fault.New(fault.Invalid, "job_tokens", "A job is told its tokens in one way: by a filter, one by one, or, "+
			"to assign them, by a list.")
	case len(r.Tokens) > MaxTokens || len(r.List) > MaxTokens:
		return p, errTooMany()
	case r.Filter != nil:
		err = s.byFilter(ctx, &p, *r.Filter)
	case r.Kind == Assign:
		err = s.byList(ctx, &p, r.List)
	default:
		err = s.byName(ctx, &p, r.Tokens)
	}
	for _, state := range slices.Sorted(maps.Keys(p.states)) {
		p.States = append(p.States, StateCount{state, p.states[state]})
	}
	p.Digest = hex.EncodeToString(p.sum.Sum(nil)[:16])
	return p, err
}

func errTooMany() error {
	return fault.New(fault.Invalid, "job_too_large", fmt.Sprintf("One job changes at most %d tokens.", MaxTokens)).
		WithHint("Choose fewer, by more filters, and begin several jobs.")
}

// page is how many tokens are read at a time.
const page = 1000

func (s *Service) byFilter(ctx context.Context, p *plan, f lifecycle.Filter) error {
	f.Limit = page
	q, err := s.cfg.Tokens.Chosen(ctx, f)
	if err != nil {
		return err
	}
	for o := (store.TokenOrder{By: store.ByArrival}); ; {
		var found []token.Token
		var next *store.TokenPlace
		if err := s.cfg.DB.Browse(ctx, func(r store.Reader) (err error) {
			found, next, err = r.SortedTokens(q, o)
			return err
		}); err != nil {
			return err
		}
		for _, t := range found {
			p.add(t, Line{})
		}
		switch {
		case len(p.rows) > MaxTokens:
			return errTooMany()
		case next == nil:
			q.Limit = 0
			p.filter = &q
			return nil
		}
		o.After = next
	}
}

func (s *Service) byName(ctx context.Context, p *plan, all []tokens.Selector) error {
	for some := range slices.Chunk(all, page) {
		if err := s.cfg.DB.Browse(ctx, func(r store.Reader) error {
			for _, sel := range some {
				t, err := tokens.Find(r, sel)
				if why, of := refusal(err); of {
					p.refuse(Line{Serial: sel.Serial, Type: sel.Type}, why)
				} else if err != nil {
					return err
				} else {
					p.add(t, Line{})
				}
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) byList(ctx context.Context, p *plan, all []Line) error {
	for some := range slices.Chunk(all, page) {
		if err := s.cfg.DB.Browse(ctx, func(r store.Reader) error {
			for _, line := range some {
				t, err := assigned(r, line)
				if why, of := refusal(err); of {
					p.refuse(line, why)
				} else if err != nil {
					return err
				} else {
					p.add(t, line)
				}
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// assigned finds the token of a line whose user there is.
func assigned(r store.Reader, line Line) (t token.Token, err error) {
	if line.Refused != "" {
		return t, fault.New(fault.Invalid, "line", line.Refused)
	}
	name, err := users.Canonical(line.User)
	if err == nil {
		_, err = users.In(r, name)
	}
	if err == nil {
		t, err = tokens.Find(r, tokens.Selector{Serial: line.Serial, Type: line.Type})
	}
	return t, err
}

// refusal gives the reason for which nothing can be done with a token, if an error is one.
func refusal(err error) (why string, of bool) {
	switch f, ok := errors.AsType[*fault.Error](err); {
	case errors.Is(err, store.ErrForged):
		return "The token's row in the database is not as this server wrote it.", true
	case ok && (f.Kind == fault.Invalid || f.Kind == fault.NotFound || f.Kind == fault.Conflict ||
		f.Kind == fault.Forbidden):
		return f.Text, true
	}
	return "", false
}

// add plans the change of a token, once. A list may name it again, and is told by that row.
func (p *plan) add(t token.Token, line Line) {
	if p.seen[t.ID] && line.User == "" {
		return
	}
	p.seen[t.ID] = true
	c := t.Condition
	row := store.JobRow{N: len(p.rows) + 1, Token: t.ID, Line: line.Line, Serial: t.Identity.Serial,
		Type: t.Identity.Type, User: line.User, State: c.State, Owner: c.Owner}
	p.rows = append(p.rows, row)
	p.Number++
	p.states[c.State]++
	fmt.Fprintf(p.sum, "%d %d %d %q\n", t.ID, c.State, c.Owner, line.User)
	if len(p.First) < shown {
		p.First = append(p.First, Planned{t, line.User})
	}
}

func (p *plan) refuse(line Line, why string) {
	row := store.JobRow{N: len(p.rows) + 1, Line: line.Line, Serial: clean(line.Serial), Type: clean(line.Type),
		User: clean(line.User), Outcome: Refused, Reason: why}
	p.rows = append(p.rows, row)
	p.RefusedOf++
	if len(p.Refused) < shown {
		p.Refused = append(p.Refused, row)
	}
}

// clean shortens what a list has, which may be anything, and makes it a text that a database
// takes.
func clean(text string) string {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
	if letters := []rune(text); len(letters) > tokens.MaxText {
		text = string(letters[:tokens.MaxText])
	}
	return text
}
