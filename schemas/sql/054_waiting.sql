-- An item that waits for something that may last: for a lock that somebody holds, for a consumer that
-- knows its model. It is put off uncharged, and the longer it has waited for the same, in whoever's
-- hand, the longer is the next pause.

ALTER TABLE weir.retries
	ADD COLUMN waits_since timestamptz; -- for the same as now; NULL: it does not wait for such a thing
