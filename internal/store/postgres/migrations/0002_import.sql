-- An import's run becomes its report, too: a run that was not published is
-- closed, no longer deleted, and dry runs are runs that stage nothing.

ALTER TABLE import_run ADD COLUMN closed bigint NOT NULL DEFAULT 0;
ALTER TABLE import_run ADD COLUMN dry_run bigint NOT NULL DEFAULT 0;
ALTER TABLE import_run ADD COLUMN batch text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE import_run ADD COLUMN note text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE import_run ADD COLUMN supplier text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE import_run ADD COLUMN format text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE import_run ADD COLUMN actor text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE import_run ADD COLUMN remarks text COLLATE "C" NOT NULL DEFAULT ''; -- one a line
ALTER TABLE import_run ADD COLUMN series text COLLATE "C" NOT NULL DEFAULT ''; -- JSON
ALTER TABLE import_run ADD COLUMN failure text COLLATE "C" NOT NULL DEFAULT ''; -- why it has no result
ALTER TABLE import_run ADD COLUMN imported bigint NOT NULL DEFAULT 0;
ALTER TABLE import_run ADD COLUMN duplicate bigint NOT NULL DEFAULT 0;
ALTER TABLE import_run ADD COLUMN conflict bigint NOT NULL DEFAULT 0;
ALTER TABLE import_run ADD COLUMN replaced bigint NOT NULL DEFAULT 0;
ALTER TABLE import_run ADD COLUMN refused bigint NOT NULL DEFAULT 0;
ALTER TABLE import_run ADD COLUMN renumbered bigint NOT NULL DEFAULT 0;
ALTER TABLE import_run ADD COLUMN held_back bigint NOT NULL DEFAULT 0;
ALTER TABLE import_run ADD COLUMN assigned bigint NOT NULL DEFAULT 0;
ALTER TABLE import_run ADD COLUMN users_made bigint NOT NULL DEFAULT 0;
DROP INDEX import_run_open;
CREATE UNIQUE INDEX import_run_open ON import_run ((1)) WHERE published = 0 AND closed = 0 AND dry_run = 0;
CREATE INDEX import_run_batch ON import_run (batch) WHERE batch <> '' AND published > 0;

-- What there is to say of single keys of a run: those that were not simply
-- imported. n counts the keys of the file from 1.
CREATE TABLE import_row (
  run          bigint NOT NULL REFERENCES import_run (id),
  n            bigint NOT NULL,
  line         bigint NOT NULL,
  type         text COLLATE "C" NOT NULL,
  manufacturer text COLLATE "C" NOT NULL,
  serial       text COLLATE "C" NOT NULL,
  key_id       text COLLATE "C" NOT NULL,
  outcome      text COLLATE "C" NOT NULL,
  reason       text COLLATE "C" NOT NULL,
  PRIMARY KEY (run, n)
);

-- Secrets that are to replace those of tokens in stock, until the run is
-- published.
CREATE TABLE import_replacement (
  token      bigint PRIMARY KEY REFERENCES token (id) ON DELETE CASCADE,
  run        bigint NOT NULL REFERENCES import_run (id),
  epoch      bigint NOT NULL, -- of the secret that is replaced
  algorithm  text COLLATE "C" NOT NULL,
  hash       text COLLATE "C" NOT NULL,
  digits     bigint NOT NULL,
  period     bigint NOT NULL,
  suite      text COLLATE "C" NOT NULL,
  next       bigint NOT NULL,
  drift      bigint NOT NULL,
  not_before bigint NOT NULL,
  not_after  bigint NOT NULL,
  secret     bytea NOT NULL
);

-- A user made by an import is there from the moment its run is published.
ALTER TABLE "user" ADD COLUMN run bigint NOT NULL DEFAULT 0;
CREATE INDEX user_run ON "user" (run) WHERE run > 0;

-- The policy that a seed file gives a token (RFC 6030, section 5), as JSON, and
-- the sealed PIN that belongs to it, if the file has it.
CREATE TABLE token_policy (
  token  bigint PRIMARY KEY REFERENCES token (id) ON DELETE CASCADE,
  policy text COLLATE "C" NOT NULL,
  pin    bytea
);
