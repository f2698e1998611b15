package wire

import "time"

// Admin is the account of an administrator.
type Admin struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	Role       string     `json:"role" enum:"operator,admin,super_admin"`
	HelpDesk   bool       `json:"help_desk,omitempty"`
	MustChange bool       `json:"must_change,omitempty" doc:"The password was given by somebody else and must be changed at the next sign-in."`
	Created    time.Time  `json:"created"`
	Disabled   *time.Time `json:"disabled,omitempty" doc:"Since when; absent if it is not."`
	SignedIn   *time.Time `json:"signed_in,omitempty" doc:"Last sign-in; absent for never."`
	Tokens     int        `json:"tokens" doc:"Tokens of the user of this name, in any state. Whoever holds a VALID one holds the second factor."`
	Passkeys   int        `json:"passkeys"`
}

// AdminList is all administrators by name.
type AdminList struct {
	Admins []Admin `json:"admins" nullable:"false"`
}

// AdminRequest asks for a new administrator.
type AdminRequest struct {
	Name     string `json:"name" minLength:"1" maxLength:"128" doc:"The name; a code of a token of the user of this name is the second factor."`
	Role     string `json:"role" enum:"operator,admin,super_admin"`
	HelpDesk bool   `json:"help_desk,omitempty" doc:"Add the help-desk set to the role operator."`
}

// AdminRole is another role for an administrator.
type AdminRole struct {
	Role     string `json:"role" enum:"operator,admin,super_admin"`
	HelpDesk bool   `json:"help_desk,omitempty" doc:"Add the help-desk set to the role operator."`
}

// NewAdmin is an administrator with the first password, shown this once.
type NewAdmin struct {
	Admin
	Password string `json:"password" doc:"The first password, which must be changed at the first sign-in. It cannot be shown again."`
}

// AdminReset asks for a new password of an administrator.
type AdminReset struct {
	ForgetPasskeys bool `json:"forget_passkeys,omitempty" doc:"Remove the passkeys, too: the device is lost."`
}

// AdminSession is a session of an administrator, without its token.
type AdminSession struct {
	Session      string    `json:"session" doc:"Names the session."`
	Own          bool      `json:"own,omitempty" doc:"It is the session of this request. Only in the list of one's own sessions."`
	Kind         string    `json:"kind" enum:"bearer,page" doc:"Of a program, or of a browser."`
	Source       string    `json:"source" doc:"Address from which it was begun; of IPv6 the network."`
	Agent        string    `json:"agent,omitempty" doc:"What the browser calls itself."`
	SecondFactor string    `json:"second_factor" enum:"none,needed,missing,code,passkey"`
	Started      time.Time `json:"started"`
	Used         time.Time `json:"used" doc:"Last use, up to a minute old."`
	Until        time.Time `json:"until" doc:"When it ends at the latest."`
}

// AdminSessionList is the sessions of an administrator, the oldest first.
type AdminSessionList struct {
	Sessions []AdminSession `json:"sessions" nullable:"false"`
}

// SessionsEnded says how many sessions were ended.
type SessionsEnded struct {
	Ended int `json:"ended"`
}

// ProofRequest proves a session: by a code, or, without a second factor, by the password.
type ProofRequest struct {
	OTP      string `json:"otp,omitempty" maxLength:"24" doc:"A code of a token that is assigned to the user of the administrator's name; it is used up."`
	Password string `json:"password,omitempty" maxLength:"256" doc:"The password, of an account without a second factor."`
}

// Proven is a session after a proof.
type Proven struct {
	Token        string    `json:"token,omitempty" doc:"If the session has another token from now on."`
	Until        time.Time `json:"until" doc:"When it ends at the latest; it also ends after 30 idle minutes."`
	SecondFactor string    `json:"second_factor" enum:"none,needed,missing,code,passkey"`
	MustChange   bool      `json:"must_change,omitempty" doc:"The session opens nothing before the password is changed."`
}

// ChangePasswordRequest changes one's own password.
type ChangePasswordRequest struct {
	Before   string `json:"before" minLength:"1" maxLength:"256"`
	Password string `json:"password" minLength:"1" maxLength:"256" doc:"At least 12 characters, and not easily guessed."`
}

// Passkey is a passkey of an administrator.
type Passkey struct {
	ID      string     `json:"id"`
	Name    string     `json:"name"`
	Host    string     `json:"host" doc:"The host name of the server that it is for."`
	Created time.Time  `json:"created"`
	Used    *time.Time `json:"used,omitempty"`
}

// PasskeyList is one's own passkeys, the oldest first.
type PasskeyList struct {
	Passkeys []Passkey `json:"passkeys" nullable:"false"`
}

// PasskeyQuestion asks for what a browser is to be asked.
type PasskeyQuestion struct {
	For string `json:"for" enum:"create,use" doc:"create: options for navigator.credentials.create; use: for navigator.credentials.get."`
}

// NewPasskey adds a passkey.
type NewPasskey struct {
	Name   string         `json:"name" minLength:"1" maxLength:"64"`
	Answer map[string]any `json:"answer" doc:"What navigator.credentials.create gave, as JSON."`
}

// PasskeyAnswer proves a session by a passkey.
type PasskeyAnswer struct {
	Answer map[string]any `json:"answer" doc:"What navigator.credentials.get gave, as JSON."`
}
