package api

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"ostiary/internal/authz"
	"ostiary/internal/fault"
	"ostiary/internal/lifecycle"
	"ostiary/internal/wire"
	"ostiary/pskc"
)

const (
	maxImportField = 4 << 10
	importPath     = "/api/v1/imports"
	uploadStall    = 60 * time.Second // longest pause in an upload
)

// importRoutes registers the upload by hand, because it is a stream: the file
// is read as it arrives and never held whole.
func (a *API) importRoutes() {
	a.used = append(a.used, authz.TokenImport)
	a.mux.HandleFunc("POST "+importPath, a.importTokens)
	text := func(doc string) *huma.Schema { return &huma.Schema{Type: huma.TypeString, Description: doc} }
	flag := func(doc string) *huma.Schema {
		return &huma.Schema{Type: huma.TypeString, Enum: []any{"true", "false"}, Description: doc}
	}
	registry := a.huma.OpenAPI().Components.Schemas
	report := registry.Schema(reflect.TypeFor[wire.ImportReport](), true, "ImportReport")
	problem := registry.Schema(reflect.TypeFor[Problem](), true, "Problem")
	a.huma.OpenAPI().AddOperation(&huma.Operation{
		OperationID: "import-tokens", Method: http.MethodPost, Path: importPath, Tags: []string{"Tokens"},
		Summary: "Import a seed file",
		Description: "Reads a PSKC file (RFC 6030) as it is uploaded and accounts for every key in it. A file is imported whole or not at all, unless skip_bad is set. " +
			"The part file comes last.",
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"multipart/form-data": {Schema: &huma.Schema{
			Type: huma.TypeObject, Required: []string{"file"}, AdditionalProperties: false,
			Properties: map[string]*huma.Schema{
				"passphrase":            text("Passphrase of the file."),
				"key_hex":               text("Pre-shared AES key of the file, hexadecimal."),
				"dry_run":               flag("Report what would happen and change nothing."),
				"skip_bad":              flag("Import the good keys although others are refused."),
				"allow_unauthenticated": flag("Take an encrypted file without a MAC."),
				"file":                  {Type: huma.TypeString, Format: "binary", Description: "The seed file."},
			},
		}}}},
		Responses: map[string]*huma.Response{
			"200":     {Description: "The report", Content: map[string]*huma.MediaType{"application/json": {Schema: report}}},
			"default": {Description: "Error", Content: map[string]*huma.MediaType{"application/problem+json": {Schema: problem}}},
		},
	})
}

func (a *API) importTokens(w http.ResponseWriter, r *http.Request) {
	c := callerOf(r.Context())
	rep, err := a.runImport(w, r, c)
	if err != nil {
		if big, ok := errors.AsType[*http.MaxBytesError](err); ok {
			err = fault.New(fault.TooLarge, "too_large", fmt.Sprintf("The upload is larger than %d bytes.", big.Limit)).Because(err)
		}
		a.problem(r.Context(), c, err).write(w)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(wireReport(rep)) // the client is gone if this fails
}

func (a *API) runImport(w http.ResponseWriter, r *http.Request, c caller) (lifecycle.Report, error) {
	if err := c.may(authz.TokenImport); err != nil {
		return lifecycle.Report{}, err
	}
	r.Body = http.MaxBytesReader(w, r.Body, a.cfg.MaxUpload)
	parts, err := r.MultipartReader()
	if err != nil {
		return lifecycle.Report{}, fault.New(fault.Invalid, "not_multipart", "The body is not multipart/form-data with a part named file.").Because(err)
	}
	form, file, err := readForm(parts)
	if err != nil {
		return lifecycle.Report{}, err
	}
	defer form.wipe()
	if form.options.PreSharedKey != nil && form.options.Passphrase != nil {
		return lifecycle.Report{}, fault.New(fault.Invalid, "key_or_passphrase", "Give either a passphrase or a key, not both.")
	}
	keys, err := pskc.NewReader(&patient{file: file, control: http.NewResponseController(w)}, form.options)
	if err != nil {
		return lifecycle.Report{}, fault.New(fault.Invalid, "import_options", upperFirst(err.Error())+".")
	}
	return a.cfg.Lifecycle.Import(r.Context(), lifecycle.ImportRequest{Keys: &lastPart{keys, parts}, Label: label(file.FileName()),
		DryRun: form.dryRun, SkipBad: form.skipBad, Origin: c.origin()})
}

// patient lets an upload take as long as it needs, if it does not stall.
type patient struct {
	file    io.Reader
	control *http.ResponseController
}

func (p *patient) Read(b []byte) (int, error) {
	_ = p.control.SetReadDeadline(time.Now().Add(uploadStall)) // not every connection has deadlines
	n, err := p.file.Read(b)
	if err != nil && err != io.EOF {
		err = fault.New(fault.Invalid, "upload_broken", "The upload broke off before its end.").Because(err)
	}
	return n, err
}

// lastPart lets a file end only where the upload does. A part behind it, such as
// a dry_run that comes too late, must not be passed over: at this point nothing
// is published yet.
type lastPart struct {
	keys  lifecycle.KeySource
	parts *multipart.Reader
}

func (l *lastPart) Next() (*pskc.Key, error) {
	key, err := l.keys.Next()
	if err != io.EOF {
		return key, err
	}
	part, err := l.parts.NextPart()
	switch {
	case err == io.EOF:
		return nil, io.EOF
	case err != nil:
		return nil, fault.New(fault.Invalid, "malformed_request", "The multipart body is malformed.").Because(err)
	}
	return nil, fault.New(fault.Invalid, "form_part", fmt.Sprintf("The part %q comes after the file, which must be the last one.", part.FormName()))
}

// form is the parts before the file.
type form struct {
	options         pskc.Options
	dryRun, skipBad bool
}

func (f *form) wipe() {
	clear(f.options.PreSharedKey)
	clear(f.options.Passphrase)
}

// readForm reads the parts up to the file and leaves the file to be read.
func readForm(parts *multipart.Reader) (f *form, file *multipart.Part, err error) {
	f = &form{}
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return nil, nil, fault.New(fault.Invalid, "no_file", "The request has no part named file.")
		} else if err != nil {
			return nil, nil, fault.New(fault.Invalid, "malformed_request", "The multipart body is malformed.").Because(err)
		}
		if part.FormName() == "file" {
			return f, part, nil
		}
		value, err := io.ReadAll(io.LimitReader(part, maxImportField+1))
		if err != nil {
			return nil, nil, fault.New(fault.Invalid, "malformed_request", "The multipart body is malformed.").Because(err)
		}
		if len(value) > maxImportField {
			return nil, nil, fault.New(fault.TooLarge, "too_large", fmt.Sprintf("The part %q is larger than %d bytes.", part.FormName(), maxImportField))
		}
		if err := f.set(part.FormName(), value); err != nil {
			return nil, nil, err
		}
	}
}

func (f *form) set(name string, value []byte) error {
	flag := func(dest *bool) error {
		switch string(value) {
		case "true":
			*dest = true
		case "false":
		default:
			return fault.New(fault.Invalid, "form_flag", fmt.Sprintf("The part %s is neither true nor false.", name))
		}
		return nil
	}
	switch name {
	case "passphrase":
		f.options.Passphrase = pskc.Secret(value)
	case "key_hex":
		key, err := hex.DecodeString(strings.TrimSpace(string(value)))
		if err != nil {
			return fault.New(fault.Invalid, "key_hex", "The key is not hexadecimal: pairs of the digits 0-9 and a-f, nothing between them.")
		}
		f.options.PreSharedKey = key
	case "dry_run":
		return flag(&f.dryRun)
	case "skip_bad":
		return flag(&f.skipBad)
	case "allow_unauthenticated":
		return flag(&f.options.AllowUnauthenticated)
	default:
		return fault.New(fault.Invalid, "form_part", fmt.Sprintf("The part %q is unknown.", name))
	}
	return nil
}

// label is the file's name as far as it can be shown.
func label(name string) string {
	name = strings.ToValidUTF8(name, "?")
	if runes := []rune(name); len(runes) > 128 {
		return string(runes[:128])
	}
	return name
}

func wireReport(rep lifecycle.Report) wire.ImportReport {
	out := wire.ImportReport{Imported: rep.Imported, Duplicate: rep.Duplicate, Refused: rep.Refused, DryRun: rep.DryRun, Run: rep.Run,
		Rows: make([]wire.ImportRow, len(rep.Rows))}
	for i, r := range rep.Rows {
		out.Rows[i] = wire.ImportRow{Serial: r.Serial, KeyID: r.KeyID, Type: r.Type, Manufacturer: r.Manufacturer, Line: r.Line,
			Outcome: string(r.Outcome), Reason: r.Reason}
	}
	return out
}
