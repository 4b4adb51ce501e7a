-- The ledger: jobs, their batches and items, and how each item ended.
--
-- Two kinds of rows, so that the hot path only ever inserts. What was submitted (jobs, batches,
-- items) is not changed by work; how an item ended is a row of its own in weir.results, and the
-- primary key there is the claim: whoever inserts it first has made the item final, and everyone
-- else's insert finds it taken. An item without a result is pending.
--
-- Every key begins with the job, and no statement of the hot path crosses jobs. What people read are
-- views (repeatable/90_views.sql), under the names they know: no table has the name of a view. Every name is
-- written with its schema: a session's search_path belongs to whoever set it, and to a plugin's tables.

CREATE TABLE weir.jobs (
	job_id          text COLLATE "C" PRIMARY KEY CHECK (job_id ~ '^[A-Za-z0-9_-]{1,64}$'),
	kind            text COLLATE "C" NOT NULL,
	context         json NOT NULL CHECK (json_typeof(context) = 'object'),
	config          json NOT NULL DEFAULT '{}',
	batch_size      integer NOT NULL CHECK (batch_size BETWEEN 1 AND 1000),
	status          text NOT NULL DEFAULT 'pending' CHECK (status IN
	                ('pending', 'running', 'paused', 'completed', 'failed', 'cancelled')),
	epoch           integer NOT NULL DEFAULT 0,
	total_items     bigint,      -- NULL until sealed
	success_count   bigint,      -- these three: NULL until the job has ended
	failure_count   bigint,
	cancelled_count bigint,
	counted         boolean NOT NULL DEFAULT false, -- the progress counters were checked at the end
	created_at      timestamptz NOT NULL DEFAULT now(),
	sealed_at       timestamptz, -- no more items are coming
	started_at      timestamptz,
	completed_at    timestamptz
);

-- The jobs that someone has to look after.
CREATE INDEX jobs_open ON weir.jobs (created_at)
	WHERE status IN ('pending', 'running') OR NOT counted;

CREATE TABLE weir.job_batches (
	job_id     text COLLATE "C" NOT NULL REFERENCES weir.jobs ON DELETE CASCADE,
	stage      smallint NOT NULL,
	n          integer NOT NULL,
	size       smallint NOT NULL,
	status     text NOT NULL DEFAULT 'pending_queue' CHECK (status IN ('pending_queue', 'queued')),
	due_at     timestamptz NOT NULL DEFAULT now(),
	created_at timestamptz NOT NULL DEFAULT now(),
	queued_at  timestamptz,
	PRIMARY KEY (job_id, stage, n)
) WITH (fillfactor = 70);

CREATE INDEX batches_due ON weir.job_batches (due_at, job_id, stage, n) WHERE status = 'pending_queue';

-- No foreign key: items are only ever written in one transaction with their batch, and checking
-- each of ten million rows costs more than it can find.
CREATE TABLE weir.items (
	job_id     text COLLATE "C" NOT NULL,
	stage      smallint NOT NULL,
	ordinal    integer NOT NULL,
	line       integer,          -- where it stood in the input
	custom_id  text COLLATE "C" NOT NULL,
	table_name text,
	record_id  text,
	context    json,             -- laid over the job's
	payload    json NOT NULL,
	PRIMARY KEY (job_id, stage, ordinal),
	-- The one key that does not begin with the job. If it did, a planner that has no statistics yet
	-- could take it for a look-up by ordinal, and read half of the job for each item.
	CONSTRAINT items_custom_id UNIQUE (custom_id, job_id, stage),
	CHECK ((table_name IS NULL) = (record_id IS NULL))
);

CREATE TABLE weir.results (
	job_id        text COLLATE "C" NOT NULL,
	stage         smallint NOT NULL,
	ordinal       integer NOT NULL,
	status        smallint NOT NULL, -- 1 success, 2 failed, 3 cancelled
	attempts      integer NOT NULL,  -- including the last
	result        json,
	error_class   text,
	error         text,
	processing_ms real,
	finished_at   timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (job_id, stage, ordinal)
);

-- Items that failed and will be tried again. The row stays until the item is final, for its count
-- of attempts; due_at is 'infinity' while a message of it is on its way.
CREATE TABLE weir.retries (
	job_id      text COLLATE "C" NOT NULL,
	stage       smallint NOT NULL,
	ordinal     integer NOT NULL,
	attempts    integer NOT NULL,
	due_at      timestamptz NOT NULL,
	error_class text,
	error       text,
	PRIMARY KEY (job_id, stage, ordinal)
);

CREATE INDEX retries_due ON weir.retries (due_at) WHERE due_at < 'infinity';

-- Items that were redelivered, and how often work on them began without coming to an end. Written
-- before the work, so that it survives what the work does to the process.
CREATE TABLE weir.trials (
	job_id     text COLLATE "C" NOT NULL,
	stage      smallint NOT NULL,
	ordinal    integer NOT NULL,
	starts     integer NOT NULL,
	started_at timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (job_id, stage, ordinal)
);

-- Messages that belong to no item of the ledger, as they came.
CREATE TABLE weir.dead_letters (
	id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	received_at  timestamptz NOT NULL DEFAULT now(),
	queue        text NOT NULL,
	reason_code  text NOT NULL,
	reason       text NOT NULL,
	content_type text,
	message_id   text,
	body         bytea NOT NULL
);
