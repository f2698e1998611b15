package seedfile

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

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
	return []answer{u.no("", "the line is not an otpauth URI")}
}

// no refuses what the line has for one serial.
func (u *uris) no(serial, format string, args ...any) answer {
	return answer{bad: refuse(u.t.n, shownSerial(serial), format, args...)}
}

// finish is what all URIs have in common; it says what is wrong.
func (u *uris) finish(k *pskc.Key) string {
	if why := u.badSecret(len(k.Secret)); why != "" {
		return fmt.Sprintf("its secret of %d bits %s", len(k.Secret)*8, why)
	}
	if k.HasInterval && k.Interval > maxPeriod {
		return fmt.Sprintf("its time step is longer than %d seconds", maxPeriod)
	}
	u.silent(k, k.Kind, 0)
	return ""
}

// setNames reads how apps name a key: a label ISSUER:ACCOUNT or ACCOUNT, and an issuer
// beside it, which wins. Nothing of it changes codes. The serial number, which such
// files do not have, is made of them. It says what is wrong.
func (u *uris) setNames(k *pskc.Key, label, issuer string) string {
	if !utf8.ValidString(label) || !utf8.ValidString(issuer) {
		return "its name is not UTF-8 text"
	}
	label, k.Issuer = strings.TrimSpace(label), strings.TrimSpace(issuer)
	prefix, account, ok := strings.Cut(label, ":")
	prefix, account = strings.TrimSpace(prefix), strings.TrimSpace(account)
	switch {
	case !ok:
		account = label
	case k.Issuer == "":
		k.Issuer = prefix
	case prefix != "" && !strings.EqualFold(prefix, k.Issuer):
		account = label // so that the accounts of two companies are not one
		u.note("If the issuer of an entry differs from its label, the issuer was used, and the whole label " +
			"is the account.")
	}
	k.FriendlyName = account
	switch {
	case account == "" && k.Issuer == "":
		return "it has no name"
	case account == "":
		k.Serial = k.Issuer
	case k.Issuer == "":
		k.Serial = account
	default:
		k.Serial = k.Issuer + ":" + account
	}
	return ""
}
