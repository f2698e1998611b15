package seedfile

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"strings"

	"ostiary/pskc"
)

// YubicoCSV is the log of the YubiKey Personalization Tool.
const YubicoCSV Format = "yubico-csv"

var yubicoFormat = format{
	name:        YubicoCSV,
	description: "log of the YubiKey Personalization Tool (CSV); OATH-HOTP entries",
	recognise:   func(h *head) bool { return isYubico(h.row) },
	open:        openYubico,
}

// yubico reads the log in its two shapes.
//
// The traditional one has 18 fields: event, time, slot, public identity, private
// identity, secret, old and new access code, three flags on the identity, digits,
// counter, and five flags. The time is in the language of the machine and may
// hold commas, so fields are counted from the end. The Yubico one has 7: serial,
// public identity, counter or private identity, secret, access code, time, and
// nothing behind the last comma.
type yubico struct {
	*job
	t *table
}

const (
	traditionalFields = 18
	yubicoFields      = 7
)

// events are what the log calls the ways to program a key. Only OATH-HOTP is
// one this package reads.
var events = []string{"OATH-HOTP", "Yubico OTP", "Static Password", "Challenge-Response", "Configuration Update",
	"Configuration Swap", "Unknown programming mode"}

const loggingStart = "LOGGING START"

// event is the way of programming that a cell names, or "".
func event(cell []byte) string {
	for _, e := range events {
		if s := string(cell); s == e || strings.HasPrefix(s, e+":") {
			return e
		}
	}
	return ""
}

// isYubico tells the first row of a log.
func isYubico(r row) bool {
	first := r.cell(0)
	if event(first) != "" || string(first) == loggingStart {
		return true
	}
	return isYubicoFormat(r) && (len(first) == 0 || isDigits(first))
}

// isYubicoFormat tells a row of 7 fields with a time in its place.
func isYubicoFormat(r row) bool {
	at := r.cell(5)
	return len(r.cells) == yubicoFields && len(r.cell(6)) == 0 && len(at) == len("2013-12-12T08:41:07") &&
		at[4] == '-' && at[10] == 'T'
}

func openYubico(j *job) (parser, error) {
	y := &yubico{job: j, t: newTable(j.data, true)}
	if y.opt.Encoding == "" {
		y.opt.Encoding = Hex
	}
	if first, err := y.t.next(); err == nil && string(first.cell(0)) != loggingStart {
		y.preface = preface{y.t.start, loggingStart + string(y.t.sep) + "\n"}
	}
	y.t.rewind()
	return y, nil
}

func (y *yubico) rewind() { y.t.rewind() }

func (y *yubico) next() (entry, error) {
	for {
		r, err := y.t.next()
		if err != nil {
			return entry{}, err
		}
		if string(r.cell(0)) == loggingStart {
			continue // a mark of the program, no entry
		}
		k := &pskc.Key{Line: r.line, Manufacturer: "Yubico"}
		return r.entry(verdict(k, y.read(k, r))), nil
	}
}

// read fills in a key, or says what is wrong.
func (y *yubico) read(k *pskc.Key, r row) (why string) {
	switch {
	case r.bad != "":
		k.Manufacturer = ""
		return r.bad
	case isYubicoFormat(r):
		why = y.short(k, r)
	default:
		why = y.traditional(k, r)
	}
	if why == "" {
		y.silent(k, pskc.HOTP, 0)
	}
	return why
}

// traditional reads an entry of 18 fields.
func (y *yubico) traditional(k *pskc.Key, r row) string {
	from := len(r.cells) - traditionalFields // how many commas the time has
	kind := event(r.cell(0))
	switch {
	case kind == "":
		return "it is not an entry of a log of the YubiKey Personalization Tool"
	case kind != "OATH-HOTP":
		return "it programs the key for " + kind + ", not for OATH-HOTP"
	case from < 0 || from > 3:
		return "the entry has " + strconv.Itoa(len(r.cells)) + " fields, not 18"
	}
	at := func(i int) int { return from + i }
	k.ID = string(r.cell(at(3)))
	if k.Serial = serialOf(k.ID); k.Serial == "" {
		return "it has no public identity to use as a serial number; let the tool write its log in the Yubico " +
			"format, which has serial numbers"
	}
	if why := y.secret(k, r, at(5)); why != "" {
		return why
	}
	n, why := readDigits(r.cell(at(11)))
	if why != "" {
		return "cell " + r.address(at(11)) + " " + why
	}
	y.setDigits(k, n)
	return y.counter(k, r, at(12))
}

// short reads an entry of 7 fields.
func (y *yubico) short(k *pskc.Key, r row) string {
	k.Serial, k.ID = string(r.cell(0)), string(r.cell(1))
	switch third := r.cell(2); {
	case !isDigits(r.cell(0)):
		return "cell " + r.address(0) + " should contain the serial number"
	case len(third) == 0:
		return "it programs the key for a static password, not for OATH-HOTP"
	case len(third) == 12 && len(r.cell(3)) == 32:
		return "it programs the key for Yubico OTP, not for OATH-HOTP"
	}
	if why := y.secret(k, r, 3); why != "" {
		return why
	}
	if k.ID == "" && string(r.cell(2)) == "0" {
		y.note("Entries without a public identity may be keys for challenge-response, which look the same in the log; " +
			"compare the sample code.")
	}
	if y.opt.Assume.Digits == 0 {
		y.note("The log does not state digits, and 6 were assumed; compare the sample code.")
	}
	return y.counter(k, r, 2)
}

func (y *yubico) secret(k *pskc.Key, r row, i int) string {
	text := r.cell(i)
	if isScientific(text) {
		return "cell " + r.address(i) + " contains a number into which a spreadsheet program converted the secret, which is lost"
	}
	if why := y.setSecret(k, y.opt.Encoding, string(text)); why != "" {
		return "cell " + r.address(i) + ": " + why
	}
	return ""
}

// counter reads the moving factor.
func (y *yubico) counter(k *pskc.Key, r row, i int) (why string) {
	if k.Counter, why = readCounter(r.cell(i)); why != "" {
		return "cell " + r.address(i) + " " + why
	}
	k.HasCounter = true
	return ""
}

const modhex = "cbdefghijklnrtuv"

// serialOf makes a serial number of a public identity: the number that it
// stands for in modhex, if that is below 2^32 as the serial numbers of YubiKeys
// are and not zero, else the identity as written.
func serialOf(id string) string {
	if len(id) != 12 {
		return id
	}
	var b [8]byte
	for i := range len(id) {
		v := strings.IndexByte(modhex, id[i])
		if v < 0 {
			return id
		}
		b[2+i/2] |= byte(v) << (4 * (1 - i%2))
	}
	if bytes.Equal(b[:], make([]byte, len(b))) {
		return "" // the tool's default, which names no key
	}
	if n := binary.BigEndian.Uint64(b[:]); n < 1<<32 {
		return strconv.FormatUint(n, 10)
	}
	return id
}
