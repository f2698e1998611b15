-- Times are milliseconds since 1970-01-01 UTC; 0 means none.

CREATE TABLE setting (
  name  TEXT PRIMARY KEY,
  value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE data_key (
  id      INTEGER PRIMARY KEY,
  kek     TEXT NOT NULL,
  wrapped BLOB NOT NULL
) STRICT;

CREATE TABLE user (
  id       INTEGER PRIMARY KEY AUTOINCREMENT,
  name     TEXT NOT NULL UNIQUE,
  created  INTEGER NOT NULL,
  failures INTEGER NOT NULL DEFAULT 0,
  retry_at INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE api_key (
  id        TEXT PRIMARY KEY,
  name      TEXT NOT NULL,
  role      TEXT NOT NULL,
  help_desk INTEGER NOT NULL,
  hash      BLOB NOT NULL,
  created   INTEGER NOT NULL,
  revoked   INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX api_key_name ON api_key (name) WHERE revoked = 0;

-- An import stages its tokens under a run; they count from the moment the run
-- is published.
CREATE TABLE import_run (
  id        INTEGER PRIMARY KEY AUTOINCREMENT,
  label     TEXT NOT NULL,
  opened    INTEGER NOT NULL,
  published INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX import_run_open ON import_run ((1)) WHERE published = 0;

-- What never changes about a token, and its sealed secret.
CREATE TABLE token (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,
  kind         TEXT NOT NULL,
  type         TEXT NOT NULL,
  manufacturer TEXT NOT NULL,
  serial       TEXT NOT NULL,
  key_id       TEXT NOT NULL,
  algorithm    TEXT NOT NULL,
  hash         TEXT NOT NULL,
  digits       INTEGER NOT NULL,
  period       INTEGER NOT NULL,
  t0           INTEGER NOT NULL,
  suite        TEXT NOT NULL,
  model        TEXT NOT NULL,
  issuer       TEXT NOT NULL,
  run          INTEGER NOT NULL REFERENCES import_run (id),
  created      INTEGER NOT NULL,
  state_reason TEXT NOT NULL DEFAULT '',
  secret       BLOB NOT NULL,
  UNIQUE (serial, type, manufacturer, key_id)
) STRICT;
CREATE INDEX token_run ON token (run);

-- What every code changes. Narrow, so that a page holds many tokens and a
-- batch of codes dirties few pages.
CREATE TABLE condition (
  token      INTEGER PRIMARY KEY REFERENCES token (id) ON DELETE CASCADE,
  run        INTEGER NOT NULL REFERENCES import_run (id),
  owner      INTEGER REFERENCES user (id),
  epoch      INTEGER NOT NULL,
  next       INTEGER NOT NULL,
  drift      INTEGER NOT NULL,
  failures   INTEGER NOT NULL,
  retry_at   INTEGER NOT NULL,
  state      INTEGER NOT NULL,
  not_before INTEGER NOT NULL,
  not_after  INTEGER NOT NULL,
  last_used  INTEGER NOT NULL
) STRICT;
CREATE INDEX condition_owner ON condition (owner) WHERE owner IS NOT NULL;

-- Where deleted tokens stood, by a keyed fingerprint of their secrets: a token
-- that is deleted and imported again does not take its used codes again.
CREATE TABLE retired (
  fingerprint BLOB PRIMARY KEY,
  next        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The Merkle log: entries in canonical form, and the right edge of the tree.
CREATE TABLE audit_entry (
  seq   INTEGER PRIMARY KEY,
  entry BLOB NOT NULL
) STRICT;

CREATE TABLE audit_head (
  id       INTEGER PRIMARY KEY CHECK (id = 1),
  frontier BLOB NOT NULL
) STRICT;
INSERT INTO audit_head VALUES (1, x'0000000000000000');

CREATE TABLE checkpoint (
  id   INTEGER PRIMARY KEY AUTOINCREMENT,
  size INTEGER NOT NULL,
  note TEXT NOT NULL
) STRICT;

-- A row that is written when a refusal changes nothing else, so that it takes
-- the time of one that counts a failure.
CREATE TABLE decoy (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  n  INTEGER NOT NULL
) STRICT;
INSERT INTO decoy VALUES (1, 0);

-- Refusals that changed nothing and were too many to record one by one.
CREATE TABLE quiet_refusal (
  caller TEXT PRIMARY KEY,
  n      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
