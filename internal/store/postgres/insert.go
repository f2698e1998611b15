package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgtype"

	"ostiary/internal/store/query"
)

// insert inserts rows whose values come as lists, one for each column: the statement is the
// same for any number of rows, and as fast to compile. To list the rows in it would cost more
// than to insert them; COPY knows no ON CONFLICT, by which a key that is there already is
// found.
func insert(ctx context.Context, q query.Conn, into, behind string, alike, own int, values []any) (int64, error) {
	c, ok := q.(conn)
	if !ok {
		return 0, fmt.Errorf("rows are inserted by a %T", q)
	}
	var columns, lists []string
	params := make([]any, 0, alike+own)
	for i := range alike {
		value, kind, err := argument(values[i])
		if err != nil {
			return 0, fmt.Errorf("column %d: %w", i+1, err)
		}
		if kind == kindNull {
			columns = append(columns, "NULL")
			continue
		}
		params = append(params, value)
		columns = append(columns, "$"+strconv.Itoa(len(params))+typeNames[kind])
	}
	for i := range own {
		list, kind, err := listed(values[alike:], i, own)
		if err != nil {
			return 0, fmt.Errorf("column %d: %w", alike+i+1, err)
		}
		params = append(params, list)
		columns = append(columns, "x.c"+strconv.Itoa(i))
		lists = append(lists, "$"+strconv.Itoa(len(params))+typeNames[kind]+"[]")
	}
	names := strings.ReplaceAll(strings.Join(columns[alike:], ", "), "x.", "")
	tag, err := c.on.Exec(ctx, into+"SELECT "+strings.Join(columns, ", ")+" FROM unnest("+strings.Join(lists, ", ")+
		") AS x ("+names+")"+behind, params...)
	return tag.RowsAffected(), err
}

// listed gives every n-th value from the first one on as a list. All have one kind, or are
// NULL.
func listed(values []any, first, n int) (list any, kind byte, err error) {
	var numbers []pgtype.Int8
	var texts []pgtype.Text
	var blobs [][]byte
	kind = kindNull
	for i := first; i < len(values); i += n {
		value, of, err := argument(values[i])
		if err == nil && of != kind && of != kindNull && kind != kindNull {
			err = errors.New("its values are of several kinds")
		}
		if err != nil {
			return nil, 0, err
		}
		if of != kindNull {
			kind = of
		}
		number, isNumber := value.(int64)
		text, isText := value.(string)
		blob, _ := value.([]byte)
		numbers = append(numbers, pgtype.Int8{Int64: number, Valid: isNumber})
		texts = append(texts, pgtype.Text{String: text, Valid: isText})
		blobs = append(blobs, blob)
	}
	switch kind {
	case kindText:
		return texts, kind, nil
	case kindBytes:
		return blobs, kind, nil
	}
	return numbers, kindInt, nil
}
