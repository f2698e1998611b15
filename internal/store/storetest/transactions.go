package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"ostiary/internal/seal"
	"ostiary/internal/store"
)

var errTest = errors.New("an error of the test's own")

// everything makes one of each kind of change that needs no row to be there.
func everything(tx store.Tx) error {
	_, err := tx.AddUser("everything", start)
	if err != nil {
		return err
	}
	run, err := tx.BeginRun(store.Run{Opened: start, Label: "everything"})
	if err != nil {
		return err
	}
	if _, err := tx.NextTokenID(5); err != nil {
		return err
	}
	return errors.Join(
		tx.SetSetting("everything", []byte("set")),
		tx.AddDataKey(seal.DataKey{ID: 77, KEK: "test", Wrapped: []byte("wrapped")}),
		tx.AddAPIKey(store.APIKey{ID: "everything", Name: "everything", Role: "admin", Hash: []byte("hash"),
			Created: start}),
		tx.AddCheckpoint(0, "note"),
		tx.AppendAudit(entry("one"), entry("two")),
		tx.PublishRun(run, start),
	)
}

// nothing reports an error if anything of everything is there.
func nothing(rd store.Reader) error {
	var left []string
	found := func(what string, err error) {
		if !errors.Is(err, store.ErrNotFound) {
			left = append(left, fmt.Sprintf("%s (%v)", what, err))
		}
	}
	_, err := rd.User("everything")
	found("user", err)
	_, err = rd.Setting("everything")
	found("setting", err)
	_, err = rd.APIKey("everything")
	found("API key", err)
	_, err = rd.LastCheckpoint()
	found("checkpoint", err)
	if keys, err := rd.DataKeys(); err != nil || len(keys) > 0 {
		left = append(left, fmt.Sprintf("data keys (%v)", err))
	}
	if rows, err := rd.AuditEntries(0, 10); err != nil || len(rows) > 0 {
		left = append(left, fmt.Sprintf("audit entries (%v)", err))
	}
	if head, err := rd.AuditHead(); err != nil || head.Size() != 0 {
		left = append(left, fmt.Sprintf("audit head (%v)", err))
	}
	if len(left) > 0 {
		return fmt.Errorf("left behind: %q", left)
	}
	return nil
}

// works demands that the database still takes changes.
func (r *rig) works() {
	r.Helper()
	r.update(everything)
	r.must(r.db.Check(r.ctx()))
	t := r.one(nil)
	r.accepted(attempt(right(t, 0)))
}

var transactionTests = []test{
	{"UpdateCommitsEverything", func(r *rig) {
		r.update(everything)
		if err := r.db.View(r.ctx(), nothing); err == nil {
			r.Error("nothing was committed")
		}
		r.view(func(rd store.Reader) error {
			value, err := rd.Setting("everything")
			r.same("setting", string(value), "set")
			return err
		})
	}},
	{"ErrorRollsBackEverything", func(r *rig) {
		err := r.db.Update(r.ctx(), func(tx store.Tx) error {
			if err := everything(tx); err != nil {
				return err
			}
			return errTest
		})
		if err != errTest {
			r.Errorf("Update = %v, want the error of fn as it is", err)
		}
		r.view(nothing)
		r.works()
	}},
	{"PanicRollsBackEverything", func(r *rig) {
		returned := func() (err error) {
			// An implementation may let the panic through or make it an error.
			defer func() {
				if p := recover(); p != nil {
					err = fmt.Errorf("panic: %v", p)
				}
			}()
			return r.db.Update(r.ctx(), func(tx store.Tx) error {
				if err := everything(tx); err != nil {
					return err
				}
				panic("of the test's own")
			})
		}
		if returned() == nil {
			r.Error("Update did not tell of the panic")
		}
		r.view(nothing)
		r.works()
	}},
	{"ReadsSeeWritesBeforeThem", func(r *rig) {
		c := r.hotp()
		r.update(func(tx store.Tx) error {
			if err := everything(tx); err != nil {
				return err
			}
			var errs []error
			see := func(what string, ok bool, err error) {
				if err != nil || !ok {
					errs = append(errs, fmt.Errorf("%s is not seen (%w)", what, err))
				}
			}
			u, err := tx.User("everything")
			see("user", u.Name == "everything" && u.ID != 0, err)
			value, err := tx.Setting("everything")
			see("setting", string(value) == "set", err)
			k, err := tx.APIKey("everything")
			see("API key", k.Name == "everything", err)
			dks, err := tx.DataKeys()
			see("data key", len(dks) == 1, err)
			rows, err := tx.AuditEntries(0, 10)
			see("audit entries", len(rows) == 2, err)
			head, err := tx.AuditHead()
			see("audit head", err == nil && head.Size() == 2, err)
			note, err := tx.LastCheckpoint()
			see("checkpoint", note == "note", err)
			run, err := tx.BeginRun(store.Run{Opened: start, Label: "second"})
			see("publication", run != 0, err) // the run before is not open any more
			if c.Token.ID, err = tx.NextTokenID(1); err != nil {
				return err
			}
			see("staging", true, tx.StageToken(run, c))
			staged, err := tx.Identity(c.Token.Identity, run)
			see("staged token", string(staged.Sealed) == string(c.Sealed), err)
			see("publishing", true, tx.PublishRun(run, start))
			tokens, err := tx.Tokens(store.TokenFilter{})
			see("token", len(tokens) == 1, err)
			see("assignment", true, tx.SetOwner(c.Token.ID, 0, u.ID))
			u, err = tx.User("everything")
			see("number of tokens", u.Tokens == 1, err)
			return errors.Join(errs...)
		})
	}},
	{"UpdateIsSeenByTheNextView", func(r *rig) {
		for i := range 20 {
			value := fmt.Sprint(i)
			r.update(func(tx store.Tx) error { return tx.SetSetting("n", []byte(value)) })
			r.view(func(rd store.Reader) error {
				got, err := rd.Setting("n")
				r.same("setting", string(got), value)
				return err
			})
		}
	}},
	{"ViewIsOneSnapshot", func(r *rig) {
		t := r.one(nil)
		r.view(func(rd store.Reader) error {
			if err := nothing(rd); err != nil {
				return err
			}
			changed := make(chan error)
			go func() {
				err := r.db.Update(r.ctx(), everything)
				if _, aerr := r.db.Attempt(r.ctx(), attempt(right(t, 4))); aerr != nil {
					err = errors.Join(err, aerr)
				}
				changed <- err
			}()
			if err := <-changed; err != nil {
				return err
			}
			tokens, err := rd.Tokens(store.TokenFilter{ID: t.ID})
			if err == nil && tokens[0].Condition.Next != 0 {
				err = errors.New("a view sees a later attempt")
			}
			return errors.Join(err, nothing(rd))
		})
		if err := r.db.View(r.ctx(), nothing); err == nil {
			r.Error("a later view does not see the change")
		}
	}},
	{"ViewGivesTheErrorOfFn", func(r *rig) {
		err := r.db.View(r.ctx(), func(store.Reader) error { return errTest })
		if !errors.Is(err, errTest) {
			r.Errorf("View = %v, want the error of fn", err)
		}
	}},
	{"PanickingViewsUseNothingUp", func(r *rig) {
		// The deadline turns a test that hangs into one that fails.
		ctx, cancel := context.WithTimeout(r.ctx(), 10*time.Second)
		defer cancel()
		for range 20 { // more than any pool of readers
			func() {
				defer func() { _ = recover() }()
				_ = r.db.View(ctx, func(store.Reader) error { panic("of the test's own") })
			}()
		}
		r.must(r.db.View(ctx, nothing))
		r.works()
	}},
	{"UpdatesTogetherAreOneAfterTheOther", func(r *rig) {
		const callers = 16
		var wg sync.WaitGroup
		errs := make([]error, callers)
		for i := range callers {
			wg.Go(func() {
				errs[i] = r.db.Update(r.ctx(), func(tx store.Tx) error {
					value, err := tx.Setting("counter")
					if err != nil && !errors.Is(err, store.ErrNotFound) {
						return err
					}
					return tx.SetSetting("counter", append(value, 'x'))
				})
			})
		}
		wg.Wait()
		r.must(errors.Join(errs...))
		r.view(func(rd store.Reader) error {
			value, err := rd.Setting("counter")
			if len(value) != callers {
				r.Errorf("%d of %d increments are left", len(value), callers)
			}
			return err
		})
	}},
}

var contextTests = []test{
	{"CancelledBeforeUpdate", func(r *rig) {
		ctx, cancel := context.WithCancel(r.ctx())
		cancel()
		err := r.db.Update(ctx, func(tx store.Tx) error {
			r.Error("fn was called")
			return everything(tx)
		})
		if !errors.Is(err, context.Canceled) {
			r.Errorf("Update = %v, want context.Canceled", err)
		}
		r.view(nothing)
	}},
	{"CancelledBeforeAttempt", func(r *rig) {
		t := r.one(nil)
		ctx, cancel := context.WithCancel(r.ctx())
		cancel()
		r.unchanged(func() {
			for range 20 {
				if _, err := r.db.Attempt(ctx, attempt(right(t, 0))); !errors.Is(err, context.Canceled) {
					r.Fatalf("Attempt = %v, want context.Canceled", err)
				}
			}
		}, t.ID)
		r.same("the audit log", r.log(), []string(nil))
		r.accepted(attempt(right(t, 0)))
	}},
	{"CancelledBeforeView", func(r *rig) {
		ctx, cancel := context.WithCancel(r.ctx())
		cancel()
		err := r.db.View(ctx, func(store.Reader) error { return nil })
		if !errors.Is(err, context.Canceled) {
			r.Errorf("View = %v, want context.Canceled", err)
		}
	}},
	{"CancelledBeforeCandidates", func(r *rig) {
		t := r.one(nil)
		ctx, cancel := context.WithCancel(r.ctx())
		cancel()
		f, err := r.db.Candidates(ctx, store.Lookup{Serial: t.Identity.Serial}, true)
		if !errors.Is(err, context.Canceled) || len(f.Candidates) > 0 {
			r.Errorf("Candidates = %v, %v, want context.Canceled and nothing", f, err)
		}
	}},
	{"CancelledInsideUpdate", func(r *rig) {
		ctx, cancel := context.WithCancel(r.ctx())
		defer cancel()
		r.must(r.db.Update(ctx, func(tx store.Tx) error {
			cancel()
			return everything(tx)
		}))
		if err := r.db.View(r.ctx(), nothing); err == nil {
			r.Error("a transaction that had begun did not run to its end")
		}
	}},
	// While an update holds the database, attempts wait behind it and half of
	// their callers leave. Whoever stayed is accepted; whoever left either was
	// accepted in time, or nothing happened.
	{"CancelledWhileWaiting", func(r *rig) {
		const callers = 40
		tokens := r.several(callers, 0)
		inside, release := make(chan struct{}), make(chan struct{})
		var once sync.Once
		var wg sync.WaitGroup
		wg.Go(func() {
			err := r.db.Update(r.ctx(), func(store.Tx) error {
				once.Do(func() { close(inside) })
				<-release
				return nil
			})
			if err != nil {
				r.Error(err)
			}
		})
		<-inside
		leaving, leave := context.WithCancel(r.ctx())
		outcomes, errs := make([]store.Outcome, callers), make([]error, callers)
		for i := range callers {
			wg.Go(func() {
				ctx := r.ctx()
				if i%2 == 1 {
					ctx = leaving
				}
				outcomes[i], errs[i] = r.db.Attempt(ctx, attempt(right(tokens[i], 3)))
			})
		}
		leave()
		close(release)
		wg.Wait()
		for i, t := range tokens {
			next := r.condition(t.ID).Next
			switch {
			case errs[i] == nil && outcomes[i].Verdict == store.Accepted && next == 4:
			case i%2 == 1 && errors.Is(errs[i], context.Canceled) && next == 0:
			default:
				r.Errorf("caller %d: outcome %+v, error %v, next counter %d", i, outcomes[i], errs[i], next)
			}
		}
	}},
	{"UpdateCancelledWhileWaiting", func(r *rig) {
		inside, release := make(chan struct{}), make(chan struct{})
		var once sync.Once
		var wg sync.WaitGroup
		wg.Go(func() {
			err := r.db.Update(r.ctx(), func(tx store.Tx) error {
				once.Do(func() { close(inside) })
				<-release
				return tx.SetSetting("first", []byte("1"))
			})
			if err != nil {
				r.Error(err)
			}
		})
		<-inside
		ctx, cancel := context.WithCancel(r.ctx())
		wg.Go(func() {
			err := r.db.Update(ctx, everything)
			if left := r.db.View(r.ctx(), nothing); (err == nil) == (left == nil) {
				r.Errorf("Update = %v, but %v", err, left)
			}
		})
		cancel()
		close(release)
		wg.Wait()
		r.view(func(rd store.Reader) error {
			_, err := rd.Setting("first")
			return err
		})
	}},
}
