-- What the core rests on: writes that have to reach all of their rows, and names.

-- Ends a transaction in which a set-based write did not reach all of its rows, and names those:
-- the SQLSTATE says what happened, the detail lists the positions.
CREATE OR REPLACE FUNCTION weir.expect(written integer[], given integer[]) RETURNS void
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
	missing text;
BEGIN
	SELECT string_agg(pos::text, ',' ORDER BY pos) INTO missing
	  FROM (SELECT unnest(given) EXCEPT SELECT unnest(written)) AS m(pos);
	IF missing IS NOT NULL THEN
		RAISE EXCEPTION 'rows are missing' USING ERRCODE = 'WE001', DETAIL = missing;
	END IF;
END $$;

-- ---- what people read ----

CREATE OR REPLACE FUNCTION weir.batch_id(job_id text, stage integer, n integer) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN job_id || '-s' || stage || '-b' || n;

CREATE OR REPLACE FUNCTION weir.status_name(status integer) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE status WHEN 1 THEN 'success' WHEN 2 THEN 'failed' WHEN 3 THEN 'cancelled'
       ELSE 'pending' END;

-- weir.expect(), and the results of those that were refused go along as the hint.
CREATE OR REPLACE FUNCTION weir.expect_results(made integer[], given integer[], refused integer[],
                                    results text[])
RETURNS void LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
	missing text;
	hint text;
BEGIN
	SELECT string_agg(m.pos::text, ',' ORDER BY m.pos),
	       string_agg(coalesce(r.result, ''), E'\x1E' ORDER BY m.pos)
	  INTO missing, hint
	  FROM (SELECT unnest(given) EXCEPT SELECT unnest(made)) AS m(pos)
	  LEFT JOIN unnest(refused, results) AS r(pos, result) USING (pos);
	IF missing IS NOT NULL THEN
		RAISE EXCEPTION 'rows are missing'
		      USING ERRCODE = 'WE001', DETAIL = missing, HINT = hint;
	END IF;
END $$;
