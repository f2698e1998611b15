package seedfile

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
)

// column is what a column of a table holds.
type column int

const (
	colUser column = iota
	colSerial
	colSecret
	colType
	colHash
	colDigits
	colPeriod
	colCounter
	colManufacturer
	colModel
	colIssuer
	colEither   // the counter of a HOTP token, the time step of a TOTP token
	colResolver // where a user stands elsewhere, as does the next one
	colRealm
	colDomain // of the assignment list, as are the next two
	colManufacturerCode
	colProductCode
	columnCount
)

// titles are the names of columns without case, blanks and punctuation.
var titles = map[string]column{
	"upn": colUser, "userprincipalname": colUser, "user": colUser, "username": colUser, "userid": colUser,
	"login": colUser, "loginname": colUser,
	"serial": colSerial, "serialnumber": colSerial, "serialno": colSerial, "sn": colSerial, "tokenserial": colSerial,
	"secret": colSecret, "secretkey": colSecret, "seed": colSecret, "key": colSecret, "otpkey": colSecret,
	"type": colType, "tokentype": colType, "otptype": colType,
	"hash": colHash, "hashfunction": colHash, "hashlib": colHash, "algorithm": colHash, "crypto": colHash,
	"digits": colDigits, "otplength": colDigits, "otplen": colDigits, "length": colDigits, "codelength": colDigits,
	"timeinterval": colPeriod, "timeintervalinseconds": colPeriod, "interval": colPeriod, "period": colPeriod,
	"timestep": colPeriod, "timewindow": colPeriod,
	"counter": colCounter, "movingfactor": colCounter,
	"manufacturer": colManufacturer, "vendor": colManufacturer, "make": colManufacturer, "maker": colManufacturer,
	"model":  colModel,
	"issuer": colIssuer, "counterorperiod": colEither, "resolver": colResolver, "realm": colRealm,
	"domain": colDomain, "manufacturercode": colManufacturerCode, "productcode": colProductCode,
}

// titleOf are the titles that this package writes.
var titleOf = map[column]string{colUser: "user", colResolver: "resolver", colRealm: "realm", colSerial: "serial",
	colSecret: "secret", colType: "type", colDigits: "digits", colPeriod: "period", colCounter: "counter",
	colEither: "counter or period", colHash: "hash"}

// columns says where each column stands; -1: nowhere.
type columns struct {
	at    [columnCount]int
	known int // titles that are known
	width int
}

func (c columns) has(k column) bool { return c.at[k] >= 0 }

// positions are the columns of a table without titles.
func positions(order ...column) columns {
	c := columns{width: len(order)}
	for i := range c.at {
		c.at[i] = -1
	}
	for i, k := range order {
		c.at[k] = i
	}
	return c
}

// readHeader reads a row of titles. The columns hold what is known even if there
// is an error.
func readHeader(r row, admit func(column) bool) (columns, error) {
	c := positions()
	c.width = len(r.cells)
	for c.width > 0 && len(r.cells[c.width-1]) == 0 {
		c.width--
	}
	var err error
	fail := func(i int, what string) {
		if err == nil {
			err = &Error{Err: ErrMalformed, Line: r.line, Text: "the title in " + r.address(i) +
				titleQuote(r.cells[i]) + " " + what,
				Hint: "Remove the column or correct its title. If the file has no titles, it is not in this format."}
		}
	}
	for i, cell := range r.cells[:c.width] {
		k, ok := titles[titleKey(cell)]
		switch {
		case !ok || !admit(k):
			fail(i, "is not a known column")
		case c.at[k] >= 0:
			fail(i, fmt.Sprintf("means the same as column %s", columnName(c.at[k])))
		}
		if ok {
			c.known++
			if c.at[k] < 0 {
				c.at[k] = i
			}
		}
	}
	return c, err
}

func titleKey(cell []byte) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		}
		return -1
	}, string(cell))
}

// titleQuote repeats a title in an error, if it cannot be a secret that stands where
// a title should.
func titleQuote(cell []byte) string {
	if len(cell) == 0 || len(cell) > 15 && !likeTitle(cell) {
		return ""
	}
	return " (" + quote(string(cell)) + ")"
}

// likeTitle tells a few short words from a secret: that is one long word, or many
// words with digits.
func likeTitle(cell []byte) bool {
	if len(cell) > clipLen || looksSecret(cell) || cell[0] >= '0' && cell[0] <= '9' {
		return false
	}
	words, withDigits := 0, 0
	for word := range bytes.FieldsFuncSeq(cell, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		if len(word) > 15 {
			return false
		}
		words++
		if bytes.ContainsAny(word, "0123456789") {
			withDigits++
		}
	}
	return words > 0 && words <= 5 && withDigits <= 1
}

// looksTitles tells whether the first row of a table holds titles, of which known
// ones are in the list of this package: words alone, and one of them known or about
// serial numbers or secrets.
func (r row) looksTitles(known int) bool {
	cells := 0
	for _, cell := range r.cells {
		if len(cell) == 0 {
			continue
		}
		if _, ok := titles[titleKey(cell)]; !ok && !likeTitle(cell) {
			return false
		}
		cells++
		for _, word := range strings.Fields(strings.ToLower(string(cell))) {
			if word == "serial" || word == "secret" || word == "seed" {
				known++
			}
		}
	}
	return cells >= 2 && known > 0
}
