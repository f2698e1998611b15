package lifecycle_test

import (
	"cmp"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/codes"
	"ostiary/internal/engine/imports"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/engine/tokens"
	"ostiary/internal/engine/transfer"
	"ostiary/internal/store"
	"ostiary/internal/test/testkit"
	"ostiary/pskc"
)

// Tests are to fail every time or never: what rapid draws is the same each time.
// make soak draws anew, by -rapid.seed=0.
func init() { _ = flag.Set("rapid.seed", "14") }

// TestModel runs random histories of software tokens on two servers, and holds
// after every step what must hold of any. A history derives keys of files, which
// takes its time: without -rapid.checks there are only a few.
func TestModel(t *testing.T) {
	t.Parallel()
	few := true
	flag.Visit(func(f *flag.Flag) { few = few && f.Name != "rapid.checks" })
	n, done := 0, map[string]int{}
	rapid.Check(t, func(rt *rapid.T) {
		if n++; few && n > 5 {
			return
		}
		m := &model{t: t, rt: rt, done: done, secrets: map[string]*lived{}}
		for i := range m.sides {
			s := &side{Kit: testkit.New(t), floor: map[string]uint64{}, used: map[string]bool{}}
			for _, u := range modelUsers {
				s.User(t, u)
			}
			m.sides[i] = s
		}
		for range 3 { // a history of nothing shows nothing
			m.create()
			m.confirm()
		}
		rt.Repeat(m.actions())
	})
	t.Logf("%d histories: %v", n, done)
	for _, what := range []string{"accepted", "replayed", "arrived", "renumbered", "moves confirmed", "moves cancelled",
		"restored"} {
		if !t.Failed() && done[what] == 0 {
			t.Errorf("of %q there is nothing: the histories show too little", what)
		}
	}
}

var (
	modelUsers = []string{"anna", "bert", "cleo"}
	modelTypes = []string{"app-hotp", "app-totp"}
)

// model is what is known of the two servers without asking them.
type model struct {
	t       *testing.T
	rt      *rapid.T
	sides   [2]*side
	secrets map[string]*lived // in hexadecimal
	parcels []*parcel
	done    map[string]int // what came about, over all histories
}

// side is one server.
type side struct {
	*testkit.Kit
	floor map[string]uint64 // the highest counter that each secret was seen at
	used  map[string]bool   // every type and serial that was ever there
}

// lived is the life of one secret, over both servers.
type lived struct {
	key      *pskc.Key
	accepted map[uint64]bool
}

// parcel is an exported file on its way.
type parcel struct {
	from    int
	move    string
	file    []byte
	tokens  []held            // as they were exported
	receipt *transfer.Receipt // once it was imported
	ended   bool              // what was imported is confirmed
}

// held is a token as the database has it.
type held struct {
	token.Token
	side   int
	secret string
}

func (m *model) actions() map[string]func(*rapid.T) {
	all := map[string]func(*rapid.T){"": func(*rapid.T) { m.holds() }}
	for name, do := range map[string]func(){
		"create": m.create, "create more": m.create, "confirm": m.confirm, "confirm more": m.confirm,
		"verify": m.verify, "verify more": m.verify,
		"verify wrongly": m.verifyWrongly, "replay": m.replay, "state": m.state, "assign": m.assign,
		"unassign": m.unassign, "delete": m.delete,
		"series": m.series, "wait": m.wait, "restore": m.restore, "move": m.move, "arrive": m.arrive,
		"arrive soon": m.arrive, "hand in": m.handIn, "hand in soon": m.handIn, "cancel": m.cancel,
	} {
		all[name] = func(rt *rapid.T) { m.rt = rt; do() }
	}
	return all
}

// may takes an error that a person would be told, and no other.
func (m *model) may(err error) bool {
	if _, ok := errors.AsType[*fault.Error](err); err != nil && !ok {
		m.rt.Fatalf("an error that tells a person nothing: %v", err)
	}
	return err == nil
}

func (m *model) must(err error) {
	if err != nil {
		m.rt.Fatal(err)
	}
}

func (m *model) draw(n int, label string) int { return rapid.IntRange(0, n-1).Draw(m.rt, label) }

// all gives every token of a server.
func (m *model) all(i int) (tokens []held) {
	m.must(m.sides[i].DB.View(m.t.Context(), func(r store.Reader) error {
		found, err := r.Sealed(store.TokenFilter{})
		for _, c := range found {
			secret, err := m.sides[i].Keys.Open(store.SecretBinding(c.Token.ID), c.Sealed)
			if err != nil {
				return err
			}
			tokens = append(tokens, held{c.Token, i, hex.EncodeToString(secret.Bytes())})
		}
		return err
	}))
	return tokens
}

// pick chooses a token that fits, if there is one.
func (m *model) pick(fits func(held) bool) held {
	var found []held
	for i := range m.sides {
		for _, h := range m.all(i) {
			if fits(h) {
				found = append(found, h)
			}
		}
	}
	if len(found) == 0 {
		m.rt.Skip("there is no such token")
	}
	return found[m.draw(len(found), "token")]
}

func anyToken(held) bool { return true }

func (h held) was() token.State { return h.Condition.State }

func (h held) selector() tokens.Selector {
	return tokens.Selector{Serial: h.Identity.Serial, Type: h.Identity.Type}
}

func (m *model) create() {
	s := m.sides[m.draw(2, "server")]
	typ := modelTypes[m.draw(2, "type")]
	made, err := s.Lifecycle.Create(m.t.Context(), lifecycle.CreateRequest{Type: typ, Count: 1, Reveal: true,
		Origin: testkit.Origin})
	m.must(err)
	serial := made.Tokens[0].Token.Identity.Serial
	if s.used[typ+" "+serial] {
		m.rt.Fatalf("%s was made although it had been there", serial)
	}
	key := testkit.KeyOf(m.t, serial, string(made.Tokens[0].URI.Bytes()))
	m.secrets[hex.EncodeToString(key.Secret)] = &lived{key, map[uint64]bool{}}
}

// next is a counter whose code must be right: of a time-based token, after
// waiting until that is sure.
func (m *model) next(h held) uint64 {
	key := m.secrets[h.secret].key
	if h.Spec.Algorithm == token.HOTP {
		return h.Condition.Next + uint64(m.draw(3, "ahead"))
	}
	for range 3 {
		m.wait()
	}
	return testkit.Step(m.t, key, m.sides[0].Clock.Now())
}

// accepts takes note that a token took a code, and of which counter.
func (m *model) accepts(h held) {
	after, err := m.sides[h.side].Lifecycle.Show(m.t.Context(), h.selector())
	m.must(err)
	counter, life := after.Condition.Next-1, m.secrets[h.secret]
	if life.accepted[counter] {
		m.rt.Fatalf("%s takes the code of counter %d a second time", h.Identity.Serial, counter)
	}
	life.accepted[counter] = true
	m.done["accepted"]++
}

// present presents a code in the manner of a login.
func (m *model) present(h held, counter uint64) bool {
	valid, err := m.sides[h.side].Engine.Verify(
		m.t.Context(), codes.Request{Lookup: store.Lookup{Serial: h.Identity.Serial, Type: h.Identity.Type},
			OTP: testkit.Code(m.t, m.secrets[h.secret].key, counter), Origin: testkit.Origin, Authentication: true})
	m.must(err)
	if valid && h.was() != token.Valid {
		m.rt.Fatalf("%s is %s and takes a code", h.Identity.Serial, h.was())
	}
	if valid {
		m.accepts(h)
	}
	return valid
}

func (m *model) unlock(h held) {
	_, err := m.sides[h.side].Lifecycle.Unlock(m.t.Context(), h.selector(), testkit.Origin)
	m.must(err)
}

func (m *model) verify() {
	h := m.pick(anyToken)
	m.unlock(h)
	if valid := m.present(h, m.next(h)); !valid && h.was() == token.Valid {
		m.rt.Fatalf("%s refuses a fresh code", h.Identity.Serial)
	}
}

func (m *model) verifyWrongly() {
	h := m.pick(anyToken)
	key, near := m.secrets[h.secret].key, h.Condition.Next
	if h.Spec.Algorithm == token.TOTP {
		near = testkit.Step(m.t, key, m.sides[0].Clock.Now())
	}
	valid, err := m.sides[h.side].Engine.Verify(
		m.t.Context(), codes.Request{Lookup: store.Lookup{Serial: h.Identity.Serial, Type: h.Identity.Type},
			OTP: testkit.Wrong(m.t, key, near, 1)[0], Origin: testkit.Origin, Authentication: true})
	if m.must(err); valid {
		m.rt.Fatalf("%s takes a wrong code", h.Identity.Serial)
	}
}

// replay presents a code that was accepted, wherever its secret is now.
func (m *model) replay() {
	h := m.pick(func(h held) bool { return len(m.secrets[h.secret].accepted) > 0 })
	used := slices.Sorted(maps.Keys(m.secrets[h.secret].accepted))
	m.unlock(h)
	m.present(h, used[m.draw(len(used), "used")])
	m.done["replayed"]++
}

func (m *model) confirm() {
	h := m.pick(func(h held) bool { return h.was() == token.Pending || h.was() == token.Moving })
	m.unlock(h)
	valid, err := m.sides[h.side].Engine.Confirm(
		m.t.Context(), confirmation(h.Identity, testkit.Code(m.t, m.secrets[h.secret].key, m.next(h))))
	switch m.may(err); {
	case valid && h.was() == token.Moving:
		m.rt.Fatalf("%s is MOVING and was confirmed", h.Identity.Serial)
	case !valid && h.was() == token.Pending:
		m.rt.Fatalf("the first code of %s is refused: %v", h.Identity.Serial, err)
	case valid:
		m.accepts(h)
	}
}

func (m *model) state() {
	h := m.pick(anyToken)
	to := token.State(m.draw(int(token.Moving)+1, "state"))
	_, err := m.sides[h.side].Lifecycle.SetState(m.t.Context(), h.selector(), to, "drawn", testkit.Origin)
	if m.may(err) && (h.was() == token.Moving || to >= token.Pending || to == token.Valid && !h.Condition.Proven()) {
		m.rt.Fatalf("%s went from %s to %s by command", h.Identity.Serial, h.was(), to)
	}
}

func (m *model) assign() {
	h := m.pick(anyToken)
	_, err := m.sides[h.side].Lifecycle.Assign(m.t.Context(), h.selector(), modelUsers[m.draw(3, "user")],
		testkit.Origin)
	if m.may(err) && (h.Condition.Owner != 0 || h.was() == token.Moving) {
		m.rt.Fatalf("%s of %q was assigned", h.Identity.Serial, h.OwnerName)
	}
}

func (m *model) unassign() {
	h := m.pick(anyToken)
	_, err := m.sides[h.side].Lifecycle.Unassign(m.t.Context(), h.selector(), testkit.Origin)
	if m.may(err) != (h.Condition.Owner != 0 && h.was() != token.Moving) {
		m.rt.Fatalf("unassigning %s of %q: %v", h.Identity.Serial, h.OwnerName, err)
	}
}

func (m *model) delete() {
	h := m.pick(anyToken)
	_, err := m.sides[h.side].Lifecycle.Delete(m.t.Context(), h.selector(), testkit.Origin)
	if m.may(err) != (h.was() != token.Moving) {
		m.rt.Fatalf("deleting %s, which was %s: %v", h.Identity.Serial, h.was(), err)
	}
}

// series sets a series somewhere near to where it stands.
func (m *model) series() {
	s, typ := m.sides[m.draw(2, "server")], modelTypes[m.draw(2, "type")]
	before := m.seriesOf(s, typ)
	number, _ := before.Number(before.Next())
	to := number + uint64(m.draw(7, "by")) - 3
	_, err := s.Lifecycle.SetSeries(m.t.Context(), typ, fmt.Sprint(to), testkit.Origin)
	if m.may(err) && to < number && to <= before.At.Highest {
		m.rt.Fatalf("the series of %s was set from %d back to %d", typ, number, to)
	}
}

func (m *model) seriesOf(s *side, typ string) tokens.Series {
	all, err := s.Lifecycle.Series(m.t.Context())
	m.must(err)
	return all[slices.IndexFunc(all, func(a tokens.Series) bool { return a.Name == typ })]
}

func (m *model) wait() {
	for _, s := range m.sides {
		s.Clock.Advance(30 * time.Second)
	}
}

// export writes a file of tokens that stay or, with move, go.
func (m *model) export(i int, move bool, tokens []held) (file []byte, id string) {
	var serials []string
	for _, h := range tokens {
		serials = append(serials, h.Identity.Serial)
	}
	file, n, err := testkit.Export(m.t, m.sides[i].Kit, func(r *lifecycle.ExportRequest) {
		r.Serials, r.Move, r.Begun = serials, move, func(move string, _ int) { id = move }
	})
	if m.must(err); n != len(tokens) {
		m.rt.Fatalf("%d of %d tokens exported", n, len(tokens))
	}
	return file, id
}

// bring imports a file.
func (m *model) bring(i int, file []byte, more func(*imports.Request)) (store.Run, error) {
	f := testkit.OpenExport(m.t, file)
	defer func() { _ = f.Close() }()
	return testkit.Try(m.sides[i].Kit, f, more)
}

// some chooses a few tokens of a server that are not on their way.
func (m *model) some(i int) (tokens []held) {
	for _, h := range m.all(i) {
		if h.was() != token.Moving && m.draw(3, "take "+h.Identity.Serial) > 0 {
			tokens = append(tokens, h)
		}
	}
	if len(tokens) == 0 {
		m.rt.Skip("there are no tokens")
	}
	return tokens
}

// restore exports tokens, goes on with them, deletes some and imports the file,
// which by then is old.
func (m *model) restore() {
	i := m.draw(2, "server")
	tokens := m.some(i)
	file, _ := m.export(i, false, tokens)
	deleted := 0
	for _, h := range tokens {
		if h.was() == token.Valid {
			m.unlock(h)
			m.present(h, m.next(h))
		}
		if m.draw(2, "delete "+h.Identity.Serial) > 0 {
			_, err := m.sides[i].Lifecycle.Delete(m.t.Context(), h.selector(), testkit.Origin)
			m.must(err)
			deleted++
		}
	}
	run, err := m.bring(i, file, func(r *imports.Request) {})
	if m.must(err); run.Counts.Imported != deleted || run.Counts.Duplicate != len(tokens)-deleted {
		m.rt.Fatalf("of %d tokens %d were deleted, and the import says %+v", len(tokens), deleted, run.Counts)
	}
	m.done["restored"] += deleted
}

func (m *model) move() {
	i := m.draw(2, "server")
	tokens := m.some(i)
	p := &parcel{from: i}
	p.file, p.move = m.export(i, true, tokens)
	p.tokens = tokens
	m.parcels = append(m.parcels, p)
}

func (m *model) parcel(fits func(*parcel) bool) *parcel {
	var found []*parcel
	for _, p := range m.parcels {
		if fits(p) {
			found = append(found, p)
		}
	}
	if len(found) == 0 {
		m.rt.Skip("there is no such move")
	}
	return found[m.draw(len(found), "move")]
}

// arrive imports the file of a move where it is meant to go. The server that
// wrote it does not take it.
func (m *model) arrive() {
	p := m.parcel(func(p *parcel) bool { return p.receipt == nil })
	renumber, skip := m.draw(3, "renumber") > 0, m.draw(2, "skip") > 0
	run, err := m.bring(1-p.from, p.file, func(r *imports.Request) { r.Renumber, r.SkipBad = renumber, skip })
	if m.must(err); run.Counts.HeldBack > 0 && run.Counts.Imported > 0 {
		m.rt.Fatalf("held back and imported: %+v", run.Counts)
	}
	r, missing, err := m.sides[1-p.from].Imports.Receipt(m.t.Context(), run.ID)
	if m.may(err) != (run.Counts.Imported+run.Counts.Duplicate > 0 && run.Counts.HeldBack == 0) {
		m.rt.Fatalf("the receipt of %+v: %+v, %v", run.Counts, r, err)
	}
	if len(missing) > 0 {
		m.rt.Fatalf("of what just arrived, %q are not here", missing)
	}
	m.done["arrived"] += run.Counts.Imported
	m.done["renumbered"] += run.Counts.Renumbered
	m.done["left out"] += run.Counts.Conflict
	if err == nil {
		p.receipt = &r
	}
}

// brings reports whether some token of the file is of a kind.
func (p *parcel) brings(is func(held) bool) bool { return slices.ContainsFunc(p.tokens, is) }

// handIn hands in a receipt, and one that was changed before.
func (m *model) handIn() {
	p := m.parcel(func(p *parcel) bool { return p.receipt != nil })
	s := m.sides[p.from]
	forged := *p.receipt
	forged.Tokens = append(slices.Clone(forged.Tokens), 1+slices.Max(forged.Tokens))
	if _, err := s.Lifecycle.ConfirmMove(m.t.Context(), forged, testkit.Origin); m.may(err) {
		m.rt.Fatal("a receipt of more tokens is taken")
	}
	_, err := s.Lifecycle.ConfirmMove(m.t.Context(), *p.receipt, testkit.Origin)
	m.must(err)
	p.ended = true
	m.done["moves confirmed"]++
}

// cancel ends a move of which nothing was imported that was not confirmed, as the
// command demands.
func (m *model) cancel() {
	p := m.parcel(func(p *parcel) bool { return p.receipt == nil || p.ended })
	after, err := m.sides[p.from].Lifecycle.CancelMove(m.t.Context(), p.move, testkit.Origin)
	if m.must(err); after.Moving != 0 {
		m.rt.Fatalf("a cancelled move: %+v", after)
	}
	for _, h := range m.all(p.from) {
		if i := slices.IndexFunc(p.tokens, func(o held) bool { return o.ID == h.ID }); i >= 0 &&
			h.was() != p.tokens[i].was() {
			m.rt.Fatalf("%s was %s before the move and is %s after it was cancelled", h.Identity.Serial,
				p.tokens[i].was(), h.was())
		}
	}
	m.parcels = slices.DeleteFunc(m.parcels, func(o *parcel) bool { return o == p })
	m.done["moves cancelled"]++
}

// holds checks what holds after every step.
func (m *model) holds() {
	live := map[string]held{}
	for i, s := range m.sides {
		names := map[string]bool{}
		tokens := m.all(i)
		for _, h := range tokens {
			name := h.Identity.Type + " " + h.Identity.Serial
			if names[name] {
				m.rt.Fatalf("%s is there twice", name)
			}
			names[name], s.used[name] = true, true
			if h.was() == token.Valid && !h.Condition.Proven() {
				m.rt.Fatalf("%s is VALID and was never proven", name)
			}
			m.counterStands(s, h, name)
			m.liveOnce(h, live)
		}
		m.ownedOnce(s, tokens)
		m.seriesAbove(s, tokens)
	}
}

// counterStands checks that no counter falls. A token that is on its way takes no
// code; its secret may be back under another serial, and further on.
func (m *model) counterStands(s *side, h held, name string) {
	if h.was() == token.Moving {
		return
	}
	if h.Condition.Next < s.floor[h.secret] {
		m.rt.Fatalf("the counter of %s fell from %d to %d", name, s.floor[h.secret], h.Condition.Next)
	}
	s.floor[h.secret] = h.Condition.Next
}

// liveOnce checks that a secret takes codes in one place at most, and none of
// which it has taken.
func (m *model) liveOnce(h held, live map[string]held) {
	if h.was() == token.Moving {
		if !slices.ContainsFunc(m.parcels, func(p *parcel) bool {
			return p.from == h.side && p.brings(func(o held) bool { return o.secret == h.secret })
		}) {
			m.rt.Fatalf("%s is MOVING and part of no move", h.Identity.Serial)
		}
		return
	}
	if other, twice := live[h.secret]; twice {
		m.rt.Fatalf("one secret is %s on server %d and %s on server %d", h.was(), h.side, other.was(), other.side)
	}
	live[h.secret] = h
	for counter := range m.secrets[h.secret].accepted {
		if counter >= h.Condition.Next {
			m.rt.Fatalf("%s on server %d stands at %d, and the code of %d was used", h.Identity.Serial, h.side,
				h.Condition.Next, counter)
		}
	}
}

func (m *model) ownedOnce(s *side, tokens []held) {
	owners := map[token.ID][]string{}
	for _, u := range modelUsers {
		found, _, err := s.Lifecycle.List(m.t.Context(), lifecycle.Filter{User: u, Limit: 1000},
			store.TokenOrder{By: store.ByArrival})
		m.must(err)
		for _, f := range found {
			owners[f.ID] = append(owners[f.ID], u)
		}
	}
	for _, h := range tokens {
		if got := owners[h.ID]; len(got) > 1 || cmp.Or(append(got, "")...) != h.OwnerName {
			m.rt.Fatalf("%s of %q is listed for %v", h.Identity.Serial, h.OwnerName, got)
		}
	}
}

func (m *model) seriesAbove(s *side, tokens []held) {
	for _, typ := range modelTypes {
		series := m.seriesOf(s, typ)
		next, ok := series.Number(series.Next())
		for _, h := range tokens {
			if n, made := series.Number(h.Identity.Serial); made && (!ok || next <= n) {
				m.rt.Fatalf("the next serial of %s is %s, and %s is there", typ, series.Next(), h.Identity.Serial)
			}
		}
	}
}
