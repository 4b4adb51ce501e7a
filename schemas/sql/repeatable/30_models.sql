-- Language models: items that wait for an answer, and what becomes of answers. Locks: see 20_control.sql.

-- ---- items that wait for a remote batch ----

-- Long enough for any batch: providers end them within 24 hours. Should nobody have looked after an
-- item until then, it is published, and finds its request still there.
CREATE OR REPLACE FUNCTION weir.asked_for() RETURNS interval LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN interval '26 hours';

-- These items may go on: their answer is there. What is paused, or has a limit, waits parked.
CREATE OR REPLACE FUNCTION weir.wake_items(job text, in_stage integer, ordinals integer[]) RETURNS void
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
CREATE OR REPLACE FUNCTION weir.pause_job(job text, reason text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	status text := weir.pause_job(job);
BEGIN
	UPDATE weir.jobs j SET pause_reason = coalesce(j.pause_reason, reason)
	 WHERE j.job_id = job AND j.status = 'paused';
	RETURN status;
END $$;

CREATE OR REPLACE FUNCTION weir.forget_reason() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	NEW.pause_reason := NULL;
	RETURN NEW;
END $$;

-- Another round of attempts: what was answered badly in the round before does not count in it. A good
-- answer is kept, and is not paid for again.
CREATE OR REPLACE FUNCTION weir.spend_answers() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	UPDATE weir.answers a SET spent = true FROM gone g
	 WHERE a.job_id = g.job_id AND a.stage = g.stage AND a.ordinal = g.ordinal
	   AND a.error_class IS NOT NULL AND NOT a.spent;
	RETURN NULL;
END $$;
