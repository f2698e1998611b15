-- The times of a span's own entries, so that a search by time passes over it also where
-- the clock was once put forward or back. Spans of before may hold any time.
ALTER TABLE audit_span ADD COLUMN oldest bigint NOT NULL DEFAULT 0;
ALTER TABLE audit_span ADD COLUMN newest bigint NOT NULL DEFAULT 9223372036854775807;
