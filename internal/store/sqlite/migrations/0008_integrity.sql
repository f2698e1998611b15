-- What makes the database prove itself: a key that only the key-encryption key
-- opens, a record of the log's head under that key, and tags on the rows that say
-- who gets in.

-- Keys of purposes other than encryption; data keys stay in data_key.
CREATE TABLE key_wrapping (
  purpose TEXT NOT NULL, -- integrity
  key     INTEGER NOT NULL,
  kek     TEXT NOT NULL,
  wrapped BLOB NOT NULL,
  created INTEGER NOT NULL,
  PRIMARY KEY (purpose, key, kek)
) STRICT, WITHOUT ROWID;

ALTER TABLE audit_head ADD COLUMN record BLOB;
ALTER TABLE audit_head ADD COLUMN mac BLOB;

-- 16 bytes each; NULL: not written by this program, or not tagged yet.
ALTER TABLE token ADD COLUMN tag BLOB;
ALTER TABLE user ADD COLUMN tag BLOB;
ALTER TABLE enrolment ADD COLUMN tag BLOB;
ALTER TABLE activation ADD COLUMN tag BLOB;
ALTER TABLE application ADD COLUMN tag BLOB;
ALTER TABLE temporary_code ADD COLUMN tag BLOB; -- NULL once it is used

-- The mark beside the key file names a checkpoint by its size.
CREATE INDEX checkpoint_size ON checkpoint (size);
