package seedfile

import "slices"

// Format names a format.
type Format string

// The formats that hold keys or assignments.
const (
	PSKC                  Format = "pskc"
	DualShield            Format = "dualshield"
	DualShieldV3          Format = "dualshield-v3"
	DualShieldAssignments Format = "dualshield-assignments"
	EntraCSV              Format = "entra-csv"
	OATHCSV               Format = "oath-csv"
	SafeNet               Format = "safenet-xml"
	YubicoCSV             Format = "yubico-csv"
	OTPAuth               Format = "otpauth"
	OTPAuthMigration      Format = "otpauth-migration"
)

// FormatInfo describes a format.
type FormatInfo struct {
	Name        Format
	Description string
}

var formats = []FormatInfo{
	{PSKC, "PSKC key container (RFC 6030 and the drafts before it)"},
	{DualShield, "Deepnet DualShield seed file, version 5 and later (XML)"},
	{DualShieldV3, "Deepnet Unified Authentication seed file, version 3 (XML)"},
	{DualShieldAssignments, "Deepnet DualShield assignment list (CSV): which user has which token, no secrets"},
	{EntraCSV, "Microsoft Entra hardware token list (CSV), with or without upn; TOTP"},
	{OATHCSV, "OATH CSV: serial, secret, type, digits, period, counter"},
	{SafeNet, "SafeNet and Gemalto token file (XML, Tokens)"},
	{YubicoCSV, "log of the YubiKey Personalization Tool (CSV); OATH-HOTP entries"},
	{OTPAuth, "list of otpauth:// URIs, one per line"},
	{OTPAuthMigration, "otpauth-migration:// URIs, the transfer codes of Google Authenticator"},
}

// Formats lists the formats that can be asked for.
func Formats() []FormatInfo { return slices.Clone(formats) }

// Description says what f is.
func (f Format) Description() string {
	for _, i := range formats {
		if i.Name == f {
			return i.Description
		}
	}
	if i, ok := foreign[f]; ok {
		return i.what
	}
	return string(f)
}
