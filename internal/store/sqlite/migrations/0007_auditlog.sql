-- What finds entries of the log: derived from them beside the writer, and made anew
-- when it is not there. A segment covers the entries from first to before beyond;
-- its blocks hold postings in the order of (key, seq), as package core/postings packs
-- them. Segments follow each other without a gap.
CREATE TABLE audit_segment (
  first  INTEGER PRIMARY KEY,
  beyond INTEGER NOT NULL
) STRICT;

CREATE TABLE audit_block (
  segment INTEGER NOT NULL,
  key     INTEGER NOT NULL,
  seq     INTEGER NOT NULL,
  data    BLOB NOT NULL,
  PRIMARY KEY (segment, key, seq)
) STRICT, WITHOUT ROWID;

-- When the entries were made. latest is that of all entries up to the span's end,
-- earliest that of all from its begin on, so both never fall from one to the next,
-- whatever the clock did.
CREATE TABLE audit_span (
  first    INTEGER PRIMARY KEY,
  beyond   INTEGER NOT NULL,
  earliest INTEGER NOT NULL,
  latest   INTEGER NOT NULL
) STRICT;
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
ALTER TABLE import_run ADD COLUMN tokens INTEGER NOT NULL DEFAULT 0;
UPDATE import_run SET tokens = (SELECT count(*) FROM token t WHERE t.run = import_run.id) WHERE id > 0;
ALTER TABLE move ADD COLUMN moving INTEGER NOT NULL DEFAULT 0;
ALTER TABLE move ADD COLUMN moved INTEGER NOT NULL DEFAULT 0;
ALTER TABLE move ADD COLUMN back INTEGER NOT NULL DEFAULT 0;
UPDATE move SET
  moving = (SELECT count(*) FROM move_token t WHERE t.move = move.id AND t.ended = 0),
  moved = (SELECT count(*) FROM move_token t WHERE t.move = move.id AND t.ended = 1),
  back = (SELECT count(*) FROM move_token t WHERE t.move = move.id AND t.ended = 2);
CREATE INDEX move_opened ON move (opened, id);
