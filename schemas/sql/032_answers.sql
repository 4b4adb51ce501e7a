-- An item has one good answer: the first that was written down. One that comes later, of a consumer
-- that was frozen or had died while another asked as well, is an extra_answer: spent, with what it
-- cost. A consumer of the version before leaves such a one out.

UPDATE weir.answers SET error_class = 'extra_answer', spent = true,
       error = 'the item had a good answer already'
 WHERE ctid IN (SELECT a.ctid FROM (SELECT ctid, row_number() OVER (
                         PARTITION BY job_id, stage, ordinal ORDER BY answered_at, call_id) AS n
                       FROM weir.answers WHERE error_class IS NULL) a WHERE a.n > 1);

CREATE UNIQUE INDEX answers_good ON weir.answers (job_id, stage, ordinal) WHERE error_class IS NULL;

-- A request that a remote batch came back without waits before it goes into the next one.
ALTER TABLE weir.requests ADD COLUMN not_before timestamptz NOT NULL DEFAULT now();

-- A server that starts anew may count its ids from 1 again: of two remote batches that have one id, no
-- more than one is with the provider. A consumer looks before it writes; this is for two that do so
-- at once.
DROP INDEX IF EXISTS weir.remote_batches_remote;
CREATE UNIQUE INDEX remote_batches_remote ON weir.remote_batches (ai_model, remote_id)
	WHERE remote_id IS NOT NULL AND state <> 'done';
CREATE INDEX remote_batches_known ON weir.remote_batches (remote_id) WHERE remote_id IS NOT NULL;
