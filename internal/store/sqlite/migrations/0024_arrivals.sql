-- Entries of the log that are committed and have no place in it yet, and how many of each
-- stream have theirs. Both are for several nodes: one that is alone writes to the log itself.
CREATE TABLE audit_arrival (
  id     INTEGER PRIMARY KEY,
  stream INTEGER NOT NULL,
  n      INTEGER NOT NULL,
  entry  BLOB NOT NULL,
  mac    BLOB
) STRICT;

CREATE TABLE audit_stream (
  id   INTEGER PRIMARY KEY,
  n    INTEGER NOT NULL,
  seen INTEGER NOT NULL
) STRICT;
