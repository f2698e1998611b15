-- What makes the database prove itself: a key that only the key-encryption key
-- opens, a record of the log's head under that key, and tags on the rows that say
-- who gets in.

-- Keys of purposes other than encryption; data keys stay in data_key.
CREATE TABLE key_wrapping (
  purpose text COLLATE "C" NOT NULL, -- integrity
  key     bigint NOT NULL,
  kek     text COLLATE "C" NOT NULL,
  wrapped bytea NOT NULL,
  created bigint NOT NULL,
  PRIMARY KEY (purpose, key, kek)
);

ALTER TABLE audit_head ADD COLUMN record bytea;
ALTER TABLE audit_head ADD COLUMN mac bytea;

-- 16 bytes each; NULL: not written by this program, or not tagged yet.
ALTER TABLE token ADD COLUMN tag bytea;
ALTER TABLE "user" ADD COLUMN tag bytea;
ALTER TABLE enrolment ADD COLUMN tag bytea;
ALTER TABLE activation ADD COLUMN tag bytea;
ALTER TABLE application ADD COLUMN tag bytea;
ALTER TABLE temporary_code ADD COLUMN tag bytea; -- NULL once it is used

-- The mark beside the key file names a checkpoint by its size.
CREATE INDEX checkpoint_size ON checkpoint (size);
