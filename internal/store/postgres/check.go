package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

var (
	// ErrUnsafe says that the server may lose what it confirmed, so that a code would be
	// accepted twice.
	ErrUnsafe = errors.New("PostgreSQL is not set up to keep what it confirms")
	errPooler = errors.New("between this program and PostgreSQL is a pooler, such as PgBouncer; name the server itself " +
		"in the URL: a node has few connections, and keeps them")
	// ErrNoStandby says that what the server confirms is on no other machine. It stands
	// behind ErrUnsafe.
	ErrNoStandby = errors.New("what PostgreSQL confirms is on one machine only")
)

// oldest is the oldest release that is tested.
const oldest = 15

// Lack is something that a server lacks to keep what it confirms.
type Lack struct {
	// What says it to everybody: it names no host and no user.
	What string
	// Do says what to do about it.
	Do string
	// Standby says that it is about the synchronous standby.
	Standby bool
	// Allowed says that the server may lack it (Config.Standby).
	Allowed bool
}

// demands are settings and what they must be, with what to do otherwise.
var demands = []struct{ setting, want, do string }{
	{"fsync", "on", "set fsync = on in postgresql.conf, and reload: a commit must be on the disk"},
	{"full_page_writes", "on", "set full_page_writes = on in postgresql.conf, and reload: " +
		"a page that is half written at a power cut is lost otherwise"},
	{"synchronous_commit", "on", "something between this program and the server has changed it; connect directly"},
	{"server_encoding", "UTF8", "make the database with ENCODING 'UTF8' TEMPLATE template0"},
}

// check finds out what a server lacks. The error is of one that is of no use at all.
func check(ctx context.Context, on *pgx.Conn, standby bool) (lacks []Lack, err error) {
	var (
		recovery     bool
		version, pid int
	)
	err = on.QueryRow(ctx, "SELECT pg_is_in_recovery(), current_setting('server_version_num')::int / 10000, "+
		"pg_backend_pid()").Scan(&recovery, &version, &pid)
	switch {
	case err != nil:
		return nil, err
	case uint32(pid) != on.PgConn().PID():
		// A pooler tells a number of its own when a connection begins.
		return nil, errPooler
	case recovery:
		return nil, errors.New("the database is a standby, and takes no changes; name the primary, or all hosts, " +
			"of which the primary is found")
	case version < oldest:
		return nil, fmt.Errorf("the database is PostgreSQL %d; use %d or newer", version, oldest)
	}
	for _, d := range demands {
		var is string
		if err := on.QueryRow(ctx, "SELECT current_setting($1)", d.setting).Scan(&is); err != nil {
			return nil, err
		}
		if is != d.want {
			lacks = append(lacks, Lack{What: d.setting + " is " + is, Do: d.do})
		}
	}
	l, err := lacksStandby(ctx, on)
	if err == nil && l != nil {
		l.Standby, l.Allowed = true, !standby
		lacks = append(lacks, *l)
	}
	return lacks, err
}

// lacksStandby tells what is wrong with the synchronous standby, or nil. Where nobody may
// see whether there is one, there is none.
func lacksStandby(ctx context.Context, on *pgx.Conn) (*Lack, error) {
	var (
		named, may bool
		user       string
		synced     int
	)
	err := on.QueryRow(ctx, `SELECT current_setting('synchronous_standby_names') <> '',
		pg_has_role('pg_read_all_stats', 'USAGE'), quote_ident(current_user),
		(SELECT count(*) FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum'))`).Scan(&named, &may, &user,
		&synced)
	switch {
	case err != nil:
		return nil, err
	case !named:
		return &Lack{What: "there is no synchronous standby (synchronous_standby_names is empty)",
			Do: "set up a standby, and name it in synchronous_standby_names of postgresql.conf"}, nil
	case !may:
		return &Lack{What: "it cannot be seen whether a synchronous standby is connected",
			Do: "run, as a superuser: GRANT pg_monitor TO " + user}, nil
	case synced == 0:
		return &Lack{What: "no synchronous standby is connected, so that commits wait for one",
			Do: "start the standby that synchronous_standby_names names"}, nil
	}
	return nil, nil
}

// refused makes the error of a server that lacks what it may not, with all of it.
func refused(lacks []Lack) error {
	of, without := ErrUnsafe, []error(nil)
	for _, l := range lacks {
		if l.Allowed {
			continue
		}
		if l.Standby {
			of = fmt.Errorf("%w, because %w", ErrUnsafe, ErrNoStandby)
		}
		without = append(without, fmt.Errorf("%s: %s", l.What, l.Do))
	}
	if len(without) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %w", of, errors.Join(without...))
}
