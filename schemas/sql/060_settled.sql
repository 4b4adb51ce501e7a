-- What a consumer has been sent before settled_until is in its hand no more: so much older messages of
-- which nothing has come are with nobody. NULL: it does not say.

ALTER TABLE weir.processes ADD COLUMN settled_until timestamptz;
