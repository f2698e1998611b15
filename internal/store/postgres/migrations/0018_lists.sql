-- Tokens in stock, and those and users with wrong codes, who may be locked. A code
-- changes nothing of these indexes but with the first wrong one, and the right one that
-- follows.
CREATE INDEX condition_free ON condition (token) WHERE owner IS NULL;
CREATE INDEX condition_failing ON condition (token) WHERE failures > 0;
CREATE INDEX user_failing ON "user" (name) WHERE failures > 0;
