package derive

import (
	"fmt"
	"strconv"

	"ostiary/internal/core/audit"
)

// intOf reads a number of an entry; 0 where it is not there.
func intOf(v audit.Values, name string) int64 {
	text, _ := v.Find(name)
	n, _ := strconv.ParseInt(string(text), 10, 64)
	return n
}

func textOf(v audit.Values, name string) string {
	text, _ := v.Find(name)
	return string(text)
}

// timeOf reads a time of an entry, in milliseconds; 0 where it is not there.
func timeOf(v audit.Values, name string) int64 {
	text, ok := v.Find(name)
	if !ok {
		return 0
	}
	at, err := audit.ParseStamp(text)
	if err != nil {
		return -1 // which no row has
	}
	return at
}

// fieldsOf writes fields as an entry holds them, by name.
func fieldsOf(fields []audit.Field) map[string]string {
	all := make(map[string]string, len(fields))
	for _, f := range fields {
		all[f.Name] = fmt.Sprint(f.Value)
	}
	return all
}
