package seedfile

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"ostiary/pskc"
)

// dialect is what sets the tables of keys apart that this file reads.
type dialect struct {
	comments bool     // lines that start with # are passed over
	untitled []column // the first columns of a file without titles; nil: it must have them
	timeOnly bool     // the tokens are time-based, and have no counters
}

// csvKeys reads a table of keys.
type csvKeys struct {
	*job
	dialect
	t      *table
	cols   columns
	header bool
	judgement
}

// openCSV reads the titles, and all serials and secrets to judge the columns.
func openCSV(j *job, d dialect) (parser, error) {
	c := &csvKeys{job: j, dialect: d, t: newTable(j.data, d.comments)}
	first, err := c.t.next()
	switch {
	case err != nil:
		return nil, malformed(0, "the file has no rows")
	case first.bad == "":
		err = c.readTitles(first)
	case d.untitled == nil:
		err = malformed(c.t.n, "the titles cannot be read: %s", first.bad)
	default:
		c.cols = c.withoutTitles()
	}
	if err != nil {
		return nil, err
	}
	c.rewind()
	if c.judgement, err = c.judge(); err != nil {
		return nil, err
	}
	c.rewind()
	c.info.Encoding, c.info.EncodingReason = c.enc, c.why
	c.preface = preface{c.t.start, c.prefaceText()}
	return c, nil
}

// prefaceText makes a remainder speak for itself: the judgement, and titles.
func (c *csvKeys) prefaceText() string {
	text := ""
	if c.t.rest == nil {
		text = c.judgement.line() + "\n"
	}
	if !c.header {
		titles := make([]string, c.cols.width)
		for k, i := range c.cols.at {
			if i >= 0 {
				titles[i] = titleOf[column(k)]
			}
		}
		text += strings.Join(titles, string(c.t.sep)) + "\n"
	}
	return text
}

// withoutTitles are the columns of a table that has no titles.
func (c *csvKeys) withoutTitles() columns {
	c.t.rewind()
	return c.layout()
}

// readTitles tells whether there are titles, and reads them.
func (c *csvKeys) readTitles(first row) error {
	cols, err := readHeader(first, func(k column) bool { return k < colDomain })
	if c.untitled != nil && cols.known < 2 && !first.looksTitles(cols.known) {
		c.cols = c.withoutTitles()
		return nil
	}
	if err != nil {
		return err
	}
	for _, k := range []struct {
		col  column
		name string
	}{{colSerial, "serial numbers"}, {colSecret, "secrets"}} {
		if !cols.has(k.col) {
			return malformed(first.line, "there is no column of %s", k.name)
		}
	}
	if c.timeOnly && cols.has(colCounter) {
		return malformed(first.line, "there is a column of counters, but time-based tokens have no counter")
	}
	c.cols, c.header = cols, true
	return nil
}

func (c *csvKeys) rewind() {
	c.t.rewind()
	if c.header {
		_, _ = c.t.next() // the titles, read before
	}
}

func (c *csvKeys) next() (entry, error) {
	r, err := c.t.next()
	if err != nil {
		return entry{}, err
	}
	k := &pskc.Key{Line: r.line, Serial: string(r.cell(c.cols.at[colSerial]))}
	why := r.bad
	if why == "" {
		why = c.read(k, r)
	}
	if why != "" {
		k.Serial, k.Manufacturer = shownSerial(k.Serial), ""
	}
	return r.entry(verdict(k, why)), nil
}

// shownSerial is a serial number as errors may show it: not if it may be a
// secret, since columns can be the wrong way round.
func shownSerial(s string) string {
	if len(s) >= 24 && looksSecret([]byte(s)) {
		return ""
	}
	return s
}

// read fills in a key, or says what is wrong.
func (c *csvKeys) read(k *pskc.Key, r row) string {
	at := func(col column) string { return "cell " + r.address(c.cols.at[col]) + " " }
	get := func(col column) []byte { return r.cell(c.cols.at[col]) }
	for i := c.cols.width; i < len(r.cells); i++ {
		if len(r.cells[i]) > 0 {
			return "cell " + r.address(i) + " is outside the columns"
		}
	}
	if why := c.damage.wrong(get(colSerial)); why != "" {
		return at(colSerial) + why
	}
	secret := get(colSecret)
	switch {
	case len(secret) == 0:
		return at(colSecret) + "should contain the secret, but is empty"
	case isScientific(secret):
		return at(colSecret) + "contains a number into which a spreadsheet program converted the secret, which is lost; get " +
			"the file again and do not open it there"
	case isSheetError(secret):
		return at(colSecret) + "contains an error of a spreadsheet program instead of the secret, which is lost; " +
			"get the file again and do not open it there"
	}
	var ok bool
	if k.Secret, ok = c.enc.decode(secret); !ok {
		why := "is not a secret in " + string(c.enc)
		if c.enc == "" {
			why = "is not a secret in hexadecimal, base32 or base64"
		}
		if c.enc == Hex && classify(secret).oddHex {
			why += ": a digit is missing, perhaps a leading zero that a spreadsheet program removed"
		}
		return at(colSecret) + why
	}
	if why := c.badSecret(len(k.Secret)); why != "" {
		return fmt.Sprintf("%scontains a secret of %d bits, which %s", at(colSecret), len(k.Secret)*8, why)
	}
	if len(secret) < c.least && r.to == len(c.data) && !bytes.HasSuffix(c.data, []byte("\n")) {
		return at(colSecret) + "contains a shorter secret than all others and the file ends without a line break: it " +
			"was probably cut off"
	}
	if why := c.readKind(k, get(colType)); why != "" {
		return at(colType) + why
	}
	if c.stepAlone && c.isStepAlone(r) {
		return at(colPeriod) + "of a HOTP token may be its counter or a time step, as other rows have a counter after " +
			"it; let the first line of the file name the columns, such as serial,secret,type,digits,period,counter"
	}
	if col, why := c.readParameters(k, get); why != "" {
		return at(col) + why
	}
	k.Manufacturer, k.Model, k.Issuer = string(get(colManufacturer)), string(get(colModel)), string(get(colIssuer))
	if k.KeyUserID = string(get(colUser)); len(get(colRealm))+len(get(colResolver)) > 0 {
		c.note("The realms and resolvers of users were ignored: here a user has only a name.")
	}
	kind := pskc.HOTP
	if c.timeOnly {
		kind = pskc.TOTP
	} else if k.Kind == "" && c.opt.Assume.Kind == "" {
		c.note("The file does not say for all tokens whether they are event-based or time-based, and HOTP was assumed; " +
			"compare the sample code.")
	}
	c.silent(k, kind, 0)
	if k.Kind == pskc.HOTP {
		if k.HasInterval {
			c.note("Time steps of HOTP tokens were ignored: these tokens count presses of their button.")
		}
		k.Interval, k.HasInterval = 0, false // exports write a time step into every row
	} else if k.Counter != 0 {
		return at(colCounter) + "is a counter, which a time-based token does not have"
	} else {
		k.HasCounter = false
	}
	return ""
}

func (c *csvKeys) readKind(k *pskc.Key, text []byte) string {
	switch s := strings.ToLower(string(text)); s {
	case "":
	case "hotp", "oath-hotp":
		k.Kind = pskc.HOTP
	case "totp", "oath-totp":
		k.Kind = pskc.TOTP
	default:
		if slices.Contains([]string{"motp", "ocra", "sms", "email", "yubikey", "u2f", "daplug", "vasco",
			"steam"}, s) {
			return "says " + s + ", which is not a HOTP or TOTP token"
		}
		return "says neither HOTP nor TOTP"
	}
	if c.timeOnly && k.Kind == pskc.HOTP {
		return "says HOTP, but the tokens of this format are time-based"
	}
	return ""
}

// readParameters reads the cells that may be empty, and says what is wrong in
// which column.
func (c *csvKeys) readParameters(k *pskc.Key, get func(column) []byte) (col column, why string) {
	if s := get(colHash); len(s) > 0 {
		if bytes.EqualFold(s, []byte("hotp")) || bytes.EqualFold(s, []byte("totp")) {
			return colHash, "says " + strings.ToUpper(string(s)) + "; the title of such a column is type"
		}
		if k.Hash, why = readHash(s); why != "" {
			return colHash, why
		}
	}
	if s := get(colDigits); len(s) > 0 {
		n, why := readDigits(s)
		if why != "" {
			return colDigits, why
		}
		c.setDigits(k, n)
	}
	if s := get(colPeriod); len(s) > 0 {
		if k.Interval, why = readPeriod(s); why != "" {
			return colPeriod, why
		}
		k.HasInterval = true
	}
	if s := get(colEither); len(s) > 0 {
		if why = c.readEither(k, s); why != "" {
			return colEither, why
		}
	}
	if s := get(colCounter); len(s) > 0 {
		if k.Counter, why = readCounter(s); why != "" {
			if isHash(s) {
				why = "looks like the name of a hash; let the first line of the file name the columns, such as " +
					"serial,secret,type,digits,period,hash"
			}
			return colCounter, why
		}
		k.HasCounter = true
	}
	return 0, ""
}
