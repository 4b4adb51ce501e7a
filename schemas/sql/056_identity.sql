-- Whose is it? A ledger has an id of its own, which its messages and its keys in Redis carry and which
-- marks the virtual host that it uses. Home is the database that it was made in, as far as that tells
-- itself apart: a copy of it (a dump that was restored, a template, a clone) has the id as well, but
-- lives elsewhere, and must not do the work of the one that it was copied from.

CREATE TABLE weir.ledger (
	id      text NOT NULL CHECK (id ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'),
	home    text NOT NULL,
	made_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX ledger_one_row ON weir.ledger ((true));

-- Of a job: what its counters are called in Redis, and what its messages are signed with. Both are
-- random, so that neither another ledger's job of the name, nor one that was purged or is gone with a
-- restore, is ever taken for this one.
ALTER TABLE weir.jobs ADD COLUMN tag text, ADD COLUMN seal uuid NOT NULL DEFAULT gen_random_uuid();

-- @functions@

INSERT INTO weir.ledger (id, home) VALUES (gen_random_uuid(), weir.home());
UPDATE weir.jobs SET tag = weir.new_tag(job_id);
ALTER TABLE weir.jobs ALTER COLUMN tag SET NOT NULL;
