package storetest

import (
	"errors"
	"sync"
	"time"

	"ostiary/internal/core/token"
	"ostiary/internal/seal"
	"ostiary/internal/store"
)

func (r *rig) node(name string, at time.Time) (id int64) {
	r.Helper()
	r.update(func(tx store.Tx) (err error) {
		id, err = tx.AddNode(name, at)
		return err
	})
	return id
}

// nodes gives those that were seen after a time.
func (r *rig) nodes(after time.Time) (found []store.Node) {
	r.Helper()
	r.view(func(rd store.Reader) (err error) {
		found, err = rd.Nodes(after)
		return err
	})
	return found
}

func (r *rig) version() (v [32]byte) {
	r.Helper()
	r.view(func(rd store.Reader) (err error) {
		v, err = rd.SettingsVersion()
		return err
	})
	return v
}

var nodeTests = []test{
	{"NodesAreSeen", func(r *rig) {
		later := start.Add(time.Minute)
		one, two := r.node("host", start), r.node("host", later)
		first, second := store.Node{ID: one, Name: "host", Started: start, Seen: start},
			store.Node{ID: two, Name: "host", Started: later, Seen: later}
		if one == 0 || one == two {
			r.Errorf("the numbers are %d and %d", one, two)
		}
		r.same("all", r.nodes(time.Time{}), []store.Node{first, second})
		r.same("seen after the first", r.nodes(start), []store.Node{second})
		first.Seen = later.Add(time.Minute)
		r.update(func(tx store.Tx) error { return tx.SeeNode(one, first.Seen) })
		r.same("seen again", r.nodes(later), []store.Node{first})
		r.update(func(tx store.Tx) error { return tx.SeeNode(one, time.Time{}) })
		r.same("stopped", r.nodes(time.Time{}), []store.Node{second})
		r.is(store.ErrConflict, "a node that is none", func(tx store.Tx) error { return tx.SeeNode(two+1, later) })
	}},
	{"RunsBelongToNodes", func(r *rig) {
		id := r.node("host", start)
		begin := func(node int64) (run int64) {
			r.update(func(tx store.Tx) (err error) {
				run, err = tx.BeginRun(store.Run{Opened: start, DryRun: true, Node: node})
				return err
			})
			return run
		}
		of, none := begin(id), begin(0)
		open := func() (runs []store.OpenRun) {
			r.view(func(rd store.Reader) (err error) {
				runs, err = rd.OpenRuns()
				return err
			})
			return runs
		}
		r.same("open", open(), []store.OpenRun{{ID: of, Node: id, Seen: start}, {ID: none}})
		r.same("the run", r.run(of).Node, id)
		r.update(func(tx store.Tx) error { return tx.SeeNode(id, time.Time{}) })
		r.same("when its node has stopped", open(), []store.OpenRun{{ID: of, Node: id}, {ID: none}})
	}},
	{"SettingsHaveAVersion", func(r *rig) {
		seen := map[[32]byte]string{r.version(): "in the beginning"}
		changes := []struct {
			what string
			fn   func(store.Tx) error
		}{
			{"a setting", func(tx store.Tx) error { return tx.SetSetting("a", []byte("b")) }},
			{"a key", func(tx store.Tx) error {
				return tx.AddAPIKey(store.APIKey{ID: "1", Name: "k", Role: "admin", Hash: []byte{1}, Created: start})
			}},
			{"a key that is revoked", func(tx store.Tx) error { return tx.RevokeAPIKey("1", start) }},
			{"a data key", func(tx store.Tx) error {
				return tx.AddDataKey(seal.DataKey{ID: 7, KEK: "k", Wrapped: []byte{1}})
			}},
			{"an administrator", func(tx store.Tx) error { return tx.AddAdmin(admin("1", "anna")) }},
			{"a role", func(tx store.Tx) error {
				after := admin("1", "anna")
				after.Role = "super_admin"
				return tx.ChangeAdmin(admin("1", "anna"), after)
			}},
			{"a passkey", func(tx store.Tx) error { return tx.AddPasskey(passkey("p", "1", 0)) }},
			{"a passkey that is gone", func(tx store.Tx) error {
				return errors.Join(tx.RemovePasskey("1", []byte("p")), tx.AddPasskey(passkey("q", "1", 0)))
			}},
			{"a type", func(tx store.Tx) error {
				before, err := tx.Type("hotp")
				after := before
				after.Product = "another"
				return errors.Join(err, tx.ChangeType(before, after))
			}},
		}
		for _, c := range changes {
			r.update(c.fn)
			v := r.version()
			if before, ok := seen[v]; ok {
				r.Errorf("after %s the version is the one %s", c.what, before)
			}
			seen[v] = "after " + c.what
		}
		before := r.version()
		t := r.one(nil)
		r.accepted(attempt(right(t, 0)))
		r.update(func(tx store.Tx) error {
			return errors.Join(tx.NoteKeyUse("1", start), tx.NoteSignIn("1", start), tx.UsePasskey([]byte("q"), 1, start),
				tx.SetState(t.ID, token.Valid, token.RevokedLost, ""),
				tx.AppendAudit(entry("something")))
		})
		r.node("host", start)
		if r.version() != before {
			r.Error("the version changes with what is no setting")
		}
		r.view(func(rd store.Reader) error { return rd.CheckSettings() })
	}},
}

// session is one that began some minutes after the start.
func session(id, name string, minutes int) store.Session {
	at := start.Add(time.Duration(minutes) * time.Minute)
	return store.Session{ID: []byte(id), Name: name, Started: at, Used: at, Proof: []byte("proof of " + id),
		Kind: "kind", Admin: "id", Source: "192.0.2.1", Agent: "Browser", Factor: "code", Fresh: at}
}

func (r *rig) sessions(name string) (found []store.Session) {
	r.Helper()
	r.view(func(rd store.Reader) (err error) {
		found, err = rd.Sessions(name)
		return err
	})
	return found
}

var sessionTests = []test{
	{"SessionsBeginAndEnd", func(r *rig) {
		a, b, other := session("a", "ROOT", 2), session("b", "ROOT", 1), session("c", "other", 0)
		for _, s := range []store.Session{a, b, other} {
			r.update(func(tx store.Tx) error { return tx.AddSession(s) })
		}
		r.is(store.ErrConflict, "the same again", func(tx store.Tx) error { return tx.AddSession(a) })
		r.same("the oldest first", r.sessions("ROOT"), []store.Session{b, a})
		r.view(func(rd store.Reader) error {
			got, err := rd.Session([]byte("a"))
			r.same("one", got, a)
			return err
		})
		r.absent("one that is none", func(rd store.Reader) error {
			_, err := rd.Session([]byte("A"))
			return err
		})
		r.update(func(tx store.Tx) error { return tx.EndSession([]byte("b")) })
		r.is(store.ErrConflict, "end it again", func(tx store.Tx) error { return tx.EndSession([]byte("b")) })
		r.is(store.ErrConflict, "use it", func(tx store.Tx) error { return tx.UseSession([]byte("b"), start) })
		r.same("the others", r.sessions("ROOT"), []store.Session{a})
		r.update(func(tx store.Tx) error { return tx.EndSessions("ROOT") })
		r.same("none is left", r.sessions("ROOT"), []store.Session(nil))
		r.same("of another name", r.sessions("other"), []store.Session{other})
		r.update(func(tx store.Tx) error { return tx.EndSessions("") })
		r.same("of nobody", r.sessions("other"), []store.Session(nil))
	}},
	{"TheUseOfASessionGoesForward", func(r *rig) {
		s := session("a", "ROOT", 5)
		r.update(func(tx store.Tx) error { return tx.AddSession(s) })
		for _, step := range []struct{ at, want time.Time }{
			{start.Add(time.Hour), start.Add(time.Hour)}, {start, start.Add(time.Hour)}} {
			r.update(func(tx store.Tx) error { return tx.UseSession(s.ID, step.at) })
			s.Used = step.want
			r.same("the session", r.sessions("ROOT"), []store.Session{s})
		}
	}},
	{"ASessionIsProvenOnce", func(r *rig) {
		s := session("a", "anna", 5)
		r.update(func(tx store.Tx) error { return tx.AddSession(s) })
		later := s
		later.Factor, later.Fresh, later.Proof = "passkey", s.Fresh.Add(time.Minute), []byte("another")
		r.is(store.ErrConflict, "one that has another proof", func(tx store.Tx) error {
			return tx.ProveSession(later.Proof, later)
		})
		r.update(func(tx store.Tx) error { return tx.ChallengeSession(s.ID, "", "sign") })
		r.is(store.ErrConflict, "another challenge at the same time", func(tx store.Tx) error {
			return tx.ChallengeSession(s.ID, "", "sign 2")
		})
		s.Challenge = "sign"
		r.same("with a challenge", r.sessions("anna"), []store.Session{s})
		r.update(func(tx store.Tx) error { return tx.ProveSession(s.Proof, later) })
		r.same("proven", r.sessions("anna"), []store.Session{later})
		r.is(store.ErrConflict, "prove it once more", func(tx store.Tx) error { return tx.ProveSession(s.Proof, later) })
		r.is(store.ErrConflict, "the challenge is gone", func(tx store.Tx) error {
			return tx.ChallengeSession(s.ID, "sign", "")
		})
	}},
	{"MemosHoldUntilTheirTime", func(r *rig) {
		memo := func(what, about, who string, n int64, until time.Duration) store.Memo {
			return store.Memo{What: what, About: about, Who: who, N: n, Until: start.Add(until)}
		}
		set := func(m store.Memo, now time.Duration) store.Memo {
			r.update(func(tx store.Tx) error { return tx.SetMemo(m, start.Add(now)) })
			m.Changed = start.Add(now)
			return m
		}
		is := func(what string, want store.Memo) {
			r.view(func(rd store.Reader) error {
				got, err := rd.Memo(want.What, want.About, want.Who)
				r.same(what, got, want)
				return err
			})
		}
		list := func(after time.Duration) (found []store.Memo) {
			r.view(func(rd store.Reader) (err error) {
				found, err = rd.Memos("a", start.Add(after))
				return err
			})
			return found
		}
		set(memo("a", "p", "x", 1, 9*time.Second), 0)
		y := set(memo("a", "p", "y", -2, 3*time.Second), time.Second)
		other := set(memo("b", "p", "x", 3, 4*time.Second), 0)
		x := set(memo("a", "p", "x", 4, 3*time.Second), 2*time.Second) // also back
		is("of one", x)
		is("of another kind", other)
		is("of nothing", store.Memo{What: "a", About: "x", Who: "p"})
		r.same("of a kind", list(-1), []store.Memo{y, x})
		r.same("changed later", list(time.Second), []store.Memo{x})
		z := set(memo("a", "q", "x", 5, time.Minute), 3*time.Second)
		is("what is over is forgotten", store.Memo{What: "a", About: "p", Who: "x"})
		is("and the rest is not", other)
		w := set(memo("a", "p", "w", 6, time.Minute), 3*time.Second)
		r.same("of a kind", list(-1), []store.Memo{w, z})
		r.update(func(tx store.Tx) error { return tx.ForgetMemos("a", "p") })
		r.same("when what was about p is forgotten", list(-1), []store.Memo{z})
		is("another kind about p", other)
	}},
}

// sweepTogether lets one node publish runs that another one sweeps at the same time: each
// ends as one of the two, with all of its tokens or with none.
func sweepTogether(r *rig, handles ...store.DB) {
	r.Helper()
	const rounds, tokens = 12, 5
	for range rounds {
		cs := make([]*store.Candidate, tokens)
		for i := range cs {
			cs[i] = new(r.hotp())
		}
		run := r.stage(cs...)
		var wg sync.WaitGroup
		var published error
		wg.Go(func() {
			published = handles[0].Update(r.ctx(), func(tx store.Tx) error { return tx.PublishRun(run, start) })
		})
		wg.Go(func() {
			for closed := false; !closed; {
				err := handles[len(handles)-1].Update(r.ctx(), func(tx store.Tx) (err error) {
					closed, err = tx.SweepRun(run, start, "swept", 2)
					return err
				})
				if err != nil {
					r.Errorf("sweep: %v", err)
					return
				}
			}
		})
		wg.Wait()
		is, left := r.run(run), len(r.list(store.TokenFilter{Run: run}))
		switch {
		case published == nil && !is.Published.IsZero() && is.Closed.IsZero() && left == tokens:
		case errors.Is(published, store.ErrConflict) && is.Published.IsZero() && !is.Closed.IsZero() && left == 0:
		default:
			r.Errorf("publishing gave %v, %d tokens are there, and the run is %+v", published, left, is)
		}
	}
}
