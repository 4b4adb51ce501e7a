-- What keeps a job under control: events, ends of items and stages, and what operators do.
--
-- Locks. Whoever changes several rows of a job locks them in this order: results, answers, requests,
-- remote_batches, retries, calls, job_batches (by stage, n), job_stages, jobs. Flushes, relays and the
-- functions below all do, so that they wait for each other and never in a circle.

-- A program of the version before makes jobs without stages; they get theirs here.
CREATE OR REPLACE FUNCTION weir.add_first_stage() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO weir.job_stages (job_id, stage, kind, context)
	VALUES (NEW.job_id, 1, NEW.kind, NEW.context)
	ON CONFLICT (job_id, stage) DO UPDATE SET kind = excluded.kind, step = NULL,
	                                          context = excluded.context;
	RETURN NULL;
END $$;

-- ---- events ----

CREATE OR REPLACE FUNCTION weir.tell_batch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO weir.events (type, job_id, body) VALUES ('batch.completed', NEW.job_id,
		json_build_object('batch_id', weir.batch_id(NEW.job_id, NEW.stage, NEW.n),
		                  'job_id', NEW.job_id, 'stage', NEW.stage, 'items', NEW.size,
		                  'success', NEW.success, 'failed', NEW.failed,
		                  'cancelled', NEW.cancelled));
	RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION weir.tell_item() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO weir.events (type, job_id, body)
	SELECT 'item.failed', NEW.job_id,
	       json_build_object('job_id', NEW.job_id, 'stage', NEW.stage,
	                         'batch_id', weir.batch_id(NEW.job_id, NEW.stage,
	                                                   NEW.ordinal / j.batch_size),
	                         'custom_id', i.custom_id, 'error_class', NEW.error_class,
	                         'error', NEW.error, 'attempts', NEW.attempts)
	  FROM weir.items i JOIN weir.jobs j ON j.job_id = NEW.job_id
	 WHERE i.job_id = NEW.job_id AND i.stage = NEW.stage AND i.ordinal = NEW.ordinal;
	RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION weir.tell_job() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO weir.events (type, job_id, body) VALUES ('job.' || NEW.status, NEW.job_id,
		json_build_object('job_id', NEW.job_id, 'kind', NEW.kind, 'status', NEW.status,
		                  'total_items', NEW.total_items, 'success', NEW.success_count,
		                  'failed', NEW.failure_count, 'cancelled', NEW.cancelled_count,
		                  'started_at', NEW.started_at, 'completed_at', NEW.completed_at));
	RETURN NULL;
END $$;

-- ---- making items final without a consumer ----

-- Ends those of the given items that are not final, and counts them: how many. status as in
-- weir.results.
CREATE OR REPLACE FUNCTION weir.end_items(job text, at_stage integer, ordinals integer[], as_status integer,
                               class text, why text) RETURNS bigint LANGUAGE sql AS $$
	WITH r AS (
		INSERT INTO weir.results (job_id, stage, ordinal, status, attempts, error_class, error)
		SELECT job, at_stage, o.ordinal, as_status, coalesce(w.attempts, 0), class, why
		  FROM (SELECT DISTINCT unnest(ordinals) AS ordinal ORDER BY 1) o
		  LEFT JOIN weir.retries w ON w.job_id = job AND w.stage = at_stage
		                          AND w.ordinal = o.ordinal
		 ORDER BY o.ordinal
		ON CONFLICT DO NOTHING RETURNING ordinal),
	n AS (
		SELECT r.ordinal / j.batch_size AS n, count(*) AS k
		  FROM r, weir.jobs j WHERE j.job_id = job GROUP BY 1 ORDER BY 1),
	b AS (
		UPDATE weir.job_batches b
		   SET success   = success   + CASE as_status WHEN 1 THEN n.k ELSE 0 END,
		       failed    = failed    + CASE as_status WHEN 2 THEN n.k ELSE 0 END,
		       cancelled = cancelled + CASE as_status WHEN 3 THEN n.k ELSE 0 END
		  FROM n WHERE b.job_id = job AND b.stage = at_stage AND b.n = n.n)
	SELECT count(*) FROM r
$$;

-- Counts the results of a job's batches anew, where somebody did not count: how many batches were
-- wrong. The locks come first, in a statement of their own: what is committed by then is seen by the
-- next one, and what is not counts itself when it gets the lock.
CREATE OR REPLACE FUNCTION weir.recount_batches(job text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	wrong bigint;
BEGIN
	PERFORM FROM weir.job_batches b
	  WHERE b.job_id = job AND b.success + b.failed + b.cancelled < b.size
	  ORDER BY stage, n FOR UPDATE;
	UPDATE weir.job_batches b SET success = c.good, failed = c.bad, cancelled = c.off
	  FROM (SELECT k.stage, k.n,
	               count(*) FILTER (WHERE r.status = 1) AS good,
	               count(*) FILTER (WHERE r.status = 2) AS bad,
	               count(*) FILTER (WHERE r.status = 3) AS off
	          FROM weir.job_batches k JOIN weir.jobs j USING (job_id)
	          JOIN weir.results r ON r.job_id = job AND r.stage = k.stage
	           AND r.ordinal >= k.n * j.batch_size AND r.ordinal < k.n * j.batch_size + k.size
	         WHERE k.job_id = job AND k.success + k.failed + k.cancelled < k.size
	         GROUP BY 1, 2) c
	 WHERE b.job_id = job AND b.stage = c.stage AND b.n = c.n
	   AND b.success + b.failed + b.cancelled < b.size
	   AND (b.success, b.failed, b.cancelled) <> (c.good, c.bad, c.off);
	GET DIAGNOSTICS wrong = ROW_COUNT;
	RETURN wrong;
END $$;

-- ---- what the broker has lost ----

-- What was published before this to the queue of a kind was delivered, and is in nobody's hand any more;
-- NULL: nothing is known. A queue is first in, first out: when something of a message has ended, all that
-- was published before it was delivered before. And what came to consumers before that end is settled
-- where they say so (settled_until); of one that does not, it is after `unsaid`. Only a consumer's result
-- has a processing_ms. Of each of the newest stages the newest batches are enough: whose results are of
-- an earlier message, since it was published again, prove nothing. All times are those of the ledger.
--
-- Jobs that ended long ago say nothing new. So it costs some look-ups of a hundred stages at most, however
-- many batches they have and however many jobs are kept.
CREATE OR REPLACE FUNCTION weir.delivered_until(of_kind text, unsaid interval) RETURNS timestamptz
LANGUAGE sql STABLE AS $$
WITH h AS MATERIALIZED (
	SELECT coalesce(min(coalesce(settled_until, seen_at - unsaid)), now()) AS until
	  FROM weir.processes WHERE role = 'consumer' AND of_kind = ANY (kinds)),
o AS (
	SELECT j.job_id, s.stage, j.batch_size
	  FROM weir.jobs j JOIN weir.job_stages s USING (job_id)
	 WHERE NOT j.counted AND s.kind = of_kind AND j.started_at IS NOT NULL
	 ORDER BY j.created_at DESC LIMIT 100),
e AS (
	SELECT j.job_id, s.stage, j.batch_size
	  FROM weir.jobs j JOIN weir.job_stages s USING (job_id)
	 WHERE j.completed_at > now() - 4 * unsaid AND j.counted AND s.kind = of_kind
	 ORDER BY j.completed_at DESC LIMIT 100)
SELECT max(b.queued_at)
  FROM (SELECT * FROM o UNION ALL SELECT * FROM e) f CROSS JOIN h
 CROSS JOIN LATERAL (
	SELECT k.queued_at
	  FROM (SELECT n, size, queued_at FROM weir.job_batches
	         WHERE job_id = f.job_id AND stage = f.stage AND status = 'queued'
	           AND success + failed > 0 AND queued_at < h.until
	         ORDER BY queued_at DESC LIMIT 100) k
	 WHERE (SELECT r.ordinal FROM weir.results r
	         WHERE r.job_id = f.job_id AND r.stage = f.stage AND r.ordinal >= k.n * f.batch_size
	           AND r.ordinal < k.n * f.batch_size + k.size AND r.processing_ms IS NOT NULL
	           AND r.finished_at > k.queued_at AND r.finished_at < h.until LIMIT 1) IS NOT NULL
	 ORDER BY k.queued_at DESC LIMIT 1) b
$$;

-- How many items of a batch have a message of their own, or wait for one, and are not final.
CREATE OR REPLACE FUNCTION weir.tried_again(job text, at_stage integer, number integer, size integer, per integer)
RETURNS bigint LANGUAGE sql STABLE AS $$
SELECT count(*) FROM weir.retries w
 WHERE w.job_id = job AND w.stage = at_stage
   AND w.ordinal >= number * per AND w.ordinal < number * per + size
   AND (SELECT r.ordinal FROM weir.results r WHERE r.job_id = job AND r.stage = at_stage
         AND r.ordinal = w.ordinal) IS NULL
$$;

-- Makes due again what of a stage is queued and not final, and has no other try of its own: what was
-- published before `line`, NULL: all. How many batches and retries, and how many rows that still are so
-- somebody else has locked, which nobody waits for. Relays before schema 53 did not say when they had
-- published a retry: it may be long ago.
--
-- It costs one walk over the stage's batches and retries, and a look-up for each that is to be due. Each
-- is locked, and then changed, by its key: for "IN" or a join a planner without statistics, or without
-- sorts and hashes, would read the whole stage for each of them. The locks come in a statement of their
-- own, so that the next one sees the rows as they are.
CREATE OR REPLACE FUNCTION weir.revive_stage(job text, at_stage integer, line timestamptz,
                                  OUT batches bigint, OUT retries bigint, OUT skipped bigint)
LANGUAGE plpgsql AS $$
DECLARE
	per    integer;
	lost   integer[];
	locked integer[];
BEGIN
	batches := 0;
	retries := 0;
	skipped := 0;
	SELECT batch_size INTO per FROM weir.jobs WHERE job_id = job AND status IN ('pending', 'running');
	IF per IS NULL THEN
		RETURN;
	END IF;
	lost := ARRAY(
		SELECT w.ordinal FROM weir.retries w
		 WHERE w.job_id = job AND w.stage = at_stage AND w.due_at = 'infinity'
		   AND (line IS NULL OR coalesce(w.queued_at, '-infinity') < line)
		   AND (SELECT r.ordinal FROM weir.results r WHERE r.job_id = job
		         AND r.stage = at_stage AND r.ordinal = w.ordinal) IS NULL
		 ORDER BY w.ordinal);
	locked := ARRAY(
		SELECT l.ordinal FROM unnest(lost) AS u(ordinal)
		 CROSS JOIN LATERAL (SELECT w.ordinal FROM weir.retries w
		   WHERE w.job_id = job AND w.stage = at_stage AND w.ordinal = u.ordinal
		     AND w.due_at = 'infinity' AND (line IS NULL OR coalesce(w.queued_at, '-infinity') < line)
		   LIMIT 1 FOR UPDATE SKIP LOCKED) l);
	UPDATE weir.retries SET due_at = now()
	 WHERE ctid = ANY (ARRAY(SELECT w.tid FROM unnest(locked) AS u(ordinal)
	        CROSS JOIN LATERAL (SELECT w.ctid AS tid FROM weir.retries w
	          WHERE w.job_id = job AND w.stage = at_stage AND w.ordinal = u.ordinal LIMIT 1) w));
	retries := cardinality(locked);
	IF retries < cardinality(lost) THEN -- some may be final meanwhile
		SELECT count(*) INTO skipped FROM unnest(lost) AS u(ordinal)
		 CROSS JOIN LATERAL (SELECT FROM weir.retries w
		   WHERE w.job_id = job AND w.stage = at_stage AND w.ordinal = u.ordinal
		     AND w.due_at = 'infinity' AND (line IS NULL OR coalesce(w.queued_at, '-infinity') < line)
		     AND (SELECT r.ordinal FROM weir.results r WHERE r.job_id = job
		           AND r.stage = at_stage AND r.ordinal = w.ordinal) IS NULL LIMIT 1) w;
	END IF;
	lost := ARRAY(
		SELECT b.n FROM weir.job_batches b
		 WHERE b.job_id = job AND b.stage = at_stage AND b.status = 'queued'
		   AND (line IS NULL OR b.queued_at < line)
		   AND b.success + b.failed + b.cancelled < b.size
		   AND b.success + b.failed + b.cancelled
		       + weir.tried_again(job, at_stage, b.n, b.size, per) < b.size
		 ORDER BY b.n);
	locked := ARRAY(
		SELECT l.n FROM unnest(lost) AS u(n)
		 CROSS JOIN LATERAL (SELECT b.n FROM weir.job_batches b
		   WHERE b.job_id = job AND b.stage = at_stage AND b.n = u.n
		     AND b.status <> 'pending_queue' -- not = 'queued': that has an index of its own
		     AND (line IS NULL OR b.queued_at < line)
		     AND b.success + b.failed + b.cancelled < b.size
		   LIMIT 1 FOR UPDATE SKIP LOCKED) l);
	UPDATE weir.job_batches SET status = 'pending_queue', due_at = now()
	 WHERE ctid = ANY (ARRAY(SELECT b.tid FROM unnest(locked) AS u(n)
	        CROSS JOIN LATERAL (SELECT b.ctid AS tid FROM weir.job_batches b
	          WHERE b.job_id = job AND b.stage = at_stage AND b.n = u.n LIMIT 1) b));
	batches := cardinality(locked);
	IF batches < cardinality(lost) THEN
		skipped := skipped + (SELECT count(*) FROM unnest(lost) AS u(n)
		 CROSS JOIN LATERAL (SELECT FROM weir.job_batches b
		   WHERE b.job_id = job AND b.stage = at_stage AND b.n = u.n
		     AND b.status <> 'pending_queue' AND (line IS NULL OR b.queued_at < line)
		     AND b.success + b.failed + b.cancelled
		         + weir.tried_again(job, at_stage, b.n, b.size, per) < b.size LIMIT 1) b);
	END IF;
END $$;

-- The same for the next kind, in the order of their names behind `behind`, whose queue was made anew: what
-- was published before that was in the one that is gone. A row for each stage, and one that says behind which
-- kind to go on, and how much was skipped; none: no kind is left. After `most` rows, and the stage that they
-- are of, the rest of the kind is for another transaction. Whoever has the kind's row does it, and that goes,
-- or stays for what was skipped. only_job: of that alone; all else, and the row, is left to relays.
CREATE OR REPLACE FUNCTION weir.revive_made(behind text, most integer, only_job text)
RETURNS TABLE (of_kind text, of_job text, of_stage integer, batches bigint, retries bigint, skipped bigint)
LANGUAGE plpgsql AS $$
DECLARE
	m    record;
	s    record;
	d    record;
	held bigint := 0;
	made bigint := 0;
BEGIN
	IF only_job IS NULL THEN
		SELECT q.kind, q.made_at INTO m FROM weir.queues_made q WHERE q.kind > behind
		 ORDER BY q.kind LIMIT 1 FOR UPDATE SKIP LOCKED;
	ELSE
		SELECT q.kind, q.made_at INTO m FROM weir.queues_made q WHERE q.kind > behind
		 ORDER BY q.kind LIMIT 1;
	END IF;
	IF NOT FOUND THEN
		RETURN;
	END IF;
	of_kind := m.kind;
	FOR s IN SELECT j.job_id, t.stage::int4 AS stage FROM weir.jobs j JOIN weir.job_stages t USING (job_id)
	          WHERE NOT j.counted AND j.completed_at IS NULL AND t.completed_at IS NULL
	            AND (t.stage = 1 OR t.total_items IS NOT NULL) AND t.kind = m.kind
	            AND (only_job IS NULL OR j.job_id = only_job) LOOP
		d := weir.revive_stage(s.job_id, s.stage, m.made_at);
		of_job := s.job_id;
		of_stage := s.stage;
		batches := d.batches;
		retries := d.retries;
		skipped := d.skipped;
		held := held + d.skipped;
		made := made + d.batches + d.retries;
		RETURN NEXT;
		EXIT WHEN made >= most;
	END LOOP;
	IF made >= most THEN
		of_kind := behind;
	ELSIF only_job IS NULL AND held = 0 THEN
		DELETE FROM weir.queues_made q WHERE q.kind = m.kind;
	END IF;
	of_job := NULL;
	skipped := held;
	RETURN NEXT;
END $$;

-- The same for all stages of a job that are under way, as far as it was published `after` before something
-- of which all that came earlier is settled: nobody has it.
CREATE OR REPLACE FUNCTION weir.revive_lost(job text, after interval, OUT batches bigint, OUT retries bigint)
LANGUAGE plpgsql AS $$
DECLARE
	s record;
	d record;
BEGIN
	batches := 0;
	retries := 0;
	FOR s IN SELECT stage, weir.delivered_until(kind, after) - after AS line FROM weir.job_stages
	          WHERE job_id = job AND completed_at IS NULL AND (stage = 1 OR total_items IS NOT NULL)
	          ORDER BY stage LOOP
		CONTINUE WHEN s.line IS NULL;
		d := weir.revive_stage(job, s.stage, s.line);
		batches := batches + d.batches;
		retries := retries + d.retries;
	END LOOP;
END $$;

-- ---- stages and the end ----

-- The payload of a later stage with one more result. It is put together as text: json's own functions
-- would take the first payload apart, and refuse a \u0000 in it, which json itself allows.
CREATE OR REPLACE FUNCTION weir.add_result(payload json, name text, result json) RETURNS json
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
	SELECT (left(rtrim(left(rtrim(payload::text, E' \n\r\t'), -1), E' \n\r\t'), -1) || ', '
	        || to_json(name)::text || ' : ' || coalesce(result::text, 'null') || '}}')::json
$$;

-- An item of a job counts as a success when it is one in the last stage, and as failed wherever it
-- failed; what is left of a cancelled job was cancelled.
CREATE OR REPLACE FUNCTION weir.end_job(job text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	j weir.jobs;
BEGIN
	UPDATE weir.jobs k
	   SET success_count = c.good, failure_count = c.bad,
	       cancelled_count = k.total_items - c.good - c.bad,
	       completed_at = now(), started_at = coalesce(k.started_at, now()), counted = false,
	       status = CASE WHEN k.status = 'cancelled' THEN 'cancelled'
	                     WHEN c.good = 0 AND c.bad > 0 THEN 'failed' ELSE 'completed' END
	  FROM (SELECT coalesce(sum(success) FILTER (WHERE stage = (SELECT max(stage)
	                 FROM weir.job_stages WHERE job_id = job)), 0)::bigint AS good,
	               coalesce(sum(failed), 0)::bigint AS bad
	          FROM weir.job_batches WHERE job_id = job) c
	 WHERE k.job_id = job AND k.completed_at IS NULL
	RETURNING k.* INTO j;
	IF NOT FOUND THEN
		RETURN NULL;
	END IF;
	RETURN j.status;
END $$;

-- Asks for what the end of making a stage needs, which may take minutes: whoever has locked that is met
-- before. The stage's row stays locked; the job's is given back, since whoever cancels the job needs it.
CREATE OR REPLACE FUNCTION weir.ask_locks(job text, next_stage integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM FROM weir.job_stages WHERE job_id = job AND stage = next_stage FOR UPDATE;
	BEGIN
		PERFORM FROM weir.jobs WHERE job_id = job FOR KEY SHARE;
		RAISE EXCEPTION USING ERRCODE = 'WE003'; -- gives back what is held
	EXCEPTION WHEN SQLSTATE 'WE003' THEN
		NULL;
	END;
END $$;

-- The status of a job. Who pauses it from now on waits for this lock, and then sees what this transaction
-- has made. Where somebody has locked the row for long, what was made is not thrown away for that: batches
-- of a job that is paused at this moment are not parked then, which relays do not need to leave them.
CREATE OR REPLACE FUNCTION weir.status_for_long(job text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('lock_timeout', '200ms', true);
	RETURN (SELECT status FROM weir.jobs WHERE job_id = job FOR SHARE);
EXCEPTION WHEN lock_not_available THEN
	RETURN (SELECT status FROM weir.jobs WHERE job_id = job);
END $$;

-- Finishes the stage that a job is in, if all of its items are final, and then begins the next one
-- or ends the job: 'advanced', the status that the job ended with, or NULL when there was nothing to
-- do, or somebody else is just doing it. All of it happens in the caller's transaction.
CREATE OR REPLACE FUNCTION weir.finish_stage(job text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	j     weir.jobs;
	s     weir.job_stages;
	total bigint;
	c     record;
BEGIN
	-- The first one that is not finished, and no other when somebody else holds that.
	SELECT * INTO s FROM weir.job_stages WHERE job_id = job AND completed_at IS NULL
	   AND stage = (SELECT min(stage) FROM weir.job_stages
	                 WHERE job_id = job AND completed_at IS NULL)
	   FOR UPDATE SKIP LOCKED;
	IF NOT FOUND THEN
		RETURN NULL;
	END IF;
	-- An earlier one may have been opened again before we had the lock.
	IF EXISTS (SELECT FROM weir.job_stages
	            WHERE job_id = job AND stage < s.stage AND completed_at IS NULL) THEN
		RETURN NULL;
	END IF;
	SELECT * INTO j FROM weir.jobs WHERE job_id = job;
	total := CASE WHEN s.stage = 1 THEN j.total_items ELSE s.total_items END;
	IF j.completed_at IS NOT NULL OR j.status = 'paused' OR j.sealed_at IS NULL
	   OR (total IS NULL AND j.status <> 'cancelled') THEN
		RETURN NULL;
	END IF;
	SELECT coalesce(sum(success), 0)::bigint AS good, coalesce(sum(failed), 0)::bigint AS bad,
	       coalesce(sum(cancelled), 0)::bigint AS off INTO c
	  FROM weir.job_batches WHERE job_id = job AND stage = s.stage;
	IF c.good + c.bad + c.off < coalesce(total, 0) THEN
		RETURN NULL;
	END IF;
	UPDATE weir.job_stages SET total_items = coalesce(total, 0), success_count = c.good,
	       failure_count = c.bad, cancelled_count = c.off, completed_at = now(),
	       started_at = coalesce(started_at, j.started_at, now())
	 WHERE job_id = job AND stage = s.stage;
	IF EXISTS (SELECT FROM weir.job_stages WHERE job_id = job AND stage = s.stage + 1) THEN
		IF j.status <> 'cancelled' THEN
			PERFORM weir.ask_locks(job, s.stage + 1);
			PERFORM weir.advance(job, s.stage, coalesce(s.step, s.kind),
			                     j.max_concurrent IS NOT NULL);
			IF weir.status_for_long(job) = 'paused' THEN -- meanwhile
				PERFORM weir.park(job);
			END IF;
		END IF;
		RETURN 'advanced';
	END IF;
	RETURN weir.end_job(job);
END $$;

-- A relay of the version before ends a job without its stages, and consumers of that version did not
-- count in the batches: what they left out is made good here.
CREATE OR REPLACE FUNCTION weir.end_older() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	UPDATE weir.job_stages SET total_items = NEW.total_items, success_count = NEW.success_count,
	       failure_count = NEW.failure_count, cancelled_count = NEW.cancelled_count,
	       started_at = coalesce(started_at, NEW.started_at), completed_at = NEW.completed_at
	 WHERE job_id = NEW.job_id AND completed_at IS NULL;
	IF FOUND THEN
		PERFORM weir.recount_batches(NEW.job_id);
	END IF;
	RETURN NULL;
END $$;

-- ---- what is put off ----

-- What comes on top of the least pause of an item that waits for the same as the last time (see
-- 054_waiting.sql): half of the time that it has waited, a minute at the most.
CREATE OR REPLACE FUNCTION weir.longer_pause(since timestamptz) RETURNS interval
LANGUAGE sql STABLE PARALLEL SAFE
RETURN least((now() - since) / 2, interval '1 minute');

-- ---- what an operator does to a job ----
--
-- Each returns the status that the job has then, NULL when there is no such job, and may be called
-- again without another effect.

-- One operator at a time, whatever is done to the job.
CREATE OR REPLACE FUNCTION weir.control(job text) RETURNS weir.jobs LANGUAGE plpgsql AS $$
DECLARE
	j weir.jobs;
BEGIN
	PERFORM pg_advisory_xact_lock(hashtextextended('weir.control:' || job, 0));
	SELECT * INTO j FROM weir.jobs WHERE job_id = job;
	RETURN j;
END $$;

-- What is parked is not due for long, and still knows when it was: that is put off by as much. Parked
-- are the rows of a paused job, and retries of a job with a limit that wait for the relay's window.
CREATE OR REPLACE FUNCTION weir.parked() RETURNS interval LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN interval '1000 years';

CREATE OR REPLACE FUNCTION weir.is_parked(due timestamptz) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN isfinite(due) AND due > timestamptz '2500-01-01 00:00:00+00';

-- Parks what is due. What somebody is just publishing is left to him: this waits for nobody.
CREATE OR REPLACE FUNCTION weir.park(job text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	UPDATE weir.retries w SET due_at = w.due_at + weir.parked()
	  FROM (SELECT stage, ordinal FROM weir.retries
	         WHERE job_id = job AND isfinite(due_at) AND NOT weir.is_parked(due_at)
	         ORDER BY stage, ordinal FOR UPDATE SKIP LOCKED) d
	 WHERE w.job_id = job AND w.stage = d.stage AND w.ordinal = d.ordinal;
	UPDATE weir.job_batches b SET due_at = b.due_at + weir.parked()
	  FROM (SELECT stage, n FROM weir.job_batches
	         WHERE job_id = job AND status = 'pending_queue' AND isfinite(due_at)
	           AND NOT weir.is_parked(due_at)
	         ORDER BY stage, n FOR UPDATE SKIP LOCKED) d
	 WHERE b.job_id = job AND b.stage = d.stage AND b.n = d.n;
END $$;

-- What consumers have in hand ends as it does; nothing more of the job is published or begun.
CREATE OR REPLACE FUNCTION weir.pause_job(job text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	j weir.jobs := weir.control(job);
BEGIN
	IF j.status IS NULL OR j.status NOT IN ('pending', 'running') THEN
		RETURN j.status;
	END IF;
	PERFORM weir.park(job);
	UPDATE weir.jobs SET status = 'paused', paused_at = clock_timestamp()
	 WHERE job_id = job AND status IN ('pending', 'running');
	PERFORM weir.park(job); -- what became due before others could see that
	RETURN (SELECT status FROM weir.jobs WHERE job_id = job);
END $$;

-- All that is not final becomes due, under the next epoch: what is still queued is of the one before,
-- and consumers drop it. Not sooner than they have heard of the pause, and have written down what
-- they hold (consumers look twice a second).
CREATE OR REPLACE FUNCTION weir.resume_job(job text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	j  weir.jobs := weir.control(job);
	go timestamptz := greatest(clock_timestamp(), j.paused_at + interval '1500 ms');
	rest interval := CASE WHEN j.max_concurrent IS NULL THEN interval '0' ELSE weir.parked() END;
BEGIN
	IF j.status IS NULL OR j.status <> 'paused' THEN
		RETURN j.status;
	END IF;
	PERFORM FROM weir.retries WHERE job_id = job ORDER BY stage, ordinal FOR UPDATE;
	UPDATE weir.retries
	   SET due_at = rest + CASE WHEN weir.is_parked(due_at)
	                            THEN greatest(due_at - weir.parked(), go) ELSE go END
	 WHERE job_id = job AND (due_at = 'infinity' OR weir.is_parked(due_at));
	PERFORM FROM weir.job_batches WHERE job_id = job
	    AND (status = 'pending_queue' OR success + failed + cancelled < size)
	  ORDER BY stage, n FOR UPDATE;
	UPDATE weir.job_batches SET due_at = due_at - weir.parked()
	 WHERE job_id = job AND status = 'pending_queue' AND weir.is_parked(due_at);
	UPDATE weir.job_batches SET status = 'pending_queue', due_at = go
	 WHERE job_id = job AND status = 'queued' AND success + failed + cancelled < size;
	UPDATE weir.jobs SET epoch = epoch + 1, paused_at = NULL,
	       status = CASE WHEN started_at IS NULL THEN 'pending' ELSE 'running' END
	 WHERE job_id = job AND status = 'paused';
	PERFORM pg_notify('weir_due', ''), pg_notify('weir_done', job);
	RETURN (SELECT status FROM weir.jobs WHERE job_id = job);
END $$;

-- Terminal. What is final stays as it is; weir.cancel_items() then ends the rest.
CREATE OR REPLACE FUNCTION weir.cancel_job(job text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	j weir.jobs := weir.control(job);
BEGIN
	IF j.status IS NULL OR j.status NOT IN ('pending', 'running', 'paused') THEN
		RETURN j.status;
	END IF;
	-- They tell how often each item was tried, and stay until the job has ended.
	PERFORM FROM weir.retries WHERE job_id = job ORDER BY stage, ordinal FOR UPDATE;
	UPDATE weir.retries SET due_at = 'infinity' WHERE job_id = job AND due_at < 'infinity';
	PERFORM FROM weir.job_batches WHERE job_id = job AND status = 'pending_queue'
	  ORDER BY stage, n FOR UPDATE;
	UPDATE weir.job_batches SET due_at = 'infinity'
	 WHERE job_id = job AND status = 'pending_queue' AND due_at < 'infinity';
	-- Waits for a batch that is just being submitted; later ones find the job sealed.
	PERFORM FROM weir.jobs WHERE job_id = job FOR UPDATE;
	UPDATE weir.jobs SET status = 'cancelled', epoch = epoch + 1, paused_at = NULL,
	       sealed_at = coalesce(sealed_at, now()), total_items = coalesce(total_items,
	         (SELECT coalesce(sum(size), 0) FROM weir.job_batches
	           WHERE job_id = job AND stage = 1))
	 WHERE job_id = job AND completed_at IS NULL;
	PERFORM pg_notify('weir_done', job);
	RETURN (SELECT status FROM weir.jobs WHERE job_id = job);
END $$;

-- Cancels what is left of some batches of a cancelled job, in one stage at a time: how many batches;
-- 0: none is left.
CREATE OR REPLACE FUNCTION weir.cancel_items(job text, batches integer) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	c record;
BEGIN
	IF NOT EXISTS (SELECT FROM weir.jobs WHERE job_id = job AND status = 'cancelled') THEN
		RETURN 0;
	END IF;
	SELECT b.stage, array_agg(i.ordinal) AS ordinals, count(DISTINCT b.n) AS count INTO c
	  FROM (SELECT k.stage, k.n, k.size, j.batch_size
	          FROM weir.job_batches k JOIN weir.jobs j USING (job_id)
	         WHERE k.job_id = job AND k.success + k.failed + k.cancelled < k.size
	           AND k.stage = (SELECT min(stage) FROM weir.job_batches WHERE job_id = job
	                             AND success + failed + cancelled < size)
	         ORDER BY k.n LIMIT batches) b
	 CROSS JOIN LATERAL generate_series(b.n * b.batch_size, b.n * b.batch_size + b.size - 1)
	    AS i(ordinal)
	 GROUP BY b.stage;
	IF NOT FOUND THEN
		RETURN 0;
	END IF;
	IF weir.end_items(job, c.stage, c.ordinals, 3, 'cancelled', 'the job was cancelled') = 0 THEN
		RETURN weir.recount_batches(job); -- all were final, and somebody did not count
	END IF;
	RETURN c.count;
END $$;

-- Gives failed items another round of attempts: how many; -1: there is no such job, -2: it was
-- cancelled, -3: it is being purged. class and id may be NULL: any. An item that waits for its next
-- attempt and is named by its id need not wait any longer. A job that had ended goes on.
CREATE OR REPLACE FUNCTION weir.retry_items(job text, class text, id text) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
	j     weir.jobs := weir.control(job);
	due   timestamptz := now() + CASE WHEN j.status = 'paused' OR j.max_concurrent IS NOT NULL
	                                  THEN weir.parked() ELSE interval '0' END;
	again  bigint;
	woken  bigint := 0;
	stages smallint[];
BEGIN
	IF j.status IS NULL THEN
		RETURN -1;
	ELSIF j.purged_at IS NOT NULL THEN
		RETURN -3;
	ELSIF j.status = 'cancelled' THEN
		RETURN -2;
	END IF;
	WITH gone AS (
		DELETE FROM weir.results r
		 WHERE r.job_id = job AND r.status = 2 AND (class IS NULL OR r.error_class = class)
		   AND (id IS NULL OR (r.stage, r.ordinal) IN (SELECT i.stage, i.ordinal FROM weir.items i
		        WHERE i.custom_id = id AND i.job_id = job))
		RETURNING r.stage, r.ordinal, r.attempts, r.error_class, r.error, r.finished_at),
	kept AS (
		INSERT INTO weir.attempts (job_id, stage, ordinal, attempt, error_class, error, ended_at)
		SELECT job, stage, ordinal, attempts, error_class, error, finished_at FROM gone),
	w AS (
		INSERT INTO weir.retries (job_id, stage, ordinal, attempts, due_at, error_class, error)
		SELECT job, stage, ordinal, 0, due, error_class, error FROM gone ORDER BY stage, ordinal
		ON CONFLICT (job_id, stage, ordinal) DO UPDATE SET attempts = 0, due_at = excluded.due_at,
		   error_class = excluded.error_class, error = excluded.error
		RETURNING 1),
	t AS ( -- else one that was poison is failed again at once
		DELETE FROM weir.trials t USING gone g
		 WHERE t.job_id = job AND t.stage = g.stage AND t.ordinal = g.ordinal),
	n AS (
		SELECT stage, ordinal / j.batch_size AS n, count(*) AS k
		  FROM gone, (SELECT count(*) FROM w) first -- in the order of the locks
		 GROUP BY 1, 2 ORDER BY 1, 2),
	b AS (
		UPDATE weir.job_batches b SET failed = failed - n.k FROM n
		 WHERE b.job_id = job AND b.stage = n.stage AND b.n = n.n)
	SELECT count(*), array_agg(DISTINCT stage) INTO again, stages FROM gone;
	IF id IS NOT NULL AND again = 0 AND j.status <> 'paused' THEN
		UPDATE weir.retries w SET due_at = now() FROM weir.items i
		 WHERE i.custom_id = id AND i.job_id = job AND w.job_id = job AND w.stage = i.stage
		   AND w.ordinal = i.ordinal AND isfinite(w.due_at) AND w.due_at > now();
		GET DIAGNOSTICS woken = ROW_COUNT;
	END IF;
	IF again > 0 THEN
		-- Somebody may just be finishing a stage: the lock waits for that, and what comes
		-- after it sees the outcome.
		PERFORM FROM weir.job_stages s WHERE s.job_id = job ORDER BY s.stage FOR UPDATE;
		UPDATE weir.job_stages s SET completed_at = NULL, success_count = NULL,
		       failure_count = NULL, cancelled_count = NULL
		 WHERE s.job_id = job AND s.stage = ANY (stages) AND completed_at IS NOT NULL;
		-- Old messages of a job that had ended are of the epoch before.
		UPDATE weir.jobs SET status = CASE WHEN completed_at IS NULL THEN status ELSE 'running' END,
		       epoch = epoch + CASE WHEN completed_at IS NULL THEN 0 ELSE 1 END,
		       completed_at = NULL, success_count = NULL, failure_count = NULL,
		       cancelled_count = NULL, counted = false
		 WHERE job_id = job;
	END IF;
	PERFORM pg_notify('weir_due', ''), pg_notify('weir_done', job);
	RETURN again + woken;
END $$;

-- Deletes what an ended job needs no more, of each table so many rows: how many that were; 0: nothing is
-- left, and the job is done with; NULL: it is not to be done, or somebody else is at it. What was asked for
-- an item that has ended without an answer is of no use any more, but one that is with the provider goes
-- when its batch has ended. Of ended jobs nobody else locks the job's row and then one of the others.
CREATE OR REPLACE FUNCTION weir.clean_some(job text, most integer) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	j weir.jobs := weir.control(job);
	gone bigint;
BEGIN
	PERFORM FROM weir.jobs WHERE job_id = job AND completed_at IS NOT NULL AND NOT counted
	    FOR NO KEY UPDATE SKIP LOCKED;
	IF NOT FOUND THEN
		RETURN NULL;
	END IF;
	WITH q AS (DELETE FROM weir.requests WHERE ctid = ANY (ARRAY(SELECT ctid FROM weir.requests
	       WHERE job_id = job AND remote_batch IS NULL ORDER BY job_id, stage, ordinal LIMIT most)) RETURNING 1),
	     r AS (DELETE FROM weir.retries WHERE ctid = ANY (ARRAY(SELECT ctid FROM weir.retries
	       WHERE job_id = job ORDER BY job_id, stage, ordinal LIMIT most)) RETURNING 1),
	     c AS (DELETE FROM weir.calls WHERE ctid = ANY (ARRAY(SELECT ctid FROM weir.calls
	       WHERE job_id = job ORDER BY job_id, stage, ordinal LIMIT most)) RETURNING 1),
	     t AS (DELETE FROM weir.trials WHERE ctid = ANY (ARRAY(SELECT ctid FROM weir.trials
	       WHERE job_id = job ORDER BY job_id, stage, ordinal LIMIT most)) RETURNING 1),
	     b AS (UPDATE weir.job_batches SET status = 'queued' WHERE ctid = ANY (ARRAY(SELECT ctid FROM weir.job_batches
	       WHERE job_id = job AND status = 'pending_queue' ORDER BY job_id, stage, due_at LIMIT most)) RETURNING 1)
	SELECT count(*) INTO gone FROM (TABLE q UNION ALL TABLE r UNION ALL TABLE c UNION ALL TABLE t UNION ALL TABLE b) a;
	IF gone < most THEN -- nothing was left out
		UPDATE weir.jobs SET counted = true WHERE job_id = job;
		RETURN 0;
	END IF;
	RETURN gone;
END $$;

-- All of it at once, as relays of the version before call it, in turn with all that they do. They count in
-- Redis under names of before: where a relay of today is at work, the last word on a job is his.
CREATE OR REPLACE FUNCTION weir.clean_job(job text) RETURNS boolean LANGUAGE sql
SET lock_timeout = '200ms' AS $$
SELECT CASE WHEN EXISTS (SELECT FROM weir.processes p WHERE p.role = 'relay'
                            AND (p.job_id IS NULL OR p.job_id = job)
                            AND p.seen_at > now() - interval '15 seconds') THEN false
       ELSE coalesce(weir.clean_some(job, 2147483647) = 0, false) END
$$;

-- Whether a job that ended before this may be deleted, row by row: from then on it stays ended.
CREATE OR REPLACE FUNCTION weir.begin_purge(job text, before timestamptz) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	j weir.jobs := weir.control(job);
BEGIN
	UPDATE weir.jobs SET purged_at = coalesce(purged_at, now())
	 WHERE job_id = job AND completed_at < before;
	RETURN FOUND;
END $$;

-- Deletes the row of a job that a submit has made and given nothing, unless somebody is submitting it
-- now. The lock first: what is seen behind it stays so.
CREATE OR REPLACE FUNCTION weir.purge_empty(job text, before timestamptz) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	IF NOT pg_try_advisory_xact_lock(hashtextextended('weir.submit:' || job, 0)) THEN
		RETURN false;
	END IF;
	DELETE FROM weir.jobs j WHERE j.job_id = job AND j.sealed_at IS NULL AND j.created_at < before
	   AND NOT EXISTS (SELECT FROM weir.job_batches b WHERE b.job_id = job);
	RETURN FOUND;
END $$;

-- Adds a batch to a job that is not sealed, and ends the transaction if it is: somebody has cancelled
-- it meanwhile, or has submitted it.
CREATE OR REPLACE FUNCTION weir.add_batch(job text, number integer, items integer) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO weir.job_batches (job_id, stage, n, size, due_at)
	SELECT job, 1, number, items, CASE WHEN j.max_concurrent IS NOT NULL THEN 'infinity'
	                                   WHEN j.status = 'paused' THEN now() + weir.parked()
	                                   ELSE now() END
	  FROM (SELECT * FROM weir.jobs WHERE job_id = job AND sealed_at IS NULL FOR KEY SHARE) j;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'the job is sealed: it was cancelled, or submitted by somebody else'
			USING ERRCODE = 'WE002';
	END IF;
	PERFORM pg_notify('weir_due', '');
END $$;

-- The successes of a stage become the items of the next: how many. They keep who they are, and under
-- which context of their own; the payload holds the first one as "input", and what each stage made
-- of it under the stage's name in "results". In a stage that has begun before (failed items were
-- tried again) the new ones come in batches behind the others.
CREATE OR REPLACE FUNCTION weir.advance(job text, from_stage integer, name text, limited boolean)
RETURNS bigint LANGUAGE plpgsql
-- Both tables are read in the order of their keys: a merge, whatever the statistics of a table that
-- was just filled say.
SET enable_mergejoin = on SET enable_sort = on SET enable_nestloop = off SET enable_hashjoin = off
AS $$
DECLARE
	per    integer;
	first  integer;
	moved  bigint;
BEGIN
	SELECT batch_size INTO per FROM weir.jobs WHERE job_id = job;
	SELECT coalesce(max(n) + 1, 0) INTO first FROM weir.job_batches
	 WHERE job_id = job AND stage = from_stage + 1;
	INSERT INTO weir.items (job_id, stage, ordinal, line, custom_id, table_name, record_id, context,
	                        payload, natural_id)
	SELECT job, from_stage + 1, first * per + row_number() OVER (ORDER BY i.ordinal) - 1,
	       i.line, i.custom_id, i.table_name, i.record_id, i.context,
	       CASE WHEN from_stage = 1
	            THEN json_build_object('input', i.payload, 'results',
	                                   json_build_object(name, r.result))
	            ELSE weir.add_result(i.payload, name, r.result) END, i.natural_id
	  FROM weir.results r JOIN weir.items i USING (job_id, stage, ordinal)
	 WHERE r.job_id = job AND r.stage = from_stage AND r.status = 1
	   AND (first = 0 OR NOT EXISTS (SELECT FROM weir.items n WHERE n.custom_id = i.custom_id
	        AND n.job_id = job AND n.stage = from_stage + 1));
	GET DIAGNOSTICS moved = ROW_COUNT;
	IF moved >= 10000 THEN -- is not thrown away for a second of somebody's lock
		PERFORM set_config('lock_timeout', '1min', true);
	END IF;
	INSERT INTO weir.job_batches (job_id, stage, n, size, due_at)
	SELECT job, from_stage + 1, first + g, least(per, moved - g * per),
	       CASE WHEN limited THEN 'infinity' ELSE now() END
	  FROM generate_series(0, (moved + per - 1) / per - 1) g;
	UPDATE weir.job_stages SET total_items = coalesce(total_items, 0) + moved,
	       started_at = coalesce(started_at, now()), completed_at = NULL
	 WHERE job_id = job AND stage = from_stage + 1;
	PERFORM pg_notify('weir_due', '');
	RETURN moved;
END $$;

-- The row is locked before the job's goes: whoever makes the next of its name waits for it here.
CREATE OR REPLACE FUNCTION weir.note_purged() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	UPDATE weir.purged SET epoch = greatest(epoch, OLD.epoch + 1);
	RETURN OLD;
END $$;

CREATE OR REPLACE FUNCTION weir.begin_epochs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	SELECT epoch, epoch INTO NEW.epoch, NEW.first_epoch FROM weir.purged FOR SHARE;
	RETURN NEW;
END $$;
