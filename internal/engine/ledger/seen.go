package ledger

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/authz"
	"ostiary/internal/core/fault"
	"ostiary/internal/store"
)

// Decode reads a stored entry.
func Decode(row store.AuditRow) (entry map[string]any, err error) {
	d := json.NewDecoder(bytes.NewReader(row.Entry))
	d.UseNumber() // counters may be above 2⁵³
	if err := d.Decode(&entry); err != nil {
		return nil, fmt.Errorf("audit entry %d: %w", row.Seq, err)
	}
	return entry, nil
}

// SeenBy reads a stored entry as far as somebody may see it.
func SeenBy(p authz.Principal, row store.AuditRow) (map[string]any, error) {
	entry, err := Decode(row)
	if err == nil && !authz.Allows(p, authz.AuditSerials) {
		audit.HideTokens(entry)
	}
	return entry, err
}

// For gives the filter under which somebody may search: nobody finds out by searching what
// entries do not show. ok is false if it asks for that. The reason of what was refused is a
// word of the program; what people wrote may name a token.
func For(p authz.Principal, f audit.Filter) (_ audit.Filter, ok bool) {
	if authz.Allows(p, authz.AuditSerials) {
		return f, true
	}
	if f.Reason != "" && f.Outcome == "" {
		f.Outcome = audit.Refused
	}
	return f, f.Serial == "" && (f.Reason == "" || f.Outcome == audit.Refused)
}

// Entry gives the entry of a place.
func (l *Ledger) Entry(ctx context.Context, place int64) (row store.AuditRow, err error) {
	err = l.db.View(ctx, func(r store.Reader) error {
		rows, err := r.AuditEntries(place, 1)
		if err == nil && (len(rows) == 0 || rows[0].Seq != place) {
			err = fault.New(fault.NotFound, "entry_not_found", fmt.Sprintf("The log has no entry %d.", place)).
				WithHint("It is not written yet, or it was moved to an archive: ostiary audit list names the archives.")
		}
		if err == nil {
			row = rows[0]
		}
		return err
	})
	return row, err
}
