package store

// Series is where the serials of a software type come from. Numbers begin at 1.
type Series struct {
	Type string
	// Next is the number of the next serial, above Highest and, when something
	// is allocated, above Present. It is one above token.Type.Last at the end.
	Next uint64
	// Highest is the highest number ever allocated or told of by RaiseSeries;
	// 0 for none. It never falls, whatever is deleted.
	Highest uint64
	// Present is the highest number that a token of the type carries now,
	// published or staged; 0 for none.
	Present uint64
	// Issued counts the numbers allocated.
	Issued uint64
}

// SeriesReader reads the series, one for each software type.
type SeriesReader interface {
	// AllSeries gives them by type.
	AllSeries() ([]Series, error)
	// Series gives that of a type; ErrNotFound for a hardware type.
	Series(typeName string) (Series, error)
}

// SeriesWriter moves the series. Each operation is one conditional write. A
// number that was allocated in a transaction that committed is never allocated
// again, by any node, after any crash, deletion or change of the series.
type SeriesWriter interface {
	// AllocateSerials takes n numbers in a row, at least 1, and gives the first:
	// the series' next, or one above the highest present if that is higher.
	// ErrConflict, with nothing taken, if they would go beyond token.Type.Last,
	// or the type is retired or has no series.
	AllocateSerials(typeName string, n int) (first uint64, err error)
	// SetSeries makes next the number of the next serial. ErrConflict if it is
	// not above Highest and Present, or above token.Type.Last.
	SetSeries(typeName string, next uint64) error
	// RaiseSeries keeps the series above a number that came in by other ways
	// than AllocateSerials, as by an import: it never falls. Whoever inserts
	// such tokens calls it in the same transaction with the highest number of
	// them (token.Type.Number). ErrNotFound if the type has no series.
	RaiseSeries(typeName string, above uint64) error
}
