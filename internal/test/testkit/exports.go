package testkit

import (
	"bytes"
	"context"
	"testing"

	"ostiary/internal/engine/imports"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/engine/transfer"
	"ostiary/internal/seal"
	"ostiary/pskc"
)

// ExportPhrase is the passphrase of exports.
const ExportPhrase = "correct horse battery staple"

// Export gives the file of the tokens that a request chooses, and their number.
func Export(t testing.TB, k *Kit, more ...func(*lifecycle.ExportRequest)) ([]byte, int, error) {
	t.Helper()
	req := lifecycle.ExportRequest{Passphrase: seal.NewSecret([]byte(ExportPhrase)), Origin: Origin}
	for _, m := range more {
		m(&req)
	}
	var out bytes.Buffer
	n, err := k.Lifecycle.Export(context.Background(), &out, req)
	return out.Bytes(), n, err
}

// Move asks an export for a move.
func Move(r *lifecycle.ExportRequest) { r.Move = true }

// OpenExport reads an export.
func OpenExport(t testing.TB, file []byte) *imports.File {
	t.Helper()
	f, err := imports.OpenFile(bytes.NewReader(file),
		imports.FileOptions{PSKC: pskc.Options{Passphrase: pskc.Secret(ExportPhrase)}})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// Receipt gives that of an import.
func (k *Kit) Receipt(t testing.TB, run int64) (r transfer.Receipt) {
	t.Helper()
	r, _, err := k.Imports.Receipt(context.Background(), run)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
