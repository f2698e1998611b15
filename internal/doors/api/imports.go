package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"ostiary/internal/core/authz"
	"ostiary/internal/core/fault"
	"ostiary/internal/doors/upload"
	"ostiary/internal/doors/wire"
	"ostiary/internal/engine/imports"
	"ostiary/internal/formats/seedfile"
	"ostiary/pskc"
)

const importPath = "/api/v1/imports"

// importRoutes registers the upload by hand, because it is a stream: the file
// is read as it arrives and never held whole.
func (a *API) importRoutes() {
	a.used = append(a.used, authz.TokenImport)
	a.mux.HandleFunc("POST "+importPath, a.importTokens)
	a.runRoutes()
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
		Description: "Reads a seed file and reports every key in it. The server detects the format from the content. " +
			"A file is imported completely or not at all, unless skip_bad is set. " +
			"The part file comes last. With Accept: text/event-stream the answer is a stream of events: begun with " +
			"the id, progress with the counts, and at the end report or problem.",
		RequestBody: &huma.RequestBody{Required: true,
			Content: map[string]*huma.MediaType{"multipart/form-data": {Schema: &huma.Schema{
				Type: huma.TypeObject, Required: []string{"file"}, AdditionalProperties: false,
				Properties: map[string]*huma.Schema{
					"passphrase": text("Passphrase of the file."),
					"key_hex":    text("Pre-shared AES key of the file, hexadecimal."),
					"dry_run":    flag("Report what would happen and change nothing."),
					"skip_bad":   flag("Import the good keys even if others are refused or in conflict."),
					"replace": flag("If a token exists with another secret, or generates other codes, give it what " +
						"the file says."),
					"new_serials": flag("If the serial of a software token is in use here, give it a serial of " +
						"this server."),
					"create_users": flag("Add the users that the file names and that do not exist."),
					"batch": text(
						"Name of the delivery, by which its tokens can be listed and revoked."),
					"note":        text("A note on the delivery."),
					"supplier":    text("Who delivered it."),
					"private_key": text("RSA private key that the file is encrypted to, PEM."),
					"signer_certificate": text("Certificates, PEM. The file must have an XML signature by " +
						"one of them."),
					"allow_unauthenticated": flag("Accept an encrypted file without a MAC."),
					"allow_part":            flag("Read a part of a file that had a MAC over the whole of it."),
					"allow_3des":            flag("Read a file under Triple-DES."),
					"allow_short_secrets": flag("Accept secrets of at least 80 bits, where RFC 4226 requires 128. The log " +
						"counts them."),
					"allow_long_steps": flag("Accept time steps of more than an hour."),
					"format": text("Format of the file, instead of detecting it: " + seedfile.FormatNames() +
						"."),
					"encoding": text("How secrets are written where the file leaves a choice: hex, " +
						"base32 or base64."),
					"kind":         text("hotp or totp, where the file does not say."),
					"digits":       text("Digits of a code, where the file does not say."),
					"period":       text("Seconds of a time step, where the file does not say."),
					"hash":         text("SHA1, SHA256 or SHA512, where the file does not say."),
					"manufacturer": text("Manufacturer, where the file does not say."),
					"product": text("What a product of a DualShield file is, as MANUFACTURER/PRODUCT=totp; may " +
						"be repeated."),
					"keep_serials": flag("Accept serials that look as if a spreadsheet had removed leading zeros."),
					"file":         {Type: huma.TypeString, Format: "binary", Description: "The seed file."},
				},
			}}}},
		Responses: map[string]*huma.Response{
			"200": {Description: "The report", Content: map[string]*huma.MediaType{"application/json": {Schema: report},
				"text/event-stream": {Schema: text("Events begun, progress, report, problem; data is JSON.")}}},
			"default": {Description: "Error",
				Content: map[string]*huma.MediaType{"application/problem+json": {Schema: problem}}},
		},
	})
}

func (a *API) importTokens(w http.ResponseWriter, r *http.Request) {
	c := callerOf(r.Context())
	out := answerFor(w, r)
	rep, err := a.runImport(w, r, c, out)
	if err != nil {
		out.problem(a.problem(r.Context(), c, err))
		return
	}
	out.report(rep)
}

func (a *API) runImport(w http.ResponseWriter, r *http.Request, c caller, answer importAnswer) (out wire.ImportReport,
	err error) {
	if err := c.may(authz.TokenImport); err != nil {
		return out, err
	}
	body := a.Upload(w, r)
	parts, err := r.MultipartReader()
	if err != nil {
		return out, fault.New(fault.Invalid, "not_multipart", "The body is not multipart/form-data with a part "+
			"named file.").Because(err)
	}
	form, file, err := upload.ReadForm(parts)
	if err != nil {
		return out, err
	}
	defer form.Wipe()
	options, err := form.Options(file.FileName())
	if err != nil {
		return out, err
	}
	seeds, err := a.cfg.Imports.OpenFile(r.Context(), upload.File{Reader: file}, options)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, seeds.Close()) }()
	req := form.Request
	req.Keys, req.Label, req.Format, req.Remarks, req.Origin = &lastPart{seeds, parts}, upload.Label(file.FileName()),
		seeds.Format, seeds.Remarks, c.origin()
	var sample *imports.Sample
	if seeds.Sample != nil {
		req.Sampled = func(s imports.Sample) { sample = &s }
	}
	req.Begun, req.Progress, req.Interrupt = answer.begun, answer.progress, body.Interrupt
	run, err := a.cfg.Imports.Import(r.Context(), req)
	if err != nil {
		return out, err
	}
	out, err = a.importReport(context.WithoutCancel(r.Context()), run)
	if s := sample; s != nil {
		out.Sample = &wire.Sample{Serial: s.Serial, Code: s.Code, Counter: s.Counter, Time: optionalTime(s.Time)}
	}
	return out, err
}

// lastPart lets a file end only where the upload does. A part behind it, such as
// a dry_run that comes too late, must not be passed over: at this point nothing
// is published yet.
type lastPart struct {
	keys  imports.KeySource
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
		return nil, upload.Malformed(err)
	}
	return nil, fault.New(fault.Invalid, "form_part", fmt.Sprintf("The part %q comes after the file, which must be "+
		"the last one.", part.FormName()))
}
