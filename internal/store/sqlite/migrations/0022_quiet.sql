-- The entry of the last refusal that was only counted: it is written and read by nobody, so
-- that a refusal that is counted here writes as much as one that has its entry in the log.
ALTER TABLE quiet_refusal ADD COLUMN entry BLOB;
