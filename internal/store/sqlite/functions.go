package sqlite

import (
	"database/sql/driver"
	"errors"
	"strings"
	"sync"

	sqlitedriver "modernc.org/sqlite"

	"ostiary/internal/store/tables"
)

// registerFunctions makes the functions of tables.Dialect known to all connections that
// are opened later.
var registerFunctions = sync.OnceValue(func() error {
	return errors.Join(sqlitedriver.RegisterDeterministicScalarFunction("holds", -1, holds),
		sqlitedriver.RegisterDeterministicScalarFunction("greatest", 2, most(func(a, b int64) int64 { return max(a, b) })),
		sqlitedriver.RegisterDeterministicScalarFunction("least", 2, most(func(a, b int64) int64 { return min(a, b) })))
})

// holds asks for a text anywhere in a serial, a label or a name, in either case, also
// beyond ASCII, where SQLite's own functions know one case only.
func holds(_ *sqlitedriver.FunctionContext, args []driver.Value) (driver.Value, error) {
	part, _ := args[0].(string)
	for _, arg := range args[1:] {
		if text, ok := arg.(string); ok && strings.Contains(tables.Fold(text), part) {
			return int64(1), nil
		}
	}
	return int64(0), nil
}

// most is SQLite's max and min of two numbers by the names that they have elsewhere; what
// is NULL does not count.
func most(of func(a, b int64) int64) func(*sqlitedriver.FunctionContext, []driver.Value) (driver.Value, error) {
	return func(_ *sqlitedriver.FunctionContext, args []driver.Value) (driver.Value, error) {
		one, is := args[0].(int64)
		other, too := args[1].(int64)
		switch {
		case is && too:
			return of(one, other), nil
		case is:
			return one, nil
		case too:
			return other, nil
		}
		return nil, nil
	}
}
