-- Parameter sheets of software authenticators. One that was taken into use never
-- changes: its static vector is in apps and letters.
CREATE TABLE profile (
  name    TEXT PRIMARY KEY,
  vector  BLOB NOT NULL,
  issuer  BLOB NOT NULL, -- sealed: the seed of the issuer's Ed25519 key
  created INTEGER NOT NULL
) STRICT;

-- Of a token with an activation: its parameter sheet.
ALTER TABLE token ADD COLUMN profile TEXT NOT NULL DEFAULT '';
-- The built-in types get profiles of their own names when the server starts.
UPDATE token SET profile = type WHERE type IN ('mobile-hotp', 'mobile-totp');

-- The further applications of a token's profile. The first one for one-time
-- passwords is the token itself: its counter is in condition, its key in token.
CREATE TABLE application (
  token     INTEGER NOT NULL REFERENCES token (id) ON DELETE CASCADE,
  idx       INTEGER NOT NULL, -- 1 to 8
  mode      INTEGER NOT NULL, -- 1 one-time passwords, 2 challenge and response, 3 signatures
  algorithm TEXT NOT NULL,
  hash      TEXT NOT NULL,
  digits    INTEGER NOT NULL,
  period    INTEGER NOT NULL,
  suite     TEXT NOT NULL,
  next      INTEGER NOT NULL,
  drift     INTEGER NOT NULL,
  secret    BLOB NOT NULL,
  PRIMARY KEY (token, idx)
) STRICT, WITHOUT ROWID;

-- Activations of tokens: the one under way, the one that counts, and their
-- history. status: 0 open, 1 confirmed, 2 cancelled, 3 another took its place,
-- 4 its tries are used up, 5 expired.
CREATE TABLE activation (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,
  token        INTEGER NOT NULL REFERENCES token (id) ON DELETE CASCADE,
  profile      TEXT NOT NULL REFERENCES profile (name),
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
  result       INTEGER NOT NULL DEFAULT 0  -- tries left after it
) STRICT;
CREATE UNIQUE INDEX activation_open ON activation (token) WHERE status = 0;
CREATE INDEX activation_token ON activation (token);
CREATE UNIQUE INDEX activation_locator ON activation (locator) WHERE locator IS NOT NULL;

-- From when on the activations of a token are counted.
CREATE TABLE activation_reset (
  token     INTEGER PRIMARY KEY REFERENCES token (id) ON DELETE CASCADE,
  successes INTEGER NOT NULL,
  failures  INTEGER NOT NULL,
  interval  INTEGER NOT NULL
) STRICT;

-- Devices that were bound to a token once, by a hash of their secrets: none of
-- them is bound again.
CREATE TABLE unbound_device (
  token       INTEGER NOT NULL REFERENCES token (id) ON DELETE CASCADE,
  fingerprint BLOB NOT NULL,
  PRIMARY KEY (token, fingerprint)
) STRICT, WITHOUT ROWID;
