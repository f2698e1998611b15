package pskc

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// maxHeld bounds what of a package, in bytes, may come before it is known
// whether it is kept.
const maxHeld = 1 << 20

// Remainder copies a key file from r to w with only those packages that hold a
// key for which keep says true. It needs no key of the file: what is copied stays
// byte for byte as it was, and is read with the passphrase or key of the whole.
// Only if no value is left that verifies, that key can no more be told from a wrong one.
//
// keep is asked once for each n, counted from 0, that [Reader.Next] would answer
// with a key or a [*KeyError]; so a package without a Key counts as one. A package
// with several keys is copied whole if one of them is kept. kept is how many
// answers the copy will give; a copy of none is no key file.
//
// An XML signature and a MAC over the whole file are left out, as they can hold no
// more. What had such a MAC is then read with [Options.AllowPart]. UTF-16, and what was
// declared otherwise, comes out as UTF-8.
//
// The file is read as far as that takes, within the default [Limits]; a package of
// which one mebibyte has come without a key to be kept is [ErrLimit]. After an
// error what was written is no key file.
func Remainder(w io.Writer, r io.Reader, keep func(n int) bool) (kept int, err error) {
	if w == nil || r == nil || keep == nil {
		return 0, errors.New("pskc: no input, no output, or nothing to keep")
	}
	opt, err := Options{}.withDefaults()
	if err != nil {
		return 0, err
	}
	c := &copier{p: newParser(r, opt), out: bufio.NewWriter(w), keep: keep}
	c.p.s.tap, c.p.s.redeclare = c, true
	if err := c.copy(); err != nil {
		return 0, err
	}
	if err := c.out.Flush(); err != nil {
		return 0, fmt.Errorf("pskc: write: %w", err)
	}
	return c.kept, nil
}

// copier is a copy under way. The scanner gives it every byte that it has passed.
type copier struct {
	p    *parser
	out  *bufio.Writer
	keep func(n int) bool

	mode copyMode
	held []byte
	long bool // there was more to hold than may be

	inPackage bool
	first     int // answers before this package
	answers   int // so far
	kept      int
}

// copyMode is what happens to bytes.
type copyMode byte

const (
	copying copyMode = iota
	holding          // until it is known
	dropping
)

// Write takes what the scanner has passed.
func (c *copier) Write(b []byte) (int, error) {
	switch {
	case c.mode == copying:
		_, _ = c.out.Write(b) // Flush tells what went wrong
	case c.mode == holding && len(c.held)+len(b) > maxHeld:
		c.long = true
	case c.mode == holding:
		c.held = append(c.held, b...)
	}
	return len(b), nil
}

// release copies what was held.
func (c *copier) release() {
	c.mode = copying
	_, _ = c.Write(c.held)
	c.held = c.held[:0]
}

func (c *copier) copy() error {
	s := c.p.s
	if err := c.p.root(); err != nil {
		return err
	}
	for {
		s.give(s.pos)
		s.discard = len(s.open) > 0
		ev, err := s.next()
		if err != nil {
			return err
		}
		s.give(s.tagStart())
		if c.long {
			return s.fail(ErrLimit, "a package of more than %d bytes before a key that is kept", maxHeld)
		}
		switch depth := len(s.open); {
		case ev == evEOF:
			s.give(s.pos)
			return nil
		case ev == evStart && depth == 2:
			c.enter(s.name)
		case ev == evStart && depth == 3:
			err = c.child(s.name)
		case ev == evEnd && depth == 1:
			s.give(s.pos)
			err = c.leave()
		}
		if err != nil {
			return err
		}
	}
}

// enter begins a child of the container.
func (c *copier) enter(n xname) {
	switch {
	case isPackage(n):
		c.inPackage, c.first, c.mode = true, c.answers, holding
	case isSignature(n):
		c.mode = dropping
	case n.ns == nsPSKC && n.local == "Extensions":
		c.mode = holding
	}
}

// child begins a child of one of those.
func (c *copier) child(n xname) error {
	switch {
	case c.inPackage && c.p.isKey(n):
		return c.answer()
	case c.inPackage || c.mode != holding:
	case n.ns == nsOwn:
		c.mode, c.held = dropping, c.held[:0]
	default:
		c.release()
	}
	return nil
}

// answer is where a Reader would answer.
func (c *copier) answer() error {
	n := c.answers
	if c.answers++; c.answers > c.p.opt.Limits.Keys {
		return c.p.fatal(ErrLimit, "the file holds more than %d keys", c.p.opt.Limits.Keys)
	}
	if c.keep(n) && c.mode == holding {
		c.release()
	}
	return nil
}

// leave ends a child of the container.
func (c *copier) leave() error {
	if c.inPackage {
		if c.answers == c.first {
			if err := c.answer(); err != nil {
				return err
			}
		}
		if c.mode == copying {
			c.kept += c.answers - c.first
		}
	} else if c.mode == holding {
		c.release()
	}
	c.inPackage, c.mode, c.held = false, copying, c.held[:0]
	return nil
}
