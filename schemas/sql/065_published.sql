-- What was published last of a stage, and which jobs have ended last, are found without a walk over all
-- that was ever kept. Both change when a batch is published and when a job ends: what is counted in a
-- batch meanwhile stays where it is.

CREATE INDEX batches_published ON weir.job_batches (job_id, stage, queued_at) WHERE status = 'queued';

CREATE INDEX jobs_ended ON weir.jobs (completed_at) WHERE completed_at IS NOT NULL;
