-- Limits of the activations of a profile's tokens; 0: the server's. Times in seconds.
ALTER TABLE profile ADD COLUMN limit_expiry    INTEGER NOT NULL DEFAULT 0; -- an activation is open for so long
ALTER TABLE profile ADD COLUMN limit_tries     INTEGER NOT NULL DEFAULT 0; -- wrong confirmations of one activation
ALTER TABLE profile ADD COLUMN limit_window    INTEGER NOT NULL DEFAULT 0; -- over which the next two count
ALTER TABLE profile ADD COLUMN limit_successes INTEGER NOT NULL DEFAULT 0; -- activations of a token after the first
ALTER TABLE profile ADD COLUMN limit_failures  INTEGER NOT NULL DEFAULT 0; -- wrong confirmations of a token
ALTER TABLE profile ADD COLUMN limit_interval  INTEGER NOT NULL DEFAULT 0; -- from one activation to the next
