-- What kinds of token there are. The definition of a type never changes once
-- there was a token of it: algorithm to suite, prefix, width, start, activation.
CREATE TABLE token_type (
  name         text COLLATE "C" PRIMARY KEY,
  kind         text COLLATE "C" NOT NULL,
  algorithm    text COLLATE "C" NOT NULL,
  hash         text COLLATE "C" NOT NULL DEFAULT '',
  digits       bigint NOT NULL DEFAULT 0,
  period       bigint NOT NULL DEFAULT 0,
  suite        text COLLATE "C" NOT NULL DEFAULT '',
  prefix       text COLLATE "C" NOT NULL DEFAULT '',
  width        bigint NOT NULL DEFAULT 0,
  start        bigint NOT NULL DEFAULT 0,
  activation   text COLLATE "C" NOT NULL DEFAULT 'none',
  profile      text COLLATE "C" NOT NULL DEFAULT '',
  manufacturer text COLLATE "C" NOT NULL DEFAULT '',
  product      text COLLATE "C" NOT NULL DEFAULT '',
  max_per_user bigint NOT NULL DEFAULT 0,
  lifetime     bigint NOT NULL DEFAULT 0, -- days
  retired      bigint NOT NULL DEFAULT 0
);

INSERT INTO token_type (name, kind, algorithm) VALUES
  ('hotp', 'hardware', 'HOTP'), ('totp', 'hardware', 'TOTP'), ('ocra', 'hardware', 'OCRA');
INSERT INTO token_type (name, kind, algorithm, hash, digits, period, prefix, width, start, activation) VALUES
  ('app-hotp',       'software', 'HOTP', 'SHA1',   6, 0,  'AH', 8, 10000001, 'none'),
  ('app-totp',       'software', 'TOTP', 'SHA1',   6, 30, 'AT', 8, 10000001, 'none'),
  ('mobile-hotp',    'software', 'HOTP', 'SHA256', 6, 0,  'MH', 8, 10000001, 'one-step'),
  ('mobile-license', 'software', 'TOTP', 'SHA256', 6, 30, 'MD', 8, 10000001, 'two-step'),
  ('mobile-totp',    'software', 'TOTP', 'SHA256', 6, 30, 'MT', 8, 10000001, 'one-step');

-- Serials of software are unique in their type, whatever the key id. Also finds
-- the highest one.
CREATE UNIQUE INDEX token_software ON token (type, serial) WHERE kind = 'software';

-- Where new serials of a software type come from. next stands above every
-- number that was ever used; highest is the highest of them and never falls.
CREATE TABLE token_series (
  type    text COLLATE "C" PRIMARY KEY REFERENCES token_type (name),
  next    bigint NOT NULL,
  highest bigint NOT NULL DEFAULT 0,
  issued  bigint NOT NULL DEFAULT 0, -- how many numbers were given out
  CHECK (next > highest)
);
INSERT INTO token_series (type, next) SELECT name, start FROM token_type WHERE kind = 'software';

-- Tokens that no import brings belong to this run.
INSERT INTO import_run (id, label, opened, published) VALUES (0, 'created here', 1, 1);

ALTER TABLE token ADD COLUMN label text COLLATE "C" NOT NULL DEFAULT '';

-- How a PENDING token's secret reaches an authenticator app, once. hash is that
-- of the link's text until the secret is shown, then that of the ticket with
-- which the page that shows it confirms the first code.
CREATE TABLE enrolment (
  token   bigint PRIMARY KEY REFERENCES token (id) ON DELETE CASCADE,
  hash    bytea UNIQUE,
  expires bigint NOT NULL,
  shown   bigint NOT NULL DEFAULT 0
);
