-- Tokens in stock, and those and users with wrong codes, who may be locked. A code
-- changes nothing of these indexes but with the first wrong one, and the right one that
-- follows.
CREATE INDEX condition_free ON condition (token) WHERE owner IS NULL;
CREATE INDEX condition_failing ON condition (token) WHERE failures > 0;
CREATE INDEX user_failing ON "user" (name) WHERE failures > 0;

-- Asks for a text anywhere in others, in either case, also beyond ASCII; what is asked for
-- is in small letters.
CREATE FUNCTION holds(part text, VARIADIC texts text[]) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
  AS $$ SELECT EXISTS (SELECT 1 FROM unnest(texts) AS t WHERE position(part IN lower(t COLLATE "und-x-icu")) > 0) $$;
