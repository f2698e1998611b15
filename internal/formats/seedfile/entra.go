package seedfile

// EntraCSV is the list that Microsoft Entra takes.
const EntraCSV Format = "entra-csv"

var entraFormat = format{
	name:        EntraCSV,
	description: "Microsoft Entra hardware token list (CSV), with or without upn; TOTP",
	recognise: func(h *head) bool {
		c := h.cols
		return h.titled && c.has(colSerial) && c.has(colSecret) && !c.has(colType) && !c.has(colCounter) &&
			(c.has(colPeriod) || c.has(colUser))
	},
	open: func(j *job) (parser, error) { return openCSV(j, dialect{timeOnly: true}) },
}
