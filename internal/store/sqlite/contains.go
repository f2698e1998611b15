package sqlite

import (
	"database/sql/driver"
	"strings"
	"sync"

	sqlitedriver "modernc.org/sqlite"
)

// A search asks for a text anywhere in a serial, a label or a name, in either case, also
// beyond ASCII, where SQLite's own functions know one case only.
const (
	holdsToken = "holds(?, t.serial, t.label, u.name)"
	holdsUser  = "holds(?, u.name)"
)

// registerHolds makes the function known to all connections that are opened later.
var registerHolds = sync.OnceValue(func() error {
	return sqlitedriver.RegisterDeterministicScalarFunction("holds", -1,
		func(_ *sqlitedriver.FunctionContext, args []driver.Value) (driver.Value, error) {
			part, _ := args[0].(string)
			for _, arg := range args[1:] {
				if text, ok := arg.(string); ok && strings.Contains(fold(text), part) {
					return int64(1), nil
				}
			}
			return int64(0), nil
		})
})

// fold makes one of what differs in case only.
func fold(s string) string { return strings.ToLower(s) }
