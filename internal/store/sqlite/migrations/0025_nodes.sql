-- The servers that work on the database. seen is when each was seen last; 0 for one that has
-- stopped. The rows stay, so that a number always means the same server.
CREATE TABLE node (
  id      INTEGER PRIMARY KEY AUTOINCREMENT,
  name    TEXT NOT NULL,
  started INTEGER NOT NULL,
  seen    INTEGER NOT NULL
) STRICT;
CREATE INDEX node_seen ON node (seen);

-- Which server works at a run; 0 for none. A run that is being swept is written to no more.
ALTER TABLE import_run ADD COLUMN node INTEGER NOT NULL DEFAULT 0;
ALTER TABLE import_run ADD COLUMN swept INTEGER NOT NULL DEFAULT 0;

-- Sessions of those who signed in with a password. id is a keyed hash of the session's
-- token, proof one of the row and of the password.
CREATE TABLE session (
  id      BLOB PRIMARY KEY,
  name    TEXT NOT NULL,
  started INTEGER NOT NULL,
  used    INTEGER NOT NULL,
  proof   BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX session_name ON session (name, started);

-- What all servers remember together until a time, and forget then; changed is when it was
-- written.
CREATE TABLE memo (
  what    TEXT NOT NULL,
  about   TEXT NOT NULL,
  who     TEXT NOT NULL,
  n       INTEGER NOT NULL,
  until   INTEGER NOT NULL,
  changed INTEGER NOT NULL,
  PRIMARY KEY (what, about, who)
) STRICT, WITHOUT ROWID;
CREATE INDEX memo_until ON memo (until);
CREATE INDEX memo_changed ON memo (what, changed);
