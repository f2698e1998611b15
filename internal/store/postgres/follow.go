package postgres

import (
	"context"

	"ostiary/internal/core/audit"
	"ostiary/internal/store/auditlog"
	"ostiary/internal/store/query"
	"ostiary/internal/store/tables"
)

// What the cache keeps of tokens is as they were before other nodes changed them. Every
// change is in the log, so the number of entries that are of changes tells: those of codes
// arrive in streams, and are counted there. Each batch reads both with the head, in its own
// transaction. Where the number is another one than when the cache began, the cache begins
// anew, and a code that was judged by it is judged again: so a code is never decided by what
// is older than a change that was committed before its batch began. What codes change, at
// whichever node, each write demands anyway.

// unknown is the number of changes before anybody has looked.
const unknown = -1

// changes gives the number of entries that did not arrive in streams; of those, so many have
// their places.
func changes(frontier []byte, arrived int64) (int64, error) {
	var f audit.Frontier
	if err := f.UnmarshalBinary(frontier); err != nil {
		return unknown, err
	}
	return f.Size() - arrived, nil
}

// changed gives that number in a transaction of which nobody changes the streams.
func changed(t *tables.Tx, placed tables.Placed) (int64, error) {
	head, err := t.AuditHead()
	if err != nil {
		return unknown, err
	}
	n := head.Size()
	for _, arrived := range placed {
		n -= arrived
	}
	return n, nil
}

const seenSQL = "SELECT frontier, record, mac, (SELECT CAST(coalesce(sum(n), 0) AS BIGINT) FROM audit_stream) FROM audit_head"

// see looks at the head before a transaction that does not write it, and whether others have
// changed something.
func (w writer) see(ctx context.Context, q query.Conn) error {
	before := w.guard.Last()
	if err := w.dialect.Schema(ctx, q, w.guard); err != nil {
		return err
	}
	var arrived int64
	head, err := query.One(ctx, q, func(s query.Scanner) (head auditlog.Head, err error) {
		err = s.Scan(&head.Frontier, &head.Record, &head.MAC, &arrived)
		return head, err
	}, seenSQL)
	if err == nil {
		err = w.guard.See(before, head)
	}
	if err != nil {
		return err
	}
	now, err := changes(head.Frontier, arrived)
	if err == nil {
		w.follow(now, now, nil)
	}
	return err
}

// follow has the cache forget what a change has touched, before and after which there were
// so many. Where there were others meanwhile, nobody knows what they have touched.
func (db *DB) follow(before, after int64, touched *tables.Touched) {
	switch {
	case before != db.changes:
		db.names.Found.Forget(tables.Touched{All: true})
	case touched != nil:
		db.names.Found.Forget(*touched)
	}
	db.changes = after
}
