package pskc

import (
	"errors"
	"io"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"ostiary/pskc/charset"
)

// input stands between the file and the scanner, which knows UTF-8 alone. A
// file in UTF-16, or in a single-byte encoding that it declares, is turned into
// UTF-8 as it is read, a window at a time; any other is passed on untouched.
type input struct {
	src  io.Reader
	read int64 // bytes of the file so far

	probed bool
	wide   bool // the file is in UTF-16
	little bool // its low bytes come first
	narrow bool // the file is in single
	single charset.Encoding
	raw    []byte
	rawEnd int    // raw[:rawEnd] is read and not passed on
	out    []byte // converted and not passed on
	buf    []byte // what out is a part of
	err    error  // of src, told once everything before it is passed on
}

const (
	// probeLen is how many bytes tell UTF-16 from UTF-8: a mark, or a first
	// character, which in XML is ASCII.
	probeLen = 2
	// declLen is how many bytes may come before the end of an XML declaration.
	declLen = 1 << 10
)

func newInput(r io.Reader) *input { return &input{src: r, raw: make([]byte, declLen)} }

// converts tells whether the scanner sees other bytes than the file has.
func (in *input) converts() bool { return in.wide || in.narrow }

// encodingName tells whether the XML declaration may name this encoding.
func (in *input) encodingName(name string) bool {
	if in != nil && in.narrow {
		return in.single.Is(name)
	}
	if in == nil || !in.wide {
		return strings.EqualFold(name, "UTF-8")
	}
	order := "UTF-16BE"
	if in.little {
		order = "UTF-16LE"
	}
	return strings.EqualFold(name, "UTF-16") || strings.EqualFold(name, order)
}

// Read gives the file in UTF-8.
func (in *input) Read(b []byte) (int, error) {
	for !in.probed {
		if before := in.rawEnd; !in.probe() && in.rawEnd == before {
			return 0, nil
		}
	}
	if !in.converts() {
		if in.rawEnd > 0 {
			n := copy(b, in.raw[:in.rawEnd])
			in.rawEnd = copy(in.raw, in.raw[n:in.rawEnd])
			return n, nil
		}
		if in.err != nil {
			return 0, in.err
		}
		n, err := in.src.Read(b)
		in.read += int64(n)
		return n, err
	}
	if len(in.out) == 0 {
		if in.err != nil {
			return 0, in.end()
		}
		in.fill()
		in.convert()
	}
	n := copy(b, in.out)
	in.out = in.out[n:]
	return n, nil
}

// fill reads on from the source, after what is left in raw.
func (in *input) fill() {
	n, err := in.src.Read(in.raw[in.rawEnd:])
	in.rawEnd += n
	in.read += int64(n)
	in.err = err
}

// probe looks at the first bytes. It reports false if it wants to be asked
// again, so that a source which gives nothing is noticed as everywhere else.
func (in *input) probe() bool {
	in.fill()
	if in.rawEnd < probeLen && in.err == nil {
		return false
	}
	if in.rawEnd < probeLen {
		in.probed = true
		return true
	}
	a, b := in.raw[0], in.raw[1]
	marked := false
	switch {
	case a == 0xff && b == 0xfe:
		in.wide, in.little, marked = true, true, true
	case a == 0xfe && b == 0xff:
		in.wide, marked = true, true
	case a != 0 && a < utf8.RuneSelf && b == 0:
		in.wide, in.little = true, true
	case a == 0 && b != 0 && b < utf8.RuneSelf:
		in.wide = true
	}
	if !in.wide {
		single, narrow, sure := charset.Declared(in.raw[:in.rawEnd])
		if !sure && in.err == nil && in.rawEnd < len(in.raw) {
			return false
		}
		in.single, in.narrow = single, narrow
	}
	in.probed = true
	if in.converts() {
		first := in.raw[:in.rawEnd]
		if marked {
			first = first[probeLen:]
		}
		in.raw = make([]byte, windowSize)
		in.rawEnd = copy(in.raw, first)
	}
	return true
}

// convert turns the whole characters of raw into UTF-8 and keeps the rest.
func (in *input) convert() {
	if in.narrow {
		var ok bool
		if in.out, ok = in.single.Append(in.buf[:0], in.raw[:in.rawEnd]); !ok {
			in.err = &fault{kind: ErrMalformed, text: "a byte that stands for nothing in the declared encoding"}
		}
		in.buf, in.rawEnd = in.out, 0
		return
	}
	unit := func(i int) rune {
		if in.little {
			return rune(in.raw[i]) | rune(in.raw[i+1])<<8
		}
		return rune(in.raw[i])<<8 | rune(in.raw[i+1])
	}
	in.buf = in.buf[:0]
	i := 0
	for ; i+2 <= in.rawEnd; i += 2 {
		r := unit(i)
		if utf16.IsSurrogate(r) {
			if i+4 > in.rawEnd {
				break
			}
			if r = utf16.DecodeRune(r, unit(i+2)); r == utf8.RuneError {
				in.err = notUTF16()
				break
			}
			i += 2
		}
		in.buf = utf8.AppendRune(in.buf, r)
	}
	in.rawEnd = copy(in.raw, in.raw[i:in.rawEnd])
	in.out = in.buf
}

// end is the error at the end of the source. Half a character is none.
func (in *input) end() error {
	if errors.Is(in.err, io.EOF) && in.rawEnd > 0 {
		return notUTF16()
	}
	return in.err
}

func notUTF16() error { return &fault{kind: ErrMalformed, text: "bytes that are not UTF-16"} }
