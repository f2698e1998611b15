-- Limits of the activations of a profile's tokens; 0: the server's. Times in seconds.
ALTER TABLE profile ADD COLUMN limit_expiry    bigint NOT NULL DEFAULT 0; -- an activation is open for so long
ALTER TABLE profile ADD COLUMN limit_tries     bigint NOT NULL DEFAULT 0; -- wrong confirmations of one activation
ALTER TABLE profile ADD COLUMN limit_window    bigint NOT NULL DEFAULT 0; -- over which the next two count
ALTER TABLE profile ADD COLUMN limit_successes bigint NOT NULL DEFAULT 0; -- activations of a token after the first
ALTER TABLE profile ADD COLUMN limit_failures  bigint NOT NULL DEFAULT 0; -- wrong confirmations of a token
ALTER TABLE profile ADD COLUMN limit_interval  bigint NOT NULL DEFAULT 0; -- from one activation to the next
