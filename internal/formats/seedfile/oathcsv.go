package seedfile

// OATHCSV is the table that most servers export and import.
const OATHCSV Format = "oath-csv"

var oathFormat = format{
	name:        OATHCSV,
	description: "OATH CSV: serial, secret, type, digits, period, counter",
	recognise: func(h *head) bool {
		if h.titled {
			return true // who opens it names the title that is wrong
		}
		n := len(h.row.cells)
		return n >= 2 && n <= len(oathColumns)+2 && len(h.row.cells[0]) > 0 && looksSecret(h.row.cells[1])
	},
	open: func(j *job) (parser, error) { return openCSV(j, dialect{comments: true, untitled: oathColumns}) },
}

// oathColumns are the columns of a file without titles, before those of which the
// whole file says what they are.
var oathColumns = []column{colSerial, colSecret, colType, colDigits}
