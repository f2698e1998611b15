package profiles

import (
	"context"
	"fmt"
	"time"

	"ostiary/activation"
	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/store"
)

// ForNew is In for tokens that are new, or are activated for the first time: it refuses a
// profile that is retired.
func ForNew(r store.ProfileReader, name string) (*activation.Vector, error) {
	p, err := r.Profile(name)
	if err != nil {
		return nil, absent(name, err)
	}
	if !p.Retired.IsZero() { // neither for a new token nor for a first activation
		return nil, fault.New(fault.Conflict, "profile_retired", fmt.Sprintf("Profile %s is retired: there are no new "+
			"tokens with it, and no first activations.", name)).
			WithHint("Choose another one: ostiary profile list; set it for a type with ostiary type change TYPE --profile " +
				"NAME.")
	}
	return vector(p)
}

// Retire ends a profile for new tokens and for first activations. Tokens that are
// activated by it go on, and may be activated again; activations that are open may be
// confirmed. The profile itself does not change.
func (s *Service) Retire(ctx context.Context, name string, origin audit.Origin) (Profile, error) {
	return s.retire(ctx, name, s.stamp(), audit.ProfileRetired, origin)
}

// Restore undoes Retire.
func (s *Service) Restore(ctx context.Context, name string, origin audit.Origin) (Profile, error) {
	return s.retire(ctx, name, time.Time{}, audit.ProfileRestored, origin)
}

func (s *Service) retire(ctx context.Context, name string, since time.Time, action audit.Action, origin audit.Origin) (
	p Profile, err error) {
	err = s.db.Update(ctx, func(tx store.Tx) error {
		row, err := tx.Profile(name)
		switch {
		case err != nil:
			return absent(name, err)
		case since.IsZero() && row.Retired.IsZero():
			return fault.New(fault.Conflict, "profile_not_retired", fmt.Sprintf("Profile %s is not retired.", name))
		case !since.IsZero() && !row.Retired.IsZero():
			return fault.New(fault.Conflict, "profile_retired", fmt.Sprintf("Profile %s is already retired.", name))
		}
		if err := tx.SetProfileRetired(name, row.Retired, since); err != nil {
			return err
		}
		before := row.Retired
		row.Retired = since
		types, err := tx.Types()
		if err != nil {
			return err
		}
		if p, err = profile(row, types); err != nil {
			return err
		}
		return s.record(tx, action, name, []audit.Field{audit.RetiredField(before)},
			[]audit.Field{audit.RetiredField(since)}, origin)
	})
	return p, err
}

// Retired gives the retired profiles, with since when they are.
func (s *Service) Retired(ctx context.Context) (since map[string]time.Time, err error) {
	err = s.db.View(ctx, func(r store.Reader) error {
		rows, err := r.Profiles()
		since = map[string]time.Time{}
		for _, p := range rows {
			if !p.Retired.IsZero() {
				since[p.Name] = p.Retired
			}
		}
		return err
	})
	return since, err
}
