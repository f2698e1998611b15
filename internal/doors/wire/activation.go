package wire

import "time"

// ActivationRequest begins an activation of a token.
type ActivationRequest struct {
	Route    string `json:"route" enum:"offline,qr,online,pushed" doc:"How it reaches the device: typed, as a code image, by a registration code, or encrypted to a device's key."`
	Reason   string `json:"reason,omitempty" enum:"pin-forgotten,device-replaced,device-lost" doc:"Reason for a reactivation. With device-lost the token is also reported lost."`
	Password string `json:"password,omitempty" maxLength:"64" doc:"The activation password, if the profile has one; generated if absent."`
	Days     int    `json:"days,omitempty" minimum:"1" maximum:"365" doc:"How long it is open; if absent, as the limits of the profile say."`
	ERC      bool   `json:"erc,omitempty" doc:"Also issue an event counter code at a first activation, if the profile counts events; later activations always have one."`
	Key      []byte `json:"device_key,omitempty" doc:"HPKE public key of the device (MLKEM768-X25519), for route pushed."`
	Request  []byte `json:"device_request,omitempty" doc:"The message in which the device sent the key; the answer is bound to it."`
}

// Activation is an activation that was begun. Its codes are shown this once.
type Activation struct {
	Serial       string    `json:"serial"`
	DeviceSerial string    `json:"device_serial,omitempty" doc:"The serial that the app has for the token, if it differs: type this one into the app with the code."`
	Route        string    `json:"route"`
	Profile      string    `json:"profile"`
	Title        string    `json:"profile_title" doc:"Name of the profile as the app shows it."`
	Issuer       string    `json:"issuer" doc:"Who issues it, as the app shows it."`
	User         string    `json:"user,omitempty"`
	Expires      time.Time `json:"expires"`
	Code         string    `json:"activation_code,omitempty" doc:"In groups of five."`
	ERC          string    `json:"erc,omitempty" doc:"Event counter code, in groups of five."`
	QRBody       string    `json:"qr_body,omitempty" doc:"Content of the code image: serial, activation code and event counter code."`
	Password     string    `json:"activation_password,omitempty" doc:"If it was generated. Send it to the user separately from the code."`
	PasswordSent bool      `json:"password_sent,omitempty" doc:"The activation password was generated, and is sent to the user by an event."`
	NeedsPass    bool      `json:"password_needed,omitempty" doc:"The app asks for the activation password."`
	Binding      bool      `json:"device_binding,omitempty" doc:"The confirmation needs a derivation code."`
	Pair         bool      `json:"two_codes,omitempty" doc:"The app shows two one-time passwords; the confirmation needs both."`
	Registration string    `json:"registration_code,omitempty" doc:"For the app, with url."`
	URL          string    `json:"url,omitempty" doc:"Address of this server for apps."`
	Offer        string    `json:"offer,omitempty" doc:"Both as the content of a code image."`
	Enc          []byte    `json:"enc,omitempty"`
	XFAD         []byte    `json:"xfad,omitempty"`
	XERC         []byte    `json:"xerc,omitempty"`
	Warnings     []string  `json:"warnings,omitempty"`
}

// ActivationConfirm is a confirmation as a device shows it.
type ActivationConfirm struct {
	OTP        string `json:"otp" minLength:"6" maxLength:"24" pattern:"^[0-9 ]+$" patternDescription:"the digits 0-9 and blanks between them"`
	NextOTP    string `json:"next_otp,omitempty" minLength:"6" maxLength:"24" pattern:"^[0-9 ]+$" patternDescription:"the digits 0-9 and blanks between them" doc:"The next one-time password, if the app shows two."`
	Derivation string `json:"derivation_code,omitempty" maxLength:"64" doc:"With device binding."`
}

// ActivationResult is what became of a confirmation.
type ActivationResult struct {
	Serial    string `json:"serial"`
	Accepted  bool   `json:"accepted"`
	TriesLeft *int   `json:"tries_left,omitempty" doc:"If it was not accepted; at 0 the activation has ended."`
	State     string `json:"state" doc:"Current state of the token."`
}

// ActivationReset names the counts that begin anew.
type ActivationReset struct {
	Successes bool `json:"successes,omitempty"`
	Failures  bool `json:"failures,omitempty"`
	Interval  bool `json:"interval,omitempty"`
}

// ActivationOverview is how the activations of a token stand.
type ActivationOverview struct {
	Serial      string           `json:"serial"`
	State       string           `json:"state"`
	User        string           `json:"user,omitempty"`
	Profile     string           `json:"profile"`
	Counts      ActivationCounts `json:"counts"`
	Activations []PastActivation `json:"activations" nullable:"false" doc:"The last 50, the newest first."`
}

// ActivationCounts is how a token stands against the limits.
type ActivationCounts struct {
	Days         int        `json:"days" doc:"The window over which the server counts, in whole days."`
	Window       int64      `json:"window_seconds" doc:"The window over which the server counts, in seconds."`
	Successes    int        `json:"successes" doc:"Activations after the first."`
	MaxSuccesses int        `json:"max_successes"`
	Failures     int        `json:"failures" doc:"Wrong confirmations."`
	MaxFailures  int        `json:"max_failures"`
	NextAt       *time.Time `json:"next_at,omitempty" doc:"When the interval after the last activation ends."`
}

// PastActivation is one activation of a token.
type PastActivation struct {
	Route       string     `json:"route"`
	Reason      string     `json:"reason,omitempty"`
	By          string     `json:"by"`
	SelfService bool       `json:"self_service,omitempty"`
	Again       bool       `json:"again,omitempty" doc:"Not the first of the token."`
	NewSecret   bool       `json:"new_secret"`
	Status      string     `json:"status" enum:"open,confirmed,cancelled,superseded,tries_used,expired"`
	Live        bool       `json:"live,omitempty" doc:"The activation whose codes are accepted."`
	Opened      time.Time  `json:"opened"`
	Expires     time.Time  `json:"expires"`
	Ended       *time.Time `json:"ended,omitempty"`
	WrongTries  int        `json:"wrong_tries,omitempty"`
	TriesLeft   *int       `json:"tries_left,omitempty"`
	Taken       *time.Time `json:"taken,omitempty" doc:"When a device took the offer."`
	DeviceType  string     `json:"device_type,omitempty"`
	DeviceName  string     `json:"device_name,omitempty"`
	Device      string     `json:"device,omitempty" doc:"Distinguishes bound devices."`
}

// ActivationsRequest asks for activations made ahead: of new tokens, or of those whose
// codes were lost.
type ActivationsRequest struct {
	Type    string `json:"type" minLength:"1" maxLength:"32"`
	Profile string `json:"profile,omitempty" maxLength:"32" doc:"That of the type if absent."`
	Count   int    `json:"count,omitempty" doc:"New tokens, 1 to 100; absent with serials."`
	Label   string `json:"label,omitempty" maxLength:"128"`
	Days    int    `json:"days,omitempty" minimum:"1" maximum:"365" doc:"How long they are open; 90 if absent."`
	// Serials are of tokens that are there.
	Serials []string `json:"serials,omitempty" maxItems:"100" nullable:"false" doc:"Instead of new tokens: existing tokens of an earlier batch whose codes nobody has. They must be PENDING, never activated, and without a user; their earlier codes no longer work."`
}

// Activations are those that were made ahead. Should the database fail in the middle,
// missing says how many there are not, and problem why.
type Activations struct {
	Activations []Activation `json:"activations" nullable:"false"`
	Missing     int          `json:"missing,omitempty"`
	Problem     string       `json:"problem,omitempty"`
}

// OwnActivationRequest is a user's own, which a portal makes that has signed the user
// in.
type OwnActivationRequest struct {
	User   string `json:"user" minLength:"1" maxLength:"128"`
	Serial string `json:"serial" minLength:"1" maxLength:"64" doc:"Serial of the token to activate, which is assigned to the user."`
	Reason string `json:"reason,omitempty" enum:"pin-forgotten,device-replaced,device-lost" doc:"\"I forgot my PIN\", \"I have a new phone\", \"I lost my phone\"; absent for \"activate my phone\"."`
	Code   string `json:"code" minLength:"6" maxLength:"24" pattern:"^[0-9 ]+$" patternDescription:"the digits 0-9 and blanks between them" doc:"A code of another token of the user."`
}

// OwnActivationConfirm is a confirmation that the user typed.
type OwnActivationConfirm struct {
	User   string `json:"user" minLength:"1" maxLength:"128"`
	Serial string `json:"serial" minLength:"1" maxLength:"64"`
	ActivationConfirm
}
