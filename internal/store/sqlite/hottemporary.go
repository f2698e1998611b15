package sqlite

const (
	// The conditional write that uses up a temporary code: every condition of
	// acceptance stands here, and the row count is the verdict.
	//
	//	?1 now  ?2 user  ?3 fingerprint  ?4 most failures  ?5 the tag it must carry  ?6 the latest end of a delay
	useTemporarySQL = `UPDATE temporary_code SET used = max(?1, 1), tag = NULL
	WHERE user = ?2 AND fingerprint = ?3 AND used = 0 AND expires > ?1 AND tag IS ?5
	  AND EXISTS (SELECT 1 FROM user WHERE id = ?2 AND failures <= ?4 AND (retry_at <= ?1 OR retry_at > ?6))`

	// The tag is over the end of the code, so that is read first.
	unusedTemporarySQL = `SELECT coalesce((SELECT expires FROM temporary_code
	WHERE user = ?1 AND fingerprint = ?2 AND used = 0), 0), (SELECT tag FROM temporary_code
	WHERE user = ?1 AND fingerprint = ?2 AND used = 0)`

	// Whether the user has the code, unused (1) or used (2), and any that works.
	temporarySQL = `SELECT coalesce((SELECT 1 + (used > 0) FROM temporary_code WHERE user = ?1 AND fingerprint = ?2), 0),
	EXISTS (SELECT 1 FROM temporary_code WHERE user = ?1 AND used = 0 AND expires > ?3)`
)
