-- Tokens that leave for another server: exported, and gone from here once a
-- receipt says that they arrived there.
CREATE TABLE move (
  id     TEXT PRIMARY KEY,
  opened INTEGER NOT NULL,
  actor  TEXT NOT NULL,
  key    BLOB NOT NULL -- sealed; what a receipt is checked by
) STRICT, WITHOUT ROWID;

CREATE TABLE move_token (
  move   TEXT NOT NULL REFERENCES move (id),
  token  INTEGER NOT NULL,
  type   TEXT NOT NULL,
  serial TEXT NOT NULL,
  before INTEGER NOT NULL,           -- the state before
  ended  INTEGER NOT NULL DEFAULT 0, -- 1 moved, 2 taken back
  PRIMARY KEY (move, token)
) STRICT, WITHOUT ROWID;

-- What this server says of tokens that came to it so.
CREATE TABLE import_receipt (
  run     INTEGER PRIMARY KEY REFERENCES import_run (id),
  move    TEXT NOT NULL,
  receipt BLOB NOT NULL
) STRICT;
CREATE INDEX import_receipt_move ON import_receipt (move);

-- Of a deleted token: it did not end, but lives on another server.
ALTER TABLE retired ADD COLUMN moved_away INTEGER NOT NULL DEFAULT 0;
