// Package wire holds the JSON shapes of the REST API, shared by the server
// (package api) and its client. The struct tags beside json document and bound
// the fields in the OpenAPI description.
package wire

import "time"

// VerifyRequest asks whether a code is right. Exactly one of Serial and User is
// given.
type VerifyRequest struct {
	Serial        string  `json:"serial,omitempty" minLength:"1" maxLength:"128" doc:"Serial of the token."`
	User          string  `json:"user,omitempty" minLength:"1" maxLength:"128" doc:"User who presents the code: all tokens of the user are tried."`
	OTP           string  `json:"otp" minLength:"6" maxLength:"24" pattern:"^[0-9 ]+$" patternDescription:"the digits 0-9 and blanks between them" doc:"The code as the token shows it; spaces between its digits are ignored."`
	Type          string  `json:"type,omitempty" maxLength:"64" doc:"Token type, if several tokens have the serial."`
	Manufacturer  *string `json:"manufacturer,omitempty" maxLength:"128" doc:"Manufacturer, if several tokens have the serial."`
	KeyID         *string `json:"key_id,omitempty" maxLength:"128" doc:"Key id, if a device has several keys of one type."`
	Resynchronize bool    `json:"resynchronize,omitempty" doc:"Search the wide window. Not for the role verifier."`
	Explain       bool    `json:"explain,omitempty" doc:"Also say why a code is refused. Only for callers who may see tokens."`
	Client        string  `json:"client,omitempty" minLength:"1" maxLength:"64" doc:"Client that presents the code to the caller: its IP address, or a name of 1 to 64 bytes. A client that presents too many wrong codes under one name is locked under that name; other clients are not. Omit it rather than send one value for everybody, or a value that the client can choose."`
}

// VerifyResponse is the verdict. Valid is true only after the acceptance is
// stored durably.
type VerifyResponse struct {
	Valid  bool   `json:"valid"`
	Reason string `json:"reason,omitempty" doc:"With explain: why the code was refused, as in the audit log."`
	Ahead  int64  `json:"ahead,omitempty" doc:"With explain, of a code that was recognised in another place: how many codes it is ahead of the next one, or how many time steps it is ahead of now; negative for one that is behind."`
}

// Token is a token as the API shows it: everything but the secret.
type Token struct {
	Serial       string     `json:"serial"`
	Type         string     `json:"type" doc:"Name of the token type."`
	Manufacturer string     `json:"manufacturer"`
	KeyID        string     `json:"key_id" doc:"Distinguishes the keys of one device."`
	Kind         string     `json:"kind" enum:"hardware,software"`
	Algorithm    string     `json:"algorithm" enum:"HOTP,TOTP,OCRA"`
	Hash         string     `json:"hash,omitempty" doc:"SHA1, SHA256 or SHA512; absent for OCRA."`
	Digits       int        `json:"digits"`
	Period       int64      `json:"period,omitempty" doc:"Seconds of a TOTP time step."`
	Suite        string     `json:"suite,omitempty" doc:"OCRA suite."`
	Model        string     `json:"model,omitempty"`
	Issuer       string     `json:"issuer,omitempty"`
	Label        string     `json:"label,omitempty" doc:"Label for administrators."`
	Profile      string     `json:"profile,omitempty" doc:"Name of its profile; absent without an activation."`
	State        string     `json:"state" enum:"VALID,REVOKED_TOKEN_LOST,REVOKED_TOKEN_BROKEN,REVOKED_TOKEN_OTHER,PENDING,MOVING"`
	StateReason  string     `json:"state_reason,omitempty"`
	User         string     `json:"user,omitempty" doc:"The user to whom it is assigned; absent if free."`
	Counter      uint64     `json:"counter" doc:"Lowest counter or time step still acceptable."`
	Drift        int64      `json:"drift" doc:"Measured clock drift in time steps."`
	Fenced       bool       `json:"fenced,omitempty" doc:"Needs two consecutive codes before it accepts single ones: a backup of the database was restored."`
	Failures     int        `json:"failures" doc:"Wrong codes since the last accepted one."`
	FailureLimit int        `json:"failure_limit" doc:"Number of failures that lock the token."`
	Locked       bool       `json:"locked"`
	RetryAt      *time.Time `json:"retry_at,omitempty" doc:"End of the delay that wrong codes caused; with locked, the end of the lock, if it has one."`
	ValidFrom    *time.Time `json:"valid_from,omitempty"`
	ValidUntil   *time.Time `json:"valid_until,omitempty"`
	LastUsed     *time.Time `json:"last_used,omitempty" doc:"Last authentication; checks by administrators do not count."`
	Created      time.Time  `json:"created"`
}

// TokenList is a page of tokens. Next is the cursor of the next page, or null.
type TokenList struct {
	Tokens   []Token `json:"tokens" nullable:"false"`
	Next     *string `json:"next"`
	Previous *string `json:"previous,omitempty" doc:"Cursor of the page before; absent on the first page."`
	Count    *Count  `json:"count,omitempty"`
}

// Count is how many entries of a list match. With more, there may be others.
type Count struct {
	Number int  `json:"number"`
	More   bool `json:"more,omitempty" doc:"There are more than number, or there may be: not all were counted."`
}

// AssignRequest names the user who gets the token.
type AssignRequest struct {
	User string `json:"user" minLength:"1" maxLength:"128"`
}

// ResyncRequest is two consecutive codes of a token.
type ResyncRequest struct {
	OTP1    string  `json:"otp1" minLength:"6" maxLength:"24" pattern:"^[0-9 ]+$" patternDescription:"the digits 0-9 and blanks between them"`
	OTP2    string  `json:"otp2" minLength:"6" maxLength:"24" pattern:"^[0-9 ]+$" patternDescription:"the digits 0-9 and blanks between them" doc:"The code that follows otp1."`
	Counter *uint64 `json:"counter,omitempty" doc:"Start (HOTP) or centre (TOTP) of the search; not below the token's counter."`
	Steps   int     `json:"steps,omitempty" minimum:"1" maximum:"120" doc:"TOTP steps searched in both directions; 20 if absent."`
}

// StateRequest changes a token's state.
type StateRequest struct {
	State  string `json:"state" enum:"VALID,REVOKED_TOKEN_LOST,REVOKED_TOKEN_BROKEN,REVOKED_TOKEN_OTHER"`
	Reason string `json:"reason,omitempty" maxLength:"500"`
}

// User is a person who holds tokens.
type User struct {
	Name     string     `json:"name"`
	Tokens   int        `json:"tokens" doc:"How many tokens are assigned."`
	Failures int        `json:"failures" doc:"Wrong codes under the user's name since the last right one."`
	Locked   bool       `json:"locked"`
	RetryAt  *time.Time `json:"retry_at,omitempty"`
	Created  time.Time  `json:"created"`
}

// ShownUser is one user, with what the log tells of the user's name.
type ShownUser struct {
	User
	FormerNames []string `json:"former_names,omitempty" doc:"Former names of the user, newest first, as far as the audit log records them: older entries have these names."`
}

// UnlockedUser is a user after an unlock.
type UnlockedUser struct {
	User
	UnlockedTokens []string `json:"unlocked_tokens" nullable:"false" doc:"Serials of the user's tokens that had wrong codes; they are cleared, too."`
}

// UserList is a page of users. Next is the cursor of the next page, or null.
type UserList struct {
	Users    []User  `json:"users" nullable:"false"`
	Next     *string `json:"next"`
	Previous *string `json:"previous,omitempty" doc:"Cursor of the page before, for the parameter before; absent on the first page."`
	Count    *Count  `json:"count,omitempty"`
}

// UserRequest names a new user.
type UserRequest struct {
	Name string `json:"name" minLength:"1" maxLength:"128"`
}

// RenameRequest gives a user another name.
type RenameRequest struct {
	Name string `json:"name" minLength:"1" maxLength:"128" doc:"The new name."`
}

// Key is an API key without its secret.
type Key struct {
	ID       string     `json:"id"`
	Name     string     `json:"name"`
	Role     string     `json:"role" enum:"verifier,portal,operator,admin,super_admin"`
	HelpDesk bool       `json:"help_desk,omitempty"`
	Created  time.Time  `json:"created"`
	Revoked  *time.Time `json:"revoked,omitempty"`
	Expires  *time.Time `json:"expires,omitempty" doc:"When it expires; absent for never."`
	LastUsed *time.Time `json:"last_used,omitempty" doc:"Time of the last request with this key; after a crash of the server up to five minutes too old."`
}

// KeyList is all API keys, the revoked ones last.
type KeyList struct {
	Keys []Key `json:"keys" nullable:"false"`
}

// KeyRequest asks for a new API key.
type KeyRequest struct {
	Name     string `json:"name" minLength:"1" maxLength:"64" pattern:"^[A-Za-z0-9._-]+$"`
	Role     string `json:"role" enum:"verifier,portal,operator,admin,super_admin"`
	HelpDesk bool   `json:"help_desk,omitempty" doc:"Add the help-desk set to the role operator."`

	Expires *time.Time `json:"expires,omitempty" doc:"When it expires; absent for never."`
}

// NewKey is an API key with its text, shown this once.
type NewKey struct {
	Key
	Text string `json:"key" doc:"The key itself. It cannot be shown again."`
}

// SessionRequest signs in.
type SessionRequest struct {
	Name     string `json:"name" minLength:"1" maxLength:"128" doc:"ROOT, or the name of an administrator."`
	Password string `json:"password" minLength:"1" maxLength:"256"`
}

// Session is a signed-in session; its token goes where an API key goes.
type Session struct {
	Token string    `json:"token"`
	Until time.Time `json:"until" doc:"When it ends at the latest; it also ends after 30 idle minutes."`

	SecondFactor string `json:"second_factor" enum:"none,needed,missing,code,passkey" doc:"none: ROOT has none; needed: the session opens nothing before it; missing: the account has none; code, passkey: what proved the session."`
	MustChange   bool   `json:"must_change,omitempty" doc:"The session opens nothing before the password is changed."`
}

// PasswordRequest gives ROOT a password of one's own choice.
type PasswordRequest struct {
	Password string `json:"password" minLength:"1" maxLength:"256" doc:"At least 12 characters, and not easily guessed."`
}

// Password is a new password, shown this once.
type Password struct {
	Password string `json:"password"`
}

// AuditEntry is a line of the audit log: its place and the stored object.
type AuditEntry struct {
	Seq   int64          `json:"seq"`
	Entry map[string]any `json:"entry" doc:"The canonical entry: action, actor, outcome, reason, subject, before, after, time and more."`
}

// AuditList is a page of the log, newest first. Next is the cursor of the next
// page, or null.
type AuditList struct {
	Entries  []AuditEntry `json:"entries" nullable:"false"`
	Next     *string      `json:"next"`
	Count    *Count       `json:"count,omitempty"`
	Archives []Archive    `json:"archives,omitempty" doc:"On the last page: the files that may hold more, oldest first."`
}

// AuditReport is the result of recomputing the log and of holding the state against
// it. OK says that both fit.
type AuditReport struct {
	OK          bool   `json:"ok" doc:"The log is intact, and the state matches it."`
	Entries     int64  `json:"entries" doc:"Including archived entries."`
	First       int64  `json:"first" doc:"Place of the first entry that is not archived."`
	Checkpoints int    `json:"checkpoints"`
	Root        string `json:"root" doc:"Merkle tree hash over all entries, base64."`
	Problem     string `json:"problem,omitempty" doc:"What does not match in the log, and where."`

	Mark string `json:"mark,omitempty" doc:"For files read while their server is stopped: what does not match the mark beside the key file, such as an older copy."`

	VerifierKey string    `json:"verifier_key" doc:"The public key that checks what is signed."`
	Archives    []Archive `json:"archives,omitempty" doc:"The files with entries that were archived, oldest first."`
	// ArchivedCheckpoints are those that were given and need the archive.
	ArchivedCheckpoints []int `json:"archived_checkpoints,omitempty" doc:"Which of the given checkpoints (from 0) belong to archived entries and are not stored here: they need the archive."`

	State *AuditState `json:"state,omitempty" doc:"For an intact log: the rows of the database, compared with its entries."`
}

// AuditState is what does not follow from the log.
type AuditState struct {
	Tokens   int            `json:"tokens" doc:"Tokens that were compared with the log."`
	Trusted  int            `json:"trusted" doc:"Rows with values taken on trust, because older entries do not record them."`
	Findings int            `json:"findings" doc:"Number of findings; only the first 100 are listed."`
	Rows     []AuditFinding `json:"rows" nullable:"false"`
}

// AuditFinding is a row that does not follow from the entries.
type AuditFinding struct {
	Row   string `json:"row,omitempty" doc:"Name of the row; empty for a finding about the entry itself."`
	Entry *int64 `json:"entry,omitempty" doc:"Place of the entry in the log: the one that does not match, or the last about the row."`
	Text  string `json:"text"`
}

// Checkpoint is the newest signed statement of the log's size and root.
type Checkpoint struct {
	Checkpoint  string `json:"checkpoint" doc:"A signed note."`
	VerifierKey string `json:"verifier_key" doc:"The public key that checks it."`
}

// Problem is an error answer (RFC 9457).
type Problem struct {
	Type       string     `json:"type"`
	Title      string     `json:"title"`
	Status     int        `json:"status"`
	Detail     string     `json:"detail" doc:"What happened."`
	Hint       string     `json:"hint,omitempty" doc:"What to do next."`
	Code       string     `json:"code" doc:"A stable word for programs."`
	Instance   string     `json:"instance,omitempty" doc:"The request id, as in the server's log."`
	Fields     []string   `json:"fields,omitempty" doc:"What is wrong with which field."`
	Candidates []Identity `json:"candidates,omitempty" doc:"The tokens that an ambiguous serial may mean."`
}

// Identity tells tokens of one serial apart.
type Identity struct {
	Type         string `json:"type"`
	Manufacturer string `json:"manufacturer"`
	KeyID        string `json:"key_id"`
}
