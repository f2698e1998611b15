-- How many codes were accepted and refused in each hour since 1970, and why: counted with
-- the segments of the log's index. So the index is made anew, with the counts of old entries.
CREATE TABLE code_tally (
  hour    bigint NOT NULL,
  outcome text COLLATE "C" NOT NULL,
  reason  text COLLATE "C" NOT NULL,
  n       bigint NOT NULL,
  PRIMARY KEY (hour, outcome, reason)
);
DELETE FROM audit_segment;
DELETE FROM audit_block;
DELETE FROM audit_span;

-- Orders of tokens by what many of them have in common, and among those by the number of
-- the row, which SQLite has in every index.
DROP INDEX token_by_kind;
DROP INDEX token_by_type;
DROP INDEX token_by_manufacturer;
DROP INDEX condition_by_state;
DROP INDEX condition_ending;
CREATE INDEX token_by_kind ON token (kind, id);
CREATE INDEX token_by_type ON token (type, id);
CREATE INDEX token_by_manufacturer ON token (manufacturer, id);
CREATE INDEX condition_by_state ON condition (state, token);
CREATE INDEX condition_ending ON condition (not_after, token) WHERE not_after > 0;
