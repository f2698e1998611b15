package credentials

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/authz"
	"ostiary/internal/core/fault"
	"ostiary/internal/engine/codes"
	"ostiary/internal/engine/users"
	"ostiary/internal/store"
)

// Accounts are the administrators beside ROOT, and the sessions of all of them in browsers.
type Accounts struct {
	db    store.DB
	root  *Root
	codes Codes
	now   func() time.Time

	// required refuses a sign-in without a second factor.
	required  bool
	publicURL func() string
	nobodys   string // the stored form of a password that nobody has
	seen      string // see AsSeen
}

// Codes checks codes of tokens; *codes.Engine is one.
type Codes interface {
	Verify(ctx context.Context, r codes.Request) (valid bool, err error)
}

// AccountsConfig is what Accounts stand on. All fields but RequireSecondFactor are required.
type AccountsConfig struct {
	DB                  store.DB
	Root                *Root
	Codes               Codes
	RequireSecondFactor bool
	// PublicURL is where browsers reach the server, which passkeys are for.
	PublicURL func() string
	Now       func() time.Time
}

// NewAccounts makes the keeper of accounts.
func NewAccounts(cfg AccountsConfig) (*Accounts, error) {
	nobodys, err := unknownPassword(cfg.Root.hasher)
	return &Accounts{db: cfg.DB, root: cfg.Root, codes: cfg.Codes, now: cfg.Now, required: cfg.RequireSecondFactor,
		publicURL: cfg.PublicURL, nobodys: nobodys}, err
}

// PasswordMarkOf is what the audit log tells a stored password by.
func PasswordMarkOf(stored string) string {
	sum := sha256.Sum256([]byte(stored))
	return audit.Mark(sum[:])
}

// AdminFields is an account as the log has it.
func AdminFields(a store.Admin) []audit.Field {
	return audit.AdminFields(a.Role, a.HelpDesk, PasswordMarkOf(a.Password), a.MustChange, a.Disabled)
}

func (a *Accounts) time() time.Time { return a.now().UTC().Truncate(time.Millisecond) }

// AdminRequest is an account that is to be added.
type AdminRequest struct {
	Name     string
	Role     authz.Role
	HelpDesk bool
}

// Add adds an account and returns its first password, which cannot be had again, and must be
// changed at the first sign-in. by may only add accounts of roles below its own.
func (a *Accounts) Add(ctx context.Context, by authz.Principal, r AdminRequest, origin audit.Origin) (
	is store.Admin, password string, err error) {
	name, err := users.NewName(r.Name)
	if err == nil && strings.EqualFold(name, RootName) {
		err = fault.New(fault.Invalid, "admin_name", "ROOT is the built-in administrator.").
			WithHint("Choose another name.")
	}
	if err == nil {
		err = mayGive(by, r.Role, r.HelpDesk)
	}
	if err != nil {
		return is, "", err
	}
	id, _, _, err := newKey()
	if err != nil {
		return is, "", err
	}
	is = store.Admin{ID: id, Name: name, Role: r.Role.String(), HelpDesk: r.HelpDesk, MustChange: true, Created: a.time()}
	if password, is.Password, err = a.drawPassword(ctx, is); err != nil {
		return is, "", err
	}
	err = a.db.Update(ctx, func(tx store.Tx) error {
		if err := tx.AddAdmin(is); err != nil {
			return err
		}
		return tx.AppendAudit(audit.Entry{Time: is.Created, Action: audit.AdminAdded, Outcome: audit.Done, Origin: origin,
			Subject: audit.Subject{Other: name},
			After:   append(AdminFields(is), audit.Field{Name: "id", Value: id})}.Canonical())
	})
	if errors.Is(err, store.ErrConflict) {
		err = fault.New(fault.Conflict, "admin_exists", fmt.Sprintf("There is already an administrator %s.", name)).
			WithHint("ostiary admin list lists all of them.").Because(err)
	}
	if err != nil {
		return is, "", err
	}
	return is, password, nil
}

// mayGive refuses a role that an account does not have, or that by may not give.
func mayGive(by authz.Principal, role authz.Role, helpDesk bool) error {
	switch {
	case role != authz.Operator && role != authz.Admin && role != authz.SuperAdmin:
		return fault.New(fault.Invalid, "admin_role", "An administrator's role is one of operator, admin and super_admin.")
	case helpDesk && role != authz.Operator:
		return fault.New(fault.Invalid, "admin_help_desk", "The help-desk set is for the role operator.")
	}
	return mayManage(by, role)
}

func mayManage(by authz.Principal, role authz.Role) error {
	if by.Outranks(role) {
		return nil
	}
	return fault.New(fault.Forbidden, "role_too_high", fmt.Sprintf("As %s you can manage only administrators of lower "+
		"roles.", by.Role))
}

// drawPassword draws a password of an account, and gives its stored form, too.
func (a *Accounts) drawPassword(ctx context.Context, of store.Admin) (password, stored string, err error) {
	password = rand.Text()
	err = a.root.hash(ctx, func() error {
		stored, err = hashPassword(a.root.hasher, passwordOf(of), password)
		return err
	})
	return password, stored, err
}

// passwordOf is the account that a stored password is bound to: another one of that name has
// another password.
func passwordOf(a store.Admin) string { return a.ID + "/" + a.Name }

// List gives all accounts by name.
func (a *Accounts) List(ctx context.Context) (all []store.Admin, err error) {
	err = a.db.View(ctx, func(r store.Reader) error {
		all, err = r.Admins()
		return err
	})
	return all, err
}

// Find gives an account by name.
func (a *Accounts) Find(ctx context.Context, name string) (is store.Admin, err error) {
	err = a.db.View(ctx, func(r store.Reader) error {
		is, err = findAdmin(r, name)
		return err
	})
	return is, err
}

func findAdmin(r store.AdminReader, name string) (is store.Admin, err error) {
	canonical, err := users.Canonical(name)
	if err == nil {
		is, err = r.Admin(canonical)
	}
	if errors.Is(err, store.ErrNotFound) {
		err = fault.New(fault.NotFound, "admin_not_found", fmt.Sprintf("There is no administrator %s.", canonical)).
			WithHint("ostiary admin list lists all of them.").Because(err)
	}
	return is, err
}

// Mark tells an account by what administrators change on it.
func Mark(is store.Admin) string {
	h := sha256.New()
	fmt.Fprintf(h, "%q\n", is.ID)
	for _, f := range AdminFields(is) {
		fmt.Fprintf(h, "%s %q\n", f.Name, fmt.Sprint(f.Value))
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// AsSeen are the accounts for somebody who has seen one of them so (Mark): it is changed only
// if it still is, so the second of two who change it is told. Empty compares nothing.
func (a *Accounts) AsSeen(mark string) *Accounts {
	seen := *a
	seen.seen = mark
	return &seen
}

// Factors is what an account has for a second factor.
type Factors struct {
	Tokens   int // of the user of its name, in any state
	Passkeys int
}

// Factors tells for each account what it has for a second factor.
func (a *Accounts) Factors(ctx context.Context, of ...store.Admin) (all []Factors, err error) {
	err = a.db.View(ctx, func(r store.Reader) error {
		all = make([]Factors, len(of))
		for i, is := range of {
			user, err := r.User(is.Name)
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
			keys, err := r.Passkeys(is.ID)
			if err != nil {
				return err
			}
			all[i] = Factors{user.Tokens, len(keys)}
		}
		return nil
	})
	return all, err
}

// change changes an account that by may manage, and ends its sessions: they were opened by
// what it was. Nothing is done, and changed is false, if edit leaves it as it is.
func (a *Accounts) change(ctx context.Context, by authz.Principal, name string, action audit.Action,
	origin audit.Origin, edit func(store.Tx, *store.Admin) error) (after store.Admin, changed bool, err error) {
	err = a.db.Update(ctx, func(tx store.Tx) error {
		before, err := findAdmin(tx, name)
		if err != nil {
			return err
		}
		role, err := authz.ParseRole(before.Role)
		if err != nil {
			return err
		}
		if err := mayManage(by, role); err != nil {
			return err
		}
		if a.seen != "" && a.seen != Mark(before) {
			return fault.New(fault.Conflict, "admin_changed", fmt.Sprintf("Somebody changed the administrator %s since you "+
				"looked at it.", before.Name)).WithHint("Look at it as it is now, and decide again.")
		}
		after = before
		if err := edit(tx, &after); err != nil {
			return err
		}
		was, is := audit.Changed(AdminFields(before), AdminFields(after))
		if changed = len(is) > 0; !changed {
			return nil
		}
		return errors.Join(tx.ChangeAdmin(before, after), tx.EndSessions(before.Name),
			tx.AppendAudit(audit.Entry{Time: a.time(), Action: action, Outcome: audit.Done, Origin: origin,
				Subject: audit.Subject{Other: before.Name}, Before: was,
				After: append(is, audit.Field{Name: "id", Value: before.ID})}.Canonical()))
	})
	return after, changed, err
}

// SetRole gives an account another role, which ends its sessions. by may do so between
// roles below its own.
func (a *Accounts) SetRole(ctx context.Context, by authz.Principal, name string, role authz.Role, helpDesk bool,
	origin audit.Origin) (store.Admin, error) {
	if err := mayGive(by, role, helpDesk); err != nil {
		return store.Admin{}, err
	}
	is, _, err := a.change(ctx, by, name, audit.AdminRoleSet, origin, func(_ store.Tx, is *store.Admin) error {
		is.Role, is.HelpDesk = role.String(), helpDesk
		return nil
	})
	return is, err
}

// Disable keeps an account from signing in, and ends its sessions.
func (a *Accounts) Disable(ctx context.Context, by authz.Principal, name string, origin audit.Origin) (store.Admin,
	error) {
	is, _, err := a.change(ctx, by, name, audit.AdminDisabled, origin, func(_ store.Tx, is *store.Admin) error {
		if is.Disabled.IsZero() {
			is.Disabled = a.time()
		}
		return nil
	})
	return is, err
}

// Enable lets a disabled account sign in again.
func (a *Accounts) Enable(ctx context.Context, by authz.Principal, name string, origin audit.Origin) (store.Admin,
	error) {
	is, _, err := a.change(ctx, by, name, audit.AdminEnabled, origin, func(_ store.Tx, is *store.Admin) error {
		is.Disabled = time.Time{}
		return nil
	})
	return is, err
}

// ResetPassword gives an account a new random password, which must be changed at the next
// sign-in, and ends its sessions. With forget its passkeys are removed: for somebody who has
// lost the device. The password cannot be had again.
func (a *Accounts) ResetPassword(ctx context.Context, by authz.Principal, name string, forget bool,
	origin audit.Origin) (password string, err error) {
	of, err := a.Find(ctx, name)
	if err != nil {
		return "", err
	}
	password, stored, err := a.drawPassword(ctx, of)
	if err != nil {
		return "", err
	}
	_, _, err = a.change(ctx, by, name, audit.AdminPasswordSet, origin, func(tx store.Tx, is *store.Admin) error {
		if is.ID != of.ID {
			return store.ErrConflict
		}
		is.Password, is.MustChange = stored, true
		if !forget {
			return nil
		}
		all, err := tx.Passkeys(is.ID)
		for _, p := range all {
			err = errors.Join(err, a.removePasskey(tx, *is, p, origin))
		}
		return err
	})
	if err != nil {
		return "", err
	}
	return password, nil
}
