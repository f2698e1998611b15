-- Administrators. password is a keyed hash in text form; disabled is since when, 0: not.
CREATE TABLE admin (
  id          TEXT PRIMARY KEY,
  name        TEXT NOT NULL,
  role        TEXT NOT NULL,
  help_desk   INTEGER NOT NULL,
  password    TEXT NOT NULL,
  must_change INTEGER NOT NULL,
  created     INTEGER NOT NULL,
  disabled    INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX admin_name ON admin (name);

-- Their passkeys (WebAuthn). host is the name of the server that they are for.
CREATE TABLE passkey (
  id         BLOB PRIMARY KEY,
  admin      TEXT NOT NULL,
  name       TEXT NOT NULL,
  host       TEXT NOT NULL,
  public_key BLOB NOT NULL,
  flags      INTEGER NOT NULL,
  aaguid     BLOB NOT NULL,
  created    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX passkey_admin ON passkey (admin, created);

-- When they were used last, without a command; so it is apart from them. count is that of
-- the signatures of a passkey.
CREATE TABLE admin_use (
  admin TEXT PRIMARY KEY,
  used  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE passkey_use (
  passkey BLOB PRIMARY KEY,
  count   INTEGER NOT NULL,
  used    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A session of a browser is another kind than one of a program. admin is the number of the
-- account, empty for ROOT; factor, what proved who it is beside the password, and fresh,
-- when it did so last. What is here ends: its proof is over less.
DELETE FROM session;
ALTER TABLE session ADD COLUMN kind TEXT NOT NULL DEFAULT '';
ALTER TABLE session ADD COLUMN admin TEXT NOT NULL DEFAULT '';
ALTER TABLE session ADD COLUMN source TEXT NOT NULL DEFAULT '';
ALTER TABLE session ADD COLUMN agent TEXT NOT NULL DEFAULT '';
ALTER TABLE session ADD COLUMN factor TEXT NOT NULL DEFAULT '';
ALTER TABLE session ADD COLUMN fresh INTEGER NOT NULL DEFAULT 0;
ALTER TABLE session ADD COLUMN challenge TEXT NOT NULL DEFAULT '';
