-- Codes that users may present once in place of a token's, by a keyed
-- fingerprint. Used ones stay, so that none is issued to a user again.
CREATE TABLE temporary_code (
  "user"      bigint NOT NULL REFERENCES "user" (id) ON DELETE CASCADE,
  fingerprint bytea NOT NULL,
  expires     bigint NOT NULL,
  used        bigint NOT NULL DEFAULT 0,
  PRIMARY KEY ("user", fingerprint)
);
CREATE INDEX temporary_code_unused ON temporary_code ("user", expires) WHERE used = 0;

-- Finds the tokens that end. No code changes not_after.
CREATE INDEX condition_ending ON condition (not_after) WHERE not_after > 0;
