package wire

import "time"

// Profile is a parameter sheet of software authenticators. Words and names are
// those of its TOML.
type Profile struct {
	Name         string               `json:"name"`
	Title        string               `json:"title" doc:"The name that apps show."`
	Issuer       string               `json:"issuer" doc:"The organisation that apps show."`
	Prefix       string               `json:"serial_prefix" doc:"Prefix of its serials; may be empty."`
	Fingerprint  string               `json:"fingerprint" doc:"The first 20 hexadecimal digits of the profile hash, as apps show them."`
	TwoStep      bool                 `json:"two_step"`
	Channel      bool                 `json:"secure_channel,omitempty"`
	Applications []ProfileApplication `json:"applications" nullable:"false"`
	PIN          ProfilePIN           `json:"pin"`
	Activation   ProfileActivation    `json:"activation"`
	Created      time.Time            `json:"created"`
	Retired      *time.Time           `json:"retired,omitempty" doc:"No new tokens and no first activations since."`
	UsedBy       []string             `json:"used_by" nullable:"false" doc:"Token types whose new tokens have it."`
	StaticVector string               `json:"static_vector" doc:"Configuration for an app, as text to paste. It is not secret."`
	Warnings     []string             `json:"warnings,omitempty" doc:"Warnings: allowed, but perhaps not intended; only in the answer to a creation."`
}

// ProfileApplication is one function of an authenticator.
type ProfileApplication struct {
	Index int    `json:"index" doc:"1 to 8."`
	Name  string `json:"name"`
	Mode  string `json:"mode" enum:"response-only,challenge-response,signature"`
	Suite string `json:"suite" doc:"HOTP-SHA1-6, TOTP-SHA1-6/30 or an OCRA suite."`
}

// ProfilePIN is the rules for the PIN that a user chooses.
type ProfilePIN struct {
	Min        int    `json:"min" doc:"Digits."`
	Max        int    `json:"max" doc:"Digits."`
	RefuseWeak bool   `json:"refuse_weak"`
	Tries      int    `json:"tries"`
	Penalty    string `json:"penalty" enum:"erase,wrong-answers" doc:"What happens after the last try."`
	Level      string `json:"level" enum:"none,hash" doc:"Whether the device can tell a wrong PIN."`
}

// ProfileActivation is the rules for activations.
type ProfileActivation struct {
	Code          string   `json:"code" enum:"base32,decimal"`
	Password      bool     `json:"password"`
	CheckPassword bool     `json:"check_password"`
	DeviceBinding bool     `json:"device_binding"`
	NewKey        bool     `json:"new_key"`
	Reactivation  bool     `json:"reactivation"`
	Argon2id      Argon2id `json:"argon2id"`
}

// Argon2id is the parameters under which passwords and PINs are stretched.
type Argon2id struct {
	Passes int `json:"passes"`
	Memory int `json:"memory_kib"`
	Lanes  int `json:"lanes"`
}

// ProfileList is all profiles, by name.
type ProfileList struct {
	Profiles []Profile `json:"profiles" nullable:"false"`
}

// ProfileRequest makes a profile, which never changes from then on.
type ProfileRequest struct {
	Name string `json:"name" minLength:"1" maxLength:"32" pattern:"^[a-z][a-z0-9-]*$"`
	TOML string `json:"toml" minLength:"1" maxLength:"65536" doc:"The profile in TOML, as examples/profiles explains it. Ids and keys are drawn by the server."`
}

// ProfileLimits is the limits of a profile's activations. What the profile sets counts;
// the rest is as the flags of the server say.
type ProfileLimits struct {
	Profile       string `json:"profile"`
	Expiry        Limit  `json:"expiry_seconds" doc:"How long an activation begun without days is open."`
	Tries         Limit  `json:"tries" doc:"Wrong confirmations that end an activation."`
	Reactivations Limit  `json:"reactivations" doc:"Maximum activations of a token after the first in the window."`
	Failures      Limit  `json:"reactivation_failures" doc:"Maximum wrong confirmations of a token in the window."`
	Window        Limit  `json:"reactivation_window_seconds" doc:"The window over which the server counts."`
	Interval      Limit  `json:"reactivation_interval_seconds" doc:"From an activation of a token to the next."`
}

// Limit is one of them: a number of things or of seconds.
type Limit struct {
	Value  int64  `json:"value" doc:"The current limit."`
	From   string `json:"from" enum:"profile,server" doc:"Where it is set."`
	Server int64  `json:"server" doc:"The limit of the server's flag."`
}

// ProfileLimitsChange sets what is given of a profile's limits. 0 gives one back to the
// server's flag.
type ProfileLimitsChange struct {
	Expiry        *int64 `json:"expiry_seconds,omitempty" minimum:"0" maximum:"31536000" doc:"60 at least; 0 for the server's."`
	Tries         *int   `json:"tries,omitempty" minimum:"0" maximum:"99" doc:"0 for the server's."`
	Reactivations *int   `json:"reactivations,omitempty" minimum:"0" maximum:"1000000" doc:"0 for the server's."`
	Failures      *int   `json:"reactivation_failures,omitempty" minimum:"0" maximum:"1000000" doc:"0 for the server's."`
	Window        *int64 `json:"reactivation_window_seconds,omitempty" minimum:"0" maximum:"31536000" doc:"86400 at least; 0 for the server's."`
	Interval      *int64 `json:"reactivation_interval_seconds,omitempty" minimum:"0" maximum:"31536000" doc:"60 at least, and not above the window; 0 for the server's."`
}
