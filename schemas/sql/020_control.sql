-- What keeps a job under control: its retry policy and limits, its stages, every attempt that
-- failed, counts by batch, and the events that others are told of.
-- What is done with them is in repeatable/20_control.sql.

ALTER TABLE weir.jobs
	ADD COLUMN max_attempts   integer NOT NULL DEFAULT 3 CHECK (max_attempts BETWEEN 1 AND 1000),
	ADD COLUMN backoff_ms     bigint NOT NULL DEFAULT 1000 CHECK (backoff_ms BETWEEN 0 AND 2592000000),
	ADD COLUMN backoff_factor double precision NOT NULL DEFAULT 2 CHECK (backoff_factor BETWEEN 1 AND 100),
	ADD COLUMN backoff_cap_ms bigint NOT NULL DEFAULT 600000 CHECK (backoff_cap_ms BETWEEN 0 AND 2592000000),
	ADD COLUMN max_concurrent integer CHECK (max_concurrent >= 1), -- of the whole fleet; NULL: no limit
	ADD COLUMN paused_at      timestamptz,
	ADD COLUMN purged_at      timestamptz; -- its rows are being deleted: it has no future

-- One row a stage. A stage begins when the one before it is finished, with that one's successes.
CREATE TABLE weir.job_stages (
	job_id          text COLLATE "C" NOT NULL REFERENCES weir.jobs ON DELETE CASCADE,
	stage           smallint NOT NULL CHECK (stage >= 1),
	kind            text COLLATE "C" NOT NULL,
	step            text COLLATE "C",  -- what the kind is asked for here; NULL: all that it does
	context         json NOT NULL CHECK (json_typeof(context) = 'object'), -- complete, the job's included
	total_items     bigint,            -- stage 1: see the job; others: NULL until it begins
	success_count   bigint,            -- these three: NULL until it is finished
	failure_count   bigint,
	cancelled_count bigint,
	started_at      timestamptz,
	completed_at    timestamptz,
	PRIMARY KEY (job_id, stage)
);

INSERT INTO weir.job_stages (job_id, stage, kind, context, total_items, success_count, failure_count,
                             cancelled_count, started_at, completed_at)
SELECT job_id, 1, kind, context, CASE WHEN completed_at IS NOT NULL THEN total_items END,
       success_count, failure_count, cancelled_count, started_at, completed_at FROM weir.jobs;

-- How many items of the batch are final. Changed in the transaction that makes them so.
ALTER TABLE weir.job_batches
	ADD COLUMN success   smallint NOT NULL DEFAULT 0,
	ADD COLUMN failed    smallint NOT NULL DEFAULT 0,
	ADD COLUMN cancelled smallint NOT NULL DEFAULT 0;

UPDATE weir.job_batches b SET success = c.good, failed = c.bad, cancelled = c.off
  FROM (SELECT r.job_id, r.stage, r.ordinal / j.batch_size AS n,
               count(*) FILTER (WHERE r.status = 1) AS good,
               count(*) FILTER (WHERE r.status = 2) AS bad,
               count(*) FILTER (WHERE r.status = 3) AS off
          FROM weir.results r JOIN weir.jobs j USING (job_id) GROUP BY 1, 2, 3) c
 WHERE b.job_id = c.job_id AND b.stage = c.stage AND b.n = c.n;

-- Attempts that failed and were followed by another. The last one's error is in the result.
CREATE TABLE weir.attempts (
	job_id      text COLLATE "C" NOT NULL,
	stage       smallint NOT NULL,
	ordinal     integer NOT NULL,
	attempt     integer NOT NULL,
	error_class text,
	error       text,
	ended_at    timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX attempts_of_item ON weir.attempts (job_id, stage, ordinal);

-- What others are to be told. The relay publishes them, the oldest first, and deletes them; who gets one
-- twice knows it by its event_id.
CREATE TABLE weir.events (
	id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	event_id   uuid NOT NULL DEFAULT gen_random_uuid(),
	type       text NOT NULL,
	job_id     text COLLATE "C" NOT NULL,
	body       json NOT NULL,
	created_at timestamptz NOT NULL DEFAULT now()
);

-- A dead letter that is given another chance is due; how often it had one.
ALTER TABLE weir.dead_letters
	ADD COLUMN due_at  timestamptz,
	ADD COLUMN replays integer NOT NULL DEFAULT 0;

CREATE INDEX dead_letters_due ON weir.dead_letters (due_at, id) WHERE due_at IS NOT NULL;
