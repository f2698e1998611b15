package imports

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/tokens"
	"ostiary/internal/store"
	"ostiary/pskc"
)

// KeySource gives the keys of a seed file one by one, in the manner of
// pskc.Reader: a *pskc.KeyError refuses one key, io.EOF ends the file, anything
// else ends the import.
type KeySource interface {
	Next() (*pskc.Key, error)
}

// Request is one file to be imported.
type Request struct {
	Keys KeySource
	// Label names the run, such as the file's name; Format and Remarks say what
	// is known of the file, the latter when it was read. All are for the report.
	Label, Format string
	Remarks       func() []string
	// Batch, Note and Supplier are kept, so that a whole delivery can be listed
	// and revoked.
	Batch, Note, Supplier string
	// DryRun reports what would happen and changes nothing.
	DryRun bool
	// SkipBad imports the good keys although others are refused or in conflict.
	// Without it a file is imported whole or not at all.
	SkipBad bool
	// Replace gives a token in stock the secret of the file where the two
	// differ, instead of calling it a conflict, and where the secret is the same,
	// the way in which the file says that it makes codes.
	Replace bool
	// Sampled is told a code of the first key that is good, by the values that count
	// in the end: those of the file, or those of the token that is here. Of a conflict
	// it is told what the file says, for the device decides which of the two is right.
	// It may be nil.
	Sampled func(Sample)
	// Renumber gives a token of a software type whose serial is taken here by
	// another one the next serial of its series, instead of calling it a
	// conflict.
	Renumber bool
	// CreateUsers makes the users that the file names and that are not known.
	CreateUsers bool
	// Begun is told the number of the run, Progress how far it is, after each
	// chunk; each may be nil.
	Begun    func(run int64)
	Progress func(store.RunCounts)
	// Interrupt breaks off a read of Keys that waits, when the run is cancelled; it may
	// be nil.
	Interrupt func()
	Origin    audit.Origin
}

// The outcomes. Every key of a file ends as one of them.
const (
	Imported  = "imported"
	Duplicate = "duplicate" // the same token with the same secret is there
	Conflict  = "conflict"  // the same token is there with another secret
	// Difference: the same token with the same secret is there, and makes other codes
	Difference = "difference"
	Twin       = "twin"     // another token is there with the same secret
	Replaced   = "replaced" // it was there with another secret, and has this one now
	Refused    = "refused"
)

// A transaction is a sync to the disk, of which an import of many keys wants
// few: its transactions write importChunk keys, but end after any importStep of
// them if somebody waits.
const (
	importChunk = 1000
	importStep  = 250
)

// maxReplaced bounds the secrets that one run replaces, because they take
// effect in the one transaction that publishes it.
const maxReplaced = 10_000

// Import reads a file to its end and imports its keys. It returns the run as it
// ended, with the counts; Rows tells about single keys.
//
// The rows are staged under a run in short transactions and become visible
// together, when one conditional write publishes the run. When that does not
// happen (a refused key, a broken file, a crash), nothing of the run was ever
// visible and its rows are swept. The error is a fault.Error for what is wrong
// with the file; a run with refused keys is no error.
func (s *Service) Import(ctx context.Context, req Request) (store.Run, error) {
	if err := req.check(); err != nil {
		return store.Run{}, err
	}
	i := importer{Service: s, ctx: ctx, req: req, replaced: map[token.ID]bool{},
		different: map[token.ID]difference{},
		pins:      pins{named: map[string][]namedPIN{}}}
	defer i.wipe()
	types, err := s.types(ctx)
	if err != nil {
		return store.Run{}, err
	}
	m := newMapper(types, s.maxDrift)
	var cancel context.CancelCauseFunc
	i.ctx, cancel = context.WithCancelCause(ctx)
	defer cancel(nil)
	if err := i.begin(cancel); err != nil {
		return store.Run{}, err
	}
	var unswept, how *ending
	defer func() { s.under.end(i.run, unswept) }()
	i.types, i.arrivals = m.types, map[string]arrivals{}
	i.file, i.shared = map[token.Mark]held{}, map[token.Mark]bool{}
	take := i.stage
	if req.DryRun {
		i.seen = newSeen()
		take = i.foresee
	}
	err = m.readAll(req.Keys, func(keys []staged) error { return take(i.pins.take(keys)) })
	if err == nil {
		err = i.renumberLate()
	}
	if err == nil {
		err = i.stagePINs()
	}
	if err == nil {
		err = i.conclude()
	}
	if err != nil {
		how = &ending{audit.ImportAbandoned, req.Origin, failure(ctx, err)}
		if by, ok := errors.AsType[cancellation](context.Cause(i.ctx)); ok {
			*how, err = by.ending(), by.fault()
		}
		// Swept even when the caller is gone; what remains is swept later.
		if serr := s.sweep(context.WithoutCancel(ctx), i.run, *how); serr != nil {
			unswept, err = how, errors.Join(err, serr)
		}
	}
	run, rerr := s.Run(context.WithoutCancel(ctx), i.run)
	if errors.Is(err, store.ErrConflict) && rerr == nil && !run.Closed.IsZero() && run.Failure != how.failure {
		err = endedElsewhere(run, err)
	}
	if err != nil && (rerr != nil || run.Published.IsZero()) {
		return store.Run{}, err
	}
	return run, rerr // published, if need be against what its commit reported
}

func (r *Request) check() error {
	for _, f := range []struct{ name, text string }{{"batch", r.Batch}, {"note", r.Note}, {"supplier", r.Supplier}} {
		if err := tokens.CheckText(f.name, f.text, tokens.MaxReason); err != nil {
			return fault.New(fault.Invalid, "import_"+f.name, fault.Sentence(err.Error()))
		}
	}
	if r.Batch == "" && (r.Note != "" || r.Supplier != "") {
		return fault.New(fault.Invalid, "import_batch",
			"A note and a supplier belong to a batch, but no batch is named.").WithHint(
			"Name it: --batch 'delivery 2026-11'.")
	}
	return nil
}

// importer is one run under way.
type importer struct {
	*Service
	ctx      context.Context
	req      Request
	run      int64
	counts   store.RunCounts
	types    map[string]token.Type
	arrivals map[string]arrivals // of software types
	batch    batch
	pins     pins
	received received
	short    int               // keys that are imported with short secrets
	late     []staged          // keys in conflict that are to get other serials, at the end
	replaced map[token.ID]bool // the tokens whose secrets the run replaces
	// different are those of them that keep their secret and get another spec.
	different map[token.ID]difference
	sampled   bool
	file      map[token.Mark]held
	shared    map[token.Mark]bool // the secrets that several keys of the run have
	// sheets are the profiles of the file by their hashes, sheetsUsed those of keys that
	// are imported.
	sheets     map[[sha256.Size]byte]*sheet
	sheetsUsed map[[sha256.Size]byte]bool
	seen       *seen // what a dry run has met so far; nil in a real one
}

// begin opens the run. A run in its way that nobody works at is swept.
func (i *importer) begin(cancel context.CancelCauseFunc) (err error) {
	r := &running{cancel: cancel, interrupt: i.req.Interrupt, ended: make(chan struct{})}
	if r.interrupt == nil {
		r.interrupt = func() {}
	}
	for range 2 {
		if i.run, err = i.under.begin(r, i.open); !errors.Is(err, store.ErrBusy) {
			break
		}
		if serr := i.SweepAbandoned(i.ctx); serr != nil {
			return serr
		}
	}
	if errors.Is(err, store.ErrBusy) {
		return fault.New(fault.Conflict, "import_running", "Another import is running.").WithHint(
			"Try again when it has ended. ostiary import list shows it; ostiary import cancel ID ends it.").Because(err)
	}
	if err == nil && i.req.Begun != nil {
		i.req.Begun(i.run)
	}
	return err
}

func (i *importer) open() (run int64, err error) {
	err = i.db.Update(i.ctx, func(tx store.Tx) error {
		run, err = tx.BeginRun(store.Run{Opened: i.now(), Label: i.req.Label, Format: i.req.Format,
			Actor: i.req.Origin.Actor,
			Batch: i.req.Batch, Note: i.req.Note, Supplier: i.req.Supplier, DryRun: i.req.DryRun, Node: i.under.node})
		return err
	})
	return run, err
}

// readAll reads the source to its end and hands on chunks to take, which writes
// one on another goroutine while the next is read, and keeps nothing of it.
func (m *mapper) readAll(keys KeySource, take func([]staged) error) (err error) {
	chunks, failed, done := make(chan []staged), make(chan struct{}), make(chan error, 1)
	spent := make(chan []staged, 2)
	for range cap(spent) {
		spent <- make([]staged, 0, importChunk)
	}
	go func() {
		var err error
		for c := range chunks {
			if err == nil {
				if err = take(c); err != nil {
					close(failed)
				}
			}
			for i := range c {
				c[i].secret.Wipe()
				c[i].load.Wipe()
			}
			spent <- c[:0]
		}
		done <- err
	}()
	defer func() { // also when the source panics
		close(chunks)
		if terr := <-done; terr != nil {
			err = terr
		}
	}()
	pending := <-spent
	for n := 1; ; n++ {
		key, err := keys.Next()
		bad, _ := errors.AsType[*pskc.KeyError](err)
		switch {
		case err == io.EOF: // a wrapped one is a file that was cut off
			if n == 1 {
				return fault.New(fault.Invalid, "no_keys", "The file holds no keys.").
					WithHint("Is it the right file? Manufacturers often send the keys separately from the delivery note.")
			}
			chunks <- pending
			return nil
		case bad != nil:
			pending = append(
				pending,
				staged{row: store.RunRow{Manufacturer: bad.Manufacturer, Serial: bad.Serial, KeyID: bad.ID,
					Line:    bad.Line,
					Outcome: Refused, Reason: flagged(bad.Reason)}})
		case err != nil:
			return fileFault(err)
		default:
			pending = append(pending, m.fromKey(key))
		}
		pending[len(pending)-1].row.N = n
		if len(pending) < importChunk {
			continue
		}
		select {
		case chunks <- pending:
			pending = <-spent
		case <-failed:
			return nil // done has the error
		}
	}
}

// conclude publishes a run, or closes it when nothing is to be published.
func (i *importer) conclude() error {
	c := &i.counts
	if c.Refused+c.Conflict+c.Difference+c.Twin > 0 && !i.req.SkipBad {
		*c = store.RunCounts{Duplicate: c.Duplicate, Conflict: c.Conflict, Difference: c.Difference, Twin: c.Twin,
			Refused:  c.Refused,
			HeldBack: c.Imported + c.Replaced}
	}
	if !i.req.DryRun && c.Imported+c.Replaced > 0 {
		return i.publish()
	}
	err := i.db.Update(i.ctx, func(tx store.Tx) error {
		if err := tx.RecordRun(i.run, i.result(), nil); err != nil || i.req.DryRun {
			return err
		}
		return i.receipt(tx)
	})
	if err != nil {
		return err
	}
	return i.sweep(i.ctx, i.run, ending{audit.ImportAbandoned, i.req.Origin, ""})
}

// result is what the run says of itself in the end.
func (i *importer) result() store.RunProgress {
	p := store.RunProgress{Counts: i.counts, Series: i.seriesReport()}
	if i.req.Remarks != nil {
		p.Remarks = i.req.Remarks()
	}
	p.Remarks = append(p.Remarks[:len(p.Remarks):len(p.Remarks)], i.profileRemarks()...)
	if len(i.received.tokens) > 0 && !i.req.DryRun && i.counts.HeldBack == 0 {
		p.Remarks = append(p.Remarks[:len(p.Remarks):len(p.Remarks)], fmt.Sprintf("This is a move: the "+
			"server that exported the file waits for the receipt (ostiary import receipt %d FILE).", i.run))
	}
	return p
}

func (i *importer) publish() error {
	err := i.db.Update(i.ctx, func(tx store.Tx) error {
		now := i.now()
		if err := errors.Join(tx.RecordRun(i.run, i.result(), nil), i.raiseSeries(tx), i.receipt(tx),
			i.addProfiles(tx)); err != nil {
			return err
		}
		replaced, err := i.retireReplaced(tx)
		if err != nil {
			return err
		}
		if err := i.stageDifferent(tx, replaced); err != nil {
			return err
		}
		if err := tx.PublishRun(i.run, now); err != nil {
			return err
		}
		entries, err := i.rekeyed(tx, replaced)
		if err != nil {
			return err
		}
		shared, err := i.share(tx)
		if err != nil {
			return err
		}
		entries = append(entries, shared...)
		c := i.counts
		after := []audit.Field{{Name: "assigned", Value: int64(c.Assigned)}, {Name: "batch", Value: i.req.Batch},
			{Name: "conflict", Value: int64(c.Conflict)},
			{Name: "difference", Value: int64(c.Difference)},
			{Name: "duplicate", Value: int64(c.Duplicate)}, {Name: "imported", Value: int64(c.Imported)},
			{Name: "refused", Value: int64(c.Refused)},
			{Name: "replaced", Value: int64(c.Replaced)}, {Name: "run", Value: i.run},
			{Name: "twin", Value: int64(c.Twin)},
			{Name: "users", Value: int64(c.Users)}}
		if i.short > 0 {
			after = append(after, audit.Field{Name: "short_secrets", Value: int64(i.short)})
		}
		if i.hasReceipt() {
			after = append(after, audit.Field{Name: "move", Value: i.received.Move})
		}
		return tx.AppendAudit(
			append(entries, audit.Entry{Time: now, Action: audit.ImportPublished, Outcome: audit.Done,
				Origin:  i.req.Origin,
				Subject: audit.Subject{Other: i.req.Label}, After: after}.Canonical())...)
	})
	if errors.Is(err, store.ErrConflict) {
		return fault.New(fault.Conflict, "import_overtaken", "A token whose secret was to be replaced was deleted "+
			"or changed while the import ran; nothing was imported.").
			WithHint("Import the file again.").Because(err)
	}
	return err
}

var _ KeySource = (*pskc.Reader)(nil)
