package ledger

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"ostiary/activation"
	"ostiary/internal/core/audit"
	"ostiary/internal/core/audit/derive"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/credentials"
	"ostiary/internal/store"
)

// Report is the result of Verify: the log recomputed, and the state held against it.
type Report struct {
	audit.Report
	State derive.Result
}

// Whole tells whether the log is intact and all state follows from it.
func (r Report) Whole() bool { return r.Problem == "" && r.State.Count == 0 }

// comparison holds the rows of a database against a fold of its log. The database
// goes on meanwhile: each page of rows is read in one snapshot with the entries
// behind those folded so far, so that what is compared is of one moment.
type comparison struct {
	*source
}

// forged takes note of rows that are not as the server wrote them: findings of their
// own, whatever the log is.
func forged(f *derive.Fold, c store.Checked) {
	for _, row := range c.Forged {
		name := row.Of
		if name == "" {
			name = fmt.Sprintf("row %s of table %s", row.Row, row.Table)
		}
		f.Forged(name, fmt.Sprintf("%s; its codes are refused", row))
	}
	for range c.More {
		f.Forged("", "")
	}
}

// view runs do on a snapshot to whose end the log is folded.
func (c *comparison) view(do func(store.Reader) error) error {
	began := time.Now()
	err := c.source.view(func(r store.Reader) error {
		head, err := r.AuditHead()
		if err != nil {
			return err
		}
		for c.fold.Next() < head.Size() {
			next := c.fold.Next()
			page, err := r.AuditEntries(next, int(min(pageRead, head.Size()-next)))
			if err != nil {
				return err
			}
			for _, row := range page {
				c.fold.Add(row.Seq, row.Entry)
			}
			if len(page) == 0 {
				return fmt.Errorf("audit entry %d is missing", next)
			}
		}
		return do(r)
	})
	if err == nil {
		c.rest(time.Since(began))
	}
	return err
}

func (c *comparison) run() error {
	c.fold.Settle()
	for _, part := range []func() error{c.tokens, c.users, c.codes, c.secrets, c.receipts,
		func() error { return c.view(c.small) }} {
		if err := part(); err != nil {
			return err
		}
	}
	return c.fold.Finish(derive.Source{Entry: c.entry, Lines: c.lines})
}

// entry reads the one at a place.
func (c *comparison) entry(seq int64) (entry []byte, err error) {
	err = c.source.view(func(r store.Reader) error {
		rows, err := r.AuditEntries(seq, 1)
		if len(rows) == 1 {
			entry = rows[0].Entry
		}
		return err
	})
	return entry, err
}

func (c *comparison) tokens() error {
	for after, more := token.ID(0), true; more; {
		if err := c.view(func(r store.Reader) error {
			page, err := r.Tokens(store.TokenFilter{After: after, Limit: pageRead})
			if more = len(page) > 0; err != nil || !more {
				return err
			}
			last := page[len(page)-1].ID
			apps, err := r.ApplicationsUpTo(after, last)
			if err != nil {
				return err
			}
			for _, t := range page {
				var its []derive.Application
				for len(apps) > 0 && apps[0].Token <= t.ID {
					if a := apps[0]; a.Token == t.ID {
						its = append(its, derive.Application{Index: a.Index, Spec: a.Spec, Next: a.Next,
							Drift: a.Drift})
					}
					apps = apps[1:]
				}
				c.fold.Token(t, its)
				if err := c.moving(r, t); err != nil {
					return err
				}
			}
			after = last
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// moving compares what is kept of a token on its way.
func (c *comparison) moving(r store.Reader, t token.Token) error {
	if t.Condition.State != token.Moving {
		return nil
	}
	before, err := r.StateBefore(t.ID)
	kept := err == nil
	if errors.Is(err, store.ErrNotFound) {
		err = nil
	}
	c.fold.Moving(t.Identity, before, kept)
	return err
}

func (c *comparison) users() error {
	for after, more := "", true; more; {
		if err := c.view(func(r store.Reader) error {
			page, err := r.Users(after, pageRead)
			if more = len(page) > 0; err != nil || !more {
				return err
			}
			for _, u := range page {
				c.fold.User(derive.User{Name: u.Name, Failures: u.Failures, RetryAt: millis(u.RetryAt)})
			}
			after = page[len(page)-1].Name
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

func (c *comparison) codes() error {
	var after store.TemporaryCode
	for more := true; more; {
		if err := c.view(func(r store.Reader) error {
			page, err := r.TemporaryCodes(after, pageRead)
			if more = len(page) > 0; err != nil || !more {
				return err
			}
			for _, code := range page {
				c.fold.Code(derive.Code{User: code.UserName, Mark: audit.Mark(code.Fingerprint),
					Expires: millis(code.Expires), Used: !code.Used.IsZero()})
			}
			after = page[len(page)-1].TemporaryCode
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// secrets compares what is remembered of secrets whose tokens are gone.
func (c *comparison) secrets() error {
	for marks := range slices.Chunk(c.fold.Marks(), pageRead) {
		if err := c.view(func(r store.Reader) error {
			kept, err := r.Secrets(marks...)
			for _, mark := range marks {
				i := slices.IndexFunc(kept, func(s store.Secret) bool { return s.Mark == mark })
				if i < 0 {
					c.fold.Secret(mark, token.Floor{}, false, false, false)
					continue
				}
				c.fold.Secret(mark, kept[i].Floor, kept[i].MovedAway, kept[i].Fenced, true)
				kept = kept[i+1:] // both are in the order of the marks
			}
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

// receipts demands those of the moves that brought tokens here.
func (c *comparison) receipts() error {
	for moves := range slices.Chunk(c.fold.Moves(), pageRead) {
		if err := c.view(func(r store.Reader) error {
			for _, move := range moves {
				kept, err := r.Received(move)
				if err != nil {
					return err
				}
				if !kept {
					c.fold.NoReceipt(move)
				}
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// admins compares the administrators.
func (c *comparison) admins(r store.Reader) error {
	all, err := r.Admins()
	if err != nil {
		return err
	}
	names := map[string]string{}
	for _, a := range all {
		names[a.ID] = a.Name
		c.fold.Admin(a.ID, a.Name, credentials.AdminFields(a))
	}
	passkeys, err := r.AllPasskeys()
	for _, p := range passkeys {
		c.fold.Passkey(credentials.PasskeyMark(p), p.Admin, cmp.Or(names[p.Admin], p.Admin))
	}
	return err
}

// small compares the small tables.
func (c *comparison) small(r store.Reader) error {
	keys, err := r.APIKeys()
	if err != nil {
		return err
	}
	for _, k := range keys {
		c.fold.Key(derive.Key{ID: k.ID, Name: k.Name, Role: k.Role, Mark: audit.Mark(k.Hash), HelpDesk: k.HelpDesk,
			Revoked: !k.Revoked.IsZero(), Expires: millis(k.Expires)})
	}
	password, err := credentials.PasswordMark(r)
	if err != nil {
		return err
	}
	c.fold.Root(password)
	if err := c.admins(r); err != nil {
		return err
	}
	types, err := r.Types()
	if err != nil {
		return err
	}
	for _, t := range types {
		c.fold.Type(t.Name, audit.TypeFields(t))
	}
	series, err := r.AllSeries()
	if err != nil {
		return err
	}
	for _, s := range series {
		c.fold.Series(s.Type, s.Next, s.Highest, s.Issued)
	}
	sheets, err := r.Profiles()
	for _, p := range sheets {
		fingerprint := "none: its static vector is damaged"
		if v, err := activation.ParseKeptVector(p.Vector); err == nil {
			fingerprint = v.Fingerprint()
		}
		c.fold.Profile(derive.Profile{Name: p.Name, Fingerprint: fingerprint, Retired: millis(p.Retired), Limits: p.Limits})
	}
	return err
}

func millis(at time.Time) int64 {
	if at.IsZero() {
		return 0
	}
	return at.UnixMilli()
}
