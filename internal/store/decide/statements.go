package decide

import (
	"ostiary/internal/store/proof"
	"ostiary/internal/store/tables"
)

// Statement is one of those by which attempts read and write. Its arguments are ?1 to
// ?Args.
type Statement struct {
	Name  string
	SQL   string
	Args  int
	place int
}

// Place is where the statement stands in Statements.
func (s *Statement) Place() int { return s.place }

// Statements are all, in the SQL that all databases here understand (package tables).
var Statements []*Statement

func statement(name, sql string, args int) *Statement {
	s := &Statement{Name: name, SQL: sql, Args: args, place: len(Statements)}
	Statements = append(Statements, s)
	return s
}

// Those of Stored.
var (
	accept      = statement("accept", acceptSQL, 16)
	acceptOwned = statement("accept, owned", acceptOwnedSQL, 16)
	prove       = statement("prove", proveSQL, 16)

	sharedEvents  = shared("shared events", sharedEventsSQL, tables.AdvanceEvents)
	sharedSeconds = shared("shared seconds", sharedSecondsSQL, tables.AdvanceSeconds)
	floor         = statement("floor", floorSQL, 1)

	acceptApplication      = statement("application", acceptApplicationSQL, 19)
	acceptOwnedApplication = statement("application, owned", acceptApplicationSQL+ownedByUser, 19)
	advanceApplication     = statement("advance application", advanceApplicationSQL, 6)
	application            = statement("application position",
		"SELECT next, drift FROM application WHERE token = ?1 AND idx = ?2 AND mode = 1", 2)

	condition    = statement("condition", conditionSQL, 1)
	countFailure = statement("count failure", failSQL, 6)

	user             = statement("user", `SELECT failures, retry_at, name FROM "user" WHERE id = ?1`, 1)
	countUserFailure = statement("count user failure",
		`UPDATE "user" SET failures = failures + 1, retry_at = ?1 WHERE id = ?2 AND failures = ?3`, 3)
	clearUser = statement("clear user",
		`UPDATE "user" SET failures = 0, retry_at = 0 WHERE id = ?1 AND (failures > 0 OR retry_at > 0)`, 1)

	useTemporary    = statement("use temporary", useTemporarySQL, 6)
	unusedTemporary = statement("unused temporary", unusedTemporarySQL, 2)
	temporary       = statement("temporary", temporarySQL, 3)

	tagToken = statement("tag token", proof.TokenTable.WriteSQL(), 2)
)

// TaggedToken reads what the tag of a token is over, before the tag is made anew: where other
// transactions run meanwhile, none may change the token until this one ends.
var TaggedToken = statement("tagged token", proof.TokenTable.RowSQL(), 1)

// Those that write decoys. The first failure of a row puts it into an index, so each write of
// a decoy changes its index, too. They have as many arguments as the writes that count a
// failure. Which decoy is written matters to nobody.
var (
	DecoyToken = statement("decoy token", `UPDATE decoy_condition SET failures = `+otherwise+`, retry_at = ?1
		WHERE token = ?2 AND ?3 > 0 AND ?4 > 0 AND ?5 > 0 AND ?6 > 0`, 6)
	DecoyUser = statement("decoy user", `UPDATE decoy_user SET failures = `+otherwise+`, retry_at = ?1
		WHERE id = ?2 AND ?3 > 0`, 3)
)

const (
	otherwise = "CASE WHEN failures = 0 THEN 1 ELSE 0 END"
	// Decoys is how many rows there are of each kind, by number from 1.
	Decoys = 1000
)

// CountQuietly counts refusals of a caller, ?1, of which there are ?3 or none, and writes an
// entry, ?2, where it is read by nobody.
var CountQuietly = statement("count quietly", `INSERT INTO quiet_refusal (caller, n, entry) VALUES (?1, ?3, ?2)
	ON CONFLICT (caller) DO UPDATE SET n = quiet_refusal.n + excluded.n, entry = excluded.entry`, 3)

// sharedKind are the statements of tokens of one kind whose secret others hold, too.
type sharedKind struct{ accept, acceptOwned, prove, advance *Statement }

func shared(name, held, advance string) sharedKind {
	return sharedKind{accept: statement(name, acceptAny+held, 19),
		acceptOwned: statement(name+", owned", acceptAny+held+ownedByUser, 19),
		prove:       statement(name+", prove", proveAny+held, 19), advance: statement("advance "+name, advance, 3)}
}

// The conditional write that accepts a code: every condition of acceptance
// stands here, and the row count is the verdict. What it asks of other tables it asks by
// number for each row; a database that writes many rows at once would join for EXISTS.
//
//	?1 counter that matched  ?2 drift    ?3 now    ?4 token  ?5 epoch
//	?6 most failures         ?7 new time of last use, or 0   ?8 user
//	?9 to ?14 what the row is expected to hold, so that what is recorded as
//	its state before is that
//	?15 the latest end of a delay of the token, ?16 of the user: none that is later holds
const (
	advance = `UPDATE condition
	SET next = ?1 + 1, drift = ?2, ` + renew

	renew = `failures = 0, retry_at = 0, last_used = greatest(last_used, ?7)`

	// What is demanded of a token whichever of its keys the code is of.
	acceptable = `
	WHERE token = ?4 AND epoch = ?5
	  AND failures <= ?6 AND (retry_at <= ?3 OR retry_at > ?15)
	  AND not_before <= ?3 AND (not_after = 0 OR not_after > ?3)
	  AND next = ?9 AND drift = ?10 AND failures = ?11 AND retry_at = ?12 AND last_used = ?13 AND coalesce(owner, 0) = ?14
	  AND (SELECT published FROM import_run WHERE id = run) > 0`

	unused = `
	  AND next <= ?1`

	// The plus keeps a database from searching by state: nearly all tokens have the same.
	acceptAny = advance + acceptable + unused + `
	  AND +state = 0`

	// The first code of a PENDING token makes it VALID in the write that uses it
	// up, so that no other write finds it between.
	proveAny = advance + ", state = 0, epoch = epoch + 1" + acceptable + unused + `
	  AND +state = 4`

	// The token has its secret to itself; else see sharedEventsSQL.
	alone = `
	  AND twin IS NULL`

	acceptSQL      = acceptAny + alone
	acceptOwnedSQL = acceptAny + alone + ownedByUser
	proveSQL       = proveAny + alone

	ownedByUser = `
	  AND owner = ?8 AND (SELECT failures <= ?6 AND (retry_at <= ?3 OR retry_at > ?16) FROM "user" WHERE id = ?8)`

	failSQL = `UPDATE condition SET failures = failures + 1, retry_at = ?1
	WHERE token = ?2 AND epoch = ?3 AND next = ?4 AND failures = ?5 AND state = ?6`

	conditionSQL = `SELECT epoch, next, drift, failures, retry_at, state, not_before, not_after, coalesce(owner, 0), last_used, coalesce(twin, 0)
	FROM condition WHERE token = ?1 AND EXISTS (SELECT 1 FROM import_run WHERE id = run AND published > 0)`
)

// The conditional writes that accept a code of a secret that several tokens hold.
// They are those of a token (see acceptSQL) with one more condition: the floor of the
// secret is as it was judged, and not above the code. The row count is the verdict.
// Then the floor moves behind the code, in the same transaction.
//
//	?1 to ?16 as in acceptSQL  ?17 mark
//	?18 the counter, or the second at which the step begins  ?19 the floor as judged
//
// Counter v and step v are one code. So where a secret is used for both (both = 1),
// counters stay below token.PairLimit and steps do not.
const (
	sharedEventsSQL = `
	  AND twin = ?17 AND EXISTS (SELECT 1 FROM secret s WHERE s.mark = ?17 AND s.events <= ?18 AND s.events = ?19
	    AND (s."both" = 0 OR ?1 < 1048576))`

	sharedSecondsSQL = `
	  AND twin = ?17 AND EXISTS (SELECT 1 FROM secret s WHERE s.mark = ?17 AND s.seconds <= ?18 AND s.seconds = ?19
	    AND (s."both" = 0 OR ?1 >= 1048576))`

	floorSQL = `SELECT events, seconds, "both" FROM secret WHERE mark = ?1`
)

// The conditional write that accepts a code of a further application. It is that
// of a token (see acceptSQL) with the application's counter in place of the
// token's, and writes what an acceptance changes of the token; its row count is
// the verdict. Then the application advances, in the same transaction.
//
//	?1 to ?16 as in acceptSQL  ?17 index
//	?18, ?19  what the application is expected to hold
const (
	acceptApplicationSQL = "UPDATE condition SET " + renew + acceptable + `
	  AND +state = 0
	  AND EXISTS (SELECT 1 FROM application a WHERE a.token = ?4 AND a.idx = ?17 AND a.mode = 1
	    AND a.next <= ?1 AND a.next = ?18 AND a.drift = ?19)`

	advanceApplicationSQL = `UPDATE application SET next = ?1 + 1, drift = ?2
	WHERE token = ?3 AND idx = ?4 AND next = ?5 AND drift = ?6`
)

const (
	// The conditional write that uses up a temporary code: every condition of
	// acceptance stands here, and the row count is the verdict.
	//
	//	?1 now  ?2 user  ?3 fingerprint  ?4 most failures  ?5 the tag it must carry  ?6 the latest end of a delay
	useTemporarySQL = `UPDATE temporary_code SET used = greatest(?1, 1), tag = NULL
	WHERE "user" = ?2 AND fingerprint = ?3 AND used = 0 AND expires > ?1 AND tag IS NOT DISTINCT FROM ?5
	  AND EXISTS (SELECT 1 FROM "user" WHERE id = ?2 AND failures <= ?4 AND (retry_at <= ?1 OR retry_at > ?6))`

	// The tag is over the end of the code, so that is read first.
	unusedTemporarySQL = `SELECT coalesce((SELECT expires FROM temporary_code
	WHERE "user" = ?1 AND fingerprint = ?2 AND used = 0), 0), (SELECT tag FROM temporary_code
	WHERE "user" = ?1 AND fingerprint = ?2 AND used = 0)`

	// Whether the user has the code, unused (1) or used (2), and any that works.
	temporarySQL = `SELECT CAST(coalesce((SELECT CASE WHEN used > 0 THEN 2 ELSE 1 END FROM temporary_code
		WHERE "user" = ?1 AND fingerprint = ?2), 0) AS BIGINT),
	CAST(CASE WHEN EXISTS (SELECT 1 FROM temporary_code WHERE "user" = ?1 AND used = 0 AND expires > ?3)
		THEN 1 ELSE 0 END AS BIGINT)`
)
