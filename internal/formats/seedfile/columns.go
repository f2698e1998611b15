package seedfile

import (
	"fmt"
	"strings"
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
	"domain": colDomain, "manufacturercode": colManufacturerCode, "productcode": colProductCode,
}

// titleOf are the titles that this package writes.
var titleOf = map[column]string{colSerial: "serial", colSecret: "secret", colType: "type", colDigits: "digits",
	colPeriod: "period", colCounter: "counter"}

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
				Hint: "Remove the column or correct its title. If the file has no titles, it is not of this format."}
		}
	}
	for i, cell := range r.cells[:c.width] {
		k, ok := titles[titleKey(cell)]
		switch {
		case !ok || !admit(k):
			fail(i, "is not a column that is known here")
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

// titleQuote repeats a title in an error, if it is too short for a secret that
// stands where a title should.
func titleQuote(cell []byte) string {
	if len(cell) == 0 || len(cell) > 15 {
		return ""
	}
	return " (" + quote(string(cell)) + ")"
}
