package derive

import (
	"testing"
	"time"

	"ostiary/internal/core/audit"
)

func added(f *fold) {
	f.add(audit.Entry{Action: audit.AdminAdded, Subject: audit.Subject{Other: "anna"},
		After: append(audit.AdminFields("operator", false, "aabbccdd", true, time.Time{}), field("id", "a1"))})
}

// An administrator is what the log says: role, password, and whether the account is
// disabled.
func TestAdministratorsFollowFromTheLog(t *testing.T) {
	t.Parallel()
	set := func(f *fold, action audit.Action, name string, before, after any) {
		f.add(audit.Entry{Action: action, Subject: audit.Subject{Other: "anna"}, Before: []audit.Field{field(name, before)},
			After: []audit.Field{field("id", "a1"), field(name, after)}})
	}
	f := newFold(t)
	added(f)
	set(f, audit.AdminRoleSet, "role", "operator", "admin")
	set(f, audit.AdminPasswordSet, "must_change", true, false)
	set(f, audit.AdminDisabled, "disabled", audit.None, audit.Stamp(at))
	f.Admin("a1", "anna", audit.AdminFields("admin", false, "aabbccdd", false, at))
	f.found()

	f = newFold(t)
	added(f)
	f.Admin("a1", "anna", audit.AdminFields("super_admin", false, "aabbccdd", true, time.Time{}))
	f.found(`in the database role is "super_admin", but according to the log "operator"`)

	f = newFold(t)
	added(f)
	f.Admin("a1", "anna", audit.AdminFields("operator", false, "00112233", true, time.Time{}))
	f.found(`in the database hash is "00112233", but according to the log "aabbccdd"`)

	f = newFold(t)
	f.Admin("a1", "anna", audit.AdminFields("operator", false, "aabbccdd", true, time.Time{}))
	f.found("no entry added the account")

	f = newFold(t)
	added(f)
	set(f, audit.AdminRoleSet, "role", "admin", "operator")
	f.found(`the entry says that role was "admin", but according to the earlier entries it was "operator" ` +
		"(the last is 0): it was changed outside the log")
}

// A passkey opens the account that the log says, and is there until the log says that it is
// removed.
func TestPasskeysFollowFromTheLog(t *testing.T) {
	t.Parallel()
	begin := func() *fold {
		f := newFold(t)
		added(f)
		f.add(audit.Entry{Action: audit.PasskeyAdded, Subject: audit.Subject{Other: "anna"},
			After: []audit.Field{field("id", "a1"), field("passkey", "0011")}})
		return f
	}
	f := begin()
	f.Passkey("0011", "a1", "anna")
	f.found()
	for _, other := range [][2]string{{"0022", "a1"}, {"0011", "a2"}} {
		f = begin()
		f.Passkey(other[0], other[1], "anna")
		f.found("no entry added it")
	}
	f = begin()
	f.add(audit.Entry{Action: audit.PasskeyRemoved, Subject: audit.Subject{Other: "anna"},
		Before: []audit.Field{field("passkey", "0011")}})
	f.Passkey("0011", "a1", "anna")
	f.found("no entry added it")
	f = begin()
	f.Fold.goneAdmins()
	f.found(gone, gone)
}
