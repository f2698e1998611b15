package audit

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"ostiary/internal/core/token"
)

// Action names what was done. The catalogue is closed: a new action is a new
// constant here.
type Action string

// The catalogue of actions.
const (
	DatabaseCreated     Action = "database.created"  // with its keys
	DatabaseRestored    Action = "database.restored" // an older copy was put back, and accepted
	DatabaseMoved       Action = "database.moved"    // a step of it, to another one
	IntegrityBegun      Action = "integrity.begun"   // what stood before is taken on trust
	RowForged           Action = "row.forged"        // found: somebody else wrote it
	ServerStarted       Action = "server.started"
	ServerStopped       Action = "server.stopped"
	CodeVerified        Action = "code.verified"
	TokenResynced       Action = "token.resynchronised"
	TokenStaged         Action = "token.staged" // imported, once the run is published
	TokenCreated        Action = "token.created"
	TokenConfirmed      Action = "token.confirmed" // a first code, right or wrong
	EnrolmentRenewed    Action = "enrolment.renewed"
	EnrolmentShown      Action = "enrolment.shown" // the secret, to whoever had the link
	TokenAssigned       Action = "token.assigned"
	TokenUnassigned     Action = "token.unassigned"
	TokenStateChanged   Action = "token.state_changed"
	TokenDatesSet       Action = "token.dates_set"
	TokenLabelled       Action = "token.labelled"
	TokenReplaced       Action = "token.replaced" // revoked, and its user has another
	TokenUnlocked       Action = "token.unlocked"
	TokenDeleted        Action = "token.deleted"
	TokensExported      Action = "tokens.exported" // they left in a file, secrets and all
	TokenMoved          Action = "token.moved"     // it lives on another server now
	TokenRekeyed        Action = "token.rekeyed"   // an import replaced its secret, or how it makes codes
	SecretShared        Action = "secret.shared"   // several tokens hold it, and its codes count once
	ImportPublished     Action = "import.published"
	ImportAbandoned     Action = "import.abandoned"
	ImportCancelled     Action = "import.cancelled"
	ImportRowsRemoved   Action = "import.rows_removed" // of a report whose time is over
	ActivationStarted   Action = "activation.started"
	ActivationTaken     Action = "activation.taken" // an offer, by a device
	PasswordShown       Action = "activation.password_shown"
	ActivationConfirmed Action = "activation.confirmed" // a device's first code, right or wrong
	ActivationEnded     Action = "activation.ended"     // unconfirmed
	ActivationReset     Action = "activation.reset"     // counts begin anew
	TokenUnbound        Action = "token.unbound"        // its secret is gone, and the device with it
	TypeCreated         Action = "type.created"
	TypeChanged         Action = "type.changed"
	TypeRetired         Action = "type.retired"
	TypeRestored        Action = "type.restored"
	ProfileCreated      Action = "profile.created"
	ProfileRetired      Action = "profile.retired"
	ProfileRestored     Action = "profile.restored"
	ProfileLimited      Action = "profile.limits_set"
	SeriesSet           Action = "series.set"
	SeriesAdvanced      Action = "series.advanced" // by new serials, or by imported ones
	JobStarted          Action = "job.started"     // a change of many tokens, each of which has an entry of its own
	JobEnded            Action = "job.ended"
	UserAdded           Action = "user.added"
	UserStaged          Action = "user.staged" // made by an import, once its run is published
	UserRenamed         Action = "user.renamed"
	UserDeleted         Action = "user.deleted"
	UserUnlocked        Action = "user.unlocked"
	CodesIssued         Action = "codes.issued" // temporary ones, for a user
	CodesRevoked        Action = "codes.revoked"
	KeyCreated          Action = "key.created"
	KeyRevoked          Action = "key.revoked"
	KeyExpired          Action = "key.expired" // was used after its end
	SessionStarted      Action = "session.started"
	SessionEnded        Action = "session.ended"
	SessionProven       Action = "session.proven" // by a code or a passkey, or not
	SelfSignedIn        Action = "self.signed_in" // a user, for self-service
	SelfSignedOut       Action = "self.signed_out"
	LinkIssued          Action = "link.issued" // for self-service, to a user
	RootPasswordSet     Action = "root.password_set"
	AdminAdded          Action = "admin.added"
	AdminRoleSet        Action = "admin.role_set"
	AdminPasswordSet    Action = "admin.password_set"
	AdminDisabled       Action = "admin.disabled"
	AdminEnabled        Action = "admin.enabled"
	PasskeyAdded        Action = "passkey.added"
	PasskeyRemoved      Action = "passkey.removed"
	EventsRetried       Action = "events.retried" // what was not taken is sent again
	RefusalsSuppressed  Action = "refusals.suppressed"
	Verified            Action = "audit.verified" // the log recomputed, and the state held against it
	Archived            Action = "audit.archived" // entries are in a file, and no longer here
)

// Outcome says how an action ended.
type Outcome string

// The outcomes.
const (
	Done     Outcome = "done"     // a change was made
	Accepted Outcome = "accepted" // a code was right and is now used
	Refused  Outcome = "refused"  // a code, password or request was not accepted
)

// Origin says who did something and from where.
type Origin struct {
	Actor   string // the principal's name, such as "key:radius"
	ActorID string // of an API key or an account: a revoked key and a new one may have one name
	Role    string
	Source  string // the network address, or "local"
	Request string // the request id
}

// Subject says to whom or what it was done. Empty parts are left out.
type Subject struct {
	Type, Manufacturer, Serial, KeyID string
	User                              string
	Other                             string // an API key's name, an import run, a caller
}

// SubjectOf names a token and its owner.
func SubjectOf(t token.Token) Subject {
	id := t.Identity
	return Subject{Type: id.Type, Manufacturer: id.Manufacturer, Serial: id.Serial, KeyID: id.KeyID, User: t.OwnerName}
}

// Field is a named value before or after a change: a string, an int64, a
// uint64 or a bool. Secrets and codes are never fields.
type Field struct {
	Name  string
	Value any
}

// Entry is one line of the audit log.
type Entry struct {
	Time    time.Time
	Action  Action
	Outcome Outcome
	Reason  string // why it was refused, or what the administrator wrote
	Origin  Origin
	Subject Subject
	Before  []Field
	After   []Field
	// Also tells what the same act changed of further rows.
	Also []Change
}

// Change is what an act changed of one more row. Without a Subject it is of the
// entry's own.
type Change struct {
	Subject       Subject
	Before, After []Field
}

// version is that of the entries written now. Since version 2 an entry tells all
// that its act changed of what package derive follows.
const version = '2'

// Canonical gives the bytes that are stored and hashed: a JSON object whose
// members stand in byte order, without white space, empty members left out,
// and strings escaped as RFC 8785 section 3.2.2.2 says. Times are RFC 3339 in
// UTC with milliseconds. Text that is no UTF-8 is repaired with U+FFFD.
func (e Entry) Canonical() []byte {
	w := writer{buf: make([]byte, 0, 512)} // which nearly every entry fits in
	w.open()
	w.text("action", string(e.Action))
	w.text("actor", e.Origin.Actor)
	w.text("actor_id", e.Origin.ActorID)
	w.fields("after", e.After)
	w.changes(e.Also)
	w.fields("before", e.Before)
	w.text("outcome", string(e.Outcome))
	w.text("reason", e.Reason)
	w.text("request", e.Origin.Request)
	w.text("role", e.Origin.Role)
	w.text("source", e.Origin.Source)
	w.subject(e.Subject)
	w.name("time")
	w.buf = append(w.buf, '"')
	w.buf = e.Time.UTC().AppendFormat(w.buf, "2006-01-02T15:04:05.000Z")
	w.buf = append(w.buf, '"')
	w.name("v")
	w.buf = append(w.buf, version)
	w.close()
	return w.buf
}

// writer appends canonical JSON. Callers give members in byte order.
type writer struct {
	buf   []byte
	comma bool
}

func (w *writer) open()  { w.buf = append(w.buf, '{'); w.comma = false }
func (w *writer) close() { w.buf = append(w.buf, '}'); w.comma = true }

func (w *writer) name(n string) {
	if w.comma {
		w.buf = append(w.buf, ',')
	}
	w.comma = true
	w.quote(n)
	w.buf = append(w.buf, ':')
}

func (w *writer) text(name, value string) {
	if value != "" {
		w.name(name)
		w.quote(value)
	}
}

func (w *writer) subject(s Subject) {
	if s == (Subject{}) {
		return
	}
	w.name("subject")
	w.open()
	w.text("key_id", s.KeyID)
	w.text("manufacturer", s.Manufacturer)
	w.text("other", s.Other)
	w.text("serial", s.Serial)
	w.text("type", s.Type)
	w.text("user", s.User)
	w.close()
}

func (w *writer) changes(all []Change) {
	if len(all) == 0 {
		return
	}
	w.name("also")
	w.buf, w.comma = append(w.buf, '['), false
	for i := range all {
		if i > 0 {
			w.buf = append(w.buf, ',')
		}
		w.open()
		w.fields("after", all[i].After)
		w.fields("before", all[i].Before)
		w.subject(all[i].Subject)
		w.close()
	}
	w.buf, w.comma = append(w.buf, ']'), true
}

func (w *writer) fields(name string, fields []Field) {
	if len(fields) == 0 {
		return
	}
	if !slices.IsSortedFunc(fields, byName) {
		fields = slices.Clone(fields)
		SortFields(fields)
	}
	w.name(name)
	w.open()
	for _, f := range fields {
		w.name(f.Name)
		switch v := f.Value.(type) {
		case string:
			w.quote(v)
		case int64:
			w.buf = strconv.AppendInt(w.buf, v, 10)
		case uint64:
			w.buf = strconv.AppendUint(w.buf, v, 10)
		case bool:
			w.buf = strconv.AppendBool(w.buf, v)
		default:
			panic("audit: field " + f.Name + " has a type that the canonical form does not have")
		}
	}
	w.close()
}

// SortFields puts fields into the order in which an entry has them. It need not be called,
// and saves a copy of them.
func SortFields(fields []Field) { slices.SortFunc(fields, byName) }

func byName(a, b Field) int { return strings.Compare(a.Name, b.Name) }

const hexDigits = "0123456789abcdef"

func (w *writer) quote(s string) {
	w.buf = append(w.buf, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				w.buf = append(append(w.buf, s[start:i]...), "\uFFFD"...)
				start = i + 1
			}
			i += size
			continue
		}
		w.buf = append(w.buf, s[start:i]...)
		switch c {
		case '"', '\\':
			w.buf = append(w.buf, '\\', c)
		case '\b':
			w.buf = append(w.buf, '\\', 'b')
		case '\t':
			w.buf = append(w.buf, '\\', 't')
		case '\n':
			w.buf = append(w.buf, '\\', 'n')
		case '\f':
			w.buf = append(w.buf, '\\', 'f')
		case '\r':
			w.buf = append(w.buf, '\\', 'r')
		default:
			w.buf = append(w.buf, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xF])
		}
		i++
		start = i
	}
	w.buf = append(append(w.buf, s[start:]...), '"')
}
