package users

import (
	"errors"
	"fmt"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/authz"
	"ostiary/internal/core/fault"
	"ostiary/internal/store"
)

// MayArm returns the error, a fault, if whoever asks may not decide which tokens the user of a
// name holds: the tokens of the user of an administrator's name are the administrator's second
// factor. SUPER_ADMIN and ROOT may; others may for themselves and for administrators of lower
// roles. It is to be asked in the transaction that gives a token an owner, a user a name, or a
// token of somebody a secret that the caller gets to know; and in one that takes a token away
// from its owner or makes it refuse codes: the password alone would open the console then.
func MayArm(r store.AdminReader, name string, by audit.Origin) error {
	role, err := authz.ParseRole(by.Role)
	if err != nil {
		role = authz.None // such as "none"; it may nothing here
	}
	if name == "" || role >= authz.SuperAdmin {
		return nil
	}
	admin, err := r.Admin(name)
	if errors.Is(err, store.ErrNotFound) || err == nil && by.ActorID == admin.ID {
		return nil
	} else if err != nil {
		return err
	}
	of, err := authz.ParseRole(admin.Role)
	if err != nil {
		return err
	}
	if (authz.Principal{Role: role}).Outranks(of) {
		return nil
	}
	return fault.New(fault.Forbidden, "administrators_token", fmt.Sprintf("User %s is an administrator whose role is not "+
		"below yours, and who signs in with codes of these tokens.", name)).
		WithHint("Ask a SUPER_ADMIN, or on the server itself: ostiary --data DIR.")
}
