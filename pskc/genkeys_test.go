package pskc

import (
	"flag"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Tests are to fail every time or never: what rapid draws is the same each time.
// make soak draws anew, by -rapid.seed=0.
func init() { _ = flag.Set("rapid.seed", "1") }

// The texts that keys are drawn from: the plain, the odd, and what only
// attributes keep. arbitrary has also what no Reader gives.
var (
	anyText = rapid.OneOf(rapid.Just(""), rapid.StringMatching(`[A-Za-z0-9<>&"' \]\[.:-]{0,20}`), rapid.StringMatching(`[äß漢😀�\x{2028}]{1,5}( [a-z]+)?`))
	trimmed = rapid.Map(anyText, func(s string) string { return strings.Trim(s, " ") })
	odd     = rapid.OneOf(anyText, rapid.String(),
		rapid.SampledFrom([]string{" ", " a", "a\n", "\x00", "\x7f", "a\u0085b", "\ufffe", "\xff",
			strings.Repeat("x", 1025)}))
	arbitrary = rapid.Custom(func(t *rapid.T) string {
		if rapid.IntRange(0, 15).Draw(t, "odd") == 0 {
			return odd.Draw(t, "text")
		}
		return trimmed.Draw(t, "text")
	})
)

var (
	someUint = rapid.OneOf(
		rapid.Uint64(), rapid.SampledFrom([]uint64{0, 1, 1<<53 + 1, math.MaxInt64, math.MaxInt64 + 1, math.MaxUint64}))
	someInt  = rapid.OneOf(rapid.Int64(), rapid.SampledFrom([]int64{0, -1, math.MinInt64, math.MaxInt64}))
	someDate = rapid.Custom(func(t *rapid.T) time.Time {
		if rapid.Bool().Draw(t, "none") {
			return time.Time{}
		}
		first, last := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC).Unix(),
			time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC).Unix()
		return time.Unix(rapid.Int64Range(first, last).Draw(t, "second"), rapid.SampledFrom([]int64{0, 1, 250e6}).Draw(
			t, "fraction")).UTC()
	})
	anyKey = rapid.Custom(func(t *rapid.T) *Key { return drawKey(t, anyText, trimmed) })
)

// anyRecord are records as they may be.
var anyRecord = rapid.Custom(func(t *rapid.T) (record []Property) {
	value := rapid.OneOf(anyText, rapid.Just(""), rapid.Just(strings.Repeat("=", maxPropertyValue)))
	for _, name := range rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z_]{1,32}`), 0, maxProperties, rapid.ID).Draw(t, "names") {
		record = append(record, Property{name, value.Draw(t, "value")})
	}
	return record
})

// drawKey draws a key that a Reader could give, as far as its texts are such.
func drawKey(t *rapid.T, attribute, element *rapid.Generator[string]) *Key {
	text := func(name string) string { return element.Draw(t, name) }
	k := &Key{
		ID: attribute.Draw(t, "id"), Manufacturer: text("manufacturer"), Serial: text("serial"), Model: text("model"),
		IssueNo:       text("issue"),
		DeviceBinding: text("binding"), DeviceUserID: text("device user"), ModuleID: text("module"),
		Issuer:       text("issuer"),
		FriendlyName: text("name"), KeyUserID: text("key user"), ProfileID: text("profile"),
		Reference: text("reference"),
		Secret:    rapid.SliceOfN(rapid.Byte(), 1, 70).Draw(t, "secret"),
		NotBefore: someDate.Draw(t, "start"), NotAfter: someDate.Draw(t, "end"),
	}
	drawAlgorithm(t, k, attribute, element)
	if k.HasCounter = rapid.Bool().Draw(t, "has counter"); k.HasCounter {
		k.Counter = someUint.Draw(t, "counter")
	}
	if k.HasTime = rapid.Bool().Draw(t, "has time"); k.HasTime {
		k.Time = someInt.Draw(t, "time")
	}
	if k.HasDrift = rapid.Bool().Draw(t, "has drift"); k.HasDrift {
		k.Drift = someInt.Draw(t, "drift")
	}
	p := &k.Policy
	if p.HasTransactions = rapid.Bool().Draw(t, "has transactions"); p.HasTransactions {
		p.Transactions = someUint.Draw(t, "transactions")
	}
	if usage := rapid.SliceOfNDistinct(rapid.SampledFrom(keyUsages), 0, 4, rapid.ID).Draw(t, "usage"); len(usage) > 0 {
		p.KeyUsage = usage
	}
	if rapid.Bool().Draw(t, "has pin") {
		length := rapid.IntRange(0, maxNumber)
		p.PIN = &PINPolicy{
			KeyID: attribute.Draw(t, "pin key"), UsageMode: word(t, pinUsages), Encoding: word(t, encodings),
			MinLength: length.Draw(t, "min"), MaxLength: length.Draw(t, "max"),
			MaxFailedAttempts: length.Draw(t, "attempts"),
		}
	}
	return k
}

func word(t *rapid.T, list []string) string {
	return rapid.SampledFrom(append([]string{""}, list...)).Draw(t, "word")
}

// drawAlgorithm draws the algorithm and what depends on it.
func drawAlgorithm(t *rapid.T, k *Key, attribute, element *rapid.Generator[string]) {
	k.Kind = rapid.SampledFrom([]Kind{HOTP, TOTP, OCRA, PIN, Other}).Draw(t, "kind")
	k.HasResponse, k.HasChallenge = rapid.Bool().Draw(t, "has response"), rapid.Bool().Draw(t, "has challenge")
	k.HasInterval = rapid.Bool().Draw(t, "has interval")
	digits := rapid.IntRange(6, 10)
	interval := rapid.Uint64Range(1, maxPeriod)
	switch k.Kind {
	case HOTP, TOTP:
		k.Algorithm = rapid.SampledFrom([]string{algorithmURIs[k.Kind], "#" + strings.ToLower(string(k.Kind)),
			string(k.Kind)}).Draw(t, "algorithm")
		k.Suite = rapid.SampledFrom([]string{"", "HMAC-SHA1", "sha256", "HmacSHA512"}).Draw(t, "suite")
		k.Hash = map[string]string{"": "SHA1", "HMAC-SHA1": "SHA1", "sha256": "SHA256", "HmacSHA512": "SHA512"}[k.Suite]
	case OCRA:
		k.Suite = rapid.SampledFrom([]string{"OCRA-1:HOTP-SHA1-6:QN08", "OCRA-1:HOTP-SHA256-8:C-QN08-PSHA1"}).Draw(
			t, "suite")
		k.Algorithm = rapid.SampledFrom([]string{algorithmURIs[OCRA], algorithmURIs[OCRA] + ":" + k.Suite}).Draw(
			t, "algorithm")
		digits = rapid.IntRange(4, 10)
	case PIN:
		k.Algorithm, k.Suite = algorithmURIs[PIN], element.Draw(t, "suite")
	default:
		k.Algorithm = "urn:other:" + attribute.Draw(t, "algorithm")
		k.Suite = element.Draw(t, "suite")
	}
	if k.Kind == PIN || k.Kind == Other {
		digits, interval = rapid.IntRange(0, maxNumber), rapid.Uint64Range(0, math.MaxInt64)
		k.Response.Encoding, k.Challenge.Encoding = word(t, encodings), word(t, encodings)
		k.Response.CheckDigits, k.Challenge.CheckDigits = rapid.Bool().Draw(t, "check"), rapid.Bool().Draw(t, "check")
	}
	k.Response.Length = digits.Draw(t, "digits")
	k.Challenge.Min, k.Challenge.Max = rapid.IntRange(0, 99).Draw(t, "min"), rapid.IntRange(0, 99).Draw(t, "max")
	if k.HasInterval {
		k.Interval = interval.Draw(t, "interval")
	}
	if !k.HasResponse {
		k.Response = ResponseFormat{}
	}
	if !k.HasChallenge {
		k.Challenge = ChallengeFormat{}
	}
}

// fullKeys are keys that have everything that the schema of RFC 6030 has.
func fullKeys(t testing.TB) []*Key {
	full := func(id string, kind Kind) *Key {
		return &Key{
			ID: id, Kind: kind, Algorithm: algorithmURIs[kind],
			Manufacturer: "oath.AC", Serial: "S-" + id, Model: "M", IssueNo: "2", DeviceBinding: "B",
			DeviceUserID: "CN=d", ModuleID: "CM",
			Issuer: `Zürich & "<Söhne>"`, FriendlyName: "Schlüssel 漢", KeyUserID: "CN=k", ProfileID: "P", Reference: "R",
			Secret: append(Secret(seed), 0, 0xff, id[0]), Counter: 1<<53 + 1, HasCounter: true, Time: 298507,
			HasTime:  true,
			Interval: 60, HasInterval: true, Drift: -4, HasDrift: true,
			Response: ResponseFormat{Encoding: "DECIMAL", Length: 8}, HasResponse: true,
			Challenge: ChallengeFormat{Encoding: "DECIMAL", Min: 6, Max: 8}, HasChallenge: true,
			NotBefore: date(t, "2020-01-01T00:00:00Z"), NotAfter: date(t, "2030-12-31T23:59:59Z"),
			Policy: Policy{KeyUsage: []string{"OTP", "CR"}, Transactions: 7, HasTransactions: true,
				PIN: &PINPolicy{KeyID: "pin", UsageMode: "Local", Encoding: "DECIMAL", MinLength: 4, MaxLength: 8,
					MaxFailedAttempts: 3}},
		}
	}
	hotp, totp, ocra := full("h", HOTP), full("t", TOTP), full("o", OCRA)
	totp.Suite, totp.Hash, hotp.Hash = "HMAC-SHA256", "SHA256", "SHA1"
	ocra.Suite = "OCRA-1:HOTP-SHA256-8:C-QN08-PSHA1"
	pin := &Key{ID: "pin", Kind: PIN, Algorithm: algorithmURIs[PIN], Secret: Secret("1234"), Serial: "S-h"}
	least := &Key{Kind: HOTP, Algorithm: hotpURI, Hash: "SHA1", Secret: Secret(seed)}
	return []*Key{hotp, totp, ocra, pin, least}
}
