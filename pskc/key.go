package pskc

import "time"

// Kind is what a key computes, told from its Algorithm URI.
type Kind string

// The kinds of keys.
const (
	HOTP  Kind = "HOTP"  // event-based, RFC 4226
	TOTP  Kind = "TOTP"  // time-based, RFC 6238
	OCRA  Kind = "OCRA"  // challenge-response, RFC 6287
	PIN   Kind = "PIN"   // the secret is a PIN that a policy refers to
	Other Kind = "OTHER" // any other Algorithm: look at [Key.Algorithm]
)

// What holds when a file is silent (RFC 6030 section 10 and the habits of
// manufacturers).
const (
	defaultDigits = 6
	defaultPeriod = 30 * time.Second
)

// Key is one key of the file with the device it belongs to. Two keys of one
// device are two Keys with the same Serial; Serial, IssueNo, ID and Algorithm
// together tell them apart. Texts are trimmed, and line breaks inside them
// are blanks.
type Key struct {
	ID        string // Id attribute of Key
	Algorithm string // Algorithm attribute as written
	Kind      Kind
	Line      int // line of the file where the Key element starts

	Manufacturer  string // of DeviceInfo, as are the next five
	Serial        string
	Model         string
	IssueNo       string
	DeviceBinding string
	DeviceUserID  string
	ModuleID      string // Id of CryptoModuleInfo

	Issuer       string
	FriendlyName string // the first one, if there are several languages
	KeyUserID    string
	ProfileID    string // KeyProfileId
	Reference    string // KeyReference

	// Suite is, for OCRA, the suite; otherwise the name of the hash as
	// written, "" if the file has none.
	Suite string
	// Hash is the hash of HOTP and TOTP: "SHA1", "SHA256" or "SHA512". No
	// Suite means SHA1. For the other kinds it is "".
	Hash string

	// Secret is the caller's: nothing else refers to its bytes.
	Secret Secret

	Counter     uint64 // 0 if the file has none
	HasCounter  bool
	Time        int64 // in intervals, as RFC 6030 has it
	HasTime     bool
	Interval    uint64 // TimeInterval in seconds; see [Key.Period]
	HasInterval bool
	Drift       int64 // in intervals; negative: the device is slow
	HasDrift    bool

	Response     ResponseFormat // see [Key.Digits]
	HasResponse  bool
	Challenge    ChallengeFormat
	HasChallenge bool

	// NotBefore and NotAfter are the latest StartDate and the earliest
	// ExpiryDate of DeviceInfo and Policy; zero if the file has none. A date
	// without a time zone is taken as UTC.
	NotBefore, NotAfter time.Time

	Policy Policy

	// Record is what an Ostiary server knows of the key beside RFC 6030, in a
	// form of our own: see docs/pskc-record.md. Whoever gets a Record, and
	// io.EOF in the end, has the file as it was written, unless they asked for a
	// part of it ([Options.AllowPart]).
	Record []Property
	// Hidden is the part of the record that is secret. Like Secret it is the caller's.
	Hidden []HiddenProperty
}

// Wipe overwrites what is secret of the key.
func (k *Key) Wipe() {
	clear(k.Secret)
	for _, h := range k.Hidden {
		clear(h.Value)
	}
}

// Digits is the length of a response: what ResponseFormat says, else 6.
func (k *Key) Digits() int {
	if k.HasResponse && k.Response.Length != 0 {
		return k.Response.Length
	}
	return defaultDigits
}

// Period is the time step: TimeInterval, else 30 seconds.
func (k *Key) Period() time.Duration {
	if k.HasInterval {
		return time.Duration(k.Interval) * time.Second
	}
	return defaultPeriod
}

// ResponseFormat describes what the device shows.
type ResponseFormat struct {
	Encoding    string // DECIMAL, HEXADECIMAL, ALPHANUMERIC, BASE64 or BINARY
	Length      int    // 0 if not given
	CheckDigits bool
}

// ChallengeFormat describes what the device takes.
type ChallengeFormat struct {
	Encoding    string // as in [ResponseFormat]
	Min, Max    int
	CheckDigits bool
}

// Policy is what the issuer demands of the key's use. A key whose Policy has
// anything not read here is refused, as RFC 6030 section 5 rules.
type Policy struct {
	// KeyUsage holds the permitted uses: OTP, CR, Encrypt, Integrity, Verify,
	// Unlock, Decrypt, KeyWrap, Unwrap, Derive, Generate. Empty: any.
	KeyUsage []string
	// Transactions is how often the key may be used, if HasTransactions.
	Transactions    uint64
	HasTransactions bool
	// PIN is nil if the key has no PIN policy.
	PIN *PINPolicy
}

// PINPolicy is the PINPolicy element. Numbers are 0 where not given.
type PINPolicy struct {
	KeyID             string // the Key, of kind [PIN], that holds the PIN
	UsageMode         string // Local, Prepend, Append or Algorithmic
	Encoding          string // as in [ResponseFormat]
	MinLength         int
	MaxLength         int
	MaxFailedAttempts int
}
