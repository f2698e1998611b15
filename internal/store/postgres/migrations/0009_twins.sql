-- Where secrets stand that several tokens hold, or held by tokens that are gone. The
-- mark is a keyed digest of what HMAC makes of the secret; floors never fall.
CREATE TABLE secret (
  mark       bigint PRIMARY KEY,
  events     bigint NOT NULL DEFAULT 0, -- lowest counter that may be accepted
  seconds    bigint NOT NULL DEFAULT 0, -- no time step that begins before it
  "both"     bigint NOT NULL DEFAULT 0, -- 1: of tokens that count events and of such that count time
  moved_away bigint NOT NULL DEFAULT 0  -- 1: it lives on another server
);

-- NULL for a token without a secret, and for one that was not marked yet.
ALTER TABLE token ADD COLUMN mark bigint;
CREATE INDEX token_mark ON token (mark) WHERE mark IS NOT NULL;

-- The mark, if other tokens hold the secret, too, or did; never taken back while the
-- token has that secret. Then the secret's floor decides beside the token's own counter.
ALTER TABLE condition ADD COLUMN twin bigint;
CREATE INDEX condition_twin ON condition (token) WHERE twin IS NOT NULL;

ALTER TABLE import_replacement ADD COLUMN mark bigint;
ALTER TABLE import_run ADD COLUMN twin bigint NOT NULL DEFAULT 0;

-- From now on deleted tokens are remembered in secret; retired is only read.

-- Which receipts a move was confirmed by, and which of them each token's arrival: the
-- SHA-256 of the receipt's MAC.
CREATE TABLE move_receipt (
  move   text COLLATE "C" NOT NULL REFERENCES move (id),
  digest bytea NOT NULL,
  import bigint NOT NULL, -- the run on the receiving server
  taken  bigint NOT NULL,
  PRIMARY KEY (move, digest)
);
ALTER TABLE move_token ADD COLUMN receipt bytea;
