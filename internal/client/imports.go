package client

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"sync/atomic"

	"ostiary/internal/wire"
)

// Upload is a seed file and how to read it. Give at most one of Passphrase,
// KeyHex and PrivateKey.
type Upload struct {
	File io.Reader // read once, as it is sent; never held whole
	Name string    // what the import is called in the audit log

	Passphrase []byte // of the file
	KeyHex     []byte // pre-shared key of the file, in hexadecimal
	PrivateKey []byte // RSA private key that the file is encrypted to, PEM

	DryRun               bool // report what would happen and change nothing
	SkipBad              bool // import the good keys although others are refused
	AllowUnauthenticated bool // take an encrypted file without a MAC

	// Hints say what a file does not say itself, as parts of the upload by
	// name; see the description of the operation import-tokens.
	Hints []Hint
}

// Hint is one such part.
type Hint struct{ Name, Value string }

// Import sends a seed file and gives the report on every key in it. It has no
// time limit but that of ctx. An error from Upload.File is returned as it is. A
// read of Upload.File may still be under way when the server refuses early.
func (c *Client) Import(ctx context.Context, u Upload) (report wire.ImportReport, err error) {
	var frame bytes.Buffer
	form := multipart.NewWriter(&frame)
	if err := u.fields(form); err != nil {
		return report, err
	}
	if _, err := form.CreateFormFile("file", u.Name); err != nil {
		return report, err
	}
	head := frame.Len()
	if err := form.Close(); err != nil {
		return report, err
	}
	file := &source{r: u.File}
	defer file.done.Store(true)
	body := io.MultiReader(bytes.NewReader(frame.Bytes()[:head]), file, bytes.NewReader(frame.Bytes()[head:]))
	err = c.call(ctx, request{method: http.MethodPost, path: []string{"imports"}, stream: body, contentType: form.FormDataContentType(),
		answer: &report, unbounded: true, limit: maxReport})
	if failed := file.failed.Load(); failed != nil && err != nil {
		if _, answered := errors.AsType[*Error](err); !answered {
			return report, *failed
		}
	}
	return report, err
}

// source reads the file for the transport, which may do so a little longer than
// the call lasts when the server answers early.
type source struct {
	r      io.Reader
	failed atomic.Pointer[error]
	done   atomic.Bool
}

func (s *source) Read(b []byte) (int, error) {
	if s.done.Load() {
		return 0, io.ErrClosedPipe
	}
	n, err := s.r.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		s.failed.Store(&err)
	}
	return n, err
}

// fields writes the parts that the server reads before the file.
func (u Upload) fields(form *multipart.Writer) error {
	field := func(name string, value []byte) error {
		w, err := form.CreateFormField(name)
		if err == nil {
			_, err = w.Write(value)
		}
		return err
	}
	for _, secret := range []struct {
		name  string
		value []byte
	}{{"passphrase", u.Passphrase}, {"key_hex", u.KeyHex}, {"private_key", u.PrivateKey}} {
		if secret.value != nil {
			if err := field(secret.name, secret.value); err != nil {
				return err
			}
		}
	}
	for _, f := range []struct {
		name string
		on   bool
	}{{"dry_run", u.DryRun}, {"skip_bad", u.SkipBad}, {"allow_unauthenticated", u.AllowUnauthenticated}} {
		if f.on {
			if err := field(f.name, []byte("true")); err != nil {
				return err
			}
		}
	}
	for _, h := range u.Hints {
		if err := field(h.Name, []byte(h.Value)); err != nil {
			return err
		}
	}
	return nil
}
