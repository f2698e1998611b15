package storetest

import (
	"errors"
	"fmt"
	"sync"

	"ostiary/internal/core/audit"
	"ostiary/internal/store"
)

func (r *rig) page(from int64, limit int) (rows []store.AuditRow) {
	r.Helper()
	r.view(func(rd store.Reader) (err error) {
		rows, err = rd.AuditEntries(from, limit)
		return err
	})
	return rows
}

var auditTests = []test{
	{"AnEmptyLogHasTheRootOfNothing", func(r *rig) {
		r.view(func(rd store.Reader) error {
			head, err := rd.AuditHead()
			if err != nil {
				return err
			}
			var empty audit.Frontier
			if head.Size() != 0 || head.Root() != empty.Root() {
				r.Errorf("head of %d entries", head.Size())
			}
			return nil
		})
		r.same("entries", r.page(0, 10), []store.AuditRow(nil))
	}},
	{"EntriesKeepTheirOrder", func(r *rig) {
		var want []string
		for i := range 9 {
			var entries [][]byte
			for j := range i % 4 {
				entries = append(entries, entry(fmt.Sprintf("%d.%d", i, j)))
				want = append(want, string(entries[j]))
			}
			r.update(func(tx store.Tx) error { return tx.AppendAudit(entries...) })
			r.checkLog()
		}
		r.same("entries", r.log(), want)
	}},
	{"EntriesAreKeptByteForByte", func(r *rig) {
		want := []string{"{}", "{\"a\":\"\u2028é\\u0000\"}", "\x00\xff\xfe", " {} "}
		r.update(func(tx store.Tx) error {
			for _, e := range want {
				if err := tx.AppendAudit([]byte(e)); err != nil {
					return err
				}
			}
			return nil
		})
		r.same("entries", r.log(), want)
	}},
	{"EntriesArePaged", func(r *rig) {
		r.update(func(tx store.Tx) error {
			for i := range 5 {
				if err := tx.AppendAudit(entry(fmt.Sprint(i))); err != nil {
					return err
				}
			}
			return nil
		})
		row := func(n int64) store.AuditRow { return store.AuditRow{Seq: n, Entry: entry(fmt.Sprint(n))} }
		r.same("from 0", r.page(0, 2), []store.AuditRow{row(0), row(1)})
		r.same("from 3", r.page(3, 10), []store.AuditRow{row(3), row(4)})
		r.same("behind the end", r.page(5, 10), []store.AuditRow(nil))
	}},
	// The entry of a change is there when the change is, and never before.
	{"EntriesAppearWithTheirChange", func(r *rig) {
		const changes = 30
		done := make(chan error, 1)
		go func() {
			for i := range changes {
				err := r.db.Update(r.ctx(), func(tx store.Tx) error {
					return errors.Join(tx.AppendAudit(entry(fmt.Sprint(i))), tx.SetSetting("count", make([]byte, i+1)))
				})
				if err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
		look := func() (n int) {
			r.view(func(rd store.Reader) error {
				value, err := rd.Setting("count")
				if err != nil && !errors.Is(err, store.ErrNotFound) {
					return err
				}
				rows, err := rd.AuditEntries(0, changes+1)
				if err != nil {
					return err
				}
				head, err := rd.AuditHead()
				if err != nil {
					return err
				}
				if len(rows) != len(value) || head.Size() != int64(len(value)) {
					return fmt.Errorf("%d changes, %d entries, a head of %d", len(value), len(rows), head.Size())
				}
				n = len(value)
				return nil
			})
			return n
		}
		for running := true; running; look() {
			select {
			case err := <-done:
				r.must(err)
				running = false
			default:
			}
		}
		r.same("changes", look(), changes)
	}},
	{"Checkpoints", func(r *rig) {
		r.absent("a checkpoint never signed", func(rd store.Reader) error {
			_, err := rd.LastCheckpoint()
			return err
		})
		var want []string
		for i := range 12 {
			note := fmt.Sprintf("note %d\n\n— é\n", i)
			want = append(want, note)
			r.update(func(tx store.Tx) error { return tx.AddCheckpoint(int64(i/2), note) })
		}
		r.view(func(rd store.Reader) error {
			all, err := rd.Checkpoints()
			var got []string
			for _, n := range all {
				got = append(got, n.Text)
			}
			r.same("checkpoints", got, want)
			last, lerr := rd.LastCheckpoint()
			r.same("the last", last, want[len(want)-1])
			return errors.Join(err, lerr)
		})
	}},
	{"QuietRefusalsAreCountedAndCleared", func(r *rig) {
		r.same("at first", r.quiet(), map[string]int64{})
		a := attempt()
		for caller, n := range map[string]int{"key:radius@10.0.0.1": 3, "é": 1} {
			a.QuietFor = caller
			for range n {
				r.try(a)
			}
		}
		r.same("counts", r.quiet(), map[string]int64{"key:radius@10.0.0.1": 3, "é": 1})
		r.is(errTest, "clear and roll back",
			func(tx store.Tx) error { return errors.Join(tx.ClearQuietRefusals(), errTest) })
		r.same("after rolling back", len(r.quiet()), 2)
		r.update(func(tx store.Tx) error { return tx.ClearQuietRefusals() })
		r.same("when cleared", r.quiet(), map[string]int64{})
		r.update(func(tx store.Tx) error { return tx.ClearQuietRefusals() })
		r.try(a)
		r.same("counted anew", r.quiet(), map[string]int64{a.QuietFor: 1})
	}},
	{"AttemptsAndUpdatesShareTheLog", func(r *rig) {
		const callers, rounds = 8, 5
		tokens := r.several(callers, 0)
		var wg sync.WaitGroup
		for i, t := range tokens {
			wg.Go(func() {
				for n := range rounds {
					if _, err := r.db.Attempt(r.ctx(), attempt(right(t, uint64(n)))); err != nil {
						r.Error(err)
					}
					err := r.db.Update(r.ctx(), func(tx store.Tx) error {
						return tx.AppendAudit(entry(fmt.Sprintf("update %d.%d", i, n)))
					})
					if err != nil {
						r.Error(err)
					}
				}
			})
		}
		wg.Wait()
		r.same("entries", len(r.log()), 2*callers*rounds)
	}},
}
