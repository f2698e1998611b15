package audit

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
)

// Source is the log as the database holds it.
type Source interface {
	// Each calls fn for every stored entry in order, with its place from 0.
	Each(fn func(seq int64, entry []byte) error) error
	// Head is the tree head the database keeps.
	Head() (*Frontier, error)
	// Notes gives all signed checkpoints, oldest first.
	Notes() ([]string, error)
}

// Report is the result of Verify.
type Report struct {
	Entries     int64
	Checkpoints int
	Root        string // base64
	// Problem says what does not fit and where; empty if all does.
	Problem string
}

// Verify recomputes the whole log: every leaf from the stored bytes, the root
// at every checkpoint and its signature, and the head. extra are checkpoints
// kept elsewhere, which must fit as well. The error is for a log that cannot be
// read; what does not fit is in the Report.
func Verify(src Source, verifierKey string, extra ...string) (Report, error) {
	var rep Report
	head, err := src.Head()
	if err != nil {
		return rep, err
	}
	notes, err := src.Notes()
	if err != nil {
		return rep, err
	}
	due, problem := openAll(append(notes, extra...), verifierKey)
	if problem != "" {
		rep.Problem = problem
		return rep, nil
	}
	var f Frontier
	var p Parser     // what it reads is JSON (FuzzParse), and it tells in half the time
	fits := int64(0) // the size of the last checkpoint that fits
	check := func() {
		for _, c := range due[f.Size()] {
			if c.Root != f.Root() && rep.Problem == "" {
				rep.Problem = fmt.Sprintf("the first %d entries do not have the root of the checkpoint of %s: between "+
					"entries %d and %d one was changed, added or removed", c.Size, c.Time.Format("2006-01-02T15:04:05Z"),
					fits, c.Size-1)
			}
			fits = c.Size
		}
		rep.Checkpoints += len(due[f.Size()])
		delete(due, f.Size())
	}
	check()
	err = src.Each(func(seq int64, entry []byte) error {
		if seq != f.Size() && rep.Problem == "" {
			rep.Problem = fmt.Sprintf("entry %d is missing", f.Size())
		}
		if _, err := p.Parse(entry); err != nil && !json.Valid(entry) && rep.Problem == "" {
			rep.Problem = fmt.Sprintf("entry %d is not JSON", seq)
		}
		f.Append(entry)
		check()
		return nil
	})
	if err != nil {
		return rep, err
	}
	root := f.Root()
	rep.Entries, rep.Root = f.Size(), base64.StdEncoding.EncodeToString(root[:])
	switch {
	case rep.Problem != "":
	case len(due) > 0:
		rep.Problem = fmt.Sprintf("the log has %d entries, but a checkpoint was signed over more: entries were "+
			"removed from its end", f.Size())
	case head.Size() != f.Size() || head.Root() != root:
		rep.Problem = fmt.Sprintf("the stored head (%d entries) is not that of the entries (%d): from entry %d "+
			"on, since the last checkpoint, entries were changed, added or removed", head.Size(), f.Size(), fits)
	}
	return rep, nil
}

// openAll checks the signatures and groups the checkpoints by size.
func openAll(notes []string, verifierKey string) (bySize map[int64][]Checkpoint, problem string) {
	bySize = map[int64][]Checkpoint{}
	for i, n := range notes {
		c, err := OpenCheckpoint(n, verifierKey)
		if err != nil {
			return nil, fmt.Sprintf("checkpoint %d: %v", i+1, err)
		}
		same := func(d Checkpoint) bool { return d.Root == c.Root && d.Time.Equal(c.Time) }
		if !slices.ContainsFunc(bySize[c.Size], same) { // also stored, or given twice
			bySize[c.Size] = append(bySize[c.Size], c)
		}
	}
	return bySize, ""
}
