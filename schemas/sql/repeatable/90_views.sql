-- What people read. Columns are only ever added, and at the end: so a view is replaced where it is, and
-- rights granted on it, and views of others that use it, stay.

-- One row a job. An item counts as a success when it is one in the last stage, and as failed wherever
-- it failed.
CREATE OR REPLACE VIEW weir.batch_jobs AS
SELECT j.job_id, j.kind, j.status, t.total_items,
       c.success + c.failed + c.cancelled AS processed_items,
       c.success AS success_count, c.failed AS failure_count, c.cancelled AS cancelled_count,
       j.created_at, j.sealed_at, j.started_at, j.completed_at, j.context, j.config, t.stages
  FROM weir.jobs j
 CROSS JOIN LATERAL (
	SELECT coalesce(j.total_items,
	       (SELECT coalesce(sum(size), 0) FROM weir.job_batches b
	         WHERE b.job_id = j.job_id AND b.stage = 1)) AS total_items,
	       (SELECT max(stage)::integer FROM weir.job_stages s WHERE s.job_id = j.job_id)
	       AS stages) t
 CROSS JOIN LATERAL (
	SELECT j.success_count AS success, j.failure_count AS failed, j.cancelled_count AS cancelled
	 WHERE j.completed_at IS NOT NULL
	UNION ALL
	SELECT coalesce(sum(b.success) FILTER (WHERE b.stage = t.stages), 0)::bigint,
	       coalesce(sum(b.failed), 0)::bigint, coalesce(sum(b.cancelled), 0)::bigint
	  FROM weir.job_batches b WHERE b.job_id = j.job_id
	HAVING j.completed_at IS NULL) c;

-- One row a batch: done when all of its items are final.
CREATE OR REPLACE VIEW weir.batches AS
SELECT weir.batch_id(b.job_id, b.stage, b.n) AS batch_id, b.job_id, b.stage, b.n,
       b.size AS items, b.success + b.failed + b.cancelled AS processed_items,
       CASE WHEN b.success + b.failed + b.cancelled = b.size THEN 'done' ELSE b.status END AS status,
       b.success AS success_count, b.failed AS failure_count, b.cancelled AS cancelled_count,
       b.created_at, b.queued_at,
       CASE WHEN b.success + b.failed + b.cancelled = b.size THEN d.last END AS done_at
  FROM weir.job_batches b
  JOIN weir.jobs j USING (job_id)
 CROSS JOIN LATERAL (
	SELECT max(r.finished_at) AS last
	  FROM weir.results r
	 WHERE r.job_id = b.job_id AND r.stage = b.stage
	   AND r.ordinal >= b.n * j.batch_size AND r.ordinal < b.n * j.batch_size + b.size) d;

-- One row an item and stage.
CREATE OR REPLACE VIEW weir.batch_items AS
SELECT weir.batch_id(i.job_id, i.stage, i.ordinal / j.batch_size) AS batch_id,
       i.job_id, i.stage, i.ordinal, i.custom_id,
       weir.status_name(r.status) AS status, r.result,
       coalesce(r.error_class, w.error_class) AS error_class, coalesce(r.error, w.error) AS error,
       coalesce(r.attempts, w.attempts, 0) AS attempts,
       r.processing_ms / 1000.0 AS processing_time, r.finished_at, i.line, i.payload,
       CASE WHEN r.job_id IS NULL AND isfinite(w.due_at) THEN w.due_at END AS due_at,
       i.natural_id
  FROM weir.items i
  JOIN weir.jobs j USING (job_id)
  LEFT JOIN weir.results r USING (job_id, stage, ordinal)
  -- What went wrong before does not stand beside how it ended.
  LEFT JOIN weir.retries w ON r.job_id IS NULL AND w.job_id = i.job_id AND w.stage = i.stage
                          AND w.ordinal = i.ordinal;

-- One row a stage.
CREATE OR REPLACE VIEW weir.batch_stages AS
SELECT s.job_id, s.stage::integer AS stage, s.kind, s.step,
       CASE WHEN s.completed_at IS NOT NULL THEN 'completed'
            WHEN b.items IS NULL THEN 'pending' ELSE 'running' END AS status,
       CASE WHEN s.stage = 1 THEN coalesce(j.total_items, b.items, 0)
            ELSE coalesce(s.total_items, 0) END AS total_items,
       coalesce(b.success, 0) AS success_count, coalesce(b.failed, 0) AS failure_count,
       coalesce(b.cancelled, 0) AS cancelled_count, s.context,
       coalesce(s.started_at, CASE s.stage WHEN 1 THEN j.started_at END) AS started_at,
       s.completed_at
  FROM weir.job_stages s
  JOIN weir.jobs j USING (job_id)
 CROSS JOIN LATERAL (
	SELECT sum(size) AS items, sum(success)::bigint AS success, sum(failed)::bigint AS failed,
	       sum(cancelled)::bigint AS cancelled
	  FROM weir.job_batches b WHERE b.job_id = s.job_id AND b.stage = s.stage) b;

-- One row an attempt that failed.
CREATE OR REPLACE VIEW weir.batch_attempts AS
SELECT a.job_id, a.stage, a.ordinal, i.custom_id, a.attempt, a.error_class, a.error, a.ended_at
  FROM weir.attempts a JOIN weir.items i USING (job_id, stage, ordinal)
UNION ALL
SELECT r.job_id, r.stage, r.ordinal, i.custom_id, r.attempts, r.error_class, r.error, r.finished_at
  FROM weir.results r JOIN weir.items i USING (job_id, stage, ordinal) WHERE r.status = 2;

-- One row a remote batch.
CREATE OR REPLACE VIEW weir.batch_remote AS
SELECT id, remote_id AS remote_batch_id, job_id, stage::integer AS stage, ai_model, model_key,
       size AS items, state, succeeded, errored, canceled, expired, missing, error,
       created_at, sent_at, ended_at, done_at, next_at
  FROM weir.remote_batches;

-- One row an answer: what each call came to, and cost. NULL: not known.
CREATE OR REPLACE VIEW weir.batch_answers AS
SELECT a.job_id, a.stage::integer AS stage, a.ordinal, i.custom_id, a.ai_model,
       m.remote_id AS remote_batch_id, a.call_id, a.attempt, a.answer, a.error_class, a.error,
       CASE WHEN a.usage_known THEN a.input_tokens END AS input_tokens,
       CASE WHEN a.usage_known THEN a.output_tokens END AS output_tokens, a.cost, a.answered_at,
       CASE WHEN a.usage_known THEN a.cached_input_tokens END AS cached_input_tokens,
       CASE WHEN a.usage_known THEN a.cache_write_tokens END AS cache_write_tokens,
       CASE WHEN a.usage_known THEN a.cache_write_1h_tokens END AS cache_write_1h_tokens,
       CASE WHEN a.usage_known THEN a.reasoning_tokens END AS reasoning_tokens
  FROM weir.answers a
  JOIN weir.items i USING (job_id, stage, ordinal)
  LEFT JOIN weir.remote_batches m ON m.id = a.remote_batch;

-- Which row each item came from, what it is called there, and which remote batch it is, or was last, in.
CREATE OR REPLACE VIEW weir.batch_mapping AS
SELECT weir.batch_id(i.job_id, i.stage, b.n) AS batch_id, i.custom_id,
       i.table_name, i.record_id, b.created_at,
       (SELECT m.remote_id FROM weir.remote_batches m WHERE m.id = coalesce(
	       (SELECT q.remote_batch FROM weir.requests q WHERE q.job_id = i.job_id
	           AND q.stage = i.stage AND q.ordinal = i.ordinal),
	       (SELECT a.remote_batch FROM weir.answers a WHERE a.job_id = i.job_id
	           AND a.stage = i.stage AND a.ordinal = i.ordinal AND a.remote_batch IS NOT NULL
	         ORDER BY a.answered_at DESC LIMIT 1))) AS remote_batch_id,
       i.natural_id
  FROM weir.items i
  JOIN weir.jobs j USING (job_id)
  JOIN weir.job_batches b ON b.job_id = i.job_id AND b.stage = i.stage
                     AND b.n = i.ordinal / j.batch_size
 WHERE i.record_id IS NOT NULL OR i.natural_id IS NOT NULL;

-- ---- in a schema of the operator's choice ----

-- The views that people read.
CREATE OR REPLACE FUNCTION weir.read_views() RETURNS SETOF name LANGUAGE sql STABLE AS $$
SELECT relname FROM pg_class
 WHERE relnamespace = 'weir'::regnamespace AND relkind = 'v' AND relname ~ '^batch' ORDER BY 1
$$;

-- Whether a relation is a view on weir's own: of this version, or one of before, which made them there.
CREATE OR REPLACE FUNCTION weir.is_read_view(relation regclass) RETURNS boolean LANGUAGE sql STABLE AS $$
SELECT EXISTS (SELECT FROM pg_class v JOIN pg_rewrite w ON w.ev_class = v.oid
                 JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
                                 AND d.refclassid = 'pg_class'::regclass
                 JOIN pg_class t ON t.oid = d.refobjid
                WHERE v.oid = relation AND v.relkind = 'v'
                  AND t.relnamespace = 'weir'::regnamespace)
$$;

-- Makes one there, or replaces it where it is: rights that were granted on it stay, also where it cannot
-- be replaced, since columns of the version before stand in another order.
CREATE OR REPLACE FUNCTION weir.show_view(place text, view name) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	there CONSTANT regclass := to_regclass(format('%I.%I', place, view));
	rights aclitem[];
	g record;
BEGIN
	IF there IS NOT NULL AND NOT weir.is_read_view(there) THEN
		RAISE EXCEPTION '%.% is there, and is not weir''s', quote_ident(place), quote_ident(view)
			USING ERRCODE = 'duplicate_table';
	END IF;
	EXECUTE format('CREATE OR REPLACE VIEW %I.%I AS SELECT * FROM weir.%I', place, view, view);
EXCEPTION WHEN invalid_table_definition THEN
	SELECT relacl INTO rights FROM pg_class WHERE oid = there;
	EXECUTE format('DROP VIEW %I.%I', place, view);
	EXECUTE format('CREATE VIEW %I.%I AS SELECT * FROM weir.%I', place, view, view);
	FOR g IN SELECT a.privilege_type AS what, a.is_grantable,
	                CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END AS who
	           FROM aclexplode(rights) a LOOP
		EXECUTE format('GRANT %s ON %I.%I TO %s %s', g.what, place, view, g.who,
		               CASE WHEN g.is_grantable THEN 'WITH GRANT OPTION' END);
	END LOOP;
END $$;

-- The views are found in weir, where programs read them, and in the schema `place` as well; no longer in
-- the one where they have been found so far, which they leave with the rights that were granted on them.
CREATE OR REPLACE FUNCTION weir.show_views(place text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	was CONSTANT text := (SELECT value FROM weir.settings WHERE name = 'views_in');
	view name;
BEGIN
	IF NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = place) THEN
		EXECUTE format('CREATE SCHEMA %I', place);
	END IF;
	FOR view IN SELECT weir.read_views() LOOP
		IF was <> 'weir' AND was <> place
		   AND weir.is_read_view(to_regclass(format('%I.%I', was, view))) THEN
			IF place <> 'weir' AND to_regclass(format('%I.%I', place, view)) IS NULL THEN
				EXECUTE format('ALTER VIEW %I.%I SET SCHEMA %I', was, view, place);
			ELSE
				EXECUTE format('DROP VIEW %I.%I', was, view);
			END IF;
		END IF;
		IF place <> 'weir' THEN
			PERFORM weir.show_view(place, view);
		END IF;
	END LOOP;
	UPDATE weir.settings SET value = place WHERE name = 'views_in';
END $$;
