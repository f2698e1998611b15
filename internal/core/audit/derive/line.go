package derive

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
)

// A line of the state: fields between tabs, the first of which says of what it is. In
// a field, a backslash, tab, line feed and carriage return stand as \\, \t, \n and \r.
type line []byte

func lineOf(kind string) line { return append(make(line, 0, 160), kind...) }

func (l line) text(s string) line {
	l = append(l, '\t')
	if !strings.ContainsAny(s, "\\\t\n\r") {
		return append(l, s...)
	}
	for i := range len(s) {
		switch c := s[i]; c {
		case '\\':
			l = append(l, '\\', '\\')
		case '\t':
			l = append(l, '\\', 't')
		case '\n':
			l = append(l, '\\', 'n')
		case '\r':
			l = append(l, '\\', 'r')
		default:
			l = append(l, c)
		}
	}
	return l
}

func (l line) number(n int64) line { return strconv.AppendInt(append(l, '\t'), n, 10) }

func (l line) count(n uint64) line { return strconv.AppendUint(append(l, '\t'), n, 10) }

func (l line) truth(b bool) line {
	if b {
		return append(l, '\t', '1')
	}
	return append(l, '\t', '0')
}

// fields reads a line. What is wrong with one is kept until done.
type fields struct {
	rest []byte
	more bool
	bad  bool
}

var errLine = errors.New("not a line of the state in a form that this program knows")

// readLine gives the kind of a line and its fields.
func readLine(b []byte) (kind string, f *fields) {
	f = &fields{rest: b, more: true}
	return string(f.raw()), f
}

func (f *fields) raw() []byte {
	if !f.more {
		f.bad = true
		return nil
	}
	field, rest, more := bytes.Cut(f.rest, []byte{'\t'})
	f.rest, f.more = rest, more
	return field
}

func (f *fields) text() []byte {
	field := f.raw()
	if bytes.IndexByte(field, '\\') < 0 {
		return field
	}
	out := make([]byte, 0, len(field))
	for i := 0; i < len(field); i++ {
		c := field[i]
		if c == '\\' {
			i++
			n := -1
			if i < len(field) {
				n = strings.IndexByte(`\tnr`, field[i])
			}
			if n < 0 {
				f.bad = true
				return nil
			}
			c = "\\\t\n\r"[n]
		}
		out = append(out, c)
	}
	return out
}

func (f *fields) number() int64 {
	n, err := strconv.ParseInt(string(f.raw()), 10, 64)
	f.bad = f.bad || err != nil
	return n
}

func (f *fields) small() int32 {
	n, err := strconv.ParseInt(string(f.raw()), 10, 32)
	f.bad = f.bad || err != nil
	return int32(n)
}

func (f *fields) count() uint64 {
	n, err := strconv.ParseUint(string(f.raw()), 10, 64)
	f.bad = f.bad || err != nil
	return n
}

func (f *fields) truth() bool {
	field := f.raw()
	f.bad = f.bad || string(field) != "0" && string(field) != "1"
	return string(field) == "1"
}

// done demands that all was read and nothing was wrong.
func (f *fields) done() error {
	if f.bad || f.more {
		return errLine
	}
	return nil
}
