package postgres

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"ostiary/internal/store"
	"ostiary/internal/store/decide"
	"ostiary/internal/store/proof"
	"ostiary/internal/store/query"
)

// batchRows run the statements of a batch's transaction, and keep its entries until it ends.
type batchRows struct {
	ctx     context.Context
	q       conn
	entries [][]byte
	decoys  [][]byte            // entries that go nowhere
	quiet   map[string]*counted // by the caller
}

// counted are refusals of a caller that are counted, with the entry of the last one.
type counted struct {
	n     int64
	entry []byte
}

var (
	_ decide.Executor = (*batchRows)(nil)
	_ decide.Log      = (*batchRows)(nil)
	_ decide.Many     = (*batchRows)(nil)
)

// Exec runs a statement of an attempt.
func (r *batchRows) Exec(s *decide.Statement, args ...any) (int64, error) {
	return r.q.Exec(r.ctx, text(s), args...)
}

// text is a statement as it is beside other transactions.
func text(s *decide.Statement) string {
	if own, ok := locking[s]; ok {
		return own
	}
	return s.SQL
}

// locking are the statements that lock rows otherwise than by writing them. A token whose tag
// is made anew stays as it was read. Of decoys the next one is written that no other
// transaction is writing: nobody waits for what means nothing.
var locking = map[*decide.Statement]string{
	decide.TaggedToken: decide.TaggedToken.SQL + " FOR NO KEY UPDATE OF t",
	decide.DecoyToken:  unlocked(decide.DecoyToken, "decoy_condition", "token"),
	decide.DecoyUser:   unlocked(decide.DecoyUser, "decoy_user", "id"),
}

func unlocked(s *decide.Statement, table, key string) string {
	return strings.Replace(s.SQL, key+" = ?2", key+" = (SELECT "+key+" FROM "+table+" WHERE "+key+" >= ?2 ORDER BY "+key+
		" LIMIT 1 FOR UPDATE SKIP LOCKED)", 1)
}

// Row reads a row of an attempt.
func (r *batchRows) Row(s *decide.Statement, dest []any, args ...any) (bool, error) {
	into := make([]any, len(dest))
	for i := range dest {
		into[i] = &dest[i]
	}
	err := r.q.QueryRow(r.ctx, text(s), args...).Scan(into...)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// Append keeps an entry until the transaction ends.
func (r *batchRows) Append(entry []byte) error {
	r.entries = append(r.entries, entry)
	return nil
}

// AppendQuietly keeps an entry, and counts the refusal if the entry is to be taken away.
func (r *batchRows) AppendQuietly(caller string, entry []byte, stays bool) error {
	if r.quiet[caller] == nil {
		r.quiet[caller] = &counted{}
	}
	of := r.quiet[caller]
	of.entry = entry
	if stays {
		return r.Append(entry)
	}
	of.n++
	r.decoys = append(r.decoys, entry)
	return nil
}

// count writes what was counted, in the order of the callers, in which all who count do so.
func (r *batchRows) count() error {
	for _, caller := range slices.Sorted(maps.Keys(r.quiet)) {
		if _, err := r.Exec(decide.CountQuietly, caller, r.quiet[caller].entry, r.quiet[caller].n); err != nil {
			return err
		}
	}
	return nil
}

// LockUsers reads users in the order of their numbers, in which all who lock several do so.
// A statement that comes after it finds them as they are.
func (r *batchRows) LockUsers(ids []int64) (map[int64]decide.User, error) {
	rows, err := r.q.on.Query(r.ctx, lockUsersSQL, ids)
	if err != nil {
		return nil, err
	}
	users := make(map[int64]decide.User, len(ids))
	var id, failures, retryAt int64
	var name string
	_, err = pgx.ForEachRow(rows, []any{&id, &failures, &retryAt, &name}, func() error {
		users[id] = decide.User{There: true, Name: name, Failures: int(failures), RetryAt: query.Time(retryAt)}
		return nil
	})
	return users, err
}

const lockUsersSQL = `SELECT id, failures, retry_at, name FROM "user" WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE`

// LockTokens does so with tokens.
func (r *batchRows) LockTokens(ids []int64) error {
	_, err := r.q.on.Exec(r.ctx, lockTokensSQL, ids)
	return err
}

const lockTokensSQL = "SELECT token FROM condition WHERE token = ANY($1) ORDER BY token FOR NO KEY UPDATE"

// AcceptMany runs a statement for many lists of arguments at once.
func (r *batchRows) AcceptMany(s *decide.Statement, args [][16]int64) ([]int64, error) {
	columns := make([]any, len(args[0]))
	for i := range columns {
		column := make([]int64, len(args))
		for j := range args {
			column[j] = args[j][i]
		}
		columns[i] = column
	}
	rows, err := r.q.on.Query(r.ctx, r.q.kept.many(s), columns...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[int64])
}

const arriveSQL = "INSERT INTO audit_arrival (stream, n, entry, mac) SELECT $1, n, entry, mac " +
	"FROM unnest($2::bigint[], $3::bytea[], $4::bytea[]) AS e (n, entry, mac) ORDER BY n"

// arrive writes the entries behind those of a stream. It comes last: an entry that depends
// on another one has the higher number. Entries that go nowhere are taken away again.
func (r *batchRows) arrive(of position, g *proof.Guard) error {
	entries := slices.Concat(r.entries, r.decoys)
	if len(entries) == 0 {
		return nil
	}
	numbers, macs := make([]int64, len(entries)), make([][]byte, len(entries))
	for i, entry := range entries {
		numbers[i] = of.n + 1 + int64(i)
		if g.Begun() {
			macs[i] = g.Keys().Arrival(of.stream, numbers[i], entry)
		}
	}
	if _, err := r.q.on.Exec(r.ctx, arriveSQL, of.stream, numbers, entries, macs); err != nil {
		return err
	}
	if len(r.quiet) == 0 {
		return nil
	}
	_, err := r.q.on.Exec(r.ctx, takeAwaySQL, of.stream, of.n+int64(len(r.entries)))
	return err
}

const takeAwaySQL = "DELETE FROM audit_arrival WHERE stream = $1 AND n > $2"
