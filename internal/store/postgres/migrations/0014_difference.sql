-- Keys of an import that are here with the same secret and make other codes.
ALTER TABLE import_run ADD COLUMN difference bigint NOT NULL DEFAULT 0;
