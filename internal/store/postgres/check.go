package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// ErrUnsafe says that the server may lose what it confirmed, so that a code would be
// accepted twice.
var ErrUnsafe = errors.New("PostgreSQL is not set up to keep what it confirms")

// oldest is the oldest release that is tested.
const oldest = 15

// demands are settings and what they must be, with what to do otherwise.
var demands = []struct{ setting, want, do string }{
	{"fsync", "on", "set fsync = on in postgresql.conf, and reload: a commit must be on the disk"},
	{"full_page_writes", "on", "set full_page_writes = on in postgresql.conf, and reload: " +
		"a page that is half written at a power cut is lost otherwise"},
	{"synchronous_commit", "on", "a pooler between must pass synchronous_commit on"},
	{"server_encoding", "UTF8", "make the database with ENCODING 'UTF8' TEMPLATE template0"},
}

// check refuses a server on which the promises do not hold, and says all that is wrong.
func check(ctx context.Context, on *pgx.Conn) error {
	var (
		recovery bool
		version  int
	)
	err := on.QueryRow(ctx, "SELECT pg_is_in_recovery(), current_setting('server_version_num')::int / 10000").
		Scan(&recovery, &version)
	if err != nil {
		return err
	}
	if recovery {
		return errors.New("the database is a standby, and takes no changes; name the primary, or all hosts with " +
			"target_session_attrs=read-write")
	}
	if version < oldest {
		return fmt.Errorf("the database is PostgreSQL %d; use %d or newer", version, oldest)
	}
	var wrong []error
	for _, d := range demands {
		var is string
		if err := on.QueryRow(ctx, "SELECT current_setting($1)", d.setting).Scan(&is); err != nil {
			return err
		}
		if is != d.want {
			wrong = append(wrong, fmt.Errorf("%s is %s: %s", d.setting, is, d.do))
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrUnsafe, errors.Join(wrong...))
}
