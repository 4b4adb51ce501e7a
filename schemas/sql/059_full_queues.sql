-- What a queue has refused because it is full is nobody's fault: it is not counted in `refused` (053),
-- which shrinks the group and may blame a message, but waits, each time as long again as it has waited
-- since the first time. Of retries waits_since (054) tells that.

ALTER TABLE weir.events ADD COLUMN refused_since timestamptz;
ALTER TABLE weir.dead_letters ADD COLUMN refused_since timestamptz;
