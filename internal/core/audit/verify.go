package audit

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Source is the log as the database holds it.
type Source interface {
	// Seams gives the seams, oldest first; none of a log that is whole in the database.
	Seams() ([]Seam, error)
	// Each calls fn for every stored entry in order, from the last seam on, with its
	// place. parsed says that a Parser has read it.
	Each(fn func(seq int64, entry []byte, parsed bool) error) error
	// Head is the tree head the database keeps.
	Head() (*Frontier, error)
	// Notes gives all signed checkpoints, oldest first.
	Notes() ([]StoredNote, error)
}

// Report is the result of Verify.
type Report struct {
	Entries     int64 // those that were archived included
	First       int64 // place of the first entry that stands in the database
	Checkpoints int
	Root        string // base64
	// Archived are those of the extra checkpoints, by their places, which the database
	// says nothing of any more: the entries are archived that they were signed over.
	Archived []int
	// Problem says what does not fit and where; empty if all does.
	Problem string
}

// Verify recomputes the whole log: every leaf from the stored bytes, the root
// at every checkpoint and its signature, and the head. extra are checkpoints
// kept elsewhere, which must fit as well. The error is for a log that cannot be
// read; what does not fit is in the Report.
//
// Of a log whose first entries were archived, it begins with the frontier of the last
// seam, whose root was signed there. Checkpoints from before it are checked by their
// proofs, each seam among them, so that none is passed over.
func Verify(src Source, verifierKey string, extra ...string) (Report, error) {
	var rep Report
	head, err := src.Head()
	if err != nil {
		return rep, err
	}
	seams, err := src.Seams()
	if err != nil {
		return rep, err
	}
	notes, err := src.Notes()
	if err != nil {
		return rep, err
	}
	past, problem := openSeams(seams, verifierKey)
	v := verification{key: verifierKey, rep: &rep, past: past, due: map[int64][]Checkpoint{}}
	if problem != "" {
		rep.Problem = problem
		return rep, nil
	}
	if len(seams) > 0 {
		v.f = *seams[len(seams)-1].Frontier.Clone()
		rep.First, v.fits = v.f.Size(), v.f.Size()
	}
	if !v.open(notes, extra) {
		return rep, nil
	}
	v.check()
	err = src.Each(func(seq int64, entry []byte, parsed bool) error {
		if seq != v.f.Size() {
			v.problem("entry %d is missing", v.f.Size())
		}
		if !parsed && !json.Valid(entry) { // what a Parser reads is JSON (FuzzParse)
			v.problem("entry %d is not JSON", seq)
		}
		v.f.Append(entry)
		v.check()
		return nil
	})
	if err != nil {
		return rep, err
	}
	root := v.f.Root()
	rep.Entries, rep.Root = v.f.Size(), base64.StdEncoding.EncodeToString(root[:])
	switch {
	case len(v.due) > 0:
		v.problem("a checkpoint was signed over more entries than the log has (%d): entries were removed from its end",
			v.f.Size())
	case head.Size() != v.f.Size() || head.Root() != root:
		v.problem("the stored head (%d entries) does not match the entries (%d): from entry %d on, since the last "+
			"checkpoint, entries were changed, added or removed", head.Size(), v.f.Size(), v.fits)
	}
	return rep, nil
}

// verification is one under way.
type verification struct {
	key  string
	rep  *Report
	past past
	f    Frontier
	due  map[int64][]Checkpoint // by size, those that the tree has not reached
	fits int64                  // the size of the last checkpoint that was looked at
}

// problem takes note of the first thing that does not fit.
func (v *verification) problem(format string, args ...any) {
	if v.rep.Problem == "" {
		v.rep.Problem = fmt.Sprintf(format, args...)
	}
}

// wait has a checkpoint looked at when the tree reaches its size. One that is also
// stored, or given twice, counts once.
func (v *verification) wait(c Checkpoint) {
	same := func(d Checkpoint) bool { return d.Root == c.Root && d.Time.Equal(c.Time) }
	if !slices.ContainsFunc(v.due[c.Size], same) {
		v.due[c.Size] = append(v.due[c.Size], c)
	}
}

// check holds the tree as it is against the checkpoints of its size.
func (v *verification) check() {
	for _, c := range v.due[v.f.Size()] {
		if c.Root != v.f.Root() {
			v.problem("the first %d entries do not match the checkpoint of %s: between entries %d and %d an entry "+
				"was changed, added or removed", c.Size, c.Time.Format(time.RFC3339), v.fits, c.Size-1)
		}
		v.fits = c.Size
	}
	v.rep.Checkpoints += len(v.due[v.f.Size()])
	delete(v.due, v.f.Size())
}

// open checks the signatures, proves the checkpoints from before the seam, and groups
// the others by size. It reports false if they cannot all be read.
func (v *verification) open(notes []StoredNote, extra []string) bool {
	for i, n := range notes {
		c, err := OpenCheckpoint(n.Text, v.key)
		switch {
		case err != nil:
			v.problem("checkpoint %d: %v", i+1, err)
			return false
		case c.Size >= v.f.Size():
			v.wait(c)
		case n.Proof != nil:
			if err := v.past.proves(c, n.Proof); err != nil {
				v.problem("the log before the seam does not begin with the %d entries of the checkpoint of %s: %v", c.Size,
					c.Time.Format(time.RFC3339), err)
			}
			v.rep.Checkpoints++
		}
	}
	for i, text := range extra {
		c, err := OpenCheckpoint(text, v.key)
		root, proved := v.past.roots[c.Size]
		switch {
		case err != nil:
			v.problem("checkpoint %d: %v", len(notes)+i+1, err)
			return false
		case c.Size >= v.f.Size():
			v.wait(c)
		case !proved:
			v.rep.Archived = append(v.rep.Archived, i)
		case root != c.Root:
			v.problem("the first %d entries did not match the checkpoint of %s when they were archived",
				c.Size, c.Time.Format(time.RFC3339))
		}
	}
	for _, c := range v.past.seams[:max(0, len(v.past.seams)-1)] {
		if root, ok := v.past.roots[c.Size]; !ok || root != c.Root {
			v.problem("nothing proves that the seam at entry %d is before the next: its checkpoint is missing", c.Size)
		}
	}
	return true
}
