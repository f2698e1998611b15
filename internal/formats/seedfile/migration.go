package seedfile

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"ostiary/oath"
	"ostiary/pskc"
)

// OTPAuthMigration is how authenticator apps hand keys to each other.
const OTPAuthMigration Format = "otpauth-migration"

var migrationFormat = format{
	name:        OTPAuthMigration,
	description: "otpauth-migration:// URIs, the transfer codes of Google Authenticator",
	recognise: func(h *head) bool {
		return strings.HasPrefix(h.line, "otpauth-migration:") || bytes.HasPrefix(h.text, uriMark(OTPAuthMigration))
	},
	open: openURIs,
}

// Numbers of the migration payload, which Google Authenticator made and others
// took over.
const (
	payloadKey     = 1
	payloadVersion = 2
	batchSize      = 3
	batchIndex     = 4
	batchID        = 5

	keySecret    = 1
	keyName      = 2
	keyIssuer    = 3
	keyAlgorithm = 4
	keyDigits    = 5
	keyType      = 6
	keyCounter   = 7
	keyUniqueID  = 8
)

var (
	migrationHashes = map[uint64]oath.Hash{0: oath.SHA1, 1: oath.SHA1, 2: oath.SHA256, 3: oath.SHA512}
	migrationDigits = map[uint64]int{0: 6, 1: 6, 2: 8, 3: 7}
	migrationKinds  = map[uint64]pskc.Kind{1: pskc.HOTP, 2: pskc.TOTP}
)

// batches remembers which parts of a transfer were seen: one needs several URIs
// if it has many keys.
type batches map[uint64]*batch

type batch struct {
	size uint64
	seen map[uint64]bool
}

// notes names the transfers that are not complete.
func (b batches) notes(j *job) {
	for _, id := range slices.Sorted(maps.Keys(b)) {
		if t := b[id]; uint64(len(t.seen)) < t.size {
			j.note("The file has %[2]d of %[1]d parts of a transfer; the keys of the other parts are not in it.", t.size,
				len(t.seen))
		}
	}
}

// migration reads one otpauth-migration URI.
func (u *uris) migration(text string) []answer {
	no := func(reason string) []answer { return []answer{u.no("", "%s", reason)} }
	data, ok := migrationData(text)
	if !ok {
		return no("the line is not an otpauth-migration URI, or was cut off")
	}
	defer clear(data)
	var out []answer
	var part batch
	var index, id uint64
	p := protobuf{b: data}
	for f, ok := p.next(); ok; f, ok = p.next() {
		switch {
		case f.number == payloadKey && f.bytes != nil:
			k, why := u.migrationKey(f.bytes)
			if why != "" {
				why = fmt.Sprintf("key %d of the URI: %s", len(out)+1, why)
			}
			out = append(out, verdict(k, why))
		case f.number == payloadVersion && f.bytes == nil:
		case f.number == batchSize && f.bytes == nil:
			part.size = f.value
		case f.number == batchIndex && f.bytes == nil:
			index = f.value
		case f.number == batchID && f.bytes == nil:
			id = f.value
		default:
			p.bad = true
		}
	}
	if p.bad || len(out) == 0 {
		wipe(out)
		if p.bad {
			return no("the payload of the URI is damaged, or has a newer format")
		}
		return no("the payload of the URI has no keys")
	}
	if u.batches == nil {
		u.batches = batches{}
	}
	if u.batches[id] == nil {
		part.seen = map[uint64]bool{}
		u.batches[id] = &part
	}
	u.batches[id].seen[index] = true
	return out
}

// migrationData gives the payload: base64 in the parameter data, whose signs are
// percent-encoded or not.
func migrationData(text string) ([]byte, bool) {
	head, query, ok := strings.Cut(text, "?")
	if !ok || !strings.EqualFold(strings.TrimSuffix(head, "/"), "otpauth-migration://offline") {
		return nil, false
	}
	value, ok := strings.CutPrefix(strings.TrimRight(query, "&"), "data=")
	if !ok || strings.ContainsAny(value, "&#") {
		return nil, false
	}
	value, err := url.PathUnescape(value) // a plus sign is a plus sign
	if err != nil {
		return nil, false
	}
	return Base64.decode([]byte(strings.NewReplacer("-", "+", "_", "/").Replace(value)))
}

// migrationPart is a URI that migration has read, with the keys that are kept.
func migrationPart(text string, keep []bool) string {
	data, _ := migrationData(text)
	defer clear(data)
	var out []byte
	key := 0
	p := protobuf{b: data}
	for f, ok := p.next(); ok; f, ok = p.next() {
		if f.number == payloadKey {
			key++
		}
		if f.number != payloadKey || keep[key-1] {
			out = append(out, f.raw...)
		}
	}
	defer clear(out)
	head, _, _ := strings.Cut(text, "?")
	return head + "?data=" + url.QueryEscape(base64.StdEncoding.EncodeToString(out))
}

// migrationKey reads one key of a payload, or says what is wrong.
func (u *uris) migrationKey(b []byte) (k *pskc.Key, why string) {
	k = &pskc.Key{Line: u.t.n}
	var name, issuer string
	var numbers [keyUniqueID + 1]uint64
	texts := map[uint64]*string{keyName: &name, keyIssuer: &issuer, keyUniqueID: new(string)}
	p := protobuf{b: b}
	for f, ok := p.next(); ok; f, ok = p.next() {
		text := texts[f.number]
		switch {
		case f.number == keySecret && f.bytes != nil:
			clear(k.Secret)
			k.Secret = slices.Clone(f.bytes)
		case text != nil && f.bytes != nil && utf8.Valid(f.bytes):
			*text = string(f.bytes)
		case f.number >= keyAlgorithm && f.number <= keyCounter && f.bytes == nil:
			numbers[f.number] = f.value
		default:
			p.bad = true
		}
	}
	if p.bad {
		return k, "its fields are damaged, or have a newer format"
	}
	if why := u.setNames(k, name, issuer); why != "" {
		return k, why
	}
	hash, ok := migrationHashes[numbers[keyAlgorithm]]
	if !ok {
		return k, fmt.Sprintf("its hash, number %d, is not SHA-1, SHA-256 or SHA-512", numbers[keyAlgorithm])
	}
	digits, ok := migrationDigits[numbers[keyDigits]]
	if !ok {
		return k, fmt.Sprintf("its number of digits, kind %d, is not known", numbers[keyDigits])
	}
	if k.Kind, ok = migrationKinds[numbers[keyType]]; !ok {
		return k, fmt.Sprintf("its type, number %d, is neither event-based nor time-based", numbers[keyType])
	}
	k.Hash = hash.String()
	u.setDigits(k, digits)
	switch {
	case k.Kind == pskc.TOTP:
		k.Interval, k.HasInterval = 30, true // the format has no other
	case numbers[keyCounter] > 1<<63-1:
		return k, "its counter is negative"
	default:
		k.Counter, k.HasCounter = numbers[keyCounter], true
	}
	return k, u.finish(k)
}
