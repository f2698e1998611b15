// Package seedfile reads the files, other than PSKC, that bring the secrets of
// tokens, and tells the formats apart.
//
//	f, err := seedfile.Open(upload, seedfile.Options{Now: now})
//	if err != nil {
//		return err // an *Error: what is wrong with the file, and what to ask for
//	}
//	defer f.Close()
//	show(f.Info()) // format, how secrets are written and why, a sample code
//	for {
//		key, err := f.Next() // as pskc.Reader has it
//		…
//	}
//
// # Formats
//
// [Formats] lists what is read. [Detect] recognises a format by content; the
// field Format of [Options] overrides it. A PSKC file is recognised and left to
// package pskc. A file that is recognised and cannot be read, such as one under
// PGP, is refused by its name with a hint what to ask the manufacturer for.
//
// # A key for a key
//
// Open reads the whole file, at most [MaxBytes] and [MaxKeys], and goes through
// it once before it delivers a key. So a file that is cut off or not well formed
// gives no key at all, and [Info] counts them beforehand. Next then answers once
// for each entry of the file: a key, or a [*pskc.KeyError] with the line and, in
// a table, the address of the cell as spreadsheet programs name it, such as C17.
// Nothing is passed over but blank lines, comments where the format has them,
// and what the format's section here says.
//
// [Remainder] writes what was refused as a file to be mended.
//
// Contents of cells and elements are not repeated in errors, as a secret may
// stand in the wrong column; names of elements are, and serial numbers unless
// they could be secrets.
//
// # What files leave out
//
// Many formats do not say whether a token is event-based or time-based, nor the
// hash, digits or time step. The defaults are those of the format, else SHA-1,
// 6 digits and 30 seconds; Options.Assume replaces them where a file is silent,
// never where it speaks. Info.Notes names what was assumed for want of anything
// better. Compare Info.Sample with the device.
//
// # Tables
//
// Entra and OATH CSV, the DualShield assignment list and the Yubico log are
// tables: separated by comma, semicolon or tab, in UTF-8 or, with a byte order
// mark, UTF-16; cells may be quoted as RFC 4180 has it. A quoted cell may hold
// line breaks, which become blanks, unless what it holds looks like further rows:
// then its closing mark was forgotten, which costs its own row alone. Rows whose
// cells are all empty are blank. The first line may be sep= as Excel writes it.
// Titles of columns may stand in any order and case; one that is not known
// refuses the file. A column of users (upn, user, login) sets KeyUserID.
//
// Secrets are hexadecimal or base32, and the file does not say which. The whole
// column decides: one secret that can only be hexadecimal decides for it, one
// that can only be base32 for that. A column where both occur is refused. If all
// secrets could be either, the length decides where only one reading has a usual
// size (10, 16, 20, 24, 32, 64 bytes); else the file is refused until
// Options.Encoding says. Base64 is taken if no secret is anything else.
//
// What a spreadsheet program does to numbers is refused cell by cell: 1.2E+11,
// 55000101.0, #NUM!, digits after the fifteenth turned into zeros, and serial numbers
// that are shorter than most others where no number of the column starts with a
// zero; Options.KeepSerials takes the latter as they are.
//
// What the rows say together, a remainder says in a line #rest: at its start, which
// then goes before what its own rows say.
//
// # Serial numbers
//
// They are taken as written. An otpauth URI has none: the serial is
// issuer:account, or the account alone without an issuer. In the Yubico log of
// 18 fields, which has none either, it is the public identity: as a decimal
// number if it is modhex for a number below 2^32 (12 characters that begin with
// cccc), else as written.
package seedfile
