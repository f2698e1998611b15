-- Administrators. password is a keyed hash in text form; disabled is since when, 0: not.
CREATE TABLE admin (
  id          text COLLATE "C" PRIMARY KEY,
  name        text COLLATE "C" NOT NULL,
  role        text COLLATE "C" NOT NULL,
  help_desk   bigint NOT NULL,
  password    text COLLATE "C" NOT NULL,
  must_change bigint NOT NULL,
  created     bigint NOT NULL,
  disabled    bigint NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX admin_name ON admin (name);

-- Their passkeys (WebAuthn). host is the name of the server that they are for.
CREATE TABLE passkey (
  id         bytea PRIMARY KEY,
  admin      text COLLATE "C" NOT NULL,
  name       text COLLATE "C" NOT NULL,
  host       text COLLATE "C" NOT NULL,
  public_key bytea NOT NULL,
  flags      bigint NOT NULL,
  aaguid     bytea NOT NULL,
  created    bigint NOT NULL
);
CREATE INDEX passkey_admin ON passkey (admin, created);

-- When they were used last, without a command; so it is apart from them. count is that of
-- the signatures of a passkey.
CREATE TABLE admin_use (
  admin text COLLATE "C" PRIMARY KEY,
  used  bigint NOT NULL
);
CREATE TABLE passkey_use (
  passkey bytea PRIMARY KEY,
  count   bigint NOT NULL,
  used    bigint NOT NULL
);

-- A session of a browser is another kind than one of a program. admin is the number of the
-- account, empty for ROOT; factor, what proved who it is beside the password, and fresh,
-- when it did so last. What is here ends: its proof is over less.
DELETE FROM session;
ALTER TABLE session ADD COLUMN kind text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE session ADD COLUMN admin text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE session ADD COLUMN source text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE session ADD COLUMN agent text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE session ADD COLUMN factor text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE session ADD COLUMN fresh bigint NOT NULL DEFAULT 0;
ALTER TABLE session ADD COLUMN challenge text COLLATE "C" NOT NULL DEFAULT '';
