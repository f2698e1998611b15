package selfservice

import (
	"context"
	"encoding/json"
	"net/netip"
	"time"

	"ostiary/internal/core/audit"
)

// What is shown of the log.
const (
	pastFor  = 90 * 24 * time.Hour
	pastPage = 30
)

// Event is something that happened to a user, as the log has it.
type Event struct {
	Time    time.Time
	Action  audit.Action
	Outcome audit.Outcome
	Serial  string
	State   string // that a token has since
	Mine    bool   // somebody did it here or with a code, and not an administrator
	Source  string // of what is Mine
}

// Past lists what happened to the user in the last 90 days, the newest first. before is where
// to go on, 0 for the beginning; next is 0 at the end. What was there before the user was
// added happened to somebody else of that name.
func (s *Service) Past(ctx context.Context, by Session, before int64) (all []Event, next int64, err error) {
	if err := by.may(Past, ""); err != nil {
		return nil, 0, err
	}
	from := s.cfg.Now().Add(-pastFor)
	if by.User.Created.After(from) {
		from = by.User.Created
	}
	rows, next, err := s.cfg.Ledger.List(ctx, audit.Filter{User: by.User.Name, From: from}, before, pastPage)
	if err != nil {
		return nil, 0, err
	}
	for _, row := range rows {
		var e struct {
			Time    time.Time
			Action  audit.Action
			Outcome audit.Outcome
			Actor   string
			Source  string
			Subject struct{ Serial string }
			After   struct{ State string }
		}
		if err := json.Unmarshal(row.Entry, &e); err != nil {
			return nil, 0, err
		}
		mine := e.Action == audit.CodeVerified || e.Actor == actor || e.Actor == "enrolment" || e.Actor == "device"
		if at, err := netip.ParseAddrPort(e.Source); err == nil {
			e.Source = at.Addr().Unmap().String() // the port says nothing to people
		}
		if !mine {
			e.Source = ""
		}
		all = append(all, Event{Time: e.Time, Action: e.Action, Outcome: e.Outcome, Serial: e.Subject.Serial,
			State: e.After.State, Mine: mine, Source: e.Source})
	}
	return all, next, nil
}
