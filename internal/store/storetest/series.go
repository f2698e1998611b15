package storetest

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
)

func (r *rig) series(typeName string) (s store.Series) {
	r.Helper()
	r.view(func(rd store.Reader) (err error) {
		s, err = rd.Series(typeName)
		return err
	})
	return s
}

func (r *rig) allocate(typeName string, n int) (first uint64) {
	r.Helper()
	r.update(func(tx store.Tx) (err error) {
		first, err = tx.AllocateSerials(typeName, n)
		return err
	})
	return first
}

// soft is a software token of a serial.
func (r *rig) soft(typeName, serial string) *store.Candidate {
	c := r.hotp()
	c.Token.Kind, c.Token.Identity = token.Software, token.Identity{Type: typeName, Serial: serial}
	return &c
}

// noSerials demands that an allocation is refused and takes nothing.
func (r *rig) noSerials(what, typeName string, n int) {
	r.Helper()
	var before []store.Series
	all := func(rd store.Reader) (err error) {
		before, err = rd.AllSeries()
		return err
	}
	r.view(all)
	was := slices.Clone(before)
	r.is(store.ErrConflict, what, func(tx store.Tx) error {
		_, err := tx.AllocateSerials(typeName, n)
		return err
	})
	r.view(all)
	r.same("series after: "+what, before, was)
}

var seriesTests = []test{
	{"OnePerSoftwareType", func(r *rig) {
		r.addType(softType("zz", "Z"))
		r.addType(
			token.Type{Name: "fob", Kind: token.Hardware, Spec: token.Spec{Algorithm: token.HOTP, Hash: "SHA1",
				Digits: 6}, Activation: token.NoActivation})
		var want []store.Series
		for _, t := range r.types() {
			if t.Kind == token.Software {
				want = append(want, store.Series{Type: t.Name, Next: t.Start})
			}
		}
		r.view(func(rd store.Reader) error {
			got, err := rd.AllSeries()
			r.same("series", got, want)
			return err
		})
		r.same("the new one", r.series("zz"), store.Series{Type: "zz", Next: 100})
		r.absent("of hardware", func(rd store.Reader) error {
			_, err := rd.Series("fob")
			return err
		})
		r.noSerials("of hardware", "fob", 1)
		r.noSerials("of no type", "nonesuch", 1)
	}},
	{"Allocate", func(r *rig) {
		r.addType(softType("new", "N"))
		for _, step := range []struct {
			n     int
			first uint64
		}{{1, 100}, {1, 101}, {10, 102}, {10_000, 112}, {1, 10_112}} {
			r.same(fmt.Sprintf("the first of %d", step.n), r.allocate("new", step.n), step.first)
		}
		r.same("series", r.series("new"), store.Series{Type: "new", Next: 10_113, Highest: 10_112, Issued: 10_013})
		r.noSerials("none", "new", 0)
		r.noSerials("fewer than none", "new", -1)
		r.same("another series", r.series("app-totp"), store.Series{Type: "app-totp", Next: token.DefaultStart})
	}},
	{"TwiceInOneTransaction", func(r *rig) {
		r.addType(softType("new", "N"))
		r.update(func(tx store.Tx) error {
			a, err := tx.AllocateSerials("new", 5)
			if err != nil {
				return err
			}
			b, err := tx.AllocateSerials("new", 5)
			r.same("numbers", []uint64{a, b}, []uint64{100, 105})
			return err
		})
	}},
	{"End", func(r *rig) {
		t := softType("new", "N")
		t.Width, t.Start = 2, 95
		r.addType(t)
		r.noSerials("more than are left", "new", 6)
		r.same("some", r.allocate("new", 3), uint64(95))
		r.noSerials("more than are left", "new", 3)
		r.same("the last", r.allocate("new", 2), uint64(98))
		r.same("series", r.series("new"), store.Series{Type: "new", Next: 100, Highest: 99, Issued: 5})
		r.noSerials("one more", "new", 1)
		r.noSerials("many more", "new", 1<<30)
	}},
	{"WidestSerials", func(r *rig) {
		t := softType("new", "ZZZ")
		t.Width, t.Start = 15, 999_999_999_999_998
		r.addType(t)
		r.same("the first", r.allocate("new", 2), uint64(999_999_999_999_998))
		r.noSerials("one more", "new", 1)
		r.publish(r.soft("new", "ZZZ999999999999999"))
		r.same("present", r.series("new").Present, uint64(999_999_999_999_999))
	}},
	{"RetiredTypeHasNone", func(r *rig) {
		t := softType("new", "N")
		t.Retired = start
		r.addType(t)
		r.noSerials("of a retired type", "new", 1)
		restored := softType("new", "N")
		r.update(func(tx store.Tx) error { return tx.ChangeType(t, restored) })
		r.same("the first", r.allocate("new", 1), uint64(100))
	}},
	{"RolledBack", func(r *rig) {
		r.addType(softType("new", "N"))
		failed := errors.New("of the test's own")
		r.is(failed, "an update that fails", func(tx store.Tx) error {
			if _, err := tx.AllocateSerials("new", 3); err != nil {
				return err
			}
			return failed
		})
		if got := r.allocate("new", 1); got < 100 {
			r.Errorf("number %d", got)
		}
	}},
	// Deletion, and whatever is set then, brings no number back.
	{"NeverAgain", func(r *rig) {
		t := softType("new", "N")
		r.addType(t)
		first := r.allocate("new", 3)
		r.publish(r.soft("new", t.Serial(first)), r.soft("new", t.Serial(first+1)), r.soft("new", t.Serial(first+2)))
		for _, id := range r.list(store.TokenFilter{Type: "new"}) {
			r.update(func(tx store.Tx) error { return tx.DeleteToken(id) })
		}
		r.same("present", r.series("new").Present, uint64(0))
		for next := range uint64(first + 3) {
			r.is(store.ErrConflict, fmt.Sprint("set the series back to ", next),
				func(tx store.Tx) error { return tx.SetSeries("new", next) })
		}
		digits := t
		digits.Digits = 6
		r.is(store.ErrConflict, "redefine a type whose tokens are deleted",
			func(tx store.Tx) error { return tx.ChangeType(t, digits) })
		r.same("the next", r.allocate("new", 1), first+3)
	}},
	{"Set", func(r *rig) {
		t := softType("new", "N")
		r.addType(t)
		set := func(next uint64) error {
			return r.db.Update(r.ctx(), func(tx store.Tx) error { return tx.SetSeries("new", next) })
		}
		for _, step := range []struct {
			name string
			next uint64
			want error
		}{
			{"up", 5000, nil}, {"down again, as nothing was issued", 50, nil}, {"to the first", 1, nil},
			{"to none", 0, store.ErrConflict},
			{"to the last", 999_999, nil}, {"beyond the last", 1_000_000, store.ErrConflict},
			{"far beyond", 1 << 62, store.ErrConflict}, {"to 20", 20, nil},
		} {
			before := r.series("new")
			if err := set(step.next); !errors.Is(err, step.want) {
				r.Errorf("set %s: %v, want %v", step.name, err, step.want)
			}
			if step.want == nil {
				before.Next = step.next
			}
			r.same("series set "+step.name, r.series("new"), before)
		}
		r.same("the first", r.allocate("new", 2), uint64(20))
		r.publish(r.soft("new", "N000030"), r.soft("new", "N000025"))
		for next, want := range map[uint64]error{20: store.ErrConflict, 21: store.ErrConflict, 22: store.ErrConflict,
			30: store.ErrConflict, 31: nil} {
			if err := set(next); !errors.Is(err, want) {
				r.Errorf("set to %d: %v, want %v", next, err, want)
			}
		}
		r.same("series", r.series("new"), store.Series{Type: "new", Next: 31, Highest: 21, Present: 30, Issued: 2})
		r.is(store.ErrConflict, "set what is not there", func(tx store.Tx) error { return tx.SetSeries("hotp", 5) })
	}},
	{"Raise", func(r *rig) {
		r.addType(softType("new", "N"))
		for _, step := range []struct{ above, next, highest uint64 }{
			{7, 100, 7}, {99, 100, 99}, {100, 101, 100}, {99, 101, 100}, {0, 101, 100}, {5000, 5001, 5000},
			{999_999, 1_000_000, 999_999},
		} {
			r.update(func(tx store.Tx) error { return tx.RaiseSeries("new", step.above) })
			r.same(fmt.Sprint("series above ", step.above), r.series("new"),
				store.Series{Type: "new", Next: step.next, Highest: step.highest})
		}
		r.noSerials("beyond the last", "new", 1)
		r.is(store.ErrNotFound, "raise what is not there", func(tx store.Tx) error { return tx.RaiseSeries("hotp", 5) })
		r.same("another series", r.series("app-totp"), store.Series{Type: "app-totp", Next: token.DefaultStart})
	}},
	// What is present counts for a series if it is a serial that the series
	// could make, staged or published.
	{"Present", func(r *rig) {
		r.addType(softType("new", "N1"))
		r.addType(softType("newer", "N"))
		for _, step := range []struct {
			typ, serial string
			want        uint64
		}{
			{"new", "N1000007", 7}, {"new", "N1000003", 7}, {"new", "N1000010", 10}, {"new", "N2000099", 10},
			{"new", "n1000099", 10},
			{"new", "N100099", 10}, {"new", "N10000099", 10}, {"new", "N1-00099", 10}, {"new", "N1 00099", 10},
			{"new", "N100009A", 10},
			{"new", "N1٠٠٠٠٩٩", 10}, {"new", "000099", 10}, {"newer", "N1000099", 10}, {"app-totp", "N1000099", 10},
			{"new", "N1:00000", 10},
			{"new", "N1999999", 999_999},
		} {
			c := r.soft(step.typ, step.serial)
			c.Token.Identity.Manufacturer = "of a file" // another maker's token of that serial counts as well
			run := r.stage(c)
			r.same("present, with "+step.serial+" staged", r.series("new").Present, step.want)
			r.update(func(tx store.Tx) error { return tx.PublishRun(run, start) })
			r.same("present, with "+step.serial, r.series("new").Present, step.want)
		}
		hardware := r.hotp()
		hardware.Token.Identity.Serial = "N000500"
		r.publish(&hardware)
		r.same("present of the other type", r.series("newer").Present, uint64(0))
	}},
	// Should an import forget to raise the series, it still makes no serial twice.
	{"AllocateAbovePresent", func(r *rig) {
		r.addType(softType("new", "N"))
		c := r.soft("new", "N000250")
		r.stage(c)
		r.same("above a staged token", r.allocate("new", 2), uint64(251))
		r.same("series", r.series("new"), store.Series{Type: "new", Next: 253, Highest: 252, Present: 250, Issued: 2})
	}},
	{"RedefinedTypeBeginsAnew", func(r *rig) {
		t := softType("new", "N")
		r.addType(t)
		r.update(func(tx store.Tx) error { return tx.SetSeries("new", 5000) })
		narrow := t
		narrow.Width, narrow.Start = 2, 10
		r.update(func(tx store.Tx) error { return tx.ChangeType(t, narrow) })
		r.same("series", r.series("new"), store.Series{Type: "new", Next: 10})
		r.update(func(tx store.Tx) error { return tx.RaiseSeries("new", 4) })
		r.is(store.ErrConflict, "redefine after a number was seen",
			func(tx store.Tx) error { return tx.ChangeType(narrow, t) })
	}},
	{"ParallelAllocation", func(r *rig) { allocateTogether(r, r.db) }},
}

// allocateTogether has many callers allocate at once through every handle, some
// in transactions that fail, while others move the series up: nobody gets a
// number that somebody else got.
func allocateTogether(r *rig, handles ...store.DB) {
	r.Helper()
	r.addType(softType("new", "N"))
	const callers, rounds = 32, 5
	failed := errors.New("of the test's own")
	var mu sync.Mutex
	taken := map[uint64]int{}
	var wg sync.WaitGroup
	for i := range callers {
		db := handles[i%len(handles)]
		wg.Go(func() {
			for round := range rounds {
				n, fails := 1+(i+round)%7, (i+round)%5 == 4
				var first uint64
				err := db.Update(r.ctx(), func(tx store.Tx) (err error) {
					if i%8 == 7 { // somebody sets or raises it meanwhile
						now, err := tx.Series("new")
						if err != nil {
							return err
						}
						return errors.Join(tx.SetSeries("new", now.Next+3), tx.RaiseSeries("new", now.Next+1))
					}
					if first, err = tx.AllocateSerials("new", n); err == nil && fails {
						err = failed
					}
					return err
				})
				if fails && errors.Is(err, failed) || i%8 == 7 && err == nil {
					continue
				}
				if err != nil {
					r.Errorf("allocate: %v", err)
					return
				}
				mu.Lock()
				for k := range uint64(n) {
					taken[first+k]++
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	highest := uint64(0)
	for number, times := range taken {
		highest = max(highest, number)
		if times != 1 || number < 100 {
			r.Errorf("number %d was given out %d times", number, times)
		}
	}
	if s := r.series("new"); s.Highest < highest || s.Next <= highest || int(s.Issued) != len(taken) ||
		len(taken) == 0 {
		r.Errorf("the series is %+v after %d numbers up to %d", s, len(taken), highest)
	}
}
