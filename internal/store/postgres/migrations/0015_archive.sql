-- Where the log in the database begins when its first entries were archived. The last
-- row counts; the others say where one file ended and the next began.
CREATE TABLE audit_seam (
  size     bigint PRIMARY KEY,  -- place of the first entry behind it
  frontier bytea NOT NULL,
  note     text COLLATE "C" NOT NULL,        -- the checkpoint of so many entries
  lines    bigint NOT NULL,     -- how many seam_state has
  state    bytea NOT NULL,        -- SHA-256 of them
  file     bytea NOT NULL         -- SHA-256 of the file
);

-- The state at a seam, from which it is derived on, in lines as package
-- core/audit/derive writes them. Those of a place that is no seam are of an archive
-- that is being made, or was not finished.
CREATE TABLE seam_state (
  seam bigint NOT NULL,
  n    bigint NOT NULL,
  line bytea NOT NULL,
  PRIMARY KEY (seam, n)
);

-- That the tree at the next seam begins with that of this checkpoint (RFC 6962,
-- section 2.1.2). NULL for one that is behind the last seam, or is to be removed.
ALTER TABLE checkpoint ADD COLUMN proof bytea;
