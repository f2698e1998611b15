-- Rows that are written when a refusal counts no failure of a token or of a user, so
-- that it writes as much as one that does: each table and its index is like the one
-- that it stands for.
DROP TABLE decoy;
CREATE TABLE decoy_condition (
  token    bigint PRIMARY KEY,
  failures bigint NOT NULL,
  retry_at bigint NOT NULL
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX decoy_condition_failing ON decoy_condition (token) WHERE failures > 0;
INSERT INTO decoy_condition VALUES (1, 0, 0);

CREATE TABLE decoy_user (
  id       bigint PRIMARY KEY,
  name     text COLLATE "C" NOT NULL UNIQUE,
  failures bigint NOT NULL,
  retry_at bigint NOT NULL
);
CREATE INDEX decoy_user_failing ON decoy_user (name) WHERE failures > 0;
INSERT INTO decoy_user VALUES (1, 'nobody', 0, 0);
