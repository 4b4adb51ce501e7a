-- Which ledger this is, and where it is at home (056_identity.sql).

-- The cluster's identifier, which a physical replica shares, and the database's own number. "-": who
-- may not know it.
CREATE OR REPLACE FUNCTION weir.home() RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
	cluster text := '-';
BEGIN
	BEGIN
		SELECT system_identifier::text INTO cluster FROM pg_catalog.pg_control_system();
	EXCEPTION WHEN insufficient_privilege OR undefined_function OR feature_not_supported THEN
		NULL;
	END;
	RETURN cluster || '/' ||
	       (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database());
END $$;

CREATE OR REPLACE FUNCTION weir.is_home(home text) RETURNS boolean LANGUAGE sql STABLE
RETURN split_part(home, '/', 2) = split_part(weir.home(), '/', 2)
   AND (split_part(home, '/', 1) = split_part(weir.home(), '/', 1)
        OR '-' IN (split_part(home, '/', 1), split_part(weir.home(), '/', 1)));

CREATE OR REPLACE FUNCTION weir.new_tag(job_id text) RETURNS text LANGUAGE sql VOLATILE
RETURN (SELECT left(id, 13) FROM weir.ledger) || '/' || job_id || '.' ||
       left(replace(gen_random_uuid()::text, '-', ''), 8);

CREATE OR REPLACE FUNCTION weir.name_job() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	NEW.tag := weir.new_tag(NEW.job_id);
	RETURN NEW;
END $$;

-- This database takes the place of the one that it was copied from, or that it is an earlier state
-- of: the same ledger, but what Redis counts, and what is still on the way, may be of a time that is
-- gone.
CREATE OR REPLACE FUNCTION weir.adopt() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	UPDATE weir.ledger SET home = weir.home();
	UPDATE weir.jobs SET tag = weir.new_tag(job_id), seal = gen_random_uuid();
END $$;

-- A copy becomes a ledger of its own. The work that is open in it is that of the other one: it is
-- paused, and only goes on here if somebody wants it to. Returns how many jobs that are.
CREATE OR REPLACE FUNCTION weir.renew() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	paused bigint;
BEGIN
	UPDATE weir.ledger SET id = gen_random_uuid(), made_at = now();
	PERFORM weir.adopt();
	SELECT count(*) INTO paused
	  FROM (SELECT weir.pause_job(job_id, 'it is the work of the ledger that this one was copied from')
	          FROM weir.jobs WHERE status IN ('pending', 'running')) p;
	RETURN paused;
END $$;
