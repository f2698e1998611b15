package store

import "time"

// Admin is the account of an administrator. Password is its stored form; the account is
// in the small tables, whose digest the record of the head has.
type Admin struct {
	ID         string
	Name       string
	Role       string
	HelpDesk   bool
	Password   string
	MustChange bool // at the next sign-in
	Created    time.Time
	Disabled   time.Time // since when; zero if it is not
	// SignedIn is as NoteSignIn was told; zero for never.
	SignedIn time.Time
}

// Passkey is one of an administrator. Count and Used are as UsePasskey was told; all else
// is in the small tables.
type Passkey struct {
	ID        []byte // the credential's, as its device has it
	Admin     string
	Name      string
	Host      string // for which it is
	PublicKey []byte
	Flags     uint8
	AAGUID    []byte
	Created   time.Time
	Count     uint32
	Used      time.Time
}

// View is a list as an administrator has kept it. It proves nothing, and opens nothing.
type View struct {
	Admin string // the ID; empty for ROOT
	List  string
	Name  string // empty for how the list opens
	Query string // as it stands in the address bar
}

// AdminReader reads administrators. Admin and Passkeys say who gets in: the small tables are
// compared with their digest before, once in a transaction, and ErrTampered says that
// somebody else wrote there.
type AdminReader interface {
	Admin(name string) (Admin, error)
	// Passkeys lists those of an administrator, the oldest first.
	Passkeys(admin string) ([]Passkey, error)
	// Admins lists all by name, and AllPasskeys all by ID, as they are.
	Admins() ([]Admin, error)
	// Views lists those of an administrator of one list, by name.
	Views(admin, list string) ([]View, error)
	AllPasskeys() ([]Passkey, error)
}

// AdminWriter changes administrators. A conditional write that finds the row otherwise
// returns ErrConflict.
type AdminWriter interface {
	// AddAdmin returns ErrConflict when the name or the ID is taken.
	AddAdmin(Admin) error
	// ChangeAdmin changes role, help-desk set, password and the rest from what they are
	// before to what they are after; ID, name and Created stay.
	ChangeAdmin(before, after Admin) error
	// NoteSignIn remembers when an administrator signed in last, unless a later time is
	// remembered. What it writes is beside the account, and proves nothing.
	NoteSignIn(id string, at time.Time) error
	// KeepView keeps a view, in the place of the one of its name.
	KeepView(View) error
	RemoveView(admin, list, name string) error
	// AddPasskey returns ErrConflict when there is one of its ID.
	AddPasskey(Passkey) error
	RemovePasskey(admin string, id []byte) error
	// UsePasskey remembers the use of a passkey, and the count of its signatures, if that
	// is more than what is remembered; a count of 0 is of one that does not count.
	UsePasskey(id []byte, count uint32, at time.Time) error
}
