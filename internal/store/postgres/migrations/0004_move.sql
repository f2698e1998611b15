-- Tokens that leave for another server: exported, and gone from here once a
-- receipt says that they arrived there.
CREATE TABLE move (
  id     text COLLATE "C" PRIMARY KEY,
  opened bigint NOT NULL,
  actor  text COLLATE "C" NOT NULL,
  key    bytea NOT NULL -- sealed; what a receipt is checked by
);

CREATE TABLE move_token (
  move   text COLLATE "C" NOT NULL REFERENCES move (id),
  token  bigint NOT NULL,
  type   text COLLATE "C" NOT NULL,
  serial text COLLATE "C" NOT NULL,
  before bigint NOT NULL,           -- the state before
  ended  bigint NOT NULL DEFAULT 0, -- 1 moved, 2 taken back
  PRIMARY KEY (move, token)
);

-- What this server says of tokens that came to it so.
CREATE TABLE import_receipt (
  run     bigint PRIMARY KEY REFERENCES import_run (id),
  move    text COLLATE "C" NOT NULL,
  receipt bytea NOT NULL
);
CREATE INDEX import_receipt_move ON import_receipt (move);

-- Of a deleted token: it did not end, but lives on another server.
ALTER TABLE retired ADD COLUMN moved_away bigint NOT NULL DEFAULT 0;
