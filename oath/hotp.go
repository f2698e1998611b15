package oath

// HOTP returns the HOTP value of counter (RFC 4226 section 5.3) with 6 to 10
// digits. Ten digits are the whole 31-bit value behind leading zeros, so that the
// first is 0, 1 or 2. Whoever needs several codes of one key makes a Scanner. The
// error is ErrHash, ErrDigits or ErrKeyLength.
func HOTP(key []byte, counter uint64, h Hash, digits int) (string, error) {
	s, err := NewScanner(key, h, digits)
	if err != nil {
		return "", err
	}
	code := s.Code(counter)
	s.Wipe()
	return code, nil
}

// TOTP returns the TOTP value at a moment (RFC 6238 section 4.2): the HOTP value
// of its time step, see Step for unix, period and t0. RFC 6238 uses a period of
// 30 and a t0 of 0. The error is ErrTime or one of those of HOTP.
func TOTP(key []byte, unix int64, period, t0 int64, h Hash, digits int) (string, error) {
	step, err := Step(unix, period, t0)
	if err != nil {
		return "", err
	}
	return HOTP(key, step, h, digits)
}

// Step returns the number of the time step a moment lies in, T of RFC 6238 section
// 4.2: (unix - t0) / period rounded down. The moment and t0 are seconds since
// 1970-01-01 UTC and may be negative, the period is in seconds. A period below 1
// or a moment before t0 is ErrTime.
func Step(unix, period, t0 int64) (uint64, error) {
	if period < 1 || unix < t0 {
		return 0, ErrTime
	}
	// The difference may exceed an int64, but as unix >= t0 never a uint64.
	return (uint64(unix) - uint64(t0)) / uint64(period), nil
}
