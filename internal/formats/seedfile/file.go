package seedfile

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"ostiary/oath"
	"ostiary/pskc"
)

// File is an opened seed file. Next makes it a source of keys in the manner of
// pskc.Reader. It is not safe for concurrent use.
type File struct {
	job
	entries parser
	pending []answer // of the entry that was read last
}

// Info is what is known of a file before its keys are taken.
type Info struct {
	Format Format
	// Encoding is how the secrets are written and EncodingReason why that was
	// taken. Both are empty where the format leaves no choice.
	Encoding       Encoding
	EncodingReason string
	// Keys and Refused count the answers of Next by their kind.
	Keys, Refused int
	// Sample is a code of the first key, or nil.
	Sample *Sample
	// Notes are what a person should know before importing, as sentences.
	Notes []string
}

// Sample is a code to be compared with the one that the device shows. It is a
// valid code of the token: show it to who may import only.
type Sample struct {
	Serial  string
	Kind    pskc.Kind
	Code    string
	Counter uint64    // of a HOTP key: the counter that the file states, else 0
	Time    time.Time // of a TOTP key: Options.Now
}

// parser goes through the entries of a file.
type parser interface {
	// next gives the next entry, io.EOF at the proper end, or an *Error, which is
	// final.
	next() (entry, error)
	// rewind goes back before the first entry.
	rewind()
}

// entry is one row, line or element of a file, and what Next answers for it: at
// least one answer.
type entry struct {
	from, to int // where it stands in job.data
	answers  []answer
	// part gives the text of an entry of several answers with those that are
	// kept alone.
	part func(keep []bool) []byte
	// fence goes behind the entry where what followed it is left out, and could
	// otherwise be taken for its end.
	fence string
}

// answer is a key, or why there is none.
type answer struct {
	key *pskc.Key
	bad *pskc.KeyError
}

// verdict is the answer for a key, if there is nothing wrong with it.
func verdict(k *pskc.Key, why string) answer {
	if why == "" {
		return answer{key: k}
	}
	clear(k.Secret)
	return answer{bad: &pskc.KeyError{ID: k.ID, Serial: k.Serial, Manufacturer: k.Manufacturer, Line: k.Line,
		Reason: why}}
}

// wipe clears the secrets of keys that nobody takes.
func wipe(answers []answer) {
	for _, a := range answers {
		if a.key != nil {
			clear(a.key.Secret)
		}
	}
}

// job is what the parsers share.
type job struct {
	data     []byte // in UTF-8
	charset  encoded
	opt      Options
	info     Info
	counting bool // in the first pass, which collects info
	preface  preface
}

// preface is what a remainder needs before its entries and the file has not, such
// as titles.
type preface struct {
	at   int // where it goes
	text string
}

// note adds a sentence to the notes, once.
func (j *job) note(format string, args ...any) {
	if s := fmt.Sprintf(format, args...); j.counting && len(j.info.Notes) < 100 && !slices.Contains(j.info.Notes, s) {
		j.info.Notes = append(j.info.Notes, s)
	}
}

// Open reads a file and checks it as a whole. What it gives must be closed.
func Open(r io.Reader, opt Options) (*File, error) {
	if err := opt.check(); err != nil {
		return nil, err
	}
	data, err := readAll(r)
	if err != nil {
		return nil, err
	}
	f := &File{job: job{data: data, opt: opt, counting: true}}
	if err := f.open(); err != nil {
		f.Close()
		var e *Error
		if errors.As(err, &e) && e.Format == "" {
			e.Format = f.info.Format
		}
		return nil, err
	}
	return f, nil
}

func readAll(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxBytes+1))
	if err == nil && len(data) > MaxBytes {
		err = &Error{Err: ErrLimit, Text: fmt.Sprintf("the file is larger than %d bytes", MaxBytes),
			Hint: "Import it in parts."}
	}
	if err != nil {
		clear(data)
		return nil, err
	}
	return data, nil
}

func (f *File) open() error {
	format := f.opt.Format
	if format == "" {
		format = Detect(f.data)
	}
	f.info.Format = format
	f.charset = charsetOf(f.data)
	text := f.charset.decode(f.data, false)
	if f.charset.charset > markedUTF8 {
		clear(f.data) // text is a copy
	}
	f.data = text
	open, err := f.opener(format)
	if err != nil {
		return err
	}
	if f.entries, err = open(&f.job); err != nil {
		return err
	}
	if err := f.count(); err != nil {
		return err
	}
	f.counting = false
	f.entries.rewind()
	return nil
}

// opener finds who reads a format, or says why there is nobody.
func (f *File) opener(name Format) (func(*job) (parser, error), error) {
	if x := find(name); x != nil {
		return x.open, nil
	}
	if x, ok := foreign[name]; ok {
		return nil, &Error{Err: ErrUnreadable, Text: "the file is " + x.what, Hint: x.hint}
	}
	if name == "" {
		return nil, f.unknown()
	}
	return nil, &Error{Err: ErrOptions, Text: "there is no format " + quote(string(name)),
		Hint: "The formats: " + FormatNames() + "."}
}

// unknown says as much as is known of a file whose content is not recognised.
func (f *File) unknown() error {
	if guess := byEnding(f.opt.Name); guess != "" {
		x := foreign[guess]
		f.info.Format = guess
		return &Error{Err: ErrUnreadable, Text: "by its name the file is " + x.what, Hint: x.hint}
	}
	e := &Error{Err: ErrUnknown, Hint: "Name the format if you know it (--format). " + askPSKC}
	switch head := f.data[:min(len(f.data), HeadBytes)]; {
	case len(head) > 0 && head[0] == '<':
		if root := readHead(head).root; root != "" {
			e.Text = "the file is XML with the outermost element " + quote(root) + ", which is not known"
		}
	case slices.Contains(head, 0):
		e.Text = "the file is binary and in an unknown format; it may be encrypted"
	}
	return e
}

// count goes through the file once, for the info.
func (f *File) count() error {
	for {
		e, err := f.entries.next()
		if err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		for _, a := range e.answers {
			if a.bad != nil {
				f.info.Refused++
			} else if f.info.Keys++; f.info.Sample == nil {
				f.info.Sample = sample(a.key, f.opt.Now)
			}
		}
		wipe(e.answers)
		if f.info.Keys+f.info.Refused > MaxKeys {
			return &Error{Err: ErrLimit, Text: fmt.Sprintf("the file has more than %d entries", MaxKeys),
				Hint: "Import it in parts."}
		}
	}
}

// sample computes a code, or gives nil if that needs a time and there is none.
func sample(k *pskc.Key, now time.Time) *Sample {
	s := &Sample{Serial: k.Serial, Kind: k.Kind}
	h, err := oath.ParseHash(k.Hash)
	if err != nil {
		return nil
	}
	switch {
	case k.Kind == pskc.HOTP:
		s.Counter = k.Counter
		s.Code, err = oath.HOTP(k.Secret, k.Counter, h, k.Digits())
	case now.IsZero():
		return nil
	default:
		s.Time = now
		s.Code, err = oath.TOTP(k.Secret, now.Unix(), int64(k.Period()/time.Second), 0, h, k.Digits())
	}
	if err != nil {
		return nil
	}
	return s
}

// Info tells about the file.
func (f *File) Info() Info {
	i := f.info
	i.Notes = slices.Clone(i.Notes)
	return i
}

// Next gives the next key, whose secret is the caller's. A [*pskc.KeyError]
// refuses this one entry and reading may go on; io.EOF is the proper end.
func (f *File) Next() (*pskc.Key, error) {
	if f.entries == nil {
		return nil, errors.New("seedfile: the file is closed")
	}
	if len(f.pending) == 0 {
		e, err := f.entries.next()
		if err != nil {
			return nil, err
		}
		f.pending = e.answers
	}
	a := f.pending[0]
	if f.pending = f.pending[1:]; a.bad != nil {
		return nil, a.bad
	}
	return a.key, nil
}

// Close overwrites what was read of the file.
func (f *File) Close() error {
	clear(f.data)
	wipe(f.pending)
	f.data, f.entries, f.pending = nil, nil, nil
	return nil
}

// Format writes the type alone, whatever the verb: a File holds secrets.
func (File) Format(s fmt.State, _ rune) { io.WriteString(s, "seedfile.File") }
