package seedfile

import (
	"encoding/base64"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"ostiary/pskc"
)

func TestOTPAuth(t *testing.T) {
	want := []pskc.Key{
		{Kind: pskc.TOTP, Line: 2, Serial: "Example:a.lund@corp.example", Issuer: "Example",
			FriendlyName: "a.lund@corp.example", Secret: unhex(t, k1hex),
			Hash: "SHA256", Interval: 60, HasInterval: true, Response: digits(8), HasResponse: true},
		{Kind: pskc.HOTP, Line: 4, Serial: "b.rahm", FriendlyName: "b.rahm", Secret: unhex(t, k2hex), Counter: 3,
			HasCounter: true, Response: digits(6), HasResponse: true},
		{Kind: pskc.TOTP, Line: 5, Serial: "Big Bank:c", Issuer: "Big Bank", FriendlyName: "c", Secret: unhex(t, k2hex),
			Interval: 30, HasInterval: true, Response: digits(6), HasResponse: true},
	}
	text := testfile(t, "otpauth/export.txt")
	for _, text := range []string{text, "\ufeff" + strings.ReplaceAll(text, "\n", "\r\n")} {
		c := mustOpen(t, text, Options{})
		if sameKeys(t, c.keys, want...); c.info.Format != OTPAuth || len(c.info.Notes) != 2 ||
			!strings.Contains(c.info.Notes[0], "image") {
			t.Errorf("info %+v", c.info)
		}
	}
	c := mustOpen(t, "otpauth://totp/a?secret="+k1b32+"&colour=red\nhello\notpauth://totp/b?secret="+k1b32[:16]+
		"\notpauth://hotp/c?secret="+k1b32+"\notpauth://totp/d?secret="+k1b32+"&period=9999999\n"+
		"otpauth://totp/"+strings.Repeat("e", maxLine)+"\notpauth://totp/f?secret=0"+k1b32+"\notpauth://totp/g",
		Options{})
	refusals(t, c.refused, "1: colour", "2: the line is not an otpauth URI", "3: 80 bits is shorter", "4: counter",
		"5: its parameter period is not a time step", "6: too long", "7: secret", "8: ")
	for _, e := range c.refused {
		silentOn(t, e.Error())
	}
}

// What a payload is made of: numbers and strings, as protocol buffers write them.
func num(field, v uint64) []byte { return append(varint(field<<3), varint(v)...) }
func str(field uint64, s []byte) []byte {
	return append(append(varint(field<<3|2), varint(uint64(len(s)))...), s...)
}
func varint(v uint64) (b []byte) {
	for ; v >= 0x80; v >>= 7 {
		b = append(b, byte(v)|0x80)
	}
	return append(b, byte(v))
}
func cat(parts ...[]byte) (b []byte) {
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

func migrationURI(payload []byte) string {
	return "otpauth-migration://offline?data=" + url.QueryEscape(base64.StdEncoding.EncodeToString(payload))
}

// account is a key of a payload; what is in more replaces what came before.
func account(secret []byte, name, issuer string, more ...[]byte) []byte {
	return str(
		payloadKey, append(cat(str(keySecret, secret), str(keyName, []byte(name)), str(keyIssuer, []byte(issuer)),
			num(keyAlgorithm, 1), num(keyDigits, 1), num(keyType, 2)), cat(more...)...))
}

func TestMigration(t *testing.T) {
	k1, k2 := unhex(t, k1hex), unhex(t, k2hex)
	batch := cat(num(payloadVersion, 1), num(batchSize, 2), num(batchIndex, 0), num(batchID, 1<<64-5))
	text := migrationURI(cat(
		account(k1, "Example:a.lund", "Example"),
		account(k2, "b.rahm", "", num(keyAlgorithm, 3), num(keyDigits, 2), num(keyType, 1), num(keyCounter, 300),
			str(keyUniqueID, []byte("x"))),
		batch))
	want := []pskc.Key{
		{Kind: pskc.TOTP, Line: 1, Serial: "Example:a.lund", Issuer: "Example", FriendlyName: "a.lund", Secret: k1,
			Interval: 30, HasInterval: true, Response: digits(6), HasResponse: true},
		{Kind: pskc.HOTP, Line: 1, Serial: "b.rahm", FriendlyName: "b.rahm", Secret: k2, Hash: "SHA512", Counter: 300,
			HasCounter: true, Response: digits(8), HasResponse: true},
	}
	raw, _ := url.QueryUnescape(text)
	for _, text := range []string{text, raw, strings.NewReplacer("+", "-", "/", "_", "=", "").Replace(
		raw[len("otpauth-migration://offline?data="):])} {
		if !strings.HasPrefix(text, "otpauth") {
			text = "otpauth-migration://offline?data=" + text
		}
		c := mustOpen(t, text, Options{})
		if sameKeys(t, c.keys, want...); c.info.Format != OTPAuthMigration || c.info.Sample.Code != "024918" ||
			!reflect.DeepEqual(c.info.Notes, []string{"The file has 1 of 2 parts of a transfer; the keys of the " +
				"other parts are not in it."}) {
			t.Errorf("info %+v", c.info)
		}
	}
	other := migrationURI(cat(account(k1, "c", ""), num(batchSize, 2), num(batchIndex, 1), num(batchID, 1<<64-5)))
	c := mustOpen(t, "# all of it\n"+text+"\n"+other+"\notpauth://totp/d?secret="+k1b32, Options{})
	if len(c.keys) != 4 || len(c.info.Notes) != 0 {
		t.Errorf("info %+v", c.info)
	}
}

func TestMigrationRefusals(t *testing.T) {
	k1 := unhex(t, k1hex)
	good := account(k1, "a", "")
	for _, tt := range []struct {
		name    string
		payload []byte
		want    string
	}{
		{"MD5", account(k1, "a", "", num(keyAlgorithm, 4)), "hash, number 4"},
		{"digits", account(k1, "a", "", num(keyDigits, 9)), "digits, kind 9"},
		{"type", account(k1, "a", "", num(keyType, 0)), "type, number 0"},
		{"counter", account(k1, "a", "", num(keyType, 1), num(keyCounter, 1<<64-1)), "counter is negative"},
		{"no name", account(k1, " ", ""), "no name"},
		{"short", account(k1[:10], "a", ""), "80 bits is shorter"},
		{"no secret", account(nil, "a", ""), "0 bits is shorter"},
		{"unknown field", account(k1, "a", "", num(9, 1)), "newer format"},
		{"wrong kind of field", account(k1, "a", "", str(keyType, k1)), "damaged"},
		{"not UTF-8", account(k1, "\xff", ""), "damaged"},
		{"no keys", num(payloadVersion, 1), "no keys"},
		{"unknown field of the payload", cat(good, num(6, 1)), "damaged, or ha"},
		{"cut off", good[:len(good)-1], "damaged"},
		{"cut off in a length", []byte{0x0a, 0xff}, "damaged"},
		{"length beyond all", []byte{0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}, "damaged"},
		{"number of 65 bits", cat(good, []byte{0x10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02}),
			"damaged"},
		{"number not in its shortest form", cat(good, []byte{0x10, 0x81, 0x00}), "damaged"},
		{"group", cat(good, []byte{0x0b}), "damaged"},
		{"field 0", cat(good, []byte{0x00, 0x00}), "damaged"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			refusals(t, mustOpen(t, migrationURI(tt.payload), Options{}).refused, "1: "+tt.want)
		})
	}
	uri := migrationURI(good)
	for _, s := range []string{"otpauth-migration://online" + uri[len("otpauth-migration://offline"):], uri + "&a=b",
		uri + "%", strings.Replace(uri, "data", "date", 1), uri[:len(uri)-9] + "!"} {
		refusals(t, mustOpen(t, s, Options{}).refused, "1: the line is not an otpauth-migration URI")
	}
}
