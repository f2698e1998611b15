-- How many codes were accepted and refused in each hour since 1970, and why: counted with
-- the segments of the log's index. So the index is made anew, with the counts of old entries.
CREATE TABLE code_tally (
  hour    INTEGER NOT NULL,
  outcome TEXT NOT NULL,
  reason  TEXT NOT NULL,
  n       INTEGER NOT NULL,
  PRIMARY KEY (hour, outcome, reason)
) STRICT, WITHOUT ROWID;
DELETE FROM audit_segment;
DELETE FROM audit_block;
DELETE FROM audit_span;
