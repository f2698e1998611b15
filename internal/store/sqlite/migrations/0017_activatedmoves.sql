-- A token that comes from another server with its activations is staged before the
-- profile that it brings is added: so an activation refers to its profile by name, as
-- its token does. Only the reference goes; SQLite needs the table written anew for that.
CREATE TABLE activation_anew (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,
  token        INTEGER NOT NULL REFERENCES token (id) ON DELETE CASCADE,
  profile      TEXT NOT NULL,
  owner        INTEGER NOT NULL,      -- whose token it was then; 0 for nobody's
  route        TEXT NOT NULL,         -- offline, qr, online, pushed
  reason       TEXT NOT NULL,
  actor        TEXT NOT NULL,
  self         INTEGER NOT NULL,      -- 1: begun by the user
  opened       INTEGER NOT NULL,
  expires      INTEGER NOT NULL,
  status       INTEGER NOT NULL,
  ended        INTEGER NOT NULL DEFAULT 0,
  tries        INTEGER NOT NULL DEFAULT 0, -- wrong confirmations
  last_try     INTEGER NOT NULL DEFAULT 0,
  again        INTEGER NOT NULL,      -- 1: not the first of this token
  same_secret  INTEGER NOT NULL,      -- 1: the secret of the live epoch was sent again
  counters     TEXT NOT NULL DEFAULT '', -- where applications begin: JSON, by index
  secret       BLOB,                  -- sealed S; none once it counts no more
  device       BLOB,                  -- sealed device secret, once confirmed with binding
  device_mark  TEXT NOT NULL DEFAULT '',
  device_type  INTEGER NOT NULL DEFAULT 0,
  device_name  TEXT NOT NULL DEFAULT '',
  -- of an online one
  locator      TEXT,
  registration BLOB,                  -- sealed registration code
  password     BLOB,                  -- sealed activation password, until the request
  request      BLOB,                  -- hash of the request that took the offer
  taken        INTEGER NOT NULL DEFAULT 0,
  answer       BLOB,                  -- what was answered, encrypted to the device
  confirm      BLOB,                  -- hash of the last confirmation
  result       INTEGER NOT NULL DEFAULT 0, -- tries left after it
  tag          BLOB
) STRICT;
INSERT INTO activation_anew SELECT id, token, profile, owner, route, reason, actor, self, opened, expires, status, ended,
  tries, last_try, again, same_secret, counters, secret, device, device_mark, device_type, device_name, locator,
  registration, password, request, taken, answer, confirm, result, tag FROM activation;
-- Numbers of rows that are gone are not used again.
DELETE FROM sqlite_sequence WHERE name = 'activation_anew';
INSERT INTO sqlite_sequence (name, seq) SELECT 'activation_anew', seq FROM sqlite_sequence WHERE name = 'activation';
DROP TABLE activation;
ALTER TABLE activation_anew RENAME TO activation;
CREATE UNIQUE INDEX activation_open ON activation (token) WHERE status = 0;
CREATE INDEX activation_token ON activation (token);
CREATE UNIQUE INDEX activation_locator ON activation (locator) WHERE locator IS NOT NULL;

-- Tokens that were given another serial here than their authenticators know, which is
-- their key id: it must not be that of another token of the profile.
CREATE INDEX token_account ON token (profile, key_id) WHERE profile <> '' AND key_id <> '';
