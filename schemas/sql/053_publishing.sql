-- What the broker has refused, or what was on its way when it closed the channel, is put off: `refused`
-- counts how often. With it grows the pause, and shrinks the group in which it is published again,
-- down to one alone; it is 0 again when the broker has it. The reason stands beside items as that of
-- any other pause, in error_class and error.
--
-- A message of a retry is on its way since queued_at.

ALTER TABLE weir.retries
	ADD COLUMN refused   smallint NOT NULL DEFAULT 0,
	ADD COLUMN queued_at timestamptz;
CREATE INDEX retries_refused ON weir.retries (due_at) WHERE refused > 0;

ALTER TABLE weir.events
	ADD COLUMN refused smallint NOT NULL DEFAULT 0,
	ADD COLUMN due_at  timestamptz NOT NULL DEFAULT now();
CREATE INDEX events_due ON weir.events (due_at, id);

ALTER TABLE weir.dead_letters ADD COLUMN refused smallint NOT NULL DEFAULT 0;

-- Queues that were made anew, by whom ever: what had been published to them is to be published again.
CREATE TABLE weir.queues_made (
	kind    text COLLATE "C" PRIMARY KEY,
	made_at timestamptz NOT NULL DEFAULT now()
);
