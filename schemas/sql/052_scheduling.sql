-- Relays take what is due in turns between jobs: which stages of which jobs have due rows is found by
-- leaping from one to the next, and so costs as much as there are of them, not as many rows as they
-- have.

CREATE INDEX batches_by_job ON weir.job_batches (job_id, stage, due_at, n)
	WHERE status = 'pending_queue';

CREATE INDEX retries_by_job ON weir.retries (job_id, stage, due_at) WHERE due_at < 'infinity';
