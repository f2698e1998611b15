package token

import (
	"fmt"
	"strings"

	"ostiary/internal/core/fault"
)

// NotFoundError is the error for a serial that no token carries.
func NotFoundError(serial string) error {
	return fault.New(fault.NotFound, "token_not_found", fmt.Sprintf("There is no token with serial %s.", serial)).
		WithHint("ostiary token list --kind all lists all tokens.")
}

// AmbiguousError is the error for a serial that several tokens carry. It lists them,
// so it is only for callers who may list tokens.
func AmbiguousError(serial string, ids []Identity) error {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = fmt.Sprintf("type %s, manufacturer %q, key id %q", id.Type, id.Manufacturer, id.KeyID)
	}
	return fault.New(fault.Conflict, "serial_ambiguous",
		fmt.Sprintf("Serial %s belongs to %d tokens: %s.", serial, len(ids), strings.Join(names, "; "))).
		WithHint("Name the type, the manufacturer or the key id.").With("candidates", ids)
}
