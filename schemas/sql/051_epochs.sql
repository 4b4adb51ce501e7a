-- A job of a name that was purged is another job. What is still on the way of the first one (messages
-- in a queue, calls of a model, items in hand) has its epoch, and so a new job begins behind all
-- epochs of the jobs that were purged: consumers drop what is of one before first_epoch.

ALTER TABLE weir.jobs ADD COLUMN first_epoch integer NOT NULL DEFAULT 0;

CREATE TABLE weir.purged (
	epoch integer NOT NULL -- behind those of all jobs that are gone
);
CREATE UNIQUE INDEX purged_one_row ON weir.purged ((true));
INSERT INTO weir.purged VALUES (0);

-- The row is locked before the job's goes: whoever makes the next of its name waits for it here.
CREATE FUNCTION weir.note_purged() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	UPDATE weir.purged SET epoch = greatest(epoch, OLD.epoch + 1);
	RETURN OLD;
END $$;
CREATE TRIGGER note_purged BEFORE DELETE ON weir.jobs
	FOR EACH ROW EXECUTE FUNCTION weir.note_purged();

CREATE FUNCTION weir.begin_epochs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	SELECT epoch, epoch INTO NEW.epoch, NEW.first_epoch FROM weir.purged FOR SHARE;
	RETURN NEW;
END $$;
CREATE TRIGGER begin_epochs BEFORE INSERT ON weir.jobs
	FOR EACH ROW EXECUTE FUNCTION weir.begin_epochs();
