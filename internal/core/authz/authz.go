// Package authz says who may do what: the roles, the operations, and one table
// that joins them. Everything that a caller can ask for is an Operation, and an
// operation without a row in the table belongs to nobody: Check makes the
// server refuse to start with one.
package authz

import (
	"fmt"
	"slices"
	"strings"
)

// Role is what a principal is. Its number is its level: a principal manages
// only principals below its own.
type Role int

// The roles.
const (
	None       Role = 0
	Verifier   Role = 10  // a machine that checks codes and does nothing else
	Portal     Role = 20  // a portal that has signed users in, and acts for them
	Operator   Role = 70  // reads users and the audit log; with the help-desk set, more
	Admin      Role = 80  // everything with tokens and users
	SuperAdmin Role = 90  // also other administrators' keys
	Root       Role = 100 // set-up and emergencies
)

var roleNames = map[Role]string{
	Verifier: "verifier", Portal: "portal", Operator: "operator", Admin: "admin", SuperAdmin: "super_admin",
	Root: "root",
}

// String gives the role as the command line and the API write it.
func (r Role) String() string {
	if name, ok := roleNames[r]; ok {
		return name
	}
	return "none"
}

// ParseRole reads a role's name in either case.
func ParseRole(s string) (Role, error) {
	for r, name := range roleNames {
		if strings.EqualFold(s, name) {
			return r, nil
		}
	}
	return None, fmt.Errorf("%q is not a role; the roles are verifier, portal, operator, admin, super_admin", s)
}

// Principal is who asks.
type Principal struct {
	// Name as the audit log shows it, such as "key:radius" or "local:0".
	Name string
	// ID tells the principal from others of that name, if there may be others.
	ID   string
	Role Role
	// HelpDesk adds the help-desk set to an Operator.
	HelpDesk bool
}

// Outranks reports whether p may manage a principal of role r.
func (p Principal) Outranks(r Role) bool { return p.Role > r }

// Operation is one thing a caller can ask for.
type Operation string

// The operations.
const (
	Verify            Operation = "verify"               // check a code
	VerifyWide        Operation = "verify.resynchronize" // check a code in the wide window
	TokenView         Operation = "token.view"
	TokenImport       Operation = "token.import"
	ImportCancel      Operation = "import.cancel" // end one that is under way, whoever began it
	TokenExport       Operation = "token.export"
	TokenCreate       Operation = "token.create"  // and give out enrolment links
	TokenConfirm      Operation = "token.confirm" // present the first code
	TokenAssign       Operation = "token.assign"
	TokenResync       Operation = "token.resync"
	TokenState        Operation = "token.state"
	TokenMarkLost     Operation = "token.mark_lost"
	TokenReplace      Operation = "token.replace" // by a new one, or one of stock
	TokenDates        Operation = "token.dates"   // set when it is valid
	TokenLabel        Operation = "token.label"
	TokenUnlock       Operation = "token.unlock"
	TokenDelete       Operation = "token.delete"
	JobView           Operation = "job.view"           // changes of many tokens; each kind needs its own operation, too
	ActivationStart   Operation = "activation.start"   // and cancel
	ActivationBeyond  Operation = "activation.beyond"  // begin one by typed codes or an image, whatever the limits
	ActivationConfirm Operation = "activation.confirm" // present what a device shows
	ActivationReset   Operation = "activation.reset"   // let counts begin anew
	ActivationUnbind  Operation = "activation.unbind"  // discard the secret of a token
	ActivationAhead   Operation = "activation.ahead"   // create tokens with letters
	SelfService       Operation = "self_service"       // for a user who brings a code of another token
	TypeView          Operation = "type.view"
	TypeManage        Operation = "type.manage"
	ProfileView       Operation = "profile.view"
	ProfileManage     Operation = "profile.manage" // make one, retire it, set its limits
	SeriesView        Operation = "series.view"
	SeriesManage      Operation = "series.manage" // set the next serial
	UserView          Operation = "user.view"
	UserManage        Operation = "user.manage"
	UserUnlock        Operation = "user.unlock"
	UserCode          Operation = "user.code" // issue and revoke temporary codes
	UserLink          Operation = "user.link" // to self-service
	KeyView           Operation = "key.view"
	KeyManage         Operation = "key.manage"
	AuditView         Operation = "audit.view"
	AuditSerials      Operation = "audit.serials" // see tokens' serials in the log, and search by them
	AuditVerify       Operation = "audit.verify"
	AuditArchive      Operation = "audit.archive"  // take entries out of the database into a file
	SessionManage     Operation = "session.manage" // one's own: end it, prove it, choose the password, keep passkeys
	AdminView         Operation = "admin.view"     // accounts and their sessions
	AdminManage       Operation = "admin.manage"   // of roles below one's own
	EventView         Operation = "event.view"     // what others are still to be told
	EventManage       Operation = "event.manage"   // send it again, and test the receiver
	SettingView       Operation = "setting.view"   // how the server was started
	RootPassword      Operation = "root.password"  // set a new ROOT password
)

// grant is one row of the matrix.
type grant struct {
	roles    []Role
	helpDesk bool // an Operator with the help-desk set has it too
	fresh    freshness
}

// freshness says for what an administrator who is signed in proves again who it is.
type freshness int

const (
	never  freshness = iota
	ofMany           // for more than one thing at a time
	always
)

var (
	rootOnly = []Role{Root}
	supers   = []Role{Root, SuperAdmin}
	admins   = []Role{Root, SuperAdmin, Admin}
	readers  = []Role{Root, SuperAdmin, Admin, Operator}
	everyone = []Role{Root, SuperAdmin, Admin, Operator, Portal, Verifier}
)

var matrix = map[Operation]grant{
	Verify:            {roles: []Role{Root, SuperAdmin, Admin, Verifier}, helpDesk: true},
	VerifyWide:        {roles: admins, helpDesk: true},
	TokenView:         {roles: admins, helpDesk: true},
	TokenImport:       {roles: admins},
	ImportCancel:      {roles: admins},
	TokenExport:       {roles: supers, fresh: always},
	TokenCreate:       {roles: admins},
	TokenConfirm:      {roles: admins, helpDesk: true},
	TokenAssign:       {roles: admins},
	TokenResync:       {roles: admins, helpDesk: true},
	TokenState:        {roles: admins},
	TokenMarkLost:     {roles: admins, helpDesk: true},
	TokenReplace:      {roles: admins},
	TokenDates:        {roles: admins},
	TokenLabel:        {roles: admins},
	TokenUnlock:       {roles: admins, helpDesk: true},
	TokenDelete:       {roles: admins, fresh: ofMany},
	JobView:           {roles: admins},
	ActivationStart:   {roles: admins, helpDesk: true},
	ActivationBeyond:  {roles: admins},
	ActivationConfirm: {roles: admins, helpDesk: true},
	ActivationReset:   {roles: admins},
	ActivationUnbind:  {roles: admins, helpDesk: true},
	ActivationAhead:   {roles: admins},
	SelfService:       {roles: []Role{Root, SuperAdmin, Admin, Portal}},
	TypeView:          {roles: admins, helpDesk: true},
	TypeManage:        {roles: admins},
	ProfileView:       {roles: admins, helpDesk: true},
	ProfileManage:     {roles: admins},
	SeriesView:        {roles: admins},
	SeriesManage:      {roles: admins},
	UserView:          {roles: readers},
	UserManage:        {roles: admins, fresh: ofMany},
	UserUnlock:        {roles: admins, helpDesk: true},
	UserCode:          {roles: admins, helpDesk: true},
	UserLink:          {roles: admins, helpDesk: true},
	KeyView:           {roles: supers},
	KeyManage:         {roles: supers, fresh: always},
	AuditView:         {roles: readers},
	AuditSerials:      {roles: admins, helpDesk: true},
	AuditVerify:       {roles: readers},
	AuditArchive:      {roles: supers},
	SessionManage:     {roles: everyone},
	AdminView:         {roles: supers},
	AdminManage:       {roles: supers, fresh: always},
	EventView:         {roles: supers},
	EventManage:       {roles: supers},
	SettingView:       {roles: supers},
	RootPassword:      {roles: rootOnly, fresh: always},
}

// Allows reports whether p may do op. An operation without a row is allowed to
// nobody.
func Allows(p Principal, op Operation) bool {
	g, ok := matrix[op]
	if !ok {
		return false
	}
	return slices.Contains(g.roles, p.Role) || (g.helpDesk && p.Role == Operator && p.HelpDesk)
}

// NeedsFresh reports whether an administrator who is signed in must have proven lately who it
// is, to do op with so many things.
func NeedsFresh(op Operation, things int) bool {
	f := matrix[op].fresh
	return f == always || f == ofMany && things > 1
}

// Check returns an error that names every operation without a row.
func Check(ops ...Operation) error {
	var missing []string
	for _, op := range ops {
		if _, ok := matrix[op]; !ok {
			missing = append(missing, string(op))
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("operations without a row in the permission matrix: %s", strings.Join(missing, ", "))
	}
	return nil
}
