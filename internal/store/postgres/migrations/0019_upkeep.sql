-- Until when an API key works, in milliseconds; 0: until it is revoked.
ALTER TABLE api_key ADD COLUMN expires bigint NOT NULL DEFAULT 0;

-- When API keys were last used, some minutes behind. It is apart from them and carries
-- no tag, as it is written without a command; nothing is decided by it.
CREATE TABLE api_key_use (
  key  text COLLATE "C" PRIMARY KEY,
  used bigint NOT NULL
);

-- Since when no new tokens are made by a profile; 0: they are.
ALTER TABLE profile ADD COLUMN retired bigint NOT NULL DEFAULT 0;
