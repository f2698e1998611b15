package seedfile

import (
	"bufio"
	"encoding/binary"
	"io"
	"slices"
	"unicode/utf16"
	"unicode/utf8"
)

// Remainder writes a file of the same format that holds only those entries of r
// for which keep says true, so that they can be mended and imported again. n
// counts the answers of [File.Next] from 0, refused ones too; kept is how many
// were kept.
//
// Entries stand as they stood, and so does what is around them: titles, headers,
// comments, the character set. Of an entry with several keys, a SafeNet token or
// a migration URI, the others are taken out. What the rows of a table said
// together is said in a line at its start, and a table without titles gets some.
// Read with the same options, the remainder gives the same answers, save for
// lines and what is counted by them.
//
// The error is that of [Open] or of w. A PSKC file gives [ErrPSKC].
func Remainder(w io.Writer, r io.Reader, opt Options, keep func(n int) bool) (kept int, err error) {
	f, err := Open(r, opt)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	out := &rewriter{w: bufio.NewWriter(w), charset: f.charset}
	out.w.WriteString(marks[f.charset.charset]) // an error stays until Flush
	out.write(f.data[:f.preface.at])
	out.write([]byte(f.preface.text))
	at := f.preface.at // what is before is written
	fence := ""
	for n := 0; ; {
		e, err := f.entries.next()
		if err == io.EOF {
			break
		} else if err != nil {
			return 0, err
		}
		wipe(e.answers)
		keeps := make([]bool, len(e.answers))
		for i := range keeps {
			if keeps[i] = keep(n); keeps[i] {
				kept++
			}
			n++
		}
		out.write(f.data[at:e.from])
		at = e.to
		switch {
		case !slices.Contains(keeps, true):
			out.write([]byte(fence))
			fence = ""
			continue
		case slices.Contains(keeps, false):
			part := e.part(keeps)
			out.write(part)
			clear(part)
		default:
			out.write(f.data[e.from:e.to])
		}
		fence = e.fence
	}
	out.write(f.data[at:])
	return kept, out.w.Flush()
}

// rewriter writes text as its file was written.
type rewriter struct {
	w       *bufio.Writer
	charset encoded
}

func (r *rewriter) write(text []byte) {
	if r.charset.charset <= markedUTF8 {
		r.w.Write(text)
		return
	}
	var order binary.AppendByteOrder = binary.LittleEndian
	if r.charset.charset == utf16BE {
		order = binary.BigEndian
	}
	for len(text) > 0 {
		c, n := utf8.DecodeRune(text)
		text = text[n:]
		if r.charset.charset == singleByte {
			b, _ := r.charset.single.Byte(c) // it was read from one
			r.w.WriteByte(b)
			continue
		}
		for _, unit := range utf16.AppendRune(nil, c) {
			r.w.Write(order.AppendUint16(nil, unit))
		}
	}
}
