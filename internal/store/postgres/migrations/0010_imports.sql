-- When the rows of an import were removed, because the time of its report was over;
-- 0 for those that are kept. The sums stay.
ALTER TABLE import_run ADD COLUMN rows_removed bigint NOT NULL DEFAULT 0;
