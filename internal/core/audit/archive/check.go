package archive

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"time"

	"ostiary/internal/core/audit"
)

// Archive is a file that was checked.
type Archive struct {
	Header
	Sums
	Until time.Time // of its checkpoint: the entries are older
}

// Chain checks files that follow each other, and checkpoints that were signed over
// their entries.
type Chain struct {
	key   string
	notes []audit.Checkpoint
	met   []bool
	last  *Archive
	end   audit.Frontier // of the last file
}

// NewChain begins a chain of files that are signed under a verifier key. The error is
// for a checkpoint that is not.
func NewChain(verifierKey string, checkpoints ...string) (*Chain, error) {
	c := &Chain{key: verifierKey, met: make([]bool, len(checkpoints))}
	for i, text := range checkpoints {
		n, err := audit.OpenCheckpoint(text, verifierKey)
		if err != nil {
			return nil, fmt.Errorf("checkpoint %d of those given: %w", i+1, err)
		}
		c.notes = append(c.notes, n)
	}
	return c, nil
}

// Unmet gives the places of the checkpoints that no file has covered.
func (c *Chain) Unmet() (all []int) {
	for i, met := range c.met {
		if !met {
			all = append(all, i)
		}
	}
	return all
}

const (
	maxLine = 256 << 20
	maxNote = 4096
)

var errCut = errors.New("the file is cut off")

// ErrForeign says that a file is none that this program checks: nothing is known of the log.
var ErrForeign = errors.New("it does not begin with the line \"" + first + "\"")

// lines are a file being read.
type lines struct {
	*bufio.Scanner
	all hash.Hash
}

func newLines(r io.Reader) *lines {
	l := &lines{bufio.NewScanner(r), sha256.New()}
	l.Buffer(make([]byte, 1<<16), maxLine)
	l.Split(func(data []byte, atEOF bool) (int, []byte, error) {
		if i := bytes.IndexByte(data, '\n'); i >= 0 {
			return i + 1, data[:i], nil
		}
		if atEOF && len(data) > 0 {
			return 0, nil, errCut
		}
		return 0, nil, nil
	})
	return l
}

// next gives the next line, which is good until the one after it.
func (l *lines) next() ([]byte, error) {
	if !l.Scan() {
		err := l.Err()
		if err == nil {
			err = errCut
		}
		return nil, err
	}
	l.all.Write(l.Bytes())
	l.all.Write([]byte{'\n'})
	return l.Bytes(), nil
}

// begin reads the first line.
func (l *lines) begin() error {
	line, err := l.next()
	if errors.Is(err, errCut) || errors.Is(err, bufio.ErrTooLong) || err == nil && string(line) != first {
		return ErrForeign
	}
	return err
}

// Take checks the next file: its form, every entry against the checkpoint at its end,
// its signature, that it begins where the last one ended, and the checkpoints given.
// The error says what does not fit; it is ErrForeign for a file that is no archive.
func (c *Chain) Take(r io.Reader) (a Archive, err error) {
	in := newLines(r)
	if err := in.begin(); err != nil {
		return a, err
	}
	head, err := in.next()
	if err != nil {
		return a, err
	}
	if a.Header, err = parseHeader(head); err != nil {
		return a, err
	}
	if err := c.joins(&a.Header); err != nil {
		return a, err
	}
	end, err := c.entries(in, &a)
	if err != nil {
		return a, err
	}
	if err := a.sealed(in, c.key); err != nil {
		return a, err
	}
	c.last, c.end = &a, *end
	return a, nil
}

// joins checks that a file begins where the last one ended.
func (c *Chain) joins(h *Header) error {
	if c.last == nil {
		return nil
	}
	switch {
	case h.Genesis != c.last.Genesis:
		return errors.New("it belongs to another database than the file before it")
	case h.From != c.last.To:
		return fmt.Errorf("it begins with entry %d, but the file before it ends with entry %d", h.From, c.last.To-1)
	case h.Frontier.Root() != c.end.Root() || h.State != c.last.Sums.State:
		return errors.New("it does not continue the file before it: that file has changed since this one was written")
	}
	return nil
}

// entries recomputes the tree over the entries and gives its end.
func (c *Chain) entries(in *lines, a *Archive) (*audit.Frontier, error) {
	f := a.Frontier.Clone()
	check := func() error {
		for i, n := range c.notes {
			if n.Size != f.Size() {
				continue
			}
			if c.met[i] = true; n.Root != f.Root() {
				return fmt.Errorf("the first %d entries do not match the checkpoint of %s: an entry among "+
					"them was changed, added or removed", n.Size, n.Time.Format(time.RFC3339))
			}
		}
		return nil
	}
	sizes := map[int64]bool{}
	for _, n := range c.notes {
		sizes[n.Size] = true
	}
	for {
		if sizes[f.Size()] {
			if err := check(); err != nil {
				return nil, err
			}
		}
		if f.Size() == a.To {
			break
		}
		entry, err := in.next()
		if err != nil {
			return nil, err
		}
		f.Append(entry)
	}
	signed, err := audit.OpenCheckpoint(a.Note, c.key)
	if err != nil {
		return nil, err
	}
	a.Until = signed.Time
	if signed.Size != a.To || signed.Root != f.Root() {
		return nil, fmt.Errorf("the entries do not match the checkpoint at their end: an entry was " +
			"changed, added or removed")
	}
	return f, nil
}

// sealed reads the state and checks the signature.
func (a *Archive) sealed(in *lines, key string) error {
	state := sha256.New()
	for {
		line, err := in.next()
		if err != nil {
			return err
		}
		if len(line) == 0 {
			break
		}
		a.Lines++
		state.Write(line)
		state.Write([]byte{'\n'})
	}
	a.Sums.State = Sum(state.Sum(nil))
	content := Sum(in.all.Sum(nil))
	var note []byte
	for in.Scan() {
		note = append(append(note, in.Bytes()...), '\n')
		if len(note) > maxNote {
			return errors.New("there is more data after the signature")
		}
	}
	if err := in.Err(); err != nil {
		return err
	}
	signed, err := audit.Attested(string(note), key, subject, 3)
	if err != nil {
		return err
	}
	if !slices.Equal(signed, attested(a.From, a.To, content, a.Sums.State)) {
		return errors.New("the file is not the one that was signed: a line of it was changed")
	}
	in.all.Write(note)
	a.File = Sum(in.all.Sum(nil))
	return nil
}
