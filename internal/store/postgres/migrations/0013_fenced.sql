-- Tokens that wait for two codes in a row, because a backup was accepted with --fence:
-- their drift says so (token.TwoCodes).
CREATE INDEX condition_fenced ON condition (token) WHERE drift = -1099511627776;
