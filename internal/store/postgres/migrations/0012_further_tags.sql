-- Further rows that carry tags, 16 bytes each. Those that are there when this is
-- applied are tagged at the next start, as they stand then.
ALTER TABLE move_token ADD COLUMN tag bytea;
ALTER TABLE import_replacement ADD COLUMN tag bytea;

-- Which move a token is on.
CREATE INDEX move_token_open ON move_token (token) WHERE ended = 0;
