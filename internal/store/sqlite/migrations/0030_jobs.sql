-- A job changes many tokens, one row for each. detail is what is to be done, as JSON; opened,
-- begun and ended are times: a job that has not begun is being prepared, and nobody sees it.
-- node is the server that works at it; 0 for none. stopped says why it ended before its last
-- row. proof is a keyed hash, by which the server knows what it wrote itself.
CREATE TABLE job (
  id        INTEGER PRIMARY KEY AUTOINCREMENT,
  kind      TEXT NOT NULL,
  detail    TEXT NOT NULL,
  total     INTEGER NOT NULL DEFAULT 0,
  actor     TEXT NOT NULL,
  actor_id  TEXT NOT NULL,
  role      TEXT NOT NULL,
  source    TEXT NOT NULL,
  request   TEXT NOT NULL,
  opened    INTEGER NOT NULL,
  begun     INTEGER NOT NULL DEFAULT 0,
  ended     INTEGER NOT NULL DEFAULT 0,
  node      INTEGER NOT NULL DEFAULT 0,
  changed   INTEGER NOT NULL DEFAULT 0,
  unchanged INTEGER NOT NULL DEFAULT 0,
  refused   INTEGER NOT NULL DEFAULT 0,
  stopped   TEXT NOT NULL DEFAULT '',
  proof     BLOB NOT NULL
) STRICT;
CREATE INDEX job_ended ON job (ended, id);

-- What becomes of each token. state and owner are as the preview showed them, "user" is who
-- gets the token, line that of the list that names it. outcome is empty for a row that is
-- still to be done; one that is done has no proof any more.
CREATE TABLE job_row (
  job     INTEGER NOT NULL REFERENCES job (id),
  n       INTEGER NOT NULL,
  token   INTEGER NOT NULL,
  line    INTEGER NOT NULL,
  serial  TEXT NOT NULL,
  type    TEXT NOT NULL,
  "user"  TEXT NOT NULL,
  state   INTEGER NOT NULL,
  owner   INTEGER NOT NULL,
  outcome TEXT NOT NULL,
  reason  TEXT NOT NULL,
  proof   BLOB NOT NULL,
  PRIMARY KEY (job, n)
) STRICT, WITHOUT ROWID;
CREATE INDEX job_row_open ON job_row (job, n) WHERE outcome = '';
