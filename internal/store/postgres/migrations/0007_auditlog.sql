-- What finds entries of the log: derived from them beside the writer, and made anew
-- when it is not there. A segment covers the entries from first to before beyond;
-- its blocks hold postings in the order of (key, seq), as package core/postings packs
-- them. Segments follow each other without a gap.
CREATE TABLE audit_segment (
  first  bigint PRIMARY KEY,
  beyond bigint NOT NULL
);

CREATE TABLE audit_block (
  segment bigint NOT NULL,
  key     bigint NOT NULL,
  seq     bigint NOT NULL,
  data    bytea NOT NULL,
  PRIMARY KEY (segment, key, seq)
);

-- When the entries were made. latest is that of all entries up to the span's end,
-- earliest that of all from its begin on, so both never fall from one to the next,
-- whatever the clock did.
CREATE TABLE audit_span (
  first    bigint PRIMARY KEY,
  beyond   bigint NOT NULL,
  earliest bigint NOT NULL,
  latest   bigint NOT NULL
);
CREATE INDEX audit_span_earliest ON audit_span (earliest);
CREATE INDEX audit_span_latest ON audit_span (latest);

-- Lists of tokens by what many of them have in common; each is in the order of the
-- tokens' numbers.
CREATE INDEX token_by_kind ON token (kind);
CREATE INDEX token_by_type ON token (type);
CREATE INDEX token_by_manufacturer ON token (manufacturer);
CREATE INDEX condition_by_state ON condition (state);

-- How many tokens there are of a run, and how a move's ended: counted as they change,
-- because a list must not count a million rows.
ALTER TABLE import_run ADD COLUMN tokens bigint NOT NULL DEFAULT 0;
ALTER TABLE move ADD COLUMN moving bigint NOT NULL DEFAULT 0;
ALTER TABLE move ADD COLUMN moved bigint NOT NULL DEFAULT 0;
ALTER TABLE move ADD COLUMN back bigint NOT NULL DEFAULT 0;
CREATE INDEX move_opened ON move (opened, id);
