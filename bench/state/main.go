// Command state measures how long audit verify takes with the state held against the
// log, and how much memory: on a database of so many tokens, of which each was
// imported and used once, so with twice as many entries. With -archive it then measures
// how long it takes to archive the first half of them, and verifies what is left.
//
//	go run ./bench/state [-tokens 1000000] [-archive]
package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/audit/archive"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/ledger"
	"ostiary/internal/seal"
	"ostiary/internal/seal/filekek"
	"ostiary/internal/store"
	"ostiary/internal/store/sqlite"
)

func main() {
	n := flag.Int("tokens", 1_000_000, "how many tokens")
	half := flag.Bool("archive", false, "archive the first half of the entries, too")
	data := flag.String("in", "", "work on the database in this directory, and nothing else")
	flag.Parse()
	if err := run(context.Background(), *n, *half, *data); err != nil {
		fmt.Fprintln(os.Stderr, "bench/state:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, n int, half bool, data string) (err error) {
	switch {
	case data != "" && half:
		return archived(ctx, data)
	case data != "":
		return verify(ctx, data)
	}
	dir, err := os.MkdirTemp("", "ostiary-state-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := build(ctx, dir, n); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	steps := [][]string{{"-in", dir}}
	if half {
		steps = append(steps, []string{"-archive", "-in", dir}, steps[0])
	}
	for _, args := range steps {
		cmd := exec.CommandContext(ctx, self, args...) // a process of its own, so that the memory is its own
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		if err := cmd.Run(); err != nil {
			return err
		}
	}
	return nil
}

// open gives the database of a directory and its ledger.
func open(ctx context.Context, dir string) (store.DB, *ledger.Ledger, error) {
	path := filepath.Join(dir, "kek")
	if there, err := filekek.Exists(path); err != nil {
		return nil, nil, err
	} else if !there {
		if err := filekek.Create(path); err != nil {
			return nil, nil, err
		}
	}
	kek, err := filekek.Open(path)
	if err != nil {
		return nil, nil, err
	}
	db, err := sqlite.Open(ctx, sqlite.Config{Path: filepath.Join(dir, "ostiary.db")})
	if err != nil {
		return nil, nil, err
	}
	var keys []seal.DataKey
	err = db.Update(ctx, func(tx store.Tx) error {
		if keys, err = tx.DataKeys(); err != nil || len(keys) > 0 {
			return err
		}
		first, err := seal.NewDataKey(ctx, kek, 1)
		keys = []seal.DataKey{first}
		return errors.Join(err, tx.AddDataKey(first))
	})
	if err != nil {
		return nil, nil, err
	}
	ring, err := seal.OpenKeyring(ctx, kek, keys)
	if err != nil {
		return nil, nil, err
	}
	if err := db.Update(ctx, func(tx store.Tx) error {
		_, err := ledger.MakeKey(tx, ring)
		return err
	}); err != nil && !errors.Is(err, store.ErrConflict) { // there is one
		return nil, nil, err
	}
	l, err := ledger.Open(ctx, db, ring, time.Now)
	return db, l, err
}

const chunk = 5000

// build fills a database as an import and one login with each token would.
func build(ctx context.Context, dir string, n int) error {
	db, l, err := open(ctx, dir)
	if err != nil {
		return err
	}
	var run int64
	origin := audit.Origin{Actor: "key:radius", Role: "verifier", Source: "10.0.0.1:4711", Request: "3f2a9c11-17"}
	for from := 0; from < n; from += chunk {
		err := db.Update(ctx, func(tx store.Tx) (err error) {
			if from == 0 {
				if run, err = tx.BeginRun(store.Run{Opened: time.Now(), Label: "bench"}); err != nil {
					return err
				}
			}
			return stage(tx, run, from, min(chunk, n-from), origin)
		})
		if err == nil && from <= n/2 && from+chunk > n/2 {
			err = l.Checkpoint(ctx) // where the archive is to end
		}
		if err != nil {
			return err
		}
	}
	published := audit.Entry{Time: time.Now(), Action: audit.ImportPublished, Outcome: audit.Done, Origin: origin,
		After: []audit.Field{{Name: "run", Value: run}}}.Canonical()
	return errors.Join(db.Update(ctx, func(tx store.Tx) error {
		return errors.Join(tx.PublishRun(run, time.Now()), tx.AppendAudit(published))
	}), db.Close())
}

func stage(tx store.Tx, run int64, from, n int, origin audit.Origin) error {
	first, err := tx.NextTokenID(n)
	if err != nil {
		return err
	}
	rows, entries := make([]store.Candidate, n), make([][]byte, 0, 2*n)
	for i := range rows {
		t := token.Token{ID: first + token.ID(i), Kind: token.Hardware, Created: time.Now(),
			Identity: token.Identity{Type: "hotp", Manufacturer: "Acme", Serial: fmt.Sprintf("%09d", from+i),
				KeyID: fmt.Sprintf("%09d", from+i)},
			Spec:      token.Spec{Algorithm: token.HOTP, Hash: "SHA1", Digits: 6},
			Condition: token.Condition{Epoch: 1}}
		entries = append(entries, audit.Entry{Time: time.Now(), Action: audit.TokenStaged, Outcome: audit.Done,
			Origin: origin, Subject: audit.SubjectOf(t),
			After: append(audit.ConditionFields(t.Condition, ""), audit.Field{Name: "run", Value: run})}.Canonical())
		was := append(audit.FailureFields(t.Condition), audit.CounterFields(t.Condition)...)
		entries = append(entries, audit.Entry{Time: time.Now(), Action: audit.CodeVerified, Outcome: audit.Accepted,
			Origin: origin, Subject: audit.SubjectOf(t),
			Before: append(was, audit.Field{Name: "epoch", Value: int64(1)}),
			After: []audit.Field{{Name: "authentication", Value: true}, {Name: "drift", Value: int64(0)},
				{Name: "failures", Value: int64(0)}, {Name: "next", Value: uint64(1)}}}.Canonical())
		t.Condition.Next = 1
		rows[i] = store.Candidate{Token: t, Sealed: make([]byte, 60)}
	}
	_, err = tx.StageTokens(run, rows)
	return errors.Join(err, tx.AppendAudit(entries...))
}

func verify(ctx context.Context, dir string) error {
	db, l, err := open(ctx, dir)
	if err != nil {
		return err
	}
	began := time.Now()
	rep, err := l.Verify(ctx)
	if err != nil {
		return err
	}
	took := time.Since(began)
	if !rep.Whole() {
		return fmt.Errorf("it does not fit: %s %v", rep.Problem, rep.State.Findings)
	}
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return err
	}
	cpu := time.Duration(used.Utime.Nano() + used.Stime.Nano())
	fmt.Printf("%d entries, %d tokens: %.1f s, of a processor %.1f s; memory of the process at most %s\n", rep.Entries,
		rep.State.Tokens, took.Seconds(), cpu.Seconds(), peak())
	return db.Close()
}

// archived archives what stands before the one checkpoint that there is.
func archived(ctx context.Context, dir string) error {
	db, l, err := open(ctx, dir)
	if err != nil {
		return err
	}
	out, err := os.Create(filepath.Join(dir, "archive"))
	if err != nil {
		return err
	}
	before, began := time.Now(), time.Now()
	sum := sha256.New()
	if err := l.WriteArchive(ctx, before, io.MultiWriter(out, sum)); err != nil {
		return err
	}
	if err := errors.Join(out.Sync(), out.Close()); err != nil {
		return err
	}
	written := time.Since(began)
	info, err := os.Stat(out.Name())
	if err != nil {
		return err
	}
	file, err := os.Open(out.Name())
	if err != nil {
		return err
	}
	chain, err := archive.NewChain(l.VerifierKey())
	if err != nil {
		return err
	}
	a, err := chain.Take(file)
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	checked := time.Since(began)
	removal := ledger.Removal{To: a.To, Before: before, File: archive.Sum(sum.Sum(nil))}
	if _, err := l.RemoveArchived(ctx, removal); err != nil {
		return err
	}
	fmt.Printf("archive of %d entries, %d MB: written in %.1f s, checked in %.1f s, removed in %.1f s; memory of the "+
		"process at most %s\n", a.To-a.From, info.Size()>>20, written.Seconds(), (checked - written).Seconds(),
		(time.Since(began) - checked).Seconds(), peak())
	return db.Close()
}

// peak is the most memory that the process had (Linux).
func peak() string {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		return "unknown"
	}
	defer func() { _ = f.Close() }()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "VmHWM:"); ok {
			return strings.Join(strings.Fields(rest), " ")
		}
	}
	return "unknown"
}
