-- Secrets of tokens that are gone, of which codes may have been used in a time that was
-- lost, because a backup was accepted with --fence.
ALTER TABLE secret ADD COLUMN fenced bigint NOT NULL DEFAULT 0;
