package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"

	"ostiary/internal/doors/wire"
)

// Upload is a seed file and how to read it. Give at most one of Passphrase,
// KeyHex and PrivateKey.
type Upload struct {
	File io.Reader // read once, as it is sent; never held whole
	Name string    // what the import is called in the audit log

	Passphrase []byte // of the file
	KeyHex     []byte // pre-shared key of the file, in hexadecimal
	PrivateKey []byte // RSA private key that the file is encrypted to, PEM
	Signers    []byte // certificates of which one must have signed the file, PEM

	DryRun               bool // report what would happen and change nothing
	SkipBad              bool // import the good keys even if others are refused
	Replace              bool // where a token is there with another secret, give it that of the file
	NewSerials           bool // give software tokens whose serial is taken one of this server
	CreateUsers          bool // make the users that the file names
	AllowUnauthenticated bool // accept an encrypted file without a MAC
	AllowPart            bool // accept a part of a file that had a MAC over the whole of it

	// Hints say what a file does not say itself, as parts of the upload by
	// name; see the description of the operation import-tokens.
	Hints []Hint

	// Batch, Note and Supplier say which delivery it is.
	Batch, Note, Supplier string

	// Progress is told how far the server is, now and then; it may be nil.
	Progress func(wire.Import)
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
	err = c.call(ctx, request{method: http.MethodPost, path: []string{"imports"}, stream: body,
		contentType: form.FormDataContentType(),
		unbounded:   true, accept: "text/event-stream", read: func(resp *http.Response) (err error) {
			report, err = readReport(resp, u.Progress)
			return err
		}})
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
	}{{"passphrase", u.Passphrase}, {"key_hex", u.KeyHex}, {"private_key", u.PrivateKey},
		{"signer_certificate", u.Signers}} {
		if secret.value != nil {
			if err := field(secret.name, secret.value); err != nil {
				return err
			}
		}
	}
	for _, f := range []struct {
		name string
		on   bool
	}{{"dry_run", u.DryRun}, {"skip_bad", u.SkipBad}, {"allow_unauthenticated", u.AllowUnauthenticated},
		{"allow_part", u.AllowPart}, {"replace", u.Replace}, {"new_serials", u.NewSerials},
		{"create_users", u.CreateUsers}} {
		if f.on {
			if err := field(f.name, []byte("true")); err != nil {
				return err
			}
		}
	}
	for _, h := range append([]Hint{{"batch", u.Batch}, {"note", u.Note}, {"supplier", u.Supplier}}, u.Hints...) {
		if h.Value == "" {
			continue
		}
		if err := field(h.Name, []byte(h.Value)); err != nil {
			return err
		}
	}
	return nil
}

// readReport reads the events of an import until its report. A problem comes
// back as an *Error, as if it had been the answer.
func readReport(resp *http.Response, progress func(wire.Import)) (report wire.ImportReport, err error) {
	if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); kind != "text/event-stream" {
		return report, readAnswer(resp, request{answer: &report})
	}
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, maxAnswer)
	event := ""
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch {
		case name == "event":
			event = value
		case name != "data":
		case event == "report":
			return report, json.Unmarshal([]byte(value), &report)
		case event == "problem":
			if e, ok := decodeProblem(strings.NewReader(value)); ok {
				return report, e
			}
		case event == "progress" && progress != nil:
			var p wire.Import
			if err := json.Unmarshal([]byte(value), &p); err != nil {
				return report, err
			}
			progress(p)
		}
	}
	if err := lines.Err(); err != nil {
		return report, err
	}
	return report, errors.New("the connection ended before the import did; ostiary import list shows its result")
}

// Imports lists imports, the newest first.
func (c *Client) Imports(ctx context.Context, p Page) (list wire.ImportList, err error) {
	err = c.call(ctx, request{method: http.MethodGet, path: []string{"imports"}, query: p.add(url.Values{}),
		answer: &list})
	return list, err
}

// ImportReport gives an import with the first of its rows.
func (c *Client) ImportReport(ctx context.Context, id int64) (report wire.ImportReport, err error) {
	err = c.call(ctx, request{method: http.MethodGet, path: []string{"imports", strconv.FormatInt(id, 10)},
		answer: &report})
	return report, err
}

// CancelImport ends an import that is under way and gives its report.
func (c *Client) CancelImport(ctx context.Context, id int64) (report wire.ImportReport, err error) {
	err = c.call(ctx, request{method: http.MethodPost, path: []string{"imports", strconv.FormatInt(id, 10), "cancel"},
		answer: &report})
	return report, err
}

// ImportRows gives one page of what there is to say of single keys.
func (c *Client) ImportRows(ctx context.Context, id int64, p Page) (rows wire.ImportRows, err error) {
	err = c.call(ctx, request{method: http.MethodGet, path: []string{"imports", strconv.FormatInt(id, 10), "rows"},
		query: p.add(url.Values{}), answer: &rows})
	return rows, err
}

// Batches lists deliveries by name.
func (c *Client) Batches(ctx context.Context, p Page) (list wire.BatchList, err error) {
	err = c.call(ctx, request{method: http.MethodGet, path: []string{"batches"}, query: p.add(url.Values{}),
		answer: &list})
	return list, err
}

// SetBatchState changes the state of all tokens of a delivery.
func (c *Client) SetBatchState(ctx context.Context, batch string, r wire.StateRequest) (out wire.BatchState,
	err error) {
	err = c.call(ctx, request{method: http.MethodPost, path: []string{"batches", batch, "state"}, body: r, answer: &out,
		unbounded: true})
	return out, err
}
