-- The tokens of an import in the order of their arrival. SQLite has the number of the row in
-- every index.
DROP INDEX token_run;
CREATE INDEX token_run ON token (run, id);
