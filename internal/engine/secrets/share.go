package secrets

import (
	"strings"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/token"
	"ostiary/internal/store"
)

// Share lets all tokens of each mark, published ones and those of run, hold their
// secret together, and gives the entries that tell of it.
func Share(tx store.Tx, run int64, marks []token.Mark, now time.Time, origin audit.Origin) (entries [][]byte,
	err error) {
	for _, m := range marks {
		if err := tx.ShareSecret(run, m); err != nil {
			return nil, err
		}
		holders, err := tx.Holders(run, m)
		if err != nil {
			return nil, err
		}
		var serials, users []string
		for _, h := range holders {
			serials = append(serials, h.Identity.Serial)
			if h.OwnerName != "" {
				users = append(users, h.OwnerName)
			}
		}
		entries = append(entries, audit.Entry{Time: now, Action: audit.SecretShared, Outcome: audit.Done,
			Origin: origin,
			After: []audit.Field{{Name: "secret", Value: m.String()},
				{Name: "serials", Value: strings.Join(serials, " ")},
				{Name: "users", Value: strings.Join(users, " ")}}}.Canonical())
	}
	return entries, nil
}
