// Package archive is the file in which entries of the audit log leave the database:
// how it is written, and how it is checked without one.
//
// A file is text, in lines that end with a line feed:
//
//	ostiary archive 1
//	{"genesis":…,"from":…,"to":…,"frontier":…,"state":…,"checkpoint":…}
//	the entries from place from to before place to, in their stored form, one a line
//	the state behind them, one a line (package derive)
//	an empty line
//	ostiary archive/NAME
//	FROM TO
//	SHA-256 of all before this note, in hexadecimal
//	SHA-256 of the lines of the state, in hexadecimal
//
//	— NAME SIGNATURE
//
// In the second line genesis names the database (hexadecimal), frontier is that of the
// entries before from (base64), state is the SHA-256 of the state there (hexadecimal;
// empty at place 0), and checkpoint is the note that was signed over to entries. The
// end is a signed note (golang.org/x/mod/sumdb/note) by the key that signs checkpoints.
package archive

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"

	"ostiary/internal/core/audit"
)

const (
	first   = "ostiary archive 1"
	subject = "archive"
)

// Sum is a SHA-256.
type Sum [sha256.Size]byte

// String gives it in hexadecimal.
func (s Sum) String() string { return hex.EncodeToString(s[:]) }

// Header says of what a file is.
type Header struct {
	Genesis  [16]byte       // of the database; zeros of one without
	From, To int64          // places of entries: To is the first that is not in the file
	Frontier audit.Frontier // of the entries before From
	State    Sum            // of the state at From; zeros at place 0
	Note     string         // the checkpoint of To entries
}

type headerJSON struct {
	Genesis    string `json:"genesis"`
	From       int64  `json:"from"`
	To         int64  `json:"to"`
	Frontier   string `json:"frontier"`
	State      string `json:"state"`
	Checkpoint string `json:"checkpoint"`
}

func (h Header) line() ([]byte, error) {
	frontier, err := h.Frontier.AppendBinary(nil)
	if err != nil {
		return nil, err
	}
	out := headerJSON{Genesis: hex.EncodeToString(h.Genesis[:]), From: h.From, To: h.To,
		Frontier: base64.StdEncoding.EncodeToString(frontier), Checkpoint: h.Note}
	if h.From > 0 {
		out.State = h.State.String()
	}
	return json.Marshal(out)
}

func parseHeader(line []byte) (h Header, err error) {
	var in headerJSON
	bad := errors.New("the second line is not the header of an archive")
	if json.Unmarshal(line, &in) != nil || in.From < 0 || in.To <= in.From {
		return h, bad
	}
	h.From, h.To, h.Note = in.From, in.To, in.Checkpoint
	genesis, gerr := hex.DecodeString(in.Genesis)
	frontier, ferr := base64.StdEncoding.DecodeString(in.Frontier)
	state, serr := hex.DecodeString(in.State)
	if errors.Join(gerr, ferr, serr, h.Frontier.UnmarshalBinary(frontier)) != nil || len(genesis) != len(h.Genesis) ||
		h.Frontier.Size() != h.From || in.From > 0 && len(state) != len(h.State) || in.From == 0 && len(state) > 0 {
		return h, bad
	}
	copy(h.Genesis[:], genesis)
	copy(h.State[:], state)
	return h, nil
}

// Sums are what a file is known by.
type Sums struct {
	Lines int64 // of the state
	State Sum   // of these lines, each with a line feed behind it
	File  Sum   // of the whole file
}

// Writer writes a file.
type Writer struct {
	out   *bufio.Writer
	head  Header
	all   hash.Hash
	state hash.Hash
	lines int64
	left  int64 // entries that are still to come
}

// NewWriter begins a file. What is written is whole when Sign has returned.
func NewWriter(out io.Writer, h Header) (*Writer, error) {
	w := &Writer{out: bufio.NewWriterSize(out, 1<<16), head: h, all: sha256.New(), state: sha256.New(),
		left: h.To - h.From}
	line, err := h.line()
	if err != nil {
		return nil, err
	}
	return w, errors.Join(w.line([]byte(first)), w.line(line))
}

func (w *Writer) line(b []byte) error {
	w.all.Write(b)
	w.all.Write([]byte{'\n'})
	if _, err := w.out.Write(b); err != nil {
		return err
	}
	return w.out.WriteByte('\n')
}

// Entry writes the next entry.
func (w *Writer) Entry(entry []byte) error {
	if w.left == 0 || len(entry) == 0 || bytes.IndexByte(entry, '\n') >= 0 {
		return errors.New("an entry that does not belong in the archive, or is not one line")
	}
	w.left--
	return w.line(entry)
}

// Line writes the next line of the state, when all entries are written.
func (w *Writer) Line(b []byte) error {
	if w.left > 0 || len(b) == 0 || bytes.IndexByte(b, '\n') >= 0 {
		return errors.New("a line of the state that does not belong in the archive")
	}
	w.lines++
	w.state.Write(b)
	w.state.Write([]byte{'\n'})
	return w.line(b)
}

// Sign ends the file.
func (w *Writer) Sign(s *audit.Signer) (sums Sums, err error) {
	if w.left > 0 {
		return sums, fmt.Errorf("entries are missing in the archive: %d", w.left)
	}
	if err := w.line(nil); err != nil {
		return sums, err
	}
	sums.Lines, sums.State = w.lines, Sum(w.state.Sum(nil))
	note, err := s.Attest(subject, attested(w.head.From, w.head.To, Sum(w.all.Sum(nil)), sums.State)...)
	if err != nil {
		return sums, err
	}
	w.all.Write([]byte(note))
	sums.File = Sum(w.all.Sum(nil))
	_, err = w.out.WriteString(note)
	return sums, errors.Join(err, w.out.Flush())
}

// attested are the lines that are signed.
func attested(from, to int64, content, state Sum) []string {
	return []string{fmt.Sprint(from, " ", to), content.String(), state.String()}
}
