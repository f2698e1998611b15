package seedfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"ostiary/oath"
	"ostiary/pskc"
)

// OTPAuth is a list of key URIs.
const OTPAuth Format = "otpauth"

var otpauthFormat = format{
	name:        OTPAuth,
	description: "list of otpauth:// URIs, one per line",
	recognise: func(h *head) bool {
		return strings.HasPrefix(h.line, "otpauth://") || bytes.HasPrefix(h.text, uriMark(OTPAuth))
	},
	open: openURIs,
}

// uris reads lists of otpauth and otpauth-migration URIs, one per line; both may
// stand in one file.
type uris struct {
	*job
	t       *table
	batches batches
}

// uriMark is a comment at the start of a remainder, by which it is recognised
// although its first URI may be damaged.
func uriMark(f Format) []byte { return []byte("# " + f + " URIs") }

func openURIs(j *job) (parser, error) {
	if mark := uriMark(j.info.Format); !bytes.HasPrefix(j.data, mark) {
		j.preface.text = string(mark) + "\n"
	}
	return &uris{job: j, t: &table{data: j.data, comments: true}}, nil
}

func (u *uris) rewind() {
	u.t.rewind()
	u.batches = nil
}

func (u *uris) next() (entry, error) {
	line := u.t.nextFilled()
	if line == nil {
		u.batches.notes(u.job)
		return entry{}, io.EOF
	}
	text := string(bytes.TrimSpace(line))
	e := entry{from: u.t.from, to: u.t.pos, answers: u.read(text)}
	if len(e.answers) > 1 {
		whole := u.data[e.from:e.to]
		e.part = func(keep []bool) []byte {
			return bytes.Replace(whole, []byte(text), []byte(migrationPart(text, keep)), 1)
		}
	}
	return e, nil
}

// read gives the keys of one line, at least one answer.
func (u *uris) read(text string) []answer {
	if len(text) > maxLine {
		return []answer{u.no("", "the line is too long")}
	}
	switch scheme, _, _ := strings.Cut(text, ":"); {
	case strings.EqualFold(scheme, "otpauth-migration"):
		return u.migration(text)
	case strings.EqualFold(scheme, "otpauth"):
		return []answer{u.uri(text)}
	}
	return []answer{u.no("", "the line is no otpauth URI")}
}

// no refuses what the line has for one serial.
func (u *uris) no(serial, format string, args ...any) answer {
	return answer{bad: refuse(u.t.n, serial, format, args...)}
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
func (u *uris) uri(text string) answer {
	x, err := oath.ParseURI(u.relax(text))
	if err != nil {
		if bad, ok := errors.AsType[*oath.URIError](err); ok {
			return u.no("", "%s", bad.Error())
		}
		return u.no("", "the line is no otpauth URI")
	}
	defer x.Secret.Wipe()
	k := &pskc.Key{Kind: pskc.TOTP, Line: u.t.n, Serial: accountSerial(x.Issuer, x.Account), Issuer: x.Issuer,
		FriendlyName: x.Account,
		Secret:       slices.Clone(x.Secret.Bytes()), Hash: x.Hash.String()}
	if x.Type == oath.TypeHOTP {
		k.Kind, k.Counter, k.HasCounter = pskc.HOTP, x.Counter, true
	} else {
		k.Interval, k.HasInterval = uint64(x.Period), true
	}
	u.setDigits(k, x.Digits)
	return verdict(k, u.finish(k))
}

// finish is what all URIs have in common; it says what is wrong.
func (u *uris) finish(k *pskc.Key) string {
	if why := u.badSecret(len(k.Secret)); why != "" {
		return fmt.Sprintf("its secret of %d bytes %s", len(k.Secret), why)
	}
	if k.HasInterval && k.Interval > maxPeriod {
		return fmt.Sprintf("its time step is longer than %d seconds", maxPeriod)
	}
	u.silent(k, k.Kind, 0)
	return ""
}

// accountSerial makes the serial number that a URI does not have.
func accountSerial(issuer, account string) string {
	if issuer == "" {
		return account
	}
	return issuer + ":" + account
}
