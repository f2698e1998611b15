package seedfile

import "fmt"

// serialCheck finds in a column of serial numbers what spreadsheet programs do
// to numbers.
type serialCheck struct {
	n, text     int // serials, and those that are not digits only
	zero        int // that start with 0
	lengths     [32]int
	longest     int
	lowest      uint64
	highest     uint64
	wide, blunt int // of more than 15 digits, and those of them that end in zeros from the 16th on
}

// serialDamage is what was done to a column.
type serialDamage struct {
	digits  int  // serial numbers with fewer have lost leading zeros; 0: none has
	rounded bool // those of more than 15 digits were rounded
}

func (s *serialCheck) add(cell []byte) {
	if len(cell) == 0 || isScientific(cell) || isSheetError(cell) {
		return
	}
	s.n++
	if !isDigits(cell) || len(cell) >= len(s.lengths) {
		s.text++
		return
	}
	if cell[0] == '0' {
		s.zero++
	}
	s.lengths[len(cell)]++
	s.longest = max(s.longest, len(cell))
	if v, ok := number(cell, 1<<64-1); ok {
		if s.highest = max(s.highest, v); s.lowest == 0 || v < s.lowest {
			s.lowest = v
		}
	}
	if len(cell) > 15 {
		s.wide++
		if roundedAt15(cell) {
			s.blunt++
		}
	}
}

// roundedAt15 tells a number whose digits from the 16th on are zeros, as a
// spreadsheet program stores it.
func roundedAt15(cell []byte) bool {
	for _, c := range cell[min(15, len(cell)):] {
		if c != '0' {
			return false
		}
	}
	return len(cell) > 15
}

// decide judges the column. Leading zeros were lost if no number has one, most
// have one length, and the others are shorter; unless the numbers are one run
// that passes a power of ten, as 998, 999, 1000.
func (s *serialCheck) decide(j *job) serialDamage {
	d := serialDamage{rounded: s.wide >= 2 && s.wide == s.blunt}
	digits := s.n - s.text
	full := s.lengths[s.longest]
	switch {
	case s.text > 0 || s.zero > 0 || full == digits || j.opt.KeepSerials:
	case full*2 < digits || s.highest-s.lowest < 4*uint64(digits):
		j.note("Serial numbers have different lengths; if those on the devices begin with zeros, a spreadsheet " +
			"program has removed them.")
	default:
		d.digits = s.longest
	}
	return d
}

// wrong says what is wrong with one serial, or "".
func (d serialDamage) wrong(cell []byte) string {
	switch {
	case len(cell) == 0:
		return "should contain the serial number, but is empty"
	case isScientific(cell):
		return "contains a number that a spreadsheet program shortened; the serial number is lost: get the file again " +
			"and do not open it there"
	case isSheetError(cell):
		return "contains an error of a spreadsheet program; the serial number is lost: get the file again and do not " +
			"open it there"
	case d.rounded && roundedAt15(cell):
		return "contains a number that a spreadsheet program rounded to 15 digits; get the file again and do not " +
			"open it there"
	case isDigits(cell) && len(cell) < d.digits:
		return fmt.Sprintf("has fewer digits (%d) than most serial numbers (%d): a spreadsheet program has probably "+
			"removed leading zeros. "+
			"Get the file again and do not open it there, or import it with serial numbers kept as they are", len(cell),
			d.digits)
	}
	return ""
}
