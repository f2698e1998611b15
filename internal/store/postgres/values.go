package postgres

import (
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// Kinds of arguments, and of what is read.
const (
	kindInt   = 'i'
	kindText  = 't'
	kindBytes = 'b'
	kindNull  = '0'
)

// argument gives what is stored for a Go value: int64, string, []byte or nil, as package
// database/sql converts it. A bool is 0 or 1.
func argument(v any) (value any, kind byte, err error) {
	switch v := v.(type) {
	case nil:
		return nil, kindNull, nil
	case int64:
		return v, kindInt, nil
	case string:
		return v, kindText, nil
	case []byte:
		return v, kindBytes, nil // NULL for nil
	case bool:
		return number(v), kindInt, nil
	}
	r := reflect.ValueOf(v)
	switch r.Kind() {
	case reflect.Pointer:
		if r.IsNil() {
			return nil, kindNull, nil
		}
		return argument(r.Elem().Interface())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return r.Int(), kindInt, nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if r.Uint() > math.MaxInt64 {
			return nil, 0, fmt.Errorf("%T %d is too large", v, r.Uint())
		}
		return int64(r.Uint()), kindInt, nil
	case reflect.Bool:
		return number(r.Bool()), kindInt, nil
	case reflect.String:
		return r.String(), kindText, nil
	case reflect.Slice:
		if r.Type().Elem().Kind() == reflect.Uint8 {
			return r.Bytes(), kindBytes, nil
		}
	}
	return nil, 0, fmt.Errorf("%T is not stored", v)
}

func number(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// cell is a value as it came, in PostgreSQL's binary format.
type cell struct {
	field *pgconn.FieldDescription
	raw   []byte // nil for NULL
}

// integer reads a number of any width. Literals have 4 bytes, and columns 8.
func (c cell) integer() (n int64, ok bool) {
	switch oid := c.field.DataTypeOID; {
	case c.field.Format != pgtype.BinaryFormatCode:
	case oid == pgtype.Int8OID && len(c.raw) == 8:
		return int64(binary.BigEndian.Uint64(c.raw)), true
	case oid == pgtype.Int4OID && len(c.raw) == 4:
		return int64(int32(binary.BigEndian.Uint32(c.raw))), true
	}
	return 0, false
}

// truth reads what a comparison gives.
func (c cell) truth() (is, ok bool) {
	ok = c.field.DataTypeOID == pgtype.BoolOID && c.field.Format == pgtype.BinaryFormatCode && len(c.raw) == 1
	return ok && c.raw[0] == 1, ok
}

// bytes copies what it reads. Of no bytes it makes nil, as SQLite's driver does.
func (c cell) bytes() (b []byte, ok bool) {
	return append(b, c.raw...), c.field.DataTypeOID == pgtype.ByteaOID && c.field.Format == pgtype.BinaryFormatCode
}

func (c cell) text() (s string, ok bool) {
	if c.field.DataTypeOID != pgtype.TextOID {
		return "", false
	}
	return string(c.raw), true
}

// plain gives the value that stands for itself: int64, string, []byte or nil. Only the
// types of columns do: a sum is numeric in PostgreSQL, and a comparison boolean, so a
// statement that returns one casts it, and both databases give the same.
func (c cell) plain() (any, error) {
	switch {
	case c.raw == nil && c.column():
		return nil, nil
	case c.field.DataTypeOID == pgtype.Int8OID:
		if n, ok := c.integer(); ok {
			return n, nil
		}
	}
	if s, ok := c.text(); ok {
		return s, nil
	}
	if b, ok := c.bytes(); ok {
		return b, nil
	}
	return nil, fmt.Errorf("%s is neither bigint, text nor bytea: cast it in the statement", c.typeName())
}

// column tells whether a column of a table can be of that type.
func (c cell) column() bool {
	switch c.field.DataTypeOID {
	case pgtype.Int8OID, pgtype.TextOID, pgtype.ByteaOID:
		return true
	}
	return false
}

func (c cell) typeName() string {
	if t, ok := pgtype.NewMap().TypeForOID(c.field.DataTypeOID); ok {
		return t.Name
	}
	return "type " + strconv.Itoa(int(c.field.DataTypeOID))
}

// scan puts the value where dest points to. It refuses what package database/sql refuses,
// and to make numbers of text or text of numbers.
func (c cell) scan(dest any) error {
	switch d := dest.(type) {
	case *any:
		v, err := c.plain()
		if err != nil {
			return err
		}
		*d = v
		return nil
	case *[]byte:
		if c.raw == nil {
			*d = nil
			return nil
		}
		if b, ok := c.bytes(); ok {
			*d = b
			return nil
		}
	case *string:
		if s, ok := c.text(); ok && c.raw != nil {
			*d = s
			return nil
		}
	case *int64:
		if n, ok := c.integer(); ok {
			*d = n
			return nil
		}
	}
	r := reflect.ValueOf(dest)
	if r.Kind() != reflect.Pointer || r.IsNil() {
		return fmt.Errorf("%T is no place to read into", dest)
	}
	return c.set(r.Elem())
}

func (c cell) set(to reflect.Value) error {
	kind := to.Kind()
	bytes := kind == reflect.Slice && to.Type().Elem().Kind() == reflect.Uint8
	if c.raw == nil {
		if kind == reflect.Pointer || bytes {
			to.SetZero()
			return nil
		}
		return fmt.Errorf("NULL is no %s", to.Type())
	}
	switch {
	case kind == reflect.Pointer:
		v := reflect.New(to.Type().Elem())
		to.Set(v)
		return c.set(v.Elem())
	case bytes:
		if b, ok := c.bytes(); ok {
			to.SetBytes(b)
			return nil
		}
		if s, ok := c.text(); ok {
			to.SetBytes([]byte(s))
			return nil
		}
	case kind == reflect.String:
		if s, ok := c.text(); ok {
			to.SetString(s)
			return nil
		}
		if b, ok := c.bytes(); ok {
			to.SetString(string(b))
			return nil
		}
	case kind == reflect.Bool:
		if is, ok := c.truth(); ok {
			to.SetBool(is)
			return nil
		}
		if n, ok := c.integer(); ok && (n == 0 || n == 1) {
			to.SetBool(n == 1)
			return nil
		}
	default:
		if c.setNumber(to) {
			return nil
		}
	}
	return fmt.Errorf("%s is no %s, or is beyond it", c.typeName(), to.Type())
}

// setNumber sets a number that has room there. A comparison is 0 or 1, as in SQLite.
func (c cell) setNumber(to reflect.Value) bool {
	n, ok := c.integer()
	if is, truth := c.truth(); truth {
		n, ok = number(is), true
	}
	switch {
	case !ok:
		return false
	case to.CanInt() && !to.OverflowInt(n):
		to.SetInt(n)
		return true
	case to.CanUint() && n >= 0 && !to.OverflowUint(uint64(n)):
		to.SetUint(uint64(n))
		return true
	}
	return false
}
