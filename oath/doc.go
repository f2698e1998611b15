// Package oath computes and checks one-time passwords: HOTP (RFC 4226), TOTP (RFC
// 6238) and OCRA (RFC 6287), and reads and writes the key URIs (otpauth://) that
// carry their keys into authenticators.
//
// It is arithmetic only. It knows no clock, draws no random numbers, stores
// nothing and does no I/O: keys, times and counters are arguments, and what they
// mean afterwards is the caller's.
//
// # Which call to use
//
// An authenticator, which shows one code at a time, calls HOTP or TOTP.
//
// A server, which has to find a code in a window, makes a Scanner of the token's
// key and calls Find: with HOTP from the counter above the last accepted one; with
// TOTP from the time step (see Step) a little before now, but above the last
// accepted one. To resynchronise a token that has drifted it asks for two codes in
// a row and calls FindPair over a larger window. Then it calls Wipe.
//
//	s, err := oath.NewScanner(key, oath.SHA1, 6)
//	if err != nil {
//		return err
//	}
//	defer s.Wipe()
//	counter, found := s.Find(code, last+1, 10)
//
// For challenges, mutual authentication and signatures there is Suite, with
// Response on the side that answers and Find on the side that checks.
//
// # What the caller must do
//
// A code that was found is right; whether it is accepted is another question. A
// code must be accepted once. The caller stores the counter or step that was
// found, accepts only a greater one from then on, and lets one conditional write
// decide between two requests at the same time. After FindPair both codes are
// spent. See RFC 4226 section 7.2 and RFC 6238 section 5.2.
//
// The windows are the caller's policy, and so is the number of failures before a
// token is locked: with six digits, each candidate of a window gives a guesser
// one chance in a million. RFC 4226 section 7.3 and RFC 6238 section 5.2 advise on
// both. A search computes its whole window, so a window must never come from
// outside.
//
// Keys come from a random source and have at least 16 bytes, better 20 (RFC 4226
// section 4, R6); this package refuses the empty key only, as it cannot know what
// an old token holds.
//
// # Units and ranges
//
// Codes are strings of ASCII digits with their leading zeros; never compare them
// as numbers. HOTP and TOTP have 6 to 10 digits, OCRA 4 to 10 or the whole HMAC.
// Counters and time steps are uint64. Moments are int64 seconds since 1970-01-01
// UTC, periods are seconds.
//
// # Secrets
//
// Codes are compared in constant time, and a search takes as long whether it finds
// or not. The computation itself reads the HMAC at a place that depends on it, as
// the standards prescribe; the place spans 19 bytes at most. No error contains a
// key, a PIN, a code or a part of one. In a URI and in an Input keys and PINs are
// of type Secret, which does not print.
//
// Errors are the sentinels ErrHash, ErrDigits, ErrKeyLength, ErrTime, ErrSuite,
// ErrInput and ErrURI, some with a reason added; test for them with errors.Is.
//
// Where the standard library runs in its FIPS 140-only mode, SHA-1 is refused with
// ErrHash.
//
// # Standards
//
// RFC 6238 is read with errata 2866 and 4678, RFC 6287 with erratum 3729 (hours
// of a time step end at 48) and in the reading of its program in appendix A where
// the text leaves a question open: how questions and session information are
// filled up. The vectors of all three documents are among the tests.
package oath
