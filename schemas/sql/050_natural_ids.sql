-- Items that are called otherwise elsewhere: a custom_id that weir submit --id-hash has made of a key
-- that does not fit, beside the key. Nothing reads it on the way of an item; NULL costs nothing.

ALTER TABLE weir.items ADD COLUMN natural_id text; -- NULL: the custom_id is all
