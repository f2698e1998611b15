package oath

import (
	"errors"
	"math"
	"testing"
)

const rfcKey = "12345678901234567890"

// Appendix D of RFC 4226.
func TestHOTPVectors(t *testing.T) {
	want := []string{
		"755224", "287082", "359152", "969429", "338314",
		"254676", "287922", "162583", "399871", "520489",
	}
	s, err := NewScanner([]byte(rfcKey), SHA1, 6)
	if err != nil {
		t.Fatal(err)
	}
	for c, code := range want {
		got, err := HOTP([]byte(rfcKey), uint64(c), SHA1, 6)
		if err != nil || got != code {
			t.Errorf("HOTP(%d) = %q, %v; want %q", c, got, err, code)
		}
		if got := s.Code(uint64(c)); got != code {
			t.Errorf("Code(%d) = %q, want %q", c, got, code)
		}
		if got, ok := s.Find(code, 0, 100); !ok || got != uint64(c) {
			t.Errorf("Find(%q) = %d, %v; want %d", code, got, ok, c)
		}
	}
}

// The whole truncated values of RFC 4226 appendix D, as ten digits.
func TestHOTPTenDigits(t *testing.T) {
	want := []string{
		"1284755224", "1094287082", "0137359152", "1726969429", "1640338314",
		"0868254676", "1918287922", "0082162583", "0673399871", "0645520489",
	}
	for c, whole := range want {
		for digits := 6; digits <= 10; digits++ {
			got, err := HOTP([]byte(rfcKey), uint64(c), SHA1, digits)
			if err != nil || got != whole[10-digits:] {
				t.Errorf("HOTP(%d) of %d digits = %q, %v; want %q", c, digits, got, err, whole[10-digits:])
			}
		}
	}
}

// Appendix B of RFC 6238, with the seeds of erratum 2866.
func TestTOTPVectors(t *testing.T) {
	rows := []struct {
		unix int64
		want [3]string
	}{
		{59, [3]string{"94287082", "46119246", "90693936"}},
		{1111111109, [3]string{"07081804", "68084774", "25091201"}},
		{1111111111, [3]string{"14050471", "67062674", "99943326"}},
		{1234567890, [3]string{"89005924", "91819424", "93441116"}},
		{2000000000, [3]string{"69279037", "90698825", "38618901"}},
		{20000000000, [3]string{"65353130", "77737706", "47863826"}},
	}
	for _, r := range rows {
		for i, h := range hashes {
			got, err := TOTP(testKey(h), r.unix, 30, 0, h, 8)
			if err != nil || got != r.want[i] {
				t.Errorf("TOTP(%d, %v) = %q, %v; want %q", r.unix, h, got, err, r.want[i])
			}
		}
	}

	// The printed appendix suggests the 20-byte seed for all three hashes. This is
	// what that gives, and it is wrong.
	got, err := TOTP([]byte(rfcKey), 59, 30, 0, SHA512, 8)
	if err != nil || got != "69342147" {
		t.Errorf("TOTP with the short seed = %q, %v; want 69342147", got, err)
	}
}

func TestStep(t *testing.T) {
	tests := []struct {
		name             string
		unix, period, t0 int64
		want             uint64
		err              error
	}{
		{"all of time, one second", math.MaxInt64, 1, math.MinInt64, math.MaxUint64, nil},
		{"all of time, one step", math.MaxInt64, math.MaxInt64, math.MinInt64, 2, nil},
		{"before 1970", -1, 30, -60, 1, nil},
		{"end of a step", 59, 30, 0, 1, nil},
		{"far future", 20000000000, 30, 0, 0x27bc86aa, nil},
		{"latest moment", math.MaxInt64, 30, 0, math.MaxInt64 / 30, nil},
		{"moment before t0", 99, 30, 100, 0, ErrTime},
		{"moment before 1970", -1, 30, 0, 0, ErrTime},
		{"moment is t0", 100, 30, 100, 0, nil},
		{"negative period", 59, -30, 0, 0, ErrTime},
		{"own t0 and period", 1000, 7, 3, 142, nil},
		{"start of a step", 60, 30, 0, 2, nil},
		{"zero period", 59, 0, 0, 0, ErrTime},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Step(tt.unix, tt.period, tt.t0)
			if got != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("Step = %d, %v; want %d, %v", got, err, tt.want, tt.err)
			}
			if tt.err != nil {
				if code, err := TOTP([]byte(rfcKey), tt.unix, tt.period, tt.t0, SHA1, 6); code != "" ||
					!errors.Is(err, tt.err) {
					t.Errorf("TOTP = %q, %v; want %v", code, err, tt.err)
				}
			}
		})
	}
}

func TestRefusedParameters(t *testing.T) {
	key := []byte(rfcKey)
	tests := []struct {
		name   string
		key    []byte
		hash   Hash
		digits int
		err    error
	}{
		{"empty key", []byte{}, SHA1, 6, ErrKeyLength},
		{"five digits", key, SHA1, 5, ErrDigits},
		{"eleven digits", key, SHA1, 11, ErrDigits},
		{"negative digits", key, SHA1, -6, ErrDigits},
		{"nil key", nil, SHA512, 6, ErrKeyLength},
		{"unknown hash", key, SHA512 + 1, 6, ErrHash},
		{"zero digits", key, SHA1, 0, ErrDigits},
		{"zero hash", key, 0, 6, ErrHash},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if s, err := NewScanner(tt.key, tt.hash, tt.digits); s != nil || !errors.Is(err, tt.err) {
				t.Errorf("NewScanner = %v, %v; want %v", s, err, tt.err)
			}
			if code, err := HOTP(tt.key, 1, tt.hash, tt.digits); code != "" || !errors.Is(err, tt.err) {
				t.Errorf("HOTP = %q, %v; want %v", code, err, tt.err)
			}
			if code, err := TOTP(tt.key, 59, 30, 0, tt.hash, tt.digits); code != "" || !errors.Is(err, tt.err) {
				t.Errorf("TOTP = %q, %v; want %v", code, err, tt.err)
			}
		})
	}
}

func TestParseHash(t *testing.T) {
	good := map[Hash][]string{
		SHA1:   {"SHA1", "SHA-1", "sha1", "Sha_1", "HMAC-SHA1", "HMAC-SHA-1", "HmacSHA1", "hmac_sha1"},
		SHA256: {"SHA256", "SHA-256", "sha256", "HMAC-SHA256", "HMAC-SHA-256", "HmacSHA256", "hmac_sha_256"},
		SHA512: {"SHA512", "SHA-512", "sha512", "HMAC-SHA512", "HMAC-SHA-512", "HmacSHA512", "hmacsha512"},
	}
	for h, texts := range good {
		for _, text := range append(texts, h.String()) {
			if got, err := ParseHash(text); got != h || err != nil {
				t.Errorf("ParseHash(%q) = %v, %v; want %v", text, got, err, h)
			}
		}
	}
	for _, text := range []string{
		"", "-", "1", "256", "sha", "hmac", "SHA", "SHA2", "SHA224", "SHA384", "SHA3-256", "SHA-512/256",
		"SHA1 ", " SHA1", "SHA 1", "SHA1\x00", "SHA11", "MD5", "HMAC", "HOTP-SHA1", "invalid",
		"SHA\u200b1", "----------------SHA1", "S-H-A--1------",
	} {
		if got, err := ParseHash(text); got != 0 || !errors.Is(err, ErrHash) {
			t.Errorf("ParseHash(%q) = %v, %v; want ErrHash", text, got, err)
		}
	}
}

func TestHashZeroValue(t *testing.T) {
	for _, h := range []Hash{0, SHA512 + 1, 255} {
		if h.Size() != 0 || h.String() != "invalid" {
			t.Errorf("Hash(%d) has size %d and name %q", uint8(h), h.Size(), h)
		}
	}
	for h, size := range map[Hash]int{SHA1: 20, SHA256: 32, SHA512: 64} {
		if h.Size() != size {
			t.Errorf("%v.Size() = %d, want %d", h, h.Size(), size)
		}
	}
}
