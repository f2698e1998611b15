package imports

import (
	"bufio"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"time"

	"ostiary/internal/core/fault"
	"ostiary/internal/formats/seedfile"
	"ostiary/pskc"
)

// FileOptions say how to read a seed file. The zero value recognises the format
// by the content.
type FileOptions struct {
	PSKC   pskc.Options     // for PSKC files
	Others seedfile.Options // for all others; its Format overrides for PSKC, too
	// Signers, when not nil, demands that a PSKC file is signed by one of them.
	Signers []*x509.Certificate
	// ShortSecrets takes secrets of at least 80 bits, where RFC 4226 (section 4, R6)
	// demands 128. It replaces MinSecret of PSKC and Others.
	ShortSecrets bool
	// LongSteps takes time steps of more than an hour.
	LongSteps bool
}

// Sample is a code of a file's first token, to be compared with the device.
type Sample struct {
	Serial  string
	Code    string
	Counter *uint64   // of a token that counts presses
	Time    time.Time // of one that counts time
}

// File is an opened seed file: a KeySource, and what is known of it.
type File struct {
	KeySource
	Format string
	// Notes are what a person should know before trusting the import: how the
	// secrets were taken to be written and why, what was assumed.
	Notes  []string
	Sample *Sample

	pskc   *pskc.Reader      // nil for other formats
	signer *x509.Certificate // whose signature of the file is sound; nil if none was asked for
	close  func() error
}

// Close wipes what is kept of the file.
func (f *File) Close() error { return f.close() }

// recognise tells the format of a file by its head, unless the options do.
func recognise(r io.Reader, opt FileOptions) (in *bufio.Reader, format seedfile.Format, err error) {
	in = bufio.NewReaderSize(r, seedfile.HeadBytes)
	if opt.Others.Format != "" {
		return in, opt.Others.Format, nil
	}
	head, err := in.Peek(seedfile.HeadBytes)
	if err != nil && !errors.Is(err, io.EOF) {
		return in, "", err
	}
	return in, seedfile.Detect(head), nil
}

// WriteRemainder copies the keys of a file for which keep says true, as they
// stand there, into a file of the same format. n counts the keys from 1, as the
// rows of an import do.
func WriteRemainder(w io.Writer, r io.Reader, opt FileOptions, keep func(n int) bool) (kept int, err error) {
	in, format, err := recognise(r, opt)
	if err != nil {
		return 0, err
	}
	if opt.ShortSecrets {
		opt.Others.MinSecret = leastSecret
	}
	fromZero := func(n int) bool { return keep(n + 1) }
	if format == seedfile.PSKC {
		return pskc.Remainder(w, in, fromZero)
	}
	return seedfile.Remainder(w, in, opt.Others, fromZero)
}

// OpenFile recognises a seed file and opens it. PSKC is read as it arrives, all
// other formats are read whole. The error is a fault.Error.
func OpenFile(r io.Reader, opt FileOptions) (*File, error) {
	in, format, err := recognise(r, opt)
	if err != nil {
		return nil, err
	}
	return openFormat(in, format, opt)
}

func openFormat(in io.Reader, format seedfile.Format, opt FileOptions) (*File, error) {
	if opt.ShortSecrets {
		opt.PSKC.MinSecret, opt.Others.MinSecret = leastSecret, leastSecret
	}
	f, err := openAs(in, format, opt)
	if err == nil && !opt.LongSteps {
		f.KeySource = usualSteps{f.KeySource}
	}
	return f, err
}

// openAs opens a file that is of a format.
func openAs(in io.Reader, format seedfile.Format, opt FileOptions) (*File, error) {
	switch {
	case format == seedfile.PSKC && opt.Signers != nil:
		return openSigned(in, opt)
	case format == seedfile.PSKC:
		return openPSKC(in, opt.PSKC)
	case opt.Signers != nil:
		return nil, fault.New(fault.Invalid, "signer_not_wanted", "A signer's certificate was given, but only PSKC "+
			"files are signed, and this is not one.").
			WithHint(seedfileHint(format))
	}
	if opt.PSKC.Passphrase != nil || opt.PSKC.PreSharedKey != nil || opt.PSKC.PrivateKey != nil {
		return nil, fault.New(fault.Invalid, "key_not_wanted", "A passphrase or key was given, but only PSKC files "+
			"are encrypted with one, and this is not one.").
			WithHint(seedfileHint(format))
	}
	file, err := seedfile.Open(in, opt.Others)
	if err != nil {
		return nil, seedfileFault(err)
	}
	return describe(file), nil
}

func openPSKC(r io.Reader, opt pskc.Options) (*File, error) {
	keys, err := pskc.NewReader(r, opt)
	if err != nil {
		return nil, fault.New(fault.Invalid, "import_options", fault.Sentence(err.Error()))
	}
	return &File{KeySource: keys, Format: string(seedfile.PSKC), pskc: keys, close: func() error { return nil }}, nil
}

func seedfileHint(format seedfile.Format) string {
	if format == "" {
		return "Its format is not known; is it the right file?"
	}
	return "It was read as: " + format.Description() + "."
}

func describe(file *seedfile.File) *File {
	info := file.Info()
	f := &File{KeySource: file, Format: string(info.Format), close: file.Close}
	if info.Encoding != "" {
		f.Notes = append(f.Notes, fmt.Sprintf("The secrets were read as %s: %s.", info.Encoding, info.EncodingReason))
	}
	f.Notes = append(f.Notes, info.Notes...)
	if s := info.Sample; s != nil && s.Code != "" {
		f.Sample = &Sample{Serial: s.Serial, Code: s.Code, Time: s.Time}
		if s.Kind == pskc.HOTP {
			f.Sample.Counter, f.Sample.Time = &s.Counter, time.Time{}
		}
	}
	return f
}

// seedfileFault words what package seedfile says of a file as a whole.
func seedfileFault(err error) error {
	if p, ok := errors.AsType[*seedfile.ProductError](err); ok {
		return fault.New(fault.Invalid, "product_unknown", fault.Sentence(p.Error())).
			WithHint(fmt.Sprintf("Specify it: --product '%s/%s=totp' (or =hotp).", p.Product.Manufacturer,
				p.Product.Product)).Because(err)
	}
	var e *seedfile.Error
	if !errors.As(err, &e) {
		return err // from reading the upload
	}
	codes := []struct {
		is   error
		code string
	}{
		{seedfile.ErrUnknown, "format_unknown"}, {seedfile.ErrUnreadable, "unreadable_file"},
		{seedfile.ErrMalformed, "malformed_file"},
		{seedfile.ErrLimit, "file_limit"}, {seedfile.ErrEncoding, "encoding_unclear"},
		{seedfile.ErrAssignments, "only_assignments"},
	}
	code := "import_options"
	for _, c := range codes {
		if errors.Is(err, c.is) {
			code = c.code
		}
	}
	return fault.New(fault.Invalid, code, fault.Sentence(e.Error())).WithHint(e.Hint).Because(err)
}
