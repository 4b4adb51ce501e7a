-- Language models: what was asked of them, what they answered, and what it cost.
--
-- An answer is a row before anything is done with it, so that nothing that happens later can make
-- it be paid for again. An item whose model works in remote batches leaves a request behind and is
-- acknowledged; whoever has the lease of a remote batch writes its answers as the same rows, and the
-- item becomes due: the relay publishes it, and it finds its answer.
--
-- Locks, with those of the file before: results, answers, requests, remote_batches, retries, calls,
-- job_batches, job_stages, jobs.

ALTER TABLE weir.jobs ADD COLUMN pause_reason text; -- NULL: an operator's, who knows

-- One row a call that was answered, or that a remote batch has ended.
CREATE TABLE weir.answers (
	job_id        text COLLATE "C" NOT NULL,
	stage         smallint NOT NULL,
	ordinal       integer NOT NULL,
	call_id       text COLLATE "C" NOT NULL, -- the provider's own: the same answer is one row
	attempt       integer NOT NULL,          -- of the item, when it was asked
	ai_model      text NOT NULL,
	remote_batch  bigint,                    -- NULL: a direct call
	answer        text,                      -- as it came; NULL: there was none
	error_class   text,                      -- NULL: it is what the template wants
	error         text,
	again         boolean NOT NULL DEFAULT false, -- not good, but asking again may help
	spent         boolean NOT NULL DEFAULT false, -- not good, and of a round of attempts before
	input_tokens  bigint NOT NULL DEFAULT 0,
	output_tokens bigint NOT NULL DEFAULT 0,
	cost          numeric(24, 12) NOT NULL DEFAULT 0, -- in the currency of the models file
	answered_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
	PRIMARY KEY (job_id, stage, ordinal, call_id)
);

-- Who is just calling a model for which item, so that two copies of a message do not pay for the same
-- answer twice. Renewed while the call lasts; a holder that is gone is outlived by it for seconds. A
-- crash of the server empties it, and then the calls are over as well.
CREATE UNLOGGED TABLE weir.calls (
	job_id     text COLLATE "C" NOT NULL,
	stage      smallint NOT NULL,
	ordinal    integer NOT NULL,
	holder     text NOT NULL,
	held_until timestamptz NOT NULL,
	PRIMARY KEY (job_id, stage, ordinal)
) WITH (fillfactor = 70);

-- What a provider works on for hours. Of one job, stage, model and template.
CREATE TABLE weir.remote_batches (
	id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	intent      uuid NOT NULL DEFAULT gen_random_uuid(), -- what an orphan is known by
	job_id      text COLLATE "C" NOT NULL REFERENCES weir.jobs ON DELETE CASCADE,
	stage       smallint NOT NULL,
	ai_model    text NOT NULL,
	model_key   text NOT NULL,
	size        integer NOT NULL,      -- requests that were put into it
	-- intent:  its requests are chosen; sent_at tells whether the provider may know of it
	-- running: the provider has it, under remote_id
	-- ended:   the provider is done with it, and its results are being read
	-- done:    all of its requests are answered, or open again
	state       text NOT NULL DEFAULT 'intent' CHECK (state IN ('intent', 'running', 'ended', 'done')),
	file_id     text,                  -- of its requests, where they are a file of their own
	remote_id   text,
	sent_at     timestamptz,           -- when its creation was tried last; NULL: nothing was sent
	ended_at    timestamptz,
	absent_at   timestamptz,           -- since when it, or what came of it, cannot be found there
	done_at     timestamptz,
	cancel_at   timestamptz,           -- when the provider was asked to cancel it
	created_at  timestamptz NOT NULL DEFAULT now(),
	next_at     timestamptz NOT NULL DEFAULT now(), -- when to look at it
	polls       integer NOT NULL DEFAULT 0,
	holder      text,                  -- whose turn it is, until
	held_until  timestamptz,
	succeeded   integer NOT NULL DEFAULT 0,
	errored     integer NOT NULL DEFAULT 0,
	canceled    integer NOT NULL DEFAULT 0,
	expired     integer NOT NULL DEFAULT 0,
	missing     integer NOT NULL DEFAULT 0,
	error       text
);

CREATE INDEX remote_batches_open ON weir.remote_batches (next_at) WHERE state <> 'done';
CREATE INDEX remote_batches_of_job ON weir.remote_batches (job_id);

-- Items that wait for a remote batch, or in one. The row ends with the answer, or with the item.
CREATE TABLE weir.requests (
	job_id       text COLLATE "C" NOT NULL,
	stage        smallint NOT NULL,
	ordinal      integer NOT NULL,
	custom_id    text COLLATE "C" NOT NULL,
	attempt      integer NOT NULL,
	ai_model     text NOT NULL,
	model_key    text NOT NULL,        -- the template's name
	body         text NOT NULL,        -- as the provider wants a single call
	tokens       integer NOT NULL,     -- of the input, estimated
	tries        integer NOT NULL DEFAULT 0, -- remote batches that came back without it
	remote_batch bigint REFERENCES weir.remote_batches ON DELETE SET NULL,
	asked_at     timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (job_id, stage, ordinal)
);

CREATE INDEX requests_open ON weir.requests (ai_model, job_id, stage, model_key, ordinal)
	WHERE remote_batch IS NULL;
CREATE INDEX requests_of_batch ON weir.requests (remote_batch, ordinal) WHERE remote_batch IS NOT NULL;

-- ---- items that wait for a remote batch ----

-- Long enough for any batch: providers end them within 24 hours. Should nobody have looked after an
-- item until then, it is published, and finds its request still there.
CREATE FUNCTION weir.asked_for() RETURNS interval LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN interval '26 hours';

-- These items may go on: their answer is there. What is paused, or has a limit, waits parked.
CREATE FUNCTION weir.wake_items(job text, in_stage integer, ordinals integer[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
	j weir.jobs;
BEGIN
	SELECT * INTO j FROM weir.jobs WHERE job_id = job;
	-- Each row by its key: a planner without statistics would read the whole job for "ordinal = ANY".
	-- The locks come first, in a statement of their own, so that the next one sees the rows as they are.
	PERFORM FROM (SELECT DISTINCT unnest(ordinals) AS ordinal ORDER BY 1) u
	  CROSS JOIN LATERAL (SELECT FROM weir.retries w WHERE w.job_id = job AND w.stage = in_stage
	                         AND w.ordinal = u.ordinal LIMIT 1 FOR UPDATE) w;
	UPDATE weir.retries SET due_at = now() + CASE
	           WHEN j.status = 'paused' OR j.max_concurrent IS NOT NULL THEN weir.parked()
	           ELSE interval '0' END
	 WHERE ctid = ANY (ARRAY(SELECT w.tid FROM unnest(ordinals) AS u(ordinal)
	                    CROSS JOIN LATERAL (SELECT w.ctid AS tid FROM weir.retries w
	                      WHERE w.job_id = job AND w.stage = in_stage AND w.ordinal = u.ordinal
	                      LIMIT 1) w));
	PERFORM pg_notify('weir_due', '');
END $$;

-- ---- operators ----

-- Pauses a job because going on would be of no use, and says why: a bill that is not paid, a key that is
-- not accepted.
CREATE FUNCTION weir.pause_job(job text, reason text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	status text := weir.pause_job(job);
BEGIN
	UPDATE weir.jobs j SET pause_reason = coalesce(j.pause_reason, reason)
	 WHERE j.job_id = job AND j.status = 'paused';
	RETURN status;
END $$;

CREATE FUNCTION weir.forget_reason() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	NEW.pause_reason := NULL;
	RETURN NEW;
END $$;

CREATE TRIGGER forget_reason BEFORE UPDATE OF status ON weir.jobs
	FOR EACH ROW WHEN (OLD.status = 'paused' AND NEW.status <> 'paused')
	EXECUTE FUNCTION weir.forget_reason();

-- Another round of attempts: what was answered badly in the round before does not count in it. A good
-- answer is kept, and is not paid for again.
CREATE FUNCTION weir.spend_answers() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	UPDATE weir.answers a SET spent = true FROM gone g
	 WHERE a.job_id = g.job_id AND a.stage = g.stage AND a.ordinal = g.ordinal
	   AND a.error_class IS NOT NULL AND NOT a.spent;
	RETURN NULL;
END $$;

CREATE TRIGGER spend_answers AFTER DELETE ON weir.results
	REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION weir.spend_answers();

-- What was asked for an item that has ended without an answer is of no use any more.
CREATE OR REPLACE FUNCTION weir.clean_job(job text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	j weir.jobs := weir.control(job);
BEGIN
	IF j.completed_at IS NULL THEN
		RETURN false;
	END IF;
	-- One that is with the provider goes when its batch has ended.
	DELETE FROM weir.requests WHERE job_id = job AND remote_batch IS NULL;
	DELETE FROM weir.retries WHERE job_id = job;
	DELETE FROM weir.calls WHERE job_id = job;
	DELETE FROM weir.trials WHERE job_id = job;
	UPDATE weir.job_batches SET status = 'queued' WHERE job_id = job AND status = 'pending_queue';
	UPDATE weir.jobs SET counted = true WHERE job_id = job;
	RETURN true;
END $$;

-- ---- what people read ----

-- One row a remote batch.
CREATE VIEW public.batch_remote AS
SELECT id, remote_id AS remote_batch_id, job_id, stage::integer AS stage, ai_model, model_key,
       size AS items, state, succeeded, errored, canceled, expired, missing, error,
       created_at, sent_at, ended_at, done_at, next_at
  FROM weir.remote_batches;
