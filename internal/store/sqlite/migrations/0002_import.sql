-- An import's run becomes its report, too: a run that was not published is
-- closed, no longer deleted, and dry runs are runs that stage nothing.

ALTER TABLE import_run ADD COLUMN closed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE import_run ADD COLUMN dry_run INTEGER NOT NULL DEFAULT 0;
ALTER TABLE import_run ADD COLUMN batch TEXT NOT NULL DEFAULT '';
ALTER TABLE import_run ADD COLUMN note TEXT NOT NULL DEFAULT '';
ALTER TABLE import_run ADD COLUMN supplier TEXT NOT NULL DEFAULT '';
ALTER TABLE import_run ADD COLUMN format TEXT NOT NULL DEFAULT '';
ALTER TABLE import_run ADD COLUMN actor TEXT NOT NULL DEFAULT '';
ALTER TABLE import_run ADD COLUMN remarks TEXT NOT NULL DEFAULT ''; -- one a line
ALTER TABLE import_run ADD COLUMN series TEXT NOT NULL DEFAULT ''; -- JSON
ALTER TABLE import_run ADD COLUMN failure TEXT NOT NULL DEFAULT ''; -- why it has no result
ALTER TABLE import_run ADD COLUMN imported INTEGER NOT NULL DEFAULT 0;
ALTER TABLE import_run ADD COLUMN duplicate INTEGER NOT NULL DEFAULT 0;
ALTER TABLE import_run ADD COLUMN conflict INTEGER NOT NULL DEFAULT 0;
ALTER TABLE import_run ADD COLUMN replaced INTEGER NOT NULL DEFAULT 0;
ALTER TABLE import_run ADD COLUMN refused INTEGER NOT NULL DEFAULT 0;
ALTER TABLE import_run ADD COLUMN renumbered INTEGER NOT NULL DEFAULT 0;
ALTER TABLE import_run ADD COLUMN held_back INTEGER NOT NULL DEFAULT 0;
ALTER TABLE import_run ADD COLUMN assigned INTEGER NOT NULL DEFAULT 0;
ALTER TABLE import_run ADD COLUMN users_made INTEGER NOT NULL DEFAULT 0;
DROP INDEX import_run_open;
CREATE UNIQUE INDEX import_run_open ON import_run ((1)) WHERE published = 0 AND closed = 0 AND dry_run = 0;
CREATE INDEX import_run_batch ON import_run (batch) WHERE batch <> '' AND published > 0;

-- What there is to say of single keys of a run: those that were not simply
-- imported. n counts the keys of the file from 1.
CREATE TABLE import_row (
  run          INTEGER NOT NULL REFERENCES import_run (id),
  n            INTEGER NOT NULL,
  line         INTEGER NOT NULL,
  type         TEXT NOT NULL,
  manufacturer TEXT NOT NULL,
  serial       TEXT NOT NULL,
  key_id       TEXT NOT NULL,
  outcome      TEXT NOT NULL,
  reason       TEXT NOT NULL,
  PRIMARY KEY (run, n)
) STRICT, WITHOUT ROWID;

-- Secrets that are to replace those of tokens in stock, until the run is
-- published.
CREATE TABLE import_replacement (
  token      INTEGER PRIMARY KEY REFERENCES token (id) ON DELETE CASCADE,
  run        INTEGER NOT NULL REFERENCES import_run (id),
  epoch      INTEGER NOT NULL, -- of the secret that is replaced
  algorithm  TEXT NOT NULL,
  hash       TEXT NOT NULL,
  digits     INTEGER NOT NULL,
  period     INTEGER NOT NULL,
  suite      TEXT NOT NULL,
  next       INTEGER NOT NULL,
  drift      INTEGER NOT NULL,
  not_before INTEGER NOT NULL,
  not_after  INTEGER NOT NULL,
  secret     BLOB NOT NULL
) STRICT;

-- A user made by an import is there from the moment its run is published.
ALTER TABLE user ADD COLUMN run INTEGER NOT NULL DEFAULT 0;
CREATE INDEX user_run ON user (run) WHERE run > 0;

-- The policy that a seed file gives a token (RFC 6030, section 5), as JSON, and
-- the sealed PIN that belongs to it, if the file has it.
CREATE TABLE token_policy (
  token  INTEGER PRIMARY KEY REFERENCES token (id) ON DELETE CASCADE,
  policy TEXT NOT NULL,
  pin    BLOB
) STRICT;
