// Package tables is the storage contract in SQL, for whichever database there is: Reader
// and Tx are a store.Reader and a store.Tx on a transaction (query.Conn) of it. What
// databases word differently is in Dialect. How a transaction begins and commits, how the
// codes are decided (store.Attempt), and what is cached is the database's own; Effects are
// what a transaction tells those.
//
// Every change of a row that carries a tag goes through alter, and every new one through
// added, so that the tag is checked before and made anew in the same transaction (package
// proof). The small tables are under the digest of the head's record: alterConfig.
package tables

import (
	"context"
	"strings"

	"ostiary/internal/store/proof"
	"ostiary/internal/store/query"
)

// Dialect is what the statements need to know of a database. Beyond it they are of the SQL
// that all databases here understand, with two functions that some must be taught: greatest and
// least of numbers.
type Dialect struct {
	// Indexed says by which index rows are found, where that is not left to the database.
	Indexed func(index string) string
	// Then joins a table of which rows are looked up for each row before it.
	Then string
	// Reordered says that what is joined keeps the order of the rows before it only if that is
	// asked for and seen. Then rows that are looked at are taken whole (Reader.looked).
	Reordered bool
	// Holds words that one of some columns holds a text that is folded, which is the argument of
	// each ?.
	Holds func(columns []string) string
	// Among words that what stands before it is among what a query gives, so that an index finds
	// by that.
	Among func(query string) string
	// Numbers and Texts are a query of the values of a JSON array that is an argument.
	Numbers, Texts func(argument string) string
	// PerRow selects columns for each row l of a JSON array, which is the argument: of the
	// rows x of a table whose id is among those of few, which may depend on l, or of one of
	// NULL if there are none, and of what is joined beside. It joins nothing else, and goes
	// row by row.
	PerRow func(table, few, beside, columns string) string
	// Insert inserts rows: into is "INSERT INTO table (columns) ", and behind stands behind the
	// rows. The first values, so many as are alike, are those of the first columns in all rows;
	// then come so many of its own for each row. It gives the number of rows.
	Insert func(ctx context.Context, q query.Conn, into, behind string, alike, own int, values []any) (int64, error)
	// AtOnce is how many tokens are inserted at once: a statement for each takes twice the
	// time, and an import is mostly that.
	AtOnce int
	// Reserve takes n numbers for rows of a table, never used before, and gives the first.
	Reserve func(ctx context.Context, q query.Conn, table string, n int) (first int64, err error)
	// Columns is a query of the tables with these names that are there, with each of their
	// columns, in their order. The names are a list of SQL.
	Columns func(tables string) string
	// Highest gives the highest number that a row of a table ever had, and Raise makes it n.
	Highest func(ctx context.Context, q query.Conn, table string) (n int64, err error)
	Raise   func(ctx context.Context, q query.Conn, table string, n int64) error
	// Load inserts rows as they are, until next gives nil.
	Load func(ctx context.Context, q query.Conn, table string, columns []string, next func() ([]any, error)) error
	// Tables lists the tables that are there.
	Tables string
	// CheckSchema holds the schema against the program's; ErrTampered if it is another one.
	CheckSchema func(ctx context.Context, q query.Conn) error
	// Schema is called first in a transaction that writes; see proof.Guard.SchemaIs.
	Schema func(ctx context.Context, q query.Conn, g *proof.Guard) error
}

// Raw is a transaction on rows as they are: nothing looks at the head before, and nothing is
// tagged.
type Raw struct {
	query.Conn
	*Dialect
}

// Names of indexes for Dialect.Indexed that each database has its own name for.
const (
	ByNumber     = "" // no index, but the number of the row
	TokenSerials = "token_serials"
	UserNames    = "user_names"
)

// Fold makes one of what differs in case only.
func Fold(s string) string { return strings.ToLower(s) }
