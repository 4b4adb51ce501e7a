-- A job of a name that was purged is another job. What is still on the way of the first one (messages
-- in a queue, calls of a model, items in hand) has its epoch, and so a new job begins behind all
-- epochs of the jobs that were purged: consumers drop what is of one before first_epoch.

ALTER TABLE weir.jobs ADD COLUMN first_epoch integer NOT NULL DEFAULT 0;

CREATE TABLE weir.purged (
	epoch integer NOT NULL -- behind those of all jobs that are gone
);
CREATE UNIQUE INDEX purged_one_row ON weir.purged ((true));
INSERT INTO weir.purged VALUES (0);
