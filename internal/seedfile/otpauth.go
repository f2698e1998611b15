package seedfile

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"

	"ostiary/oath"
	"ostiary/pskc"
)

// uris reads lists of otpauth and otpauth-migration URIs, one per line; both may
// stand in one file.
type uris struct {
	*job
	t       *table
	pending []answer // of the migration URI that was read last
	batches batches
}

func newURIs(j *job) *uris {
	return &uris{job: j, t: &table{data: j.data, comments: true}}
}

func (u *uris) rewind() {
	u.t.rewind()
	u.pending, u.batches = nil, nil
}

func (u *uris) next() (*pskc.Key, error) {
	for len(u.pending) == 0 {
		line := u.t.nextLine()
		if line == nil {
			u.batches.notes(u.job)
			return nil, io.EOF
		}
		if u.t.blank(line) {
			continue
		}
		u.pending = u.read(string(bytes.TrimSpace(line)))
	}
	a := u.pending[0]
	u.pending = u.pending[1:]
	return a.key, a.err
}

// read gives the keys of one line, at least one answer.
func (u *uris) read(text string) []answer {
	if len(text) > maxLine {
		return []answer{{nil, refuse(u.t.n, "", "the line is too long")}}
	}
	switch scheme, _, _ := strings.Cut(text, ":"); {
	case strings.EqualFold(scheme, "otpauth-migration"):
		return u.migration(text)
	case strings.EqualFold(scheme, "otpauth"):
		k, err := u.uri(text)
		return []answer{{k, err}}
	}
	return []answer{{nil, refuse(u.t.n, "", "the line is no otpauth URI")}}
}

// presentation are parameters that apps add for their own display. They are
// dropped: image by FreeOTP, icon, color and tags by andOTP and others, lock by
// FreeOTP, codeDisplay by Ente.
var presentation = []string{"image", "icon", "color", "tags", "lock", "codeDisplay"}

// relax drops from a URI what exports of apps add and oath.ParseURI refuses:
// presentation, an empty issuer, the time step of an event-based key and the
// counter 0 of a time-based one. Nothing of it says how codes are computed.
func (u *uris) relax(text string) string {
	head, query, ok := strings.Cut(text, "?")
	if !ok {
		return text
	}
	lower := strings.ToLower(head)
	hotp, totp := strings.HasPrefix(lower, "otpauth://hotp/"), strings.HasPrefix(lower, "otpauth://totp/")
	kept := slices.DeleteFunc(strings.Split(query, "&"), func(p string) bool {
		name, value, _ := strings.Cut(p, "=")
		if slices.Contains(presentation, name) {
			u.note("The parameter %s is for the display of an app and was passed over.", name)
			return true
		}
		return name == "issuer" && value == "" || hotp && name == "period" || totp && name == "counter" && value == "0"
	})
	return head + "?" + strings.Join(kept, "&")
}

// uri reads one otpauth URI.
func (u *uris) uri(text string) (*pskc.Key, error) {
	line := u.t.n
	x, err := oath.ParseURI(u.relax(text))
	if err != nil {
		if bad, ok := errors.AsType[*oath.URIError](err); ok {
			return nil, refuse(line, "", "%s", bad.Error())
		}
		return nil, refuse(line, "", "the line is no otpauth URI")
	}
	defer x.Secret.Wipe()
	k := &pskc.Key{Kind: pskc.TOTP, Line: line, Serial: accountSerial(x.Issuer, x.Account), Issuer: x.Issuer, FriendlyName: x.Account,
		Secret: slices.Clone(x.Secret.Bytes()), Hash: x.Hash.String()}
	if x.Type == oath.TypeHOTP {
		k.Kind, k.Counter, k.HasCounter = pskc.HOTP, x.Counter, true
	} else {
		k.Interval, k.HasInterval = uint64(x.Period), true
	}
	u.setDigits(k, x.Digits)
	return u.finish(k)
}

// finish is what all URIs have in common.
func (u *uris) finish(k *pskc.Key) (*pskc.Key, error) {
	if why := u.badSecret(len(k.Secret)); why != "" {
		n := len(k.Secret)
		clear(k.Secret)
		return nil, refuse(k.Line, k.Serial, "its secret of %d bytes %s", n, why)
	}
	if k.HasInterval && k.Interval > maxPeriod {
		clear(k.Secret)
		return nil, refuse(k.Line, k.Serial, "its time step is longer than %d seconds", maxPeriod)
	}
	u.silent(k, k.Kind, 0)
	return k, nil
}

// accountSerial makes the serial number that a URI does not have.
func accountSerial(issuer, account string) string {
	if issuer == "" {
		return account
	}
	return issuer + ":" + account
}
