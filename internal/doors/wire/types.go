package wire

import "time"

// TokenType is a named definition that tokens belong to.
type TokenType struct {
	Name         string     `json:"name"`
	Kind         string     `json:"kind" enum:"hardware,software"`
	BuiltIn      bool       `json:"built_in,omitempty"`
	Algorithm    string     `json:"algorithm" enum:"HOTP,TOTP,OCRA"`
	Hash         string     `json:"hash,omitempty" doc:"SHA1, SHA256 or SHA512; absent if the seed file specifies it."`
	Digits       int        `json:"digits,omitempty"`
	Period       int64      `json:"period,omitempty" doc:"Seconds of a TOTP time step."`
	Suite        string     `json:"suite,omitempty" doc:"OCRA suite."`
	Prefix       string     `json:"serial_prefix,omitempty" doc:"Prefix of the serials of a software type."`
	Width        int        `json:"serial_width,omitempty" doc:"Digits of a serial after the prefix, with leading zeros."`
	Start        uint64     `json:"series_start,omitempty" doc:"Number of the first serial."`
	Activation   string     `json:"activation" enum:"none,one-step,two-step"`
	Profile      string     `json:"profile,omitempty" doc:"Name of the profile of a software authenticator."`
	Manufacturer string     `json:"manufacturer,omitempty" doc:"With product: which tokens of a vendor file get this type."`
	Product      string     `json:"product,omitempty"`
	MaxPerUser   int        `json:"max_per_user,omitempty" doc:"Maximum tokens of this type for a user; absent for no limit of the type."`
	LifetimeDays int        `json:"lifetime_days,omitempty" doc:"Days that a new token is valid; absent for no end."`
	Retired      *time.Time `json:"retired,omitempty" doc:"Retired at this time: no new tokens since."`

	ProfileRetired *time.Time `json:"profile_retired,omitempty" doc:"Its profile was retired at this time: no new tokens until it has another one."`
	Warnings       []string   `json:"warnings,omitempty" doc:"Warnings: allowed, but rarely intended; only in the answer to a creation or change."`
}

// TokenTypeList is all token types, by name.
type TokenTypeList struct {
	Types []TokenType `json:"types" nullable:"false"`
}

// TokenTypeRequest defines a new token type. What is absent takes the default
// of authenticator apps.
type TokenTypeRequest struct {
	Name         string `json:"name" minLength:"1" maxLength:"32" pattern:"^[a-z][a-z0-9-]*$"`
	Kind         string `json:"kind" enum:"hardware,software"`
	Algorithm    string `json:"algorithm" enum:"HOTP,TOTP,OCRA"`
	Hash         string `json:"hash,omitempty" enum:"SHA1,SHA256,SHA512" doc:"SHA1 if absent."`
	Digits       int    `json:"digits,omitempty" minimum:"6" maximum:"10" doc:"6 if absent."`
	Period       int64  `json:"period,omitempty" minimum:"1" maximum:"172800" doc:"Seconds of a TOTP time step; 30 if absent."`
	Suite        string `json:"suite,omitempty" maxLength:"128" doc:"OCRA suite."`
	Prefix       string `json:"serial_prefix,omitempty" maxLength:"3" pattern:"^[A-Z0-9]*$" doc:"Prefix of the serials of a software type."`
	Width        int    `json:"serial_width,omitempty" minimum:"1" maximum:"15" doc:"Digits of a serial after the prefix; 8 if absent."`
	Start        uint64 `json:"series_start,omitempty" doc:"Number of the first serial; 10000001 if absent."`
	Activation   string `json:"activation,omitempty" enum:"none,one-step,two-step" doc:"none if absent."`
	Profile      string `json:"profile,omitempty" maxLength:"128"`
	Manufacturer string `json:"manufacturer,omitempty" maxLength:"128"`
	Product      string `json:"product,omitempty" maxLength:"128"`
	MaxPerUser   int    `json:"max_per_user,omitempty" minimum:"0" maximum:"32"`
	LifetimeDays int    `json:"lifetime_days,omitempty" minimum:"0" maximum:"36500"`
}

// TokenTypeChange changes what is given of a token type. Profile, manufacturer,
// product, max_per_user and lifetime_days may always change, the rest only before
// there was a token of the type.
type TokenTypeChange struct {
	Algorithm    *string `json:"algorithm,omitempty" enum:"HOTP,TOTP,OCRA"`
	Hash         *string `json:"hash,omitempty" maxLength:"16"`
	Digits       *int    `json:"digits,omitempty" minimum:"6" maximum:"10"`
	Period       *int64  `json:"period,omitempty" minimum:"0" maximum:"172800"`
	Suite        *string `json:"suite,omitempty" maxLength:"128"`
	Prefix       *string `json:"serial_prefix,omitempty" maxLength:"3" pattern:"^[A-Z0-9]*$"`
	Width        *int    `json:"serial_width,omitempty" minimum:"1" maximum:"15"`
	Start        *uint64 `json:"series_start,omitempty"`
	Activation   *string `json:"activation,omitempty" enum:"none,one-step,two-step"`
	Profile      *string `json:"profile,omitempty" maxLength:"128"`
	Manufacturer *string `json:"manufacturer,omitempty" maxLength:"128"`
	Product      *string `json:"product,omitempty" maxLength:"128"`
	MaxPerUser   *int    `json:"max_per_user,omitempty" minimum:"0" maximum:"32"`
	LifetimeDays *int    `json:"lifetime_days,omitempty" minimum:"0" maximum:"36500"`
}

// Series is where the serials of a software type come from.
type Series struct {
	Type    string `json:"type"`
	Next    string `json:"next,omitempty" doc:"The next serial; absent at the end of the series."`
	Present string `json:"highest_present,omitempty" doc:"The highest existing serial of the type."`
	Issued  uint64 `json:"used" doc:"How many serials were issued."`
	Left    uint64 `json:"left" doc:"How many serials are left."`
}

// SeriesList is the series of all software types, by name.
type SeriesList struct {
	Series []Series `json:"series" nullable:"false"`
}

// SeriesRequest sets the next serial.
type SeriesRequest struct {
	Next string `json:"next" minLength:"1" maxLength:"32" doc:"The next serial, or its number. It must be above every serial of the type that was issued or exists."`
}
