-- Items that are called otherwise elsewhere: a custom_id that weir submit --id-hash has made of a key
-- that does not fit, beside the key. Nothing reads it on the way of an item; NULL costs nothing.

ALTER TABLE weir.items ADD COLUMN natural_id text; -- NULL: the custom_id is all

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

-- ---- what people read ----

-- One row an item and stage.
CREATE OR REPLACE VIEW public.batch_items AS
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

-- Which row each item came from, what it is called there, and which remote batch it is, or was last, in.
CREATE OR REPLACE VIEW public.batch_mapping AS
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

