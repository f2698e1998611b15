-- A token that comes from another server with its activations is staged before the
-- profile that it brings is added: so an activation refers to its profile by name, as
-- its token does.
ALTER TABLE activation DROP CONSTRAINT activation_profile_fkey;

-- Tokens that were given another serial here than their authenticators know, which is
-- their key id: it must not be that of another token of the profile.
CREATE INDEX token_account ON token (profile, key_id) WHERE profile <> '' AND key_id <> '';
