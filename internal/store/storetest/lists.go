package storetest

import (
	"errors"
	"fmt"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
)

// deliver publishes n tokens of a delivery.
func (r *rig) deliver(batch string, n int) (ids []token.ID) {
	r.Helper()
	var run int64
	r.update(func(tx store.Tx) (err error) {
		ids = nil
		if run, err = tx.BeginRun(store.Run{Opened: start, Label: batch, Batch: batch}); err != nil {
			return err
		}
		first, err := tx.NextTokenID(n)
		if err != nil {
			return err
		}
		for i := range n {
			c := r.hotp()
			c.Token.ID, c.Token.Run = first+token.ID(i), run
			ids = append(ids, c.Token.ID)
			if err := tx.StageToken(run, c); err != nil {
				return err
			}
		}
		return nil
	})
	r.update(func(tx store.Tx) error { return tx.PublishRun(run, start) })
	return ids
}

func (r *rig) batchSizes() (sizes map[string]int) {
	r.Helper()
	sizes = map[string]int{}
	r.view(func(rd store.Reader) error {
		all, err := rd.Batches("", 100)
		for _, b := range all {
			sizes[b.Name] = b.Tokens
			one, err := rd.Batch(b.Name)
			r.must(err)
			r.same("the batch by its name", one, b)
		}
		for _, name := range []string{"", "nosuch"} {
			if _, err := rd.Batch(name); !errors.Is(err, store.ErrNotFound) {
				r.Errorf("batch %q: %v", name, err)
			}
		}
		return err
	})
	return sizes
}

var listTests = []test{
	// A delivery may come in several imports, with others between them.
	{"ADeliveryIsListedAcrossItsImports", func(r *rig) {
		var want []token.ID
		for i := range 4 {
			want = append(want, r.deliver("wanted", 3)...)
			r.deliver(fmt.Sprint("other ", i%2), 2)
		}
		r.same("all", r.list(store.TokenFilter{Batch: "wanted"}), want)
		for limit := 1; limit <= 5; limit++ {
			var got []token.ID
			for f := (store.TokenFilter{Batch: "wanted", Limit: limit}); ; f.After = got[len(got)-1] {
				page := r.list(f)
				if len(page) == 0 {
					break
				}
				got = append(got, page...)
			}
			r.same(fmt.Sprint("pages of ", limit), got, want)
		}
		valid := token.Valid
		r.same("the last two", r.list(store.TokenFilter{Batch: "wanted", State: &valid, After: want[9]}), want[10:])
		r.same("nobody's", r.list(store.TokenFilter{Batch: "none"}), []token.ID(nil))
	}},
	{"DeliveriesCountTheTokensThatAreThere", func(r *rig) {
		first := r.deliver("a", 3)
		r.deliver("a", 2)
		r.deliver("b", 1)
		r.same("sizes", r.batchSizes(), map[string]int{"a": 5, "b": 1})
		r.update(func(tx store.Tx) error { return tx.DeleteToken(first[0]) })
		r.is(store.ErrNotFound, "delete it again", func(tx store.Tx) error { return tx.DeleteToken(first[0]) })
		r.same("with one deleted", r.batchSizes(), map[string]int{"a": 4, "b": 1})
		r.is(errTest, "delete and roll back", func(tx store.Tx) error {
			if err := tx.DeleteToken(first[1]); err != nil {
				return err
			}
			return errTest
		})
		r.same("with one kept", r.batchSizes(), map[string]int{"a": 4, "b": 1})
		var run int64
		r.update(func(tx store.Tx) (err error) {
			if run, err = tx.BeginRun(store.Run{Opened: start, Batch: "c"}); err != nil {
				return err
			}
			first, err := tx.NextTokenID(2)
			if err != nil {
				return err
			}
			twice := []store.Candidate{r.hotp(), {}}
			twice[0].Token.ID = first
			twice[1] = twice[0]
			twice[1].Token.ID++
			staged, err := tx.StageTokens(run, twice)
			r.same("staged", staged, []bool{true, false})
			return err
		})
		r.update(func(tx store.Tx) error { return tx.PublishRun(run, start) })
		r.same("with one that was there", r.batchSizes(), map[string]int{"a": 4, "b": 1, "c": 1})
	}},
	// A list waits for lists only.
	{"ListsHaveReadersOfTheirOwn", func(r *rig) {
		const many = 16
		held, release := make(chan struct{}, many), make(chan struct{})
		ended := make(chan error, many)
		for range many {
			go func() {
				ended <- r.db.Browse(r.ctx(), func(store.Reader) error {
					held <- struct{}{}
					<-release
					return nil
				})
			}()
		}
		<-held
		t := r.one(nil)
		r.view(func(store.Reader) error { return nil })
		r.must(r.db.Check(r.ctx()))
		r.same("found", len(r.candidates(store.Lookup{Serial: t.Identity.Serial}, true).Candidates), 1)
		close(release)
		for range many {
			r.must(<-ended)
		}
	}},
}
